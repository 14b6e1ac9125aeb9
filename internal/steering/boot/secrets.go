package boot

import (
	"slices"
	"strings"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/redact"
	"counterpart/seed"
)

// known adds every secret that a world holds but for those that it generates, which
// the journal reads.
func known(w *world.World, add func(whose, secret string)) {
	for u := range w.Written() {
		add("user "+u.ID, u.Password)
		for _, d := range w.DevicesOf(u.ID) {
			for _, s := range append(factor.Secrets(d), d.Codes...) {
				add("device "+d.ID, s)
			}
		}
	}
	for a := range w.WrittenAccounts() {
		add("account "+a.ID, w.AccountPassword(a))
		for _, k := range a.Keys {
			add("account "+a.ID, k.PEM)
		}
	}
	for c := range w.Clients() {
		add("client "+c.ID, c.Secret)
	}
}

// public reports a name that everybody in the company knows: a value like it is no
// secret where it stands as a name.
func public(w *world.World, value string) bool {
	if _, ok := w.Login(value); ok {
		return true
	}
	if _, ok := w.UserByMail(value); ok {
		return true
	}
	if _, ok := w.Group(value); ok {
		return true
	}
	if _, ok := w.Asset(value); ok {
		return true
	}
	if _, ok := w.AccountByID(value); ok {
		return true
	}
	for range w.AccountsNamed(value) {
		return true
	}
	o := w.Organization()
	return strings.EqualFold(value, o.Name) || strings.EqualFold(value, o.Domain)
}

// places are the rules of where secrets stand in the messages of each server.
func places(s *seed.Seed, kinds []dialect.Kind) map[string]*redact.Rules {
	out := map[string]*redact.Rules{}
	for _, block := range s.Servers {
		i := slices.IndexFunc(kinds, func(k dialect.Kind) bool { return k.Name == block.Kind })
		if i >= 0 {
			out[block.Name] = redact.New(append(journal.Everywhere(), kinds[i].Secrets...))
		}
	}
	return out
}
