package state

import (
	"context"
	"errors"
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
// one record, and a second one is refused with that error.
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
			keys = []string{string(r.Value)}
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
			if was = nil; found && r.Value != nil { // what is seeded has no entries
				was = c.entries(key, before, r.Expires)
			}
			next, v, err := c.edited(key, r, fn)
			if err != nil {
				return r, err
			}
			if *last = nil; next.Value == nil || isGone(next.Value) {
				*last, wanted = v, nil
				return next, nil
			}
			if wanted = c.entries(key, v, next.Expires); !covered(wanted, was) && !covered(wanted, listed) {
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

// undo removes what was entered for an edit that came to nothing because of err.
func (c *Collection[T]) undo(ctx context.Context, listed []entry, err error) error {
	if failed := c.unlist(ctx, listed); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

// confirm looks, after a record was written, whether its entries are still there. One
// may have been taken away by somebody who has just removed the value, or over by
// somebody who found no record that has it; if that other one has it by now, and only
// one can, the record goes again, before anybody has heard of it.
func (c *Collection[T]) confirm(ctx context.Context, listed []entry) error {
	for _, e := range listed {
		x := c.indexes[e.index]
		r, err := current(ctx, x.table, x.at(e))
		if err != nil {
			return err
		}
		if string(r.Value) == e.key {
			continue
		}
		has, err := x.leads(ctx, e)
		if err != nil {
			return err
		}
		if !has { // somebody has deleted it already, or changed it once more
			continue
		}
		if err := x.enter(ctx, e); err != nil {
			_, failed := c.Delete(ctx, e.key)
			return either(failed, err)
		}
	}
	return nil
}

// current is what an Update would decide on.
func current(ctx context.Context, t Table, key string) (Record, error) {
	var now Record
	err := t.Update(ctx, key, func(r Record) (Record, error) {
		now = r
		return r, ErrKeep
	})
	if errors.Is(err, ErrKeep) {
		err = nil
	}
	return now, err
}

// entry is one record of an index: by which value it leads to which key, and until
// when at least.
type entry struct {
	index      int
	value, key string
	until      time.Time
}

func (c *Collection[T]) entries(key string, v *T, until time.Time) []entry {
	var out []entry
	for i, x := range c.indexes {
		for _, value := range x.of(v) {
			out = append(out, entry{i, value, key, until})
		}
	}
	return out
}

// without are the entries whose values are not among some others.
func without(entries, others []entry) []entry {
	return slices.DeleteFunc(entries, func(e entry) bool {
		return slices.ContainsFunc(others, func(o entry) bool { return e.index == o.index && e.value == o.value })
	})
}

// covered reports that each wanted entry is among some that live as long.
func covered(wanted, there []entry) bool {
	for _, w := range wanted {
		if !slices.ContainsFunc(there, func(e entry) bool {
			return e.index == w.index && e.value == w.value && outlives(e.until, w.until)
		}) {
			return false
		}
	}
	return true
}

// outlives reports that what dies at a lives as long as what dies at b; zero is never.
func outlives(a, b time.Time) bool { return a.IsZero() || !b.IsZero() && !a.Before(b) }

func (x *Index[T]) at(e entry) string {
	if x.taken != nil {
		return e.value
	}
	return e.value + "\x00" + e.key
}

// enter makes an entry, or lets it live longer. One that leads to a record which does
// not have the value is taken over; that record may have been made at that moment, so
// it is looked at once more, and then it keeps its entry.
func (x *Index[T]) enter(ctx context.Context, e entry) error {
	if x.taken != nil {
		for _, key := range x.seeded(e.value) {
			if key == e.key {
				continue
			}
			if has, err := x.leads(ctx, entry{value: e.value, key: key}); err != nil || has {
				return either(err, x.taken)
			}
		}
	}
	var stale entry // what does not have the value
	for {
		var other entry
		err := x.table.Update(ctx, x.at(e), func(r Record) (Record, error) {
			switch to := string(r.Value); {
			case r.Value == nil || stale.key != "" && to == stale.key: // free, or it leads nowhere
			case to != e.key:
				other = entry{e.index, e.value, to, r.Expires}
				return r, errUnlisted
			case outlives(r.Expires, e.until):
				return r, ErrKeep
			}
			return Record{Value: []byte(e.key), Expires: e.until}, nil
		})
		switch {
		case errors.Is(err, ErrKeep):
			return nil
		case errors.Is(err, errUnlisted):
			has, err := x.leads(ctx, other)
			if err != nil {
				return err
			}
			if has {
				return x.taken
			}
			stale = other
			continue
		case err != nil || stale.key == "":
			return err
		}
		has, err := x.leads(ctx, stale)
		if err != nil || !has {
			return err
		}
		return x.giveBack(ctx, e, stale)
	}
}

// giveBack lets an entry lead to its owner again, who was there after all.
func (x *Index[T]) giveBack(ctx context.Context, e, owner entry) error {
	err := x.table.Update(ctx, x.at(e), func(r Record) (Record, error) {
		if string(r.Value) != e.key {
			return r, ErrKeep
		}
		return Record{Value: []byte(owner.key), Expires: owner.until}, nil
	})
	if err != nil && !errors.Is(err, ErrKeep) {
		return err
	}
	return x.taken
}

// unlist removes entries whose record is gone, or was never made. One that has come
// (back) meanwhile gets its entry again: whoever made it may have found the entry there.
func (c *Collection[T]) unlist(ctx context.Context, entries []entry) error {
	for _, e := range entries {
		x := c.indexes[e.index]
		has, err := x.leads(ctx, e)
		if err != nil {
			return err
		}
		if has {
			continue
		}
		err = x.table.Update(ctx, x.at(e), func(r Record) (Record, error) {
			if string(r.Value) != e.key {
				return r, ErrKeep
			}
			return Record{}, nil
		})
		if err != nil && !errors.Is(err, ErrKeep) {
			return err
		}
		if has, err = x.leads(ctx, e); err == nil && has {
			err = x.enter(ctx, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leads reports whether the record of an entry has its value, by what the store says at
// this moment.
func (x *Index[T]) leads(ctx context.Context, e entry) (bool, error) {
	r, err := current(ctx, x.c.table, e.key)
	if err != nil {
		return false, err
	}
	v, found, err := x.c.open(e.key, r)
	return err == nil && found && slices.Contains(x.of(v), e.value), err
}
