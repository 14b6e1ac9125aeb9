package decision_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

func book(t testing.TB) (*decision.Overrides, *clock.Virtual) {
	t.Helper()
	w, err := world.New(world.Facts{
		Users:    []world.User{{ID: "alice", Name: "alice", Aliases: []string{"aa"}, Devices: []world.Device{{ID: "alice-phone", UserID: "alice", Kind: world.Push}}}, {ID: "bob", Name: "bob"}},
		Assets:   []world.Asset{{ID: "db01", Name: "db01"}},
		Accounts: []world.Account{{ID: "root@db01", Name: "root", AssetID: "db01"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	return decision.New(w, state.NewMemory(c), c), c
}

func add(t *testing.T, b *decision.Overrides, d decision.Decision) decision.Decision {
	t.Helper()
	d, err := b.Add(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// taken is the verb of the order that s meets, "" for none.
func taken(t *testing.T, b *decision.Overrides, s decision.Subject) decision.Verb {
	t.Helper()
	d, ok, err := b.Take(t.Context(), s)
	if err != nil || ok != (d.ID != "") {
		t.Fatal(d, ok, err)
	}
	return d.Verb
}

var push = decision.Subject{On: decision.Push, User: "alice", Device: "alice-phone"}

func TestAnOrderDecidesWhatItNames(t *testing.T) {
	for name, tt := range map[string]struct {
		order   decision.Decision
		subject decision.Subject
		want    bool
	}{
		"the user's push":             {decision.Decision{Verb: decision.Deny, User: "alice"}, push, true},
		"the user by an alias":        {decision.Decision{Verb: decision.Deny, User: "ACME\\aa"}, push, false},
		"only her pushes":             {decision.Decision{Verb: decision.Deny, User: "alice", On: decision.Push}, decision.Subject{On: decision.Login, User: "alice"}, false},
		"anything of hers":            {decision.Decision{Verb: decision.Deny, User: "alice"}, decision.Subject{On: decision.Login, User: "alice"}, true},
		"somebody else":               {decision.Decision{Verb: decision.Deny, User: "bob"}, push, false},
		"the device":                  {decision.Decision{Verb: decision.Fraud, Device: "alice-phone"}, push, true},
		"a device among several":      {decision.Decision{Verb: decision.Lock, Device: "alice-phone"}, decision.Subject{On: decision.Code, User: "alice", Devices: []string{"x", "alice-phone"}}, true},
		"a device not among them":     {decision.Decision{Verb: decision.Lock, Device: "alice-phone"}, decision.Subject{On: decision.Code, User: "alice", Devices: []string{"x"}}, false},
		"a verb without meaning here": {decision.Decision{Verb: decision.Fraud, User: "alice"}, decision.Subject{On: decision.Login, User: "alice"}, false},
		"the account, by any case":    {decision.Decision{Verb: decision.RequireApproval, Account: "ROOT@db01"}, decision.Subject{On: decision.Checkout, User: "bob", Account: "root@db01"}, true},
		"the ticket":                  {decision.Decision{Verb: decision.Expire, Ticket: "CHG1"}, decision.Subject{On: decision.Ticket, User: "bob", Ticket: "chg1"}, true},
	} {
		b, _ := book(t)
		d, err := b.Add(t.Context(), tt.order)
		if err != nil {
			if tt.want {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if _, peeked, _ := b.Peek(t.Context(), tt.subject); peeked != tt.want {
			t.Errorf("%s: a look says %v", name, peeked)
		}
		if got := taken(t, b, tt.subject) != ""; got != tt.want {
			t.Errorf("%s: %+v decided: %v", name, d, got)
		}
	}
}

func TestTheNextNAndNoMore(t *testing.T) {
	b, _ := book(t)
	add(t, b, decision.Decision{Verb: decision.Deny, User: "alice", Next: 2})
	add(t, b, decision.Decision{Verb: decision.Fraud, User: "alice", Next: 1})
	var got []string
	for range 4 {
		got = append(got, string(taken(t, b, push)))
	}
	if s := strings.Join(got, " "); s != "deny deny fraud " {
		t.Errorf("got %q", s)
	}
	if l, err := b.List(t.Context()); err != nil || len(l) != 0 {
		t.Errorf("left over: %v %v", l, err)
	}
}

func TestTheNextNHoldsUnderARace(t *testing.T) {
	b, _ := book(t)
	add(t, b, decision.Decision{Verb: decision.Deny, User: "alice", Next: 10})
	var n atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, ok, _ := b.Take(context.Background(), push); ok {
				n.Add(1)
			}
		})
	}
	wg.Wait()
	if n.Load() != 10 {
		t.Errorf("%d were decided", n.Load())
	}
}

func TestLiftAndUntil(t *testing.T) {
	b, c := book(t)
	d := add(t, b, decision.Decision{Verb: decision.Deny, User: "alice"})
	for range 5 {
		if taken(t, b, push) != decision.Deny {
			t.Fatal("it holds until lifted")
		}
	}
	if err := b.Lift(t.Context(), d.ID); err != nil || taken(t, b, push) != "" {
		t.Errorf("lifted: %v", err)
	}
	if err := b.Lift(t.Context(), d.ID); !errors.Is(err, cause.NotFound) {
		t.Errorf("lifted twice: %v", err)
	}
	add(t, b, decision.Decision{Verb: decision.Deny, User: "alice", Until: c.Now().Add(time.Minute)})
	c.Advance(time.Minute)
	if l, _ := b.List(t.Context()); len(l) != 0 || taken(t, b, push) != "" {
		t.Errorf("it should have died: %v", l)
	}
	add(t, b, decision.Decision{Verb: decision.Deny, User: "alice"})
	add(t, b, decision.Decision{Verb: decision.Deny, User: "bob"})
	if err := b.Lift(t.Context(), ""); err != nil || taken(t, b, push) != "" {
		t.Errorf("all lifted: %v", err)
	}
}

func TestObeyWaitsOnTheFleetsClock(t *testing.T) {
	b, c := book(t)
	add(t, b, decision.Decision{Verb: decision.Deny, User: "alice", After: time.Hour})
	done := make(chan time.Time)
	go func() {
		b.Apply(context.Background(), push)
		done <- c.Now()
	}()
	for l, _ := b.List(t.Context()); l[0].Used == 0; l, _ = b.List(t.Context()) {
		continue
	}
	at := c.Now()
	c.Advance(time.Hour)
	if got := <-done; got.Sub(at) != time.Hour {
		t.Errorf("it took %s", got.Sub(at))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok, err := b.Apply(ctx, push); ok || err == nil {
		t.Error("nobody waits any more")
	}
}

func TestOrdersThatMakeNoSenseAreRefused(t *testing.T) {
	b, c := book(t)
	for want, d := range map[string]decision.Decision{
		`verb must be one of`:             {Verb: "explode", User: "alice"},
		`say whom or what`:                {Verb: decision.Deny},
		`at least 0`:                      {Verb: decision.Deny, User: "alice", Next: -1},
		"needs `after`":                   {Verb: decision.Delay, User: "alice"},
		`nobody is called "zoe"`:          {Verb: decision.Deny, User: "zoe"},
		`no account "x@y"`:                {Verb: decision.Deny, Account: "x@y"},
		`no device "x"`:                   {Verb: decision.Deny, Device: "x"},
		`on must be one of`:               {Verb: decision.Deny, User: "alice", On: "dinner"},
		`nothing would ever obey "fraud"`: {Verb: decision.Fraud, Account: "root@db01"},
		`has passed`:                      {Verb: decision.Deny, User: "alice", Until: c.Now()},
	} {
		if _, err := b.Add(t.Context(), d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", d, err, want)
		}
	}
	for range 256 {
		add(t, b, decision.Decision{Verb: decision.Deny, User: "bob"})
	}
	if _, err := b.Add(t.Context(), decision.Decision{Verb: decision.Deny, User: "bob"}); !errors.Is(err, cause.RateLimited) {
		t.Errorf("one too many: %v", err)
	}
}

func TestANilBookDecidesNothing(t *testing.T) {
	var b *decision.Overrides
	if _, ok, err := b.Take(t.Context(), push); ok || err != nil {
		t.Error(ok, err)
	}
	if _, ok, err := b.Peek(t.Context(), push); ok || err != nil {
		t.Error(ok, err)
	}
}

func BenchmarkNobodyHasDecided(b *testing.B) {
	k, _ := book(b)
	for b.Loop() {
		k.Take(b.Context(), push)
	}
}
