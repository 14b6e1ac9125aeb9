package fleet

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// gatekeeper is the listener of an HTTP port: a connection waits for a slot
// before it is accepted.
type gatekeeper struct {
	net.Listener
	slots chan struct{}
	done  chan struct{}
	once  sync.Once
}

// Accept implements net.Listener.
func (g *gatekeeper) Accept() (net.Conn, error) {
	select {
	case <-g.done:
		return nil, net.ErrClosed
	case g.slots <- struct{}{}:
	}
	c, err := g.Listener.Accept()
	if err != nil {
		<-g.slots
		return nil, err
	}
	w := &wire{Conn: c, slots: g.slots}
	w.silent.Store(true)
	return w, nil
}

// Close implements net.Listener.
func (g *gatekeeper) Close() error {
	g.once.Do(func() { close(g.done) })
	return g.Listener.Close()
}

// wire is a connection of an HTTP port, below its TLS. It gives the client time
// to take each thing that is written: one that asks and does not read would hold
// the answer for ever.
type wire struct {
	net.Conn
	slots  chan struct{}
	closed atomic.Bool
	silent atomic.Bool  // no whole request has come yet
	until  atomic.Int64 // Unix nanoseconds: when what was written must have been taken
}

// Write implements net.Conn. A write has half of answerTimeout at least; setting
// a deadline for each would cost more than it is worth.
func (w *wire) Write(p []byte) (int, error) {
	if now := time.Now(); w.until.Load()-now.UnixNano() < int64(answerTimeout/2) {
		until := now.Add(answerTimeout)
		w.until.Store(until.UnixNano())
		w.Conn.SetWriteDeadline(until)
	}
	return w.Conn.Write(p)
}

// SetWriteDeadline implements net.Conn. net/http lifts the deadline after each
// request; Write knows better.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.Conn.
func (w *wire) SetDeadline(t time.Time) error { return w.SetReadDeadline(t) }

// CloseWrite ends the stream to the client; net/http does so when it refuses the
// rest of a body.
func (w *wire) CloseWrite() error {
	if c, ok := w.Conn.(*net.TCPConn); ok {
		return c.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (w *wire) Close() error {
	err := w.Conn.Close()
	if w.closed.CompareAndSwap(false, true) {
		<-w.slots
	}
	return err
}

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
	if w, ok := conn.(*wire); ok {
		inner = w.Conn
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
