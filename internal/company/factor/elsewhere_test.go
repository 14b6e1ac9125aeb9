package factor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/company/world"
)

// TestADecisionElsewhereWakesWhoWaits: at once, also while time stands; and within a moment
// of real time where the store cannot tell what has changed.
func TestADecisionElsewhereWakesWhoWaits(t *testing.T) {
	for name, within := range map[string]time.Duration{"told": 0, "not told": clock.Unsure} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, c := bench(t, push(world.Approval{Policy: "interactive", TTL: time.Hour}))
				store := state.Store(state.NewMemory(c))
				if within > 0 {
					store = statetest.Crashing(store)
				}
				here = factor.New(factor.Config{World: here.World, Store: store, Clock: clock.Frozen(noon), Rand: here.World.Derive("here")})
				there := factor.New(factor.Config{World: here.World, Store: store, Clock: clock.Frozen(noon), Rand: here.World.Derive("there")})
				a, err := here.Ask(t.Context(), factor.Ask{UserID: "alice"})
				if err != nil {
					t.Fatal(err)
				}
				got := make(chan factor.Approval, 1)
				go func() {
					a, err := here.Await(t.Context(), a.ID)
					if err != nil {
						t.Error(err)
					}
					got <- a
				}()
				time.Sleep(time.Minute)
				synctest.Wait()
				began := time.Now()
				if _, err := there.Decide(t.Context(), a.ID, factor.Verdict{State: factor.Denied, Fraud: true, By: "there"}); err != nil {
					t.Error(err)
				}
				if a := <-got; a.State != factor.Denied || a.By != "there" || !a.Fraud || time.Since(began) > within {
					t.Errorf("%+v after %v", a, time.Since(began))
				}
			})
		})
	}
}
