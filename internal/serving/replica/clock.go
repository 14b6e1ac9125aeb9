package replica

import (
	"context"
	"errors"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// moment is the record of the fleet's time. While replicas run, each measures time by its
// own monotonic clock and applies what the record says was changed: how far time was
// advanced, whether it stands and where. What their machines show as the time of day
// matters only when nobody is there to ask: then the fleet's time goes on from base by
// what has passed since then by the clock of the machine that comes.
type moment struct {
	N        uint64        `json:"n"`     // counts changes
	Base     time.Time     `json:"base"`  // the fleet's time when it was written
	Since    time.Time     `json:"since"` // the time of day at that moment, at the writer
	Frozen   bool          `json:"frozen,omitempty"`
	Advanced time.Duration `json:"advanced,omitempty"` // in all
}

// clockKey and syncKey are records of the table Tables.
const (
	clockKey = "clock"
	syncKey  = "sync"
)

// errMoved tells that the clock was changed by somebody else meanwhile.
var errMoved = errors.New("replica: the clock was changed meanwhile")

// at is the fleet's time for somebody who knows no more than the time of day.
func (m moment) at(wall time.Time) time.Time {
	if m.Frozen {
		return m.Base
	}
	return m.Base.Add(max(0, wall.Sub(m.Since)))
}

// adopt takes the fleet's time over, or gives the fleet its own when this is the first
// replica. Those who live are asked what they show; when nobody lives, time goes on from
// where it stood, and in no case from before what anybody has shown.
func (g *Group) adopt(ctx context.Context, before []Member) error {
	g.clockMu.Lock()
	defer g.clockMu.Unlock()
	var record moment
	err := g.clocks.Change(ctx, clockKey, func(v *moment, found bool) error {
		if found {
			record = *v
			return state.ErrKeep
		}
		now, frozen := g.Clock.Shows()
		*v = moment{N: 1, Base: now, Since: g.wall(), Frozen: frozen}
		record = *v
		return nil
	})
	if err != nil {
		return err
	}
	shown := record.at(g.wall())
	for _, m := range before {
		if m.ID != g.ID && m.Change == record.N {
			shown = later(shown, m.mayShow(g.wall(), g.every()))
		}
	}
	latest, err := g.asked(ctx, before)
	switch {
	case err != nil:
		return err
	case record.Frozen:
		shown = record.Base
	case !latest.IsZero():
		shown = latest
	}
	g.Clock.Align(shown, record.Frozen)
	g.applied = record
	return nil
}

// mayShow is the latest time that a replica may have shown, for somebody who cannot ask
// it; beat is the time between two signs of life.
func (m Member) mayShow(wall time.Time, beat time.Duration) time.Time {
	switch since := wall.Sub(m.Seen); {
	case since >= 0:
		return m.Now.Add(since)
	case m.State == Left:
		return m.Now
	}
	return m.Now.Add(beat) // the time of day was set back, and says nothing
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// asked is what those who live show as the fleet's time; zero: nobody has answered.
func (g *Group) asked(ctx context.Context, before []Member) (latest time.Time, err error) {
	live := false
	for _, m := range before {
		if m.State == Live && m.ID != g.ID {
			live = true
			if !g.Several() { // nobody else can be there
				g.lose(ctx, m)
			}
		}
	}
	if !live || !g.Several() {
		return latest, nil
	}
	answers, _, err := g.ask(ctx)
	for _, m := range answers {
		latest = later(latest, m.Now)
	}
	return latest, err
}

func (g *Group) wall() time.Time { return g.Wall().UTC().Round(0) }

// followClock applies the record of the clock.
func (g *Group) followClock(ctx context.Context) (<-chan struct{}, error) {
	g.clockMu.Lock()
	defer g.clockMu.Unlock()
	for {
		v, found, changed, err := g.clocks.Watch(ctx, clockKey)
		switch {
		case err != nil:
			return nil, err
		case !found: // the store was emptied: the fleet's time goes on
			err = g.rewrite(ctx, 0, func(v *moment) { *v = g.stands() })
		case v.N != g.applied.N:
			g.apply(v)
			fallthrough
		default:
			now, frozen := g.Clock.Shows()
			if !v.Frozen || !frozen || !now.After(v.Base) {
				return changed, nil
			}
			// Time was stopped at a moment that has passed here: all stand where the last one stands.
			err = g.rewrite(ctx, v.N, func(v *moment) { v.Base, v.Since = now, g.wall() })
		}
		if err != nil && !errors.Is(err, errMoved) {
			return nil, err
		}
	}
}

// stands is the record of what this replica shows.
func (g *Group) stands() moment {
	now, frozen := g.Clock.Shows()
	return moment{N: g.applied.N, Base: now, Since: g.wall(), Frozen: frozen, Advanced: g.applied.Advanced}
}

// rewrite changes the record of the clock if its number is still n (0: if there is none),
// and gives it the next number.
func (g *Group) rewrite(ctx context.Context, n uint64, fn func(v *moment)) error {
	return g.clocks.Change(ctx, clockKey, func(v *moment, found bool) error {
		if v.N != n || found != (n > 0) {
			return errMoved
		}
		fn(v)
		v.N++
		return nil
	})
}

// apply takes a change over.
func (g *Group) apply(v moment) {
	now, _ := g.Clock.Shows()
	if v.Frozen {
		now = v.Base
	} else if more := v.Advanced - g.applied.Advanced; more > 0 {
		now = now.Add(more)
	}
	g.Clock.Align(now, v.Frozen)
	g.applied = v
}

// catchUp goes by a replica that has followed the same changes and whose clock is ahead:
// of two machines one counts seconds faster.
func (g *Group) catchUp(m Member) {
	g.clockMu.Lock()
	defer g.clockMu.Unlock()
	if now, frozen := g.Clock.Shows(); !frozen && m.Change == g.applied.N && m.Now.After(now) {
		g.Clock.Align(m.Now, false)
	}
}

// followed is the number of the last change that was applied.
func (g *Group) followed() uint64 {
	g.clockMu.Lock()
	defer g.clockMu.Unlock()
	return g.applied.N
}

// Move changes the fleet's time, at all replicas when it returns; silent are those who
// have not answered in time, and follow when they can. The error is that of
// clock.Change.Of, or the store's; nothing has changed then, as far as this replica knows.
func (g *Group) Move(ctx context.Context, c clock.Change) (silent []string, err error) {
	if g.Alone() {
		return nil, g.Clock.Move(c)
	}
	for {
		if _, err := g.followClock(ctx); err != nil {
			return nil, err
		}
		if err = g.move(ctx, c); !errors.Is(err, errMoved) {
			break
		}
	}
	for err == nil {
		if _, err = g.followClock(ctx); err != nil {
			return nil, err
		}
		n := g.followed()
		if silent, err = g.Sync(ctx); err != nil {
			return nil, err
		}
		if _, err = g.followClock(ctx); err == nil && g.followed() == n { // nobody stood elsewhere
			return silent, nil
		}
	}
	return nil, err
}

// move writes a change of the clock.
func (g *Group) move(ctx context.Context, c clock.Change) error {
	g.clockMu.Lock()
	defer g.clockMu.Unlock()
	return g.clocks.Change(ctx, clockKey, func(v *moment, found bool) error {
		if !found || v.N != g.applied.N {
			return errMoved
		}
		now, frozen := g.Clock.Shows()
		to, stands, err := c.Of(now, frozen)
		if err != nil {
			return err
		}
		*v = moment{N: v.N + 1, Base: to, Since: g.wall(), Frozen: stands, Advanced: v.Advanced + to.Sub(now)}
		return nil
	})
}
