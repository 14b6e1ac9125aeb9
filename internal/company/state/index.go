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
type Index[T any] struct{ *index }

// index is an Index without its type.
type index struct {
	c     *records
	of    func(v any) []string
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
	x := &index{c: &c.records, of: func(v any) []string { return of(v.(*T)) }, taken: taken, table: s.Table(c.name + " by " + name)}
	c.indexes = append(c.indexes, x)
	return &Index[T]{x}
}

// One yields the first value of the index's value; of an index that tells records
// apart, the only one. nil: there is none.
func (x *Index[T]) One(ctx context.Context, value string) (e Entry[T], err error) {
	x.all(ctx, value, "", func(key string, v any, failed error) bool {
		e, err = Entry[T]{key, as[T](v)}, failed
		return false
	})
	return e, err
}

// All yields what has a value of the index, in the order of keys after one.
func (x *Index[T]) All(ctx context.Context, value, after string) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		x.all(ctx, value, after, func(key string, v any, err error) bool { return yield(Entry[T]{key, as[T](v)}, err) })
	}
}

// all gives what All yields.
func (x *index) all(ctx context.Context, value, after string, give func(key string, v any, err error) bool) {
	for {
		keys, more, err := x.keys(ctx, value, after)
		on := true
		if err == nil {
			err = x.c.each(ctx, keys, func(i int, v any) bool {
				on = v == nil || !slices.Contains(x.of(v), value) || give(keys[i], v, nil)
				return on
			})
		}
		if err != nil {
			give("", nil, err)
			return
		}
		if !more || !on {
			return
		}
		after = keys[len(keys)-1]
	}
}

// Values returns the values of the index in a range, in their order: of an index that
// tells records apart. Some may lead nowhere.
func (x *index) Values(ctx context.Context, r Range) ([]string, error) {
	return x.table.Keys(ctx, r)
}

// keys are those that entries lead to, and those of the seed, a page of them in order.
func (x *index) keys(ctx context.Context, value, after string) (keys []string, more bool, err error) {
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
func (x *index) seeded(value string) []string {
	if x.c.kind.seed == nil {
		return nil
	}
	x.once.Do(func() {
		x.seeds = map[string][]string{}
		for key := range x.c.kind.after("", "") {
			for _, v := range x.of(x.c.kind.seed(key)) {
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
func (c *records) editIndexed(ctx context.Context, key string, fn change, last *any) error {
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
func (c *records) claims(entries []entry) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return c.indexes[e.index].taken != nil })
}

// undo removes what was entered for an edit that came to nothing because of err.
func (c *records) undo(ctx context.Context, listed []entry, err error) error {
	if failed := c.unlist(ctx, listed); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}
