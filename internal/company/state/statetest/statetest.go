// Package statetest is the conformance suite that every state.Store passes.
package statetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// Run holds open's stores against the contract of state.Store and of its tables. open
// returns an empty store that lives by the given clock.
func Run(t *testing.T, open func(t *testing.T, c clock.Clock) state.Store) {
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, s state.Table, c *clock.Virtual)
	}{
		{"a missing key is a record without value", missing},
		{"what was written is read", written},
		{"a nil value deletes", deletes},
		{"an error of the function writes nothing and comes back as it is", refused},
		{"a record dies when its moment comes", expires},
		{"a dead record is absent for Update and Keys", deadIsAbsent},
		{"Keys are sorted and end at the prefix", lists},
		{"Keys come in pages", pages},
		{"Keys know what comes and goes", follows},
		{"GetMany is Get in the keys' order", many},
		{"Drop deletes the prefix and nothing else", drops},
		{"a record's version ends with it and with nothing else", versions},
		{"whoever waits for a record hears when it changes", wakes},
		{"of many racing updates none is lost", counts},
		{"of many racing takers exactly one wins", oneWins},
		{"racing on an expired record exactly one wins", oneWinsAfterExpiry},
		{"a cancelled context is an error", cancelled},
		{"of racing creations and drops the order stays right", orderUnderRaces},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := clock.Frozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			s := open(t, c)
			t.Cleanup(func() { s.Close() })
			tt.run(t, s.Table("t"), c)
		})
	}
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, s state.Store)
	}{
		{"tables know nothing of each other", tables},
		{"Under sees its own tables only", under},
		{"a broken value is the store's failure", broken},
		{"a closed store fails and does not decide", closed},
		{"collections", collections},
		{"seeded records lie under stored ones", seeded},
		{"indexes", indexes},
		{"of many that want one value of an index one gets it", oneTakesIt},
		{"an edit whose end moves", movingEnds},
		{"indexes know the seed", seededIndexes},
		{"indexes of what changes under races", changingIndexes},
		{"claims", claims},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, clock.Frozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
			t.Cleanup(func() { s.Close() })
			tt.run(t, s)
		})
	}
}

func set(t *testing.T, s state.Table, key, value string, expires time.Time) {
	t.Helper()
	err := s.Update(t.Context(), key, func(state.Record) (state.Record, error) {
		return state.Record{Value: []byte(value), Expires: expires}, nil
	})
	if err != nil {
		t.Fatalf("set %s: %v", key, err)
	}
}

func want(t *testing.T, s state.Table, key, value string) {
	t.Helper()
	r, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	if string(r.Value) != value || (value == "" && r.Value != nil) {
		t.Errorf("%s holds %q, want %q", key, r.Value, value)
	}
}

func missing(t *testing.T, s state.Table, _ *clock.Virtual) {
	want(t, s, "nothing", "")
	s.Update(t.Context(), "nothing", func(r state.Record) (state.Record, error) {
		if r.Value != nil {
			t.Errorf("Update of a missing key sees %q", r.Value)
		}
		return state.Record{}, nil
	})
}

func written(t *testing.T, s state.Table, c *clock.Virtual) {
	end := c.Now().Add(time.Minute)
	set(t, s, "key with ünï/code", "v", end)
	want(t, s, "key with ünï/code", "v")
	if r, _ := s.Get(t.Context(), "key with ünï/code"); !r.Expires.Equal(end) {
		t.Errorf("expires %v, want %v", r.Expires, end)
	}
	set(t, s, "key with ünï/code", "w", time.Time{})
	if r, _ := s.Get(t.Context(), "key with ünï/code"); string(r.Value) != "w" || !r.Expires.IsZero() {
		t.Errorf("written again it is %q until %v", r.Value, r.Expires)
	}
}

func deletes(t *testing.T, s state.Table, _ *clock.Virtual) {
	set(t, s, "k", "v", time.Time{})
	if err := remove(t, s, "k"); err != nil {
		t.Fatal(err)
	}
	want(t, s, "k", "")
	if err := remove(t, s, "k"); err != nil {
		t.Errorf("deleting twice: %v", err)
	}
}

func refused(t *testing.T, s state.Table, _ *clock.Virtual) {
	set(t, s, "k", "old", time.Time{})
	no := errors.New("no")
	err := s.Update(t.Context(), "k", func(state.Record) (state.Record, error) {
		return state.Record{Value: []byte("new")}, no
	})
	if err != no {
		t.Errorf("got %v, want the function's own error", err)
	}
	want(t, s, "k", "old")
}

func expires(t *testing.T, s state.Table, c *clock.Virtual) {
	set(t, s, "k", "v", c.Now().Add(time.Minute))
	c.Advance(time.Minute - time.Nanosecond)
	want(t, s, "k", "v")
	c.Advance(time.Nanosecond)
	want(t, s, "k", "")
	set(t, s, "born dead", "v", c.Now())
	want(t, s, "born dead", "")
}

func deadIsAbsent(t *testing.T, s state.Table, c *clock.Virtual) {
	set(t, s, "k", "v", c.Now().Add(time.Second))
	c.Advance(time.Second)
	if keys, err := s.Keys(t.Context(), state.Range{}); err != nil || len(keys) != 0 {
		t.Errorf("Keys shows %v, %v", keys, err)
	}
	s.Update(t.Context(), "k", func(r state.Record) (state.Record, error) {
		if r.Value != nil || !r.Expires.IsZero() {
			t.Errorf("Update sees the dead record %+v", r)
		}
		return state.Record{Value: []byte("again")}, nil
	})
	want(t, s, "k", "again")
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

var errTaken = errors.New("taken")

func take(ctx context.Context, s state.Table, key string, i int) error {
	return s.Update(ctx, key, func(r state.Record) (state.Record, error) {
		if r.Value != nil {
			return r, errTaken
		}
		return state.Record{Value: fmt.Append(nil, i)}, nil
	})
}

func oneWins(t *testing.T, s state.Table, _ *clock.Virtual) {
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

func oneWinsAfterExpiry(t *testing.T, s state.Table, c *clock.Virtual) {
	set(t, s, "k", "v", c.Now().Add(time.Second))
	c.Advance(time.Second)
	oneWins(t, s, c)
}

func cancelled(t *testing.T, s state.Table, _ *clock.Virtual) {
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
