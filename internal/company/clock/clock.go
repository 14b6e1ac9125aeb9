// Package clock is the one notion of time in a fleet: every lease, token,
// one-time password, ticket window and lock-out reads it, so that a test which
// freezes or advances it moves all of them together.
package clock

import (
	"context"
	"errors"
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
	// WaitFor is Wait that also returns nil once changed is closed. Where nobody can tell
	// when that happens changed is nil, and it returns after Unsure of real time at the
	// latest, so that its caller looks.
	WaitFor(ctx context.Context, until time.Time, changed <-chan struct{}) error
}

// Unsure is how often, in real time, somebody looks at what may have changed when nobody
// can tell: real time, since the fleet's may stand.
const Unsure = 250 * time.Millisecond

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
	return v.wait(ctx, until, nil, false)
}

// WaitFor implements Clock.
func (v *Virtual) WaitFor(ctx context.Context, until time.Time, changed <-chan struct{}) error {
	return v.wait(ctx, until, changed, changed == nil)
}

func (v *Virtual) wait(ctx context.Context, until time.Time, changed <-chan struct{}, unsure bool) error {
	for {
		v.mu.Lock()
		s := v.show.Load()
		left, moved, frozen := until.Sub(s.at(time.Since(v.made))), v.moved, s.frozen
		v.mu.Unlock()
		switch {
		case left <= 0:
			return nil
		case unsure && (frozen || left > Unsure):
			_, err := v.sleep(ctx, Unsure, moved, nil)
			return err
		case frozen:
			left = 0
		}
		if was, err := v.sleep(ctx, left, moved, changed); was || err != nil {
			return err
		}
	}
}

// sleep returns when left has passed in real time (0: never), when time was moved, when
// changed is closed, and then says so, or with the context's error.
func (v *Virtual) sleep(ctx context.Context, left time.Duration, moved, changed <-chan struct{}) (was bool, err error) {
	var ring <-chan time.Time
	if left > 0 {
		t := time.NewTimer(left)
		defer t.Stop()
		ring = t.C
	}
	select {
	case <-ring:
	case <-moved:
	case <-changed:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return false, nil
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

// Align takes the clock to what others of its fleet show: to a moment, unless it is past
// it, and from there it stands or runs.
func (v *Virtual) Align(to time.Time, frozen bool) {
	v.change(func(s *shown, real time.Duration) {
		if now := s.at(real); to.Before(now) {
			to = now
		}
		s.base, s.since, s.frozen = to.UTC().Round(0), real, frozen
	})
}

// Begin sets the clock to a moment, where it stands, whatever it has shown before: for
// whoever makes a fleet, before anybody has looked.
func (v *Virtual) Begin(t time.Time) {
	v.change(func(s *shown, _ time.Duration) { s.base, s.frozen = t.UTC().Round(0), true })
}

// Change is a wish about the fleet's time.
type Change struct {
	Advance time.Duration // forward by so much
	To      time.Time     // or forward to a moment; zero: not
	Frozen  *bool         // true stops time, after it was moved; false lets it run
}

// ErrPast refuses to go to a moment that has passed.
var ErrPast = errors.New("time never goes back")

// Of is what a clock shows that shows now and stands or runs, after the change. The error
// is ErrPast or ErrTooLate.
func (c Change) Of(now time.Time, frozen bool) (time.Time, bool, error) {
	to := now.Add(max(0, c.Advance))
	switch {
	case now.After(Latest.Add(-c.Advance)):
		return now, frozen, ErrTooLate
	case !c.To.IsZero() && c.To.Before(now):
		return now, frozen, fmt.Errorf("the fleet's time is past %s, and %w", c.To.Format(time.RFC3339), ErrPast)
	case !c.To.IsZero():
		to = c.To
	}
	if to.After(Latest) {
		return now, frozen, ErrTooLate
	}
	if c.Frozen != nil {
		frozen = *c.Frozen
	}
	return to, frozen, nil
}

// Move makes a change. After an error the clock is as it was.
func (v *Virtual) Move(c Change) (err error) {
	v.change(func(s *shown, real time.Duration) {
		to, frozen, wrong := c.Of(s.at(real), s.frozen)
		if err = wrong; err == nil {
			s.base, s.since, s.frozen = to.UTC().Round(0), real, frozen
		}
	})
	return err
}

// Shows is what the clock shows, and whether it stands there.
func (v *Virtual) Shows() (now time.Time, frozen bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.show.Load()
	return s.at(time.Since(v.made)), s.frozen
}

// IsFrozen reports whether only Advance moves time now.
func (v *Virtual) IsFrozen() bool {
	_, frozen := v.Shows()
	return frozen
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
