package eap

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"time"
)

// Flags of the first octet of TTLS and PEAP data (RFC 5281 section 9.1).
const (
	flagLength = 0x80
	flagMore   = 0x40
	flagStart  = 0x20
)

// fragment is how much TLS goes into one request; with EAP and RADIUS headers it
// fits into any path MTU.
const fragment = 1024

// maxMessage bounds what a peer may make us collect.
const maxMessage = 64 << 10

// What ends a tunnel early.
var (
	ErrTooLong   = errors.New("the TLS message is too long")
	ErrEnded     = errors.New("the tunnel has ended")
	ErrNoSecrets = errors.New("the peer's TLS can export no keys")
)

// Tunnel is the server's side of TLS inside EAP. crypto/tls wants a connection
// that blocks; here it runs as a coroutine that is suspended whenever it needs
// octets which only the peer's next packet brings. So nothing runs between
// requests, and nothing runs beside one.
type Tunnel struct {
	in, out bytes.Buffer
	conn    *tls.Conn
	next    func() (event, bool)
	stop    func()
	err     error

	arrived []byte // fragments of an incoming message
	pending []byte // of an outgoing one what is still to be sent
	total   int
	up      bool
}

// event is why the coroutine is suspended.
type event struct {
	plain []byte // what came through the tunnel; nil: it needs input
	up    bool   // the handshake is complete
}

// NewTunnel prepares a tunnel. TLS 1.3 would need the key derivation of RFC
// 9427, which current supplicants leave switched off; TLS 1.2 it is.
func NewTunnel(config *tls.Config) *Tunnel {
	config = config.Clone()
	config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	config.SessionTicketsDisabled = true
	config.ClientAuth = tls.NoClientCert
	config.NextProtos = nil
	return newTunnel(func(c net.Conn) *tls.Conn { return tls.Server(c, config) })
}

// NewPeer is the other side of a tunnel, for tests and load generators.
func NewPeer(config *tls.Config) *Tunnel {
	config = config.Clone()
	config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	return newTunnel(func(c net.Conn) *tls.Conn { return tls.Client(c, config) })
}

func newTunnel(side func(net.Conn) *tls.Conn) *Tunnel {
	t := &Tunnel{}
	t.next, t.stop = iter.Pull(func(yield func(event) bool) { t.run(side, yield) })
	return t
}

// run is the coroutine.
func (t *Tunnel) run(side func(net.Conn) *tls.Conn, yield func(event) bool) {
	t.conn = side(&pipe{t: t, yield: yield})
	if t.err = t.conn.Handshake(); t.err != nil {
		return
	}
	if !yield(event{up: true}) {
		return
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := t.conn.Read(buf)
		if err != nil {
			t.err = err
			return
		}
		if !yield(event{plain: bytes.Clone(buf[:n])}) {
			return
		}
	}
}

// Close ends the coroutine.
func (t *Tunnel) Close() { t.stop() }

// Start is the data of the first request.
func Start() []byte { return []byte{flagStart} }

// Received is what came of one response of the peer.
type Received struct {
	Reply []byte // data of the next request; nil: the caller has the word
	Plain []byte // what came through the tunnel
	Up    bool   // the handshake is complete
}

// Receive takes the data of a response. While fragments are on their way in
// either direction, or TLS shakes hands, Reply is what to send next.
func (t *Tunnel) Receive(data []byte) (Received, error) {
	if len(data) == 0 {
		return Received{}, ErrMalformed
	}
	flags, payload := data[0], data[1:]
	if flags&flagLength != 0 {
		if len(payload) < 4 {
			return Received{}, ErrMalformed
		}
		if binary.BigEndian.Uint32(payload) > maxMessage {
			return Received{}, ErrTooLong
		}
		payload = payload[4:]
	}
	if len(payload) == 0 && len(t.pending) > 0 { // the peer acknowledges a fragment
		return Received{Reply: t.fragment(), Up: t.up}, nil
	}
	if len(t.arrived)+len(payload) > maxMessage {
		return Received{}, ErrTooLong
	}
	t.arrived = append(t.arrived, payload...)
	if flags&flagMore != 0 {
		return Received{Reply: []byte{0}, Up: t.up}, nil
	}
	t.in.Write(t.arrived)
	t.arrived = nil
	return t.advance()
}

// advance lets TLS work with what has come in until it needs more.
func (t *Tunnel) advance() (Received, error) {
	var r Received
	for {
		e, alive := t.next()
		if !alive {
			if t.err == nil {
				t.err = ErrEnded
			}
			return r, fmt.Errorf("TLS: %w", t.err)
		}
		if e.up {
			t.up = true
			continue
		}
		if e.plain == nil {
			break
		}
		r.Plain = append(r.Plain, e.plain...)
	}
	r.Up = t.up
	if t.out.Len() > 0 {
		r.Reply = t.flush()
	}
	return r, nil
}

// Send puts plain text into the tunnel and returns the data of the request.
func (t *Tunnel) Send(plain []byte) ([]byte, error) {
	if _, err := t.conn.Write(plain); err != nil {
		return nil, err
	}
	return t.flush(), nil
}

// flush starts sending what TLS has written.
func (t *Tunnel) flush() []byte {
	t.pending = append(t.pending, t.out.Bytes()...)
	t.out.Reset()
	t.total = len(t.pending)
	return t.fragment()
}

// fragment is the next piece of the pending message. The first of several says
// how long the whole is.
func (t *Tunnel) fragment() []byte {
	n := min(len(t.pending), fragment)
	var b []byte
	switch first, last := len(t.pending) == t.total, n == len(t.pending); {
	case first && !last:
		b = binary.BigEndian.AppendUint32([]byte{flagLength | flagMore}, uint32(t.total))
	case !last:
		b = []byte{flagMore}
	default:
		b = []byte{0}
	}
	b = append(b, t.pending[:n]...)
	if t.pending = t.pending[n:]; len(t.pending) == 0 {
		t.pending = nil
	}
	return b
}

// Keys are the 64 octets of the MSK: "ttls keying material" for TTLS (RFC 5281
// section 8), "client EAP encryption" for PEAP.
func (t *Tunnel) Keys(label string) (msk []byte, err error) {
	state := t.conn.ConnectionState()
	if msk, err = state.ExportKeyingMaterial(label, nil, 64); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSecrets, err)
	}
	return msk, nil
}

// Labels of Keys.
const (
	LabelTTLS = "ttls keying material"
	LabelPEAP = "client EAP encryption"
)

// pipe is the connection that TLS sees.
type pipe struct {
	t     *Tunnel
	yield func(event) bool
}

// Read suspends the coroutine until there is something to read.
func (p *pipe) Read(b []byte) (int, error) {
	for p.t.in.Len() == 0 {
		if !p.yield(event{}) {
			return 0, io.EOF
		}
	}
	return p.t.in.Read(b)
}

func (p *pipe) Write(b []byte) (int, error)      { return p.t.out.Write(b) }
func (p *pipe) Close() error                     { return nil }
func (p *pipe) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (p *pipe) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (p *pipe) SetDeadline(time.Time) error      { return nil }
func (p *pipe) SetReadDeadline(time.Time) error  { return nil }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }
