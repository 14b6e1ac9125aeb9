package journal

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
)

// hosted are the sessions of plugins that are being run against this process: what their
// hooks ask is marked while it is recorded, because nobody could tell later.
type hosted struct {
	busy atomic.Int32 // sessions with a hook that runs
	mu   sync.Mutex
	all  map[*Hosted]bool // true: a hook runs
}

// Hosted is one session of plugins that runs against this process.
type Hosted struct {
	ID, Person string
	of         *hosted
}

// Host announces a session of plugins, and whose it is. What comes from this machine while
// one of its hooks runs belongs to it; of several sessions whose hooks run at once, it is
// that of the person who acts, or nobody's. The caller ends it.
func (j *Journal) Host(id, person string) *Hosted {
	if j == nil {
		return &Hosted{ID: id, Person: person, of: &hosted{}}
	}
	return &Hosted{ID: id, Person: person, of: &j.hosted}
}

// Runs says that a hook of the session runs, or that none does.
func (h *Hosted) Runs(runs bool) {
	s := h.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.all[h]; was == runs {
		return
	}
	if s.all == nil {
		s.all = map[*Hosted]bool{}
	}
	if runs {
		s.all[h] = true
		s.busy.Add(1)
		return
	}
	delete(s.all, h)
	s.busy.Add(-1)
}

// End says that the session is over.
func (h *Hosted) End() { h.Runs(false) }

// mark notes on an entry whose session it belongs to, if that can be told.
func (s *hosted) mark(e *Entry) {
	if s.busy.Load() == 0 || !fromHere(e.Peer) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *Hosted
	for h := range s.all {
		if len(s.all) > 1 && !strings.EqualFold(h.Person, e.Actor) {
			continue
		}
		if found != nil { // two of the same person
			return
		}
		found = h
	}
	if found != nil {
		e.Session, e.Person = found.ID, found.Person
	}
}

// fromHere reports an address of this machine's own network.
func fromHere(peer string) bool {
	addr, err := netip.ParseAddr(hostOf(peer))
	return err == nil && addr.Unmap().IsLoopback()
}
