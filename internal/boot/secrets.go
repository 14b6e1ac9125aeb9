package boot

import (
	"counterpart/internal/factor"
	"counterpart/internal/world"
)

// known adds every secret that a world holds.
func known(w *world.World, add func(whose, secret string)) {
	for u := range w.Users() {
		add("user "+u.ID, u.Password)
		for _, d := range w.DevicesOf(u.ID) {
			for _, s := range append(factor.Secrets(d), d.Codes...) {
				add("device "+d.ID, s)
			}
		}
	}
	for a := range w.Accounts() {
		add("account "+a.ID, a.Password)
		for _, k := range a.Keys {
			add("account "+a.ID, k.PEM)
		}
	}
	for c := range w.Clients() {
		add("client "+c.ID, c.Secret)
	}
}
