package state

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"unsafe"
)

// Cache keeps the decoded values of hot records. It asks the store each time and
// only saves the decoding: a record that was written since has another Value, and
// what is kept for the old one is not used. The zero Cache is ready.
type Cache[T any] struct {
	mu   sync.RWMutex
	kept map[string]decoded[T]
}

type decoded[T any] struct {
	raw   []byte // holds on to the octets, so that their address stays theirs
	value *T
}

// cached is how many records a Cache keeps; beyond it some are forgotten.
const cached = 8192

// Read decodes the JSON value of key; nil when there is no record. What it
// returns is shared and must not be modified.
func (c *Cache[T]) Read(ctx context.Context, s Store, key string) (*T, error) {
	r, err := s.Get(ctx, key)
	if err != nil || r.Value == nil {
		return nil, err
	}
	c.mu.RLock()
	d, ok := c.kept[key]
	c.mu.RUnlock()
	if ok && len(d.raw) == len(r.Value) && unsafe.SliceData(d.raw) == unsafe.SliceData(r.Value) {
		return d.value, nil
	}
	v := new(T)
	if err := json.Unmarshal(r.Value, v); err != nil {
		return nil, fmt.Errorf("state: record %s is damaged: %w", key, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = map[string]decoded[T]{}
	}
	if _, there := c.kept[key]; !there && len(c.kept) >= cached {
		for k := range c.kept { // any will do
			delete(c.kept, k)
			break
		}
	}
	c.kept[key] = decoded[T]{r.Value, v}
	return v, nil
}
