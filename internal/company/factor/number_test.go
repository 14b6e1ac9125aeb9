package factor_test

import (
	"errors"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
)

func TestAPushThatWantsANumber(t *testing.T) {
	b, c := bench(t, world.Device{Kind: world.Push, Approval: &world.Approval{Policy: "sequence",
		Sequence: []world.Approval{{Policy: "interactive"}, {Policy: "approve", Delay: time.Second}}}})
	ctx := t.Context()
	a, err := b.Ask(ctx, factor.Ask{System: "duo", UserID: "alice", Number: "376"})
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "377"} {
		if _, err := b.Decide(ctx, a.ID, factor.Verdict{State: factor.Approved, Number: wrong}); !errors.Is(err, cause.WrongNumber) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if now, _ := b.Approval(ctx, a.ID); now.State != factor.Pending {
		t.Errorf("after a wrong number it is %s", now.State)
	}
	if got, err := b.Decide(ctx, a.ID, factor.Verdict{State: factor.Approved, Number: "376"}); err != nil || got.State != factor.Approved {
		t.Errorf("%s, %v", got.State, err)
	}
	// An owner who approves by the seed's policy types what the login shows.
	a, _ = b.Ask(ctx, factor.Ask{System: "duo", UserID: "alice", Number: "100"})
	c.Advance(time.Second)
	if now, _ := b.Approval(ctx, a.ID); now.State != factor.Approved {
		t.Errorf("by policy it is %s", now.State)
	}
	// Denying needs no number.
	a, _ = b.Ask(ctx, factor.Ask{System: "duo", UserID: "alice", Number: "100"})
	if got, err := b.Decide(ctx, a.ID, factor.Verdict{State: factor.Denied}); err != nil || got.State != factor.Denied {
		t.Errorf("%s, %v", got.State, err)
	}
}
