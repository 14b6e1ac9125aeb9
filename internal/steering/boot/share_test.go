package boot_test

import (
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// replicas are companies over one store, each with a clock of its own.
func replicas(t *testing.T, n int, store state.Store, text string) (all []*boot.Company) {
	t.Helper()
	for range n {
		began, err := boot.Started(t.Context(), store, noon)
		if err != nil {
			t.Fatal(err)
		}
		s, err := seed.Load("replicas.yaml", []byte(text), seed.Options{Now: began, FS: worlds.FS})
		if err != nil {
			t.Fatal(err)
		}
		c, err := boot.New(s, boot.Options{Kinds: servers.Table(), Clock: clock.Frozen(noon), Auto: true, Store: store, Host: "127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		all = append(all, c)
	}
	return all
}

// stores are what a fleet's replicas share in tests.
func stores() map[string]state.Store {
	m := func() state.Store { return state.NewMemory(clock.Frozen(noon)) }
	return map[string]state.Store{"memory": statetest.Shared(m()), "twice": statetest.Shared(statetest.Twice(m())),
		"cannot tell": statetest.Shared(statetest.Crashing(m()))}
}

// shared runs a test over each of them.
func shared(t *testing.T, n int, text string, test func(t *testing.T, all []*boot.Company)) {
	for name, store := range stores() {
		t.Run(name, func(t *testing.T) { test(t, replicas(t, n, store, text)) })
	}
}

func TestReplicasAreBuiltAtOneTime(t *testing.T) {
	shared(t, 3, steered, func(t *testing.T, all []*boot.Company) {
		if _, err := all[1].Replicas.Move(t.Context(), clock.Change{Advance: time.Hour}); err != nil {
			t.Error(err)
		}
		for i, c := range all {
			if now, frozen := c.Clock.Shows(); !now.Equal(noon.Add(time.Hour)) || !frozen {
				t.Errorf("%d shows %v, frozen %v", i, now, frozen)
			}
		}
		if err := all[2].Reset(t.Context()); err != nil {
			t.Error(err)
		}
		if found, err := all[0].Replicas.List(t.Context()); err != nil || len(found) != 3 {
			t.Errorf("after a reset: %+v %v", found, err)
		}
	})
}
