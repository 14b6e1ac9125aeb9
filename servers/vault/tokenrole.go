package vault

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// tokenRole is a role of the method token.
type tokenRole struct {
	Name        string        `json:"name"`
	Allowed     []string      `json:"allowed,omitempty"`
	Disallowed  []string      `json:"disallowed,omitempty"`
	Globs       []string      `json:"globs,omitempty"`
	Orphan      bool          `json:"orphan,omitempty"`
	Renewable   bool          `json:"renewable"`
	Period      time.Duration `json:"period,omitempty"`
	ExplicitMax time.Duration `json:"explicit_max,omitempty"`
	Suffix      string        `json:"suffix,omitempty"`
	Type        string        `json:"type,omitempty"`
}

// policies holds the wish against the role.
func (role *tokenRole) policies(wanted []string) ([]string, error) {
	allowed := withDefault(role.Allowed)
	if len(role.Allowed) == 0 && len(role.Globs) == 0 {
		allowed = nil
	}
	if len(wanted) == 0 {
		wanted = allowed
	}
	wanted = withDefault(wanted)
	for _, p := range wanted {
		if slices.Contains(role.Disallowed, p) {
			return nil, bad("token policy %q is disallowed by this role", p)
		}
		if allowed != nil && !slices.Contains(allowed, p) && !slices.ContainsFunc(role.Globs, func(g string) bool {
			prefix, _ := strings.CutSuffix(g, "*")
			return strings.HasPrefix(p, prefix)
		}) {
			return nil, bad("token policies (%s) must be subset of the role's allowed policies (%s) or glob policies (%s)",
				quoted(wanted), quoted(allowed), quoted(role.Globs))
		}
	}
	return wanted, nil
}

func quoted(list []string) string { return fmt.Sprintf("%q", append([]string{}, list...)) }

func createByRole(r *request) (*answer, error) {
	role, err := r.roles.get(r.ctx, r.vars["role"])
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, bad("unknown role %s", r.vars["role"])
	}
	return r.create(role)
}

func roleExists(r *request) (bool, error) {
	role, err := r.roles.get(r.ctx, r.vars["role"])
	return role != nil, err
}

func getRole(r *request) (*answer, error) {
	role, err := r.roles.get(r.ctx, r.vars["role"])
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, errMissing
	}
	return ok(map[string]any{"allowed_entity_aliases": nil, "allowed_policies": append([]string{}, role.Allowed...),
		"allowed_policies_glob": append([]string{}, role.Globs...), "disallowed_policies": append([]string{}, role.Disallowed...),
		"disallowed_policies_glob": []string{}, "explicit_max_ttl": 0, "name": role.Name, "orphan": role.Orphan, "path_suffix": role.Suffix,
		"period": 0, "renewable": role.Renewable, "token_explicit_max_ttl": int64(role.ExplicitMax / time.Second), "token_no_default_policy": false,
		"token_period": int64(role.Period / time.Second), "token_type": "default-service"})
}

func putRole(r *request) (*answer, error) {
	name := r.vars["role"]
	var role tokenRole
	role.Name = name
	var err error
	if role.Orphan, err = r.flag("orphan", false); err != nil {
		return nil, err
	}
	if role.Renewable, err = r.flag("renewable", true); err != nil {
		return nil, err
	}
	for field, to := range map[string]*time.Duration{"token_period": &role.Period, "period": &role.Period,
		"token_explicit_max_ttl": &role.ExplicitMax, "explicit_max_ttl": &role.ExplicitMax} {
		if r.has(field) {
			if *to, err = r.lasts(field); err != nil {
				return nil, err
			}
		}
	}
	role.Allowed, role.Disallowed = sanitized(r.list("allowed_policies")), sanitized(r.list("disallowed_policies"))
	role.Globs, role.Suffix = sanitized(r.list("allowed_policies_glob")), r.text("path_suffix")
	return nil, r.roles.put(r.ctx, name, role)
}

func dropRole(r *request) (*answer, error) {
	_, err := r.roles.drop(r.ctx, r.vars["role"])
	return nil, err
}
