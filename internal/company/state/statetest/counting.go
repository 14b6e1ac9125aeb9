package statetest

import (
	"context"
	"sync/atomic"

	"counterpart/internal/company/state"
)

// Count is a store that counts what it is asked for: what a request costs, without a
// clock that a busy machine would put off.
type Count struct {
	state.Store
	Reads, Writes, Listings atomic.Int64
	Listed                  atomic.Int64 // keys that listings gave
}

// Counting is a store over s that counts.
func Counting(s state.Store) *Count { return &Count{Store: s} }

// Table implements state.Store.
func (c *Count) Table(name string) state.Table { return countTable{c.Store.Table(name), c} }

// Cost is everything so far in one number.
func (c *Count) Cost() int64 {
	return c.Reads.Load() + c.Writes.Load() + c.Listings.Load() + c.Listed.Load()
}

type countTable struct {
	state.Table
	count *Count
}

// Get implements state.Table.
func (t countTable) Get(ctx context.Context, key string) (state.Record, error) {
	t.count.Reads.Add(1)
	return t.Table.Get(ctx, key)
}

// GetMany implements state.Table.
func (t countTable) GetMany(ctx context.Context, keys []string) ([]state.Record, error) {
	t.count.Reads.Add(int64(len(keys)))
	return t.Table.GetMany(ctx, keys)
}

// Keys implements state.Table.
func (t countTable) Keys(ctx context.Context, r state.Range) ([]string, error) {
	keys, err := t.Table.Keys(ctx, r)
	t.count.Listings.Add(1)
	t.count.Listed.Add(int64(len(keys)))
	return keys, err
}

// Update implements state.Table.
func (t countTable) Update(ctx context.Context, key string, fn func(state.Record) (state.Record, error)) error {
	t.count.Writes.Add(1)
	return t.Table.Update(ctx, key, fn)
}

// Drop implements state.Table.
func (t countTable) Drop(ctx context.Context, prefix string) error {
	t.count.Writes.Add(1)
	return t.Table.Drop(ctx, prefix)
}
