package boot

import (
	"context"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/replica"
)

// counts are what each replica has counted, by its ID.
func (c *Company) counts() *state.Collection[journal.Counts] {
	return state.Of[journal.Counts](c.Store, replica.Tables+"/metrics")
}

// publish writes what this replica has counted.
func (c *Company) publish(ctx context.Context) error {
	return c.counts().Put(ctx, c.Replicas.ID, c.Meter.Counts(), time.Time{})
}

// goneKey has what all those counted together who are no longer on record.
const goneKey = "gone"

// fold adds what a replica has counted that is no longer on record to what all such have.
// Only the one that took it off the record does so.
func (c *Company) fold(ctx context.Context, id string) {
	counts := c.counts()
	last, err := counts.Get(ctx, id)
	if err != nil || last == nil {
		return
	}
	if was, err := counts.Delete(ctx, id); err != nil || !was {
		return
	}
	err = counts.Change(ctx, goneKey, func(v *journal.Counts, _ bool) error {
		v.Add(*last)
		return nil
	})
	if err != nil {
		c.opt.Log.Warn("what a replica had counted is lost", "replica", id, "error", err)
	}
}

// counted is what all replicas have counted, those that are gone among them: counters do
// not go back.
func (c *Company) counted(ctx context.Context) (journal.Counts, error) {
	all := c.Meter.Counts()
	if !c.Replicas.Several() {
		return all, nil
	}
	if _, err := c.Replicas.Sync(ctx); err != nil {
		return all, err
	}
	for x, err := range c.counts().All(ctx, state.Range{}) {
		if err != nil {
			return all, err
		}
		if x.Key != c.Replicas.ID {
			all.Add(*x.Value)
		}
	}
	return all, nil
}
