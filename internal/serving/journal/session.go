package journal

import (
	"container/list"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How an entry came to its session; see Entry.Grouped.
const (
	ByPlugin = "plugin" // the plugin host runs the session, and one of its hooks ran when the operation came
	ByActor  = "actor"  // the same person from the same address, without a long pause
	ByPeer   = "peer"   // nobody who is a person, over a connection on which one came, or from an address from where only one came lately
	ByClient = "client" // the same client, or only the same address, without a long pause
)

// Pause is how long nothing may come, by the fleet's time, for an operation to belong to
// the same session as the one before.
const Pause = 30 * time.Second

// session is what entries belong to.
type session struct {
	id, person string
	end        time.Time // when the last of its operations was over
	key        sessionKey
}

// goesOn reports whether an operation that came at a moment can belong to it.
func (x *session) goesOn(at time.Time) bool { return x != nil && at.Sub(x.end) <= Pause }

// sessionKey is by what a session is found that nobody has announced.
type sessionKey struct{ person, client, host string }

// membership is what an entry belongs to, and by what.
type membership struct {
	*session
	by  string
	seq uint64 // of the entry
}

// sessions says which session each entry belongs to. It is worked out when somebody first
// reads an entry, in the order of the numbers, and stays the same as long as the entry is
// on record. A session is called by the number of its first entry, so that the replicas of
// a fleet call it alike.
type sessions struct {
	mu    sync.Mutex
	upTo  uint64       // entries up to this number have theirs
	of    []membership // by number, modulo their count
	known map[sessionKey]*list.Element
	order list.List // of those, the one that was quiet for longest first
	hosts map[string]*visitors
	peers map[string]*session // of whom came last, by address and port
}

// visitors are the sessions of the two persons who came last from an address: if only one of
// them goes on, what comes from there without a person is that one's.
type visitors struct{ last, other *session }

// tell fills in an entry's session, as far as it was worked out.
func (s *sessions) tell(e *Entry) {
	switch {
	case e.Grouped != "": // it was told before
		return
	case e.Session != "":
		e.Grouped = ByPlugin
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := uint64(len(s.of)); n > 0 && e.Seq <= s.upTo {
		if m := s.of[e.Seq%n]; m.session != nil && m.seq == e.Seq {
			e.Session, e.Person, e.Grouped = m.id, m.person, m.by
		}
	}
}

// add works out the session of the entry that comes next; person is who acted, if it is one.
func (s *sessions) add(e *Entry, person string, room int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of, s.known, s.hosts, s.peers = make([]membership, room), map[sessionKey]*list.Element{}, map[string]*visitors{}, map[string]*session{}
	}
	s.upTo = e.Seq
	at := &s.of[e.Seq%uint64(len(s.of))]
	if *at = (membership{}); e.Session != "" || e.isLost() {
		return
	}
	*at = s.find(e, person)
	if end := e.At.Add(e.Took); end.After(at.end) {
		at.end = end
	}
}

func (s *sessions) find(e *Entry, person string) membership {
	host := hostOf(e.Peer)
	if person != "" {
		x := s.session(e, sessionKey{person: person, host: host})
		s.visit(host, x)
		if len(s.peers) >= len(s.of) { // connections do not say that they are over
			clear(s.peers)
		}
		s.peers[e.Peer] = x
		return membership{x, ByActor, e.Seq}
	}
	if x := s.peers[e.Peer]; x.goesOn(e.At) {
		return membership{x, ByPeer, e.Seq}
	}
	if v := s.hosts[host]; v != nil && v.last.goesOn(e.At) && !v.other.goesOn(e.At) {
		return membership{v.last, ByPeer, e.Seq}
	}
	return membership{s.session(e, sessionKey{client: strings.ToLower(e.Actor), host: host}), ByClient, e.Seq}
}

// session is the one of a key that goes on, or a new one.
func (s *sessions) session(e *Entry, key sessionKey) *session {
	found := s.known[key]
	if found != nil {
		if x := found.Value.(*session); x.goesOn(e.At) {
			s.order.MoveToBack(found)
			return x
		}
		s.forget(found)
	}
	x := &session{id: strconv.FormatUint(e.Seq, 10), person: key.person, key: key, end: e.At}
	s.known[key] = s.order.PushBack(x)
	if len(s.known) > len(s.of) {
		s.forget(s.order.Front())
	}
	return x
}

// forget lets a session go: no entry will belong to it any more.
func (s *sessions) forget(e *list.Element) {
	x := s.order.Remove(e).(*session)
	delete(s.known, x.key)
	v := s.hosts[x.key.host]
	switch {
	case v == nil || v.last != x:
	case v.other != nil && s.known[v.other.key] != nil && s.known[v.other.key].Value == v.other:
		v.last, v.other = v.other, nil
	default:
		delete(s.hosts, x.key.host)
	}
}

// visit notes that a person came from an address.
func (s *sessions) visit(host string, x *session) {
	v := s.hosts[host]
	switch {
	case v == nil:
		s.hosts[host] = &visitors{last: x}
	case v.last != x:
		v.last, v.other = x, v.last
	}
}

// clear forgets all: the numbers begin anew, or what was there is gone.
func (s *sessions) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upTo, s.of, s.known, s.hosts, s.peers = 0, nil, nil, nil, nil
	s.order.Init()
}

// hostOf is an address without its port.
func hostOf(peer string) string {
	if host, _, err := net.SplitHostPort(peer); err == nil {
		return host
	}
	return peer
}
