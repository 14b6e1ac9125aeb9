package servers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// replica is one fleet of the demo company over a store.
func replica(t *testing.T, store state.Store, c *clock.Virtual) *boot.Company {
	t.Helper()
	text, err := worlds.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, `
decisions:
  - {verb: deny, user: bob, next: 3, for: 2h}
faults:
  - {id: slow, kind: delay, server: native, args: {for: 1ms}, lasts: 2h}
`...)
	began, err := boot.Started(t.Context(), store, c.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, err := seed.Load("demo.yaml", text, seed.Options{Now: began, FS: worlds.FS})
	if err != nil {
		t.Fatal(err)
	}
	company, err := boot.New(s, boot.Options{Kinds: servers.Table(), Auto: true, Clock: c, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	return company
}

// TestC6FleetsOfOneStoreAgree: two fleets over one store, of which the second is started
// half an hour later, say the same of everything: they count from the same beginning.
func TestC6FleetsOfOneStoreAgree(t *testing.T) {
	for _, during := range []bool{false, true} { // something happens before the second one comes
		c := clock.Frozen(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
		store := state.NewMemory(c)
		a := replica(t, store, c)
		if during {
			if _, err := a.Accounts.Checkout(t.Context(), checkout.Principal{UserID: "alice"}, checkout.Take{AccountID: "root@db01"}); err != nil {
				t.Fatal(err)
			}
		}
		c.Advance(30 * time.Minute)
		b := replica(t, store, c)
		same := func(when string) {
			t.Helper()
			one, err1 := a.Export(t.Context())
			two, err2 := b.Export(t.Context())
			if err1 != nil || err2 != nil || string(one) != string(two) {
				t.Errorf("%s: exports differ: %v %v\n%s", when, err1, err2, firstDifference(string(one), string(two)))
			}
			for _, account := range []string{"root@db01", "postgres@db01", "root@web01", "Administrator@win01"} {
				x, err1 := a.Accounts.Reveal(t.Context(), account, checkout.Which{})
				y, err2 := b.Accounts.Reveal(t.Context(), account, checkout.Which{})
				if err1 != nil || err2 != nil || x.Value != y.Value || x.Version != y.Version || !x.Since.Equal(y.Since) {
					t.Errorf("%s: %s is %+v here and %+v there (%v, %v)", when, account, x, y, err1, err2)
				}
			}
			for u := range a.World.Users() {
				x, err1 := a.Logins.Standing(t.Context(), u.ID)
				y, err2 := b.Logins.Standing(t.Context(), u.ID)
				if fmt.Sprint(x, err1) != fmt.Sprint(y, err2) {
					t.Errorf("%s: %s stands at %v (%v) here and at %v (%v) there", when, u.ID, x, err1, y, err2)
				}
			}
		}
		same("at once")
		for range 4 {
			c.Advance(26 * time.Hour)
			same("a day later")
		}
		if d, err := b.Decisions.List(t.Context()); err != nil || len(d) > 0 {
			t.Errorf("an order of the seed that is over: %v, %v", d, err)
		}
	}
}

// TestC6AnotherSeedIsRefused: a store belongs to the fleet of one seed.
func TestC6AnotherSeedIsRefused(t *testing.T) {
	c := clock.Frozen(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	store := state.NewMemory(c)
	replica(t, store, c)
	text, err := worlds.Open("minimal")
	if err != nil {
		t.Fatal(err)
	}
	s, err := seed.Load("minimal.yaml", text, seed.Options{Now: c.Now(), FS: worlds.FS})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := boot.New(s, boot.Options{Kinds: servers.Table(), Auto: true, Clock: c, Store: store}); err == nil || !strings.Contains(err.Error(), "another seed") {
		t.Errorf("another seed: %v", err)
	}
}

// firstDifference shows where two texts part.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("%.300s\n%.300s", x[i], y[i])
		}
	}
	return fmt.Sprintf("%d lines, %d lines", len(x), len(y))
}
