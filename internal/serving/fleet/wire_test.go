package fleet_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/journal"
)

// TestAResetIsAReset: a client sees RST, not the end of an answer without one.
func TestAResetIsAReset(t *testing.T) {
	r := start(t)
	if err := r.faults.Set([]fault.Rule{{Kind: fault.Reset}}); err != nil {
		t.Fatal(err)
	}
	for _, port := range []string{"http", "https"} {
		c, err := net.Dial("tcp", r.addr(port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var in io.ReadWriter = c
		if port == "https" {
			in = tls.Client(c, &tls.Config{RootCAs: r.pki.Pool(), ServerName: "127.0.0.1"})
		}
		fmt.Fprint(in, "GET /hello/x HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := io.ReadAll(in); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v", port, err)
		}
	}
}

// TestEachAnswerHasItsTime: the second answer on a connection must be taken in
// time like the first.
func TestEachAnswerHasItsTime(t *testing.T) {
	defer fleet.HurryAnswers(200 * time.Millisecond)()
	r := start(t)
	c, err := net.Dial("tcp", r.addr("http"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	fmt.Fprint(c, "GET /hello/x HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	fmt.Fprint(c, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
	r.last("GET /long") // recorded when it was given up
}

// narrow is a server with room for one connection.
type narrow struct{ trivial }

func (narrow) Ports() []dialect.Port {
	ports := trivial{}.Ports()
	ports[0].Limits.Conns = 1
	return ports
}

func TestAConnectionWaitsForASlot(t *testing.T) {
	f := served(t, narrow{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Serve(ctx) }()
	defer func() { cancel(); <-done }()
	dial := func() (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", f.Endpoints()[0].Addr)
		if err != nil {
			t.Fatal(err)
		}
		return c, bufio.NewReader(c)
	}
	ask := func(c net.Conn) { fmt.Fprint(c, "GET "+benchTarget+" HTTP/1.1\r\nHost: x\r\n\r\n") }
	read := func(in *bufio.Reader) {
		t.Helper()
		if err := readAnswer(in); err != nil {
			t.Fatal(err)
		}
	}
	first, one := dial()
	defer first.Close()
	ask(first)
	read(one)
	second, two := dial()
	defer second.Close()
	ask(second)
	ask(first)
	read(one)
	if n := f.Journal.Recorded(); n != 2 {
		t.Errorf("%d requests were served while the only slot was taken, want the 2 of the first connection", n)
	}
	first.Close()
	read(two)
}

// TestExchangesDoNotMix asks for different things at once: what is used again
// for the next request must not show in its entry.
func TestExchangesDoNotMix(t *testing.T) {
	r := start(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				name := fmt.Sprintf("n%d-%d", i, j)
				if j%2 == 0 {
					resp, err := http.Post("http://"+r.addr("http")+"/echo?"+name, "text/plain", strings.NewReader("body "+name))
					if err != nil {
						t.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				} else {
					r.get("/hello/" + name)
				}
			}
		})
	}
	all.Wait()
	p, err := r.journal.AwaitN(t.Context(), 0, journal.Match{}, 400)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range p.Entries {
		name := e.Actor
		want := [2]string{"GET /hello/" + name, "hello " + name}
		if e.Op == "POST /echo" {
			_, name, _ = strings.Cut(strings.SplitN(e.Request, "\n", 2)[0], "?")
			want = [2]string{"POST /echo?" + name + "\nbody " + name, "body " + name}
		}
		if got := [2]string{e.Request, e.Response}; got != want || e.Status != "200" || e.Outcome != "ok" || name == "" {
			t.Errorf("%+v, want %q", e, want)
		}
	}
}
