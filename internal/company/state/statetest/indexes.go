package statetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

func indexes(t *testing.T, s state.Store) {
	ctx := t.Context()
	c := state.Of[pair](s, "pairs")
	taken := errors.New("taken")
	byB := c.By(s, "b", nil, func(p *pair) []string { return []string{p.B} })
	byA := c.By(s, "a", taken, func(p *pair) []string { return []string{fmt.Sprint(p.A)} })
	found := func(value string) (keys []string) {
		for e, err := range byB.All(ctx, value, "") {
			if err != nil {
				t.Error(err)
			}
			keys = append(keys, e.Key)
		}
		return keys
	}
	for i, k := range []string{"one", "two", "three"} {
		if err := c.Put(ctx, k, pair{i, "same"}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := found("same"); !slices.Equal(got, []string{"one", "three", "two"}) {
		t.Errorf("found %q", got)
	}
	if got := found("sam"); got != nil {
		t.Errorf("found %q", got)
	}
	if e, err := byA.One(ctx, "1"); err != nil || e.Key != "two" || e.Value.A != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	if err := c.Put(ctx, "four", pair{1, "same"}, time.Time{}); err != taken {
		t.Errorf("a second one: %v", err)
	}
	if e, err := byA.One(ctx, "1"); err != nil || e.Key != "two" || len(found("same")) != 3 {
		t.Errorf("after it was refused: %+v, %v, %q", e, err, found("same"))
	}
	if err := c.Put(ctx, "one", pair{0, "other"}, time.Time{}); err != nil || !slices.Equal(found("same"), []string{"three", "two"}) || !slices.Equal(found("other"), []string{"one"}) {
		t.Errorf("changed: %v, %q, %q", err, found("same"), found("other"))
	}
	wantKeys(t, s.Table("pairs by b"), state.Range{Prefix: "same\x00"}, "same\x00three", "same\x00two")
	if err := c.Put(ctx, "one", pair{0, "same"}, time.Time{}); err != nil {
		t.Error(err)
	}
	for _, a := range []int{1, 99} {
		if err := c.Put(ctx, "one", pair{a, "same"}, time.Time{}); err == nil {
			t.Errorf("a record wants %d, which one alone can have, and did not from the beginning", a)
		}
	}
	if e, err := byA.One(ctx, "0"); err != nil || e.Key != "one" {
		t.Errorf("after a change that was refused: %+v, %v", e, err)
	}
	if was, err := c.Delete(ctx, "two"); !was || err != nil {
		t.Error(was, err)
	}
	if e, err := byA.One(ctx, "1"); err != nil || e.Value != nil || len(found("same")) != 2 {
		t.Errorf("after it was deleted: %+v, %v, %q", e, err, found("same"))
	}
	if err := c.Put(ctx, "four", pair{1, "same"}, time.Time{}); err != nil {
		t.Errorf("what is free again: %v", err)
	}
	if err := c.Drop(ctx, ""); err != nil || found("same") != nil {
		t.Errorf("%v, %q", err, found("same"))
	}
	for _, name := range []string{"pairs by a", "pairs by b"} {
		wantKeys(t, s.Table(name), state.Range{})
	}
}

// oneTakesIt: of many records that want to be found by one thing which only one can
// have, one is made; the others are refused, and are not there.
func oneTakesIt(t *testing.T, s state.Store) {
	ctx := t.Context()
	taken := errors.New("taken")
	c := state.Of[pair](s, "pairs")
	x := c.By(s, "b", taken, func(p *pair) []string { return []string{p.B} })
	for round := range 50 {
		value := fmt.Sprint("v", round)
		var won atomic.Int32
		race(8, func(i int) {
			switch err := c.Put(ctx, fmt.Sprint(round, " ", i), pair{i, value}, time.Time{}); err {
			case nil:
				won.Add(1)
			case taken:
			default:
				t.Error(err)
			}
		})
		e, err := x.One(ctx, value)
		if won.Load() != 1 || err != nil || e.Value == nil {
			t.Fatalf("%d made it, found %+v, %v", won.Load(), e, err)
		}
		if keys, _ := c.Keys(ctx, state.Range{Prefix: fmt.Sprint(round, " ")}); len(keys) != 1 {
			t.Fatalf("there are %q", keys)
		}
	}
}

func claims(t *testing.T, s state.Store) {
	ctx := t.Context()
	now := clock.Frozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	owners := map[string]bool{}
	taken := errors.New("taken")
	c := state.NewClaims(s, "claims", now, func(_ context.Context, key, owner string) (bool, error) { return owners[key+owner], nil })
	take := func(key, owner string, fresh bool, want error) {
		t.Helper()
		if got, err := c.Take(ctx, key, owner, taken); got != fresh && err == nil || err != want {
			t.Errorf("%s for %s: %v, %v", key, owner, got, err)
		}
	}
	take("k", "a", true, nil)
	take("k", "a", false, nil)
	take("k", "b", false, taken)
	now.Advance(state.Grace)
	take("k", "b", true, nil) // a has never come to have it
	owners["kb"] = true
	now.Advance(state.Grace)
	take("k", "c", false, taken)
}

// movingEnds: an edit whose end is later each time it runs comes to one all the same.
func movingEnds(t *testing.T, s state.Store) {
	c := state.Of[pair](s, "pairs")
	c.By(s, "b", nil, func(p *pair) []string { return []string{p.B} })
	end := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for runs := range 2 {
		err := c.Edit(t.Context(), "k", func(p *pair, found bool) (time.Time, error) {
			if runs++; runs > 20 {
				return time.Time{}, errors.New("it runs again and again")
			}
			*p = pair{runs, "same"}
			end = end.Add(time.Microsecond)
			return end, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// seededIndexes: what the seed has is found like what was stored, until it is changed or
// deleted, and has what only one can have.
func seededIndexes(t *testing.T, s state.Store) {
	ctx := t.Context()
	c := state.Of[pair](s, "pairs")
	for i := range 600 {
		c.Seed(fmt.Sprintf("s%03d", i), &pair{i, "seeded"})
	}
	taken := errors.New("taken")
	byB := c.By(s, "b", nil, func(p *pair) []string { return []string{p.B} })
	byA := c.By(s, "a", taken, func(p *pair) []string { return []string{fmt.Sprint(p.A)} })
	count := func(value string) (n int) {
		last := ""
		for e, err := range byB.All(ctx, value, "") {
			if err != nil || e.Key <= last {
				t.Fatalf("%s after %s, %v", e.Key, last, err)
			}
			last = e.Key
			n++
		}
		return n
	}
	for i := range 600 {
		if err := c.Put(ctx, fmt.Sprintf("r%03d", i), pair{1000 + i, "seeded"}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := count("seeded"); n != 1200 {
		t.Errorf("%d are found, want 1200", n)
	}
	if err := c.Put(ctx, "new", pair{7, "x"}, time.Time{}); err != taken {
		t.Errorf("what a seeded one has: %v", err)
	}
	if err := c.Change(ctx, "s007", func(p *pair, _ bool) error { p.B = "changed"; return nil }); err != nil {
		t.Fatal(err)
	}
	if e, err := byA.One(ctx, "7"); err != nil || e.Key != "s007" || count("seeded") != 1199 || count("changed") != 1 {
		t.Errorf("changed: %+v, %v, %d, %d", e, err, count("seeded"), count("changed"))
	}
	if was, err := c.Delete(ctx, "s008"); !was || err != nil {
		t.Error(was, err)
	}
	if err := c.Put(ctx, "new", pair{8, "x"}, time.Time{}); err != nil || count("seeded") != 1198 {
		t.Errorf("what a deleted one had: %v, %d", err, count("seeded"))
	}
}

// changingIndexes: whoever changes last, a record is found by what it has and by nothing
// else.
func changingIndexes(t *testing.T, s state.Store) {
	ctx := t.Context()
	c := state.Of[pair](s, "pairs")
	x := c.By(s, "b", nil, func(p *pair) []string { return []string{p.B} })
	for round := range 30 {
		key := fmt.Sprint("k", round)
		race(6, func(i int) {
			for n := range 5 {
				if err := c.Put(ctx, key, pair{i, fmt.Sprint("v", (i+n)%3)}, time.Time{}); err != nil {
					t.Error(err)
				}
			}
		})
		now, err := c.Get(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		for v := range 3 {
			value, found := fmt.Sprint("v", v), false
			for e, err := range x.All(ctx, value, "") {
				found = found || e.Key == key
				if err != nil {
					t.Error(err)
				}
			}
			if found != (now.B == value) {
				t.Fatalf("round %d: it has %s, found by %s: %v", round, now.B, value, found)
			}
		}
	}
}
