package wire

import (
	"cmp"
	"context"
	"errors"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"counterpart/internal/plugins/load/step"
)

// operation is a step over LDAP, compiled.
type operation struct {
	spec       *step.Spec
	target     step.Target
	client     *Client
	name       string
	bind       bool
	dn         name // of a bind, or where a search begins
	password   step.Text
	filter     filter
	scope      byte
	attributes []byte // the list, as it is sent
	save       []saved
	means      meanings
}

// name is a distinguished name. The values of holes are escaped (RFC 4514), but for a name
// that is one hole: that is a whole one, such as an earlier step has found.
type name struct {
	step.Text
	whole bool
}

func compileName(text string, constants map[string]string) (name, error) {
	t, err := step.Compile(text, constants)
	trimmed := strings.TrimSpace(text)
	whole := strings.HasPrefix(trimmed, "{{") && strings.Index(trimmed, "}}") == len(trimmed)-2
	return name{t, whole}, err
}

func escapeName(dst []byte, value string) []byte { return append(dst, ldap.EscapeDN(value)...) }

// append writes the name as an octet string.
func (n *name) append(b []byte, w *step.Walk) (_ []byte, err error) {
	escape := escapeName
	if n.whole {
		escape = nil
	}
	b, at := begin(b, berOctets)
	if b, err = n.Append(b, w, escape); err != nil {
		return b, err
	}
	return end(b, at), nil
}

// openLDAP compiles a step.
func (c *Client) openLDAP(s step.Spec, t step.Target) (_ step.Step, err error) {
	o := &operation{spec: &s, target: t, client: c}
	switch b, l := s.LDAP.Bind, s.LDAP.Search; {
	case b != nil && l != nil || b == nil && l == nil:
		return nil, errors.New("an LDAP step is one operation: `bind` or `search`")
	case b != nil:
		o.name, o.bind = "Bind", true
		if o.dn, err = compileName(b.DN, t.Constants); err == nil {
			o.password, err = step.Compile(b.Password, t.Constants)
		}
	default:
		o.name, o.scope = "Search", map[string]byte{"base": ldap.ScopeBaseObject, "one": ldap.ScopeSingleLevel}[l.Scope]
		if l.Scope == "sub" || l.Scope == "" {
			o.scope = ldap.ScopeWholeSubtree
		}
		if o.dn, err = compileName(l.Base, t.Constants); err == nil {
			o.filter, err = compileFilter(cmp.Or(l.Filter, "(objectClass=*)"), t.Constants)
		}
		list, at := begin(nil, berSequence)
		for _, a := range l.Attributes {
			list = octets(list, berOctets, a)
		}
		o.attributes = end(list, at)
	}
	if err != nil {
		return nil, err
	}
	for to, from := range s.Save {
		o.save = append(o.save, saved{name: to, from: from})
	}
	slices.SortFunc(o.save, func(a, b saved) int { return strings.Compare(a.name, b.name) })
	o.means, err = compileMeanings(&s, t.Constants)
	return o, err
}

// directory is the connection of one walk. When that is over, another one may have it: a
// connection that is bound is for who binds first, one that is not is for anybody.
type directory struct {
	pool  *pool
	conn  *conn // nil: it is of no use any more
	fresh bool
	asked bool // the walk has asked something over it
}

// Close implements step.Closer.
func (d *directory) Close() error {
	d.release(!d.fresh)
	return nil
}

func (d *directory) release(again bool) {
	if d.conn != nil {
		d.pool.put(d.conn, again)
		d.conn = nil
	}
}

// directoryKey is under what a walk keeps its connection.
type directoryKey struct{ pool *pool }

// directory is the walk's connection, or one for it.
func (o *operation) directory(w *step.Walk, p *pool, deadline time.Time, fresh bool) (*directory, error) {
	if d, ok := w.Held(directoryKey{p}).(*directory); ok && d.conn != nil {
		return d, nil
	}
	fits := func(c *conn) bool { return o.bind || !c.bound }
	if fresh || o.spec.LDAP.Fresh {
		fits = nil
	}
	c, err := p.takeThat(deadline, fits)
	if err != nil {
		return nil, err
	}
	d := &directory{pool: p, conn: c, fresh: o.spec.LDAP.Fresh}
	w.Hold(directoryKey{p}, d)
	return d, nil
}

// Do implements step.Step.
func (o *operation) Do(ctx context.Context, w *step.Walk) (step.Answer, error) {
	o.client.until(ctx)
	a := step.Answer{Operation: o.name}
	address, err := addr(&o.target, w)
	if err != nil {
		return a, err
	}
	p := o.client.pool(&o.target, address)
	deadline := w.Now().Add(timeout(o.spec))
	for again := false; ; again = true {
		d, err := o.directory(w, p, deadline, again)
		if err != nil {
			a.Reason, a.Answered = why(err), w.Now()
			return a, nil
		}
		c := d.conn
		if err := o.write(c, w); err != nil {
			return a, err
		}
		c.SetDeadline(deadline)
		if a.Sent.IsZero() {
			a.Sent = w.Now()
		}
		var f found
		if _, err = c.Write(c.out); err == nil {
			err = o.read(c, &f)
		}
		if err == nil {
			d.asked = true
			c.bound = o.bind && f.code == ldap.LDAPResultSuccess || !o.bind && c.bound
			return o.finish(w, a, &f)
		}
		ended := c.used && !d.asked && !again && !f.begun && why(err) != "timeout"
		d.release(false)
		if !ended { // otherwise the server had ended it meanwhile: it is no failure of this request
			a.Answered, a.Reason = w.Now(), why(err)
			return a, nil
		}
	}
}

// write makes the request.
func (o *operation) write(c *conn, w *step.Walk) (err error) {
	c.id = c.id%(1<<31-1) + 1
	b, message := begin(c.out[:0], berSequence)
	b, at := begin(b, berInteger)
	for i := bits.Len(uint(c.id)) / 8; i >= 0; i-- { // the first bit is the sign
		b = append(b, byte(c.id>>(8*i)))
	}
	b = end(b, at)
	tag := byte(searchRequest)
	if o.bind {
		tag = bindRequest
	}
	b, request := begin(b, tag)
	if o.bind {
		b = append(b, berInteger, 1, 3)
	}
	if b, err = o.dn.append(b, w); err != nil {
		return err
	}
	if o.bind {
		b, at = begin(b, simplePassword)
		if b, err = o.password.Append(b, w, nil); err != nil {
			return err
		}
		b = end(b, at)
	} else {
		b = append(b, berEnum, 1, o.scope, berEnum, 1, ldap.NeverDerefAliases, berInteger, 1, 0, berInteger, 1, 0, berBoolean, 1, 0)
		if b, err = o.filter.append(b, w); err != nil {
			return err
		}
		b = append(b, o.attributes...)
	}
	c.out = end(end(b, request), message)
	return nil
}

// found is what came of an operation.
type found struct {
	code    int
	entries int
	octets  int
	values  []string // of the first entry, as Spec.Save wants them
	begun   bool     // some of the answer has come
}

var errNotice = errors.New("notice of disconnection")

// read reads messages until the operation is over.
func (o *operation) read(c *conn, f *found) error {
	for {
		body, begun, err := c.message()
		f.begun = f.begun || begun
		if err != nil {
			return err
		}
		f.octets += len(body)
		tag, id, body, ok := element(body)
		if !ok || tag != berInteger || len(id) > 5 {
			return errMalformed
		}
		number := 0
		for _, x := range id {
			number = number<<8 | int(x)
		}
		tag, op, _, ok := element(body)
		switch {
		case !ok:
			return errMalformed
		case number == 0 && tag == extendedResponse: // RFC 4511 section 4.4.1
			return errNotice
		case number != c.id:
			return errMalformed
		case tag == searchEntry && !o.bind:
			if f.entries++; f.entries == 1 && len(o.save) > 0 {
				if f.values, ok = o.values(op); !ok {
					return errMalformed
				}
			}
		case tag == searchReference && !o.bind:
		case tag == searchDone && !o.bind, tag == bindResponse && o.bind:
			tag, code, _, ok := element(op)
			if !ok || tag != berEnum || len(code) == 0 || len(code) > 2 {
				return errMalformed
			}
			for _, x := range code {
				f.code = f.code<<8 | int(x)
			}
			if cap(c.body) > keptBody {
				c.body = nil
			}
			return nil
		default:
			return errMalformed
		}
	}
}

// values are what an entry has of what later steps want; of several values the first one.
func (o *operation) values(entry []byte) (out []string, ok bool) {
	_, dn, rest, ok := element(entry)
	if !ok {
		return nil, false
	}
	out = make([]string, len(o.save))
	for i, s := range o.save {
		if s.from == "dn" {
			out[i] = string(dn)
		}
	}
	_, list, _, ok := element(rest)
	for ok && len(list) > 0 {
		var attribute, name, set, value []byte
		if _, attribute, list, ok = element(list); !ok {
			break
		}
		if _, name, set, ok = element(attribute); !ok {
			break
		}
		if _, set, _, ok = element(set); !ok || len(set) == 0 {
			continue
		}
		if _, value, _, ok = element(set); ok {
			for i, s := range o.save {
				if strings.EqualFold(s.from, string(name)) {
					out[i] = string(value)
				}
			}
		}
	}
	return out, ok
}

// finish says what an answer means.
func (o *operation) finish(w *step.Walk, a step.Answer, f *found) (_ step.Answer, err error) {
	a.Answered, a.Octets = w.Now(), f.octets
	switch {
	case f.code == ldap.LDAPResultSuccess && !o.bind && f.entries == 0:
		a.Verdict, a.Reason = step.Refused, "no entry"
	case f.code == ldap.LDAPResultSuccess:
		a.Verdict, a.Reason = step.LetIn, "0"
	default:
		a.Verdict, a.Reason = step.Failed, strconv.Itoa(f.code)
		switch f.code {
		case ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultNoSuchObject, ldap.LDAPResultUnwillingToPerform:
			a.Verdict = step.Refused
		}
	}
	for i, s := range o.save {
		switch {
		case s.from == "status":
			w.Save(s.name, a.Reason)
		case f.values != nil:
			w.Save(s.name, f.values[i])
		}
	}
	a.Facts, err = o.means.facts(w, a.Verdict)
	return a, err
}
