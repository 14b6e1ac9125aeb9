package fleet_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
)

// TestSilentConnectionsEndAtOnce gives a grace that the test would not live to
// see the end of.
func TestSilentConnectionsEndAtOnce(t *testing.T) {
	r := startFor(t, time.Hour)
	var silent []net.Conn
	for _, port := range []string{"http", "https", "tcp", "tls"} {
		c, err := net.Dial("tcp", r.addr(port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
		if port == "http" {
			fmt.Fprint(c, "GET /hello/x HTTP/1.1\r\n") // not a whole request
		}
		r.answers(port) // so the fleet has taken what was dialled before
	}
	late := time.AfterFunc(4*time.Second, func() { // net/http gives a silent connection up after 5
		for _, c := range silent {
			c.Close()
		}
	})
	r.stop()
	if !late.Stop() {
		t.Error("silent connections are waited for")
	}
}

// answers has a port answer once, on a connection that is then closed.
func (r *running) answers(port string) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr(port))
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	if port == "https" || port == "tls" {
		cert, err := r.pki.Client("nas1")
		if err != nil {
			r.t.Fatal(err)
		}
		c = tls.Client(c, &tls.Config{RootCAs: r.pki.Pool(), ServerName: "127.0.0.1", Certificates: []tls.Certificate{*cert}})
	}
	fmt.Fprint(c, "GET /hello/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "HTTP/1.1") {
		r.t.Fatalf("%s: %q, %v", port, line, err)
	}
}

func TestTheTimeOutOfABodyRunsWhileItIsRead(t *testing.T) {
	defer fleet.HurryBodies(100 * time.Millisecond)()
	r := start(t)
	post := func(path string, body io.Reader) string {
		resp, err := http.Post("http://"+r.addr("http")+path, "text/plain", body)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.StatusCode, " ", len(b))
	}
	if got := post("/late", strings.NewReader("hello")); got != "200 11" {
		t.Errorf("a handler that answers late: %s", got)
	}
	if err := r.faults.Set([]fault.Rule{{Kind: fault.Delay, Args: map[string]string{"for": "300ms"}, Op: "POST /echo"}}); err != nil {
		t.Fatal(err)
	}
	if got := post("/echo", strings.NewReader(strings.Repeat("x", 100_000))); got != "200 100000" {
		t.Errorf("an operation that is delayed: %s", got)
	}
	r.faults.Set(nil)
	slow, feed := io.Pipe()
	defer feed.Close()
	go feed.Write([]byte("x"))
	if got := post("/echo", slow); got != "400 6" {
		t.Errorf("a body that does not come: %s", got)
	}
}

func TestAClientThatDoesNotReadIsNotWaitedForForEver(t *testing.T) {
	defer fleet.HurryAnswers(200 * time.Millisecond)()
	r := start(t)
	c, err := net.Dial("tcp", r.addr("http"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, want := range []int32{1, 0} {
		for end := time.Now().Add(10 * time.Second); r.parrot.held.Load() != want; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%d answers are held, want %d", r.parrot.held.Load(), want)
			}
		}
	}
}

// TestAClientThatReadsHasItsTimeAgain writes to one that reads, long after the
// time for what came before was over, and then to one that does not.
func TestAClientThatReadsHasItsTimeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		w := fleet.NewWire(ours)
		defer w.Close()
		for range 3 {
			read := make(chan error)
			go func() {
				_, err := io.ReadFull(theirs, make([]byte, 5))
				read <- err
			}()
			if _, err := w.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			if err := <-read; err != nil {
				t.Fatal(err)
			}
			w.SetWriteDeadline(time.Time{}) // as net/http does after each request
			time.Sleep(20 * time.Minute)    // in the bubble's time
		}
		began := time.Now()
		_, err := w.Write([]byte("hello"))
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != time.Minute {
			t.Errorf("nobody reads: %v after %s", err, took)
		}
	})
}

// TestABodyThatNobodyReadsIsNotAskedFor: a client that waits for "100 Continue"
// and is refused for another reason hears the refusal at once, and need not send
// what it would have sent.
func TestABodyThatNobodyReadsIsNotAskedFor(t *testing.T) {
	r := start(t)
	c, err := net.Dial("tcp", r.addr("http"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 404 ") {
		t.Errorf("%q, %v", line, err)
	}
}
