package scenario

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"counterpart/internal/company/world"
)

// Hole is the path of a {{ hole }}, and what stands there now.
type Hole struct{ Path, Value string }

// most people and accounts whose secrets are looked for in what somebody types.
const mostHoles = 2000

// Holes are the secrets of the fleet that somebody could type: the codes that devices show
// now, passwords, what clients are configured with; those of the person first. Nothing is
// used up by asking: YubiKeys, which count each press, are none of them.
func (r *Ran) Holes(person string) (out []Hole) {
	b, ctx := r.run.fleet, context.Background()
	add := func(value string, path string, args ...any) {
		if value != "" {
			out = append(out, Hole{fmt.Sprintf(path, args...), value})
		}
	}
	var users []world.User
	for u := range b.World.Users() {
		if len(users) == mostHoles {
			break
		}
		users = append(users, u)
	}
	slices.SortStableFunc(users, func(x, y world.User) int { return rank(x.Name, person) - rank(y.Name, person) })
	for _, u := range users {
		at := "users" + part(u.Name)
		if password, err := b.Logins.Password(ctx, u.ID); err == nil {
			add(password, "%s.password", at)
		}
		devices, err := b.Factors.Devices(ctx, u.ID)
		if err != nil {
			continue
		}
		first := true
		for _, d := range devices {
			code, _, err := b.Factors.Current(ctx, d.ID)
			if err != nil {
				continue
			}
			if first {
				add(code, "%s.otp", at)
			}
			first = false
			add(code, "%s.devices%s", at, quoted(d.ID))
		}
	}
	n := 0
	for a := range b.World.Accounts() {
		if n++; n > mostHoles {
			break
		}
		if secret, _, err := b.SecretOf(ctx, a.ID); err == nil {
			add(secret, "accounts%s.password", quoted(a.ID))
		}
	}
	for c := range b.World.Clients() {
		add(c.Secret, "clients%s.secret", part(c.Name))
	}
	for _, server := range slices.Sorted(maps.Keys(b.Facts())) {
		for _, f := range b.Facts()[server] {
			if f.Secret {
				add(f.Value, "%s.%s", server, f.Name)
			}
		}
	}
	return out
}

func rank(name, person string) int {
	if name == person {
		return 0
	}
	return 1
}

var plainWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// part is a step of a path: .alice, or ["a.b"].
func part(name string) string {
	if plainWord.MatchString(name) {
		return "." + name
	}
	return quoted(name)
}

func quoted(name string) string { return `["` + name + `"]` }
