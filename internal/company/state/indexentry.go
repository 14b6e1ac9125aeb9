package state

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// entry is one record of an index: by which value it leads to which key, and until
// when at least.
type entry struct {
	index      int
	value, key string
	until      time.Time
}

func (c *records) entries(key string, v any, until time.Time) []entry {
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
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool {
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

func (x *index) at(e entry) string {
	if x.taken != nil {
		return e.value
	}
	return e.value + "\x00" + e.key
}

// claim is what an entry of an index that tells records apart holds. Each of several
// who want it at once enters, while none of the others has its record; each writes its
// record; and then the first who settles has it. The others take their records back,
// before anybody has heard of them. What is settled and leads nowhere is free.
type claim struct {
	keys    []string // who wants it; one, once it is settled
	settled bool
}

// mostClaims is how many may want the same at the same moment.
const mostClaims = 64

func claimOf(r Record) claim {
	switch text := string(r.Value); {
	case r.Value == nil:
		return claim{}
	case strings.HasPrefix(text, "\x00"):
		return claim{keys: strings.Split(text[1:], "\x00")}
	default:
		return claim{[]string{text}, true}
	}
}

func (c claim) record(expires time.Time) Record {
	text := strings.Join(c.keys, "\x00")
	if !c.settled {
		text = "\x00" + text
	}
	return Record{Value: []byte(text), Expires: expires}
}

// later is the one of two ends until which both live; zero is never.
func later(a, b time.Time) time.Time {
	if outlives(a, b) {
		return a
	}
	return b
}

// enter makes an entry, or lets it live longer.
func (x *index) enter(ctx context.Context, e entry) error {
	if x.taken != nil {
		return x.claim(ctx, e)
	}
	return kept(x.table.Update(ctx, x.at(e), func(r Record) (Record, error) {
		if r.Value != nil && outlives(r.Expires, e.until) {
			return r, ErrKeep
		}
		return Record{Value: []byte(e.key), Expires: e.until}, nil
	}))
}

// claim enters for what one record alone can have; it is refused while another has it.
func (x *index) claim(ctx context.Context, e entry) error {
	if has, err := x.any(ctx, e, x.seeded(e.value)); err != nil || has {
		return either(err, x.taken)
	}
	var looked, there []byte // the entry for whose records was looked, and the one that there is
	var others []string
	for {
		err := x.table.Update(ctx, x.at(e), func(r Record) (Record, error) {
			now := claimOf(r)
			if slices.Contains(now.keys, e.key) {
				if outlives(r.Expires, e.until) {
					return r, ErrKeep
				}
				return Record{Value: r.Value, Expires: e.until}, nil
			}
			if there, others = r.Value, now.keys; r.Value == nil {
				return claim{keys: []string{e.key}}.record(e.until), nil
			}
			if !bytes.Equal(there, looked) {
				return r, errUnlisted
			}
			if now.settled || len(now.keys) >= mostClaims { // it led nowhere
				now = claim{}
			}
			return claim{keys: append(now.keys, e.key)}.record(later(r.Expires, e.until)), nil
		})
		if !errors.Is(err, errUnlisted) {
			return kept(err)
		}
		if has, err := x.any(ctx, e, others); err != nil || has {
			return either(err, x.taken)
		}
		looked = bytes.Clone(there)
	}
}

// any reports whether the record of one of some keys, but for the entry's own, has its
// value.
func (x *index) any(ctx context.Context, e entry, keys []string) (bool, error) {
	for _, key := range keys {
		if key == e.key {
			continue
		}
		if has, err := x.leads(ctx, entry{value: e.value, key: key}); err != nil || has {
			return has, err
		}
	}
	return false, nil
}

// settle makes what a record wants its own, once the record is there: of several who
// do, the first. The others are refused.
func (x *index) settle(ctx context.Context, e entry) error {
	var looked, other string
	for {
		err := x.table.Update(ctx, x.at(e), func(r Record) (Record, error) {
			switch now := claimOf(r); {
			case now.settled && now.keys[0] == e.key:
				return r, ErrKeep
			case now.settled && now.keys[0] != looked:
				other = now.keys[0]
				return r, errUnlisted
			case r.Value == nil:
				return claim{[]string{e.key}, true}.record(e.until), nil
			}
			return claim{[]string{e.key}, true}.record(later(r.Expires, e.until)), nil
		})
		if !errors.Is(err, errUnlisted) {
			return kept(err)
		}
		if has, err := x.any(ctx, e, []string{other}); err != nil || has {
			return either(err, x.taken)
		}
		looked = other
	}
}

// kept is the error of an update to which keeping the record is none.
func kept(err error) error {
	if errors.Is(err, ErrKeep) {
		return nil
	}
	return err
}

// confirm makes sure, after a record was written, that its entries lead to it: one may
// have been taken away by somebody who has just removed the value. Of a new record that
// wants what another one has it is refused, and the record goes again.
func (c *records) confirm(ctx context.Context, listed []entry) error {
	for _, e := range listed {
		x := c.indexes[e.index]
		if x.taken == nil {
			if err := x.enter(ctx, e); err != nil {
				return err
			}
			continue
		}
		has, err := x.leads(ctx, e)
		if err != nil {
			return err
		}
		if !has { // somebody has deleted it already
			continue
		}
		if err := x.settle(ctx, e); err != nil {
			if errors.Is(err, x.taken) {
				_, failed := c.Delete(ctx, e.key)
				return either(failed, err)
			}
			return err
		}
	}
	return nil
}

// unlist removes entries whose record is gone, or was never made. One that has come
// (back) meanwhile gets its entry again: whoever made it may have found the entry there.
func (c *records) unlist(ctx context.Context, entries []entry) error {
	for _, e := range entries {
		x := c.indexes[e.index]
		has, err := x.leads(ctx, e)
		if err != nil {
			return err
		}
		if has {
			continue
		}
		err = kept(x.table.Update(ctx, x.at(e), func(r Record) (Record, error) {
			now := claimOf(r)
			if x.taken == nil {
				return Record{}, nil
			}
			if !slices.Contains(now.keys, e.key) {
				return r, ErrKeep
			}
			now.keys = slices.DeleteFunc(now.keys, func(key string) bool { return key == e.key })
			if len(now.keys) == 0 {
				return Record{}, nil
			}
			return now.record(r.Expires), nil
		}))
		if err != nil {
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
func (x *index) leads(ctx context.Context, e entry) (bool, error) {
	r, err := current(ctx, x.c.table, e.key)
	if err != nil {
		return false, err
	}
	v, found, err := x.c.open(e.key, r)
	return err == nil && found && slices.Contains(x.of(v), e.value), err
}

// current is what an Update would decide on.
func current(ctx context.Context, t Table, key string) (Record, error) {
	var now Record
	err := t.Update(ctx, key, func(r Record) (Record, error) {
		now = r
		return r, ErrKeep
	})
	return now, kept(err)
}
