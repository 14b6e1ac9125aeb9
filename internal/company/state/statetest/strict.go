package statetest

import (
	"context"
	"sync/atomic"
	"testing"

	"counterpart/internal/company/state"
)

// Strict is a store over s that says so when an update asks it for anything, which some
// stores would answer by waiting for ever. It is for one client at a time.
func Strict(t testing.TB, s state.Store) state.Store {
	in := &atomic.Int32{}
	return wrapped{s, func(name string, of state.Table) state.Table { return strictTable{of, t, name, in} }}
}

type strictTable struct {
	state.Table
	t    testing.TB
	name string
	in   *atomic.Int32 // updates that run
}

func (s strictTable) outside(what string) {
	if s.in.Load() > 0 {
		s.t.Errorf("%s %s is asked for within an update", s.name, what)
	}
}

// Get implements state.Table.
func (s strictTable) Get(ctx context.Context, key string) (state.Record, error) {
	s.outside(key)
	return s.Table.Get(ctx, key)
}

// GetMany implements state.Table.
func (s strictTable) GetMany(ctx context.Context, keys []string) ([]state.Record, error) {
	s.outside("several")
	return s.Table.GetMany(ctx, keys)
}

// Keys implements state.Table.
func (s strictTable) Keys(ctx context.Context, r state.Range) ([]string, error) {
	s.outside("a listing")
	return s.Table.Keys(ctx, r)
}

// Update implements state.Table. The function runs without a lock of the store's, so
// that the test sees what it asks for.
func (s strictTable) Update(ctx context.Context, key string, fn func(state.Record) (state.Record, error)) error {
	s.outside(key)
	r, err := s.Table.Get(ctx, key)
	if err != nil {
		return err
	}
	s.in.Add(1)
	r, err = fn(r)
	s.in.Add(-1)
	if err != nil {
		return err
	}
	return s.Table.Update(ctx, key, func(state.Record) (state.Record, error) { return r, nil })
}
