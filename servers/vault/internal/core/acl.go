package core

import (
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/policy"
)

// aclCache keeps what sets of policies come to. An entry is good while each of its
// policies is the record that it was made of, and the entity is, too.
type aclCache map[aclKey]*builtACL

// aclKey is a set of policies, and whose identity fills their templates.
type aclKey struct{ policies, entity string }

type builtACL struct {
	from []*string
	of   *Entity // whom templates were filled for; nil: nobody, or there are none
	acl  *policy.ACL
}

// maxACLs is how many sets of policies are kept.
const maxACLs = 1024

// tokenACL is what the policies of one token came to, and the policies, whether
// there were any of those names or not.
type tokenACL struct {
	from []*state.Held[string]
	acl  *policy.ACL
}

func (t *tokenACL) good() bool {
	if t == nil {
		return false
	}
	for _, x := range t.from {
		if !x.Unchanged(time.Time{}) {
			return false
		}
	}
	return true
}

// acl is what the token's policies come to.
func (s *Server) acl(r *Request, t *Token) (*policy.ACL, error) {
	if built := t.built.Load(); built.good() {
		return built.acl, nil
	}
	var records []*state.Held[string]
	var from []*string
	for _, name := range t.allPolicies() {
		x, err := s.Policies.Hold(r.Ctx, name, time.Time{})
		if err != nil {
			return nil, err
		}
		if records = append(records, x); x.Value() != nil {
			from = append(from, x.Value())
		}
	}
	acl, err := s.builtOf(t, from)
	if err == nil {
		t.built.Store(&tokenACL{records, acl})
	}
	return acl, err
}

// builtOf is what the texts of a token's policies come to.
func (s *Server) builtOf(t *Token, from []*string) (*policy.ACL, error) {
	names := t.allPolicies()
	var of *Entity
	if slices.ContainsFunc(from, func(text *string) bool { return strings.Contains(*text, "{{") }) {
		of = t.entity
	}
	key := aclKey{policies: strings.Join(names, separator)}
	if of != nil {
		key.entity = of.ID
	}
	s.aclsMu.RLock()
	built := s.acls[key]
	s.aclsMu.RUnlock()
	if built != nil && built.of == of && slices.Equal(built.from, from) {
		return built.acl, nil
	}
	var parsed []*policy.Policy
	for _, name := range names {
		if name == "root" {
			parsed = append(parsed, &policy.Policy{Name: "root"})
		}
	}
	for _, text := range from {
		p, err := policy.Parse("", *text)
		if err != nil { // it was parsed when it was written
			return nil, err
		}
		parsed = append(parsed, p)
	}
	acl := policy.NewACL(parsed, of.fill)
	s.aclsMu.Lock()
	defer s.aclsMu.Unlock()
	if s.acls == nil || len(s.acls) >= maxACLs {
		s.acls = aclCache{}
	}
	s.acls[key] = &builtACL{from, of, acl}
	return acl, nil
}

// ACL is what a token's policies come to.
func (r *Request) ACL(t *Token) (*policy.ACL, error) { return r.Server.acl(r, t) }

// fill puts an entity into templates; nil fills none.
func (e *Entity) fill(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, "identity.entity.")
	if !ok || e == nil {
		return "", false
	}
	switch {
	case rest == "id":
		return e.ID, true
	case rest == "name":
		return e.Name, true
	}
	if key, ok := strings.CutPrefix(rest, "metadata."); ok {
		v, ok := e.Metadata[key]
		return v, ok
	}
	if alias, ok := strings.CutPrefix(rest, "aliases."); ok {
		accessor, field, _ := strings.Cut(alias, ".")
		for _, a := range e.Aliases {
			if a.MountAccessor == accessor && field == "name" {
				return a.Name, true
			}
		}
	}
	return "", false
}
