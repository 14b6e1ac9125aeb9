package radius_test

import (
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/radius"
	"counterpart/servers/radius/internal/eap"
)

const company = `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME}
users:
  - name: alice
    password: Alice-Pass-1
    radius: {Class: admins, Session-Timeout: 3600}
servers:
  - kind: radius
    tcp_listen: ":18120"
    clients: [{name: nas, from: 127.0.0.0/8, secret: testing123}]
`

// The server behind the fleet's sockets, with a client library that is not ours.
func TestBehindTheFleet(t *testing.T) {
	kinds := []dialect.Kind{{Name: "radius", New: radius.New, Settings: radius.Settings{}}}
	f := dialecttest.Run(t, kinds, company)
	for password, want := range map[string]layeh.Code{"Alice-Pass-1": layeh.CodeAccessAccept, "wrong": layeh.CodeAccessReject} {
		for _, network := range []string{"udp", "tcp"} {
			p := layeh.New(layeh.CodeAccessRequest, []byte(secret))
			rfc2865.UserName_SetString(p, "alice")
			rfc2865.UserPassword_SetString(p, password)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			port := map[string]string{"udp": "radius/auth", "tcp": "radius/tcp"}[network]
			got, err := exchangeOver(ctx, network, f.Addr(port), p)
			if err != nil || got.Code != want {
				t.Fatalf("%s over %s: %v, %v", password, network, got, err)
			}
			if want == layeh.CodeAccessAccept && (rfc2865.Class_GetString(got) != "admins" || rfc2865.SessionTimeout_Get(got) != 3600) {
				t.Errorf("attributes %v", got.Attributes)
			}
		}
	}
	e := f.Last(journal.Match{Server: "radius", Op: "Access-Request"})
	if e.Actor != "alice" || e.Object != "nas" || e.Status == "" || !strings.Contains(e.Request, "User-Name = alice") {
		t.Errorf("journal: %+v", e)
	}
}

// exchangeOver sends p and reads one answer; the library's own client knows no TCP.
func exchangeOver(ctx context.Context, network, addr string, p *layeh.Packet) (*layeh.Packet, error) {
	if network == "udp" {
		return layeh.Exchange(ctx, p, addr)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	out, err := p.Encode()
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(out); err != nil {
		return nil, err
	}
	in := make([]byte, 4096)
	n, err := c.Read(in)
	if err != nil {
		return nil, err
	}
	return layeh.Parse(in[:n], []byte(secret))
}

// A TLS session inside EAP outlives its datagrams, and nothing outlives the fleet.
func TestTTLSBehindTheFleet(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("session", func(t *testing.T) {
		kinds := []dialect.Kind{{Name: "radius", New: radius.New, Settings: radius.Settings{}}}
		f := dialecttest.Run(t, kinds, company)
		conn, err := net.Dial("udp", f.Addr("radius/auth"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		b := newBed(t, loopback) // for its packets
		var state []wire.Attribute
		say := func(out eap.Packet) (layeh.Code, eap.Packet) {
			r := b.request(1, append(append([]wire.Attribute{name("anonymous")}, wire.Split(79, out.Bytes())...), state...)...).signed()
			conn.Write(r.bytes())
			buf := make([]byte, 4096)
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			p, err := wire.Check(buf[:n])
			if err != nil {
				t.Fatal(err)
			}
			joined, _ := p.Joined(79)
			in, err := eap.Parse(joined)
			if err != nil {
				t.Fatal(err)
			}
			st, _ := p.Lookup(24)
			state = []wire.Attribute{{Type: 24, Value: st}}
			return p.Code(), in
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		for _, finish := range []bool{true, false} { // the second peer walks away
			state = nil
			tunnel := eap.NewPeer(&tls.Config{InsecureSkipVerify: true})
			defer tunnel.Close()
			_, in := say(eap.Packet{Code: eap.Response, Type: eap.Identity, Data: []byte("anonymous")})
			_, in = say(eap.Packet{Code: eap.Response, ID: in.ID, Type: eap.Nak, Data: []byte{eap.TTLS}})
			got, err := tunnel.Receive([]byte{0})
			for err == nil && !got.Up {
				if _, in = say(eap.Packet{Code: eap.Response, ID: in.ID, Type: eap.TTLS, Data: got.Reply}); in.Type != eap.TTLS {
					t.Fatalf("in the handshake: %+v", in)
				}
				if !finish {
					break
				}
				got, err = tunnel.Receive(in.Data)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !finish {
				continue
			}
			data, err := tunnel.Send(append(avp(1, "alice"), avp(2, "Alice-Pass-1\x00\x00\x00\x00")...))
			if err != nil {
				t.Fatal(err)
			}
			if code, in := say(eap.Packet{Code: eap.Response, ID: in.ID, Type: eap.TTLS, Data: data}); code != 2 || in.Code != eap.Success {
				t.Errorf("%v, EAP %d", code, in.Code)
			}
		}
	})
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); runtime.Gosched() {
		if runtime.NumGoroutine() <= before { // the last of them end on their own
			return
		}
	}
	if n := runtime.NumGoroutine(); n > before {
		buf := make([]byte, 64<<10)
		t.Errorf("%d goroutines, %d before\n%s", n, before, buf[:runtime.Stack(buf, true)])
	}
}

// TestAKeptRejectIsARefusalToo: whoever sends a request again that was refused gets the same
// answer, and the journal calls it refused.
func TestAKeptRejectIsARefusalToo(t *testing.T) {
	f := dialecttest.Run(t, []dialect.Kind{{Name: "radius", New: radius.New, Settings: radius.Settings{}}}, company)
	p := layeh.New(layeh.CodeAccessRequest, []byte(secret))
	rfc2865.UserName_SetString(p, "alice")
	rfc2865.UserPassword_SetString(p, "wrong")
	octets, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", f.Addr("radius/auth"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	var answers [2]string
	for i := range answers {
		buf := make([]byte, 4096)
		if _, err := c.Write(octets); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		answers[i] = string(buf[:n])
	}
	if answers[0] != answers[1] {
		t.Error("the answers differ")
	}
	p2, err := f.Journal.AwaitN(t.Context(), 0, journal.Match{Op: "Access-Request", Outcome: "denied"}, 2)
	if err != nil || p2.Entries[0].Cause != "wrong password" || p2.Entries[1].Cause != "kept reply" {
		t.Errorf("%v %+v", err, p2.Entries)
	}
}
