//go:build real

package redis_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"counterpart/internal/steering/dialecttest"
)

// watch starts a Sentinel on a port that is free.
func watch(t testing.TB, conf string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	dialecttest.Program(t, exec.Command("redis-server", conf, "--sentinel", "--bind", "127.0.0.1", "--port", port), "+monitor master")
	return addr
}

// proxy is a link that can be cut.
type proxy struct {
	t      testing.TB
	l      net.Listener
	to     string
	word   []byte                          // commands that have it are treated
	treat  func(p *proxy, c cut, b []byte) // what is done with them; it forwards them or not
	armed  atomic.Int64                    // how many will be
	chance float64                         // and which part of the others
	cuts   atomic.Int64
	wg     sync.WaitGroup
}

// cut is one connection through a proxy.
type cut struct{ client, server net.Conn }

func (c cut) close() { c.client.Close(); c.server.Close() }

func through(t testing.TB, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &proxy{t: t, l: l, to: to, word: []byte("EVALSHA")}
	t.Cleanup(func() { cancel(); l.Close(); p.wg.Wait() })
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", to)
			if err != nil {
				c.Close()
				continue
			}
			both := cut{c, s}
			context.AfterFunc(ctx, both.close)
			p.wg.Go(func() { io.Copy(c, s); both.close() })
			p.wg.Go(func() { p.forward(both); both.close() })
		}
	})
	return p
}

func (p *proxy) url() string { return "redis://" + p.l.Addr().String() }

func (p *proxy) forward(c cut) {
	b := make([]byte, 64<<10)
	for {
		n, err := c.client.Read(b)
		if err != nil {
			return
		}
		if p.treat != nil && bytes.Contains(b[:n], p.word) && (p.armed.Add(-1) >= 0 || rand.Float64() < p.chance) {
			p.cuts.Add(1)
			p.treat(p, c, bytes.Clone(b[:n]))
			continue
		}
		if _, err := c.server.Write(b[:n]); err != nil {
			return
		}
	}
}

// lose forwards a command and cuts the client off before it hears of it.
func lose(_ *proxy, c cut, b []byte) {
	c.client.Close()
	c.server.Write(b)
	c.server.(*net.TCPConn).CloseWrite()
}
