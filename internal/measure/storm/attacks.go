package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// attack is what many clients do. run returns when they are all there and have done
// their worst; what it returns has them leave.
type attack struct {
	name      string
	clients   int
	connected bool // each of them holds a connection
	held      int  // without one, so many requests are held at once at most: as good as connections
	stores    bool // before makes the fleet keep something
	before    func() error
	run       func(clients int) (leave func())
	after     func()
}

// hold is how long clients that do nothing stay.
const hold = 8 * time.Second

func attacks(v *victim) []attack {
	out := []attack{
		{name: "streams that never read", clients: 10_000, connected: true, before: v.fillJournal, run: func(n int) func() {
			return v.crowd("control/http", n, hold, func(_ int, c net.Conn) { fmt.Fprint(c, "GET /journal/stream HTTP/1.1\r\nHost: localhost\r\n\r\n") })
		}},
	}
	for _, port := range v.tcp() {
		out = append(out, attack{name: "idle on " + port, clients: 10_000, connected: true, run: func(n int) func() {
			return v.crowd(port, n, hold, func(int, net.Conn) {})
		}})
	}
	for _, port := range []string{"ad/ldaps", "radius/radsec", "duo/https"} {
		out = append(out, attack{name: "half-open TLS on " + port, clients: 5000, connected: true, run: func(n int) func() {
			return v.crowd(port, n, hold, func(_ int, c net.Conn) { c.Write(helloHead) })
		}}, attack{name: "idle TLS on " + port, clients: 3000, connected: true, run: func(n int) func() {
			return v.crowd(port, n, hold, func(_ int, c net.Conn) {
				c.SetDeadline(time.Now().Add(20 * time.Second))
				tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}).Handshake()
			})
		}})
	}
	return append(append(out, octets(v)...), work(v)...)
}

// helloHead is the beginning of a TLS record that never ends.
var helloHead = []byte{22, 3, 1, 0x02, 0x00, 1, 0, 0x01, 0xfc, 3, 3}

// octets are clients that send an octet now and then.
func octets(v *victim) (out []attack) {
	for port, text := range map[string]string{"native/http": "POST /vault/v1/accounts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1000),
		"unix/ldap": "\x30\x84\x00\x03\xff\x00" + strings.Repeat("x", 1000), "egress/proxy": "CONNECT " + strings.Repeat("x", 1000)} {
		out = append(out, attack{name: "one octet at a time to " + port, clients: 3000, connected: true, run: func(n int) func() {
			var conns sync.Map
			leave := v.crowd(port, n, 0, func(i int, c net.Conn) { conns.Store(i, c) })
			for at := range 80 {
				conns.Range(func(_, c any) bool { io.WriteString(c.(net.Conn), text[at:at+1]); return true })
				time.Sleep(50 * time.Millisecond)
			}
			return leave
		}})
	}
	return out
}

// work are clients that ask for much.
func work(v *victim) []attack {
	post := func(path, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	}
	listing := func(path string) func(int) func() {
		return func(n int) func() {
			return v.crowd("control/http", n, 3*hold, func(_ int, c net.Conn) { fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path) })
		}
	}
	return []attack{
		{name: "datagrams to radius/auth", clients: 200_000, run: func(n int) func() { return v.datagrams("radius/auth", n) }},
		{name: "datagrams, delayed", clients: 200_000, held: 1000, before: v.rule("delay", "radius", `"args":{"for":"5s"},`), after: v.clear,
			run: func(n int) func() { return v.datagrams("radius/auth", n) }},
		{name: "hung operations", clients: 5000, connected: true, before: v.rule("hang", "native", `"op":"POST *",`), after: v.clear, run: func(n int) func() {
			return v.crowd("native/http", n, hold, func(_ int, c net.Conn) { io.WriteString(c, post("/vault/v1/sessions", strings.Repeat("x", 4000))) })
		}},
		{name: "waiting for the journal", clients: 5000, connected: true, run: listing("/journal/wait?since=1000000000&wait=60s")},
		{name: "waiting for approvals", clients: 5000, connected: true, run: listing("/approvals?user=alice&wait=60s")},
		{name: "pages of the journal, never read", clients: 2000, connected: true, run: listing("/journal")},
		{name: "tokens: 50,000, listed by clients that never read", clients: 300, connected: true, stores: true, before: v.mint(50_000), run: listing("/tokens")},
		{name: "tokens: exports that are never read", clients: 100, connected: true, stores: true, run: listing("/state")},
		{name: "metrics, never read", clients: 2000, connected: true, stores: true, run: listing("/metrics"), after: func() { v.control("POST", "/state/reset", "{}") }},
		{name: "large bodies", clients: 2000, connected: true, run: func(n int) func() {
			body := `{"name":"` + strings.Repeat("x", 500_000)
			return v.crowd("native/http", n, hold, func(_ int, c net.Conn) {
				c.SetWriteDeadline(time.Now().Add(5 * time.Second))
				io.WriteString(c, post("/vault/v1/sessions", body+strings.Repeat("x", 200_000))[:400_000])
			})
		}},
	}
}

// crowd opens connections to a port, does something on each, and holds them.
func (v *victim) crowd(port string, n int, hold time.Duration, do func(i int, c net.Conn)) (leave func()) {
	var mu sync.Mutex
	var conns []net.Conn
	var next atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				c, err := net.DialTimeout("tcp", v.ports[port], 10*time.Second)
				if err != nil {
					continue
				}
				mu.Lock()
				conns = append(conns, c)
				mu.Unlock()
				do(i, c)
			}
		})
	}
	all.Wait()
	if v.short {
		hold /= 3
	}
	time.Sleep(hold)
	return func() {
		for _, c := range conns {
			c.Close()
		}
	}
}

// datagrams sends packets as fast as it can, half of them garbage.
func (v *victim) datagrams(port string, n int) (leave func()) {
	var all sync.WaitGroup
	for s := range 16 {
		all.Go(func() {
			c, err := net.Dial("udp", v.ports[port])
			if err != nil {
				return
			}
			defer c.Close()
			for i := range n / 16 {
				p := make([]byte, 20+i%2*200)
				p[0], p[1], p[2], p[3] = 1, byte(i), byte(len(p)>>8), byte(len(p))
				p[4], p[5], p[6] = byte(s), byte(i>>8), byte(i>>16)
				if i%2 == 1 {
					copy(p[20:], "\x01\x07alice\x02\x12")
				}
				c.Write(p)
			}
		})
	}
	all.Wait()
	time.Sleep(time.Second)
	return func() {}
}

// rule sets a fault for one server.
func (v *victim) rule(kind, server, more string) func() error {
	return func() error {
		status, text, err := v.control("POST", "/faults", fmt.Sprintf(`{"rules":[{"kind":%q,"server":%q,%s"id":"storm"}]}`, kind, server, more))
		if err == nil && status >= 300 {
			err = fmt.Errorf("POST /faults: %d %s", status, text)
		}
		return err
	}
}

func (v *victim) clear() { v.control("DELETE", "/faults", "") }

// fillJournal has the journal hold as much as it can.
func (v *victim) fillJournal() error {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 2000 {
				v.do("POST", "http://"+v.ports["vault/http"]+"/v1/kv/data/storm", fmt.Sprintf(`{"data":{"n":"%d","text":%q}}`, i, strings.Repeat("y", 800)), "X-Vault-Token", "root")
			}
		})
	}
	all.Wait()
	return nil
}

// mint makes tokens of vault.
func (v *victim) mint(n int) func() error {
	return func() error {
		if v.short {
			n /= 10
		}
		var all sync.WaitGroup
		var failed atomic.Value
		for range 8 {
			all.Go(func() {
				for range n / 8 {
					status, text, err := v.do("POST", "http://"+v.ports["vault/http"]+"/v1/auth/token/create", `{"ttl":"1h"}`, "X-Vault-Token", "root")
					if err == nil && status != 200 {
						err = fmt.Errorf("token/create: %d %s", status, text)
					}
					if err != nil {
						failed.Store(err)
						return
					}
				}
			})
		}
		all.Wait()
		if err, ok := failed.Load().(error); ok {
			return err
		}
		_, text, err := v.control("GET", "/tokens", "")
		var list struct{ Tokens []json.RawMessage }
		if err == nil && json.Unmarshal(text, &list) == nil && len(list.Tokens) == 0 {
			return fmt.Errorf("/tokens shows none: %.200s", text)
		}
		return err
	}
}
