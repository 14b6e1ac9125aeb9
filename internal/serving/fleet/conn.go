package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"counterpart/internal/serving/dialect"
)

// handshakeTimeout bounds TLS handshakes of ports that are not HTTP.
const handshakeTimeout = 10 * time.Second

// serveConns starts a TCP port and returns what stops it. A stop ends the
// context of every connection at once; one that is not gone after the grace is
// cut.
func (f *Fleet) serveConns(p *port) (stop func()) {
	var open sync.WaitGroup
	f.running.Go(func() {
		f.accept(p, func(c *link) {
			open.Go(func() {
				defer c.Close()
				f.conn(p, c)
			})
		})
	})
	return func() {
		p.listener.Close()
		gone := make(chan struct{})
		go func() { open.Wait(); close(gone) }()
		select {
		case <-gone:
			return
		case <-f.hard.Done():
		}
		for _, l := range p.connections.links() {
			reset(l)
		}
		<-gone
	}
}

func (f *Fleet) accept(p *port, handle func(*link)) {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			if f.soft.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			if starved(err) {
				f.relieve()
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-f.soft.Done():
			}
			continue
		}
		if l, ok := p.connections.admit(c, nil); ok {
			handle(l)
		} else {
			reset(c)
		}
	}
}

// conn runs one connection, its TLS handshake first.
func (f *Fleet) conn(p *port, l *link) {
	var c net.Conn = l
	line := p.line
	line.Peer = c.RemoteAddr().String()
	ctx := dialect.WithLine(context.WithValue(f.soft, linkKey{}, l), &line)
	defer func() {
		if what := recover(); what != nil {
			_, call := dialect.Begin(ctx, "connection")
			f.recovered(call, what)
			call.End(ctx)
		}
	}()
	if p.TLS {
		t := tls.Server(c, f.tlsConfig(p))
		if err := shake(f.soft, t); err != nil {
			_, call := dialect.Begin(ctx, "tls handshake")
			call.Outcome, call.Why = dialect.Failed, err.Error()
			call.End(ctx)
			return
		}
		c = t
	}
	p.Conn(ctx, c)
}

func shake(ctx context.Context, t *tls.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	return t.HandshakeContext(ctx)
}
