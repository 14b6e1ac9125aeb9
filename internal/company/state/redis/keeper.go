package redis

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// keep has a link as long as the store is open: it watches the one that there is, and
// makes another when that is lost.
func (s *Store) keep(l *link) {
	defer close(s.done)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-s.closing; cancel() }()
	for wait := time.Duration(0); ; {
		if l != nil {
			why := s.watch(ctx, l)
			s.lose(l, why)
			l, wait = nil, 0
		}
		if ctx.Err() != nil {
			return
		}
		next, err := s.connect(ctx)
		if err == nil {
			s.publish(next)
			s.log.Info("the state store can be used again", "server", s.at.String())
			l = next
			continue
		}
		s.missed(s.failed(err))
		wait = min(max(2*wait, 20*time.Millisecond), 500*time.Millisecond)
		sleep(ctx, wait)
	}
}

// sleep waits in real time, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (s *Store) publish(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link.Store(l)
	s.err = nil
	s.tell()
	s.wake()
}

// tell wakes whoever waits for a link; s.mu is held.
func (s *Store) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// wake lets the keeper look for what there is to do.
func (s *Store) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// lose gives a link up, and with it all that was read over it.
func (s *Store) lose(l *link, why error) {
	s.mu.Lock()
	s.link.Store(nil) // before the flush: answers that come over it later are not kept
	s.err, s.lost = nil, s.failed(why)
	s.tell()
	closed := s.closed
	s.mu.Unlock()
	s.cache.flush()
	if closed {
		ctx, cancel := context.WithTimeout(context.Background(), s.opt.Bound)
		// Without its outcomes, no command of this replica has any effect any more.
		l.client.Do(ctx, l.client.B().Del().Key(s.outcomes).Build())
		cancel()
	} else {
		s.log.Warn("the state store was lost", "server", s.at.String(), "error", s.failed(why).Error())
	}
	l.client.Close()
}

// missed notes that there is no link now.
func (s *Store) missed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil || s.err.Error() != err.Error() {
		s.log.Warn("the state store cannot be used", "error", err.Error())
	}
	s.err = err
	s.tell()
}

// sweepEvery is how often what is dead is looked for.
const sweepEvery = time.Second

// watch returns when l can no longer be used, and why.
func (s *Store) watch(ctx context.Context, l *link) error {
	_, confirmed := s.clock.Both() // when that was asked for which was answered last
	swept := confirmed
	beat := time.NewTicker(s.opt.Bound / 4)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.over:
			if why := l.reason(); why != nil {
				return why
			}
			return errors.New("the server closed the connection")
		case <-beat.C:
		case <-s.kick:
		}
		_, sent := s.clock.Both()
		owed := l.owed.Swap(0)
		limit, cancel := context.WithTimeout(ctx, s.opt.Bound-(sent-confirmed))
		err := s.beat(limit, l)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("it has given no sign of life for %s", s.opt.Bound)
		case err != nil && l.reason() != nil:
			return l.reason()
		case err != nil:
			return err
		}
		confirmed = sent
		l.free(owed) // answers come in order
		s.settle(ctx, l)
		if sent-swept >= sweepEvery {
			swept = sent
			s.sweep(ctx, l)
		}
	}
}

// settle asks what has become of writes that somebody has given up waiting for, or calls
// them off.
func (s *Store) settle(ctx context.Context, l *link) {
	s.mu.Lock()
	left := s.left
	s.left = nil
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.opt.Bound/4)
	defer cancel()
	for i, w := range left {
		if _, err := s.resolve(ctx, l, w); err != nil {
			s.mu.Lock()
			s.left = append(s.left, left[i:]...)
			s.mu.Unlock()
			return
		}
		w.forget()
		s.slots <- w.slot
	}
}
