package checkout_test

import (
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
)

// A library of Vault lends accounts to one at a time and changes their passwords
// when they come back, whatever the account's own policy says.
func TestATakerCanWantMoreThanThePolicy(t *testing.T) {
	d, c := desk(t)
	ctx := t.Context()
	library := checkout.Principal{Client: "vault", Admin: true}
	wish := checkout.Take{AccountID: "shared@db01", For: time.Hour, Max: 2 * time.Hour, Exclusive: true, Rotate: true}

	held := take(t, d, alice, "shared@db01", nil)
	if _, err := d.Checkout(ctx, library, wish); !isCause(err, cause.CheckedOut) {
		t.Fatalf("beside alice: %v", err)
	}
	if _, err := d.Checkin(ctx, alice, held.ID); err != nil {
		t.Fatal(err)
	}
	l, err := d.Checkout(ctx, library, wish)
	if err != nil {
		t.Fatal(err)
	}
	take(t, d, alice, "shared@db01", cause.CheckedOut)
	fetch(t, d, alice, "shared@db01", checkout.Which{}, cause.CheckedOut)
	before := fetch(t, d, library, "shared@db01", checkout.Which{}, nil)

	c.Advance(30 * time.Minute)
	if l, err = d.Until(ctx, library, l.ID, c.Now().Add(10*time.Minute)); err != nil || !l.Expires.Equal(c.Now().Add(10*time.Minute)) {
		t.Fatalf("shortened: %v, %v", l.Expires, err)
	}
	if l, err = d.Until(ctx, library, l.ID, c.Now().Add(5*time.Hour)); err != nil || !l.Expires.Equal(l.Taken.Add(2*time.Hour)) {
		t.Fatalf("no longer than its last end: %v, %v", l.Expires, err)
	}
	if _, err := d.Until(ctx, bob, l.ID, c.Now()); !isCause(err, cause.NotHolder) {
		t.Errorf("bob moves the end: %v", err)
	}
	c.Advance(2 * time.Hour)
	if after := fetch(t, d, alice, "shared@db01", checkout.Which{}, nil); after == before {
		t.Error("the password did not change when the lease ran out")
	}
}

func isCause(err error, want cause.Cause) bool { c, _ := cause.Of(err); return c == want }
