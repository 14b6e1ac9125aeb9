package radius

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
)

// What one connection may ask for, as FreeRADIUS limits TCP clients by default.
const (
	streamIdle    = 900 * time.Second
	streamPending = 256 // requests running at once; the next one is not read
	streamsEach   = 16  // connections of one client
)

// stream serves RADIUS over TCP (RFC 6613) or TLS (RFC 6614). A held push must
// not block the other requests of a proxy, so each runs on its own; this is the
// only file that starts goroutines, and each connection awaits its own.
type stream struct {
	s      *server
	on     listener
	conn   net.Conn
	client *client

	mu      sync.Mutex // one reply is written at a time
	running sync.WaitGroup
	slots   chan struct{}

	quiet sync.Mutex
	last  time.Time
}

var errStreams = errors.New("too many connections of one client")

// past is a deadline that ends a blocked read at once.
var past = time.Unix(1, 0)

// stream is the connection function of a port. When the fleet stops, reading
// ends, what is held is cancelled, and what is finished is still written.
func (s *server) stream(on listener) func(context.Context, net.Conn) {
	return func(ctx context.Context, c net.Conn) {
		ctx, cancel := context.WithCancel(ctx)
		st := &stream{s: s, on: on, conn: c, slots: make(chan struct{}, streamPending)}
		stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(past) })
		var watching sync.WaitGroup
		if err := st.identify(ctx); err != nil {
			st.note(ctx, err)
		} else {
			defer st.client.streams.Add(-1)
			st.touch()
			watching.Go(func() { st.watch(ctx, cancel) })
			st.read(ctx, cancel)
		}
		st.running.Wait() // a peer that has closed its side still gets its answers
		cancel()
		watching.Wait()
		stop()
		c.Close()
	}
}

// read takes packets off the connection until it ends.
func (st *stream) read(ctx context.Context, cancel context.CancelFunc) {
	for {
		b, err := readPacket(st.conn)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && ctx.Err() == nil {
				st.note(ctx, err)
			}
			return
		}
		st.touch()
		select {
		case st.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		st.running.Go(func() {
			defer func() { <-st.slots }()
			if st.handle(ctx, b) != nil {
				cancel()
			}
		})
	}
}

// identify finds the client: over TLS by the certificate's names first, by
// address second (RFC 6614 section 2.4).
func (st *stream) identify(ctx context.Context) error {
	if hs, ok := st.conn.(interface{ HandshakeContext(context.Context) error }); ok {
		if err := hs.HandshakeContext(ctx); err != nil {
			return err
		}
	}
	if c, ok := st.conn.(interface{ ConnectionState() tls.ConnectionState }); ok && st.on == onRadSec {
		if certs := c.ConnectionState().PeerCertificates; len(certs) > 0 {
			names := append([]string{certs[0].Subject.CommonName}, certs[0].DNSNames...)
			st.client = st.s.clients.named(names)
		}
	}
	if peer, ok := addrPort(st.conn.RemoteAddr()); ok && st.client == nil {
		st.client = st.s.clients.find(st.on, peer.Addr())
	}
	if st.client == nil {
		return fmt.Errorf("%w: %v", errUnknownClient, st.conn.RemoteAddr())
	}
	if st.client.streams.Add(1) > streamsEach {
		st.client.streams.Add(-1)
		return fmt.Errorf("%w: %s has %d", errStreams, st.client.name, streamsEach)
	}
	return nil
}

// readPacket takes one packet off the stream: four octets, then as many as the
// Length field says.
func readPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[2:]))
	if n < wire.HeaderLength || n > wire.MaxLength {
		return nil, fmt.Errorf("%w: %w", errMalformed, wire.ErrLength)
	}
	b := make([]byte, n)
	copy(b, head[:])
	_, err := io.ReadFull(r, b[4:])
	return b, err
}

// note records why a connection ends.
func (st *stream) note(ctx context.Context, err error) {
	_, call := dialect.Begin(ctx, "connect")
	(&exchange{call: call}).drop(err)
	call.End(ctx)
}

// handle answers one packet. An error closes the connection: a stream whose
// framing or keys are wrong cannot be trusted again (RFC 6613 section 2.6.4).
func (st *stream) handle(ctx context.Context, b []byte) (fatal error) {
	ctx, call := dialect.Begin(ctx, "packet")
	x := &exchange{call: call, on: st.on, client: st.client}
	defer func() {
		if p := recover(); p != nil { // one request is lost, not the process
			call.Outcome, call.Why = dialect.Internal, fmt.Sprint("panic: ", p)
			st.s.env.Log.Error("a request panicked; it is lost", "server", st.s.env.Name, "op", call.Op, "panic", p, "stack", string(debug.Stack()))
			call.End(ctx)
		}
	}()
	x.name(b)
	x.peer, _ = addrPort(st.conn.RemoteAddr())
	reply, err := st.s.answer(ctx, x, b)
	var lost error
	if err != nil {
		x.drop(err)
	} else {
		lost = call.Admit(ctx) // as for datagrams: the operation is known only now
	}
	if over := call.End(ctx); lost == nil {
		lost = over
	}
	switch {
	case errors.Is(err, errMalformed):
		return err
	case errors.Is(lost, dialect.ErrReset):
		return lost
	case lost != nil || reply == nil:
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	_, err = st.conn.Write(reply)
	return err
}

func (st *stream) touch() {
	st.quiet.Lock()
	defer st.quiet.Unlock()
	st.last = st.s.env.Clock.Now()
}

// watch closes a connection that has been idle for too long, by the fleet's
// clock.
func (st *stream) watch(ctx context.Context, cancel context.CancelFunc) {
	for {
		st.quiet.Lock()
		until := st.last.Add(streamIdle)
		st.quiet.Unlock()
		if !st.s.env.Clock.Now().Before(until) {
			cancel()
			return
		}
		if st.s.env.Clock.Wait(ctx, until) != nil {
			return
		}
	}
}
