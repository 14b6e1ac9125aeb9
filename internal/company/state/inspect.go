package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Modified lists the records whose shared value, as Get gives it, is no longer what the
// store or the seed says: somebody has written to it in place. before is what
// SeedText was when the collection was new. Tests ask it.
func (c *records) Modified(ctx context.Context, before string) (out []string, err error) {
	if c.SeedText() != before {
		out = append(out, c.name+": a value of the seed")
	}
	keys, err := c.table.Keys(ctx, Range{})
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		shared, err := c.hold(ctx, key, time.Time{})
		if err != nil {
			return nil, err
		}
		fresh, _, err := c.read(ctx, key)
		if err != nil {
			return nil, err
		}
		a, _ := json.Marshal(shared.value)
		b, _ := json.Marshal(fresh)
		if string(a) != string(b) {
			out = append(out, fmt.Sprintf("%s %s: readers get %s, the store has %s", c.name, key, a, b))
		}
	}
	return out, nil
}

// SeedText is what the seed has, as text.
func (c *records) SeedText() string {
	text := ""
	if c.kind.seed != nil {
		for key := range c.kind.after("", "") {
			value, _ := json.Marshal(c.kind.seed(key))
			text += key + " " + string(value) + "\n"
		}
	}
	return text
}

// Name is what the collection's table is called.
func (c *records) Name() string { return c.name }
