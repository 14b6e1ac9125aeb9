package fleet

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"counterpart/internal/serving/dialect"
)

// connections are the connections of a port: how many there may be, which of them goes
// when another one comes and there is no room, and which clients are gone while
// their operation waits.
type connections struct {
	slots chan struct{} // one for each connection
	log   *slog.Logger

	mu       sync.Mutex
	all      map[*link]struct{}
	ending   bool // those that have not asked yet end at once
	stopping bool // nobody waits any more

	tick    atomic.Int64  // of the fleet's sweeper, for the age of what was seen last
	evicted atomic.Uint64 // idle connections that made room for others
	dropped atomic.Uint64 // connections and datagrams turned away for want of room
}

func newConnections(most int, log *slog.Logger) *connections {
	r := &connections{log: log, slots: make(chan struct{}, most), all: map[*link]struct{}{}}
	r.tick.Store(1)
	return r
}

// link is a connection of a port as the fleet sees it.
type link struct {
	net.Conn
	connections *connections
	closed      atomic.Bool
	seen        atomic.Int64 // tick at which something was last read or written
	moves       atomic.Int64 // how often something was read or written
	busy        atomic.Int64 // tick at which the running request came; 0: none. HTTP only
	gone        atomic.Bool  // the client has closed its side while something waited for it
	silent      atomic.Bool  // no whole request has come yet. HTTP only

	mu      sync.Mutex
	cancel  func()         // of the connection's context; HTTP only
	waiting map[int]func() // to be called when the client is gone, by numbers
	last    int
}

// sweepEvery is how often connections are looked at. An idle connection is one on
// which nothing has moved for that long.
var sweepEvery = time.Second // a variable for tests

// admit gives a connection a slot. When there is none, the connection that has been
// idle for longest is cut; if all are at work, the newcomer waits (HTTP) or is turned
// away.
func (r *connections) admit(c net.Conn, wait <-chan struct{}) (*link, bool) {
	l := &link{Conn: c, connections: r}
	l.seen.Store(r.tick.Load())
	select {
	case r.slots <- struct{}{}:
	default:
		r.evict()
		if wait == nil {
			select {
			case r.slots <- struct{}{}:
			default:
				r.dropped.Add(1)
				return nil, false
			}
			break
		}
		select {
		case r.slots <- struct{}{}:
		case <-wait:
			return nil, false
		}
	}
	r.mu.Lock()
	r.all[l] = struct{}{}
	r.mu.Unlock()
	return l, true
}

// evict cuts the connection that has been idle for longest; false: none is idle.
func (r *connections) evict() bool {
	now := r.tick.Load()
	var oldest *link
	r.mu.Lock()
	for l := range r.all {
		if l.busy.Load() == 0 && l.seen.Load() < now && (oldest == nil || l.idlerThan(oldest)) {
			oldest = l
		}
	}
	r.mu.Unlock()
	if oldest == nil {
		return false
	}
	r.evicted.Add(1)
	reset(oldest)
	oldest.leave()
	return true
}

// idlerThan compares two connections: the one on which nothing has moved for longer
// goes first, and of two that are alike the one on which less ever moved.
func (l *link) idlerThan(other *link) bool {
	a, b := l.seen.Load(), other.seen.Load()
	return a < b || a == b && l.moves.Load() < other.moves.Load()
}

// open is how many connections there are.
func (r *connections) open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// Read implements net.Conn.
func (l *link) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.touch()
	return n, err
}

// Write implements net.Conn.
func (l *link) Write(p []byte) (int, error) {
	l.touch()
	return l.Conn.Write(p)
}

// touch notes that something moves.
func (l *link) touch() {
	if now := l.connections.tick.Load(); l.seen.Load() != now {
		l.seen.Store(now)
	}
	l.moves.Add(1)
}

// CloseWrite ends the stream to the client.
func (l *link) CloseWrite() error {
	if c, ok := l.Conn.(*net.TCPConn); ok {
		return c.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (l *link) Close() error {
	err := l.Conn.Close()
	l.leave()
	return err
}

// leave gives the slot back, once.
func (l *link) leave() {
	if !l.closed.CompareAndSwap(false, true) {
		return
	}
	l.connections.mu.Lock()
	if delete(l.connections.all, l); len(l.connections.all) == 0 {
		l.connections.all = map[*link]struct{}{} // a map never gives back what it has grown to
	}
	l.connections.mu.Unlock()
	<-l.connections.slots
	l.lost()
}

// whenGone calls f once the client has closed its side, or the connection is closed.
// Nobody else would notice: an operation waits, and nothing is read meanwhile.
func (l *link) whenGone(f func()) (stop func()) {
	l.mu.Lock()
	if l.waiting == nil {
		l.waiting = map[int]func(){}
	}
	l.last++
	n := l.last
	l.waiting[n] = f
	l.mu.Unlock()
	l.connections.mu.Lock()
	stopping := l.connections.stopping
	l.connections.mu.Unlock()
	if l.closed.Load() || l.gone.Load() || stopping { // whoever saw to that may not have seen f
		l.release()
	}
	return func() {
		l.mu.Lock()
		delete(l.waiting, n)
		l.mu.Unlock()
	}
}

// lost ends the connection's context and tells those who wait.
func (l *link) lost() {
	l.mu.Lock()
	cancel := l.cancel
	l.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	l.release()
}

// release tells those who wait.
func (l *link) release() {
	l.mu.Lock()
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for _, f := range waiting { // it may close the connection
		f()
	}
}

// ends has f called when the client has gone or the connection is closed.
func (l *link) ends(f func()) {
	l.mu.Lock()
	l.cancel = f
	l.mu.Unlock()
	if l.closed.Load() || l.gone.Load() {
		f()
	}
}

func (l *link) waited() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting) > 0
}

// links are the connections that there are now.
func (r *connections) links() []*link {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*link, 0, len(r.all))
	for l := range r.all {
		out = append(out, l)
	}
	return out
}

// endSilent closes the connections that have not sent a whole request yet, and those
// that still come. To http.Server.Shutdown they are busy for their first five seconds.
func (r *connections) endSilent() {
	r.mu.Lock()
	r.ending = true
	r.mu.Unlock()
	for _, l := range r.links() {
		if l.silent.Load() {
			l.Close()
		}
	}
}

// note follows a connection; it is a http.Server's ConnState.
func (r *connections) note(c net.Conn, state http.ConnState) {
	w := under(c)
	if state != http.StateNew {
		if w.silent.Load() { // nearly never: each request comes by twice
			w.silent.Store(false)
		}
		return
	}
	w.silent.Store(true)
	r.mu.Lock()
	ending := r.ending
	r.mu.Unlock()
	if ending {
		c.Close()
	}
}

// letGo tells all who wait, and those who still come, to go on: the fleet stops.
func (r *connections) letGo() {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	for _, l := range r.links() {
		l.release()
	}
}

// cancelAll ends the contexts of all connections.
func (r *connections) cancelAll() {
	for _, l := range r.links() {
		l.lost()
	}
}

// sweep looks at the connections once.
func (r *connections) sweep() {
	now := r.tick.Add(1)
	var look []*link
	r.mu.Lock()
	for l := range r.all {
		if began := l.busy.Load(); (began != 0 && began < now-1 || l.waited()) && !l.gone.Load() {
			look = append(look, l)
		}
	}
	r.mu.Unlock()
	for _, l := range look {
		if peerGone(l.Conn) {
			l.gone.Store(true)
			l.lost()
		}
	}
}

// sweeper looks at all connections until the fleet stops.
func (f *Fleet) sweeper() {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-f.hard.Done():
			return
		}
		for _, p := range f.ports {
			p.connections.sweep()
		}
	}
}

// starved reports an error of accept that means that there are no descriptors left.
func starved(err error) bool { return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) }

// relieve cuts an idle connection of the port that has most of them, so that there
// are descriptors again.
func (f *Fleet) relieve() {
	var fullest *connections
	for _, p := range f.ports {
		if fullest == nil || p.connections.open() > fullest.open() {
			fullest = p.connections
		}
	}
	if fullest != nil {
		fullest.evict()
	}
}

// Narrow bounds what the system holds of an answer that its client has not taken
// yet, for the connection that ctx belongs to: an endless answer to thousands who do
// not read would otherwise fill the system's memory, not ours.
func Narrow(ctx context.Context, octets int) {
	if l := linkFrom(ctx); l != nil {
		if c, ok := l.Conn.(*net.TCPConn); ok {
			c.SetWriteBuffer(octets)
		}
	}
}

type linkKey struct{}

// linkFrom is the connection that a context belongs to; nil without one.
func linkFrom(ctx context.Context) *link {
	if s := dialect.ConnectionFrom(ctx); s != nil {
		if w, ok := s.Conn.(*wire); ok {
			return w.link
		}
	}
	l, _ := ctx.Value(linkKey{}).(*link)
	return l
}
