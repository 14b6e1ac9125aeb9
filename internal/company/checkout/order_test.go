package checkout_test

import (
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/decision"
)

func ordered(t *testing.T, d *checkout.Service, orders ...decision.Decision) *decision.Overrides {
	t.Helper()
	d.Decisions = decision.New(d.World, d.Store, d.Clock)
	for _, o := range orders {
		if _, err := d.Decisions.Add(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	return d.Decisions
}

func TestACheckoutIsDeniedByOrder(t *testing.T) {
	d, _ := desk(t)
	ordered(t, d, decision.Decision{Verb: decision.Deny, Account: "shared@db01", Next: 1}, decision.Decision{Verb: decision.Deny, User: "bob"})
	take(t, d, alice, "shared@db01", cause.NotAllowed)
	take(t, d, alice, "shared@db01", nil)
	take(t, d, bob, "shared@db01", cause.NotAllowed)
	take(t, d, bob, "root@db01", cause.NotAllowed)
}

func TestTheNextTwoCheckoutsNeedApprovalForFiveSeconds(t *testing.T) {
	d, c := desk(t)
	k := ordered(t, d, decision.Decision{Verb: decision.RequireApproval, Account: "shared@db01", Next: 2, After: 5 * time.Second})
	for _, who := range []checkout.Principal{alice, bob} {
		take(t, d, who, "shared@db01", cause.ApprovalRequired)
		take(t, d, who, "shared@db01", cause.ApprovalRequired) // the same request, not the next order
		c.Advance(5 * time.Second)
		l := take(t, d, who, "shared@db01", nil)
		if l.Request == "" {
			t.Error("the lease does not name the request it was taken on")
		}
	}
	if l, _ := k.List(t.Context()); len(l) != 0 {
		t.Errorf("left: %+v", l)
	}
	take(t, d, alice, "shared@db01", nil)
}

func TestAnOrderedRequestIsThePersonsOwn(t *testing.T) {
	d, c := desk(t)
	ordered(t, d, decision.Decision{Verb: decision.RequireApproval, Account: "shared@db01", Next: 1, After: time.Minute})
	take(t, d, alice, "shared@db01", cause.ApprovalRequired)
	r, err := d.Request(t.Context(), alice, checkout.Take{AccountID: "shared@db01", Reason: "as told"})
	if err != nil || r.State != checkout.Waiting || r.Reason != "as told" {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := d.Request(t.Context(), alice, checkout.Take{AccountID: "shared@db01"}); err == nil {
		t.Error("a second request")
	}
	c.Advance(time.Minute)
	if r, err = d.FindRequest(t.Context(), alice, r.ID); err != nil || r.State != checkout.Granted || r.Decisions[0].By != "decision-1" {
		t.Errorf("%+v %v", r, err)
	}
	c.Advance(time.Hour) // the approval lapses, too
	if r, err = d.FindRequest(t.Context(), alice, r.ID); err != nil || r.State != checkout.Lapsed {
		t.Errorf("%+v %v", r, err)
	}
	take(t, d, alice, "shared@db01", nil) // the order was for one checkout
}

func TestAnApproverDecidesWhatAnOrderLeavesOpen(t *testing.T) {
	d, _ := desk(t)
	ordered(t, d, decision.Decision{Verb: decision.RequireApproval, Account: "shared@db01", Next: 1})
	take(t, d, alice, "shared@db01", cause.ApprovalRequired)
	all, err := d.Requests(t.Context(), trent)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if _, err := d.Decide(t.Context(), trent, all[0].ID, true, ""); err != nil {
		t.Fatal(err)
	}
	take(t, d, alice, "shared@db01", nil)
}

func TestACheckoutCanTakeItsTime(t *testing.T) {
	d, c := desk(t)
	k := ordered(t, d, decision.Decision{Verb: decision.Delay, Account: "shared@db01", Next: 1, After: time.Minute})
	done := make(chan struct{})
	go func() {
		take(t, d, alice, "shared@db01", nil)
		close(done)
	}()
	for l, _ := k.List(t.Context()); len(l) > 0; l, _ = k.List(t.Context()) {
		select {
		case <-done:
			t.Fatal("it did not wait")
		default:
		}
	}
	c.Advance(time.Minute)
	<-done
}
