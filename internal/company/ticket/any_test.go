package ticket_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
)

// TestAnyIsTheFirstThatPermits: what is found by its owner is what a look at every ticket,
// one after the other, would find, whatever somebody ordered.
func TestAnyIsTheFirstThatPermits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	requester := func() string { return pick("", "", "alice", "Bob", "trent", "nobody") }
	assignee := func() string { return pick("", "", "dba", "DBA", "bob", "ALICE", "others") }
	state := func() string { return pick("approved", "requested", "rejected") }
	met := map[bool]int{}
	for round := range 40 {
		var seeded []world.Ticket
		for i := range r.IntN(12) {
			seeded = append(seeded, world.Ticket{ID: fmt.Sprint("S", 90-i), Approval: state(), Requester: requester(), Assignee: assignee()})
		}
		b, c := board(t, seeded...)
		for range r.IntN(12) {
			if _, err := b.Create(t.Context(), ticket.Ticket{State: ticket.StateOf(world.Ticket{Approval: state()}), Requester: requester(), Assignee: assignee()}); err != nil {
				t.Fatal(err)
			}
		}
		for _, order := range []*decision.Decision{nil, {Verb: decision.Approve, Ticket: "s88"}, {Verb: decision.Approve, User: "bob"}, {Verb: decision.Approve, User: "trent"},
			{Verb: decision.Deny, Ticket: "S90"}, {Verb: decision.Deny, User: "alice"}, {Verb: decision.Approve, User: "trent", On: decision.Push}} {
			b.Decisions = decision.New(b.World, b.Store, c)
			if err := b.Decisions.Lift(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			if order != nil {
				if _, err := b.Decisions.Add(t.Context(), *order); err != nil {
					t.Fatal(err)
				}
			}
			for _, who := range []ticket.Access{{User: "alice"}, {User: `ACME\bob`}, {User: "trent"}, {User: "unknown"}, {User: "nobody"}, {User: "unknown", Groups: []string{"Dba"}}} {
				want := ""
				all, err := b.List(t.Context(), ticket.Filter{})
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range all {
					d, err := b.Validate(t.Context(), x.ID, who)
					if err != nil {
						t.Fatal(err)
					}
					if d.Allowed {
						want = x.ID
						break
					}
				}
				got, err := b.ValidateAny(t.Context(), who)
				if err != nil {
					t.Fatal(err)
				}
				id := ""
				if got.Allowed {
					id = got.Ticket.ID
				}
				if id != want {
					t.Errorf("round %d, %+v, %+v: %q, want %q", round, order, who, id, want)
				}
				met[want != ""]++
			}
		}
	}
	if met[true] < 100 || met[false] < 100 {
		t.Errorf("too few of one sort: %v", met)
	}
}

// TestAnyCostsWhatIsTheUsers: ten thousand tickets of others cost nothing.
func TestAnyCostsWhatIsTheUsers(t *testing.T) {
	cost := func(others int) int64 {
		var seeded []world.Ticket
		for i := range others {
			seeded = append(seeded, world.Ticket{ID: fmt.Sprint("O", i), Approval: "approved", Requester: "bob"})
		}
		b, c := board(t, append(seeded, world.Ticket{ID: "A", Approval: "requested", Requester: "alice"})...)
		store := statetest.Counting(state.NewMemory(c))
		b.Store = store
		b = ticket.New(b.Config)
		b.Decisions = decision.New(b.World, b.Store, c)
		a := ticket.Access{User: "alice", SessionID: "s", OpenSession: true}
		before := store.Cost()
		if d, err := b.ValidateAny(t.Context(), a); err != nil || d.Allowed {
			t.Fatalf("%+v, %v", d, err)
		}
		return store.Cost() - before
	}
	if few, many := cost(10), cost(10_000); many > few || few == 0 {
		t.Errorf("%d with ten others, %d with ten thousand", few, many)
	}
}
