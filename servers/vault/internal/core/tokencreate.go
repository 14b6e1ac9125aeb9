package core

import (
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
)

func createToken(r *Request) (*Answer, error) { return r.create(nil, false) }

func createOrphan(r *Request) (*Answer, error) { return r.create(nil, true) }

// customID is the warning about a token that its maker has chosen.
const customID = "Supplying a custom ID for the token uses the weaker SHA1 hashing instead of the more secure SHA2-256 HMAC for token obfuscation. SHA1 hashed tokens on the wire leads to less secure lookups."

// create makes a token as the request and a role want it. orphan: at the path
// that makes orphans.
func (r *Request) create(role *tokenRole, orphan bool) (*Answer, error) {
	switch {
	case r.Token.Batch():
		return nil, BadRequest("batch tokens cannot create more tokens")
	case r.Token.counted:
		return nil, BadRequest("restricted use token cannot generate child tokens")
	}
	acl, err := r.ACL(r.Token)
	if err != nil {
		return nil, err
	}
	sudo := acl.Root() || slices.Contains(acl.Can(r.full), "sudo")
	i, err := r.wish(role, sudo)
	if err != nil {
		return nil, err
	}
	if i.policies, err = r.childPolicies(role, sudo); err != nil {
		return nil, err
	}
	if err := r.mayBeRoot(&i); err != nil {
		return nil, err
	}
	alone, err := r.Bool("no_parent", false)
	if err != nil {
		return nil, err
	}
	switch {
	case role != nil:
		orphan = role.Orphan
	case alone && !sudo:
		return nil, BadRequest("root or sudo privileges required to create orphan token")
	default:
		orphan = orphan || alone
	}
	if !orphan {
		i.parent = r.Token.ID
		if i.entity == "" {
			i.entity = r.Token.Data.Entity
		}
	}
	a := &Answer{Warnings: slices.Concat(r.lives(role, &i), i.bound(r.Mount))}
	isRoot := slices.Contains(i.policies, "root")
	if isRoot && i.ttl == 0 && !r.Token.Expires.IsZero() {
		return nil, BadRequest("expiring root tokens cannot create non-expiring root tokens")
	}
	if i.id != "" {
		a.Warnings = append(a.Warnings, customID)
	}
	for _, name := range i.policies {
		text, err := r.Policies.Get(r.Ctx, name)
		if err != nil {
			return nil, err
		}
		if text == nil && name != "root" {
			a.Warnings = append(a.Warnings, `Policy "`+name+`" does not exist`)
		}
	}
	if a.auth, err = r.issue(r.Ctx, i); err != nil {
		if r, known := cause.Of(err); known && r == cause.Exists {
			return nil, BadRequest("cannot create a token with a duplicate ID")
		}
		return nil, err
	}
	return a, nil
}

// mayBeRoot refuses a token with the policy root that the caller may not make.
func (r *Request) mayBeRoot(i *issue) error {
	switch {
	case !slices.Contains(i.policies, "root"):
		return nil
	case !r.Token.isRoot():
		return BadRequest("root tokens may not be created without parent token being root")
	case i.batch:
		return BadRequest("batch tokens cannot be root tokens")
	}
	i.isRoot = true
	return nil
}

// wish is the token as the parameters want it.
func (r *Request) wish(role *tokenRole, sudo bool) (i issue, err error) {
	if i.batch, err = r.wantsBatch(role); err != nil {
		return i, err
	}
	if i.uses, err = r.Int("num_uses", 0); err != nil {
		return i, err
	}
	renewable, err := r.Bool("renewable", true)
	if err != nil {
		return i, err
	}
	if i.meta, err = r.KeyValues("meta"); err != nil {
		return i, err
	}
	if i.uses < 0 {
		return i, BadRequest("number of uses cannot be negative")
	}
	lease := "ttl"
	if !r.Has("ttl") {
		lease = "lease"
	}
	for _, x := range []struct {
		name string
		to   *time.Duration
	}{{"explicit_max_ttl", &i.explicit}, {"period", &i.period}, {lease, &i.ttl}} {
		if *x.to, err = ParseDuration(r.Fields[x.name]); err != nil {
			return i, BadRequest("%s", err)
		}
		if *x.to < 0 {
			return i, BadRequest("%s must be positive", x.name)
		}
	}
	i.id, i.fixed, i.path, i.owner = r.Text("id"), !renewable, r.full, r.Token.Owner
	i.display = "token"
	if name := r.Text("display_name"); name != "" {
		i.display = strings.TrimSuffix("token-"+strings.Map(plainName, name), "-")
	}
	if err := i.judge(sudo); err != nil {
		return i, err
	}
	if role == nil {
		if r.Text("entity_alias") != "" {
			return i, BadRequest("'entity_alias' is only allowed in combination with token role")
		}
		return i, nil
	}
	i.role, i.fixed, i.cidrs = role.Name, i.fixed || !role.Renewable, role.CIDRs
	if role.NumUses > 0 && (i.uses == 0 || i.uses > role.NumUses) {
		i.uses = role.NumUses
	}
	if role.Suffix != "" {
		i.path = strings.TrimSuffix(i.path, "/") + "/" + role.Suffix
	}
	if alias := r.Text("entity_alias"); alias != "" {
		if !slices.ContainsFunc(role.EntityAliases, func(g string) bool { return MatchGlob(g, strings.ToLower(alias)) }) {
			return i, BadRequest("invalid 'entity_alias' value")
		}
		i.entity, err = r.EntityOf(r.Ctx, r.Mount, strings.ToLower(alias))
	}
	return i, err
}

// judge refuses wishes that contradict each other, or that need sudo.
func (i *issue) judge(sudo bool) error {
	switch {
	case i.batch && i.uses > 0:
		return BadRequest(`batch tokens cannot have "num_uses" set`)
	case i.batch && i.explicit > 0:
		return BadRequest(`batch tokens cannot have "explicit_max_ttl" set`)
	case i.batch && i.period > 0:
		return BadRequest(`batch tokens cannot have "period" set`)
	case i.id != "" && !sudo:
		return BadRequest("root or sudo privileges required to specify token id")
	case strings.HasPrefix(i.id, "hvs."), strings.HasPrefix(i.id, "s."):
		prefix, _, _ := strings.Cut(i.id, ".")
		return BadRequest("custom token ID cannot have the '%s.' prefix", prefix)
	case strings.Contains(i.id, "."):
		return BadRequest("custom token ID cannot have a '.' in the value")
	case i.period > 0 && !sudo:
		return BadRequest("root or sudo privileges required to create periodic token")
	}
	return nil
}

// wantsBatch is the type that the parameter and the role come to.
func (r *Request) wantsBatch(role *tokenRole) (bool, error) {
	asked := r.Text("type")
	if asked != "" && asked != "service" && asked != "batch" {
		return false, BadRequest("invalid 'token_type' value")
	}
	if role != nil {
		switch role.Type {
		case "service", "batch":
			return role.Type == "batch", nil
		case "default-batch":
			return asked != "service", nil
		}
	}
	return asked == "batch", nil
}

// plainName keeps a display name to letters, digits and -.
func plainName(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
		return c
	}
	return '-'
}

// childPolicies are the policies of a new token: what a role allows, or else a
// subset of the parent's, unless the parent may do everything here.
func (r *Request) childPolicies(role *tokenRole, sudo bool) ([]string, error) {
	wanted := r.Strings("policies")
	noDefault, err := r.Bool("no_default_policy", false)
	if err != nil {
		return nil, err
	}
	switch {
	case role != nil && role.restricts():
		return role.policies(wanted, r.Token.Data.Policies, noDefault)
	case len(wanted) == 0:
		return r.Token.Data.Policies, nil
	case !sudo:
		for _, p := range SanitizePolicies(wanted) {
			if !slices.Contains(r.Token.Data.Policies, p) && (p != "default" || noDefault) {
				return nil, BadRequest("child policies must be subset of parent")
			}
		}
		return tokenPolicies(wanted, !noDefault && slices.Contains(r.Token.Data.Policies, "default")), nil
	}
	return tokenPolicies(wanted, !noDefault), nil
}

// tokenPolicies are the policies of a token: root stands alone, and default is
// there or not.
func tokenPolicies(wanted []string, byDefault bool) []string {
	clean := SanitizePolicies(wanted)
	if slices.Contains(clean, "root") {
		return []string{"root"}
	}
	if byDefault {
		return withDefault(clean)
	}
	return slices.DeleteFunc(clean, func(p string) bool { return p == "default" })
}
