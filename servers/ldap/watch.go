package ldap

import (
	"context"
	"sync"
	"time"
)

// watch looks at all connections of a server, in one goroutine while there are any: one
// for each would cost as much as the connection itself.
type watch struct {
	mu      sync.Mutex
	clients map[*client]*look
	end     context.CancelFunc
	ended   chan struct{}
}

// look is what the last looks at a connection have seen.
type look struct {
	writing int64 // the write that was on its way
	looks   int   // in a row that have seen it
}

// join adds a connection. For the first one it returns what is to run beside it.
func (w *watch) join(c *client) (run func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.clients == nil {
		w.clients = map[*client]*look{}
	}
	w.clients[c] = &look{}
	if len(w.clients) > 1 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	w.end, w.ended = cancel, ended
	return func() {
		defer close(ended)
		clock := c.s.env.Clock
		for {
			now := clock.Now()
			if clock.Wait(ctx, now.Add(w.all(c.s, now))) != nil {
				return
			}
		}
	}
}

// leave takes a connection away; the last one waits until nobody looks any more.
func (w *watch) leave(c *client) {
	w.mu.Lock()
	delete(w.clients, c)
	end, ended, last := w.end, w.ended, len(w.clients) == 0
	if last {
		w.clients = nil // a map keeps the room of all that were ever in it
	}
	w.mu.Unlock()
	if last {
		end()
		<-ended
	}
}

// all looks at every connection, and says when to look again.
func (w *watch) all(s *server, now time.Time) (wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wait = s.set.Stall / 2
	for c, l := range w.clients {
		if left, ok := c.seen(now, l); ok {
			wait = min(wait, max(left, time.Second))
		}
	}
	return wait
}

// seen closes the connection when it has been idle for too long or when one write
// makes no progress. Both are measured by the fleet's clock, writes at three looks
// in a row, so that a jump of the clock does not cut a transfer that moves, nor one
// that has just ended. left is until when it can be idle; ok is false for one that is
// closed or may be idle for ever.
func (c *client) seen(now time.Time, l *look) (left time.Duration, ok bool) {
	if c.closed.Load() {
		return 0, false
	}
	if limit := *c.s.set.Idle; limit > 0 {
		if left = limit - now.Sub(time.Unix(0, c.idle.Load())); left <= 0 && c.running() == 0 {
			c.close()
			return 0, false
		}
		ok = true
	}
	at := c.writing.Load()
	if l.looks++; at == 0 || at != l.writing {
		l.looks = 0
	}
	if l.looks == 2 {
		c.close()
	}
	l.writing = at
	return left, ok
}
