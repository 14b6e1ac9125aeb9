package disk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// at is one record.
type at struct{ table, key string }

// change is what becomes of a record between two commits.
type change struct {
	from, to state.Record // without a Value: none
	forced   bool         // it has happened, and cannot be refused any more
}

// batch is what is written in one step.
type batch struct {
	changes map[at]change
	tables  map[string]bool
	size    int           // octets, roughly
	done    chan struct{} // closed when it is decided
	err     error         // set before that
}

func newBatch() *batch {
	return &batch{changes: map[at]change{}, tables: map[string]bool{}, done: make(chan struct{})}
}

// add notes a change; of several of one record the last one is written.
func (b *batch) add(id at, c change) {
	if was, ok := b.changes[id]; ok {
		b.size -= len(was.to.Value)
		c.from = was.from
	} else {
		b.size += len(id.table) + len(id.key) + 200
		b.tables[id.table] = true
	}
	b.size += len(c.to.Value)
	b.changes[id] = c
}

// mostQueued is how many octets of changes are written before their time; with twice as
// many waiting, whoever wants to change something waits, too.
const mostQueued = 16 << 20

// queue adds a change to the next commit, in the order in which it is made: the record
// is locked.
func (s *Store) queue(id at, c change) (*batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refuses(); err != nil && !c.forced {
		return nil, err
	}
	b := s.open[len(s.open)-1]
	first := len(b.changes) == 0
	b.add(id, c)
	if first {
		signal(s.wake)
	}
	if b.size > mostQueued {
		signal(s.full)
	}
	return b, nil
}

// refuses is why nothing can be changed now; s is locked.
func (s *Store) refuses() error {
	switch {
	case s.closing:
		return fmt.Errorf("%w: it is closed", state.ErrUnavailable)
	case s.broken != nil:
		return unavailable(s.path, s.broken)
	}
	return nil
}

func unavailable(path string, err error) error {
	return fmt.Errorf("%w: %s cannot be written: %w", state.ErrUnavailable, path, err)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// room waits while too much is queued.
func (s *Store) room(ctx context.Context) error {
	for {
		s.mu.Lock()
		err := s.refuses()
		var ahead *batch
		if len(s.open) > 1 && s.open[len(s.open)-1].size > 2*mostQueued {
			ahead = s.open[0]
		}
		s.mu.Unlock()
		if err != nil || ahead == nil {
			return err
		}
		if _, err := wait(ctx, ahead); err != nil {
			return err
		}
	}
}

// batchOf is the last batch that changes a record and is not on disk; nil: there is none.
func (s *Store) batchOf(id at) *batch {
	return s.lastOf(func(b *batch) bool { _, ok := b.changes[id]; return ok })
}

func (s *Store) lastOf(has func(*batch) bool) *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.open) - 1; i >= 0; i-- {
		if has(s.open[i]) {
			return s.open[i]
		}
	}
	return nil
}

// retryAfter is how long changes wait that could not be written.
const retryAfter = 500 * time.Millisecond

// run commits, until the store is closed.
func (s *Store) run() {
	defer close(s.done)
	for {
		select {
		case <-s.wake:
			if s.opt.Sync != Always {
				s.pause(s.opt.Every)
			}
		case <-s.quit:
			s.flush()
			return
		}
		for s.flush() && s.opt.Sync != Always { // what is kept for later is tried again
			if s.pause(retryAfter) {
				break
			}
		}
	}
}

// pause waits, but not for a store that is closing, nor with too much queued.
func (s *Store) pause(d time.Duration) (closing bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.full:
	case <-s.quit:
		return true
	}
	return false
}

// flush writes what is queued.
func (s *Store) flush() (failed bool) {
	s.mu.Lock()
	b := s.open[len(s.open)-1]
	if len(b.changes) == 0 && len(s.repair) == 0 {
		s.mu.Unlock()
		return false
	}
	s.open = append(s.open, newBatch())
	s.mu.Unlock()
	err := s.db.lost
	if err == nil {
		err = safely(func() error { return s.write(s.repair, b) })
	}
	if p := new(panicError); errors.As(err, &p) && s.db.lost == nil {
		s.db.lost = fmt.Errorf("it has to be opened anew, so start the fleet again: %w", err)
		err = s.db.lost
	}
	switch {
	case err == nil:
		clear(s.repair)
		s.settle(b)
	case s.opt.Sync == Always:
		s.takeBack(unavailable(s.path, err))
	default:
		s.keep(b, err)
	}
	s.say(err)
	s.last = err
	return err != nil
}

// say tells the log of the first failure, and of the end of it.
func (s *Store) say(err error) {
	switch {
	case err != nil && s.last == nil:
		s.opt.Log.Error("changes cannot be written, so nothing can be changed", "file", s.path, "error", err)
	case err == nil && s.last != nil:
		s.opt.Log.Warn("changes can be written again", "file", s.path)
	}
}

// settle ends a batch that is on disk.
func (s *Store) settle(b *batch) {
	s.mu.Lock()
	s.open, s.broken = s.open[1:], nil
	s.mu.Unlock()
	close(b.done)
}

// keep puts a batch that was answered already back, to be tried again; until that works
// nothing else can be changed.
func (s *Store) keep(b *batch, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
	newer := s.open[len(s.open)-1]
	for id, c := range newer.changes {
		b.add(id, c)
	}
	s.open = []*batch{b}
	if len(newer.changes) > 0 { // nobody waits for more than room
		close(newer.done)
	}
}

// takeBack undoes what could not be written and was answered to nobody, and what was
// made of it meanwhile. Whether the file has it or not is for the next commit to set right:
// the failure may have come after the last octet.
func (s *Store) takeBack(err error) {
	s.mu.Lock()
	s.broken = err
	over := s.open
	undo := map[at]state.Record{}
	for _, b := range over {
		for id, c := range b.changes {
			if _, earlier := undo[id]; !earlier {
				undo[id] = c.from
			}
		}
	}
	s.open = append(over[:len(over):len(over)], newBatch())
	s.mu.Unlock()
	for id, was := range undo {
		if dead(was, s.opt.Clock) {
			was = state.Record{}
		}
		s.memory.Table(id.table).Update(context.Background(), id.key, func(state.Record) (state.Record, error) {
			return state.Record{Value: was.Value, Expires: was.Expires}, nil
		})
		s.repair[id] = was
	}
	s.mu.Lock()
	s.open, s.broken = s.open[len(over):], nil
	s.mu.Unlock()
	for _, b := range over {
		b.err = err
		close(b.done)
	}
}

func dead(r state.Record, c clock.Clock) bool {
	return r.Value != nil && !r.Expires.IsZero() && !c.Now().Before(r.Expires)
}
