package boot

import (
	"context"
	"errors"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/serving/replica"
)

// startTable has the one record of the fleet itself: when it began and of which seed it
// is. All that counts from the beginning counts from there, whichever process asks, and
// however much later that was started.
const startTable = replica.Tables

// start is that record.
type start struct {
	Started time.Time `json:"started"` // what relative times of the seed count from
	Began   time.Time `json:"began"`   // what its orders and faults count from: the last reset
	Digest  string    `json:"digest,omitempty"`
	Emptied int64     `json:"emptied,omitempty"` // how often it has begun again since its store was emptied
}

func starts(s state.Store) *state.Collection[start] { return state.Of[start](s, startTable) }

// Started is when the fleet of a store began: now, noted down, when this is its first
// process. The seed of any process that joins it is loaded for that moment.
func Started(ctx context.Context, s state.Store, now time.Time) (time.Time, error) {
	var first start
	err := starts(s).Change(ctx, "start", func(v *start, found bool) error {
		if !found {
			*v = start{Started: now, Began: now}
		}
		first = *v
		if found {
			return state.ErrKeep
		}
		return nil
	})
	return first.Started, err
}

// ErrOtherSeed is that a store belongs to a fleet of another seed.
var ErrOtherSeed = errors.New("the store belongs to a fleet of another seed")

// begin joins the fleet of the store, or begins it.
func (c *Company) begin(ctx context.Context) error {
	var record start
	began := c.seed.Started
	if c.seed.State != nil { // what an export says is left to be done is left from then on
		began = c.seed.State.Now
	}
	err := starts(c.Store).Change(ctx, "start", func(v *start, found bool) error {
		switch {
		case !found:
			*v = start{Started: c.seed.Started, Began: began, Digest: c.seed.Digest}
		case c.other(v) != nil:
			return c.other(v)
		case v.Digest == "":
			v.Digest = c.seed.Digest
		default:
			record, c.joined = *v, true
			return state.ErrKeep
		}
		record = *v
		return nil
	})
	c.began = record.Began
	c.times.Store(record.Emptied)
	return err
}

// again notes that everything counts anew.
func (c *Company) again(ctx context.Context) error {
	c.began = c.Clock.Now()
	return starts(c.Store).Put(ctx, "start", start{Started: c.seed.Started, Began: c.began, Digest: c.seed.Digest, Emptied: c.times.Load()}, time.Time{})
}
