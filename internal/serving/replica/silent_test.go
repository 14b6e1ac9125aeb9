package replica_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// remote is a store that, as one across a network does, calls itself unavailable when a
// call's time is over before it could be answered.
type remote struct{ state.Store }

// Table implements state.Store.
func (r remote) Table(name string) state.Table { return remoteTable{r.Store.Table(name)} }

type remoteTable struct{ state.Table }

// Get implements state.Table.
func (t remoteTable) Get(ctx context.Context, key string) (state.Record, error) {
	if err := ctx.Err(); err != nil {
		return state.Record{}, fmt.Errorf("%w: %w", state.ErrUnavailable, err)
	}
	return t.Table.Get(ctx, key)
}

// TestAllWhoDoNotAnswerAreNamed: however many were killed, and whatever the store says of
// those for whom no time was left, the others are told, and somebody new can join.
func TestAllWhoDoNotAnswerAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.store = remote{f.store}
		a, b, c := f.replica(clock.New(), 0), f.replica(clock.New(), 0), f.replica(clock.New(), 0)
		defer a.Leave()
		b.Die()
		c.Die()
		defer f.replica(clock.New(), 0).Leave()
		if silent, err := a.Sync(t.Context()); err != nil || len(silent) != 2 {
			t.Errorf("%v, %v", silent, err)
		}
	})
}
