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

// records is a collection without its type, so that what it does is compiled once
// and not for each type. Values are pointers to the type, in interfaces; nil is none.
type records struct {
	name    string
	table   Table
	kept    Hot[held]
	kind    kind
	indexes []*index
}

// kind is what records know of their type.
type kind struct {
	fresh func() any           // a zero value
	copy  func(v any) any      // nil: the type has no way of its own
	seed  func(key string) any // nil: there are no seeds
	after func(prefix, after string) iter.Seq[string]
}

// held is a record with its decoded value.
type held struct {
	record Record // holds on to the octets, so that their address stays theirs
	value  any
}

func (h *held) unchanged(now time.Time) bool { return h != nil && h.record.Unchanged(now) }

// hold is Hold of Collection.
func (c *records) hold(ctx context.Context, key string, now time.Time) (*held, error) {
	h := c.kept.Load(key)
	if h.unchanged(now) && !IsFresh(ctx) {
		return h, nil
	}
	r, err := c.table.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	next, err := c.opened(key, h, r)
	if err == nil {
		c.kept.Store(key, next)
	}
	return next, err
}

// opened is a record that was read; h is what is remembered of it.
func (c *records) opened(key string, h *held, r Record) (*held, error) {
	next := &held{record: r}
	switch {
	case r.Value == nil:
		next.value = c.seeded(key)
	case isGone(r.Value):
	case h != nil && sameOctets(h.record.Value, r.Value):
		next.value = h.value
	default:
		next.value = c.kind.fresh()
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

func (c *records) decode(key string, from []byte, to any) error {
	if err := json.Unmarshal(from, to); err != nil {
		return fmt.Errorf("%w: record %s %s is damaged: %w", ErrUnavailable, c.name, key, err)
	}
	return nil
}

// read is a copy of the value of key, and its record; nil when there is none.
func (c *records) read(ctx context.Context, key string) (any, Record, error) {
	r, err := c.table.Get(ctx, key)
	switch {
	case err != nil || isGone(r.Value):
		return nil, r, err
	case r.Value != nil:
		v := c.kind.fresh()
		return v, r, c.decode(key, r.Value, v)
	}
	seed := c.seeded(key)
	if seed == nil {
		return nil, r, nil
	}
	v := c.kind.fresh()
	return v, r, copySeed(seed, v)
}

// each gives the values of some keys in their order; nil for those that there are not. It
// remembers none of them: a long listing must not push out what is asked for again and
// again.
func (c *records) each(ctx context.Context, keys []string, give func(i int, v any) bool) error {
	records, err := c.table.GetMany(ctx, keys)
	if err != nil {
		return err
	}
	for i, r := range records {
		h, err := c.opened(keys[i], c.kept.Load(keys[i]), r)
		if err != nil {
			return err
		}
		if !give(i, h.value) {
			return nil
		}
	}
	return nil
}

// change is what an edit does with a value, or with a zero one when there is none.
type change = func(v any, found bool) (time.Time, error)

// edit is Edit of Collection.
func (c *records) edit(ctx context.Context, key string, fn change) error {
	var last, written any // what was deleted, and what stands now
	var became Record
	var err error
	if len(c.indexes) > 0 {
		err = c.editIndexed(ctx, key, fn, &last)
	} else {
		err = c.table.Update(ctx, key, func(r Record) (Record, error) {
			next, v, err := c.edited(key, r, fn)
			last, written, became = nil, nil, next
			if err == nil && (next.Value == nil || isGone(next.Value)) {
				last = v
			} else if err == nil {
				written = v
			}
			return next, err
		})
		if err == nil {
			c.keep(key, became, written)
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

// keep remembers what was written, for the next edit; for hold it is no more than octets
// that are decoded already.
func (c *records) keep(key string, r Record, v any) {
	if c.kind.copy != nil && v != nil {
		c.kept.Store(key, &held{record: Record{Value: r.Value, Expires: r.Expires}, value: c.kind.copy(v)})
	}
}

// edited is a record after fn, and its value; without one, it is deleted.
func (c *records) edited(key string, r Record, fn change) (Record, any, error) {
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
func (c *records) open(key string, r Record) (any, bool, error) {
	switch {
	case isGone(r.Value):
		return c.kind.fresh(), false, nil
	case r.Value != nil:
		if c.kind.copy != nil {
			if h := c.kept.Load(key); h != nil && h.value != nil && sameOctets(h.record.Value, r.Value) {
				return c.kind.copy(h.value), true, nil
			}
		}
		v := c.kind.fresh()
		return v, true, c.decode(key, r.Value, v)
	}
	v, seed := c.kind.fresh(), c.seeded(key)
	if seed != nil {
		return v, true, copySeed(seed, v)
	}
	return v, false, nil
}

// Delete removes the value of key; was reports whether there was one.
func (c *records) Delete(ctx context.Context, key string) (was bool, err error) {
	return c.deleteIf(ctx, key, func(any) error { return nil })
}

// deleteIf is DeleteIf of Collection.
func (c *records) deleteIf(ctx context.Context, key string, fn func(v any) error) (was bool, err error) {
	err = c.edit(ctx, key, func(v any, found bool) (time.Time, error) {
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
func (c *records) Drop(ctx context.Context, prefix string) error {
	if c.kind.seed == nil && len(c.indexes) == 0 {
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
func (c *records) Keys(ctx context.Context, r Range) ([]string, error) {
	if c.kind.seed == nil {
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
func (c *records) Names(ctx context.Context, prefix string) ([]string, error) {
	keys, err := c.Keys(ctx, Range{Prefix: prefix})
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], prefix)
	}
	return keys, err
}

// page is how many records one look at the store fetches.
const page = 256

// all gives the values of a range in the order of their keys, a page at a time.
func (c *records) all(ctx context.Context, r Range, give func(key string, v any, err error) bool) {
	left := r.Limit
	for {
		one := Range{Prefix: r.Prefix, After: r.After, Limit: page}
		if r.Limit > 0 {
			one.Limit = min(page, left)
		}
		keys, err := c.Keys(ctx, one)
		more := true
		if err == nil {
			err = c.each(ctx, keys, func(i int, v any) bool {
				more = v == nil || give(keys[i], v, nil)
				return more
			})
		}
		if err != nil {
			give("", nil, err)
			return
		}
		if left -= len(keys); !more || len(keys) < one.Limit || r.Limit > 0 && left <= 0 {
			return
		}
		r.After = keys[len(keys)-1]
	}
}
