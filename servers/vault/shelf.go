package vault

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"counterpart/internal/company/state"
)

// shelf is one kind of record: what the seed says, and over it what has changed
// since. A record that was deleted stays deleted, whatever the seed says.
type shelf[T any] struct {
	store  state.Store
	prefix string // of its records in the server's store
	seeds  map[string]*T
	cache  state.Cache[entry[T]]
}

type entry[T any] struct {
	Gone bool `json:"gone,omitempty"`
	V    T    `json:"v"`
}

func newShelf[T any](s state.Store, prefix string) *shelf[T] {
	return &shelf[T]{store: state.Under(s, prefix+"/"), prefix: prefix + "/", seeds: map[string]*T{}}
}

// get is the record of key; nil when there is none. It is shared and must not be
// modified.
func (h *shelf[T]) get(ctx context.Context, key string) (*T, error) {
	x, err := h.hold(ctx, key)
	return x.value, err
}

// need is get for a record that has to be there: without it, errMissing.
func (h *shelf[T]) need(ctx context.Context, key string) (*T, error) {
	v, err := h.get(ctx, key)
	if err == nil && v == nil {
		err = errMissing
	}
	return v, err
}

// held is what get gave, for somebody who keeps it.
type held[T any] struct {
	record *state.Held[entry[T]]
	value  *T
}

// unchanged reports that get would give the same; false means no more than that it
// has to be asked.
func (x held[T]) unchanged() bool { return x.record.Unchanged(time.Time{}) }

func (h *shelf[T]) hold(ctx context.Context, key string) (held[T], error) {
	record, err := h.cache.Hold(ctx, h.store, key, time.Time{})
	if err != nil {
		return held[T]{}, err
	}
	switch e := record.Value(); {
	case e == nil:
		return held[T]{record, h.seeds[key]}, nil
	case e.Gone:
		return held[T]{record, nil}, nil
	default:
		return held[T]{record, &e.V}, nil
	}
}

// pin is one record that every request asks for.
type pin[T any] struct{ at atomic.Pointer[held[T]] }

// get is the record of key, which is always the same one, on h.
func (p *pin[T]) get(ctx context.Context, h *shelf[T], key string) (*T, error) {
	if x := p.at.Load(); x != nil && x.unchanged() {
		return x.value, nil
	}
	x, err := h.hold(ctx, key)
	if err == nil {
		p.at.Store(&x)
	}
	return x.value, err
}

// edit changes the record of key; found is false when there is none. fn may run
// again.
func (h *shelf[T]) edit(ctx context.Context, key string, fn func(v *T, found bool) error) error {
	return h.editUntil(ctx, key, func(v *T, found bool) (time.Time, error) { return time.Time{}, fn(v, found) })
}

// editUntil is edit for a record that dies.
func (h *shelf[T]) editUntil(ctx context.Context, key string, fn func(v *T, found bool) (time.Time, error)) error {
	return state.Edit(ctx, h.store, key, func(e *entry[T], stored bool) (time.Time, error) {
		found := stored && !e.Gone
		if !stored {
			if seed := h.seeds[key]; seed != nil {
				if err := clone(seed, &e.V); err != nil {
					return time.Time{}, err
				}
				found = true
			}
		}
		if !found {
			var zero T
			e.V = zero
		}
		e.Gone = false
		return fn(&e.V, found)
	})
}

// put sets the record of key.
func (h *shelf[T]) put(ctx context.Context, key string, v T) error {
	return h.edit(ctx, key, func(x *T, _ bool) error { *x = v; return nil })
}

// drop deletes the record of key; it reports whether there was one.
func (h *shelf[T]) drop(ctx context.Context, key string) (was bool, err error) {
	err = state.Edit(ctx, h.store, key, func(e *entry[T], stored bool) (time.Time, error) {
		_, seeded := h.seeds[key]
		was = stored && !e.Gone || !stored && seeded
		if !was {
			return time.Time{}, state.ErrKeep
		}
		*e = entry[T]{Gone: true}
		if !seeded { // nothing comes back from the seed: no need to remember for long
			return time.Unix(0, 1), nil
		}
		return time.Time{}, nil
	})
	return was, err
}

// keys are the keys that start with prefix, sorted and without it.
func (h *shelf[T]) keys(ctx context.Context, prefix string) ([]string, error) {
	stored, err := h.store.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	var out []string
	for _, key := range stored {
		e, err := h.cache.Read(ctx, h.store, key)
		switch {
		case err != nil:
			return nil, err
		case e == nil:
			continue
		case e.Gone:
			gone[key] = true
		default:
			out = append(out, strings.TrimPrefix(key, prefix))
			gone[key] = true // not a second time from the seed
		}
	}
	for key := range h.seeds {
		if strings.HasPrefix(key, prefix) && !gone[key] {
			out = append(out, strings.TrimPrefix(key, prefix))
		}
	}
	slices.Sort(out)
	return out, nil
}

// folders are keys as a listing shows them: what stands behind a slash is folded.
func folders(keys []string) []string {
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

// clone copies a record.
func clone[T any](from, to *T) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}
