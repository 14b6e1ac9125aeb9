package checkout_test

import (
	"fmt"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

func TestASecretThatNeedsAReasonIsNotFetchedWithoutOne(t *testing.T) {
	d, _ := desk(t)
	fetch(t, d, alice, "reasoned@db01", checkout.Which{}, cause.NotCheckedOut)
	if _, err := d.Checkout(t.Context(), alice, checkout.Take{AccountID: "reasoned@db01", Reason: "patching"}); err != nil {
		t.Fatal(err)
	}
	fetch(t, d, alice, "reasoned@db01", checkout.Which{}, nil)
}

func TestVersionsGoWithTheHistory(t *testing.T) {
	d, _ := desk(t)
	for i := range 60 {
		if err := d.Set(t.Context(), "shared@db01", fmt.Sprint("set-", i), "test"); err != nil {
			t.Fatal(err)
		}
		for range i % 3 {
			if _, err := d.Rotate(t.Context(), admin, "shared@db01"); err != nil {
				t.Fatal(err)
			}
		}
	}
	fetch(t, d, alice, "shared@db01", checkout.Which{Version: 2}, cause.NoSuchVersion) // it was set, and what it was is forgotten
	r, _ := d.Store.Table("account").Get(t.Context(), "shared@db01")
	if len(r.Value) > 6_000 {
		t.Errorf("the record has %d octets: %s", len(r.Value), r.Value)
	}
}

func TestASharedAccountRotatesWhenItsLastLeaseRunsOut(t *testing.T) {
	c := clock.Frozen(noon)
	w, err := world.New(world.Facts{RandomSeed: 1, Users: []world.User{{ID: "alice", Name: "alice"}, {ID: "bob", Name: "bob"}},
		Assets: []world.Asset{{ID: "db01", Name: "db01"}},
		Accounts: []world.Account{{ID: "x@db01", Name: "x", AssetID: "db01", Password: "x-1", Access: world.Access{Users: []string{"alice", "bob"}},
			Checkout: world.Checkout{Rotate: world.RotateOnCheckin}}}})
	if err != nil {
		t.Fatal(err)
	}
	d := checkout.New(checkout.Config{World: w, Store: state.NewMemory(c), Clock: c})
	for i, who := range []checkout.Principal{alice, bob} {
		if _, err := d.Checkout(t.Context(), who, checkout.Take{AccountID: "x@db01", For: time.Duration(2-i) * time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	c.Advance(5 * time.Hour) // nobody looks in between
	h, err := d.History(t.Context(), alice, "x@db01")
	if err != nil || len(h) != 2 || !h[1].At.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("history %+v, %v", h, err)
	}
}
