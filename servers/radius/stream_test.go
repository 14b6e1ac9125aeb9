package radius_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	layeh "layeh.com/radius"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
)

// addressed is a pipe that says where it comes from.
type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr { return udp(nas) }

// connect opens a connection to a stream port; ended is closed when the server
// has let go of it.
func (b *bed) connect(port string, wrap func(net.Conn) net.Conn) (client net.Conn, ended chan struct{}, stop context.CancelFunc) {
	ours, theirs := net.Pipe()
	ctx, stop := context.WithCancel(b.line(port))
	ended = make(chan struct{})
	go func() { defer close(ended); b.ports[port].Conn(ctx, wrap(addressed{theirs})) }()
	return ours, ended, stop
}

func plainConn(c net.Conn) net.Conn { return c }

// receive reads one packet off a stream.
func receive(t *testing.T, c net.Conn) wire.Packet {
	t.Helper()
	head := make([]byte, 4)
	if _, err := io.ReadFull(c, head); err != nil {
		t.Fatal(err)
	}
	b := append(head, make([]byte, int(head[2])<<8+int(head[3])-4)...)
	if _, err := io.ReadFull(c, b[4:]); err != nil {
		t.Fatal(err)
	}
	p, err := wire.Check(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func testStreams(t *testing.T) {
	t.Run("two packets in one segment, one packet in ten", func(t *testing.T) {
		b := newBed(t, loopback+"tcp_listen: ':0'")
		c, ended, _ := b.connect("tcp", plainConn)
		one, two := b.pap("alice", "Alice-Pass-1"), b.pap("alice", "wrong")
		go c.Write(slices.Concat(one.bytes(), two.bytes()))
		got := map[byte]layeh.Code{}
		for range 2 {
			p := receive(t, c)
			got[p.ID()] = p.Code()
		}
		if got[one.id] != 2 || got[two.id] != 3 {
			t.Errorf("answers %v", got)
		}
		three := b.request(layeh.CodeAccountingRequest, name("alice"), wire.Text(44, "s"), wire.Integer(40, 1)).bytes()
		go func() {
			for part := range slices.Chunk(three, (len(three)+9)/10) {
				c.Write(part)
			}
		}()
		if p := receive(t, c); p.Code() != 5 {
			t.Errorf("accounting on the same connection: %v", p.Code())
		}
		c.Close()
		<-ended
	})
	t.Run("a held push blocks nobody, a half-closed peer gets its answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t, loopback+"flow: password,push\ntcp_listen: ':0'")
			c, ended, _ := b.connect("tcp", plainConn)
			c.Write(b.pap("alice", "Alice-Pass-1").bytes())
			synctest.Wait()
			c.Write(b.pap("alice", "wrong").bytes())
			if p := receive(t, c); p.Code() != 3 {
				t.Errorf("beside the hold: %v", p.Code())
			}
			b.clock.Advance(time.Second)
			if p := receive(t, c); p.Code() != 2 {
				t.Errorf("after the hold: %v", p.Code())
			}
			c.Close()
			<-ended
		})
	})
	t.Run("malformed closes", func(t *testing.T) {
		for what, octets := range map[string][]byte{"length": {1, 1, 0, 3}, "attributes": append([]byte{1, 1, 0, 22}, slices.Concat(make([]byte, 16), []byte{1, 9})...)} {
			b := newBed(t, loopback+"tcp_listen: ':0'")
			c, ended, _ := b.connect("tcp", plainConn)
			go c.Write(octets)
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%s: %v", what, err)
			}
			<-ended
			if call := b.last(); call.Outcome != dialect.Dropped || !strings.Contains(call.Why, "malformed") {
				t.Errorf("%s: %s: %s", what, call.Outcome, call.Why)
			}
		}
		b := newBed(t, loopback+"tcp_listen: ':0'")
		wrong := b.pap("alice", "Alice-Pass-1").signed()
		wrong.secret = "another"
		c, ended, _ := b.connect("tcp", plainConn)
		go c.Write(wrong.bytes())
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("wrong secret: %v", err)
		}
		<-ended
	})
	t.Run("unlisted address, idle time, stop", func(t *testing.T) {
		b := newBed(t, `clients: [{from: 192.0.2.1, secret: x}]`+"\ntcp_listen: ':0'")
		c, ended, _ := b.connect("tcp", plainConn)
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("unlisted: %v", err)
		}
		<-ended
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t, loopback+"tcp_listen: ':0'")
			c, ended, _ := b.connect("tcp", plainConn)
			synctest.Wait()
			b.clock.Advance(900 * time.Second)
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("idle: %v", err)
			}
			<-ended
			_, ended, stop := b.connect("tcp", plainConn)
			synctest.Wait()
			stop()
			<-ended
		})
	})
	t.Run("sixteen connections of one client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t, loopback+"tcp_listen: ':0'")
			var all []chan struct{}
			var stops []context.CancelFunc
			for range 16 {
				_, ended, stop := b.connect("tcp", plainConn)
				all, stops = append(all, ended), append(stops, stop)
			}
			synctest.Wait()
			_, ended, _ := b.connect("tcp", plainConn)
			<-ended
			if call := b.last(); !strings.Contains(call.Why, "too many connections") {
				t.Errorf("the seventeenth: %s", call.Why)
			}
			stops[0]()
			<-all[0]
			c, ended, _ := b.connect("tcp", plainConn)
			synctest.Wait()
			c.Write(b.pap("alice", "wrong").bytes())
			if p := receive(t, c); p.Code() != 3 {
				t.Errorf("after one has gone: %v", p.Code())
			}
			c.Close()
			<-ended
			for i, stop := range stops {
				stop()
				<-all[i]
			}
		})
	})
	t.Run("a panic loses one request", func(t *testing.T) {
		b := newBed(t, loopback)
		b.env.Rand = panicker{}
		broken, err := bedWith(t, loopback+"flow: password,otp\ntcp_listen: ':0'", b.env)
		if err != nil {
			t.Fatal(err)
		}
		c, ended, _ := broken.connect("tcp", plainConn)
		go c.Write(slices.Concat(broken.pap("alice", "Alice-Pass-1").bytes(), broken.pap("alice", "wrong").bytes()))
		if p := receive(t, c); p.Code() != 3 {
			t.Errorf("the next request: %v", p.Code())
		}
		c.Close()
		<-ended
	})
	t.Run("TLS", testRadSec)
}

func testRadSec(t *testing.T) {
	b := newBed(t, "clients: [{name: peer, tls_cn: nas1.acme.test}]\nradsec_listen: ':0'")
	port := b.ports["radsec"]
	if !port.TLS || port.Cert != dialect.RequireCert {
		t.Fatalf("the port asks for no client certificate: %+v", port)
	}
	// The fleet terminates TLS; this is what it does.
	server := func(c net.Conn) net.Conn {
		return tls.Server(c, &tls.Config{Certificates: []tls.Certificate{testCA(t).server}, ClientCAs: testCA(t).pool, ClientAuth: tls.RequireAndVerifyClientCert})
	}
	config := &tls.Config{RootCAs: testCA(t).pool, ServerName: "radius.acme.test", Certificates: []tls.Certificate{testCA(t).client}}
	raw, ended, _ := b.connect("radsec", server)
	c := tls.Client(raw, config)
	r := b.pap("alice", "")
	r.secret = "radsec"
	r.attrs[1].Value = wire.NewSecret([]byte("radsec")).Hide([]byte("Alice-Pass-1"), r.auth[:])
	go c.Write(r.bytes())
	p := receive(t, c)
	if p.Code() != 2 || p.Has(80) || !layeh.IsAuthenticResponse(p, r.bytes(), []byte("radsec")) {
		t.Errorf("%v, Message-Authenticator %v", p.Code(), p.Has(80))
	}
	if call := b.last(); call.Object != "peer" {
		t.Errorf("client %q", call.Object)
	}
	raw.Close()
	<-ended

	// A client known by address has its secret for UDP and TCP; over TLS it is
	// the fixed one (RFC 6614 section 2.3).
	byAddress := newBed(t, loopback+"radsec_listen: ':0'")
	raw, ended, _ = byAddress.connect("radsec", server)
	c = tls.Client(raw, config)
	go c.Write(r.bytes())
	if p := receive(t, c); p.Code() != 2 || !layeh.IsAuthenticResponse(p, r.bytes(), []byte("radsec")) {
		t.Errorf("by address: %v", p.Code())
	}
	raw.Close()
	<-ended

	raw, ended, _ = b.connect("radsec", server)
	config.Certificates = nil
	c = tls.Client(raw, config)
	go io.Copy(io.Discard, c) // shakes hands and takes the alert
	<-ended
	if call := b.last(); call.Outcome != dialect.Dropped || !strings.Contains(call.Why, "certificate") {
		t.Errorf("without a certificate: %s: %s", call.Outcome, call.Why)
	}
}
