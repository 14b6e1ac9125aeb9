package state_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"counterpart/internal/clock"
	"counterpart/internal/state"
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
