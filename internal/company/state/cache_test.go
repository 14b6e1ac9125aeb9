package state_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

func TestCacheNeverAnswersForAnOlderRecord(t *testing.T) {
	ctx := context.Background()
	s := state.NewMemory(clock.Frozen(time.Unix(0, 0)))
	var c state.Cache[int]
	if v, err := c.Read(ctx, s, "n"); v != nil || err != nil {
		t.Fatalf("nothing is there: %v, %v", v, err)
	}
	for i := range 100 {
		if err := state.Edit(ctx, s, "n", func(v *int, _ bool) (time.Time, error) { *v = i; return time.Time{}, nil }); err != nil {
			t.Fatal(err)
		}
		first, err := c.Read(ctx, s, "n")
		if err != nil || *first != i {
			t.Fatalf("read %v, %v; wrote %d", first, err, i)
		}
		if again, _ := c.Read(ctx, s, "n"); again != first {
			t.Error("the same record was decoded twice")
		}
	}
	if err := state.Delete(ctx, s, "n"); err != nil {
		t.Fatal(err)
	}
	if v, _ := c.Read(ctx, s, "n"); v != nil {
		t.Error("a deleted record was answered")
	}
}

// TestCacheSeesEachChange: whatever happens to a record, or to the store, the next
// look at the cache knows it.
func TestCacheSeesEachChange(t *testing.T) {
	ctx := context.Background()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	set := func(v int, expires time.Time) func(state.Store) error {
		return func(s state.Store) error {
			return state.Edit(ctx, s, "a/n", func(x *int, _ bool) (time.Time, error) { *x = v; return expires, nil })
		}
	}
	for _, c := range []struct {
		name   string
		before func(state.Store) error
		change func(state.Store) error
		wait   time.Duration
		want   int // 0: nothing
	}{
		{"it is made", func(state.Store) error { return nil }, set(2, time.Time{}), 0, 2},
		{"it is written", set(1, time.Time{}), set(2, time.Time{}), 0, 2},
		{"it is deleted", set(1, time.Time{}), func(s state.Store) error { return state.Delete(ctx, s, "a/n") }, 0, 0},
		{"its part of the store is reset", set(1, time.Time{}), func(s state.Store) error { return s.Reset(ctx, "a/") }, 0, 0},
		{"it dies", set(1, noon.Add(time.Second)), func(state.Store) error { return nil }, time.Second, 0},
		{"it is given an end, which comes", set(1, time.Time{}), set(1, noon.Add(time.Second)), time.Second, 0},
		{"another one is written", set(1, noon.Add(time.Hour)), func(s state.Store) error {
			return s.Update(ctx, "a/other", func(state.Record) (state.Record, error) { return state.Record{Value: []byte("7")}, nil })
		}, 0, 1},
	} {
		for _, knows := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, time known %v", c.name, knows), func(t *testing.T) {
				frozen := clock.Frozen(noon)
				s := state.NewMemory(frozen)
				var cache state.Cache[int]
				var held *state.Held[int]
				look := func() int {
					now := time.Time{}
					if knows {
						now = frozen.Now()
					}
					if held.Unchanged(now) {
						return value(held)
					}
					var err error
					if held, err = cache.Hold(ctx, state.Under(s, "a/"), "n", now); err != nil {
						t.Fatal(err)
					}
					return value(held)
				}
				if err := c.before(s); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					look()
				}
				if err := c.change(s); err != nil {
					t.Fatal(err)
				}
				frozen.Advance(c.wait)
				if got := look(); got != c.want {
					t.Errorf("the cache says %d, want %d", got, c.want)
				}
			})
		}
	}
}

func value(h *state.Held[int]) int {
	if h.Value() == nil {
		return 0
	}
	return *h.Value()
}

func TestCacheOfAClosedStore(t *testing.T) {
	s := state.NewMemory(clock.Frozen(time.Unix(0, 0)))
	var c state.Cache[int]
	if _, err := c.Read(t.Context(), s, "n"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := c.Read(t.Context(), s, "n"); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("a closed store answered: %v", err)
	}
}

// TestCacheIsNeverBehind: a writer that has returned is seen by everybody.
func TestCacheIsNeverBehind(t *testing.T) {
	ctx := t.Context()
	s := state.NewMemory(clock.New())
	var c state.Cache[int64]
	var written atomic.Int64
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for ; ; runtime.Gosched() {
				least := written.Load()
				v, err := c.Read(ctx, s, "n")
				switch {
				case err != nil:
					t.Error(err)
					return
				case least > 0 && (v == nil || *v < least):
					t.Errorf("read %v after %d was written", v, least)
					return
				case least == 2_000:
					return
				}
			}
		})
	}
	for i := int64(1); i <= 2_000; i++ {
		state.Edit(ctx, s, "n", func(v *int64, _ bool) (time.Time, error) { *v = i; return time.Time{}, nil })
		written.Store(i)
	}
	all.Wait()
}

func TestCacheForgets(t *testing.T) {
	ctx := context.Background()
	s := state.NewMemory(clock.Frozen(time.Unix(0, 0)))
	var c state.Cache[string]
	for i := range 10000 {
		key := fmt.Sprint(i)
		state.Edit(ctx, s, key, func(v *string, _ bool) (time.Time, error) { *v = key; return time.Time{}, nil })
		if v, err := c.Read(ctx, s, key); err != nil || *v != key {
			t.Fatal(key, v, err)
		}
	}
	if n := c.Kept(); n > 8192 {
		t.Errorf("%d records are kept", n)
	}
}
