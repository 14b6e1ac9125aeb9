package core

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// tokenRole is a role of the method token.
type tokenRole struct {
	Name            string        `json:"name"`
	Allowed         []string      `json:"allowed,omitempty"`
	AllowedGlobs    []string      `json:"globs,omitempty"`
	Disallowed      []string      `json:"disallowed,omitempty"`
	DisallowedGlobs []string      `json:"disallowed_globs,omitempty"`
	EntityAliases   []string      `json:"entity_aliases,omitempty"` // globs; nil: none
	Orphan          bool          `json:"orphan,omitempty"`
	Renewable       bool          `json:"renewable"`
	NoDefault       bool          `json:"no_default,omitempty"`
	Period          time.Duration `json:"period,omitempty"`
	ExplicitMax     time.Duration `json:"explicit_max,omitempty"`
	NumUses         int           `json:"num_uses,omitempty"`
	CIDRs           []string      `json:"cidrs,omitempty"`
	Suffix          string        `json:"suffix,omitempty"`
	Type            string        `json:"type,omitempty"`
	// Legacy are parameters that were given under their old names, under which
	// answers show them as well.
	Legacy map[string]bool `json:"legacy,omitempty"`
}

// MatchGlob holds a name against a pattern with a star at either end.
func MatchGlob(pattern, name string) bool {
	starts, ends := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*")
	switch bare := strings.Trim(pattern, "*"); {
	case starts && ends:
		return strings.Contains(name, bare)
	case starts:
		return strings.HasSuffix(name, bare)
	case ends:
		return strings.HasPrefix(name, bare)
	}
	return pattern == name
}

// named reports whether name is in one of two lists: names and globs.
func named(name string, names, globs []string) bool {
	return slices.Contains(names, name) || slices.ContainsFunc(globs, func(g string) bool { return MatchGlob(g, name) })
}

// restricts reports whether the role decides about policies.
func (role *tokenRole) restricts() bool {
	return len(role.Allowed)+len(role.AllowedGlobs)+len(role.Disallowed)+len(role.DisallowedGlobs) > 0
}

// policies holds the wish against the role; without a wish they are the role's, or
// else the parent's.
func (role *tokenRole) policies(wanted, parents []string, noDefault bool) ([]string, error) {
	byDefault := !noDefault && !role.NoDefault && !named("default", role.Disallowed, role.DisallowedGlobs)
	var final []string
	if len(wanted) > 0 {
		final = tokenPolicies(wanted, byDefault)
	}
	switch {
	case len(role.Allowed)+len(role.AllowedGlobs) == 0:
		if len(final) == 0 {
			final = tokenPolicies(parents, byDefault)
		}
	case len(final) == 0:
		final = tokenPolicies(role.Allowed, byDefault)
	default:
		allowed := tokenPolicies(role.Allowed, byDefault)
		for _, p := range final {
			if !named(p, allowed, role.AllowedGlobs) {
				return nil, BadRequest("token policies (%q) must be subset of the role's allowed policies (%q) or glob policies (%q)", final, allowed, role.AllowedGlobs)
			}
		}
	}
	for _, p := range final {
		if named(p, role.Disallowed, role.DisallowedGlobs) {
			return nil, BadRequest("token policy %q is disallowed by this role", p)
		}
	}
	return final, nil
}

func createByRole(r *Request) (*Answer, error) {
	role, err := r.roles.Get(r.Ctx, r.Vars["role"])
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, BadRequest("unknown role %s", r.Vars["role"])
	}
	return r.create(role, false)
}

func roleExists(r *Request) (bool, error) {
	role, err := r.roles.Get(r.Ctx, r.Vars["role"])
	return role != nil, err
}

func getRole(r *Request) (*Answer, error) {
	role, err := Require(r.Ctx, r.roles, r.Vars["role"])
	if err != nil {
		return nil, err
	}
	list := func(s []string) []string { return append([]string{}, s...) }
	inSeconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	data := map[string]any{"allowed_entity_aliases": nil, "allowed_policies": list(role.Allowed), "allowed_policies_glob": list(role.AllowedGlobs),
		"disallowed_policies": list(role.Disallowed), "disallowed_policies_glob": list(role.DisallowedGlobs), "explicit_max_ttl": 0, "name": role.Name,
		"orphan": role.Orphan, "path_suffix": role.Suffix, "period": 0, "renewable": role.Renewable, "token_explicit_max_ttl": inSeconds(role.ExplicitMax),
		"token_no_default_policy": role.NoDefault, "token_period": inSeconds(role.Period), "token_type": role.Type}
	if role.EntityAliases != nil {
		data["allowed_entity_aliases"] = role.EntityAliases
	}
	if role.Legacy["period"] {
		data["period"] = inSeconds(role.Period)
	}
	if role.Legacy["explicit_max_ttl"] {
		data["explicit_max_ttl"] = inSeconds(role.ExplicitMax)
	}
	if role.NumUses > 0 {
		data["token_num_uses"] = role.NumUses
	}
	if len(role.CIDRs) > 0 {
		data["token_bound_cidrs"] = role.CIDRs
	}
	return OK(data)
}

var suffixes = regexp.MustCompile(`^\w[\w-.]+\w$`)

func putRole(r *Request) (*Answer, error) {
	return nil, r.roles.Change(r.Ctx, r.Vars["role"], func(role *tokenRole, found bool) error {
		if !found {
			*role = tokenRole{Name: r.Vars["role"], Renewable: true, Type: "default-service"}
		}
		if err := role.take(r.Fields); err != nil {
			return err
		}
		return role.judge()
	})
}

// take reads the parameters of a role; what the request does not name stays.
func (role *tokenRole) take(f Fields) (err error) {
	for name, to := range map[string]*bool{"orphan": &role.Orphan, "renewable": &role.Renewable, "token_no_default_policy": &role.NoDefault} {
		if *to, err = f.Bool(name, *to); err != nil {
			return err
		}
	}
	for _, x := range []struct {
		name, old string
		to        *time.Duration
	}{{"token_period", "period", &role.Period}, {"token_explicit_max_ttl", "explicit_max_ttl", &role.ExplicitMax}} {
		for _, name := range []string{x.old, x.name} {
			if !f.Has(name) {
				continue
			}
			if *x.to, err = f.Duration(name); err != nil {
				return err
			}
			if role.Legacy == nil {
				role.Legacy = map[string]bool{}
			}
			role.Legacy[x.old] = name == x.old
		}
	}
	for name, to := range map[string]*[]string{"allowed_policies": &role.Allowed, "disallowed_policies": &role.Disallowed,
		"allowed_policies_glob": &role.AllowedGlobs, "disallowed_policies_glob": &role.DisallowedGlobs, "allowed_entity_aliases": &role.EntityAliases} {
		if f.Has(name) {
			*to = SanitizePolicies(f.List(name))
		}
	}
	if role.NumUses, err = f.Int("token_num_uses", role.NumUses); err != nil {
		return err
	}
	if role.NumUses < 0 {
		return BadRequest("error parsing role fields: 'token_num_uses' cannot be negative")
	}
	if f.Has("token_bound_cidrs") {
		if role.CIDRs, err = ParseCIDRs(f.List("token_bound_cidrs")); err != nil {
			return BadRequest("error parsing role fields: %s", err)
		}
	}
	if f.Has("path_suffix") {
		if role.Suffix = f.Text("path_suffix"); role.Suffix != "" && !suffixes.MatchString(role.Suffix) {
			return BadRequest(`given role path suffix contains invalid characters; must match \w[\w-.]+\w`)
		}
	}
	if f.Has("token_type") {
		role.Type = f.Text("token_type")
	}
	return nil
}

// judge refuses a role whose parts contradict each other.
func (role *tokenRole) judge() error {
	switch role.Type {
	case "", "default":
		role.Type = "default-service"
	case "service", "default-service", "default-batch":
	case "batch":
		switch {
		case !role.Orphan:
			return BadRequest("'token_type' cannot be 'batch' when role is set to generate non-orphan tokens")
		case role.Period > 0:
			return BadRequest("'token_type' cannot be 'batch' when role is set to generate periodic tokens")
		case role.Renewable:
			return BadRequest("'token_type' cannot be 'batch' when role is set to generate renewable tokens")
		case role.ExplicitMax > 0:
			return BadRequest("'token_type' cannot be 'batch' when role is set to generate tokens with an explicit max TTL")
		}
	default:
		return BadRequest("invalid 'token_type' value %q", role.Type)
	}
	return nil
}

func dropRole(r *Request) (*Answer, error) {
	_, err := r.roles.Delete(r.Ctx, r.Vars["role"])
	return nil, err
}
