package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"

	"github.com/go-ldap/ldap/v3"

	"counterpart/internal/plugins/load/step"
)

// operation is a step over LDAP, compiled.
type operation struct {
	spec         *step.Spec
	target       step.Target
	client       *Client
	name         string
	dn, password step.Text
	base, filter step.Text
	scope        int
	means        meanings
	attributes   []string
}

// openLDAP compiles a step.
func (c *Client) openLDAP(s step.Spec, t step.Target) (step.Step, error) {
	o := &operation{spec: &s, target: t, client: c}
	var err error
	compile := func(text string) (out step.Text) {
		if err == nil {
			out, err = step.Compile(text, t.Constants)
		}
		return out
	}
	if b := s.LDAP.Bind; b != nil {
		o.name, o.dn, o.password = "Bind", compile(b.DN), compile(b.Password)
	} else {
		l := s.LDAP.Search
		o.name, o.base, o.filter, o.attributes = "Search", compile(l.Base), compile(l.Filter), l.Attributes
		o.scope = map[string]int{"base": ldap.ScopeBaseObject, "one": ldap.ScopeSingleLevel, "sub": ldap.ScopeWholeSubtree}[l.Scope]
	}
	if err == nil {
		o.means, err = compileMeanings(&s, t.Constants)
	}
	return o, err
}

// directory is the connection of one walk.
type directory struct{ *ldap.Conn }

// Close implements step.Closer.
func (d directory) Close() error { return d.Conn.Close() }

type ldapKey struct{ addr string }

func (o *operation) conn(w *step.Walk) (*ldap.Conn, error) {
	address, err := addr(&o.target, w)
	if err != nil {
		return nil, err
	}
	if d, ok := w.Held(ldapKey{address}).(directory); ok {
		return d.Conn, nil
	}
	dialer := net.Dialer{Timeout: timeout(o.spec)}
	raw, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if o.target.TLS != nil {
		raw = tls.Client(raw, o.target.TLS)
	}
	conn := ldap.NewConn(raw, o.target.TLS != nil)
	conn.SetTimeout(timeout(o.spec))
	conn.Start()
	w.Hold(ldapKey{address}, directory{conn})
	return conn, nil
}

// Do implements step.Step.
func (o *operation) Do(ctx context.Context, w *step.Walk) (step.Answer, error) {
	a := step.Answer{Operation: o.name}
	conn, err := o.conn(w)
	if err != nil {
		a.Reason, a.Answered = why(err), w.Now()
		return a, nil
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	var found *ldap.SearchResult
	if o.spec.LDAP.Bind != nil {
		dn, err := o.dn.Append(nil, w, func(dst []byte, value string) []byte { return append(dst, ldap.EscapeDN(value)...) })
		if err != nil {
			return a, err
		}
		password, err := o.password.Fill(w)
		if err != nil {
			return a, err
		}
		a.Sent = w.Now()
		_, err = conn.SimpleBind(&ldap.SimpleBindRequest{Username: string(dn), Password: password, AllowEmptyPassword: true})
		return o.finish(w, a, found, err)
	}
	base, err := o.base.Append(nil, w, func(dst []byte, value string) []byte { return append(dst, ldap.EscapeDN(value)...) })
	if err != nil {
		return a, err
	}
	filter, err := o.filter.Append(nil, w, func(dst []byte, value string) []byte { return append(dst, ldap.EscapeFilter(value)...) })
	if err != nil {
		return a, err
	}
	a.Sent = w.Now()
	found, err = conn.Search(ldap.NewSearchRequest(string(base), o.scope, ldap.NeverDerefAliases, 0, 0, false, string(filter), o.attributes, nil))
	return o.finish(w, a, found, err)
}

// finish says what an answer means.
func (o *operation) finish(w *step.Walk, a step.Answer, found *ldap.SearchResult, err error) (step.Answer, error) {
	a.Answered = w.Now()
	var said *ldap.Error
	switch {
	case err == nil && found != nil && len(found.Entries) == 0:
		a.Verdict, a.Reason = step.Refused, "no entry"
	case err == nil:
		a.Verdict, a.Reason = step.LetIn, "0"
	case errors.As(err, &said) && said.ResultCode < ldap.ErrorNetwork:
		a.Verdict, a.Reason = step.Failed, strconv.Itoa(int(said.ResultCode))
		switch said.ResultCode {
		case ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultNoSuchObject, ldap.LDAPResultUnwillingToPerform:
			a.Verdict = step.Refused
		}
	case errors.As(err, &said) && said.Err != nil && said.Err.Error() == "ldap: connection timed out":
		a.Reason = "timeout"
	default:
		a.Reason = why(err)
	}
	if found != nil {
		for name, from := range o.spec.Save {
			value := ""
			if len(found.Entries) > 0 {
				if value = found.Entries[0].GetAttributeValue(from); from == "dn" {
					value = found.Entries[0].DN
				}
			}
			w.Save(name, value)
		}
	}
	a.Facts, err = o.means.facts(w, a.Verdict)
	return a, err
}
