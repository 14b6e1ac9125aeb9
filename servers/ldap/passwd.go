package ldap

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/proto"
)

// modification is a modify request, sorted by who decides on what: the
// directory on attributes, signin on passwords and standings.
type modification struct {
	op   *operation
	ctx  context.Context
	snap *dir.Snapshot
	id   dir.ID
	self bool

	plain    []proto.Change
	members  bool // there are changes of membership
	others   bool // and of anything else
	password *newPassword
	standing []proto.Change
	reset    bool // an administrator's reset of a password, for AD's words
}

type newPassword struct {
	old   *string
	value string
}

// split sorts the changes.
func (m *modification) split(changes []proto.Change) error {
	s := m.op.c.s
	person := m.snap.UserID(m.id) != ""
	for _, c := range changes {
		a, _ := s.schema.Describe(c.Desc)
		switch {
		case s.password(a):
			if err := m.takePassword(c); err != nil {
				return err
			}
		case a != nil && person && slices.Contains(standings, a.Name):
			m.standing = append(m.standing, c)
		default:
			isMember := a != nil && (a.Name == "member" || a.Name == "memberUid" || a.Name == "uniqueMember")
			m.members, m.others = m.members || isMember, m.others || !isMember
			m.plain = append(m.plain, c)
		}
	}
	if p := m.password; p != nil && p.value == "" {
		return dir.ErrUnwilling // a password can be changed, not taken away
	}
	if m.password != nil {
		m.reset = m.password.old == nil
	}
	return nil
}

// takePassword reads one change of a password: delete the old and add the new
// is a change by its owner, replace is a reset (MS-ADTS 3.1.1.3.1.5.1).
func (m *modification) takePassword(c proto.Change) error {
	ad := m.op.c.s.set.ad()
	if ad && !m.op.c.secure {
		return errCleartextPassword
	}
	if m.password == nil {
		m.password = &newPassword{}
	}
	if len(c.Values) > 1 {
		return dir.ErrConstraint
	}
	if len(c.Values) == 0 {
		return nil
	}
	value := c.Values[0]
	if ad && strings.EqualFold(c.Desc, "unicodePwd") {
		plain, ok := unquote(value)
		if !ok {
			return errQuotes
		}
		value = plain
	}
	if c.Op == proto.ModDelete {
		m.password.old = &value
		return nil
	}
	m.password.value = value
	return nil
}

// unquote reads a unicodePwd value: UTF-16LE in double quotes.
func unquote(v string) (string, bool) {
	if len(v)%2 != 0 || len(v) < 4 {
		return "", false
	}
	units := make([]uint16, len(v)/2)
	for i := range units {
		units[i] = uint16(v[2*i]) | uint16(v[2*i+1])<<8
	}
	if units[0] != '"' || units[len(units)-1] != '"' {
		return "", false
	}
	return string(utf16.Decode(units[1 : len(units)-1])), true
}

// allowed judges whether the identity may do all this.
func (m *modification) allowed() error {
	set := &m.op.c.s.set
	switch {
	case (m.password != nil || m.standing != nil) && !set.writable("passwords"),
		m.members && !set.writable("members"),
		m.others && !set.writable("entries"):
		return errReadOnly
	case m.op.isAdmin(m.snap):
		return nil
	case m.self && m.plain == nil && m.standing == nil && m.password != nil && (!set.ad() || m.password.old != nil):
		return nil
	}
	return errInsufficient
}

// apply does it. What the directory would refuse is found out before a password
// is set, so that the request is done as a whole or not at all.
func (m *modification) apply(name dn.DN, by dir.Author) error {
	s := m.op.c.s
	userID := m.snap.UserID(m.id)
	changes := m.plain
	if m.password != nil && userID == "" { // an entry that was added over LDAP keeps its own
		if old := m.password.old; old != nil && !matchesAny(m.snap.StoredPasswords(m.id), *old) {
			return cause.Because(cause.WrongPassword, "the old password is another one")
		}
		attr := "userPassword"
		if s.set.ad() {
			if s.tooShort(m.password.value) {
				return cause.Because(cause.WeakPassword, "the new password is too short")
			}
			attr = "unicodePwd"
		}
		changes = append(changes, proto.Change{Op: proto.ModReplace, Attribute: proto.Attribute{Desc: attr, Values: []string{m.password.value}}})
		if s.set.ad() {
			changes = append(changes, proto.Change{Op: proto.ModReplace, Attribute: proto.Attribute{Desc: "pwdLastSet",
				Values: []string{strconv.FormatInt(dir.Filetime(by.Now), 10)}}})
		}
	}
	later := userID != "" && (m.password != nil || m.standing != nil)
	if len(changes) > 0 || !later || by.Check != nil {
		by.Dry = later
		if err := s.dir.Modify(m.ctx, name, changes, by); err != nil {
			return err
		}
		by.Dry = false
	}
	if !later {
		return nil
	}
	if m.password != nil {
		n := signin.NewPassword{Password: m.password.value, Old: m.password.old, Own: m.self && !m.op.isAdmin(m.snap)}
		if err := s.env.Logins.SetPassword(m.ctx, userID, n); err != nil {
			return err
		}
	}
	for _, c := range m.standing {
		if err := m.stand(userID, c); err != nil {
			return err
		}
	}
	if len(changes) > 0 {
		return s.dir.Modify(m.ctx, name, changes, by)
	}
	return nil
}

func matchesAny(stored []string, password string) bool {
	return slices.ContainsFunc(stored, func(v string) bool { return verify(v, password) })
}

// resetRefused is AD's answer to a reset, which differs from that to a change.
func (s *server) resetRefused(err error) proto.Result {
	if errors.Is(err, cause.WeakPassword) || errors.Is(err, cause.PasswordInUse) {
		return result(goldap.LDAPResultUnwillingToPerform, adText["weak reset"])
	}
	return s.failed(err)
}

// passwd is the Password Modify operation (RFC 3062).
func (op *operation) passwd(ctx context.Context, call *dialect.Call, x proto.Extended) (proto.Result, error) {
	s := op.c.s
	want, refused := op.controls(onExtended)
	if refused != nil {
		return *refused, nil
	}
	req, err := proto.ParsePasswd(x.Value)
	if err != nil {
		return result(goldap.LDAPResultProtocolError, ""), nil
	}
	call.Object = req.Identity
	switch {
	case !op.who.bound():
		return result(goldap.LDAPResultStrongAuthRequired, "only authenticated users may change passwords"), nil
	case !s.set.writable("passwords"):
		return proto.Result{}, errReadOnly
	case req.Has && req.New == "":
		return result(goldap.LDAPResultUnwillingToPerform, "new password value is empty"), nil
	}
	snap, id, r, err := op.passwdTarget(ctx, req)
	if r != nil || err != nil {
		if err != nil {
			return proto.Result{}, err
		}
		return *r, nil
	}
	call.Object = snap.DN(id)
	if snap.Key(id) != op.who.key && !op.isAdmin(snap) {
		if req.HasOld { // slapd may not even look at it
			return result(goldap.LDAPResultUnwillingToPerform, "unwilling to verify old password"), nil
		}
		return proto.Result{}, errInsufficient
	}
	res := success()
	if !req.Has {
		req.New = world.Password(s.env.Rand, 8)
		res.HasValue, res.Value = true, proto.AppendGenerated(nil, req.New)
	}
	if err = op.setPassword(ctx, snap, id, req); err == nil {
		return res, nil
	}
	call.Refuse(err)
	refusal := s.failed(err)
	if reason, _ := cause.Of(err); reason == cause.WrongPassword || reason == cause.Locked {
		refusal = result(goldap.LDAPResultUnwillingToPerform, "unwilling to verify old password")
	}
	if want.policy {
		refusal.Controls = append(refusal.Controls, s.policyAnswer(ctx, err, identity{}))
	}
	return refusal, nil
}

// passwdTarget finds whose password is meant: the identity's own by default.
func (op *operation) passwdTarget(ctx context.Context, req proto.Passwd) (*dir.Snapshot, dir.ID, *proto.Result, error) {
	s := op.c.s
	snap, err := s.dir.Snapshot(ctx)
	if err != nil {
		return nil, dir.None, nil, err
	}
	if !req.HasIdentity {
		if id, ok := snap.ByKey(op.who.key); ok && !op.who.root {
			return snap, id, nil, nil
		}
		r := result(goldap.LDAPResultUnwillingToPerform, "the directory manager has no entry")
		return snap, dir.None, &r, nil
	}
	name := strings.TrimPrefix(req.Identity, "dn:")
	id, _, err := snap.Find(name)
	if err != nil {
		if u, ok := s.env.World.User(strings.TrimPrefix(req.Identity, "u:")); ok {
			if id, alive := snap.Entry(u.ID); alive {
				return snap, id, nil, nil
			}
		}
		r := result(goldap.LDAPResultInvalidAttributeSyntax, "Invalid DN")
		return snap, dir.None, &r, nil
	}
	if id == dir.None {
		r := s.noSuchObject(snap, dir.None)
		return snap, id, &r, nil
	}
	return snap, id, nil, nil
}

// setPassword changes a password where it lives.
func (op *operation) setPassword(ctx context.Context, snap *dir.Snapshot, id dir.ID, req proto.Passwd) error {
	s := op.c.s
	m := &modification{op: op, ctx: ctx, snap: snap, id: id, password: &newPassword{value: req.New}}
	if req.HasOld {
		m.password.old = &req.Old
	}
	name, err := s.writeName(snap.DN(id))
	if err != nil {
		return err
	}
	return m.apply(name, dir.Author{DN: op.who.dn, Now: s.env.Clock.Now().Truncate(1e9)})
}
