package state

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// Index finds the values of a collection by something else than their key: sessions
// by their user, tokens by their accessor, seeded ones as well as stored ones.
//
// An index is a table of its own, written in an order in which every moment is right:
// an entry comes before the record that has its value and goes after it, lives at least
// as long, and a look-up believes the record. An entry that leads nowhere, because of a
// crash in between, does no harm. What the seed has is in no table: it is put together
// when somebody looks for the first time.
type Index[T any] struct {
	c     *Collection[T]
	of    func(v *T) []string
	taken error
	table Table

	once  sync.Once
	seeds map[string][]string // keys of the seed by value, sorted
}

// By declares an index over the collection, before that is used. of lists what a value
// is found by; octet 0 is in none of it. With taken, a value of the index belongs to
// one record, which has it from the beginning; a second one is refused with that error.
// What changes its name is for Claims.
func (c *Collection[T]) By(s Store, name string, taken error, of func(v *T) []string) *Index[T] {
	x := &Index[T]{c: c, of: of, taken: taken, table: s.Table(c.name + " by " + name)}
	c.indexes = append(c.indexes, x)
	return x
}

// One yields the first value of the index's value; of an index that tells records
// apart, the only one. nil: there is none.
func (x *Index[T]) One(ctx context.Context, value string) (Entry[T], error) {
	for e, err := range x.All(ctx, value, "") {
		return e, err
	}
	return Entry[T]{}, nil
}

// All yields what has a value of the index, in the order of keys after one.
func (x *Index[T]) All(ctx context.Context, value, after string) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		for {
			keys, more, err := x.keys(ctx, value, after)
			if err != nil {
				yield(Entry[T]{}, err)
				return
			}
			values, err := x.c.GetMany(ctx, keys)
			if err != nil {
				yield(Entry[T]{}, err)
				return
			}
			for i, v := range values {
				if v != nil && slices.Contains(x.of(v), value) && !yield(Entry[T]{keys[i], v}, nil) {
					return
				}
			}
			if !more {
				return
			}
			after = keys[len(keys)-1]
		}
	}
}

// Values returns the values of the index in a range, in their order: of an index that
// tells records apart. Some may lead nowhere.
func (x *Index[T]) Values(ctx context.Context, r Range) ([]string, error) {
	return x.table.Keys(ctx, r)
}

// keys are those that entries lead to, and those of the seed, a page of them in order.
func (x *Index[T]) keys(ctx context.Context, value, after string) (keys []string, more bool, err error) {
	if x.taken != nil {
		r, err := x.table.Get(ctx, value)
		if err == nil && r.Value != nil {
			keys = claimOf(r).keys
		}
		return append(keys, x.seeded(value)...), false, err
	}
	r := Range{Prefix: value + "\x00", Limit: page}
	if after != "" {
		r.After = r.Prefix + after
	}
	if keys, err = x.table.Keys(ctx, r); err != nil {
		return nil, false, err
	}
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], r.Prefix)
	}
	more = len(keys) == page
	for _, key := range x.seeded(value) {
		if key > after && (!more || key <= keys[page-1]) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), more, nil
}

// seeded are the keys of the seed whose value there is found by one.
func (x *Index[T]) seeded(value string) []string {
	if x.c.seeds == nil {
		return nil
	}
	x.once.Do(func() {
		x.seeds = map[string][]string{}
		for key := range x.c.seeds.After("", "") {
			for _, v := range x.of(x.c.seeds.Get(key)) {
				x.seeds[v] = append(x.seeds[v], key)
			}
		}
	})
	return x.seeds[value]
}

// margin is how much longer than its record an entry lives.
const margin = time.Minute

// errUnlisted stops an edit whose entries are not there yet.
var errUnlisted = errors.New("state: an index entry is missing")

// editIndexed is Edit: entries first, then the record. last is what was deleted, if
// anything was.
func (c *Collection[T]) editIndexed(ctx context.Context, key string, fn func(v *T, found bool) (time.Time, error), last **T) error {
	var listed []entry // what was entered for this edit
	for {
		var was, wanted []entry
		err := c.table.Update(ctx, key, func(r Record) (Record, error) {
			before, found, err := c.open(key, r)
			if err != nil {
				return r, err
			}
			var had []entry
			if found {
				had = c.entries(key, before, r.Expires)
			}
			if was = had; r.Value == nil { // what is seeded has no entries
				was = nil
			}
			next, v, err := c.edited(key, r, fn)
			if err != nil {
				return r, err
			}
			if *last = nil; next.Value == nil || isGone(next.Value) {
				*last, wanted = v, nil
				return next, nil
			}
			wanted = c.entries(key, v, next.Expires)
			if found && c.claims(without(wanted, had)) {
				return r, fmt.Errorf("state: %s %s wants what only one can have, and did not from the beginning", c.name, key)
			}
			if !covered(wanted, was) && !covered(wanted, listed) {
				return r, errUnlisted
			}
			return next, nil
		})
		switch {
		case err == nil && *last != nil:
			return nil
		case err == nil:
			return either(c.confirm(ctx, listed), c.unlist(ctx, without(was, wanted)))
		case !errors.Is(err, errUnlisted):
			return c.undo(ctx, listed, err)
		}
		for _, e := range wanted {
			if !e.until.IsZero() { // fn runs again, and by then the end may be a later one
				e.until = e.until.Add(margin)
			}
			if err := c.indexes[e.index].enter(ctx, e); err != nil {
				return c.undo(ctx, listed, err)
			}
			listed = append(listed, e)
		}
	}
}

// claims reports whether some entries are of an index that tells records apart.
func (c *Collection[T]) claims(entries []entry) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return c.indexes[e.index].taken != nil })
}

// undo removes what was entered for an edit that came to nothing because of err.
func (c *Collection[T]) undo(ctx context.Context, listed []entry, err error) error {
	if failed := c.unlist(ctx, listed); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}
