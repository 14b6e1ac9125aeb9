package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/disk"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
)

// data is the folder that a fleet remembers in; nil: it forgets.
type data struct {
	dir   string
	store *disk.Store
	fresh bool // nothing was in it
}

// openData opens the folder of --data, if there is one.
func openData(c *serveCmd, log *slog.Logger, time *clock.Virtual) (*data, error) {
	if c.Data == "" {
		return nil, nil
	}
	store, err := disk.Open(c.Data, disk.Options{Clock: time, Sync: disk.Sync(c.Sync), Log: log})
	if err != nil {
		return nil, err
	}
	tables, err := store.Tables(context.Background(), "")
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &data{dir: c.Data, store: store, fresh: len(tables) == 0}, nil
}

// load loads the seed for the moment when its fleet began, which may be now.
func (d *data) load(e *env, name string, now time.Time) (*seed.Seed, error) {
	if d == nil {
		return loadSeed(e, name, now)
	}
	began, err := boot.Started(e.ctx, d.store, now)
	if err != nil {
		return nil, err
	}
	s, err := loadSeed(e, name, began)
	if err == nil && s.State != nil {
		err = fmt.Errorf("%s is an export: it goes on from a moment of its own, and a fleet of --data from where it stopped; start one of them without the other", name)
	}
	if err != nil {
		return nil, d.failed(name, err)
	}
	return s, nil
}

// failed is err for a fleet that cannot start. A folder that was fresh does not belong to
// the seed then.
func (d *data) failed(name string, err error) error {
	switch {
	case d == nil:
		return err
	case errors.Is(err, boot.ErrOtherSeed):
		return fmt.Errorf("%s remembers a fleet of another seed than %s, or of that one before it was changed; name another folder, or remove this one, and the fleet begins anew (%w)", d.dir, name, err)
	case d.fresh:
		return errors.Join(err, state.Reset(context.Background(), d.store))
	}
	return err
}

// refuse is boot.Options.Load of a fleet that remembers: its folder belongs to the seed.
func (d *data) refuse(context.Context, []byte) (string, error) {
	return "", cause.Because(cause.NotAllowed, "this fleet remembers in %s, which belongs to its seed; start another one for another seed, or reset this one", d.dir)
}

// close writes what is left, if the fleet has not done so.
func (d *data) close() error {
	if d == nil {
		return nil
	}
	return d.store.Close()
}
