package redis

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/redis/rueidis"

	"counterpart/internal/company/state"
)

// table is one table of a store.
type table struct {
	store   *Store
	name    string
	records string // what its records' keys begin with
	sorted  string // the sorted set of its keys
}

// Get implements state.Table.
func (t *table) Get(ctx context.Context, key string) (state.Record, error) {
	if err := ctx.Err(); err != nil {
		return state.Record{}, t.store.ended(ctx)
	}
	k := id{t.name, key}
	if e := t.store.cache.get(k); e != nil && !state.IsFresh(ctx) {
		return t.store.seen(e.record, &e.version), nil
	}
	ctx, cancel := t.store.bounded(ctx)
	defer cancel()
	r, e, err := t.read(ctx, key)
	if err != nil {
		return state.Record{}, err
	}
	if e == nil {
		return t.store.seen(r, nil), nil
	}
	return t.store.seen(r, &e.version), nil
}

// read asks the server for a record, past what is known; e is the entry that it is kept
// in, nil when it is not.
func (t *table) read(ctx context.Context, key string) (r record, e *entry, err error) {
	s, k := t.store, id{t.name, key}
	err = s.over(ctx, func(l *link) error {
		e = s.cache.mark(k)
		text, err := l.client.Do(ctx, l.client.B().Get().Key(t.records+key).Build()).ToString()
		if err == nil || rueidis.IsRedisNil(err) {
			r, err = decode(text)
		}
		if err != nil {
			s.cache.remove(k)
			return err
		}
		e = s.cache.read(k, e, r, l)
		return nil
	})
	return r, e, err
}

// over does something that can be done twice over the link that there is, and over the
// next one when that is lost meanwhile.
func (s *Store) over(ctx context.Context, do func(l *link) error) error {
	for {
		l, err := s.await(ctx, false)
		if err != nil {
			return err
		}
		select {
		case <-l.reads:
		case <-l.over:
		case <-ctx.Done():
			return s.ended(ctx)
		}
		if err = do(l); ctx.Err() != nil { // the client still waits for the answer
			l.owed.Add(1)
		} else {
			l.free(1)
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, state.ErrUnavailable):
			return err
		case s.answered(l, err), ctx.Err() != nil:
			return s.failed(err)
		}
		l.end(err)
		if !s.gone(ctx, l) {
			return s.ended(ctx)
		}
	}
}

// gone waits until l is no longer the link; false means that ctx ended before.
func (s *Store) gone(ctx context.Context, l *link) bool {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if s.link.Load() != l {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// ask sends one command that can be sent twice.
func (s *Store) ask(ctx context.Context, command ...string) (m rueidis.RedisMessage, err error) {
	err = s.over(ctx, func(l *link) (err error) {
		m, err = l.client.Do(ctx, l.client.B().Arbitrary(command...).Build()).ToMessage()
		return err
	})
	return m, err
}

// How many records one command fetches, and of how few what is fetched is kept: a long
// listing must not push out what is asked for again and again.
const (
	fetched = 256
	kept    = 16
)

// GetMany implements state.Table.
func (t *table) GetMany(ctx context.Context, keys []string) ([]state.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, t.store.ended(ctx)
	}
	out := make([]state.Record, len(keys))
	var missing []int
	fresh := state.IsFresh(ctx)
	for i, key := range keys {
		if e := t.store.cache.get(id{t.name, key}); e != nil && !fresh {
			out[i] = t.store.seen(e.record, &e.version)
		} else {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	ctx, cancel := t.store.bounded(ctx)
	defer cancel()
	return out, t.store.over(ctx, func(l *link) error { return t.fetch(ctx, l, fetch{keys, missing, out}) })
}

// fetch is the part of keys that is missing in out.
type fetch struct {
	keys    []string
	missing []int
	out     []state.Record
}

// fetch asks for several records in one round trip.
func (t *table) fetch(ctx context.Context, l *link, f fetch) error {
	var marks []*entry
	if len(f.missing) <= kept {
		for _, i := range f.missing {
			marks = append(marks, t.store.cache.mark(id{t.name, f.keys[i]}))
		}
	}
	var commands []rueidis.Completed
	for part := range slices.Chunk(f.missing, fetched) {
		names := make([]string, len(part))
		for n, i := range part {
			names[n] = t.records + f.keys[i]
		}
		commands = append(commands, l.client.B().Mget().Key(names...).Build())
	}
	n := 0
	for _, answer := range l.client.DoMulti(ctx, commands...) {
		records, err := answer.ToArray()
		if err != nil {
			return err
		}
		for _, m := range records {
			text, err := m.ToString()
			if err != nil && !rueidis.IsRedisNil(err) {
				return err
			}
			r, err := decode(text)
			if err != nil {
				return err
			}
			i := f.missing[n]
			f.out[i] = t.store.seen(r, nil)
			if marks != nil {
				if e := t.store.cache.read(id{t.name, f.keys[i]}, marks[n], r, l); e != nil {
					f.out[i] = t.store.seen(r, &e.version)
				}
			}
			n++
		}
	}
	return nil
}

// page is how many keys one command lists or drops.
const page = 512

// Keys implements state.Table.
func (t *table) Keys(ctx context.Context, r state.Range) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, t.store.ended(ctx)
	}
	var out []string
	for {
		want := page
		if r.Limit > 0 {
			want = min(want, r.Limit-len(out))
		}
		keys, live, err := t.list(ctx, r, want)
		if err != nil {
			return nil, err
		}
		if out = append(out, live...); len(keys) < want || r.Limit > 0 && len(out) >= r.Limit {
			return out, nil
		}
		r.After = keys[len(keys)-1]
	}
}

// list asks for one page of keys; live are those that are not dead.
func (t *table) list(ctx context.Context, r state.Range, want int) (keys, live []string, err error) {
	ctx, cancel := t.store.bounded(ctx)
	defer cancel()
	from, to := limits(r)
	var dies []rueidis.RedisMessage
	err = t.store.over(ctx, func(l *link) error {
		both, err := list.Exec(ctx, l.client, nil, []string{from, to, strconv.Itoa(want), t.name, t.sorted, t.store.key("d")}).ToArray()
		if err != nil {
			return err
		}
		if keys, err = both[0].AsStrSlice(); err != nil {
			return err
		}
		dies, err = both[1].ToArray()
		return err
	})
	now := t.store.clock.Now().UnixNano()
	for i, key := range keys {
		µs := int64(0) // it never dies
		if !dies[i].IsNil() {
			x, err := dies[i].AsFloat64()
			if err != nil {
				return nil, nil, t.store.failed(err)
			}
			µs = int64(x)
		}
		if µs != 0 && now/1000 >= µs {
			continue
		}
		if µs != 0 && now/1000 >= µs-1 { // the moment was rounded up, by less than that
			if rec, err := t.Get(ctx, key); err != nil {
				return nil, nil, err
			} else if rec.Value == nil {
				continue
			}
		}
		live = append(live, key)
	}
	return keys, live, err
}

// limits is a range as ZRANGEBYLEX has it.
func limits(r state.Range) (from, to string) {
	switch {
	case r.After != "" && r.After >= r.Prefix:
		from = "(" + r.After
	case r.Prefix != "":
		from = "[" + r.Prefix
	default:
		from = "-"
	}
	end := r.Prefix
	for end != "" && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if end == "" {
		return from, "+"
	}
	return from, "(" + end[:len(end)-1] + string([]byte{end[len(end)-1] + 1})
}
