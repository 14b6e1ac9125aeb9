package system

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"counterpart/servers/vault/internal/core"
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

func policyPaths() []*core.Path {
	var out []*core.Path
	for _, legacy := range []bool{false, true} {
		at := "policies/acl"
		if legacy {
			at = "policy"
		}
		of := func(h func(*core.Request, bool) (*core.Answer, error)) core.Handler {
			return func(r *core.Request) (*core.Answer, error) { return h(r, legacy) }
		}
		list := map[core.Operation]core.Handler{core.OpList: of(listPolicies)}
		if legacy {
			list[core.OpRead] = of(listPolicies)
		}
		out = append(out,
			&core.Path{Pattern: at, Name: "policies", Ops: list},
			&core.Path{Pattern: at + "/*name", Name: "policies", Ops: map[core.Operation]core.Handler{core.OpRead: of(getPolicy), core.OpWrite: of(putPolicy), core.OpDelete: of(dropPolicy)}})
	}
	for _, which := range []string{"capabilities", "capabilities-self", "capabilities-accessor"} {
		out = append(out, &core.Path{Pattern: which, Name: which, Ops: map[core.Operation]core.Handler{core.OpWrite: func(r *core.Request) (*core.Answer, error) { return capabilities(r, which) }}})
	}
	return out
}

func listPolicies(r *core.Request, legacy bool) (*core.Answer, error) {
	names, err := r.Policies.Names(r.Ctx, "")
	if err != nil {
		return nil, err
	}
	names = append(names, "root")
	data := map[string]any{"keys": names}
	if legacy {
		data["policies"] = names
	}
	return &core.Answer{Twin: legacy, Data: data}, nil
}

func getPolicy(r *core.Request, legacy bool) (*core.Answer, error) {
	name := strings.ToLower(r.Vars["name"])
	text, err := r.Policies.Get(r.Ctx, name)
	if err != nil {
		return nil, err
	}
	if text == nil && name != "root" {
		return nil, core.ErrNotFound
	}
	if text == nil {
		text = new(string)
	}
	data := map[string]any{"name": name}
	if r.Flavour.Bao {
		data["version"], data["cas_required"] = 0, false
		if name != "root" {
			data["version"], data["modified"] = 1, core.FormatTime(r.Started)
		}
	}
	if legacy {
		data["rules"] = *text
		return &core.Answer{Twin: true, Data: data}, nil
	}
	data["policy"] = *text
	return core.OK(data)
}

func putPolicy(r *core.Request, legacy bool) (*core.Answer, error) {
	name := strings.ToLower(r.Vars["name"])
	text, a := r.Text("policy"), &core.Answer{}
	if text == "" && legacy {
		if text = r.Text("rules"); text != "" {
			a.Warnings = append(a.Warnings, "'rules' is deprecated, please use 'policy' instead")
		}
	}
	if text == "" {
		return nil, core.BadRequest("'policy' parameter not supplied or empty")
	}
	if name == "root" {
		return nil, core.BadRequest("cannot update %q policy", name)
	}
	if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
		text = string(plain)
	}
	if _, err := policy.Parse(name, text); err != nil {
		return nil, core.BadRequest("%s", err)
	}
	if err := r.Policies.Put(r.Ctx, name, text, time.Time{}); err != nil {
		return nil, err
	}
	if name != r.Vars["name"] {
		a.Warnings = append(a.Warnings, "policy name was converted to "+name)
	}
	if a.Warnings == nil {
		return nil, nil
	}
	return a, nil
}

func dropPolicy(r *core.Request, legacy bool) (*core.Answer, error) {
	switch name := strings.ToLower(r.Vars["name"]); name {
	case "root":
		return nil, core.BadRequest("cannot delete %q policy", name)
	case "default":
		return nil, core.BadRequest("cannot delete default policy")
	default:
		_, err := r.Policies.Delete(r.Ctx, name)
		return nil, err
	}
}

// capabilities tells what a token may do on paths.
func capabilities(r *core.Request, which string) (*core.Answer, error) {
	paths := r.List("paths")
	if len(paths) == 0 {
		paths = r.List("path")
	}
	if len(paths) == 0 {
		return nil, core.BadRequest("paths must be supplied")
	}
	t, err := subject(r, which)
	if err != nil {
		return nil, err
	}
	acl, err := r.ACL(t)
	if err != nil {
		return nil, err
	}
	data := map[string]any{}
	for _, p := range paths {
		if p == "" {
			return nil, core.BadRequest("%s", core.OneError("missing path"))
		}
		can := slices.Clone(acl.Can(strings.TrimPrefix(p, "/")))
		data[p] = can
		if len(paths) == 1 {
			data["capabilities"] = can
		}
	}
	return &core.Answer{Twin: true, Data: data}, nil
}

// subject is the token whose capabilities are asked for.
func subject(r *core.Request, which string) (t *core.Token, err error) {
	switch which {
	case "capabilities":
		if r.Text("token") == "" {
			return nil, core.Faulty("no token found")
		}
		if t, err = r.LookUp(r.Ctx, r.Text("token")); err != nil {
			err = r.AsRefusal(err, core.OneError("invalid token"))
		}
	case "capabilities-accessor":
		if r.Text("accessor") == "" {
			return nil, core.BadRequest("missing accessor")
		}
		if t, err = r.ByAccessor(r.Ctx, r.Text("accessor")); err != nil {
			err = r.AsRefusal(err, core.OneError("invalid accessor"))
		}
	default:
		t = r.Token
	}
	return t, err
}

// LoadPolicies seeds the ACL policies.
func LoadPolicies(s *core.Server) error {
	text := defaultPolicy(s.Flavour.Bao)
	s.Policies.Seed("default", &text)
	for i, p := range s.Settings.Policies {
		if strings.EqualFold(p.Name, "root") {
			return fmt.Errorf("policies[%d]: the policy root cannot be written", i)
		}
		if _, err := policy.Parse(p.Name, p.HCL); err != nil {
			return fmt.Errorf("policies[%d] (%s): %w", i, p.Name, err)
		}
		s.Policies.Seed(strings.ToLower(p.Name), &p.HCL)
	}
	return nil
}
