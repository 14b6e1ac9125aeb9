package servers_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/dialecttest"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// first are the first octets that a client of a port sends for an operation.
func first(id string) string {
	post := func(path, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	}
	server, port, _ := strings.Cut(id, "/")
	switch {
	case server == "ad" || server == "unix": // an anonymous bind (RFC 4511 section 4.2)
		return "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"
	case server == "egress":
		return "CONNECT api.duosecurity.com:443 HTTP/1.1\r\nHost: api.duosecurity.com:443\r\n\r\nearly"
	case server == "radius":
		return ""
	case server == "vault":
		return post("/v1/auth/userpass/login/alice", `{"password":"Alice-Pass-1"}`)
	case server == "native":
		return post("/vault/v1/accounts/root@db01/checkout", strings.Repeat(" ", 9000)+"{}")
	case port == "http" || port == "https":
		return post("/x", strings.Repeat("x", 9000))
	}
	return ""
}

// TestS4EveryServersHungOperationEndsWithItsClient: on every port that takes
// connections, also where the server reads nothing while it waits.
func TestS4EveryServersHungOperationEndsWithItsClient(t *testing.T) {
	text, err := worlds.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	f := dialecttest.Run(t, servers.Table(), string(text))
	if err := f.Faults.Set([]fault.Rule{{ID: "f", Kind: fault.Hang}}); err != nil {
		t.Fatal(err)
	}
	seq, fired := uint64(0), 0
	for _, e := range f.Company.Fleet.Endpoints() {
		sent := first(e.ID())
		if e.Server == "control" || e.Proto == "udp" || sent == "" {
			continue
		}
		t.Run(e.ID(), func(t *testing.T) {
			c, err := net.Dial("tcp", e.Addr)
			if err != nil {
				t.Fatal(err)
			}
			if e.Proto == "https" || e.Proto == "tls" {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			}
			fmt.Fprint(c, sent)
			for end := time.Now().Add(10 * time.Second); f.Faults.States()[0].Fired == fired; {
				if time.Now().After(end) {
					t.Fatal("the rule did not strike")
				}
			}
			fired = f.Faults.States()[0].Fired
			c.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			p, err := f.Journal.Await(ctx, seq, journal.Match{Server: e.Server})
			if err != nil {
				t.Fatal("the client has left, and the operation goes on")
			}
			seq = p.Last
			if got := p.Entries[0]; got.Outcome != "broken" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestS4AFleetStopsInSpiteOfHungOperations: dialecttest waits for the end.
func TestS4AFleetStopsInSpiteOfHungOperations(t *testing.T) {
	text, err := worlds.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	var left []net.Conn
	t.Run("hung", func(t *testing.T) {
		f := dialecttest.Run(t, servers.Table(), string(text))
		if err := f.Faults.Set([]fault.Rule{{ID: "f", Kind: fault.Hang}}); err != nil {
			t.Fatal(err)
		}
		for i, id := range []string{"unix/ldap", "native/http", "vault/http", "egress/proxy"} {
			c, err := net.Dial("tcp", f.Addr(id))
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, c)
			fmt.Fprint(c, first(id))
			for f.Faults.States()[0].Fired <= i {
			}
		}
	})
	for _, c := range left {
		c.Close()
	}
}
