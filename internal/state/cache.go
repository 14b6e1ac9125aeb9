package state

import (
	"context"
	"encoding/json"
	"fmt"
	"unsafe"
)

// Cache keeps the decoded values of hot records. It asks the store each time and
// only saves the decoding: a record that was written since has another Value, and
// what is kept for the old one is not used. The zero Cache is ready; it belongs to
// one store.
type Cache[T any] struct {
	kept Hot[decoded[T]]
}

type decoded[T any] struct {
	raw   []byte // holds on to the octets, so that their address stays theirs
	value *T
	whole string // the key with the prefixes of Under, put together once
}

// Read decodes the JSON value of key; nil when there is no record. What it
// returns is shared and must not be modified.
func (c *Cache[T]) Read(ctx context.Context, s Store, key string) (*T, error) {
	d := c.kept.Load(key)
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
			c.kept.Store(key, &decoded[T]{whole: whole}) // of a seeded record, say, which is not stored
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
	c.kept.Store(key, &decoded[T]{r.Value, v, whole})
	return v, nil
}
