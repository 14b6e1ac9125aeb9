package boot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"counterpart/internal/company/state"
)

// errEmptied is why a fleet is not ready whose store has lost everything.
var errEmptied = fmt.Errorf("%w: it was emptied, and the fleet is not there again yet", state.ErrUnavailable)

// againIn is the real time after which what has failed is tried again.
const againIn = 100 * time.Millisecond

// emptied hears of a store that has lost everything; nil: it never tells.
func (c *Company) emptied() <-chan struct{} {
	if s, ok := c.Store.(interface{ Emptied() <-chan struct{} }); ok {
		return s.Emptied()
	}
	return nil
}

// renew begins the fleet again whenever its store has lost everything, until ctx ends.
func (c *Company) renew(ctx context.Context) {
	emptied := c.emptied()
	for {
		select {
		case <-emptied:
		case <-ctx.Done():
			return
		}
		c.hinder(errEmptied)
		for said := ""; ; {
			err := c.beginAgain(ctx)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				break
			}
			if said != err.Error() {
				said = err.Error()
				c.opt.Log.Warn("the fleet could not begin again", "error", err.Error())
			}
			c.hinder(fmt.Errorf("it was emptied, and the fleet could not begin again: %w", err))
			select {
			case <-time.After(againIn):
			case <-emptied: // once more
			case <-ctx.Done():
				return
			}
		}
		c.hinder(nil)
	}
}

// beginAgain puts back what the store of a fleet has to hold: the clock, which goes on, and
// this replica's record; and, as after a reset, what the seed says. All replicas do it at
// once, and each part is written by the first who comes.
func (c *Company) beginAgain(ctx context.Context) error {
	c.anew.Lock()
	defer c.anew.Unlock()
	if err := c.Replicas.Return(ctx); err != nil {
		return err
	}
	record := start{Started: c.seed.Started, Began: c.Clock.Now(), Digest: c.seed.Digest, Emptied: c.times.Load() + 1}
	first := false
	err := starts(c.Store).Change(ctx, "start", func(v *start, found bool) error {
		if first = !found || v.Digest == ""; first { // a process that is being started may have noted its own time
			*v = record
			return nil
		}
		record = *v
		return errors.Join(c.other(v), state.ErrKeep)
	})
	if err != nil {
		return err
	}
	c.began = record.Began
	if first {
		c.opt.Log.Warn("the state store was emptied: the fleet begins again as its seed says", "replica", c.Replicas.ID)
		c.Journal.Emptied(c.Clock.Now(), "the store was emptied: the fleet has begun again as after a reset, and what was recorded before may be missing")
		if err := c.restore(ctx); err != nil {
			return err
		}
	}
	if err := c.steer(ctx, false); err != nil {
		return err
	}
	if err := c.Journal.HandOver(ctx); err != nil {
		return err
	}
	c.times.Store(record.Emptied)
	return nil
}

// other is why the fleet of a store is not this one; nil: it is.
func (c *Company) other(v *start) error {
	switch {
	case !v.Started.Equal(c.seed.Started):
		return fmt.Errorf("the fleet of this store began at %s, and the seed was loaded for %s; start this replica again", v.Started.Format(time.RFC3339Nano), c.seed.Started.Format(time.RFC3339Nano))
	case v.Digest != "" && v.Digest != c.seed.Digest:
		return fmt.Errorf("%w: its digest is %s, and that of this one %s; use a store or a prefix of its own", ErrOtherSeed, v.Digest, c.seed.Digest)
	}
	return nil
}

// hinder notes why the fleet is not ready here; nil: it is.
func (c *Company) hinder(why error) { c.hindered.Store(&why) }

func (c *Company) hindrance() error {
	if why := c.hindered.Load(); why != nil {
		return *why
	}
	return nil
}

// Health is what hinders the fleet of the store: the store's own word, that of a small read
// that has to find what every fleet has, and that of the last write of this replica.
func (c *Company) Health(ctx context.Context) error {
	if s, ok := c.Store.(interface{ Err() error }); ok {
		if err := s.Err(); err != nil {
			return err
		}
	}
	first, err := starts(c.Store).Get(ctx, "start")
	switch {
	case err != nil:
		return err
	case first == nil:
		return errEmptied
	}
	if err := c.other(first); err != nil {
		return err
	}
	if first.Emptied != c.times.Load() { // another replica has begun again, this one has yet to hear of it
		return errEmptied
	}
	if err := c.hindrance(); err != nil {
		return err
	}
	return c.Replicas.Err()
}
