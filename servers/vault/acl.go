package vault

import (
	"slices"
	"strings"

	"counterpart/servers/vault/internal/policy"
)

// aclCache keeps what sets of policies come to. An entry is good while each of its
// policies is the record that it was made of, and the entity is, too.
type aclCache map[aclKey]*builtACL

// aclKey is a set of policies, and whose identity fills their templates.
type aclKey struct{ policies, entity string }

type builtACL struct {
	from []*string
	of   *entity // whom templates were filled for; nil: nobody, or there are none
	acl  *policy.ACL
}

// maxACLs is how many sets of policies are kept.
const maxACLs = 1024

// acl is what the token's policies come to.
func (s *Server) acl(r *request, t *token) (*policy.ACL, error) {
	names, key := t.policies, aclKey{policies: t.Meta[metaPolicies]}
	if len(t.identity) > 0 {
		names = t.allPolicies()
		key.policies = strings.Join(names, separator)
	}
	var buffer [8]*string
	from := buffer[:0]
	templated := false
	for _, name := range names {
		text, err := s.policies.get(r.ctx, name)
		if err != nil {
			return nil, err
		}
		if text != nil {
			from = append(from, text)
			templated = templated || strings.Contains(*text, "{{")
		}
	}
	var of *entity
	if templated {
		if of = t.entity; of != nil {
			key.entity = of.ID
		}
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
	s.acls[key] = &builtACL{slices.Clone(from), of, acl}
	return acl, nil
}

// acl is what a token's policies come to.
func (r *request) acl(t *token) (*policy.ACL, error) { return r.Server.acl(r, t) }

// fill puts an entity into templates; nil fills none.
func (e *entity) fill(name string) (string, bool) {
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
