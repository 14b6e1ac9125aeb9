package ldap

import (
	"context"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// Extended operation OIDs.
const (
	oidStartTLS = "1.3.6.1.4.1.1466.20037"
	oidWhoAmI   = "1.3.6.1.4.1.4203.1.11.3"
	oidPasswd   = "1.3.6.1.4.1.4203.1.11.1"
	oidCancel   = "1.3.6.1.1.8"
)

// extendedOperation is one operation known by OID.
type extendedOperation struct {
	name     string
	openldap bool // only that flavour knows it
	run      func(*operation, context.Context, *dialect.Call, proto.Extended) (proto.Result, error)
}

var extendedOperations = map[string]extendedOperation{
	oidStartTLS: {"starttls", false, (*operation).startTLS},
	oidWhoAmI:   {"whoami", false, (*operation).whoAmI},
	oidPasswd:   {"passwd", true, (*operation).passwd},
	oidCancel:   {"cancel", true, (*operation).cancelOther},
}

// extensionOrder is the order in which the root DSE lists them.
var extensionOrder = []string{oidStartTLS, oidPasswd, oidWhoAmI, oidCancel}

// unsupported answers an extended request that nobody knows.
func (op *operation) unsupported(ctx context.Context, call *dialect.Call) (proto.Result, error) {
	call.Outcome = dialect.Unimplemented
	if x, err := proto.ParseExtended(op.msg.Body); err == nil {
		if name := feature(foreignExtensions, op.c.s.set.Flavour, x.OID); name != "" {
			call.NotPlayed(name)
		}
	}
	if op.c.s.set.ad() {
		return result(goldap.LDAPResultProtocolError, adText["extension"]), nil
	}
	return result(goldap.LDAPResultProtocolError, "unsupported extended operation"), nil
}

func (s *server) canStartTLS() bool { return s.env.TLS != nil && !s.set.NoStartTLS }

// startTLS decides on a StartTLS request (RFC 4511 section 4.14); the reader
// switches the connection after the answer.
func (op *operation) startTLS(ctx context.Context, call *dialect.Call, x proto.Extended) (proto.Result, error) {
	c := op.c
	switch {
	case !c.s.canStartTLS():
		return result(goldap.LDAPResultProtocolError, "unsupported extended operation"), nil
	case x.HasValue:
		return result(goldap.LDAPResultProtocolError, "no request data expected"), nil
	case c.secure:
		return result(goldap.LDAPResultOperationsError, "TLS already started"), nil
	case c.running() > 0:
		return result(goldap.LDAPResultOperationsError, "cannot start TLS when operations are outstanding"), nil
	}
	op.upgraded = true
	return success(), nil
}

// whoAmI is RFC 4532. Anonymous is an empty value, not a missing one.
func (op *operation) whoAmI(ctx context.Context, call *dialect.Call, x proto.Extended) (proto.Result, error) {
	s := op.c.s
	if x.HasValue {
		return result(goldap.LDAPResultProtocolError, "no request data expected"), nil
	}
	if _, refused := op.controls(onExtended); refused != nil {
		return *refused, nil
	}
	r := proto.Result{HasValue: true}
	switch {
	case !op.who.bound():
	case !s.set.ad():
		r.Value = []byte("dn:" + op.who.dn)
	case op.who.root:
		r.Value = []byte(`u:` + s.set.NetBIOS + `\` + s.managerName())
	default:
		snap, err := s.dir.Snapshot(ctx)
		if err != nil {
			return r, err
		}
		rd := snap.Reader(ctx)
		if id, ok := snap.ByKey(op.who.key); ok {
			rd.Seek(id)
			if v := rd.Values(s.schema.Attr("sAMAccountName"), ""); len(v) > 0 {
				r.Value = []byte(`u:` + s.set.NetBIOS + `\` + v[0])
			}
		}
	}
	return r, nil
}

// cancelOther is the Cancel operation (RFC 3909).
func (op *operation) cancelOther(ctx context.Context, call *dialect.Call, x proto.Extended) (proto.Result, error) {
	outer := ber.Over(x.Value)
	c := ber.Over(outer.Take(ber.Sequence))
	id := c.Int(ber.Integer)
	if outer.Err() != nil || c.Err() != nil {
		return result(goldap.LDAPResultProtocolError, "message ID parse failed"), nil
	}
	other := op.c.find(id)
	if other == nil {
		return result(goldap.LDAPResultNoSuchOperation, "message ID not found"), nil
	}
	other.canceled.Store(true)
	other.cancel()
	<-other.done
	return success(), nil
}

// The error values of the password policy response control.
var policyErrors = map[cause.Cause]int64{
	cause.PasswordExpired: 0, cause.Locked: 1, cause.MustChange: 2, cause.NotAllowed: 3, cause.WeakPassword: 6, cause.PasswordInUse: 8,
}

// policyAnswer is the password policy response control
// (draft-behera-ldap-password-policy section 6.2).
func (s *server) policyAnswer(ctx context.Context, err error, who identity) proto.Control {
	p := proto.Policy{}
	reason, known := cause.Of(err)
	if who.mustChange {
		reason, known = cause.MustChange, true
	}
	code, has := policyErrors[reason]
	if known && has && (reason != cause.Locked || s.set.LockedCode) {
		p.Error, p.HasError = code, true
	}
	if age := s.env.World.Organization().Policy.MaxAge; err == nil && age > 0 && who.userID != "" && !who.mustChange {
		p.HasTime, p.Expires = s.expiresIn(ctx, who.userID, age)
	}
	return proto.Control{OID: oidPolicy, HasValue: true, Value: proto.AppendPolicy(nil, p)}
}

// expiresIn is how long a password still lasts, when that is worth a warning:
// in the last seventh of its life.
func (s *server) expiresIn(ctx context.Context, userID string, age time.Duration) (warn bool, seconds int64) {
	st, err := s.env.Logins.Standing(ctx, userID)
	if err != nil || st.PasswordSetAt.IsZero() {
		return false, 0
	}
	left := st.PasswordSetAt.Add(age).Sub(s.env.Clock.Now())
	return left > 0 && left < age/7, int64(left / time.Second)
}
