package state

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Seeds are values that were there before anything was written: what was written
// lies over them, and what was deleted stays deleted.
type Seeds[T any] interface {
	// Get is the value of key; nil: there is none. It is never modified.
	Get(key string) *T
	// After yields the keys that start with prefix and come after one, in order.
	After(prefix, after string) iter.Seq[string]
}

// Seeded puts seeds below the collection, before it is used.
func (c *Collection[T]) Seeded(s Seeds[T]) *Collection[T] {
	c.seeds = s
	c.kind.after = s.After
	c.kind.seed = func(key string) any {
		if v := s.Get(key); v != nil {
			return v
		}
		return nil
	}
	return c
}

// Seed puts a value of the seed below key, before the collection is used.
func (c *Collection[T]) Seed(key string, v *T) {
	m, ok := c.seeds.(*SeedMap[T])
	if !ok {
		m = &SeedMap[T]{}
		c.Seeded(m)
	}
	m.Set(key, v)
}

// OfSeed is the value that the seed has for key, whatever has become of it since; nil:
// it has none. It must not be modified.
func (c *Collection[T]) OfSeed(key string) *T { return as[T](c.seeded(key)) }

// SeedMap are seeds that stand in a map; it is complete before it is used.
type SeedMap[T any] struct {
	values map[string]*T
	once   sync.Once
	sorted []string // made when the first one lists them
}

// Set adds a value.
func (m *SeedMap[T]) Set(key string, v *T) {
	if m.values == nil {
		m.values = map[string]*T{}
	}
	m.values[key] = v
}

// Get implements Seeds.
func (m *SeedMap[T]) Get(key string) *T { return m.values[key] }

// After implements Seeds.
func (m *SeedMap[T]) After(prefix, after string) iter.Seq[string] {
	m.once.Do(func() { m.sorted = slices.Sorted(maps.Keys(m.values)) })
	return SortedAfter(m.sorted, prefix, after)
}

// SortedAfter is Seeds.After over keys that are sorted.
func SortedAfter(keys []string, prefix, after string) iter.Seq[string] {
	return func(yield func(string) bool) {
		i, found := slices.BinarySearch(keys, max(prefix, after))
		if found && after != "" && keys[i] == after {
			i++
		}
		for ; i < len(keys) && strings.HasPrefix(keys[i], prefix); i++ {
			if !yield(keys[i]) {
				return
			}
		}
	}
}

// gone stands where a seeded value was deleted. It is no JSON, and so no value.
var gone = []byte("-")

func isGone(value []byte) bool { return bytes.Equal(value, gone) }

func (c *records) seeded(key string) any {
	if c.kind.seed == nil {
		return nil
	}
	return c.kind.seed(key)
}

// copySeed gives an edit a value of its own.
func copySeed(from, to any) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}

// keys yields the keys of a range, those of the seed among the stored ones.
func (c *records) keys(ctx context.Context, r Range) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		given := 0
		give := func(key string) bool {
			given++
			return yield(key, nil) && (r.Limit <= 0 || given < r.Limit)
		}
		var seeded iter.Seq[string] = func(func(string) bool) {}
		if c.kind.seed != nil {
			seeded = c.kind.after(r.Prefix, r.After)
		}
		next, stop := iter.Pull(seeded)
		defer stop()
		seed, more := next()
		for after := r.After; ; {
			stored, err := c.table.Keys(ctx, Range{Prefix: r.Prefix, After: after, Limit: page})
			if err != nil {
				yield("", err)
				return
			}
			live, err := c.alive(ctx, stored)
			if err != nil {
				yield("", err)
				return
			}
			for i, key := range stored {
				for ; more && seed < key; seed, more = next() {
					if !give(seed) {
						return
					}
				}
				if more && seed == key { // what was written lies over it
					seed, more = next()
				}
				if live[i] && !give(key) {
					return
				}
			}
			if len(stored) < page {
				break
			}
			after = stored[len(stored)-1]
		}
		for ; more; seed, more = next() {
			if !give(seed) {
				return
			}
		}
	}
}

// alive tells which of some stored keys were not deleted.
func (c *records) alive(ctx context.Context, keys []string) ([]bool, error) {
	live := make([]bool, len(keys))
	if c.kind.seed == nil {
		for i := range live {
			live[i] = true
		}
		return live, nil
	}
	records, err := c.table.GetMany(ctx, keys)
	for i, r := range records {
		live[i] = r.Value != nil && !isGone(r.Value)
	}
	return live, err
}
