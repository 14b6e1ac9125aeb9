package state

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Cache keeps the decoded values of hot records. It asks the store each time and
// only saves the decoding: a record that was written since has another Value, and
// what is kept for the old one is not used. The zero Cache is ready; it belongs to
// one store.
type Cache[T any] struct {
	kept  sync.Map // key → *decoded[T]; readers do not wait for each other
	count atomic.Int64
}

type decoded[T any] struct {
	raw   []byte // holds on to the octets, so that their address stays theirs
	value *T
	whole string // the key with the prefixes of Under, put together once
}

// cached is how many records a Cache keeps; beyond it all are forgotten.
const cached = 8192

// Read decodes the JSON value of key; nil when there is no record. What it
// returns is shared and must not be modified.
func (c *Cache[T]) Read(ctx context.Context, s Store, key string) (*T, error) {
	var d *decoded[T]
	if kept, ok := c.kept.Load(key); ok {
		d = kept.(*decoded[T])
	}
	whole := key
	if u, isPart := s.(under); isPart {
		if s = u.Store; d != nil {
			whole = d.whole
		} else {
			whole = u.prefix + key
		}
	}
	r, err := s.Get(ctx, whole)
	if err != nil {
		return nil, err
	}
	if r.Value == nil {
		if d == nil {
			c.keep(key, &decoded[T]{whole: whole}) // of a seeded record, say, which is not stored
		}
		return nil, nil
	}
	if d != nil && len(d.raw) == len(r.Value) && unsafe.SliceData(d.raw) == unsafe.SliceData(r.Value) {
		return d.value, nil
	}
	v := new(T)
	if err := json.Unmarshal(r.Value, v); err != nil {
		return nil, fmt.Errorf("state: record %s is damaged: %w", key, err)
	}
	c.keep(key, &decoded[T]{r.Value, v, whole})
	return v, nil
}

func (c *Cache[T]) keep(key string, d *decoded[T]) {
	if _, there := c.kept.Swap(key, d); !there && c.count.Add(1) > cached {
		c.kept.Clear()
		c.count.Store(0)
	}
}
