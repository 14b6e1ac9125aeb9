package ldap

import (
	"bytes"
	"context"
	"crypto/tls"
	"strconv"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/proto"
)

// identity is who a connection is bound as. The zero value is anonymous.
type identity struct {
	root       bool
	dn         string
	key        string // of the entry, across snapshots
	userID     string // of the world's person; empty for entries added over LDAP
	mustChange bool   // openldap: only the password may be changed
}

func (i identity) bound() bool { return i.root || i.key != "" }

// actor is the identity in the journal.
func (i identity) actor() string {
	if i.userID != "" {
		return i.userID
	}
	return i.dn
}

// bind answers a bind request (RFC 4511 section 4.2). Whatever fails leaves the
// connection anonymous.
func (op *operation) bind(ctx context.Context, call *dialect.Call) (proto.Result, error) {
	c := op.c
	c.mu.Lock()
	c.who, c.pages = identity{}, pages{}
	c.mu.Unlock()
	req, err := proto.ParseBind(op.msg.Body)
	if err != nil {
		return proto.Result{}, err
	}
	call.Request, call.Object = "simple bind as "+req.Name, req.Name
	if !req.Simple {
		call.Request = "SASL " + req.SASL + " bind as " + req.Name
	}
	if req.Version != 3 {
		if req.Version == 2 && !c.s.set.ad() {
			return result(goldap.LDAPResultProtocolError, "historical protocol version requested, use LDAPv3 instead"), nil
		}
		return result(goldap.LDAPResultProtocolError, "requested protocol version not supported"), nil
	}
	want, refused := op.controls(onBind)
	if refused != nil {
		return *refused, nil
	}
	var who identity
	var res proto.Result
	switch {
	case req.Simple:
		who, res, err = op.simple(ctx, call, req)
	case req.Unknown:
		res = result(goldap.LDAPResultAuthMethodNotSupported, c.s.text("unknown authentication method", "mechanism"))
	default:
		who, res, err = op.sasl(ctx, call, req)
	}
	if err != nil {
		call.Refuse(err)
		res = c.s.bindRefused(err)
	}
	if want.policy {
		res.Controls = append(res.Controls, c.s.policyAnswer(ctx, err, who))
	}
	if res.Code == goldap.LDAPResultSuccess {
		c.mu.Lock()
		c.who = who
		c.mu.Unlock()
		call.Actor = who.actor()
	}
	return res, nil
}

// simple is the simple method (RFC 4513 section 5.1).
func (op *operation) simple(ctx context.Context, call *dialect.Call, req proto.Bind) (identity, proto.Result, error) {
	s := op.c.s
	if len(req.Password) > 0 && s.set.RequireTLS && !op.c.secure {
		code := uint16(goldap.LDAPResultConfidentialityRequired)
		if s.set.ad() {
			code = goldap.LDAPResultStrongAuthRequired
		}
		return identity{}, result(code, s.text("confidentiality required", "signing")), nil
	}
	switch {
	case req.Name == "" && len(req.Password) == 0:
		if s.set.Anonymous == "none" && !s.set.ad() {
			return identity{}, result(goldap.LDAPResultInappropriateAuthentication, "anonymous bind disallowed"), nil
		}
		return identity{}, success(), nil
	case len(req.Password) == 0: // unauthenticated (RFC 4513 section 5.1.2)
		if s.set.ad() && !s.set.DenyUnauthed {
			return identity{}, success(), nil
		}
		return identity{}, result(goldap.LDAPResultUnwillingToPerform, s.text("unauthenticated bind (DN with no password) disallowed", "unwilling")), nil
	case req.Name == "":
		return identity{}, success(), cause.Because(cause.WrongPassword, "a password without a name")
	}
	snap, err := s.dir.Snapshot(ctx)
	if err != nil {
		return identity{}, success(), err
	}
	id, root, refused := s.resolve(snap, req.Name)
	if refused != nil {
		return identity{}, *refused, nil
	}
	who, err := op.authenticate(ctx, call, target{snap, id, root}, string(req.Password))
	return who, success(), err
}

// target is whom a name means: an entry, the manager, or nobody.
type target struct {
	snap *dir.Snapshot
	id   dir.ID
	root bool
}

// resolve finds whom a bind name means. refused is the answer to a name that
// cannot be read at all.
func (s *server) resolve(snap *dir.Snapshot, name string) (id dir.ID, root bool, refused *proto.Result) {
	if s.set.ad() {
		id, root = s.adName(snap, name)
		return id, root, nil
	}
	normal, err := s.schema.NormDN(name)
	if err != nil {
		r := result(goldap.LDAPResultInvalidDNSyntax, "invalid DN")
		return dir.None, false, &r
	}
	if normal == s.rootdn {
		return dir.None, true, nil
	}
	if id, ok := snap.Lookup(normal); ok {
		return id, false, nil
	}
	return dir.None, false, nil
}

// authenticate checks the password of a target.
func (op *operation) authenticate(ctx context.Context, call *dialect.Call, t target, password string) (identity, error) {
	s := op.c.s
	if t.root {
		if s.set.RootPW == "" || !verify(s.set.RootPW, password) {
			return identity{}, cause.Because(cause.WrongPassword, "the manager's password is another one")
		}
		return identity{root: true, dn: s.set.RootDN}, nil
	}
	if t.id == dir.None {
		return identity{}, cause.Because(cause.UnknownUser, "no entry has that name")
	}
	who := identity{dn: t.snap.DN(t.id), key: t.snap.Key(t.id), userID: t.snap.UserID(t.id)}
	call.Actor = who.actor()
	if who.userID == "" {
		for _, stored := range t.snap.StoredPasswords(t.id) {
			if verify(stored, password) {
				return who, op.standing(ctx, t)
			}
		}
		return identity{}, cause.Because(cause.WrongPassword, "no password of the entry matches")
	}
	if s.env.Logins == nil {
		return identity{}, cause.Because(cause.WrongPassword, "there are no logins")
	}
	err := s.env.Logins.Check(ctx, who.userID, func(stored string) bool { return verify(stored, password) })
	if s.set.ad() {
		err = op.adRestrictions(ctx, t, err)
	} else if reason, _ := cause.Of(err); reason == cause.MustChange { // pwdReset: bound, but only to change it
		who.mustChange, err = true, nil
	}
	if err != nil {
		return identity{}, err
	}
	return who, nil
}

// standing is how an account that was added over LDAP stands: its own attributes
// say so (MS-ADTS 5.1.1.1.1).
func (op *operation) standing(ctx context.Context, t target) error {
	s := op.c.s
	if !s.set.ad() {
		return nil
	}
	r := t.snap.Reader(ctx)
	r.Seek(t.id)
	number := func(name string) int64 {
		v := r.Values(s.schema.Attr(name), "")
		if len(v) == 0 {
			return 0
		}
		n, _ := strconv.ParseInt(v[0], 10, 64)
		return n
	}
	if number("userAccountControl")&2 != 0 {
		return cause.Because(cause.Disabled, "the account is disabled")
	}
	if number("pwdLastSet") == 0 {
		return op.adRestrictions(ctx, t, cause.Because(cause.MustChange, "the password must be changed"))
	}
	return op.adRestrictions(ctx, t, nil)
}

// adRestrictions holds what only AD knows of an account, as its entry says it now,
// against a bind with the right password.
func (op *operation) adRestrictions(ctx context.Context, t target, err error) error {
	s := op.c.s
	reason, _ := cause.Of(err)
	if err != nil && reason != cause.PasswordExpired && reason != cause.MustChange {
		return err
	}
	r := t.snap.Reader(ctx)
	r.Seek(t.id)
	first := func(name string) string {
		if v := r.Values(s.schema.Attr(name), ""); len(v) > 0 {
			return v[0]
		}
		return ""
	}
	now := s.env.Clock.Now()
	if end, _ := strconv.ParseInt(first("accountExpires"), 10, 64); end != 0 && end <= dir.Filetime(now) {
		return cause.Because(cause.AccountExpired, "the account has expired")
	}
	if hours := first("logonHours"); len(hours) == 21 && !hourAllowed(hours, now) {
		return cause.Because(errLogonHours, "%s may not log in at this hour", t.snap.DN(t.id))
	}
	if stations := first("userWorkstations"); stations != "" {
		host, _, _ := strings.Cut(s.set.Host, ".")
		for _, w := range strings.Split(stations, ",") {
			if strings.EqualFold(strings.TrimSpace(w), host) {
				return err
			}
		}
		return cause.Because(errWorkstation, "%s may log in from %s only", t.snap.DN(t.id), stations)
	}
	return err
}

// sasl is the SASL method: EXTERNAL with a client certificate, and PLAIN on
// encrypted connections. Nothing else is offered (RFC 4513 section 5.2).
func (op *operation) sasl(ctx context.Context, call *dialect.Call, req proto.Bind) (identity, proto.Result, error) {
	c := op.c
	mechanism := strings.ToUpper(req.SASL)
	if name := feature(foreignMechanisms, c.s.set.Flavour, mechanism); name != "" {
		call.NotPlayed(name)
	}
	unsupported := result(goldap.LDAPResultAuthMethodNotSupported, c.s.text("SASL(-4): no mechanism available: No worthy mechs found", "mechanism"))
	switch {
	case c.s.set.ad() && mechanism != "EXTERNAL": // MS-ADTS 3.1.1.3.4.5: there is no PLAIN
		return identity{}, unsupported, nil
	case mechanism == "":
		return identity{}, result(goldap.LDAPResultAuthMethodNotSupported, "no SASL mechanism provided"), nil
	case mechanism == "PLAIN" && !c.secure:
		return identity{}, result(goldap.LDAPResultInappropriateAuthentication,
			"SASL(-16): encryption needed to use mechanism: security flags do not match required"), nil
	case mechanism == "PLAIN":
		return op.plain(ctx, call, req.Creds)
	case mechanism == "EXTERNAL":
		name, ok := c.certificateName()
		if !ok {
			return identity{}, unsupported, nil
		}
		snap, err := c.s.dir.Snapshot(ctx)
		if err != nil {
			return identity{}, success(), err
		}
		u, known := c.s.env.World.Login(name)
		id, alive := snap.Entry(u.ID)
		if !known || !alive {
			return identity{}, success(), cause.Because(cause.UnknownUser, "nobody has the certificate name %q", name)
		}
		return identity{dn: snap.DN(id), key: snap.Key(id), userID: u.ID}, success(), nil
	}
	return identity{}, unsupported, nil
}

// plain is RFC 4616: authorization identity, authentication identity, password.
func (op *operation) plain(ctx context.Context, call *dialect.Call, creds []byte) (identity, proto.Result, error) {
	s := op.c.s
	parts := bytes.Split(creds, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 || len(parts[2]) == 0 {
		return identity{}, result(goldap.LDAPResultInvalidCredentials, "SASL(-5): bad protocol / cancel: malformed PLAIN message"), nil
	}
	snap, err := s.dir.Snapshot(ctx)
	if err != nil {
		return identity{}, success(), err
	}
	name := strings.TrimPrefix(strings.TrimPrefix(string(parts[1]), "dn:"), "u:")
	t := target{snap: snap, id: dir.None}
	if u, known := s.env.World.Login(name); known {
		if id, ok := snap.Entry(u.ID); ok {
			t.id = id
		}
	} else if id, root, refused := s.resolve(snap, name); refused == nil {
		t.id, t.root = id, root
	}
	call.Object = name
	who, err := op.authenticate(ctx, call, t, string(parts[2]))
	return who, success(), err
}

// certificateName is the common name of a verified client certificate.
func (c *client) certificateName() (string, bool) {
	state, ok := c.conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return "", false
	}
	chains := state.ConnectionState().VerifiedChains
	if len(chains) == 0 || len(chains[0]) == 0 {
		return "", false
	}
	return chains[0][0].Subject.CommonName, true
}

// verify holds a password against a stored one, which may be hashed.
func verify(stored, password string) bool {
	if ok, hashed := verifyHash(stored, password); hashed {
		return ok
	}
	return signin.Same(stored, password)
}
