package mutation

import (
	"iter"
	"strings"

	"counterpart/internal/company/world"
	"counterpart/internal/serving/fault/edit"
)

// swap is a value with the one of somebody or something else.
type swap struct {
	what, from, to string
	aside          bool // it belongs to somebody, and a plugin may not know whom
}

// swaps are the values that say whom and what a session is about, with those of others.
func (b *baseline) swaps(draw int) (out []swap) {
	add := func(what, from, to string) {
		if from != "" && to != "" && !strings.EqualFold(from, to) {
			out = append(out, swap{what: what, from: from, to: to})
		}
	}
	c := b.c.Connection
	people := []string{c.Gateway.User, c.Server.User}
	for _, call := range b.played().Calls {
		people = append(people, call.GatewayUser)
	}
	for _, name := range people {
		u, ok := b.facts.User(name)
		if !ok {
			continue
		}
		o, ok := pick(b.facts.Written(), draw, func(o world.User) bool { return o.ID != u.ID && o.Email != "" })
		if !ok {
			continue
		}
		for _, pair := range [][2]string{{u.ID, o.ID}, {u.Name, o.Name}, {u.Email, o.Email}, {u.DisplayName, o.DisplayName}} {
			add("user", pair[0], pair[1])
		}
		for i, d := range b.facts.DevicesOf(u.ID) {
			if others := b.facts.DevicesOf(o.ID); len(others) > 0 {
				out = append(out, swap{what: "user", from: d.ID, to: others[i%len(others)].ID, aside: true})
			}
		}
	}
	for _, asset := range []string{c.Server.Hostname, c.Server.IP} {
		if a, ok := b.facts.Account(asset, c.Server.User); ok {
			if o, ok := pick(b.facts.WrittenAccounts(), draw, func(o world.Account) bool { return o.Name != a.Name }); ok {
				add("account", a.ID, o.ID)
				add("account", a.Name, o.Name)
			}
			break
		}
	}
	for t := range b.facts.Tickets() {
		for _, p := range b.played().Prompts {
			if p.Answer.Text != t.ID {
				continue
			}
			if o, ok := pick(b.facts.Tickets(), draw, func(o world.Ticket) bool { return o.ID != t.ID && o.System == t.System }); ok {
				add("ticket", t.ID, o.ID)
			}
		}
	}
	return out
}

// pick is one of those that are good, another one for another draw.
func pick[T any](all iter.Seq[T], draw int, good func(T) bool) (out T, ok bool) {
	var fit []T
	for v := range all {
		if good(v) {
			fit = append(fit, v)
		}
		if len(fit) > 100 {
			break
		}
	}
	if len(fit) == 0 {
		return out, false
	}
	return fit[draw%len(fit)], true
}

// foreign are the changes that make an answer one about another user, account or ticket:
// all parts that say so, at once.
func foreign(fields []edit.Field, swaps []swap) (out []stranger) {
	for _, what := range []string{"user", "account", "ticket"} {
		s := stranger{what: what}
		for _, f := range fields {
			if f.Type != edit.Text || strings.HasPrefix(f.Path, "header.") || f.Path == "status" {
				continue
			}
			for _, x := range swaps {
				if x.what == what && strings.EqualFold(f.Value, x.from) {
					s.changes = append(s.changes, edit.Change{Field: f.Path, As: edit.Replaced, Value: x.to})
					s.named = s.named || !x.aside
					break
				}
			}
			if len(s.changes) == mostChanges {
				break
			}
		}
		if s.named {
			out = append(out, s)
		}
	}
	return out
}

type stranger struct {
	what    string
	changes []edit.Change
	named   bool // one of them names whom or what it is about
}

// mostChanges of one answer at once.
const mostChanges = 20
