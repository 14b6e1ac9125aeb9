package boot_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/redis"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// until asks again and again, for some seconds of real time.
func until(t *testing.T, what string, good func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !good(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never comes that %s", what)
		}
	}
}

// TestAStoreIsEmptied: the fleet begins again by itself, as after a reset, and its time
// goes on.
func TestAStoreIsEmptied(t *testing.T) {
	server := miniredis.RunT(t)
	var said lines
	var all []*boot.Company
	for range 2 {
		c := clock.Frozen(noon)
		store, err := redis.Open(t.Context(), "redis://"+server.Addr(), redis.Options{Clock: c})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		began, err := boot.Started(t.Context(), store, noon)
		if err != nil {
			t.Fatal(err)
		}
		s, err := seed.Load("replicas.yaml", []byte(steered), seed.Options{Now: began, FS: worlds.FS})
		if err != nil {
			t.Fatal(err)
		}
		company, err := boot.New(s, boot.Options{Kinds: servers.Table(), Clock: c, Auto: true, Store: store, Host: "127.0.0.1", Log: slog.New(slog.NewTextHandler(&said, nil))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { company.Close() })
		all = append(all, company)
	}
	a, b := all[0], all[1]
	for round := range 3 {
		if _, err := a.Replicas.Move(t.Context(), clock.Change{Advance: time.Hour}); err != nil {
			t.Fatal(err)
		}
		now := a.Clock.Now()
		if _, err := b.Faults.Add(fault.Rule{ID: "more", Kind: fault.Reset, Times: 1}); err != nil {
			t.Fatal(err)
		}
		if _, hit := a.Faults.Hit(fault.Subject{Op: "x"}, fault.Hang); hit {
			t.Error("a rule that is not there strikes")
		}
		if err := state.Of[int](a.Store, "domain/x").Put(t.Context(), "x", 1, time.Time{}); err != nil {
			t.Fatal(err)
		}
		for i, c := range all {
			c.Journal.Record(journal.Entry{At: now, Server: "vault", Op: "before"})
			if _, err := c.Replicas.Sync(t.Context()); err != nil {
				t.Fatal(i, err)
			}
		}
		last := b.Journal.Recorded()

		server.FlushAll()
		if err := a.Health(t.Context()); err != nil && !strings.Contains(err.Error(), "emptied") {
			t.Errorf("round %d: at once it is %v", round, err) // nil: it has been quick
		}
		for i, c := range all {
			until(t, "it is ready again", func() bool { return c.Health(t.Context()) == nil })
			if got, frozen := c.Clock.Shows(); !got.Equal(now) || !frozen {
				t.Errorf("round %d: %d shows %v, frozen %v", round, i, got, frozen)
			}
			until(t, "the rules are those of the seed", func() bool { r := c.Faults.Rules(); return len(r) == 1 && r[0].ID == "slow" })
			if orders, err := c.Decisions.List(t.Context()); err != nil || len(orders) != 1 {
				t.Errorf("round %d: %d has the orders %v %v", round, i, orders, err)
			}
			until(t, "all replicas are on record", func() bool { all, err := c.Replicas.List(t.Context()); return err == nil && len(all) == 2 })
			if silent, err := c.Replicas.Sync(t.Context()); err != nil || len(silent) > 0 {
				t.Errorf("round %d: %v %v", round, silent, err)
			}
		}
		if tables, err := a.Store.Tables(t.Context(), "domain/x"); err != nil || len(tables) != 0 {
			t.Errorf("round %d: there is still %v %v", round, tables, err)
		}
		for i, c := range all {
			page := c.Journal.Since(0, journal.Match{}, 0)
			if len(page.Entries) != 1 || page.Entries[0].Op != "store emptied" || page.Dropped != 0 {
				t.Errorf("round %d: the journal of %d has %+v", round, i, page)
			}
			if page := c.Journal.Since(last+100, journal.Match{}, 0); !page.Missed {
				t.Errorf("round %d: who had read further is told %+v", round, page)
			}
		}
		if n := strings.Count(said.String(), "the fleet begins again as its seed says"); n != round+1 {
			t.Errorf("round %d: %d say so: %s", round, n, said.String())
		}
	}
}

// deaf is a store that does not tell when it was emptied.
type deaf struct{ state.Store }

// TestNotReadyUntilBegunAgain: whoever has not begun again with the others is not ready,
// whether nobody has yet or another replica was quicker.
func TestNotReadyUntilBegunAgain(t *testing.T) {
	server := miniredis.RunT(t)
	replica := func(hears bool) *boot.Company {
		c := clock.Frozen(noon)
		var store state.Store
		store, err := redis.Open(t.Context(), "redis://"+server.Addr(), redis.Options{Clock: c})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		if !hears {
			store = deaf{store}
		}
		s, err := seed.Load("replicas.yaml", []byte(steered), seed.Options{Now: noon, FS: worlds.FS})
		if err != nil {
			t.Fatal(err)
		}
		company, err := boot.New(s, boot.Options{Kinds: servers.Table(), Clock: c, Auto: true, Store: store, Host: "127.0.0.1", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { company.Close() })
		return company
	}
	emptied := func(c *boot.Company) {
		t.Helper()
		if err := c.Health(t.Context()); !errors.Is(err, state.ErrUnavailable) || !strings.Contains(err.Error(), "emptied") {
			t.Errorf("it is %v", err)
		}
	}
	late := replica(false)
	if err := late.Health(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.FlushAll()
	emptied(late)

	server = miniredis.RunT(t)
	late, quick := replica(false), replica(true)
	for range 3 { // at a clock that stands
		server.FlushAll()
		until(t, "the quick one is ready", func() bool { return quick.Health(t.Context()) == nil })
		emptied(late)
	}
}

// TestAnExportIsPutInPlaceOnce: who joins the fleet of an export writes none of its records
// over what they have become.
func TestAnExportIsPutInPlaceOnce(t *testing.T) {
	first := demo(t)
	alice := checkout.Principal{UserID: "alice"}
	lease, err := first.Accounts.Checkout(t.Context(), alice, checkout.Take{AccountID: "root@db01", For: 2 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	text, err := first.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store := statetest.Shared(state.NewMemory(clock.Frozen(noon)))
	join := func() *boot.Company {
		t.Helper()
		s, err := seed.Load("export.yaml", text, seed.Options{Now: noon, FS: worlds.FS})
		if err != nil {
			t.Fatal(err)
		}
		c, err := boot.New(s, boot.Options{Kinds: servers.Table(), Clock: clock.Frozen(noon), Auto: true, Store: store, NoControl: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	a := join()
	if _, err := a.Replicas.Move(t.Context(), clock.Change{Advance: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Accounts.Checkin(t.Context(), alice, lease.ID); err != nil {
		t.Fatal(err)
	}
	want, err := a.Accounts.Reveal(t.Context(), "root@db01", checkout.Which{})
	if err != nil || want.Version != 2 {
		t.Fatalf("%+v %v", want, err)
	}
	b := join()
	if got, err := b.Accounts.Reveal(t.Context(), "root@db01", checkout.Which{}); err != nil || got.Version != want.Version || got.Value != want.Value {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	if l, err := a.Accounts.Lease(t.Context(), alice, lease.ID); err != nil || l.State == checkout.Active {
		t.Errorf("what was given back is lent again: %+v %v", l, err)
	}
	if got, want := b.Clock.Now(), a.Clock.Now(); !got.Equal(want) {
		t.Errorf("the clock shows %v, that of the others %v", got, want)
	}
}
