package state

import (
	"context"
	"encoding/json"
	"fmt"
)

// Modified lists the records whose shared value, as Get gives it, is no longer what the
// store or the seed says: somebody has written to it in place. before is what
// SeedText was when the collection was new. Tests ask it.
func (c *Collection[T]) Modified(ctx context.Context, before string) (out []string, err error) {
	if c.SeedText() != before {
		out = append(out, c.name+": a value of the seed")
	}
	keys, err := c.table.Keys(ctx, Range{})
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		shared, err := c.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		fresh, found, err := c.Read(ctx, key)
		if err != nil {
			return nil, err
		}
		a, _ := json.Marshal(shared)
		b := []byte("null")
		if found {
			b, _ = json.Marshal(&fresh)
		}
		if string(a) != string(b) {
			out = append(out, fmt.Sprintf("%s %s: readers get %s, the store has %s", c.name, key, a, b))
		}
	}
	return out, nil
}

// SeedText is what the seed has, as text.
func (c *Collection[T]) SeedText() string {
	text := ""
	if c.seeds != nil {
		for key := range c.seeds.After("", "") {
			value, _ := json.Marshal(c.seeds.Get(key))
			text += key + " " + string(value) + "\n"
		}
	}
	return text
}

// Name is what the collection's table is called.
func (c *Collection[T]) Name() string { return c.name }
