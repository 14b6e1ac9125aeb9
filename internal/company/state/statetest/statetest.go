// Package statetest is the conformance suite that every state.Store passes.
package statetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// Run holds open's stores against the contract of state.Store. open returns an
// empty store that lives by the given clock.
func Run(t *testing.T, open func(t *testing.T, c clock.Clock) state.Store) {
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, s state.Store, c *clock.Virtual)
	}{
		{"a missing key is a record without value", missing},
		{"what was written is read", written},
		{"a nil value deletes", deletes},
		{"an error of the function writes nothing and comes back as it is", refused},
		{"a record dies when its moment comes", expires},
		{"a dead record is absent for Update and List", deadIsAbsent},
		{"List is sorted and ends at the prefix", lists},
		{"Reset deletes the prefix and nothing else", resets},
		{"Under sees its own keys only", under},
		{"of many racing updates none is lost", counts},
		{"of many racing takers exactly one wins", oneWins},
		{"racing on an expired record exactly one wins", oneWinsAfterExpiry},
		{"a cancelled context is an error", cancelled},
		{"a broken value is the store's failure", broken},
		{"a closed store fails and does not decide", closed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := clock.Frozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			s := open(t, c)
			t.Cleanup(func() { s.Close() })
			tt.run(t, s, c)
		})
	}
}

func set(t *testing.T, s state.Store, key, value string, expires time.Time) {
	t.Helper()
	err := s.Update(t.Context(), key, func(state.Record) (state.Record, error) {
		return state.Record{Value: []byte(value), Expires: expires}, nil
	})
	if err != nil {
		t.Fatalf("set %s: %v", key, err)
	}
}

func want(t *testing.T, s state.Store, key, value string) {
	t.Helper()
	r, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	if string(r.Value) != value || (value == "" && r.Value != nil) {
		t.Errorf("%s holds %q, want %q", key, r.Value, value)
	}
}

func missing(t *testing.T, s state.Store, _ *clock.Virtual) {
	want(t, s, "nothing", "")
	s.Update(t.Context(), "nothing", func(r state.Record) (state.Record, error) {
		if r.Value != nil {
			t.Errorf("Update of a missing key sees %q", r.Value)
		}
		return state.Record{}, nil
	})
	if _, found, err := state.Read[int](t.Context(), s, "nothing"); found || err != nil {
		t.Errorf("Read of a missing key: found %v, %v", found, err)
	}
}

func written(t *testing.T, s state.Store, c *clock.Virtual) {
	end := c.Now().Add(time.Minute)
	set(t, s, "key with ünï/code", "v", end)
	want(t, s, "key with ünï/code", "v")
	if r, _ := s.Get(t.Context(), "key with ünï/code"); !r.Expires.Equal(end) {
		t.Errorf("expires %v, want %v", r.Expires, end)
	}
	type pair struct{ A, B int }
	for range 2 {
		err := state.Edit(t.Context(), s, "pair", func(p *pair, _ bool) (time.Time, error) {
			p.A, p.B = p.A+1, p.B-1
			return time.Time{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if p, found, err := state.Read[pair](t.Context(), s, "pair"); !found || err != nil || p != (pair{2, -2}) {
		t.Errorf("pair = %+v, %v, %v", p, found, err)
	}
}

func deletes(t *testing.T, s state.Store, _ *clock.Virtual) {
	set(t, s, "k", "v", time.Time{})
	if err := state.Delete(t.Context(), s, "k"); err != nil {
		t.Fatal(err)
	}
	want(t, s, "k", "")
	if err := state.Delete(t.Context(), s, "k"); err != nil {
		t.Errorf("deleting twice: %v", err)
	}
}

func refused(t *testing.T, s state.Store, _ *clock.Virtual) {
	set(t, s, "k", "old", time.Time{})
	no := errors.New("no")
	err := s.Update(t.Context(), "k", func(state.Record) (state.Record, error) {
		return state.Record{Value: []byte("new")}, no
	})
	if err != no {
		t.Errorf("got %v, want the function's own error", err)
	}
	want(t, s, "k", "old")
	err = state.Edit(t.Context(), s, "k2", func(v *int, _ bool) (time.Time, error) { *v = 1; return time.Time{}, state.ErrKeep })
	if err != nil {
		t.Errorf("ErrKeep is no failure, got %v", err)
	}
	want(t, s, "k2", "")
}

func expires(t *testing.T, s state.Store, c *clock.Virtual) {
	set(t, s, "k", "v", c.Now().Add(time.Minute))
	c.Advance(time.Minute - time.Nanosecond)
	want(t, s, "k", "v")
	c.Advance(time.Nanosecond)
	want(t, s, "k", "")
	set(t, s, "born dead", "v", c.Now())
	want(t, s, "born dead", "")
}

func deadIsAbsent(t *testing.T, s state.Store, c *clock.Virtual) {
	set(t, s, "k", "v", c.Now().Add(time.Second))
	c.Advance(time.Second)
	if keys, err := s.List(t.Context(), ""); err != nil || len(keys) != 0 {
		t.Errorf("List shows %v, %v", keys, err)
	}
	s.Update(t.Context(), "k", func(r state.Record) (state.Record, error) {
		if r.Value != nil || !r.Expires.IsZero() {
			t.Errorf("Update sees the dead record %+v", r)
		}
		return state.Record{Value: []byte("again")}, nil
	})
	want(t, s, "k", "again")
}

func lists(t *testing.T, s state.Store, _ *clock.Virtual) {
	for _, k := range []string{"b/2", "a", "b/10", "b", "b/1", "c*", "b[x]"} {
		set(t, s, k, "v", time.Time{})
	}
	for prefix, keys := range map[string][]string{
		"b/": {"b/1", "b/10", "b/2"}, "c*": {"c*"}, "b[": {"b[x]"}, "zz": nil,
		"": {"a", "b", "b/1", "b/10", "b/2", "b[x]", "c*"},
	} {
		got, err := s.List(t.Context(), prefix)
		if err != nil || len(got) != len(keys) || len(keys) > 0 && !reflect.DeepEqual(got, keys) {
			t.Errorf("List(%q) = %v, %v; want %v", prefix, got, err, keys)
		}
	}
}

func resets(t *testing.T, s state.Store, _ *clock.Virtual) {
	set(t, s, "a/1", "v", time.Time{})
	set(t, s, "a*", "v", time.Time{})
	set(t, s, "b/1", "v", time.Time{})
	if err := s.Reset(t.Context(), "a/"); err != nil {
		t.Fatal(err)
	}
	want(t, s, "a/1", "")
	want(t, s, "a*", "v")
	want(t, s, "b/1", "v")
}

func under(t *testing.T, s state.Store, _ *clock.Virtual) {
	one, two := state.Under(s, "one/"), state.Under(s, "two/")
	set(t, one, "k", "1", time.Time{})
	set(t, two, "k", "2", time.Time{})
	want(t, one, "k", "1")
	want(t, s, "two/k", "2")
	if keys, _ := one.List(t.Context(), ""); !reflect.DeepEqual(keys, []string{"k"}) {
		t.Errorf("List under one/ = %v", keys)
	}
	one.Reset(t.Context(), "")
	want(t, one, "k", "")
	want(t, two, "k", "2")
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, two, "k", "2") // closing a part must not close the whole
}

// race runs f n times at once.
func race(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() { <-start; f(i) })
	}
	close(start)
	wg.Wait()
}

func counts(t *testing.T, s state.Store, _ *clock.Virtual) {
	const n = 64
	race(n, func(int) {
		if err := state.Edit(t.Context(), s, "n", func(v *int, _ bool) (time.Time, error) { *v++; return time.Time{}, nil }); err != nil {
			t.Error(err)
		}
	})
	want(t, s, "n", strconv.Itoa(n))
}

var errTaken = errors.New("taken")

func take(ctx context.Context, s state.Store, key string, i int) error {
	return s.Update(ctx, key, func(r state.Record) (state.Record, error) {
		if r.Value != nil {
			return r, errTaken
		}
		return state.Record{Value: fmt.Append(nil, i)}, nil
	})
}

func oneWins(t *testing.T, s state.Store, _ *clock.Virtual) {
	var won atomic.Int32
	race(64, func(i int) {
		switch err := take(t.Context(), s, "k", i); err {
		case nil:
			won.Add(1)
		case errTaken:
		default:
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d takers won", won.Load())
	}
}

func oneWinsAfterExpiry(t *testing.T, s state.Store, c *clock.Virtual) {
	set(t, s, "k", "v", c.Now().Add(time.Second))
	c.Advance(time.Second)
	oneWins(t, s, c)
}

func cancelled(t *testing.T, s state.Store, _ *clock.Virtual) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, "k"); err == nil {
		t.Error("Get goes on")
	}
	if err := take(ctx, s, "k", 1); err == nil {
		t.Error("Update goes on")
	}
	want(t, s, "k", "")
}

func broken(t *testing.T, s state.Store, _ *clock.Virtual) {
	set(t, s, "k", "{", time.Time{})
	if _, _, err := state.Read[int](t.Context(), s, "k"); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Read: %v", err)
	}
	err := state.Edit(t.Context(), s, "k", func(*int, bool) (time.Time, error) { t.Error("the function must not run"); return time.Time{}, nil })
	if !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Edit: %v", err)
	}
}

func closed(t *testing.T, s state.Store, _ *clock.Virtual) {
	set(t, s, "k", "v", time.Time{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "k"); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Get of a closed store: %v", err)
	}
	if err := take(t.Context(), s, "other", 1); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Update of a closed store: %v", err)
	}
	if _, err := s.List(t.Context(), ""); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("List of a closed store: %v", err)
	}
}
