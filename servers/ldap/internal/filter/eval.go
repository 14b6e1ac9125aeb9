package filter

import (
	"strconv"
	"strings"

	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/schema"
)

// Truth is the value of a filter for one entry (RFC 4511 section 4.5.1.7).
type Truth int8

// The three values.
const (
	False Truth = iota
	Unknown
	True
)

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Entry is what an evaluation asks of an entry.
type Entry interface {
	// Values are the values of an attribute; with options only those whose
	// description has them all. The slice is valid until the next call.
	Values(a *schema.Attribute, options string) []string
	// Links answers equality of an attribute whose values are entries without
	// rendering them; with chain through groups to any depth. normal is a DN in
	// normal form. ok is false when it must be compared by value.
	Links(a *schema.Attribute, normal string, chain bool) (holds, ok bool)
	// Name is the entry's DN.
	Name() dn.DN
}

// Match evaluates f for e. Values are folded by s.
func (f *Filter) Match(s *schema.Schema, e Entry) Truth {
	switch f.Op {
	case And:
		out := True
		for i := range f.Subs {
			out = min(out, f.Subs[i].Match(s, e))
			if out == False {
				break
			}
		}
		return out
	case Or:
		out := False
		for i := range f.Subs {
			out = max(out, f.Subs[i].Match(s, e))
			if out == True {
				break
			}
		}
		return out
	case Not:
		return True - f.Subs[0].Match(s, e)
	case Present:
		return truth(len(e.Values(f.Attr, f.Options)) > 0)
	case Equal, Approx:
		return f.equal(s, e)
	case Substrings:
		return f.any(s, e, f.Attr.Kind, f.Parts.match)
	case GreaterOrEqual:
		return f.any(s, e, f.Attr.Kind, func(v string) bool { return schema.Compare(f.Attr.Kind, v, f.Value) >= 0 })
	case LessOrEqual:
		return f.any(s, e, f.Attr.Kind, func(v string) bool { return schema.Compare(f.Attr.Kind, v, f.Value) <= 0 })
	case Extensible:
		return f.extensible(s, e)
	}
	return Unknown
}

func (f *Filter) equal(s *schema.Schema, e Entry) Truth {
	if (f.Attr.Has(schema.Link) || f.Attr.Kind == schema.Name) && f.Options == "" {
		if holds, ok := e.Links(f.Attr, f.Value, false); ok {
			return truth(holds)
		}
	}
	for _, v := range e.Values(f.Attr, f.Options) {
		if v == f.Value {
			return True
		}
		if n, ok := s.Norm(f.Attr, v); ok && n == f.Value {
			return True
		}
		if f.Attr.Name == "objectClass" && s.Descends(v, f.Value) { // objectSubClassMatch
			return True
		}
	}
	return False
}

// any reports whether one value in normal form of kind satisfies test.
func (f *Filter) any(s *schema.Schema, e Entry, kind schema.Kind, test func(string) bool) Truth {
	for _, v := range e.Values(f.Attr, f.Options) {
		if n, ok := s.NormKind(kind, v); ok && test(n) {
			return True
		}
	}
	return False
}

func (f *Filter) extensible(s *schema.Schema, e Entry) Truth {
	r := f.Rule
	switch r.Test {
	case TestChain:
		holds, _ := e.Links(f.Attr, f.Value, true)
		return truth(holds)
	case TestBitAnd, TestBitOr:
		for _, v := range e.Values(f.Attr, f.Options) {
			n, err := strconv.ParseInt(v, 10, 64)
			if bits := uint64(n) & r.Bits; err == nil && (r.Test == TestBitAnd && bits == r.Bits || r.Test == TestBitOr && bits != 0) {
				return True
			}
		}
		return False
	}
	if r.DNAttrs && f.inName(s, e.Name()) {
		return True
	}
	same := func(v string) bool { return v == f.Value }
	if f.Attr != nil {
		return f.any(s, e, r.Kind, same)
	}
	for _, a := range s.Attributes() { // no type: every attribute that the rule can compare
		if schema.Usable(r.Kind, a.Kind) && !a.Has(schema.Secret) && !a.Has(schema.Constructed) {
			g := Filter{Attr: a}
			if g.any(s, e, r.Kind, same) == True {
				return True
			}
		}
	}
	return False
}

// inName reports whether an AVA of the entry's DN matches.
func (f *Filter) inName(s *schema.Schema, name dn.DN) bool {
	for _, rdn := range name {
		for _, ava := range rdn {
			a := s.Attr(ava.Type)
			if a == nil || f.Attr != nil && a != f.Attr || !schema.Usable(f.Rule.Kind, a.Kind) {
				continue
			}
			if n, ok := s.NormKind(f.Rule.Kind, ava.Value); ok && n == f.Value {
				return true
			}
		}
	}
	return false
}

// match holds a value in normal form against the parts: in order, without overlap.
func (p *Parts) match(v string) bool {
	if !strings.HasPrefix(v, p.Initial) {
		return false
	}
	v = v[len(p.Initial):]
	for _, part := range p.Any {
		i := strings.Index(v, part)
		if i < 0 {
			return false
		}
		v = v[i+len(part):]
	}
	return strings.HasSuffix(v, p.Final)
}
