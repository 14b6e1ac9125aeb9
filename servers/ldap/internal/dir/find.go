package dir

import (
	"slices"
	"strings"

	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/schema"
)

// Lookup finds the entry of a normal DN.
func (s *Snapshot) Lookup(normal string) (ID, bool) {
	if id, ok := s.named[normal]; ok {
		return id, true
	}
	if id, ok := s.seeded(normal, normal); ok {
		return id, true
	}
	if !s.moved {
		return None, false
	}
	rdn, above, ok := strings.Cut(normal, ",") // a seeded entry below a renamed one
	if !ok {
		return None, false
	}
	parent, ok := s.Lookup(above)
	if !ok || s.kind(parent) == isAdded {
		return None, false
	}
	return s.seeded(rdn+","+s.baseNorm(parent), normal)
}

// seeded finds a seeded entry that was called base and is called now.
func (s *Snapshot) seeded(base, now string) (ID, bool) {
	is := func(id ID) bool { return s.Alive(id) && s.NormName(id) == now }
	made, hasMade := s.madeAs(base)
	for _, p := range s.names.find(s.hash(base)) {
		if hasMade && made < ID(p) {
			break
		}
		if is(ID(p)) {
			return ID(p), true
		}
	}
	if hasMade && is(made) {
		return made, true
	}
	for _, p := range s.names.find(s.hash(base)) {
		if is(ID(p)) {
			return ID(p), true
		}
	}
	if name, ok := strings.CutSuffix(base, s.schemaSuffix); ok && s.schemaSuffix != "" {
		if id := s.schemaEntry(strings.TrimPrefix(name, "cn=")); id != None && strings.HasPrefix(name, "cn=") {
			return id, true
		}
	}
	return None, false
}

// Find looks a DN in text form up. matched is the deepest existing entry above
// a name that is not there.
func (s *Snapshot) Find(name string) (id, matched ID, err error) {
	d, err := dn.Parse(name)
	if err != nil {
		return None, None, err
	}
	return s.FindDN(d)
}

// FindDN is Find for a parsed DN.
func (s *Snapshot) FindDN(d dn.DN) (id, matched ID, err error) {
	rules := s.Schema.Names()
	normal, err := d.Norm(rules)
	if err != nil {
		return None, None, err
	}
	if id, ok := s.Lookup(normal); ok {
		return id, None, nil
	}
	for above := d.Parent(); len(above) > 0; above = above.Parent() {
		if n, err := above.Norm(rules); err == nil {
			if id, ok := s.Lookup(n); ok {
				return None, id, nil
			}
		}
	}
	return None, None, nil
}

// FindGUID finds the entry of an objectGUID in its octet form.
func (s *Snapshot) FindGUID(guid string) (ID, bool) {
	if len(guid) != 16 {
		return None, false
	}
	found := None
	s.merged(plan{listed: true, list: s.candidates("objectGUID", guid)}, None, func(id ID) bool {
		if s.Alive(id) && octets(s.guid(s.key(id))) == guid {
			found = id
		}
		return found == None
	})
	return found, found != None
}

func (s *Snapshot) candidates(attr, normal string) []ID {
	var out []ID
	if a := s.Schema.Attr(attr); a != nil {
		out, _ = s.lookup(a, normal)
	}
	return out
}

// FindSID finds the entry of a binary SID.
func (s *Snapshot) FindSID(sid string) (ID, bool) {
	id := s.fromSID(sid)
	if id == None || !s.Alive(id) {
		return None, false
	}
	return id, true
}

// UserID is the world's ID of the person behind an entry, "" for others.
func (s *Snapshot) UserID(id ID) string {
	if s.kind(id) == isUser && s.Alive(id) {
		return s.userID(id)
	}
	return ""
}

// Entry finds the entry of a person of the world.
func (s *Snapshot) Entry(userID string) (ID, bool) {
	id := s.id("u:" + userID)
	return id, id != None && s.Alive(id)
}

// Referrals are the entries in scope of a search that lead to other servers: those
// that clients have added with the class referral (RFC 3296).
func (s *Snapshot) Referrals(base ID, scope Scope) []Referral {
	if len(s.leading) == 0 {
		return nil
	}
	class, ref := s.Schema.Attr("objectClass"), s.Schema.Attr("ref")
	var out []Referral
	r := s.seedReader()
	for _, id := range s.leading {
		if s.changes[id].Gone || scope != BaseObject && !s.Within(id, base, scope) || scope == BaseObject && id != base {
			continue
		}
		r.Seek(id)
		if slices.ContainsFunc(r.Values(class, ""), func(v string) bool { return strings.EqualFold(v, "referral") }) {
			out = append(out, Referral{id, slices.Clone(r.Values(ref, ""))})
		}
	}
	return out
}

// Referral is an entry that leads to other servers.
type Referral struct {
	ID   ID
	URLs []string
}

// Key names an entry across snapshots.
func (s *Snapshot) Key(id ID) string { return s.key(id) }

// ByKey finds an entry by its key.
func (s *Snapshot) ByKey(key string) (ID, bool) {
	id := s.id(key)
	return id, id != None && s.Alive(id)
}

// Roots are the heads of the naming contexts.
func (s *Snapshot) Roots() []ID {
	var out []ID
	for i := range s.boxes {
		if s.boxes[i].parent == None {
			out = append(out, ID(i))
		}
	}
	return out
}

// WithValue finds up to limit entries whose attribute equals a value, by index.
func (s *Snapshot) WithValue(a *schema.Attribute, value string, limit int) []ID {
	var out []ID
	if a == nil {
		return nil
	}
	normal, ok := s.Schema.Norm(a, value)
	if !ok {
		return nil
	}
	r := s.seedReader()
	ids := append(s.candidates(a.Name, normal), s.writtenWith(a, normal)...)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if !s.Alive(id) {
			continue
		}
		r.Seek(id)
		if slices.ContainsFunc(r.Values(a, ""), func(v string) bool { n, ok := s.Schema.Norm(a, v); return ok && n == normal }) {
			out = append(out, id)
		}
		if len(out) >= limit {
			break
		}
	}
	return out
}

// writtenWith are the entries that clients have written and that have a value: what
// the indexes of seeded entries do not know. Each attribute is gone through once.
func (s *Snapshot) writtenWith(a *schema.Attribute, normal string) []ID {
	if len(s.dirty) == 0 {
		return nil
	}
	s.writtenMu.Lock()
	defer s.writtenMu.Unlock()
	by, ok := s.written[a.ID]
	if !ok {
		by = map[string][]ID{}
		r := s.seedReader()
		for _, id := range s.dirty {
			if !s.Alive(id) {
				continue
			}
			r.Seek(id)
			for _, v := range r.Values(a, "") {
				if n, ok := s.Schema.Norm(a, v); ok {
					by[n] = append(by[n], id)
				}
			}
		}
		if s.written == nil {
			s.written = map[int]map[string][]ID{}
		}
		s.written[a.ID] = by
	}
	return by[normal]
}

// StoredPasswords are the passwords of an entry that was added over LDAP.
func (s *Snapshot) StoredPasswords(id ID) []string {
	p := s.changes[id]
	if p == nil || s.kind(id) != isAdded {
		return nil
	}
	var out []string
	for _, name := range []string{"userPassword", "unicodePwd"} {
		if a := s.Schema.Attr(name); a != nil {
			for _, t := range p.attrs[a.ID] {
				out = append(out, t.values...)
			}
		}
	}
	return out
}
