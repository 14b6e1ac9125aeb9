package disk

import (
	"context"

	"counterpart/internal/company/state"
)

// table implements state.Table over the one in memory.
type table struct {
	store  *Store
	memory state.Table
	name   string
}

// Get implements state.Table.
func (t table) Get(ctx context.Context, key string) (state.Record, error) {
	for {
		r, err := t.memory.Get(ctx, key)
		if err != nil || t.store.opt.Sync != Always {
			return r, err
		}
		// What was read is in that batch at the latest; if it failed, it was taken back.
		if again, err := wait(ctx, t.store.batchOf(at{t.name, key})); err != nil {
			return state.Record{}, err
		} else if !again {
			return r, nil
		}
	}
}

// GetMany implements state.Table.
func (t table) GetMany(ctx context.Context, keys []string) ([]state.Record, error) {
	if t.store.opt.Sync != Always {
		return t.memory.GetMany(ctx, keys)
	}
	out := make([]state.Record, len(keys))
	for i, key := range keys {
		var err error
		if out[i], err = t.Get(ctx, key); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Keys implements state.Table.
func (t table) Keys(ctx context.Context, r state.Range) ([]string, error) {
	for {
		keys, err := t.memory.Keys(ctx, r)
		if err != nil || t.store.opt.Sync != Always {
			return keys, err
		}
		if again, err := wait(ctx, t.store.lastOf(t.in)); err != nil {
			return nil, err
		} else if !again {
			return keys, nil
		}
	}
}

// in reports that a batch changes the table.
func (t table) in(b *batch) bool { return b.tables[t.name] }

// Update implements state.Table.
func (t table) Update(ctx context.Context, key string, fn func(state.Record) (state.Record, error)) error {
	id := at{t.name, key}
	for {
		if err := t.store.room(ctx); err != nil {
			return err
		}
		var in *batch
		var away error // why it cannot be written
		err := t.memory.Update(ctx, key, func(old state.Record) (state.Record, error) {
			next, err := fn(old)
			if err != nil {
				return next, err
			}
			if dead(next, t.store.opt.Clock) {
				next = state.Record{}
			}
			in, away = t.store.queue(id, change{from: old, to: next})
			return next, away
		})
		if t.store.opt.Sync != Always || away != nil {
			return err
		}
		if in != nil {
			_, err := wait(ctx, in)
			if err == nil {
				err = in.err
			}
			return err
		}
		// A refusal must not rest on what a crash takes back.
		if again, failed := wait(ctx, t.store.batchOf(id)); failed != nil {
			return failed
		} else if !again {
			return err
		}
	}
}

// Drop implements state.Table.
func (t table) Drop(ctx context.Context, prefix string) error {
	if err := t.store.room(ctx); err != nil {
		return err
	}
	if err := t.memory.Drop(ctx, prefix); err != nil || t.store.opt.Sync != Always {
		return err
	}
	b := t.store.lastOf(t.in)
	if again, err := wait(ctx, b); err != nil || !again {
		return err
	}
	return b.err
}

// wait waits for a batch, which may be nil; failed is that it was not written, so that
// what was read of it is over.
func wait(ctx context.Context, b *batch) (failed bool, err error) {
	if b == nil {
		return false, nil
	}
	select {
	case <-b.done:
		return b.err != nil, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
