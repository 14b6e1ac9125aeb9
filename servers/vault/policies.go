package vault

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"counterpart/servers/vault/internal/policy"
)

// defaultPolicy is what every token may do unless it was made without.
func defaultPolicy(bao bool) string {
	type grant struct{ path, can string }
	grants := []grant{{"auth/token/lookup-self", "read"}, {"auth/token/renew-self", "update"}, {"auth/token/revoke-self", "update"},
		{"sys/capabilities-self", "update"}, {"identity/entity/id/{{identity.entity.id}}", "read"}, {"identity/entity/name/{{identity.entity.name}}", "read"},
		{"sys/internal/ui/resultant-acl", "read"}, {"sys/leases/renew", "update"}, {"sys/leases/lookup", "update"},
		{"cubbyhole/*", "create read update delete list"}, {"sys/wrapping/wrap", "update"}, {"sys/wrapping/lookup", "update"},
		{"sys/wrapping/unwrap", "update"}, {"sys/tools/hash", "update"}, {"sys/tools/hash/*", "update"}, {"sys/control-group/request", "update"},
		{"identity/oidc/provider/+/authorize", "read update"}}
	if !bao {
		grants = append(grants, grant{"sys/renew", "update"})
	}
	var b strings.Builder
	for _, g := range grants {
		fmt.Fprintf(&b, "path %q {\n  capabilities = [%s]\n}\n", g.path, `"`+strings.ReplaceAll(g.can, " ", `", "`)+`"`)
	}
	return b.String()
}

func policyPaths() []*pathSpec {
	var out []*pathSpec
	for _, legacy := range []bool{false, true} {
		at := "policies/acl"
		if legacy {
			at = "policy"
		}
		of := func(h func(*request, bool) (*answer, error)) handler {
			return func(r *request) (*answer, error) { return h(r, legacy) }
		}
		list := map[operation]handler{opList: of(listPolicies)}
		if legacy {
			list[opRead] = of(listPolicies)
		}
		out = append(out,
			&pathSpec{pattern: at, name: "policies", ops: list},
			&pathSpec{pattern: at + "/*name", name: "policies", ops: map[operation]handler{opRead: of(getPolicy), opWrite: of(putPolicy), opDelete: of(dropPolicy)}})
	}
	for _, which := range []string{"capabilities", "capabilities-self", "capabilities-accessor"} {
		out = append(out, &pathSpec{pattern: which, name: which, ops: map[operation]handler{opWrite: func(r *request) (*answer, error) { return capabilities(r, which) }}})
	}
	return out
}

func listPolicies(r *request, legacy bool) (*answer, error) {
	names, err := r.policies.Names(r.ctx, "")
	if err != nil {
		return nil, err
	}
	names = append(names, "root")
	data := map[string]any{"keys": names}
	if legacy {
		data["policies"] = names
	}
	return &answer{twin: legacy, data: data}, nil
}

func getPolicy(r *request, legacy bool) (*answer, error) {
	name := strings.ToLower(r.vars["name"])
	text, err := r.policies.Get(r.ctx, name)
	if err != nil {
		return nil, err
	}
	if text == nil && name != "root" {
		return nil, errMissing
	}
	if text == nil {
		text = new(string)
	}
	data := map[string]any{"name": name}
	if r.flavour.bao {
		data["version"], data["cas_required"] = 0, false
		if name != "root" {
			data["version"], data["modified"] = 1, stamp(r.started)
		}
	}
	if legacy {
		data["rules"] = *text
		return &answer{twin: true, data: data}, nil
	}
	data["policy"] = *text
	return ok(data)
}

func putPolicy(r *request, legacy bool) (*answer, error) {
	name := strings.ToLower(r.vars["name"])
	text, a := r.text("policy"), &answer{}
	if text == "" && legacy {
		if text = r.text("rules"); text != "" {
			a.warnings = append(a.warnings, "'rules' is deprecated, please use 'policy' instead")
		}
	}
	if text == "" {
		return nil, bad("'policy' parameter not supplied or empty")
	}
	if name == "root" {
		return nil, bad("cannot update %q policy", name)
	}
	if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
		text = string(plain)
	}
	if _, err := policy.Parse(name, text); err != nil {
		return nil, bad("%s", err)
	}
	if err := r.policies.Put(r.ctx, name, text, time.Time{}); err != nil {
		return nil, err
	}
	if name != r.vars["name"] {
		a.warnings = append(a.warnings, "policy name was converted to "+name)
	}
	if a.warnings == nil {
		return nil, nil
	}
	return a, nil
}

func dropPolicy(r *request, legacy bool) (*answer, error) {
	switch name := strings.ToLower(r.vars["name"]); name {
	case "root":
		return nil, bad("cannot delete %q policy", name)
	case "default":
		return nil, bad("cannot delete default policy")
	default:
		_, err := r.policies.Delete(r.ctx, name)
		return nil, err
	}
}

// capabilities tells what a token may do on paths.
func capabilities(r *request, which string) (*answer, error) {
	paths := r.list("paths")
	if len(paths) == 0 {
		paths = r.list("path")
	}
	if len(paths) == 0 {
		return nil, bad("paths must be supplied")
	}
	t, err := r.subject(which)
	if err != nil {
		return nil, err
	}
	acl, err := r.acl(t)
	if err != nil {
		return nil, err
	}
	data := map[string]any{}
	for _, p := range paths {
		if p == "" {
			return nil, bad("%s", one("missing path"))
		}
		can := slices.Clone(acl.Can(strings.TrimPrefix(p, "/")))
		data[p] = can
		if len(paths) == 1 {
			data["capabilities"] = can
		}
	}
	return &answer{twin: true, data: data}, nil
}

// subject is the token whose capabilities are asked for.
func (r *request) subject(which string) (t *token, err error) {
	switch which {
	case "capabilities":
		if r.text("token") == "" {
			return nil, faulty("no token found")
		}
		if t, err = r.look(r.ctx, r.text("token")); err != nil {
			err = r.asRefusal(err, one("invalid token"))
		}
	case "capabilities-accessor":
		if r.text("accessor") == "" {
			return nil, bad("missing accessor")
		}
		if t, err = r.byAccessor(r.ctx, r.text("accessor")); err != nil {
			err = r.asRefusal(err, one("invalid accessor"))
		}
	default:
		t = r.token
	}
	return t, err
}
