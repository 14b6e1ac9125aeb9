// Package clock is the one notion of time in a fleet: every lease, token,
// one-time password, ticket window and lock-out reads it, so that a test which
// freezes or advances it moves all of them together.
package clock

import (
	"context"
	"sync"
	"time"
)

// Clock is what a server may know about time.
type Clock interface {
	// Now is the fleet's time in UTC. It never goes back.
	Now() time.Time
	// Wait returns nil once Now reaches until, or the context's error.
	Wait(ctx context.Context, until time.Time) error
}

// Virtual is the one Clock: real time plus an offset that only grows, or a
// frozen instant that only Advance moves.
type Virtual struct {
	mu     sync.Mutex
	origin time.Time     // carries the monotonic reading that real time is measured from
	base   time.Time     // fleet time at origin
	frozen bool          // when set, base is the time
	moved  chan struct{} // closed and replaced whenever time jumps or stops and starts
}

// New returns a clock that shows real time until it is told otherwise.
func New() *Virtual {
	now := time.Now()
	return &Virtual{origin: now, base: now.UTC().Round(0), moved: make(chan struct{})}
}

// Frozen returns a clock that stands at t until Advance or Resume is called.
func Frozen(t time.Time) *Virtual {
	return &Virtual{origin: time.Now(), base: t.UTC().Round(0), frozen: true, moved: make(chan struct{})}
}

// Now returns the fleet's time in UTC, without a monotonic reading.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now()
}

func (v *Virtual) now() time.Time {
	if v.frozen {
		return v.base
	}
	return v.base.Add(time.Since(v.origin))
}

// Wait blocks until the fleet's time reaches until. On a frozen clock only
// Advance or Resume can make that happen.
func (v *Virtual) Wait(ctx context.Context, until time.Time) error {
	for {
		v.mu.Lock()
		left := until.Sub(v.now())
		moved, frozen := v.moved, v.frozen
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

// Advance moves time forward by d and wakes every Wait whose moment has come.
// A negative d is ignored: time never goes back.
func (v *Virtual) Advance(d time.Duration) {
	if d <= 0 {
		return
	}
	v.change(func() { v.base = v.base.Add(d) })
}

// Freeze stops time where it is.
func (v *Virtual) Freeze() {
	v.change(func() { v.base, v.frozen = v.now(), true })
}

// Resume lets time run on from where it stands.
func (v *Virtual) Resume() {
	v.change(func() {
		if v.frozen {
			v.origin, v.frozen = time.Now(), false
		}
	})
}

// IsFrozen reports whether only Advance moves time now.
func (v *Virtual) IsFrozen() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.frozen
}

func (v *Virtual) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
	close(v.moved)
	v.moved = make(chan struct{})
}
