// Package state keeps what changes while a fleet runs: leases, counters,
// sessions, changed passwords. A store has tables of records. Every decision is a
// compare-and-swap on one record, so that any store which can do that, in this
// process or shared by several, makes "exactly once" true. What several records mean
// together is written in an order in which every state in between is right for a
// reader, and for whoever goes on after a crash: see Index and Claims.
//
// What may be stale. An Update decides on what the store says at that moment, always;
// whatever spends something (a code, a use, a lease) is therefore decided in one.
// Get, GetMany and Keys know everything that was written through the same process
// before they were called; of what another process has written they may be behind for
// as long as the store documents. Memory is not behind at all, and a data directory
// belongs to one process. Redis is behind while the server's word of the change travels,
// and for 1 s at most: when the server has given no sign of life for that long, what is
// kept of what was read is forgotten and its versions end, and reads fail until the server
// can be asked again. What is read there may choose which record to update, and shows
// people how things stand; it never spends.
package state

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"
)

// Record is one value and the moment it dies.
type Record struct {
	Value   []byte    // nil means "no such key", everywhere; never modified in place
	Expires time.Time // by the fleet's clock; zero means never
	Version *Version  // what the store says of this state of the record; nil: it cannot tell
}

// Version is one state of a record, from the write that made it to the next one.
// Stores end it; whoever has read the record asks whether it is over.
type Version struct {
	over  atomic.Bool
	ended atomic.Pointer[chan struct{}] // nil: nobody waits for it
}

// End says that the record has changed, or may have.
func (v *Version) End() {
	if v.over.Swap(true) {
		return
	}
	if c := v.ended.Load(); c != nil {
		close(*c)
	}
}

// Ended is closed when the record has changed, or may have. Whoever waits for that asks
// the store again afterwards, which may have nothing new to say.
func (v *Version) Ended() <-chan struct{} {
	c := v.ended.Load()
	for c == nil {
		if fresh := make(chan struct{}); v.ended.CompareAndSwap(nil, &fresh) {
			c = &fresh
		} else {
			c = v.ended.Load()
		}
	}
	if v.over.Load() { // and End may have come before there was anything to close
		over := make(chan struct{})
		close(over)
		return over
	}
	return *c
}

// Unchanged reports at now that the store would still answer with this record,
// which Get has returned. False means no more than that it has to be asked again:
// some stores cannot tell. A record that dies needs a now that is not zero.
func (r *Record) Unchanged(now time.Time) bool {
	return r.Version != nil && !r.Version.over.Load() && (r.Expires.IsZero() || now.Before(r.Expires) && !now.IsZero())
}

// dead reports that a record's moment has come.
func (r *Record) dead(now time.Time) bool { return !r.Expires.IsZero() && !now.Before(r.Expires) }

// ErrUnavailable is wrapped by every error of a store that cannot decide now.
// Servers answer it as their own outage, never as a refusal.
var ErrUnavailable = errors.New("state store is unavailable")

// Store is a set of tables. It has no transactions over several records.
type Store interface {
	// Table is the table of a name, such as "server/vault/lease"; it need not hold
	// anything, and this asks nobody. Names are declared by the code that owns the
	// table, never made of what a client says.
	Table(name string) Table
	// Tables are the names of the tables that hold anything and that start with
	// prefix, sorted.
	Tables(ctx context.Context, prefix string) ([]string, error)
	// Shared reports whether other processes see this store.
	Shared() bool
	// Close releases what the store holds. Later calls fail.
	Close() error
}

// Table is a set of records by key, in the order of their keys' octets. The cost of
// each call follows from what it touches, and not from how much else there is.
type Table interface {
	// Get returns the live record of key; a Record without Value when there is
	// none. An error is always the store's failure. Where other processes write, it may
	// be a little behind them, but not under Fresh.
	Get(ctx context.Context, key string) (Record, error)
	// GetMany is Get for several keys, in their order.
	GetMany(ctx context.Context, keys []string) ([]Record, error)
	// Update is the only write: a compare-and-swap around fn. fn may run again,
	// does no I/O and does not call the store; a nil Value deletes the record; fn's
	// error is returned as it is, and nothing is written.
	Update(ctx context.Context, key string, fn func(Record) (Record, error)) error
	// Keys returns the live keys of a range in order. What is written meanwhile may
	// be in it or not; nothing is in it twice.
	Keys(ctx context.Context, r Range) ([]string, error)
	// Drop deletes every record whose key starts with prefix. Racing with an Update
	// it may come before or after.
	Drop(ctx context.Context, prefix string) error
}

// Range chooses keys of a table.
type Range struct {
	Prefix string // the keys that start with it
	After  string // and come after this one in order; empty: from the first
	Limit  int    // at most so many; 0: all
}

// ErrKeep is returned by an Edit function that has looked and wants nothing
// written; Edit then returns nil.
var ErrKeep = errors.New("state: keep the record as it is")

// ErrDelete is returned by an Edit function that wants the record deleted; Edit then
// returns nil.
var ErrDelete = errors.New("state: delete the record")

// Under is the part of s whose tables start with prefix, seen without it.
func Under(s Store, prefix string) Store {
	if u, ok := s.(under); ok {
		return under{u.Store, u.prefix + prefix}
	}
	return under{s, prefix}
}

type under struct {
	Store
	prefix string
}

// Table implements Store.
func (u under) Table(name string) Table { return u.Store.Table(u.prefix + name) }

// Tables implements Store.
func (u under) Tables(ctx context.Context, prefix string) ([]string, error) {
	names, err := u.Store.Tables(ctx, u.prefix+prefix)
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], u.prefix)
	}
	return names, err
}

// Close does nothing: the store belongs to whoever opened it.
func (u under) Close() error { return nil }

// Reset empties every table of s.
func Reset(ctx context.Context, s Store) error {
	names, err := s.Tables(ctx, "")
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.Table(name).Drop(ctx, ""); err != nil {
			return err
		}
	}
	return nil
}
