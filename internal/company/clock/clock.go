// Package clock is the one notion of time in a fleet: every lease, token,
// one-time password, ticket window and lock-out reads it, so that a test which
// freezes or advances it moves all of them together.
package clock

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Clock is what a server may know about time.
type Clock interface {
	// Now is the fleet's time in UTC. It never goes back.
	Now() time.Time
	// Both is Now, and how long the clock has existed in real time, which also
	// goes on while the fleet's time stands. It costs one look at the machine's
	// clock, as Now does.
	Both() (now time.Time, real time.Duration)
	// Wait returns nil once Now reaches until, or the context's error.
	Wait(ctx context.Context, until time.Time) error
}

// Virtual is the one Clock: real time plus an offset that only grows, or a
// frozen instant that only Advance moves.
type Virtual struct {
	made time.Time             // carries the monotonic reading that real time is measured from
	show atomic.Pointer[shown] // nil while it is replaced

	mu    sync.Mutex    // held by whoever replaces show
	moved chan struct{} // closed and replaced whenever time jumps or stops and starts
}

// shown is what a clock shows from a moment on; never modified.
type shown struct {
	since  time.Duration // real time at that moment
	base   time.Time     // fleet time at that moment
	frozen bool          // base is the time until further notice
}

func (s *shown) at(real time.Duration) time.Time {
	if s.frozen {
		return s.base
	}
	return s.base.Add(real - s.since)
}

// New returns a clock that shows real time until it is told otherwise.
func New() *Virtual {
	now := time.Now()
	return start(now, shown{base: now.UTC().Round(0)})
}

// Frozen returns a clock that stands at t until Advance or Resume is called.
func Frozen(t time.Time) *Virtual {
	return start(time.Now(), shown{base: t.UTC().Round(0), frozen: true})
}

func start(made time.Time, s shown) *Virtual {
	v := &Virtual{made: made, moved: make(chan struct{})}
	v.show.Store(&s)
	return v
}

// Now returns the fleet's time in UTC, without a monotonic reading.
func (v *Virtual) Now() time.Time {
	now, _ := v.Both()
	return now
}

// Both implements Clock. Nobody waits here: this is asked several times for each
// operation.
func (v *Virtual) Both() (now time.Time, real time.Duration) {
	for {
		s := v.show.Load()
		if s == nil { // it is just being changed
			v.mu.Lock()
			s = v.show.Load()
			v.mu.Unlock()
		}
		real = time.Since(v.made)
		if v.show.Load() == s { // or we may be later than the moment at which Freeze stops the time
			return s.at(real), real
		}
	}
}

// Wait blocks until the fleet's time reaches until. On a frozen clock only
// Advance or Resume can make that happen.
func (v *Virtual) Wait(ctx context.Context, until time.Time) error {
	for {
		v.mu.Lock()
		s := v.show.Load()
		left, moved, frozen := until.Sub(s.at(time.Since(v.made))), v.moved, s.frozen
		v.mu.Unlock()
		if left <= 0 {
			return nil
		}
		if err := v.sleep(ctx, left, moved, frozen); err != nil {
			return err
		}
	}
}

// sleep returns when left has passed in real time, when time was moved, or
// with the context's error.
func (v *Virtual) sleep(ctx context.Context, left time.Duration, moved <-chan struct{}, frozen bool) error {
	var ring <-chan time.Time
	if !frozen {
		t := time.NewTimer(left)
		defer t.Stop()
		ring = t.C
	}
	select {
	case <-ring:
	case <-moved:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Latest is how far a clock can be moved. Beyond it are times that protocols and
// formats cannot write down: 64 bits of nanoseconds end in 2262, RFC 3339 with the
// year 9999, and leases and certificates reach beyond the moment they are made.
var Latest = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// ErrTooLate refuses to move a clock past Latest. It stands where it was.
var ErrTooLate = fmt.Errorf("the fleet's time cannot go past %s", Latest.Format(time.RFC3339))

// Advance moves time forward by d and wakes every Wait whose moment has come.
// A negative d is ignored: time never goes back. The error is ErrTooLate.
func (v *Virtual) Advance(d time.Duration) (err error) {
	if d <= 0 {
		return nil
	}
	v.change(func(s *shown, real time.Duration) {
		if s.at(real).After(Latest.Add(-d)) {
			err = ErrTooLate
			return
		}
		s.base = s.base.Add(d)
	})
	return err
}

// Freeze stops time where it is.
func (v *Virtual) Freeze() {
	v.change(func(s *shown, real time.Duration) { s.base, s.frozen = s.at(real), true })
}

// Resume lets time run on from where it stands.
func (v *Virtual) Resume() {
	v.change(func(s *shown, real time.Duration) {
		if s.frozen {
			s.since, s.frozen = real, false
		}
	})
}

// IsFrozen reports whether only Advance moves time now.
func (v *Virtual) IsFrozen() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.show.Load().frozen
}

func (v *Virtual) change(f func(s *shown, real time.Duration)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := *v.show.Swap(nil)
	f(&next, time.Since(v.made))
	v.show.Store(&next)
	close(v.moved)
	v.moved = make(chan struct{})
}
