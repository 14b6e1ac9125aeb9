package fleet

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// gatekeeper is the listener of an HTTP port: a connection waits for a slot
// before it is served.
type gatekeeper struct {
	net.Listener
	connections *connections
	relief      func() // when there are no descriptors left
	done        chan struct{}
	once        sync.Once
}

// Accept implements net.Listener.
func (g *gatekeeper) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err == nil {
			l, ok := g.connections.admit(c, g.done)
			if !ok {
				c.Close()
				return nil, net.ErrClosed
			}
			return newWire(l), nil
		}
		if !starved(err) {
			return nil, err
		}
		g.relief()
		select {
		case <-time.After(10 * time.Millisecond):
		case <-g.done:
			return nil, net.ErrClosed
		}
	}
}

// Close implements net.Listener.
func (g *gatekeeper) Close() error {
	g.once.Do(func() { close(g.done) })
	return g.Listener.Close()
}

// wire is a connection of an HTTP port, below its TLS. It gives the client time
// to take each thing that is written: one that asks and does not read would hold
// the answer for ever.
//
// net/http sets six read deadlines for each request, most of which are replaced
// before anything is read. A wire keeps the last one in mind and sets it when
// somebody reads; an earlier one that is still set may stand, and when it comes
// the reader goes on.
type wire struct {
	*link
	x     *exchange    // that is under way
	made  time.Time    // of the connection
	until atomic.Int64 // nanoseconds since made: when what was written must have been taken

	// Deadlines for reading are nanoseconds since made; 0: none, below: all reads end.
	wanted  atomic.Int64
	set     atomic.Int64 // what the connection below has; written under mu
	mu      sync.Mutex
	reading atomic.Bool
}

// newWire is a connection of a connections.
func newWire(l *link) *wire {
	w := &wire{link: l, made: time.Now()}
	return w
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (n int, err error) {
	if len(p) > 1 { // one octet is how net/http waits for a client to hang up
		// Who has just been answered needs a moment to ask again: looking now would
		// find nothing, and the others can go first.
		runtime.Gosched()
	}
	for {
		w.reading.Store(true) // first: whoever wants another deadline from now on sees it, and arms
		wanted := w.wanted.Load()
		if wanted < 0 { // the connection below need not hear of it
			w.reading.Store(false)
			return 0, os.ErrDeadlineExceeded
		}
		if w.late(wanted) {
			w.arm()
		}
		n, err = w.link.Read(p)
		w.reading.Store(false)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || w.due() {
			return n, err
		}
		w.arm() // what came was an earlier one
	}
}

// late reports that the connection below would not end a read by a deadline, or
// not begin one.
func (w *wire) late(wanted int64) bool {
	set := w.set.Load()
	return (wanted < 0) != (set < 0) || wanted > 0 && (set == 0 || wanted < set)
}

// due reports that the deadline which is wanted has come.
func (w *wire) due() bool {
	wanted := w.wanted.Load()
	return wanted < 0 || wanted > 0 && int64(time.Since(w.made)) >= wanted
}

// arm hands the deadline down.
func (w *wire) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	var t time.Time
	wanted := w.wanted.Load()
	if wanted != 0 {
		t = w.made.Add(time.Duration(wanted))
	}
	w.set.Store(wanted)
	w.Conn.SetReadDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (w *wire) SetReadDeadline(t time.Time) error {
	wanted := int64(0)
	if !t.IsZero() {
		if wanted = int64(t.Sub(w.made)); wanted <= 0 {
			wanted = -1
		}
	}
	w.wanted.Store(wanted)
	if w.reading.Load() && w.late(wanted) {
		w.arm()
	}
	return nil
}

// Write implements net.Conn. A write has half of answerTimeout at least; setting
// a deadline for each would cost more than it is worth.
func (w *wire) Write(p []byte) (int, error) {
	if now := time.Since(w.made); w.until.Load()-int64(now) < int64(answerTimeout/2) {
		w.until.Store(int64(now + answerTimeout))
		w.Conn.SetWriteDeadline(time.Now().Add(answerTimeout))
	}
	return w.link.Write(p)
}

// SetWriteDeadline implements net.Conn. net/http lifts the deadline after each
// request; Write knows better.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.Conn.
func (w *wire) SetDeadline(t time.Time) error { return w.SetReadDeadline(t) }

// under is the wire of a connection of an HTTP port.
func under(c net.Conn) *wire {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	w, _ := c.(*wire)
	return w
}

// reset closes a connection with RST rather than FIN where it can.
func reset(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	inner := conn
	if w, ok := inner.(*wire); ok {
		inner = w.link
	}
	if l, ok := inner.(*link); ok {
		inner = l.Conn
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
