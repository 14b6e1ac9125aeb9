package wire

import (
	"bufio"
	"context"
	"crypto/md5"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"counterpart/internal/plugins/load/step"
)

// alice is who walks in these tests.
func alice() *step.Walk {
	return &step.Walk{Now: time.Now, Person: step.Person{Name: "alice", Password: "Alice-Pass-1", Email: "a\"b@acme.test"}}
}

// must opens a step.
func must(t *testing.T, c *Client, s step.Spec, at step.Target) step.Step {
	t.Helper()
	do, err := c.Open(s, at)
	if err != nil {
		t.Fatal(err)
	}
	return do
}

// done does it once.
func done(t *testing.T, s step.Step, w *step.Walk) step.Answer {
	t.Helper()
	a, err := s.Do(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if a.Answered.IsZero() || a.Sent.After(a.Answered) {
		t.Errorf("sent at %v, answered at %v", a.Sent, a.Answered)
	}
	return a
}

// client is one that is closed at the end.
func client(t *testing.T) *Client {
	c := New()
	t.Cleanup(c.Close)
	return c
}

// server accepts connections, and hands each to serve with its number.
func server(t *testing.T, serve func(n int, c net.Conn, in *bufio.Reader)) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(func() { l.Close() })
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(t.Context(), func() { c.Close() })
			all.Go(func() {
				defer stop()
				defer c.Close()
				serve(n, c, bufio.NewReader(c))
			})
		}
	})
	return l.Addr().String()
}

// asked reads one request without a body, or with one whose length it says.
func asked(in *bufio.Reader) (text string, err error) {
	length := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return text, err
		}
		text += line
		if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			for _, d := range strings.TrimSpace(value) {
				length = 10*length + int(d-'0')
			}
		}
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	_, err = readFull(in, body)
	return text + string(body), err
}

// closedPort is where nobody listens.
func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// resigned is an answer with the authenticator that it has to have (RFC 2865 section 3).
func resigned(out, request []byte, secret string) []byte {
	copy(out[4:20], request[4:20])
	sum := md5.Sum(append(append([]byte(nil), out...), secret...))
	copy(out[4:20], sum[:])
	return out
}

// chapOf is the answer to a challenge (RFC 2865 section 5.3).
func chapOf(id byte, password string, challenge []byte) []byte {
	sum := md5.Sum(append(append([]byte{id}, password...), challenge...))
	return append([]byte{id}, sum[:]...)
}
