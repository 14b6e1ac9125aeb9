package dir

import (
	"slices"
	"strconv"

	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// This file has the security account manager's rules about groups and who is in
// them.

// samMember holds a change of a group's members against the security account
// manager's rules: who is there cannot be added, who is not cannot be removed, and
// nobody is a member of his primary group.
func (e *draft) samMember(op int64, id ID, has bool) error {
	a := e.s.Schema.Attr("member")
	switch primary := id != None && e.s.primaryOf(e.id, id); {
	case op == proto.ModDelete && primary:
		return breaks(rulePrimary, a)
	case op == proto.ModDelete && !has && !e.by.Permissive:
		return breaks(ruleNoMember, a)
	case op != proto.ModDelete && (primary || has) && !e.by.Permissive:
		return breaks(ruleMember, a)
	case op != proto.ModDelete && id != None:
		return e.nests(id)
	}
	return nil
}

// nests holds a group that becomes a member of another against their scopes: a
// global group has no local or universal ones in it, a universal one no local ones.
func (e *draft) nests(id ID) error {
	r, kind := e.s.seedReader(), e.s.Schema.Attr("groupType")
	r.Seek(id)
	v := r.Values(kind, "")
	if len(v) == 0 {
		return nil
	}
	n, _ := strconv.ParseInt(v[0], 10, 64)
	a := e.s.Schema.Attr("member")
	outer := e.number("groupType")
	if outer == 0 { // a new group that did not say
		outer = typeGlobal
	}
	switch inner := uint32(n); {
	case outer&typeGlobal != 0 && inner&typeLocal != 0:
		return breaks(ruleLocalInGlobal, a)
	case outer&typeGlobal != 0 && inner&typeUniversal != 0:
		return breaks(ruleUniversalInGlobal, a)
	case outer&typeUniversal != 0 && inner&typeLocal != 0:
		return breaks(ruleLocalInUniversal, a)
	}
	return nil
}

// primary gives an account another primary group: one that lists it. The two
// groups change places in its memberships (MS-SAMR 3.1.1.8).
func (e *draft) primary(m proto.Change) error {
	a := e.s.Schema.Attr("primaryGroupID")
	e.touched[a] = true
	have := e.current(a, "")
	switch {
	case len(have) == 0:
		return breaks(ruleNotAllowed, a)
	case m.Op == proto.ModAdd:
		return breaks(ruleSecond, a)
	case m.Op != proto.ModReplace || len(m.Values) != 1:
		return breaks(ruleNeeded, a)
	case m.Values[0] == have[0]:
		return nil
	}
	next, err := strconv.ParseUint(m.Values[0], 10, 32)
	last, _ := strconv.ParseUint(have[0], 10, 32)
	to, from := e.s.byRID(uint32(next)), e.s.byRID(uint32(last))
	if err != nil || to == None || !e.s.Alive(to) || !e.s.lists(to, e.id) {
		return breaks(rulePrimary, a)
	}
	e.set(a, "", m.Values)
	self := "#" + e.s.key(e.id)
	in := e.s.draft(e.o, to, e.by)
	if at := slices.Index(in.c.Plus, self); at >= 0 {
		in.c.Plus = slices.Delete(in.c.Plus, at, at+1)
	} else {
		in.c.Minus = append(in.c.Minus, e.s.key(e.id))
	}
	if from != None && e.s.Alive(from) {
		out := e.s.draft(e.o, from, e.by)
		if at := slices.Index(out.c.Minus, e.s.key(e.id)); at >= 0 {
			out.c.Minus = slices.Delete(out.c.Minus, at, at+1)
		} else {
			out.c.Plus = append(out.c.Plus, self)
		}
	}
	return nil
}

// primaryOf reports whether a group is the primary group of an account.
func (s *Snapshot) primaryOf(g, id ID) bool {
	if s.Schema.Flavour != schema.AD || s.rid(g) == 0 {
		return false
	}
	r := s.seedReader()
	r.Seek(id)
	v := r.Values(s.Schema.Attr("primaryGroupID"), "")
	return len(v) > 0 && v[0] == strconv.FormatUint(uint64(s.rid(g)), 10)
}

// mayDelete refuses to take away what the domain needs (MS-ADTS 3.1.1.5.5.3), and
// the primary group of anybody.
func (s *Snapshot) mayDelete(id ID) error {
	if s.Schema.Flavour != schema.AD {
		return nil
	}
	if s.systemFlags(id)&flagNoDelete != 0 {
		return breaks(ruleNoDelete, nil)
	}
	r := s.seedReader()
	r.Seek(id)
	if v := r.Values(s.Schema.Attr("isCriticalSystemObject"), ""); len(v) > 0 && v[0] == "TRUE" || s.InSchema(id) {
		return breaks(ruleCritical, nil)
	}
	for _, x := range s.dirty {
		if s.Alive(x) && x != id && s.primaryOf(id, x) {
			return breaks(rulePrimaryOf, nil)
		}
	}
	return nil
}
