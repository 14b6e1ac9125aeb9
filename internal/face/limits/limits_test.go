package limits_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/face/limits"
)

var start = time.Date(2026, 1, 1, 12, 20, 0, 0, time.UTC)

func limiter(t *testing.T) (*limits.Limiter, *clock.Virtual) {
	t.Helper()
	c := clock.Frozen(start)
	return limits.New(statetest.Twice(state.NewMemory(c)), c), c
}

// step lets the clock go on, takes one and compares.
type step struct {
	after     time.Duration
	allowed   bool
	remaining int
	reset     time.Duration // from the start of the test
	retry     time.Duration
}

func TestRules(t *testing.T) {
	for name, x := range map[string]struct {
		rule  limits.Rule
		limit int
		steps []step
	}{
		"a window from the first": {limits.Window(2, time.Minute), 2, []step{
			{0, true, 1, time.Minute, 0}, {30 * time.Second, true, 0, time.Minute, 0}, {29 * time.Second, false, 0, time.Minute, time.Second},
			{time.Second, true, 1, 2 * time.Minute, 0}}},
		"a window of the calendar": {limits.AlignedWindow(1, time.Hour), 1, []step{
			{0, true, 0, 40 * time.Minute, 0}, {10 * time.Minute, false, 0, 40 * time.Minute, 30 * time.Minute}, {30 * time.Minute, true, 0, 100 * time.Minute, 0}}},
		"a bucket": {limits.Bucket(2, 2, time.Minute), 2, []step{
			{0, true, 1, 30 * time.Second, 0}, {0, true, 0, time.Minute, 0}, {0, false, 0, time.Minute, 30 * time.Second}, {29 * time.Second, false, 0, time.Minute, time.Second},
			{time.Second, true, 0, 90 * time.Second, 0}, {5 * time.Minute, true, 1, 360 * time.Second, 0}}},
		"spacing": {limits.Spacing(30 * time.Second), 1, []step{
			{0, true, 0, 30 * time.Second, 0}, {29 * time.Second, false, 0, 30 * time.Second, time.Second}, {time.Second, true, 0, time.Minute, 0}}},
	} {
		l, c := limiter(t)
		for i, s := range x.steps {
			c.Advance(s.after)
			peeked, err := l.Peek(t.Context(), "k", x.rule)
			if err != nil || peeked.Allowed != s.allowed || peeked.RetryAfter != s.retry {
				t.Errorf("%s, step %d: peeked %+v, %v", name, i, peeked, err)
			}
			v, err := l.Take(t.Context(), "k", x.rule)
			if err != nil || v != (limits.Verdict{s.allowed, x.limit, s.remaining, start.Add(s.reset), s.retry}) {
				t.Errorf("%s, step %d: %+v, %v", name, i, v, err)
			}
			if again, _ := l.Peek(t.Context(), "k", x.rule); again.Remaining != v.Remaining || !again.Reset.Equal(v.Reset) {
				t.Errorf("%s, step %d: then %+v", name, i, again)
			}
		}
		if v, err := l.Take(t.Context(), "other", x.rule); err != nil || !v.Allowed {
			t.Errorf("%s: another key shares the count: %+v, %v", name, v, err)
		}
	}
}

func TestAFrozenClockFreezesWindows(t *testing.T) {
	l, _ := limiter(t)
	r := limits.Spacing(time.Nanosecond)
	if v, _ := l.Take(t.Context(), "k", r); !v.Allowed {
		t.Fatal(v)
	}
	for range 3 {
		if v, _ := l.Take(t.Context(), "k", r); v.Allowed {
			t.Error("time has passed")
		}
	}
}

func TestFailuresAreCountedBeforeTheyAreJudged(t *testing.T) {
	l, c := limiter(t)
	r := limits.Window(1, 5*time.Minute)
	for range 5 { // each is right, and is given back
		if v, err := l.Take(t.Context(), "alice", r); err != nil || !v.Allowed {
			t.Fatalf("%+v, %v", v, err)
		}
		if err := l.GiveBack(t.Context(), "alice", r); err != nil {
			t.Fatal(err)
		}
	}
	l.Take(t.Context(), "alice", r) // wrong
	if v, _ := l.Take(t.Context(), "alice", r); v.Allowed {
		t.Error("a second failure is let through")
	}
	c.Advance(5 * time.Minute)
	l.GiveBack(t.Context(), "alice", r) // of a window that is over
	if v, _ := l.Peek(t.Context(), "alice", r); v.Remaining != 1 {
		t.Errorf("%+v", v)
	}
	b := limits.Bucket(2, 1, time.Minute)
	l.Take(t.Context(), "bob", b)
	l.Take(t.Context(), "bob", b)
	l.GiveBack(t.Context(), "bob", b)
	if v, _ := l.Peek(t.Context(), "bob", b); v.Remaining != 1 {
		t.Errorf("%+v", v)
	}
	for range 3 {
		l.GiveBack(t.Context(), "bob", b)
	}
	if v, _ := l.Peek(t.Context(), "bob", b); v.Remaining != 2 {
		t.Errorf("more than there was: %+v", v)
	}
}

func TestNoLimitCostsNothing(t *testing.T) {
	store := statetest.Twice(statetest.Strict(t, state.NewMemory(clock.Frozen(start))))
	l := limits.New(store, clock.Frozen(start))
	for _, r := range []limits.Rule{{}, limits.Window(0, time.Minute), limits.Window(1, 0), limits.Bucket(1, 0, time.Minute), limits.Spacing(0), limits.AlignedWindow(-1, time.Hour)} {
		v, err := l.Take(t.Context(), "k", r)
		if err != nil || !v.Allowed || v.Limit != 0 || !r.Unlimited() {
			t.Errorf("%+v, %v", v, err)
		}
		if v, err := l.Peek(t.Context(), "k", r); err != nil || !v.Allowed {
			t.Errorf("%+v, %v", v, err)
		}
		if err := l.GiveBack(t.Context(), "k", r); err != nil {
			t.Error(err)
		}
	}
	if tables, err := store.Tables(t.Context(), ""); len(tables) > 0 || err != nil {
		t.Errorf("something was written: %q, %v", tables, err)
	}
}

func TestRacingCallersGetNoMoreThanTheLimit(t *testing.T) {
	for name, r := range map[string]limits.Rule{"window": limits.Window(7, time.Minute), "bucket": limits.Bucket(7, 1, time.Hour)} {
		l, _ := limiter(t)
		var allowed atomic.Int64
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() {
				if v, err := l.Take(context.Background(), "k", r); err != nil {
					t.Error(err)
				} else if v.Allowed {
					allowed.Add(1)
				}
			})
		}
		wait.Wait()
		if allowed.Load() != 7 {
			t.Errorf("%s: %d of 50", name, allowed.Load())
		}
	}
}

func TestHugeLimits(t *testing.T) {
	l, _ := limiter(t)
	for _, r := range []limits.Rule{limits.Bucket(1<<62, 1, 24*time.Hour), limits.Window(1<<62, time.Hour)} {
		if v, err := l.Take(t.Context(), "k", r); err != nil || !v.Allowed || v.Remaining <= 0 {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	v := limits.Verdict{Limit: 3, RetryAfter: 1500 * time.Millisecond, Reset: start}
	var r *cause.Refusal
	if err := v.Refusal("alice"); !errors.Is(err, cause.RateLimited) || !errors.As(err, &r) || !r.Until.Equal(start) || v.Seconds() != 2 {
		t.Errorf("%v, %d s", err, v.Seconds())
	}
	if err := (limits.Verdict{Allowed: true}).Refusal("alice"); err != nil {
		t.Error(err)
	}
}
