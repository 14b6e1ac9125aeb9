package fleet_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"counterpart/internal/fault"
	"counterpart/internal/fleet"
)

func TestSilentConnectionsEndAtOnce(t *testing.T) {
	r := start(t)
	for _, port := range []string{"http", "https", "tcp", "tls"} {
		c, err := net.Dial("tcp", r.addr(port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if port == "http" {
			fmt.Fprint(c, "GET /hello/x HTTP/1.1\r\n") // not a whole request
		}
	}
	r.get("/hello/x") // what was dialled before is accepted by now
	time.Sleep(20 * time.Millisecond)
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > 250*time.Millisecond { // the grace is 300 ms
		t.Errorf("stopping took %s", took)
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
	held := func(want int32) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); r.parrot.held.Load() != want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d answers are held, want %d", r.parrot.held.Load(), want)
			}
		}
	}
	held(1)
	held(0)
	// One that reads, on one connection, is given its time again with each request.
	for _, path := range []string{"/hello/x", "/empty", "/hello/y", "/empty"} {
		if code, body := r.get(path); code != 200 {
			t.Errorf("%s: %d %s", path, code, body)
		}
		time.Sleep(250 * time.Millisecond)
	}
}
