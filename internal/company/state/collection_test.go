package state_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

func TestWhatIsHeldIsNeverOlderThanTheRecord(t *testing.T) {
	ctx := context.Background()
	c := state.Of[int](state.NewMemory(clock.Frozen(time.Unix(0, 0))), "numbers")
	if v, err := c.Get(ctx, "n"); v != nil || err != nil {
		t.Fatalf("nothing is there: %v, %v", v, err)
	}
	for i := range 100 {
		if err := c.Put(ctx, "n", i, time.Time{}); err != nil {
			t.Fatal(err)
		}
		first, err := c.Get(ctx, "n")
		if err != nil || *first != i {
			t.Fatalf("read %v, %v; wrote %d", first, err, i)
		}
		if again, _ := c.Get(ctx, "n"); again != first {
			t.Error("the same record was decoded twice")
		}
	}
	if _, err := c.Delete(ctx, "n"); err != nil {
		t.Fatal(err)
	}
	if v, _ := c.Get(ctx, "n"); v != nil {
		t.Error("a deleted record was answered")
	}
}

// TestHoldSeesEachChange: whatever happens to a record, or to its table, the next look
// at what is held knows it.
func TestHoldSeesEachChange(t *testing.T) {
	ctx := context.Background()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	type numbers = *state.Collection[int]
	set := func(v int, expires time.Time) func(numbers) error {
		return func(c numbers) error { return c.Put(ctx, "a/n", v, expires) }
	}
	nothing := func(numbers) error { return nil }
	for _, tt := range []struct {
		name           string
		before, change func(numbers) error
		wait           time.Duration
		want           int // 0: nothing
	}{
		{"it is made", nothing, set(2, time.Time{}), 0, 2},
		{"it is written", set(1, time.Time{}), set(2, time.Time{}), 0, 2},
		{"it is deleted", set(1, time.Time{}), func(c numbers) error { _, err := c.Delete(ctx, "a/n"); return err }, 0, 0},
		{"its part of the table is dropped", set(1, time.Time{}), func(c numbers) error { return c.Drop(ctx, "a/") }, 0, 0},
		{"it dies", set(1, noon.Add(time.Second)), nothing, time.Second, 0},
		{"it is given an end, which comes", set(1, time.Time{}), set(1, noon.Add(time.Second)), time.Second, 0},
		{"another one is written", set(1, noon.Add(time.Hour)), func(c numbers) error { return c.Put(ctx, "a/other", 7, time.Time{}) }, 0, 1},
	} {
		for _, knows := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, time known %v", tt.name, knows), func(t *testing.T) {
				frozen := clock.Frozen(noon)
				c := state.Of[int](state.Under(state.NewMemory(frozen), "part/"), "numbers")
				var held *state.Held[int]
				look := func() int {
					now := time.Time{}
					if knows {
						now = frozen.Now()
					}
					if !held.Unchanged(now) {
						var err error
						if held, err = c.Hold(ctx, "a/n", now); err != nil {
							t.Fatal(err)
						}
					}
					if held.Value() == nil {
						return 0
					}
					return *held.Value()
				}
				if err := tt.before(c); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					look()
				}
				if err := tt.change(c); err != nil {
					t.Fatal(err)
				}
				frozen.Advance(tt.wait)
				if got := look(); got != tt.want {
					t.Errorf("what is held says %d, want %d", got, tt.want)
				}
			})
		}
	}
}

func TestHoldOfAClosedStore(t *testing.T) {
	s := state.NewMemory(clock.Frozen(time.Unix(0, 0)))
	c := state.Of[int](s, "numbers")
	if _, err := c.Get(t.Context(), "n"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := c.Get(t.Context(), "n"); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("a closed store answered: %v", err)
	}
}

// TestHoldIsNeverBehind: a writer that has returned is seen by everybody.
func TestHoldIsNeverBehind(t *testing.T) {
	ctx := t.Context()
	c := state.Of[int64](state.NewMemory(clock.New()), "numbers")
	var written atomic.Int64
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for ; ; runtime.Gosched() {
				least := written.Load()
				v, err := c.Get(ctx, "n")
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
		c.Put(ctx, "n", i, time.Time{})
		written.Store(i)
	}
	all.Wait()
}

func TestACollectionForgetsWhatItHolds(t *testing.T) {
	ctx := context.Background()
	c := state.Of[string](state.NewMemory(clock.Frozen(time.Unix(0, 0))), "texts")
	for i := range 10000 {
		key := fmt.Sprint(i)
		c.Put(ctx, key, key, time.Time{})
		if v, err := c.Get(ctx, key); err != nil || *v != key {
			t.Fatal(key, v, err)
		}
	}
	if n := c.Kept(); n > 8192 {
		t.Errorf("%d records are kept", n)
	}
}

// list is a value that copies itself.
type list struct{ Items []string }

func (l *list) Copy() *list { return &list{slices.Clone(l.Items)} }

// TestCopierSeesWhatOthersWrite: what is copied in place of being decoded is what the
// store says, whoever wrote it, and shared with nobody.
func TestCopierSeesWhatOthersWrite(t *testing.T) {
	c := clock.Frozen(time.Unix(1, 0))
	store := state.NewMemory(c)
	a, b := state.Of[list](store, "list"), state.Of[list](store, "list")
	add := func(to *state.Collection[list], item string) (got []string) {
		t.Helper()
		var leaked *list
		err := to.Change(t.Context(), "k", func(l *list, _ bool) error {
			l.Items = append(l.Items, item)
			got, leaked = slices.Clone(l.Items), l
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		leaked.Items[0] = "spoilt" // whoever keeps the value of an Edit spoils nothing
		return got
	}
	for i, x := range []struct {
		to   *state.Collection[list]
		item string
	}{{a, "1"}, {a, "2"}, {b, "3"}, {a, "4"}, {b, "5"}, {b, "6"}} {
		if got := add(x.to, x.item); len(got) != i+1 || got[0] != "1" || got[i] != x.item {
			t.Errorf("after %s: %v", x.item, got)
		}
	}
	if err := a.Change(t.Context(), "k", func(l *list, _ bool) error { l.Items = nil; return errors.New("refused") }); err == nil {
		t.Error("no error")
	}
	v, err := b.Get(t.Context(), "k")
	if err != nil || len(v.Items) != 6 {
		t.Errorf("%v %v", v, err)
	}
	if got := add(a, "7"); len(got) != 7 {
		t.Errorf("%v", got)
	}
}
