package state_test

import (
	"fmt"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
)

func TestMemory(t *testing.T) {
	statetest.Run(t, func(t *testing.T, c clock.Clock) state.Store { return state.NewMemory(c) })
}

// TestUnluckyStores: the suite passes on a store that runs every update function twice,
// and on one that could crash and does not.
func TestUnluckyStores(t *testing.T) {
	t.Run("twice", func(t *testing.T) {
		statetest.Run(t, func(t *testing.T, c clock.Clock) state.Store { return statetest.Twice(state.NewMemory(c)) })
	})
	t.Run("crashing", func(t *testing.T) {
		statetest.Run(t, func(t *testing.T, c clock.Clock) state.Store { return statetest.Crashing(state.NewMemory(c)) })
	})
}

func TestMemorySweepsTheDead(t *testing.T) {
	c := clock.Frozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	m := state.NewMemory(c).Table("t")
	for i := range 200_000 {
		c.Advance(time.Millisecond)
		m.Update(t.Context(), fmt.Sprint(i), func(state.Record) (state.Record, error) {
			return state.Record{Value: []byte("v"), Expires: c.Now().Add(time.Second)}, nil
		})
	}
	if n := state.HeldBy(m); n > 16*600 {
		t.Errorf("%d records are held although at most 1000 are alive", n)
	}
}

func TestMemorySweepsATableThatIsLeftAlone(t *testing.T) {
	c := clock.Frozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	m := state.NewMemory(c)
	tab := m.Table("t")
	for i := range 100 {
		expires := time.Time{}
		if i%2 == 0 {
			expires = c.Now().Add(time.Second)
		}
		tab.Update(t.Context(), fmt.Sprint(i), func(state.Record) (state.Record, error) {
			return state.Record{Value: []byte("v"), Expires: expires}, nil
		})
	}
	tab.Keys(t.Context(), state.Range{})
	c.Advance(time.Second)
	m.Sweep()
	keys, err := tab.Keys(t.Context(), state.Range{})
	if n := state.HeldBy(tab); n != 50 || len(keys) != 50 || err != nil {
		t.Errorf("%d records are held, %d listed (%v), of 50 that are alive", n, len(keys), err)
	}
}
