package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unsafe"
)

// Cache keeps the decoded values of hot records, and what was not there. It never
// answers with what the store would not say now: it asks the record whether it is
// Unchanged, and the store if that is not known, and then only saves the decoding:
// a record that was written since has another Value. The zero Cache is ready; it
// belongs to one store.
type Cache[T any] struct {
	kept Hot[Held[T]]
}

// Held is a record with its decoded value. Whoever asks for the same record again
// and again can keep it, and ask it rather than the Cache.
type Held[T any] struct {
	record Record // holds on to the octets, so that their address stays theirs
	value  *T
	whole  string // the key with the prefixes of Under, put together once
}

// Value is what the record holds; nil when there is no record. It is shared and
// must not be modified.
func (h *Held[T]) Value() *T { return h.value }

// Unchanged is that of the record; false for nil.
func (h *Held[T]) Unchanged(now time.Time) bool { return h != nil && h.record.Unchanged(now) }

// Read decodes the JSON value of key; nil when there is no record. What it
// returns is shared and must not be modified.
func (c *Cache[T]) Read(ctx context.Context, s Store, key string) (*T, error) {
	h, err := c.Hold(ctx, s, key, time.Time{})
	if err != nil {
		return nil, err
	}
	return h.value, nil
}

// Hold is Read for somebody who keeps the record, and who may know what time it is,
// so that a record which dies one day can be answered without asking the store.
func (c *Cache[T]) Hold(ctx context.Context, s Store, key string, now time.Time) (*Held[T], error) {
	h := c.kept.Load(key)
	if h.Unchanged(now) {
		return h, nil
	}
	whole := key
	if u, isPart := s.(under); isPart {
		if s = u.Store; h != nil {
			whole = h.whole
		} else {
			whole = u.prefix + key
		}
	}
	r, err := s.Get(ctx, whole)
	if err != nil {
		return nil, err
	}
	next := &Held[T]{record: r, whole: whole}
	switch {
	case r.Value == nil: // of a seeded record, say, which is not stored
	case h != nil && len(h.record.Value) == len(r.Value) && unsafe.SliceData(h.record.Value) == unsafe.SliceData(r.Value):
		next.value = h.value
	default:
		next.value = new(T)
		if err := json.Unmarshal(r.Value, next.value); err != nil {
			return nil, fmt.Errorf("state: record %s is damaged: %w", key, err)
		}
	}
	c.kept.Store(key, next)
	return next, nil
}
