package checkout_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// account is a desk with one account that bob may use.
func account(t *testing.T, how world.Checkout) (*checkout.Service, *clock.Virtual) {
	t.Helper()
	w, err := world.New(world.Facts{RandomSeed: 1, Users: []world.User{{ID: "bob", Name: "bob"}}, Assets: []world.Asset{{ID: "db01", Name: "db01"}},
		Accounts: []world.Account{{ID: "a@db01", Name: "a", AssetID: "db01", Password: "a-1", Access: world.Access{Users: []string{"bob"}}, Checkout: how}}})
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(noon)
	return checkout.New(checkout.Config{World: w, Store: state.NewMemory(c), Clock: c}), c
}

// story plays the same events on a desk, with or without somebody who writes the
// settled record in between, and tells what is left: version, password, when and why.
func story(t *testing.T, how world.Checkout, seed uint64, look bool) string {
	t.Helper()
	d, c := account(t, how)
	draw := rand.New(rand.NewPCG(seed, 1))
	for range 6 {
		take := checkout.Take{AccountID: "a@db01", For: time.Duration(20+draw.IntN(150)) * time.Minute, Rotate: draw.IntN(2) == 0}
		d.Checkout(t.Context(), bob, take)
		for range draw.IntN(4) {
			c.Advance(time.Duration(draw.IntN(60)) * time.Minute)
			if look { // any edit writes the settled record
				d.Decide(t.Context(), admin, "request-1.a@db01", true, "")
				d.Renew(t.Context(), admin, "lease-1.a@db01", time.Minute)
				d.Checkout(t.Context(), alice, checkout.Take{AccountID: "a@db01"})
				d.Replace(t.Context(), "a@db01", new(string), "never", "a password that it does not have")
			}
		}
	}
	c.Advance(time.Duration(draw.IntN(300)) * time.Minute)
	changes, err := d.History(t.Context(), bob, "a@db01")
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Reveal(t.Context(), "a@db01", checkout.Which{})
	return fmt.Sprint(s.Version, s.Value, s.Since, changes, err)
}

// TestC5TimeAloneDecides: what a reader sees does not depend on who wrote in between.
func TestC5TimeAloneDecides(t *testing.T) {
	for name, how := range map[string]world.Checkout{
		"scheduled":  {Rotate: world.RotateScheduled, Every: time.Hour},
		"on checkin": {Rotate: world.RotateOnCheckin},
		"exclusive":  {Rotate: world.RotateScheduled, Every: 45 * time.Minute, Exclusive: true},
	} {
		for seed := range uint64(300) {
			if a, b := story(t, how, seed, false), story(t, how, seed, true); a != b {
				t.Fatalf("%s, %d: nobody wrote in between:\n%s\nsomebody did:\n%s", name, seed, a, b)
			}
		}
	}
}

// TestC5AScheduleAndALeaseInTheirOrder is one such story, told.
func TestC5AScheduleAndALeaseInTheirOrder(t *testing.T) {
	d, c := account(t, world.Checkout{Rotate: world.RotateScheduled, Every: time.Hour})
	if _, err := d.Checkout(t.Context(), bob, checkout.Take{AccountID: "a@db01", For: 90 * time.Minute, Rotate: true}); err != nil {
		t.Fatal(err)
	}
	c.Advance(105 * time.Minute)
	all, err := d.History(t.Context(), bob, "a@db01")
	if all = all[min(1, len(all)):]; err != nil || len(all) != 2 || all[0].Why != "schedule" || !all[0].At.Equal(noon.Add(time.Hour)) || all[1].Why != "expiry of lease-1.a@db01" || !all[1].At.Equal(noon.Add(90*time.Minute)) {
		t.Errorf("%+v %v", all, err)
	}
}

// TestC5ARequestThatLapsedIsNotGranted: an order that approves after the request has
// lapsed comes too late, whether somebody looked in between or not.
func TestC5ARequestThatLapsedIsNotGranted(t *testing.T) {
	for _, look := range []bool{false, true} {
		d, c := account(t, world.Checkout{Approval: "required", ApprovalFor: 10 * time.Minute})
		ordered(t, d, decision.Decision{Verb: decision.RequireApproval, Account: "a@db01", Next: 1, After: 30 * time.Minute})
		r, err := d.Request(t.Context(), bob, checkout.Take{AccountID: "a@db01"})
		if err != nil {
			t.Fatal(err)
		}
		if c.Advance(20 * time.Minute); look {
			d.Checkout(t.Context(), alice, checkout.Take{AccountID: "a@db01"})
			d.Replace(t.Context(), "a@db01", new(string), "never", "a password that it does not have")
		}
		c.Advance(15 * time.Minute)
		all, err := d.Requests(t.Context(), bob)
		if err != nil || len(all) != 1 || all[0].ID != r.ID || all[0].State != checkout.Lapsed {
			t.Errorf("somebody looked: %v: %+v %v", look, all, err)
		}
	}
}

// TestC7OneKeyHoldsNoOther: while a long key is made, another account's is there.
func TestC7OneKeyHoldsNoOther(t *testing.T) {
	d, _ := account(t, world.Checkout{})
	begun, goOn := make(chan struct{}), make(chan struct{})
	done := make(chan string)
	for range 2 { // and it is made once
		go func() {
			text, _ := d.Made("slow", func(string) (string, error) { close(begun); <-goOn; return "slow key", nil })
			done <- text
		}()
	}
	<-begun
	if text, err := d.Made("quick", func(string) (string, error) { return "quick key", nil }); err != nil || text != "quick key" {
		t.Error(text, err)
	}
	close(goOn)
	if a, b := <-done, <-done; a != "slow key" || b != "slow key" {
		t.Error(a, b)
	}
}
