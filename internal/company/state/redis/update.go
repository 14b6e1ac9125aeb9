package redis

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"counterpart/internal/company/state"
)

// write is one command that must not be done twice.
type write struct {
	slot            int
	number          uint64
	outcomes, epoch string
	forget          func() // ends what is known of what it may have changed
}

// What the scripts answer besides what stands.
const (
	done  = 1 // it had its effect
	late  = 2 // it was done or called off before
	other = 3 // the server was emptied
)

// begin takes a slot for a write.
func (s *Store) begin(ctx context.Context, forget func()) (write, error) {
	select {
	case slot := <-s.slots:
		return write{slot, s.seq.Add(1), s.outcomes, *s.epoch.Load(), forget}, nil
	case <-ctx.Done():
		return write{}, s.ended(ctx)
	}
}

// version is the one of a record that w writes.
func (s *Store) version(w write) string {
	return string(binary.BigEndian.AppendUint64([]byte(s.name), w.number))
}

// arguments are the ones that all guarded scripts begin with.
func (w write) arguments(more ...string) []string {
	return append([]string{w.outcomes, w.epoch, strconv.Itoa(w.slot), strconv.FormatUint(w.number, 10)}, more...)
}

// answer is what a guarded script has said.
type answer struct {
	link     *link
	message  rueidis.RedisMessage
	resolved bool  // it was lost, and the server was asked what has become of the write
	code     int64 // done, late or other; 0: the message is none of those
}

func (a answer) is(code int64) bool { return a.code == code }

// send runs a guarded script. The answer is exact: when it was lost, the server is asked
// whether the script was run, and calls it off if it was not. An error means that w had no
// effect, or that nobody can tell; in that case it is called off as soon as the server can
// be reached, if it was not done before.
func (s *Store) send(ctx context.Context, w write, run func(l *link) rueidis.RedisResult) (answer, error) {
	l, err := s.await(ctx, false)
	if err != nil {
		s.slots <- w.slot
		return answer{}, err
	}
	m, err := run(l).ToMessage()
	switch {
	case err == nil:
		s.slots <- w.slot
		a := answer{link: l, message: m}
		if m.IsInt64() {
			a.code, err = m.AsInt64()
		}
		return a, err
	case s.answered(l, err):
		s.slots <- w.slot
		return answer{}, s.failed(err)
	}
	w.forget()
	if a, found := s.find(ctx, w, l, err); found {
		return a, nil
	}
	s.mu.Lock()
	s.left = append(s.left, w)
	s.mu.Unlock()
	s.wake()
	return answer{}, fmt.Errorf("%w; whether this was written is not known", s.failed(err))
}

// find asks what has become of a write whose answer over l was lost, as long as ctx lasts.
func (s *Store) find(ctx context.Context, w write, l *link, why error) (answer, bool) {
	for ctx.Err() == nil {
		l.end(why)
		if !s.gone(ctx, l) {
			break
		}
		if l, why = s.await(ctx, true); why != nil {
			break
		}
		var written bool
		if written, why = s.resolve(ctx, l, w); why == nil {
			w.forget()
			s.slots <- w.slot
			if written {
				return answer{link: l, resolved: true, code: done}, true
			}
			return answer{link: l, resolved: true, code: late}, true
		}
		if s.answered(l, why) {
			break
		}
	}
	return answer{}, false
}

// resolve tells whether w was done; if not, it never will be.
func (s *Store) resolve(ctx context.Context, l *link, w write) (bool, error) {
	n, err := resolve.Exec(ctx, l.client, nil, w.arguments()).AsInt64()
	return n == done, err
}

// Update implements state.Table. fn decides on what is known, when anything is; the script
// finds out whether that still stands. What fn refuses, and what there is nothing to write
// for, is decided on what the server says.
func (t *table) Update(ctx context.Context, key string, fn func(state.Record) (state.Record, error)) error {
	s, k := t.store, id{t.name, key}
	if ctx.Err() != nil {
		return s.ended(ctx)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	unlock, err := s.locks.lock(ctx, k)
	if err != nil {
		return s.ended(ctx)
	}
	defer unlock()
	var old standing
	if e := s.cache.get(k); e != nil {
		old = standing{record: e.record, known: true}
	}
	for {
		if !old.known {
			r, _, err := t.read(ctx, key)
			if err != nil {
				return err
			}
			old = standing{record: r, known: true, fresh: true}
		}
		next, err := fn(s.seen(old.record, nil))
		r := record{value: next.Value, expires: next.Expires}
		if r.value != nil && r.dead(s.clock.Now()) {
			r.value = nil
		}
		nothing := err != nil || r.value == nil && old.version == ""
		switch {
		case nothing && !old.fresh:
			old.known = false
			continue
		case nothing:
			return err
		}
		if old, err = t.swap(ctx, key, old.record, r); err != nil || old.written {
			return err
		}
	}
}

// standing is a record before or after an attempt to change it.
type standing struct {
	record
	known   bool // or the server has to be asked
	fresh   bool // the server has just said so
	written bool // it is what was to be written
}

// swap writes next in place of old, or tells what stands.
func (t *table) swap(ctx context.Context, key string, old, next record) (standing, error) {
	s, k := t.store, id{t.name, key}
	w, err := s.begin(ctx, func() { s.cache.remove(k) })
	if err != nil {
		return standing{}, err
	}
	blob, score := "", ""
	if next.value == nil {
		next = record{}
	} else {
		next.version = s.version(w)
		blob, score = next.encode(), next.score()
	}
	e := s.cache.mark(k)
	a, err := s.send(ctx, w, func(l *link) rueidis.RedisResult {
		return swap.Exec(ctx, l.client, []string{t.records + key}, w.arguments(old.version, blob, score))
	})
	switch {
	case err != nil:
		s.cache.remove(k)
		return standing{}, err
	case a.is(done) && a.resolved:
		return standing{written: true}, nil
	case a.is(done):
		s.cache.wrote(k, e, next, a.link)
		return standing{written: true}, nil
	case a.is(late), a.is(other):
		s.cache.remove(k)
		return standing{}, s.renewed(ctx, a)
	}
	text, err := a.message.ToString()
	if err != nil {
		return standing{}, s.failed(err)
	}
	r, err := decode(text)
	if err != nil {
		return standing{}, err
	}
	s.cache.read(k, e, r, a.link)
	return standing{record: r, known: true, fresh: true}, nil
}

// renewed joins the epoch of a server that was emptied.
func (s *Store) renewed(ctx context.Context, a answer) error {
	if !a.is(other) {
		return nil
	}
	if err := s.join(ctx, a.link); err != nil {
		s.answered(a.link, err)
		return s.failed(err)
	}
	return nil
}

// Drop implements state.Table. Each batch is one write.
func (t *table) Drop(ctx context.Context, prefix string) error {
	if ctx.Err() != nil {
		return t.store.ended(ctx)
	}
	for {
		more, err := t.drop(ctx, prefix)
		if err != nil || !more {
			return err
		}
	}
}

func (t *table) drop(ctx context.Context, prefix string) (more bool, err error) {
	s := t.store
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	w, err := s.begin(ctx, func() { s.cache.drop(t.name, prefix) })
	if err != nil {
		return false, err
	}
	from, to := limits(state.Range{Prefix: prefix})
	a, err := s.send(ctx, w, func(l *link) rueidis.RedisResult {
		return drop.Exec(ctx, l.client, nil, w.arguments(from, to, strconv.Itoa(page), t.name))
	})
	switch {
	case err != nil:
		return false, err
	case a.is(done), a.is(late), a.is(other):
		return true, s.renewed(ctx, a)
	}
	keys, err := a.message.AsStrSlice()
	if err != nil {
		return false, s.failed(err)
	}
	for _, key := range keys {
		s.cache.remove(id{t.name, key})
	}
	return len(keys) == page, nil
}

// sweepBatch is how many dead records one script deletes, and sweepBatches how many of
// those one sweep sends: what is left is for the next one.
const (
	sweepBatch   = 256
	sweepBatches = 16
)

// sweep deletes what is dead. Nobody sees it any more; a failure leaves it for later.
func (s *Store) sweep(ctx context.Context, l *link) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Bound/4)
	defer cancel()
	now := strconv.FormatInt(s.clock.Now().UnixMicro(), 10)
	for range sweepBatches {
		members, err := sweep.Exec(ctx, l.client, nil, []string{s.outcomes, *s.epoch.Load(), now, strconv.Itoa(sweepBatch)}).AsStrSlice()
		if err != nil {
			s.cache.flush() // and what it has deleted is not known
			return
		}
		for _, m := range members {
			name, key, _ := strings.Cut(m, "\x00")
			s.cache.remove(id{name, key})
		}
		if len(members) < sweepBatch {
			return
		}
	}
}
