package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unsafe"
)

// Collection is a table of values of one type, kept as JSON. Its owner declares it
// once, when it is made. Of the values below it that the seed brings, see Seeded.
type Collection[T any] struct {
	name    string
	table   Table
	kept    Hot[Held[T]]
	seeds   Seeds[T]
	indexes []*Index[T]
}

// Of declares the collection of a name in s.
func Of[T any](s Store, name string) *Collection[T] {
	return &Collection[T]{name: name, table: s.Table(name)}
}

// Held is a record with its decoded value. Whoever asks for the same record again
// and again can keep it, and ask it rather than the collection.
type Held[T any] struct {
	record Record // holds on to the octets, so that their address stays theirs
	value  *T
}

// Value is what the record holds; nil when there is none. It is shared and must
// not be modified.
func (h *Held[T]) Value() *T {
	if h == nil {
		return nil
	}
	return h.value
}

// Unchanged reports at now that Hold would give the same; false means no more than
// that it has to be asked, and so it is for nil.
func (h *Held[T]) Unchanged(now time.Time) bool { return h != nil && h.record.Unchanged(now) }

// Hold is Get for somebody who keeps what it returns, and who may know what time it
// is, so that a record which dies one day can be answered without asking the store.
// What has not changed is decoded once.
func (c *Collection[T]) Hold(ctx context.Context, key string, now time.Time) (*Held[T], error) {
	h := c.kept.Load(key)
	if h.Unchanged(now) {
		return h, nil
	}
	r, err := c.table.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	next, err := c.hold(key, h, r)
	if err == nil {
		c.kept.Store(key, next)
	}
	return next, err
}

// hold opens a record that was read; h is what is remembered of it.
func (c *Collection[T]) hold(key string, h *Held[T], r Record) (*Held[T], error) {
	next := &Held[T]{record: r}
	switch {
	case r.Value == nil:
		next.value = c.seeded(key)
	case isGone(r.Value):
	case h != nil && sameOctets(h.record.Value, r.Value):
		next.value = h.value
	default:
		next.value = new(T)
		if err := c.decode(key, r.Value, next.value); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// sameOctets reports that two values are one piece of memory, which nobody modifies.
func sameOctets(a, b []byte) bool {
	return len(a) == len(b) && unsafe.SliceData(a) == unsafe.SliceData(b)
}

func (c *Collection[T]) decode(key string, from []byte, to *T) error {
	if err := json.Unmarshal(from, to); err != nil {
		return fmt.Errorf("%w: record %s %s is damaged: %w", ErrUnavailable, c.name, key, err)
	}
	return nil
}

// Get is the value of key; nil when there is none. It is shared and must not be
// modified.
func (c *Collection[T]) Get(ctx context.Context, key string) (*T, error) {
	h, err := c.Hold(ctx, key, time.Time{})
	return h.Value(), err
}

// Read is Get for somebody who wants a copy of their own.
func (c *Collection[T]) Read(ctx context.Context, key string) (v T, found bool, err error) {
	p, _, err := c.read(ctx, key)
	if p == nil || err != nil {
		return v, false, err
	}
	return *p, true, nil
}

// Watch is Read for somebody who waits for the next change: ended is closed when the
// value has changed, or may have; nil: the store cannot tell, and has to be asked again.
func (c *Collection[T]) Watch(ctx context.Context, key string) (v T, found bool, ended <-chan struct{}, err error) {
	p, version, err := c.read(ctx, key)
	if err != nil {
		return v, false, nil, err
	}
	if version != nil {
		ended = version.Ended()
	}
	if p == nil {
		return v, false, ended, nil
	}
	return *p, true, ended, nil
}

// read is the value of key, nil when there is none.
func (c *Collection[T]) read(ctx context.Context, key string) (*T, *Version, error) {
	r, err := c.table.Get(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case r.Value == nil:
		seed := c.seeded(key)
		if seed == nil {
			return nil, r.Version, nil
		}
		p := new(T) // only what is there costs memory
		return p, r.Version, c.copySeed(seed, p)
	case isGone(r.Value):
		return nil, r.Version, nil
	}
	p := new(T)
	return p, r.Version, c.decode(key, r.Value, p)
}

// GetMany is Get for several keys, in their order. It remembers none of them: a long
// listing must not push out what is asked for again and again.
func (c *Collection[T]) GetMany(ctx context.Context, keys []string) ([]*T, error) {
	records, err := c.table.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := make([]*T, len(keys))
	for i, r := range records {
		h, err := c.hold(keys[i], c.kept.Load(keys[i]), r)
		if err != nil {
			return nil, err
		}
		out[i] = h.value
	}
	return out, nil
}

// Edit changes the value of key through fn. found is false when there is none; v is
// then its zero value. fn may run again, so it must derive everything from v. It
// returns when the new value dies (zero: never), or an error, which is returned as
// it is after nothing was written; ErrKeep and ErrDelete are no errors.
func (c *Collection[T]) Edit(ctx context.Context, key string, fn func(v *T, found bool) (time.Time, error)) error {
	var last, written *T // what was deleted, and what stands now
	var as Record
	var err error
	if len(c.indexes) > 0 {
		err = c.editIndexed(ctx, key, fn, &last)
	} else {
		err = c.table.Update(ctx, key, func(r Record) (Record, error) {
			next, v, err := c.edited(key, r, fn)
			last, written, as = nil, nil, next
			if err == nil && (next.Value == nil || isGone(next.Value)) {
				last = v
			} else if err == nil {
				written = v
			}
			return next, err
		})
		if err == nil {
			c.keep(key, as, written)
		}
	}
	if errors.Is(err, ErrKeep) {
		return nil
	}
	if err == nil && last != nil {
		err = c.unlist(ctx, c.entries(key, last, time.Time{}))
	}
	return err
}

// Copier is a value that can copy itself with all that it points to. What is changed
// again and again need not be decoded each time then.
type Copier[T any] interface{ Copy() *T }

// keep remembers what was written, for the next Edit; for Hold it is no more than octets
// that are decoded already.
func (c *Collection[T]) keep(key string, r Record, v *T) {
	if x, ok := any(v).(Copier[T]); ok && v != nil {
		c.kept.Store(key, &Held[T]{record: Record{Value: r.Value, Expires: r.Expires}, value: x.Copy()})
	}
}

// Change is Edit for a value that does not die.
func (c *Collection[T]) Change(ctx context.Context, key string, fn func(v *T, found bool) error) error {
	return c.Edit(ctx, key, func(v *T, found bool) (time.Time, error) { return time.Time{}, fn(v, found) })
}

// edited is a record after fn, and its value; without one, it is deleted.
func (c *Collection[T]) edited(key string, r Record, fn func(v *T, found bool) (time.Time, error)) (Record, *T, error) {
	v, found, err := c.open(key, r)
	if err != nil {
		return Record{}, nil, err
	}
	expires, err := fn(v, found)
	switch {
	case errors.Is(err, ErrDelete) && !found:
		return Record{}, nil, ErrKeep
	case errors.Is(err, ErrDelete) && c.seeded(key) != nil:
		return Record{Value: gone}, v, nil // or it would come back from the seed
	case errors.Is(err, ErrDelete):
		return Record{}, v, nil
	case err != nil:
		return Record{}, nil, err
	}
	value, err := json.Marshal(v)
	if err != nil {
		return Record{}, nil, fmt.Errorf("state: record %s %s: %w", c.name, key, err)
	}
	return Record{Value: value, Expires: expires}, v, nil
}

// open is the value of a record that is about to be changed: a copy of its own.
func (c *Collection[T]) open(key string, r Record) (*T, bool, error) {
	v := new(T)
	switch {
	case isGone(r.Value):
		return v, false, nil
	case r.Value != nil:
		if _, ok := any(v).(Copier[T]); ok {
			if h := c.kept.Load(key); h != nil && h.value != nil && sameOctets(h.record.Value, r.Value) {
				return any(h.value).(Copier[T]).Copy(), true, nil
			}
		}
		return v, true, c.decode(key, r.Value, v)
	}
	if seed := c.seeded(key); seed != nil {
		return v, true, c.copySeed(seed, v)
	}
	return v, false, nil
}

// Put sets the value of key, which dies at expires (zero: never).
func (c *Collection[T]) Put(ctx context.Context, key string, v T, expires time.Time) error {
	return c.Edit(ctx, key, func(x *T, _ bool) (time.Time, error) { *x = v; return expires, nil })
}

// Delete removes the value of key; was reports whether there was one.
func (c *Collection[T]) Delete(ctx context.Context, key string) (was bool, err error) {
	return c.DeleteIf(ctx, key, func(*T) error { return nil })
}

// DeleteIf removes the value of key unless fn refuses; its error is returned as it
// is, but for ErrKeep.
func (c *Collection[T]) DeleteIf(ctx context.Context, key string, fn func(v *T) error) (was bool, err error) {
	err = c.Edit(ctx, key, func(v *T, found bool) (time.Time, error) {
		if was = false; !found {
			return time.Time{}, ErrKeep
		}
		if err := fn(v); err != nil {
			return time.Time{}, err
		}
		was = true
		return time.Time{}, ErrDelete
	})
	return was, err
}

func either(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// Drop deletes every value whose key starts with prefix.
func (c *Collection[T]) Drop(ctx context.Context, prefix string) error {
	if c.seeds == nil && len(c.indexes) == 0 {
		return c.table.Drop(ctx, prefix)
	}
	for key, err := range c.keys(ctx, Range{Prefix: prefix}) {
		if err != nil {
			return err
		}
		if _, err := c.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// Keys returns the keys of a range, in order.
func (c *Collection[T]) Keys(ctx context.Context, r Range) ([]string, error) {
	if c.seeds == nil {
		return c.table.Keys(ctx, r)
	}
	var out []string
	for key, err := range c.keys(ctx, r) {
		if err != nil {
			return nil, err
		}
		out = append(out, key)
	}
	return out, nil
}

// Names returns the keys that start with prefix, in order and without it.
func (c *Collection[T]) Names(ctx context.Context, prefix string) ([]string, error) {
	keys, err := c.Keys(ctx, Range{Prefix: prefix})
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], prefix)
	}
	return keys, err
}

// page is how many records one look at the store fetches.
const page = 256

// All yields the values of a range in the order of their keys, a page at a time:
// however many there are, few are held. What changes meanwhile may be missing.
func (c *Collection[T]) All(ctx context.Context, r Range) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		left := r.Limit
		for {
			one := Range{Prefix: r.Prefix, After: r.After, Limit: page}
			if r.Limit > 0 {
				one.Limit = min(page, left)
			}
			keys, err := c.Keys(ctx, one)
			if err != nil {
				yield(Entry[T]{}, err)
				return
			}
			values, err := c.GetMany(ctx, keys)
			if err != nil {
				yield(Entry[T]{}, err)
				return
			}
			for i, v := range values {
				if v != nil && !yield(Entry[T]{keys[i], v}, nil) {
					return
				}
			}
			if left -= len(keys); len(keys) < one.Limit || r.Limit > 0 && left <= 0 {
				return
			}
			r.After = keys[len(keys)-1]
		}
	}
}

// Entry is one value of a collection. It is shared and must not be modified.
type Entry[T any] struct {
	Key   string
	Value *T
}
