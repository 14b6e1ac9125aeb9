package dir

import (
	"slices"

	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/schema"
)

// holdsMembers reports whether memberOf follows from an entry's member values:
// all groups but posixGroup-only ones.
func (s *Snapshot) holdsMembers(id ID) bool {
	return s.kind(id) != isGroup || s.Schema.Flavour == schema.AD || s.Names
}

// seededGroupsOf calls yield with the groups that list id in the seed.
func (s *Snapshot) seededGroupsOf(id ID, yield func(ID) bool) {
	switch s.kind(id) {
	case isUser:
		u := s.user(id)
		for _, name := range u.Groups {
			g, ok := s.groupAt[name]
			if !ok {
				g = s.groupAt[world.Fold(name)]
			}
			if !yield(g) {
				return
			}
		}
	case isGroup:
		for _, g := range s.parents[id-s.group0] {
			if !yield(g) {
				return
			}
		}
	}
}

// groupsOf calls yield with the groups that list id directly.
func (s *Snapshot) groupsOf(id ID, yield func(ID) bool) {
	more := true
	s.seededGroupsOf(id, func(g ID) bool {
		p := s.changes[g]
		if p == nil || !p.Gone && !p.minus[id] {
			more = yield(g)
		}
		return more
	})
	if !more {
		return
	}
	for _, g := range s.ofPlus[id] {
		if s.Alive(g) && !yield(g) {
			return
		}
	}
}

// Members calls yield with the entries that a group lists directly.
func (s *Snapshot) Members(g ID, yield func(ID) bool) {
	p := s.changes[g]
	alive := func(m ID) bool { return (p == nil || !p.minus[m]) && s.Alive(m) }
	if s.kind(g) == isGroup {
		for m := range s.peopleOf(g) {
			if alive(m) && !yield(m) {
				return
			}
		}
		for _, name := range s.group(g).MemberGroups {
			if m := s.groupAt[world.Fold(name)]; alive(m) && !yield(m) {
				return
			}
		}
	}
	if p == nil {
		return
	}
	for _, m := range p.plus {
		if s.Alive(m) && !yield(m) {
			return
		}
	}
}

// lists reports whether a group lists an entry directly.
func (s *Snapshot) lists(g, m ID) bool {
	p := s.changes[g]
	if p != nil {
		if p.Gone || p.minus[m] {
			return false
		}
		if slices.Contains(p.plus, m) {
			return s.Alive(m)
		}
	}
	if s.kind(g) != isGroup || !s.Alive(m) {
		return false
	}
	switch s.kind(m) {
	case isUser:
		u := s.user(m)
		want := s.group(g).ID
		return slices.ContainsFunc(u.Groups, func(name string) bool { return name == want || world.Fold(name) == want })
	case isGroup:
		want := s.group(m).ID
		return slices.ContainsFunc(s.group(g).MemberGroups, func(name string) bool { return name == want || world.Fold(name) == want })
	}
	return false
}

// Above are all groups that an entry is in, directly or through groups; cycles
// end by themselves.
func (s *Snapshot) Above(id ID) []ID { return s.closure(id, s.groupsOf) }

// Below are all entries in a group, directly or through groups.
func (s *Snapshot) Below(g ID) []ID { return s.closure(g, s.Members) }

func (s *Snapshot) closure(from ID, next func(ID, func(ID) bool)) []ID {
	var out []ID
	seen := map[ID]bool{}
	visit := func(id ID) bool {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
		return true
	}
	next(from, visit)
	for i := 0; i < len(out); i++ {
		next(out[i], visit)
	}
	return out
}

// inChain reports whether m is in g, directly or through groups.
func (s *Snapshot) inChain(g, m ID) bool {
	found := false
	seen := map[ID]bool{}
	queue := []ID{m}
	visit := func(id ID) bool {
		found = found || id == g
		if !found && !seen[id] {
			seen[id] = true
			queue = append(queue, id)
		}
		return !found
	}
	for i := 0; i < len(queue) && !found; i++ {
		s.groupsOf(queue[i], visit)
	}
	return found
}

// Links implements filter.Entry for the attributes whose values are entries.
func (r *Reader) Links(a *schema.Attribute, normal string, chain bool) (holds, ok bool) {
	s := r.s
	switch a.Name {
	case "member":
		target, found := s.Lookup(normal)
		switch {
		case !found:
			return slices.Contains(s.raw[normal], r.id), true
		case chain:
			return s.inChain(r.id, target), true
		}
		return s.lists(r.id, target) && s.holdsMembers(r.id), true
	case "memberOf":
		target, found := s.Lookup(normal)
		if !found || !s.holdsMembers(target) {
			return false, true
		}
		if chain {
			return s.inChain(target, r.id), true
		}
		return s.lists(target, r.id), true
	case "objectCategory": // half of all filters that AD's clients send have it
		if r.patch == nil && s.kind(r.id) == isUser && !s.hasCustom(a) {
			return normal == s.person, true
		}
	case "memberUid":
		if s.kind(r.id) != isGroup || !s.Posix || s.hasCustom(a) || r.patch != nil && len(r.patch.attrs[a.ID]) > 0 {
			break
		}
		u, found := s.World.User(normal)
		return found && u.Name == normal && slices.Contains(u.Groups, s.group(r.id).ID), true
	}
	if chain {
		target, found := s.Lookup(normal)
		return found && s.chained(r.id, a, target), true
	}
	return false, false
}

// chained reports whether following an attribute from entry to entry leads to
// another: all managers above somebody. Cycles end by themselves.
func (s *Snapshot) chained(from ID, a *schema.Attribute, to ID) bool {
	r := s.seedReader()
	seen := map[ID]bool{from: true}
	queue := []ID{from}
	for i := 0; i < len(queue); i++ {
		r.Seek(queue[i])
		for _, v := range slices.Clone(r.Values(a, "")) {
			normal, err := s.Schema.NormDN(v)
			if err != nil {
				continue
			}
			id, found := s.Lookup(normal)
			if found && id == to {
				return true
			}
			if found && !seen[id] {
				seen[id] = true
				queue = append(queue, id)
			}
		}
	}
	return false
}

// backLinks renders the other side of a link: directReports follows from manager.
func (r *Reader) backLinks(a *schema.Attribute) {
	if forward := r.s.Schema.Partner(a); forward != nil {
		for _, id := range r.s.WithValue(forward, r.s.DN(r.id), maxBackLinks) {
			r.buf = append(r.buf, r.s.DN(id))
		}
	}
}

// maxBackLinks bounds what an answer collects.
const maxBackLinks = 100000

// findBacks are the back links whose forward links somebody uses: they are shown
// with all other attributes.
func (s *Snapshot) findBacks() {
	if s.Schema.Flavour != schema.AD {
		return
	}
	note := func(a *schema.Attribute) {
		if !s.forward(a) {
			return
		}
		if back := s.Schema.Partner(a); back != nil && !slices.Contains(s.backs, back) {
			s.backs = append(s.backs, back)
		}
	}
	for _, c := range s.custom {
		note(c.attr)
	}
	for _, id := range s.dirty {
		for at := range s.changes[id].attrs {
			note(s.Schema.ByID(at))
		}
	}
	slices.SortFunc(s.backs, func(x, y *schema.Attribute) int { return x.ID - y.ID })
}

// membership renders member and memberOf.
func (r *Reader) membership(a *schema.Attribute) (done bool) {
	s := r.s
	if a.Name == "memberOf" {
		s.groupsOf(r.id, func(g ID) bool {
			if s.holdsMembers(g) {
				r.buf = append(r.buf, s.DN(g))
			}
			return true
		})
		return true
	}
	if !s.holdsMembers(r.id) {
		return true
	}
	s.Members(r.id, func(m ID) bool {
		r.buf = append(r.buf, s.DN(m))
		return true
	})
	if r.patch != nil {
		r.buf = append(r.buf, r.patch.raw...)
	}
	return true
}

// InGroup reports whether an entry is in a group, directly or through groups.
func (s *Snapshot) InGroup(g, m ID) bool { return s.inChain(g, m) }
