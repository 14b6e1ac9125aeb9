// Package limits counts what clients may do how often, by the fleet's clock: a frozen
// clock freezes windows. Counts are records of the store, so that replicas share them; a
// rule without a limit costs nothing. What a refusal says, and in which headers the
// numbers stand, is the vendor's.
package limits

import (
	"context"
	"fmt"
	"math"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// Rule is how much is allowed. The zero value allows everything.
type Rule struct {
	kind  kind
	limit int           // of a window; the capacity of a bucket
	per   time.Duration // a window's length; the time in which a bucket gets one back
}

type kind int

const (
	unlimited kind = iota
	window
	aligned
	bucket
)

// Window allows limit in per, which begins with the first one.
func Window(limit int, per time.Duration) Rule { return rule(window, limit, per) }

// AlignedWindow allows limit in each whole per of the calendar in UTC: each hour.
func AlignedWindow(limit int, per time.Duration) Rule { return rule(aligned, limit, per) }

// Bucket allows capacity at once, and fill more in each per.
func Bucket(capacity, fill int, per time.Duration) Rule {
	if fill <= 0 {
		return Rule{}
	}
	return rule(bucket, capacity, per/time.Duration(fill))
}

// Spacing allows one, and the next when apart has passed since.
func Spacing(apart time.Duration) Rule { return rule(bucket, 1, apart) }

func rule(k kind, limit int, per time.Duration) Rule {
	if limit <= 0 || per <= 0 {
		return Rule{}
	}
	return Rule{k, min(limit, int(math.MaxInt64/2/per)), per} // a bucket's whole time is no overflow
}

// Unlimited reports a rule that allows everything.
func (r Rule) Unlimited() bool { return r.kind == unlimited }

// Verdict is how a rule stands.
type Verdict struct {
	Allowed    bool
	Limit      int           // of the rule; 0: there is none
	Remaining  int           // how many more are allowed now
	Reset      time.Time     // when the whole limit is there again; zero without a rule
	RetryAfter time.Duration // until one is allowed; 0: now
}

// Seconds is RetryAfter in whole seconds, rounded up: who waits so long is let in.
func (v Verdict) Seconds() int { return int((v.RetryAfter + time.Second - 1) / time.Second) }

// Refusal is nil for what is allowed, and cause.RateLimited with the time when it may be
// tried again otherwise.
func (v Verdict) Refusal(who string) error {
	if v.Allowed {
		return nil
	}
	return &cause.Refusal{Cause: cause.RateLimited, Why: fmt.Sprintf("%s: %d are allowed, the next in %v", who, v.Limit, v.RetryAfter), Until: v.Reset}
}

// Limiter holds the counts of one server.
type Limiter struct {
	counts *state.Collection[count]
	clock  clock.Clock
}

// count is a window's beginning and what was taken of it, or the moment at which a bucket
// is full again (the generic cell rate algorithm of ITU-T I.371: one time says all).
type count struct {
	Start time.Time `json:"start,omitzero"`
	Taken int       `json:"taken,omitempty"`
	Full  time.Time `json:"full,omitzero"`
}

// New is a limiter whose counts are in s.
func New(s state.Store, c clock.Clock) *Limiter {
	return &Limiter{counts: state.Of[count](s, "limits"), clock: c}
}

// Take takes one of what is allowed for key, which names rule and subject: "authn/alice".
// What is refused takes nothing, and of racing callers no more are allowed than the rule
// says. An error is the store's.
func (l *Limiter) Take(ctx context.Context, key string, r Rule) (v Verdict, err error) {
	if r.Unlimited() {
		return Verdict{Allowed: true}, nil
	}
	err = l.counts.Edit(ctx, key, func(c *count, _ bool) (time.Time, error) {
		now := l.clock.Now()
		c.begin(r, now)
		if v = c.verdict(r, now); !v.Allowed {
			return time.Time{}, state.ErrKeep
		}
		c.take(r, 1)
		v = c.verdict(r, now)
		v.Allowed, v.RetryAfter = true, 0
		return v.Reset, nil
	})
	return v, err
}

// Peek is how the rule stands, and takes nothing: for the headers of answers that are not
// counted.
func (l *Limiter) Peek(ctx context.Context, key string, r Rule) (Verdict, error) {
	if r.Unlimited() {
		return Verdict{Allowed: true}, nil
	}
	c, _, err := l.counts.Read(ctx, key)
	now := l.clock.Now()
	c.begin(r, now)
	return c.verdict(r, now), err
}

// GiveBack returns one that was taken: of a rule that counts failures, where each try is
// counted before it is judged, and given back when it was none.
func (l *Limiter) GiveBack(ctx context.Context, key string, r Rule) error {
	if r.Unlimited() {
		return nil
	}
	return l.counts.Edit(ctx, key, func(c *count, found bool) (time.Time, error) {
		now := l.clock.Now()
		c.begin(r, now)
		if !found || c.Taken == 0 && !c.Full.After(now) {
			return time.Time{}, state.ErrKeep // that window is over
		}
		c.take(r, -1)
		if c.Taken == 0 && !c.Full.After(now) {
			return time.Time{}, state.ErrDelete
		}
		return c.verdict(r, now).Reset, nil
	})
}

// begin starts a new window where the last is over, and forgets a bucket that is full.
func (c *count) begin(r Rule, now time.Time) {
	switch r.kind {
	case bucket:
		if c.Full.Before(now) {
			*c = count{Full: now}
		}
	case aligned:
		if start := now.Truncate(r.per); !c.Start.Equal(start) {
			*c = count{Start: start}
		}
	default:
		if c.Start.IsZero() || !now.Before(c.Start.Add(r.per)) {
			*c = count{Start: now}
		}
	}
}

func (c *count) take(r Rule, n int) {
	if r.kind == bucket {
		c.Full = c.Full.Add(time.Duration(n) * r.per)
	} else {
		c.Taken += n
	}
}

func (c *count) verdict(r Rule, now time.Time) Verdict {
	v := Verdict{Limit: r.limit}
	if r.kind == bucket {
		missing := c.Full.Sub(now)
		v.Remaining = max(0, int((time.Duration(r.limit)*r.per-missing)/r.per))
		v.Reset = c.Full
		v.RetryAfter = max(0, missing+r.per-time.Duration(r.limit)*r.per)
	} else {
		v.Remaining = max(0, r.limit-c.Taken)
		v.Reset = c.Start.Add(r.per)
		if v.Remaining == 0 {
			v.RetryAfter = v.Reset.Sub(now)
		}
	}
	v.Allowed = v.Remaining > 0
	return v
}
