package ticket_test

import (
	"testing"

	"counterpart/internal/company/decision"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
)

func TestTicketsObeyOrders(t *testing.T) {
	b, c := board(t, world.Ticket{ID: "CHG1", Approval: "approved", Requester: "alice"}, world.Ticket{ID: "CHG2", Approval: "requested", Requester: "alice"})
	k := decision.New(b.World, b.Store, c)
	b.Decisions = k
	add := func(d decision.Decision) {
		t.Helper()
		if _, err := k.Add(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	who := ticket.Access{User: `ACME\alice`}
	for verb, want := range map[decision.Verb]string{decision.Deny: "not_approved", decision.Expire: "expired", decision.Lock: "on_hold"} {
		add(decision.Decision{Verb: verb, Ticket: "chg1", Next: 1})
		if got := codes(t, b, "CHG1", who); got != want {
			t.Errorf("%s: %q, want %q", verb, got, want)
		}
		add(decision.Decision{Verb: verb, User: "alice", Next: 1})
		if got := codes(t, b, "CHG1", who); got != want {
			t.Errorf("%s, by person: %q, want %q", verb, got, want)
		}
		if got := codes(t, b, "CHG1", who); got != "" {
			t.Errorf("%s: the order is used up, and yet %q", verb, got)
		}
	}
	if got := codes(t, b, "CHG2", who); got != "not_approved" {
		t.Errorf("before: %q", got)
	}
	add(decision.Decision{Verb: decision.Approve, Ticket: "CHG2", Next: 1})
	if got := codes(t, b, "CHG2", ticket.Access{User: "alice", SessionID: "s", OpenSession: true}); got != "" {
		t.Errorf("approved by order: %q", got)
	}
	if x, _ := b.Get(t.Context(), "", "CHG2"); x.Uses != 1 {
		t.Errorf("the use of an access that an order allowed counts: %+v", x)
	}
}

func TestAnyTicketObeysOrders(t *testing.T) {
	b, c := board(t, world.Ticket{ID: "CHG1", Approval: "approved", Requester: "alice"}, world.Ticket{ID: "CHG2", Approval: "approved", Requester: "alice"},
		world.Ticket{ID: "CHG3", Approval: "requested", Requester: "bob"})
	k := decision.New(b.World, b.Store, c)
	b.Decisions = k
	any := func(user string) (string, bool) {
		d, err := b.ValidateAny(t.Context(), ticket.Access{User: user})
		if err != nil {
			t.Fatal(err)
		}
		if d.Ticket == nil {
			return "", d.Allowed
		}
		return d.Ticket.ID, d.Allowed
	}
	k.Add(t.Context(), decision.Decision{Verb: decision.Deny, Ticket: "CHG1", Next: 1})
	if id, ok := any("alice"); !ok || id != "CHG2" {
		t.Errorf("one ticket denied: %s %v", id, ok)
	}
	k.Add(t.Context(), decision.Decision{Verb: decision.Deny, User: "alice", Next: 1})
	if id, ok := any("alice"); ok {
		t.Errorf("the person denied, and yet %s", id)
	}
	if _, ok := any("alice"); !ok {
		t.Error("the order was for one question")
	}
	if _, ok := any("bob"); ok {
		t.Error("bob has no approved ticket")
	}
	k.Add(t.Context(), decision.Decision{Verb: decision.Approve, Ticket: "CHG3", Next: 1})
	if id, ok := any("bob"); !ok || id != "CHG3" {
		t.Errorf("approved by order: %s %v", id, ok)
	}
}
