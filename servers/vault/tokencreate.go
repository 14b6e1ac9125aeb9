package vault

import (
	"counterpart/internal/cause"
	"fmt"
	"slices"
	"strings"
	"time"
)

func createToken(r *request) (*answer, error) { return r.create(nil) }

// create makes a token as the request and a role want it.
func (r *request) create(role *tokenRole) (*answer, error) {
	i, err := r.wish(role)
	if err != nil {
		return nil, err
	}
	a := &answer{}
	if i.policies, err = r.childPolicies(role); err != nil {
		return nil, err
	}
	orphan, err := r.flag("no_parent", false)
	if err != nil {
		return nil, err
	}
	v, err := r.acl(r.token)
	if err != nil {
		return nil, err
	}
	sudo := v.Root() || slices.Contains(v.Can(r.full), "sudo")
	switch {
	case orphan && !sudo && (role == nil || !role.Orphan):
		return nil, bad("root or sudo privileges required to create orphan token")
	case i.id != "" && !sudo:
		return nil, bad("root or sudo privileges required to specify token id")
	case i.id != "":
		a.warnings = append(a.warnings, "Supplying a custom ID for the token uses the weaker SHA1 hashing instead of the more secure SHA2-256 HMAC for token obfuscation. SHA1 hashed tokens on the wire leads to less secure lookups.")
	}
	if !orphan && (role == nil || !role.Orphan) && !r.token.batch() {
		i.parent = r.token.ID
		i.entity = r.token.Meta[metaEntity]
	}
	i.owner = r.token.Owner
	if slices.Contains(i.policies, "root") && i.ttl == 0 && i.period == 0 && i.explicit == 0 {
		i.fixed = true
	} else {
		a.warnings = append(a.warnings, i.bound(r.mount)...)
	}
	i.renewal = i.ttl
	if a.auth, err = r.issue(r.ctx, i); err != nil {
		if r, known := cause.Of(err); known && r == cause.Exists {
			return nil, bad("cannot create a token with a duplicate ID")
		}
		return nil, err
	}
	for _, p := range i.policies {
		known, err := r.policies.get(r.ctx, p)
		switch {
		case err != nil:
			return nil, err
		case known == nil && p != "root":
			a.warnings = append(a.warnings, fmt.Sprintf("Policy %q does not exist", p))
		}
	}
	return a, nil
}

// wish is the token as the parameters want it.
func (r *request) wish(role *tokenRole) (i issue, err error) {
	if v, ok := r.fields["ttl"]; ok {
		if i.ttl, err = lasts(v); err != nil {
			return i, bad("%s", err)
		}
	}
	if v, ok := r.fields["explicit_max_ttl"]; ok {
		if i.explicit, err = lasts(v); err != nil {
			return i, bad("%s", err)
		}
	}
	if v, ok := r.fields["period"]; ok {
		if i.period, err = lasts(v); err != nil {
			return i, bad("%s", err)
		}
	}
	if i.uses, err = r.number("num_uses", 0); err != nil {
		return i, err
	}
	renewable, err := r.flag("renewable", true)
	if err != nil {
		return i, err
	}
	if i.ttl < 0 || i.period < 0 || i.explicit < 0 {
		return i, bad("ttl must be positive")
	}
	if i.uses < 0 {
		return i, bad("number of uses cannot be negative")
	}
	meta, err := r.pairs("meta")
	if err != nil {
		return i, err
	}
	i.fixed, i.id, i.meta, i.path, i.display = !renewable, r.text("id"), meta, r.full, "token"
	if name := r.text("display_name"); name != "" {
		i.display = "token-" + strings.Map(plainName, name)
	}
	switch r.text("type") {
	case "", "service":
	case "batch":
		i.batch = true
	default:
		return i, bad("invalid 'token_type' value")
	}
	if i.batch && i.uses > 0 {
		return i, bad("batch tokens cannot have usage limits")
	}
	if strings.Contains(i.id, ".") {
		return i, bad("custom token ID cannot contain the '.' character")
	}
	if role != nil {
		i.role = role.Name
		i.fixed = i.fixed || !role.Renewable
		i.period = max(i.period, role.Period)
		if role.ExplicitMax > 0 && (i.explicit == 0 || i.explicit > role.ExplicitMax) {
			i.explicit = role.ExplicitMax
		}
		if role.Suffix != "" {
			i.path = strings.TrimSuffix(i.path, "/") + "/" + role.Suffix
		}
	}
	return i, nil
}

// plainName keeps a display name to letters, digits and -.
func plainName(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
		return c
	}
	return '-'
}

// childPolicies are the policies of a new token: a subset of the parent's, unless
// the parent may do everything.
func (r *request) childPolicies(role *tokenRole) ([]string, error) {
	wanted := sanitized(r.list("policies"))
	noDefault, err := r.flag("no_default_policy", false)
	if err != nil {
		return nil, err
	}
	if role != nil && (len(role.Allowed) > 0 || len(role.Disallowed) > 0) {
		return role.policies(wanted)
	}
	switch {
	case len(wanted) == 0:
		return r.token.policies, nil
	case !r.token.isRoot() && (role == nil || role.Name == "" && !role.Orphan):
		for _, p := range wanted {
			if p != "default" && !slices.Contains(r.token.policies, p) {
				return nil, bad("child policies must be subset of parent")
			}
		}
	}
	if slices.Contains(wanted, "root") {
		if !r.token.isRoot() {
			return nil, bad("root tokens may not be created without parent token being root")
		}
		return []string{"root"}, nil
	}
	if noDefault {
		return wanted, nil
	}
	return withDefault(wanted), nil
}

// bound fits the lifetimes of a token to those of its mount, and says so.
func (i *issue) bound(m *mount) (warnings []string) {
	byDefault, most := m.lives()
	if i.explicit > most {
		warnings = append(warnings, tooLong("Explicit max TTL", i.explicit, "system max TTL", most))
		i.explicit = most
	}
	if i.explicit > 0 {
		most = min(most, i.explicit)
	}
	if i.max > 0 {
		most = min(most, i.max)
	}
	if i.ttl == 0 {
		i.ttl = min(byDefault, most)
	}
	if i.ttl > most {
		warnings = append(warnings, capped(i.ttl, most))
		i.ttl = most
	}
	if i.period > most && i.explicit == 0 {
		i.period = most
	}
	i.max = most
	return warnings
}

func tooLong(what string, got time.Duration, than string, most time.Duration) string {
	return fmt.Sprintf("%s of %q is greater than %s of %q; value is capped accordingly", what, short(got), than, short(most))
}

// capped is the warning about a lifetime that is too long.
func capped(got, most time.Duration) string {
	return fmt.Sprintf("TTL of %q exceeded the effective max_ttl of %q; TTL value is capped accordingly", short(got), short(most))
}

// short writes a duration without zeros at its end: 2h, 1h30m, 90s as 1m30s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
