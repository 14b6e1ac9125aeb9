// Package state keeps what changes while a fleet runs: leases, counters,
// tokens, changed passwords. Every decision touches one key through a
// compare-and-swap, so that any store which can do that, in this process or
// shared by several, makes "exactly once" true.
package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Record is one value and the moment it dies.
type Record struct {
	Value   []byte    // nil means "no such key", everywhere; never modified in place
	Expires time.Time // by the fleet's clock; zero means never

	writes *atomic.Uint64 // a number that grows with each write that may concern the key; nil: there is none
	seen   uint64         // what it was when the record was read
}

// Unchanged reports at now that the store would still answer with this record,
// which Get has returned. False means no more than that it has to be asked again:
// some stores cannot tell. A record that dies needs a now that is not zero.
func (r *Record) Unchanged(now time.Time) bool {
	return r.writes != nil && r.writes.Load() == r.seen && (r.Expires.IsZero() || now.Before(r.Expires) && !now.IsZero())
}

// ErrUnavailable is wrapped by every error of a store that cannot decide now.
// Servers answer it as their own outage, never as a refusal.
var ErrUnavailable = errors.New("state store is unavailable")

// Store is a set of records by key. It has no transactions over several keys:
// one decision, one key.
type Store interface {
	// Get returns the live record of key; a Record without Value when there is
	// none. An error is always the store's failure.
	Get(ctx context.Context, key string) (Record, error)
	// Update is the only write: a compare-and-swap around fn. fn may run again,
	// does no I/O and does not call the store; a nil Value deletes the key; fn's
	// error is returned as it is, and nothing is written.
	Update(ctx context.Context, key string, fn func(Record) (Record, error)) error
	// List returns the live keys that start with prefix, sorted.
	List(ctx context.Context, prefix string) ([]string, error)
	// Reset deletes every key that starts with prefix.
	Reset(ctx context.Context, prefix string) error
	// Shared reports whether other processes see this store.
	Shared() bool
	// Close releases what the store holds. Later calls fail.
	Close() error
}

// ErrKeep is returned by an Edit function that has looked and wants nothing
// written; Edit then returns nil.
var ErrKeep = errors.New("state: keep the record as it is")

// Edit updates the JSON value of key through fn. found is false when there is
// no record; v is then its zero value. fn may run again, so it must derive
// everything from v. It returns when the new value dies (zero: never).
func Edit[T any](ctx context.Context, s Store, key string, fn func(v *T, found bool) (time.Time, error)) error {
	err := s.Update(ctx, key, func(r Record) (Record, error) {
		var v T
		if r.Value != nil {
			if err := json.Unmarshal(r.Value, &v); err != nil {
				return Record{}, fmt.Errorf("%w: record %s: %w", ErrUnavailable, key, err)
			}
		}
		expires, err := fn(&v, r.Value != nil)
		if err != nil {
			return Record{}, err
		}
		value, err := json.Marshal(&v)
		if err != nil {
			return Record{}, fmt.Errorf("state: record %s: %w", key, err)
		}
		return Record{Value: value, Expires: expires}, nil
	})
	if errors.Is(err, ErrKeep) {
		return nil
	}
	return err
}

// Read decodes the JSON value of key; found is false when there is none.
func Read[T any](ctx context.Context, s Store, key string) (v T, found bool, err error) {
	r, err := s.Get(ctx, key)
	if err != nil || r.Value == nil {
		return v, false, err
	}
	p := new(T) // only what is there costs memory
	if err := json.Unmarshal(r.Value, p); err != nil {
		return v, false, fmt.Errorf("%w: record %s: %w", ErrUnavailable, key, err)
	}
	return *p, true, nil
}

// Delete removes key; that it was not there is no error.
func Delete(ctx context.Context, s Store, key string) error {
	return s.Update(ctx, key, func(Record) (Record, error) { return Record{}, nil })
}

// Under is the part of s whose keys start with prefix, seen without it.
func Under(s Store, prefix string) Store {
	if u, ok := s.(under); ok { // one prefix, so that a key is put together once
		return under{u.Store, u.prefix + prefix}
	}
	return under{s, prefix}
}

type under struct {
	Store
	prefix string
}

func (u under) Get(ctx context.Context, key string) (Record, error) {
	return u.Store.Get(ctx, u.prefix+key)
}

func (u under) Update(ctx context.Context, key string, fn func(Record) (Record, error)) error {
	return u.Store.Update(ctx, u.prefix+key, fn)
}

func (u under) List(ctx context.Context, prefix string) ([]string, error) {
	keys, err := u.Store.List(ctx, u.prefix+prefix)
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], u.prefix)
	}
	return keys, err
}

func (u under) Reset(ctx context.Context, prefix string) error {
	return u.Store.Reset(ctx, u.prefix+prefix)
}

// Close does nothing: the store belongs to whoever opened it.
func (u under) Close() error { return nil }
