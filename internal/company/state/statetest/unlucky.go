package statetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"counterpart/internal/company/state"
)

// Twice is a store that runs every update function twice and keeps what the second
// run says, as a store does whose first compare-and-swap has lost a race. Between the
// two the function sees the same record.
func Twice(s state.Store) state.Store {
	return wrapped{s, func(_ string, t state.Table) state.Table { return twiceTable{t} }}
}

type twiceTable struct{ state.Table }

// Update implements state.Table.
func (t twiceTable) Update(ctx context.Context, key string, fn func(state.Record) (state.Record, error)) error {
	return t.Table.Update(ctx, key, func(r state.Record) (state.Record, error) {
		if _, err := fn(r); err != nil {
			return r, err
		}
		return fn(r)
	})
}

// wrapped is a store whose tables are something more.
type wrapped struct {
	state.Store
	table func(name string, t state.Table) state.Table
}

// Table implements state.Store.
func (w wrapped) Table(name string) state.Table { return w.table(name, w.Store.Table(name)) }

// Crash is a store that can be told to fail: after a number of writes nothing works
// any more until it is Healed, as when the process or the connection to the store dies
// in the middle of a change. What was written stays written.
type Crash struct {
	state.Store

	mu    sync.Mutex
	armed bool
	left  int // writes that still work
	down  bool
}

// Crashing is a store over s that works, until it is told otherwise.
func Crashing(s state.Store) *Crash { return &Crash{Store: s} }

// At makes the n-th write from now on the last one: it has its effect but, as for
// somebody who died with it, no answer, and then nothing works.
func (c *Crash) At(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.left, c.down = true, n, false
}

// Heal lets everything work again. was reports whether it had not.
func (c *Crash) Heal() (was bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was = c.down
	c.armed, c.down = false, false
	return was
}

// Table implements state.Store.
func (c *Crash) Table(name string) state.Table { return &crashTable{c.Store.Table(name), c} }

// Tables implements state.Store.
func (c *Crash) Tables(ctx context.Context, prefix string) ([]string, error) {
	if err := c.up(); err != nil {
		return nil, err
	}
	return c.Store.Tables(ctx, prefix)
}

func (c *Crash) up() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return fmt.Errorf("%w: it has crashed", state.ErrUnavailable)
	}
	return nil
}

// wrote counts a write, and fails with the last one.
func (c *Crash) wrote() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.armed {
		return nil
	}
	if c.left--; c.left > 0 {
		return nil
	}
	c.down = true
	return fmt.Errorf("%w: it crashed with the answer to this write", state.ErrUnavailable)
}

type crashTable struct {
	state.Table
	crash *Crash
}

// Get implements state.Table. What it returns is never kept: a store that crashes
// tells nobody what has changed.
func (t *crashTable) Get(ctx context.Context, key string) (state.Record, error) {
	if err := t.crash.up(); err != nil {
		return state.Record{}, err
	}
	r, err := t.Table.Get(ctx, key)
	r.Version = nil
	return r, err
}

// GetMany implements state.Table.
func (t *crashTable) GetMany(ctx context.Context, keys []string) ([]state.Record, error) {
	if err := t.crash.up(); err != nil {
		return nil, err
	}
	out, err := t.Table.GetMany(ctx, keys)
	for i := range out {
		out[i].Version = nil
	}
	return out, err
}

// Keys implements state.Table.
func (t *crashTable) Keys(ctx context.Context, r state.Range) ([]string, error) {
	if err := t.crash.up(); err != nil {
		return nil, err
	}
	return t.Table.Keys(ctx, r)
}

// Update implements state.Table.
func (t *crashTable) Update(ctx context.Context, key string, fn func(state.Record) (state.Record, error)) error {
	if err := t.crash.up(); err != nil {
		return err
	}
	if err := t.Table.Update(ctx, key, fn); err != nil {
		return err
	}
	return t.crash.wrote()
}

// Drop implements state.Table.
func (t *crashTable) Drop(ctx context.Context, prefix string) error {
	if err := t.crash.up(); err != nil {
		return err
	}
	if err := t.Table.Drop(ctx, prefix); err != nil {
		return err
	}
	return t.crash.wrote()
}

// Fail is a store of which one write fails, without effect, and all others work.
type Fail struct {
	state.Store
	left atomic.Int64 // 0: none fails
}

// Failing is a store over s that works, until it is told otherwise.
func Failing(s state.Store) *Fail { return &Fail{Store: s} }

// At lets the n-th write from now on fail.
func (f *Fail) At(n int) { f.left.Store(int64(n)) }

// Heal lets no write fail any more. was reports whether one had.
func (f *Fail) Heal() (was bool) { return f.left.Swap(0) == 0 }

// Table implements state.Store.
func (f *Fail) Table(name string) state.Table { return failTable{f.Store.Table(name), f} }

func (f *Fail) fails() error {
	if f.left.Load() > 0 && f.left.Add(-1) == 0 {
		return fmt.Errorf("%w: a write that fails", state.ErrUnavailable)
	}
	return nil
}

type failTable struct {
	state.Table
	fail *Fail
}

// Update implements state.Table.
func (t failTable) Update(ctx context.Context, key string, fn func(state.Record) (state.Record, error)) error {
	return t.Table.Update(ctx, key, func(r state.Record) (state.Record, error) {
		next, err := fn(r)
		if err == nil { // one that writes
			err = t.fail.fails()
		}
		return next, err
	})
}

// Drop implements state.Table.
func (t failTable) Drop(ctx context.Context, prefix string) error {
	if err := t.fail.fails(); err != nil {
		return err
	}
	return t.Table.Drop(ctx, prefix)
}

// Shared is s as one process of several sees it: others may see it, and it stays open when
// this one closes it.
func Shared(s state.Store) state.Store { return sharedStore{state.Under(s, "")} }

type sharedStore struct{ state.Store }

// Shared implements state.Store.
func (sharedStore) Shared() bool { return true }
