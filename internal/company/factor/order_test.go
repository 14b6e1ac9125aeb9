package factor_test

import (
	"errors"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// orders gives a bench a book of orders.
func orders(b *factor.Service) *decision.Overrides {
	b.Decisions = decision.New(b.World, b.Store, b.Clock)
	return b.Decisions
}

func order(t *testing.T, k *decision.Overrides, d decision.Decision) string {
	t.Helper()
	d, err := k.Add(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return d.ID
}

func TestPushesObeyOrders(t *testing.T) {
	phone := world.Device{Kind: world.Push, Approval: &world.Approval{Policy: "approve", Delay: time.Second}}
	for name, tt := range map[string]struct {
		order  decision.Decision
		refuse error
		soon   factor.ApprovalState // after a second
		late   factor.ApprovalState // after half a minute
		fraud  bool
	}{
		"approve":         {order: decision.Decision{Verb: decision.Approve}, soon: factor.Approved, late: factor.Approved},
		"approve, late":   {order: decision.Decision{Verb: decision.Approve, After: 20 * time.Second}, soon: factor.Pending, late: factor.Approved},
		"deny":            {order: decision.Decision{Verb: decision.Deny}, soon: factor.Denied, late: factor.Denied},
		"fraud":           {order: decision.Decision{Verb: decision.Fraud}, soon: factor.Denied, late: factor.Denied, fraud: true},
		"timeout":         {order: decision.Decision{Verb: decision.Timeout}, soon: factor.Pending, late: factor.Pending},
		"delay":           {order: decision.Decision{Verb: decision.Delay, After: 10 * time.Second}, soon: factor.Pending, late: factor.Approved},
		"lock":            {order: decision.Decision{Verb: decision.Lock}, refuse: cause.DeviceLocked},
		"expire":          {order: decision.Decision{Verb: decision.Expire}, refuse: cause.Expired},
		"expire, later":   {order: decision.Decision{Verb: decision.Expire, After: 5 * time.Second}, soon: factor.Pending, late: factor.Expired},
		"about the codes": {order: decision.Decision{Verb: decision.Deny, On: decision.Code}, soon: factor.Approved, late: factor.Approved},
	} {
		t.Run(name, func(t *testing.T) {
			b, c := bench(t, phone)
			tt.order.User, tt.order.Next = "alice", 1
			id := order(t, orders(b), tt.order)
			a, err := b.Ask(t.Context(), factor.Ask{System: "duo", UserID: "alice"})
			if !errors.Is(err, tt.refuse) {
				t.Fatalf("%v, want %v", err, tt.refuse)
			}
			if tt.refuse != nil {
				return
			}
			c.Advance(time.Second)
			if got, _ := b.Approval(t.Context(), a.ID); got.State != tt.soon {
				t.Errorf("soon: %s, want %s", got.State, tt.soon)
			}
			c.Advance(29 * time.Second)
			got, _ := b.Approval(t.Context(), a.ID)
			if got.State != tt.late || got.Fraud != tt.fraud {
				t.Errorf("late: %+v, want %s", got, tt.late)
			}
			if got.State == factor.Denied && got.By != id {
				t.Errorf("by %q, want %s", got.By, id)
			}
		})
	}
}

func TestCodesObeyOrders(t *testing.T) {
	for verb, want := range map[decision.Verb]error{decision.Deny: cause.WrongCode, decision.Lock: cause.DeviceLocked, decision.Expire: cause.Expired} {
		b, c := bench(t, totp(rfc), world.Device{Kind: world.Static, Codes: []string{"backup-1"}})
		k := orders(b)
		good := code(t, totp(rfc), factor.Step(totp(rfc), c.Now()))
		order(t, k, decision.Decision{Verb: verb, User: "alice", Next: 3})
		verify(t, b, "alice-0", good, want)
		if _, err := b.VerifyUser(t.Context(), "alice", good); !errors.Is(err, want) {
			t.Errorf("%s: %v", verb, err)
		}
		if _, err := b.VerifyUser(t.Context(), "alice", "000000"); !errors.Is(err, want) {
			t.Errorf("%s, wrong code: %v", verb, err)
		}
		if d, _ := b.Find(t.Context(), "alice-0"); d.Failures != 0 {
			t.Errorf("%s: an order counted as %d failures", verb, d.Failures)
		}
		verify(t, b, "alice-0", good, nil) // and the code was not used up
		order(t, k, decision.Decision{Verb: verb, Device: "alice-0"})
		if _, err := b.VerifyUser(t.Context(), "alice", "backup-1"); err != nil {
			t.Errorf("%s: the other device: %v", verb, err)
		}
		if _, err := b.Accept(t.Context(), "alice-0", func(string) bool { return true }); !errors.Is(err, want) {
			t.Errorf("%s: proved without showing: %v", verb, err)
		}
	}
}

func TestACodeCanTakeItsTime(t *testing.T) {
	b, c := bench(t, totp(rfc))
	k := orders(b)
	order(t, k, decision.Decision{Verb: decision.Delay, User: "alice", After: 5 * time.Second, Next: 1})
	good := code(t, totp(rfc), factor.Step(totp(rfc), c.Now()))
	done := make(chan error)
	go func() {
		_, err := b.Verify(t.Context(), "alice-0", good)
		done <- err
	}()
	for l, _ := k.List(t.Context()); len(l) > 0; l, _ = k.List(t.Context()) {
		select {
		case <-done:
			t.Fatal("it did not wait")
		default:
		}
	}
	c.Advance(5 * time.Second)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func BenchmarkVerifyWithoutOrders(b *testing.B) {
	w, _ := world.New(world.Facts{Users: []world.User{{ID: "alice", Name: "alice", Devices: []world.Device{{ID: "d", UserID: "alice", Kind: world.TOTP, Secret: rfc20, MaxFail: 1 << 30}}}}})
	c := clock.Frozen(noon)
	k := factor.New(factor.Config{World: w, Store: state.NewMemory(c), Clock: c})
	orders(k)
	for b.Loop() {
		k.Verify(b.Context(), "d", "000000")
	}
}
