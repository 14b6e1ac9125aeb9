package dir

import (
	"slices"

	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/schema"
)

// Scope is a search scope (RFC 4511 section 4.5.1.2).
type Scope int64

// The scopes; Subordinate is draft-sermersheim-ldap-subordinate-scope.
const (
	BaseObject Scope = iota
	SingleLevel
	WholeSubtree
	Subordinate
)

// plan is a superset of the entries that a filter can match: a sorted list, or
// an interval of seeded entries together with the dirty ones.
type plan struct {
	listed bool
	list   []ID
	lo, hi ID
}

func (p plan) size() int {
	if p.listed {
		return len(p.list)
	}
	return int(p.hi - p.lo)
}

func (s *Snapshot) whole() plan { return plan{lo: 0, hi: s.end} }

// plan finds the smallest superset that costs nothing to find.
func (s *Snapshot) plan(f *filter.Filter) plan {
	switch f.Op {
	case filter.And:
		return s.planAnd(f)
	case filter.Or:
		return s.planOr(f)
	case filter.Not:
		return s.whole()
	case filter.Undefined:
		return plan{listed: true}
	case filter.Extensible:
		return s.planRule(f)
	}
	if f.Attr.Name == "name" && s.Schema.Flavour == schema.OpenLDAP { // a supertype has no values of its own
		return s.whole()
	}
	lo, hi := s.span(f.Attr)
	best := plan{lo: lo, hi: hi}
	if f.Options == "" && (f.Op == filter.Equal || f.Op == filter.Approx) {
		if p, ok := s.planEqual(f.Attr, f.Value); ok {
			return p
		}
	}
	return best
}

// cheap is the size below which looking for something better does not pay.
const cheap = 64

func (s *Snapshot) planAnd(f *filter.Filter) plan {
	best := s.whole()
	for pass := range 2 { // chains are walked only when nothing else narrows the search
		for i := range f.Subs {
			if best.size() <= cheap && best.listed {
				return best
			}
			if chain := hasChain(&f.Subs[i]); chain != (pass == 1) || chain && best.size() < 1000 {
				continue
			}
			if p := s.plan(&f.Subs[i]); p.size() < best.size() || p.listed && p.size() == best.size() {
				best = p
			}
		}
	}
	return best
}

func hasChain(f *filter.Filter) bool {
	if f.Rule != nil && f.Rule.Test == filter.TestChain {
		return true
	}
	return slices.ContainsFunc(f.Subs, func(sub filter.Filter) bool { return hasChain(&sub) })
}

func (s *Snapshot) planOr(f *filter.Filter) plan {
	out := plan{listed: true}
	for i := range f.Subs {
		p := s.plan(&f.Subs[i])
		switch {
		case out.listed && p.listed:
			out.list = append(slices.Clip(out.list), p.list...)
		case out.listed || p.listed:
			interval, listed := out, p
			if out.listed {
				interval, listed = p, out
			}
			for _, id := range listed.list {
				if id < s.end {
					interval.lo, interval.hi = min(interval.lo, id), max(interval.hi, id+1)
				}
			}
			out = interval
		default:
			out.lo, out.hi = min(out.lo, p.lo), max(out.hi, p.hi)
		}
	}
	if out.listed {
		slices.Sort(out.list)
		out.list = slices.Compact(out.list)
	}
	return out
}

func (s *Snapshot) planRule(f *filter.Filter) plan {
	if f.Attr == nil || f.Rule.DNAttrs {
		return s.whole()
	}
	if f.Rule.Test == filter.TestChain {
		target, ok := s.Lookup(f.Value)
		if !ok {
			return plan{listed: true}
		}
		var list []ID
		if f.Attr.Name == "memberOf" {
			list = s.Below(target)
		} else if f.Attr.Name == "member" {
			list = s.Above(target)
		} else {
			lo, hi := s.span(f.Attr)
			return plan{lo: lo, hi: hi}
		}
		slices.Sort(list)
		return plan{listed: true, list: list}
	}
	lo, hi := s.span(f.Attr)
	return plan{lo: lo, hi: hi}
}

// planEqual uses an index, or what membership and identifiers are worth as one.
func (s *Snapshot) planEqual(a *schema.Attribute, normal string) (plan, bool) {
	switch a.Name {
	case "member":
		target, ok := s.Lookup(normal)
		if !ok {
			return plan{listed: true, list: s.raw[normal]}, true
		}
		return s.gather(target, s.groupsOf), true
	case "memberOf":
		target, ok := s.Lookup(normal)
		if !ok {
			return plan{listed: true}, true
		}
		return s.gather(target, s.Members), true
	case "memberUid":
		if s.Schema.Flavour == schema.AD { // an ordinary attribute there
			break
		}
		u, ok := s.World.User(normal)
		if s.attrs.mask[a.ID]&(1<<isUser) != 0 || len(s.custom) > 0 && s.hasCustom(a) {
			break
		}
		if !ok {
			return plan{listed: true}, true
		}
		return s.gather(s.id("u:"+u.ID), s.seededGroupsOf), true
	case "objectSid":
		if id := s.fromSID(normal); id != None {
			return plan{listed: true, list: []ID{id}}, true
		}
	case "objectClass":
		return s.planClass(a, normal), true
	}
	hits, ok := s.lookup(a, normal)
	if !ok {
		return plan{}, false
	}
	if len(hits) > longList {
		return plan{}, false
	}
	return plan{listed: true, list: hits}, true
}

// longList bounds what a search keeps: going through all entries does not take much
// longer than through a list of so many.
const longList = 1 << 16

func (s *Snapshot) hasCustom(a *schema.Attribute) bool {
	for _, c := range s.custom {
		if c.attr == a {
			return true
		}
	}
	return false
}

func (s *Snapshot) gather(id ID, from func(ID, func(ID) bool)) plan {
	p := plan{listed: true}
	if id == None {
		return p
	}
	from(id, func(m ID) bool { p.list = append(p.list, m); return len(p.list) <= longList })
	if len(p.list) > longList {
		return s.whole()
	}
	slices.Sort(p.list)
	return p
}

// planClass narrows an object class to the kinds of entries that have it.
func (s *Snapshot) planClass(a *schema.Attribute, normal string) plan {
	if s.hasCustom(a) {
		return s.whole()
	}
	users, groups := s.user0 < s.group0, len(s.groups) > 0
	r := (&Snapshot{Base: s.Base}).seedReader()
	has := func(id ID) bool {
		r.Seek(id)
		return slices.ContainsFunc(r.Values(a, ""), func(v string) bool { n, _ := s.Schema.Norm(a, v); return n == normal })
	}
	if normal == "posixaccount" || normal == "shadowaccount" { // depends on the person
		return plan{lo: 0, hi: s.group0}
	}
	p := plan{lo: 0, hi: s.end}
	if !groups || !has(s.group0) {
		p.hi = s.group0
		if !users || !has(s.user0) {
			p.hi = s.user0
		}
	} else if !users || !has(s.user0) {
		p.lo = 0
		boxes := false
		for id := range s.user0 {
			boxes = boxes || has(id)
		}
		if !boxes {
			p.lo = s.group0
		}
	}
	return p
}

// Within reports whether an entry is in scope of a base.
func (s *Snapshot) Within(id, base ID, scope Scope) bool {
	switch scope {
	case BaseObject:
		return id == base
	case SingleLevel:
		return s.Parent(id) == base && base != None
	case Subordinate:
		if id == base {
			return false
		}
	}
	if base == None { // every naming context
		return true
	}
	for depth := 0; id != None && depth < maxDepth; depth++ {
		if id == base {
			return true
		}
		id = s.Parent(id)
	}
	return false
}

// Query is one search.
type Query struct {
	Base   ID // None: every naming context
	Scope  Scope
	Filter *filter.Filter
	After  ID // continue behind this entry; None: from the start
}

// Search yields matching entries in the order of their numbers; the reader
// stands at each. yield returns false to stop. Every 64 entries it asks alive,
// which returns false when nobody wants the answer any more.
func (s *Snapshot) Search(q Query, r *Reader, alive func() bool, yield func(ID) bool) {
	steps := 0
	try := func(id ID) bool {
		if steps++; steps%64 == 0 && !alive() {
			return false
		}
		if q.After != None && id <= q.After || !s.Alive(id) || !s.Within(id, q.Base, q.Scope) {
			return true
		}
		r.Seek(id)
		if q.Filter.Match(s.Schema, r) != filter.True {
			return r.Err == nil
		}
		return yield(id)
	}
	if q.Scope == BaseObject {
		try(q.Base)
		return
	}
	more := true
	s.merged(s.plan(q.Filter), q.After, func(id ID) bool { more = try(id); return more })
	if more && s.Schema.Flavour == schema.AD && (q.Base == s.schemaHead || q.Base == None && s.speaksOfSchema(q.Filter)) {
		s.eachSchemaEntry(q.After, try)
	}
}

// merged walks a plan and the dirty entries in one order, each entry once.
func (s *Snapshot) merged(p plan, after ID, try func(ID) bool) {
	dirty := s.dirty
	last := None // a list may name an entry twice
	step := func(id ID) bool {
		if id == last {
			return true
		}
		last = id
		for len(dirty) > 0 && dirty[0] < id {
			if !try(dirty[0]) {
				return false
			}
			dirty = dirty[1:]
		}
		if len(dirty) > 0 && dirty[0] == id {
			dirty = dirty[1:]
		}
		return try(id)
	}
	if p.listed {
		for _, id := range p.list {
			if !step(id) {
				return
			}
		}
	} else {
		lo := p.lo
		if after != None && after >= lo {
			lo = after + 1
			for len(dirty) > 0 && dirty[0] <= after {
				dirty = dirty[1:]
			}
		}
		for id := lo; id < p.hi; id++ {
			if !step(id) {
				return
			}
		}
	}
	for _, id := range dirty {
		if !try(id) {
			return
		}
	}
}
