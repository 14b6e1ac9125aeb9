package ldap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/signin"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// author is who writes. Anonymous never does.
func (op *operation) author(ctx context.Context, at where, name dn.DN) (dir.Author, wanted, *proto.Result) {
	s := op.c.s
	want, refused := op.controls(at)
	if refused != nil {
		return dir.Author{}, want, refused
	}
	var r proto.Result
	switch {
	case !op.who.bound() && s.set.ad():
		r = result(goldap.LDAPResultOperationsError, adText["anonymous"])
	case !op.who.bound():
		r = s.failed(errUnauthenticatedWrite)
	case op.c.port.gc:
		r = s.failed(errReadOnly)
	default:
		snap, err := s.dir.Snapshot(ctx)
		if err != nil {
			r = s.failed(err)
			break
		}
		if there := s.elsewhere(snap, name, want.manage, ""); there != nil {
			return dir.Author{}, want, there
		}
		by := dir.Author{DN: op.who.dn, Now: s.env.Clock.Now().Truncate(1e9), Permissive: want.permissive}
		if want.assert != nil {
			var err error
			if by.Check, err = op.assertion(ctx, want, name); err != nil {
				r = s.failed(err)
				return by, want, &r
			}
		}
		return by, want, nil
	}
	return dir.Author{}, want, &r
}

// assertion makes the check of an assertion control for the entry of a name. It
// runs within an update of the store, so how the person stands is asked before.
func (op *operation) assertion(ctx context.Context, want wanted, name dn.DN) (func(*dir.Snapshot, dir.ID) error, error) {
	var st signin.Standing
	snap, err := op.c.s.dir.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if id, _, err := snap.FindDN(name); err == nil && id != dir.None && op.c.s.env.Logins != nil {
		if userID := snap.UserID(id); userID != "" {
			if st, err = op.c.s.env.Logins.Standing(ctx, userID); err != nil {
				return nil, err
			}
		}
	}
	return func(snap *dir.Snapshot, id dir.ID) error {
		rd := snap.Offline()
		rd.Seek(id)
		rd.Knows(st)
		return op.asserted(want, snap, rd)
	}, nil
}

// isAdmin reports whether the identity may write what is not its own.
func (op *operation) isAdmin(snap *dir.Snapshot) bool {
	if op.who.root {
		return true
	}
	if op.who.mustChange {
		return false
	}
	id, ok := snap.ByKey(op.who.key)
	if !ok {
		return false
	}
	for _, name := range op.c.s.set.Admins {
		if strings.EqualFold(name, op.who.userID) && name != "" {
			return true
		}
		for _, g := range snap.WithValue(op.c.s.schema.Attr("cn"), name, 16) {
			if g != id && snap.InGroup(g, id) {
				return true
			}
		}
	}
	return false
}

// written turns what the directory says of a write into an answer.
func (op *operation) written(err error) (proto.Result, error) {
	var missing *dir.Missing
	if errors.As(err, &missing) {
		r := op.c.s.noSuchObject(missing.Snapshot, missing.Matched)
		if missing.Text != "" && !op.c.s.set.ad() {
			r.Text = missing.Text
		}
		return r, nil
	}
	return success(), err
}

// outside refuses writes beyond the naming contexts.
func (s *server) outside(d dn.DN) *proto.Result {
	normal, _ := d.Norm(s.schema.Names())
	suffix, _ := s.schema.NormDN(s.set.Base)
	if s.set.ad() || normal == suffix || strings.HasSuffix(normal, ","+suffix) {
		return nil
	}
	r := result(goldap.LDAPResultUnwillingToPerform, "no global superior knowledge")
	return &r
}

// writeName reads the DN of an entry that is to be written.
func (s *server) writeName(name string) (dn.DN, error) {
	d, err := dn.Parse(name)
	if err != nil {
		return nil, err
	}
	_, err = d.Norm(s.schema.Names())
	return d, err
}

// modify answers a modify request (RFC 4511 section 4.6).
func (op *operation) modify(ctx context.Context, call *dialect.Call) (proto.Result, error) {
	s := op.c.s
	name, changes, err := proto.ParseModify(op.msg.Body)
	if err != nil {
		return proto.Result{}, err
	}
	call.Object, call.Request = name, describeChanges(changes)
	d, err := s.writeName(name)
	if err == nil {
		err = op.check(changes, dir.Check)
	}
	if err != nil {
		return proto.Result{}, err
	}
	if r := s.outside(d); r != nil {
		return *r, nil
	}
	by, want, refused := op.author(ctx, onModify, d)
	if refused != nil {
		return *refused, nil
	}
	if err := op.check(changes, dir.Writable); err != nil {
		return proto.Result{}, err
	}
	snap, err := s.dir.Snapshot(ctx)
	if err != nil {
		return proto.Result{}, err
	}
	id, matched, err := snap.FindDN(d)
	if err != nil {
		return proto.Result{}, err
	}
	if id == dir.None {
		return s.noSuchObject(snap, matched), nil
	}
	m := &modification{op: op, ctx: ctx, snap: snap, id: id, self: snap.Key(id) == op.who.key}
	err = m.split(changes)
	if err == nil {
		err = m.allowed()
	}
	if err == nil {
		err = op.notWritten(call, changes)
	}
	if err == nil {
		err = m.settle(by)
	}
	if err == nil {
		err = m.apply(d, by)
	}
	res, err := op.written(err)
	if want.policy && err != nil {
		call.Refuse(err)
		res = s.failed(err)
		res.Controls = append(res.Controls, s.policyAnswer(ctx, err, identity{}))
		return res, nil
	}
	if err != nil && s.set.ad() && m.reset {
		return s.resetRefused(err), nil
	}
	return res, err
}

// check holds changes against the schema where slapd does: before it asks for
// rights, and even for a name.
func (op *operation) check(changes []proto.Change, by func(*schema.Schema, proto.Change) error) error {
	if op.c.s.set.ad() {
		return nil
	}
	for _, m := range changes {
		if err := by(op.c.s.schema, m); err != nil {
			return err
		}
	}
	return nil
}

// describeChanges names what is modified, never the values.
func describeChanges(changes []proto.Change) string {
	var b strings.Builder
	for i, c := range changes {
		if i == 50 {
			b.WriteString(" …")
			break
		}
		verb := fmt.Sprint(c.Op)
		if c.Op >= 0 && c.Op < 4 {
			verb = [...]string{"add", "delete", "replace", "increment"}[c.Op]
		}
		fmt.Fprintf(&b, "%s %s (%d) ", verb, c.Desc, len(c.Values))
	}
	return strings.TrimSpace(b.String())
}

// mayWriteEntries refuses writes of whole entries.
func (op *operation) mayWriteEntries(ctx context.Context, text string) error {
	snap, err := op.c.s.dir.Snapshot(ctx)
	if err != nil {
		return err
	}
	if !op.c.s.set.writable("entries") {
		return errReadOnly
	}
	if !op.isAdmin(snap) {
		return &dir.Detail{Err: errInsufficient, Text: text}
	}
	return nil
}

// add answers an add request (RFC 4511 section 4.7).
func (op *operation) add(ctx context.Context, call *dialect.Call) (proto.Result, error) {
	name, attributes, err := proto.ParseAdd(op.msg.Body)
	if err != nil {
		return proto.Result{}, err
	}
	call.Object = name
	d, err := op.c.s.writeName(name)
	if err != nil {
		return proto.Result{}, err
	}
	for _, a := range attributes {
		if len(a.Values) == 0 && !op.c.s.set.ad() {
			return result(goldap.LDAPResultProtocolError, "no values for attribute type"), nil
		}
		if err := op.check([]proto.Change{{Attribute: a}}, dir.Check); err != nil {
			return proto.Result{}, err
		}
	}
	if r := op.c.s.outside(d); r != nil {
		return *r, nil
	}
	by, _, refused := op.author(ctx, onAdd, d)
	if refused != nil {
		return *refused, nil
	}
	if op.c.s.set.ad() {
		attributes, err = op.newPassword(attributes)
	}
	if err == nil { // slapd looks at the entry before it looks at rights
		by.Dry = true
		err = op.c.s.dir.Add(ctx, d, attributes, by)
		by.Dry = false
	}
	if err == nil {
		err = op.mayWriteEntries(ctx, "no write access to parent")
	}
	for _, a := range attributes {
		if err == nil {
			err = op.notWritten(call, []proto.Change{{Attribute: a}})
		}
	}
	if err != nil {
		return op.written(err)
	}
	return op.written(op.c.s.dir.Add(ctx, d, attributes, by))
}

// newPassword decodes the unicodePwd of an entry that is added.
func (op *operation) newPassword(attributes []proto.Attribute) ([]proto.Attribute, error) {
	for i, a := range attributes {
		if !strings.EqualFold(a.Desc, "unicodePwd") {
			continue
		}
		if !op.c.secure {
			return nil, errCleartextPassword
		}
		for j, v := range a.Values {
			plain, ok := unquote(v)
			if !ok {
				return nil, errQuotes
			}
			if op.c.s.tooShort(plain) {
				return nil, dir.WeakPassword()
			}
			attributes[i].Values[j] = plain
		}
	}
	return attributes, nil
}

// tooShort holds the password of an entry that only this directory knows against
// the company's policy.
func (s *server) tooShort(password string) bool {
	return utf8.RuneCountInString(password) < max(s.env.World.Organization().Policy.MinLength, 1)
}

// exists refuses a name that is not there.
func (op *operation) exists(ctx context.Context, d dn.DN) error {
	snap, err := op.c.s.dir.Snapshot(ctx)
	if err != nil {
		return err
	}
	id, matched, err := snap.FindDN(d)
	if err == nil && id == dir.None {
		err = &dir.Missing{Snapshot: snap, Matched: matched}
	}
	return err
}

// remove answers a delete request (RFC 4511 section 4.8).
func (op *operation) remove(ctx context.Context, call *dialect.Call) (proto.Result, error) {
	call.Object = string(op.msg.Body)
	d, err := op.c.s.writeName(string(op.msg.Body))
	if err != nil {
		return proto.Result{}, err
	}
	if r := op.c.s.outside(d); r != nil {
		return *r, nil
	}
	by, want, refused := op.author(ctx, onDelete, d)
	if refused != nil {
		return *refused, nil
	}
	err = op.exists(ctx, d)
	if err == nil {
		err = op.mayWriteEntries(ctx, "no write access to parent")
	}
	if err != nil {
		return op.written(err)
	}
	return op.written(op.c.s.dir.Delete(ctx, d, want.treeDelete, by))
}

// rename answers a modify DN request (RFC 4511 section 4.9).
func (op *operation) rename(ctx context.Context, call *dialect.Call) (proto.Result, error) {
	req, err := proto.ParseModifyDN(op.msg.Body)
	if err != nil {
		return proto.Result{}, err
	}
	call.Object, call.Request = req.Name, "to "+req.NewRDN
	if _, err := dn.ParseRDN(req.NewRDN); err != nil {
		return proto.Result{}, &dir.Detail{Err: dn.ErrSyntax, Text: "invalid new RDN"}
	}
	d, err := op.c.s.writeName(req.Name)
	if err != nil {
		return proto.Result{}, err
	}
	if r := op.c.s.outside(d); r != nil {
		return *r, nil
	}
	by, _, refused := op.author(ctx, onRename, d)
	if refused != nil {
		return *refused, nil
	}
	if err = op.mayWriteEntries(ctx, "no write access to parent's children"); err != nil {
		return proto.Result{}, err
	}
	return op.written(op.c.s.dir.Rename(ctx, d, req, by))
}

// password reports whether an attribute is a password in this flavour.
func (s *server) password(a *schema.Attribute) bool {
	if a == nil || !a.Has(schema.Secret) {
		return false
	}
	return a.Name == "unicodePwd" || !s.set.ad() || s.set.PasswordAttr
}
