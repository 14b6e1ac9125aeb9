package core

import (
	"context"
	"slices"
	"strings"

	"counterpart/internal/company/state"
)

// Require is Get for a record that has to be there: without it, ErrNotFound.
func Require[T any](ctx context.Context, c *state.Collection[T], key string) (*T, error) {
	v, err := c.Get(ctx, key)
	if err == nil && v == nil {
		err = ErrNotFound
	}
	return v, err
}

// Folders are keys as a listing shows them: what stands behind a slash is folded.
func Folders(keys []string) []string {
	var out []string
	for _, k := range keys {
		if name, _, deeper := strings.Cut(k, "/"); deeper {
			k = name + "/"
		}
		if len(out) == 0 || out[len(out)-1] != k {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
