package signin_test

import (
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/world"
)

func TestLoginsObeyOrders(t *testing.T) {
	g, c := guard(t, world.Organization{Lockout: world.Lockout{Threshold: 2}})
	k := decision.New(g.World, g.Store, c)
	g.Decisions = k
	for verb, want := range map[decision.Verb]error{decision.Deny: cause.WrongPassword, decision.Lock: cause.Locked, decision.Expire: cause.PasswordExpired} {
		if _, err := k.Add(t.Context(), decision.Decision{Verb: verb, User: "alice", Next: 3}); err != nil {
			t.Fatal(err)
		}
		for range 3 { // more often than the lock-out allows: orders do not count
			login(t, g, "alice", "Alice-Pass-1", want)
		}
		login(t, g, "alice", "Alice-Pass-1", nil)
	}
	k.Add(t.Context(), decision.Decision{Verb: decision.Fraud, User: "alice"})
	k.Add(t.Context(), decision.Decision{Verb: decision.Deny, User: "alice", On: decision.Push})
	login(t, g, "alice", "Alice-Pass-1", nil)
	k.Lift(t.Context(), "")
	k.Add(t.Context(), decision.Decision{Verb: decision.Lock, User: "alice", Until: c.Now().Add(time.Minute)})
	login(t, g, "alice", "Alice-Pass-1", cause.Locked)
	c.Advance(time.Minute)
	login(t, g, "alice", "Alice-Pass-1", nil)
}

func TestALoginCanTakeItsTime(t *testing.T) {
	g, c := guard(t, world.Organization{})
	k := decision.New(g.World, g.Store, c)
	g.Decisions = k
	k.Add(t.Context(), decision.Decision{Verb: decision.Deny, User: "alice", After: time.Minute, Next: 1})
	done := make(chan struct{})
	go func() {
		login(t, g, "alice", "Alice-Pass-1", cause.WrongPassword)
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
