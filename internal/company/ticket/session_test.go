package ticket_test

import (
	"errors"
	"testing"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
)

func TestASessionIDIsNobodyElsesPass(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "T", State: "approved", Requester: "alice", MaxSessions: 2,
		Targets: []world.Target{{Asset: "db01", Accounts: []string{"root"}}}})
	a := ticket.Access{User: "alice", Asset: "db01", Account: "root", SessionID: "s", OpenSession: true}
	for range 2 { // the second time is a repetition
		if got := codes(t, b, "T", a); got != "" {
			t.Fatalf("alice: %s", got)
		}
	}
	for _, other := range []ticket.Access{{User: "bob", Asset: "db01", Account: "root"}, {User: "alice", Asset: "web01", Account: "root"}, {User: "alice", Asset: "db01", Account: "postgres"}} {
		other.SessionID, other.OpenSession = "s", true
		if _, err := b.Validate(t.Context(), "T", other); !errors.Is(err, cause.BadInput) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	if _, err := b.EndSession(t.Context(), "", "T", "s", ticket.End{}); err != nil {
		t.Fatal(err)
	}
	if got := codes(t, b, "T", a); got != "" { // it comes back
		t.Fatalf("again: %s", got)
	}
	x, err := b.EndSession(t.Context(), "", "T", "s", ticket.End{})
	if err != nil || x.Uses != 2 {
		t.Fatalf("%+v %v", x, err)
	}
	for _, s := range x.Sessions {
		if s.ClosedAt.IsZero() {
			t.Errorf("a session stays open: %+v", s)
		}
	}
}

func TestANameAndAnAddressMustBeOfOneMachine(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "T", State: "approved", Targets: []world.Target{{Asset: "db01"}}})
	for address, want := range map[string]string{"10.0.0.5": "", "10.9.9.9": "", "10.0.0.6": "wrong_asset"} {
		if got := codes(t, b, "T", ticket.Access{User: "alice", Asset: "db01", Address: address}); got != want {
			t.Errorf("db01 at %s: %q, want %q", address, got, want)
		}
	}
}

func TestOneApproverIsNotTwo(t *testing.T) {
	b, _ := board(t)
	_, err := b.Create(t.Context(), ticket.Ticket{State: ticket.PendingApproval, MinApprovals: 2, Approvers: []ticket.Approver{{User: "trent"}, {User: "Trent"}}})
	if !errors.Is(err, cause.BadInput) {
		t.Errorf("trent twice: %v", err)
	}
}

func TestAskedAgainForASessionTheTicketThatHasItAnswers(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "A", State: "approved", MaxSessions: 1}, world.Ticket{ID: "B", State: "approved", MaxSessions: 1})
	a := ticket.Access{User: "alice", Asset: "db01", Account: "root", SessionID: "s", OpenSession: true}
	for range 3 {
		if d, err := b.ValidateAny(t.Context(), a); err != nil || !d.Allowed || d.Ticket.ID != "A" {
			t.Fatalf("%+v %v", d, err)
		}
	}
	if x, _ := b.Get(t.Context(), "", "B"); x.Uses != 0 {
		t.Errorf("one session counts on two tickets: %+v", x)
	}
}
