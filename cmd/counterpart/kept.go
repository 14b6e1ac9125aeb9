package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/disk"
	"counterpart/internal/company/state/redis"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
)

// kept is where a fleet keeps what changes; nil: in the memory of this process, and each
// seed that is loaded begins anew.
type kept struct {
	where  string // as a person would say it
	wayOut string // for another seed
	store  state.Store
	fresh  bool // nothing was in it, and nobody else has it
}

// openKept opens what --data or --state name.
func openKept(ctx context.Context, c *serveCmd, log *slog.Logger, time *clock.Virtual) (*kept, error) {
	switch {
	case c.Data != "":
		store, err := disk.Open(c.Data, disk.Options{Clock: time, Sync: disk.Sync(c.Sync), Log: log})
		if err != nil {
			return nil, err
		}
		tables, err := store.Tables(ctx, "")
		if err != nil {
			return nil, errors.Join(err, store.Close())
		}
		return &kept{c.where(), "name another folder, or remove this one", store, len(tables) == 0}, nil
	case c.State == "memory":
		return nil, nil
	case !strings.Contains(c.State, "://"):
		return nil, fmt.Errorf("--state %q is neither memory nor a URL such as redis://host:6379", c.State)
	}
	store, err := redis.Open(ctx, c.State, redis.Options{Clock: time, Log: log})
	if err != nil {
		return nil, fmt.Errorf("--state: %w", err)
	}
	return &kept{c.where(), "name another prefix (?prefix=) or another server, or empty this one", store, false}, nil
}

// where is where what changes is kept, for people to read: without a password.
func (c *serveCmd) where() string {
	if c.Data != "" {
		return c.Data
	}
	if u, err := url.Parse(c.State); err == nil {
		return u.Redacted()
	}
	return "the store of --state" // an address that no URL can be made of is refused when it is opened
}

// load loads the seed for the moment when its fleet began, which may be now.
func (k *kept) load(e *env, name string, now time.Time) (*seed.Seed, error) {
	if k == nil {
		return loadSeed(e, name, now)
	}
	began, err := boot.Started(e.ctx, k.store, now)
	if err != nil {
		return nil, err
	}
	s, err := loadSeed(e, name, began)
	if err == nil && s.State != nil {
		err = fmt.Errorf("%s is an export: it goes on from a moment of its own, and a fleet that is kept in %s from where that stopped; start one of them without the other", name, k.where)
	}
	if err != nil {
		return nil, k.failed(name, err)
	}
	return s, nil
}

// failed is err for a fleet that cannot start. What was fresh does not belong to the seed
// then.
func (k *kept) failed(name string, err error) error {
	switch {
	case k == nil:
		return err
	case errors.Is(err, boot.ErrOtherSeed):
		return fmt.Errorf("%s has a fleet of another seed than %s, or of that one before it was changed; %s, and the fleet begins anew (%w)", k.where, name, k.wayOut, err)
	case k.fresh:
		return errors.Join(err, state.Reset(context.Background(), k.store))
	}
	return err
}

// refuse is boot.Options.Load of a fleet that is kept: its place belongs to the seed.
func (k *kept) refuse(context.Context, []byte) (string, error) {
	return "", cause.Because(cause.NotAllowed, "this fleet is kept in %s, which belongs to its seed; start another one for another seed, or reset this one", k.where)
}

// close writes what is left, if the fleet has not done so.
func (k *kept) close() error {
	if k == nil {
		return nil
	}
	return k.store.Close()
}
