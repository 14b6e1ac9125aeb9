package fleet_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/journal"
)

// ended waits for the journal to show an operation's end.
func (r *running) ended(what string) journal.Entry {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	p, err := r.journal.Await(ctx, 0, journal.Match{})
	if err != nil {
		r.t.Fatalf("%s: the client has left, and the operation goes on", what)
	}
	return p.Entries[0]
}

// TestS4AnOperationThatWaitsEndsWithItsClient: whatever the client has sent, and
// nobody has read, when it hangs up.
func TestS4AnOperationThatWaitsEndsWithItsClient(t *testing.T) {
	defer fleet.HurrySweeps(20 * time.Millisecond)()
	request := func(body string) string {
		return fmt.Sprintf("POST /count/alice HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	hang, delay := hour(fault.Hang), hour(fault.Delay)
	late := fault.Rule{ID: "f", Kind: fault.Hang, Moment: fault.After}
	for name, tt := range map[string]struct {
		rule       fault.Rule
		port, sent string
	}{
		"hang, no body":            {hang, "http", request("")},
		"hang, small body":         {hang, "http", request("{}")},
		"hang, body unread":        {hang, "http", request(strings.Repeat("x", 8000))},
		"hang, large body":         {hang, "http", request(strings.Repeat("x", 900_000))},
		"hang, pipelined":          {hang, "http", request("") + request("")},
		"hang, TLS":                {hang, "https", request("{}")},
		"hang afterwards":          {late, "http", request(strings.Repeat("x", 8000))},
		"delay, body unread":       {delay, "http", request(strings.Repeat("x", 8000))},
		"delay, pipelined":         {delay, "http", request("") + "G"},
		"delay, TLS":               {delay, "https", request("{}")},
		"hang of a connection":     {hang, "tcp", "go\n"},
		"delay of a connection":    {delay, "tcp", "go\n"},
		"hang of a TLS connection": {hang, "tls", "go\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := count(t, tt.rule)
			c, err := net.Dial("tcp", r.addr(tt.port))
			if err != nil {
				t.Fatal(err)
			}
			if tt.port == "https" || tt.port == "tls" {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			}
			fmt.Fprint(c, tt.sent)
			r.strikes(1)
			c.Close()
			if e := r.ended(name); e.Outcome != "broken" && tt.rule.Kind == fault.Hang {
				t.Errorf("%+v", e)
			}
		})
	}
}

// strikes waits until rules have struck n times.
func (r *running) strikes(n int) {
	r.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		fired := 0
		for _, s := range r.faults.States() {
			fired += s.Fired
		}
		if fired >= n {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("rules have struck %d times, not %d", fired, n)
		}
	}
}

// TestS4ARuleThatIsTakenAwayLetsGo: what it held back goes on, a hang with a reset.
func TestS4ARuleThatIsTakenAwayLetsGo(t *testing.T) {
	for kind, want := range map[string]string{fault.Delay: "HTTP/1.1 200 OK", fault.Hang: ""} {
		t.Run(kind, func(t *testing.T) {
			r := count(t, hour(kind))
			c, err := net.Dial("tcp", r.addr("http"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprint(c, "POST /count/alice HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
			r.strikes(1)
			r.faults.Set(nil)
			c.SetReadDeadline(time.Now().Add(10 * time.Second))
			line, err := bufio.NewReader(c).ReadString('\n')
			if strings.TrimSpace(line) != want || err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("it got %q, %v", line, err)
			}
		})
	}
}

// hour is a rule that holds back for an hour of a clock that stands.
func hour(kind string) fault.Rule {
	r := fault.Rule{ID: "f", Kind: kind}
	if kind == fault.Delay {
		r.Args = map[string]string{"for": "1h"}
	}
	return r
}

// TestS4HungDatagramsFreeTheirSlots: more than the port handles at once, then the
// rule is taken away, and the port answers.
func TestS4HungDatagramsFreeTheirSlots(t *testing.T) {
	for _, rule := range []fault.Rule{{ID: "f", Kind: fault.Hang}, {ID: "f", Kind: fault.Hang, Moment: fault.After}, hour(fault.Delay)} {
		t.Run(rule.Kind+string(rule.Moment), func(t *testing.T) {
			r := start(t)
			if err := r.faults.Set([]fault.Rule{rule}); err != nil {
				t.Fatal(err)
			}
			u, err := net.Dial("udp", r.addr("udp"))
			if err != nil {
				t.Fatal(err)
			}
			defer u.Close()
			for i := range 4 { // all slots of that port
				u.Write([]byte("x"))
				r.strikes(i + 1)
			}
			r.faults.Set(nil)
			buf := make([]byte, 10)
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
				u.Write([]byte("xy"))
				u.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				if n, err := u.Read(buf); err == nil && string(buf[:n]) == "2" {
					return
				}
			}
			t.Error("the rule is gone, and the port still answers nobody")
		})
	}
}

// TestS7IdleConnectionsMakeRoom: a port whose connections are all idle takes the
// next one in place of the oldest; one at work stays.
func TestS7IdleConnectionsMakeRoom(t *testing.T) {
	defer fleet.HurrySweeps(10 * time.Millisecond)()
	r := start(t)
	ask := func(c net.Conn) bool {
		c.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintln(c, "hello")
		line, err := bufio.NewReader(c).ReadString('\n')
		return err == nil && line == "hello\n"
	}
	dial := func() (net.Conn, bool) { // it may be turned away while all others have just been at work
		c, err := net.Dial("tcp", r.addr("tcp"))
		if err != nil {
			return nil, false
		}
		t.Cleanup(func() { c.Close() })
		return c, ask(c)
	}
	busy, ok := dial()
	if !ok {
		t.Fatal("no answer")
	}
	for range 20 { // the port has three slots
		for end := time.Now().Add(10 * time.Second); ; {
			if !ask(busy) {
				t.Fatal("a working connection made room for idle ones")
			}
			if _, ok := dial(); ok {
				break
			}
			if time.Now().After(end) {
				t.Fatal("idle connections crowd a working one out")
			}
		}
	}
}
