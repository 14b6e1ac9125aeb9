package fleet_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/pki"
)

// parrot is a server with one port of each kind.
type parrot struct {
	block   chan struct{} // closed: held requests go on
	held    atomic.Int32
	noticed atomic.Int32 // connections that saw the stop
	listen  string
}

func (p *parrot) Faults() []string { return []string{"sealed"} }

func (p *parrot) Ports() []dialect.Port {
	h := &dialect.HTTP{
		Routes: []dialect.Route{
			{Method: "GET", Path: "/hello/:name", Do: func(c echo.Context) error {
				call := dialect.CallFrom(c.Request().Context())
				call.Actor = c.Param("name")
				if _, sealed := call.Fault("sealed"); sealed {
					return cause.Because(cause.Unavailable, "a rule sealed it")
				}
				return c.String(200, "hello "+c.Param("name"))
			}},
			{Method: "POST", Path: "/echo", Do: func(c echo.Context) error {
				b, err := io.ReadAll(c.Request().Body)
				if err != nil {
					return cause.Because(cause.BadInput, "%v", err)
				}
				return c.Blob(200, "text/plain", b)
			}},
			{Method: "GET", Path: "/held", Do: func(c echo.Context) error {
				p.held.Add(1)
				select {
				case <-p.block:
				case <-c.Request().Context().Done():
				}
				return c.String(200, "at last")
			}},
			{Method: "GET", Path: "/long", Do: func(c echo.Context) error {
				p.held.Add(1)
				defer p.held.Add(-1)
				return c.Blob(200, "text/plain", make([]byte, 64<<20))
			}},
			{Method: "GET", Path: "/unplayed", Do: func(c echo.Context) error {
				dialect.CallFrom(c.Request().Context()).NotPlayed("telescopes")
				return cause.Because(cause.NotAllowed, "no right to telescopes")
			}},
			{Method: "GET", Path: "/said/:outcome/:end", Do: func(c echo.Context) error {
				dialect.CallFrom(c.Request().Context()).Outcome = dialect.Outcome(c.Param("outcome"))
				switch c.Param("end") {
				case "refusal":
					return cause.Because(cause.NotAllowed, "not yet")
				case "failure":
					return errors.New("the perch broke")
				case "panic":
					panic("boom")
				}
				status, _ := strconv.Atoi(c.Param("end"))
				return c.String(status, "so it is")
			}},
			{Method: "GET", Path: "/empty", Do: func(c echo.Context) error { return nil }},
			{Method: "POST", Path: "/late", Do: func(c echo.Context) error {
				io.Copy(io.Discard, c.Request().Body)
				select {
				case <-time.After(300 * time.Millisecond):
					return c.String(200, "better late")
				case <-c.Request().Context().Done():
					return c.String(500, "the client left")
				}
			}},
			{Method: "GET", Path: "/panic", Do: func(echo.Context) error { panic("boom") }},
		},
		NotFound: func(c echo.Context) error { return c.String(404, "the parrot knows no such thing") },
		Error: func(err error, c echo.Context) {
			status := 500
			if errors.Is(err, cause.Unavailable) {
				status = 503
			} else if errors.Is(err, cause.BadInput) {
				status = 400
			}
			c.String(status, "squawk")
		},
	}
	conn := func(ctx context.Context, c net.Conn) {
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer stop()
		defer func() {
			if ctx.Err() != nil {
				p.noticed.Add(1)
			}
		}()
		for s := bufio.NewScanner(c); s.Scan(); {
			if s.Text() == "panic" {
				panic("boom")
			}
			ctx, call := dialect.Begin(ctx, "line")
			if err := call.Admit(ctx); err != nil {
				return
			}
			call.Status = "repeated"
			call.End(ctx)
			fmt.Fprintln(c, s.Text())
		}
	}
	return []dialect.Port{
		{Name: "http", Listen: p.listen, HTTP: h, Try: "curl http://{addr}/hello/you"},
		{Name: "https", Listen: p.listen, TLS: true, HTTP: h},
		{Name: "tcp", Listen: p.listen, Conn: conn, Limits: dialect.Limits{Conns: 3}},
		{Name: "tls", Listen: p.listen, TLS: true, Cert: dialect.RequireCert, Conn: conn},
		{Name: "udp", Listen: p.listen, Limits: dialect.Limits{Conns: 4, Datagram: 100}, Packet: func(ctx context.Context, req []byte, _ net.Addr) []byte {
			call := dialect.CallFrom(ctx)
			call.Op = "say"
			switch string(req) {
			case "silence":
				return nil
			case "panic":
				panic("boom")
			case "held":
				p.held.Add(1)
				select {
				case <-p.block:
				case <-ctx.Done():
				}
				return []byte("at last")
			}
			return []byte(fmt.Sprint(len(req)))
		}},
	}
}

type running struct {
	*fleet.Fleet
	t       *testing.T
	parrot  *parrot
	journal *journal.Journal
	faults  *fault.Table
	pki     *pki.Authority
	meter   *journal.Metrics
	missing chan string // features that were said not to be played
	stop    func()      // stops it and waits
}

// start runs a fleet of one parrot and checks at the end that nothing is left.
func start(t *testing.T) *running {
	t.Helper()
	return startFor(t, 300*time.Millisecond)
}

// startFor is start with a grace of its own.
func startFor(t *testing.T, grace time.Duration) *running {
	t.Helper()
	before := runtime.NumGoroutine()
	c := clock.New()
	ca, err := pki.New(pki.Config{RandomSeed: 1, Organization: world.Organization{Domain: "acme.test"}, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, parrot: &parrot{block: make(chan struct{}), listen: ":0"}, journal: journal.New(journal.Limits{}, nil), faults: fault.New(1, "sealed"), pki: ca,
		meter: &journal.Metrics{}, missing: make(chan string, 10)}
	r.Fleet, err = fleet.Bind(fleet.Config{Host: "127.0.0.1", Servers: []fleet.Instance{{Name: "polly", Kind: "parrot", Server: r.parrot}},
		Faults: r.faults, Journal: r.journal, PKI: ca, Clock: c, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Grace: grace, Meter: r.meter,
		Unplayed: func(server, feature string) { r.missing <- server + ": " + feature }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx) }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			http.DefaultClient.CloseIdleConnections()
			// net/http lingers half a second on a connection whose body it refused
			for end := time.After(3 * time.Second); runtime.NumGoroutine() > before; {
				select {
				case <-time.After(5 * time.Millisecond):
					continue
				case <-end:
				}
				break
			}
			if n := runtime.NumGoroutine(); n > before {
				buf := make([]byte, 1<<16)
				t.Errorf("%d goroutines before, %d after\n%s", before, n, buf[:runtime.Stack(buf, true)])
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

func (r *running) addr(port string) string {
	for _, e := range r.Endpoints() {
		if e.Port == port {
			return e.Addr
		}
	}
	r.t.Fatalf("no port %s", port)
	return ""
}

func (r *running) get(path string) (int, string) {
	r.t.Helper()
	resp, err := http.Get("http://" + r.addr("http") + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// last waits for the entry of an operation.
func (r *running) last(op string) journal.Entry {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	p, err := r.journal.Await(ctx, 0, journal.Match{Op: op})
	if err != nil {
		r.t.Fatalf("no entry %q: %v", op, err)
	}
	return p.Entries[len(p.Entries)-1]
}

func TestEveryOperationIsServedAndRemembered(t *testing.T) {
	r := start(t)
	if code, body := r.get("/hello/alice"); code != 200 || body != "hello alice" {
		t.Errorf("%d %q", code, body)
	}
	if e := r.last("GET /hello/:name"); e.Server != "polly" || e.Actor != "alice" || e.Status != "200" || e.Outcome != "ok" || !strings.Contains(e.Response, "hello alice") {
		t.Errorf("%+v", e)
	}
	if code, body := r.get("/hello/a%2Fb%3Ac"); code != 200 || body != "hello a/b:c" {
		t.Errorf("an escaped name: %d %q", code, body)
	}
	for _, unknown := range []string{"/nothing", "/echo", "/hello/"} {
		if code, body := r.get(unknown); code != 404 || body != "the parrot knows no such thing" {
			t.Errorf("%s: %d %q", unknown, code, body)
		}
		if e := r.journal.Tail(1)[0]; e.Outcome != "unimplemented" {
			t.Errorf("%s: %+v", unknown, e)
		}
	}
	u, _ := net.Dial("udp", r.addr("udp"))
	defer u.Close()
	u.Write([]byte("four"))
	buf := make([]byte, 10)
	if n, _ := u.Read(buf); string(buf[:n]) != "4" {
		t.Errorf("udp: %q", buf[:n])
	}
	r.last("say")
	c, _ := net.Dial("tcp", r.addr("tcp"))
	defer c.Close()
	fmt.Fprintln(c, "polly")
	if line, _ := bufio.NewReader(c).ReadString('\n'); line != "polly\n" {
		t.Errorf("tcp: %q", line)
	}
	if e := r.last("line"); e.Status != "repeated" || e.Port != "tcp" {
		t.Errorf("%+v", e)
	}
}

func TestAPanicLosesOneOperation(t *testing.T) {
	r := start(t)
	if code, _ := r.get("/panic"); code != 500 {
		t.Errorf("status %d", code)
	}
	u, _ := net.Dial("udp", r.addr("udp"))
	defer u.Close()
	u.Write([]byte("panic"))
	u.Write([]byte("ok"))
	buf := make([]byte, 10)
	if n, _ := u.Read(buf); string(buf[:n]) != "2" {
		t.Errorf("udp after a panic: %q", buf[:n])
	}
	c, _ := net.Dial("tcp", r.addr("tcp"))
	defer c.Close()
	fmt.Fprintln(c, "panic")
	io.ReadAll(c)
	for _, op := range []string{"GET /panic", "say", "connection"} {
		if e := r.last(op); op != "say" && (e.Outcome != "error" || !strings.Contains(e.Why, "boom")) {
			t.Errorf("%s: %+v", op, e)
		}
	}
	if code, _ := r.get("/hello/you"); code != 200 {
		t.Errorf("after it all: %d", code)
	}
}

func TestBodiesAndDatagramsAreBounded(t *testing.T) {
	r := start(t)
	resp, err := http.Post("http://"+r.addr("http")+"/echo", "text/plain", strings.NewReader(strings.Repeat("x", 2<<20)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("2 MiB: %d", resp.StatusCode)
	}
	resp, _ = http.Post("http://"+r.addr("http")+"/echo", "text/plain", strings.NewReader(strings.Repeat("x", 100<<10)))
	b, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if len(b) != 100<<10 {
		t.Errorf("100 KiB came back as %d octets", len(b))
	}
	if e := r.last("POST /echo"); len(e.Request) > 5<<10 || len(e.Response) > 5<<10 {
		t.Errorf("the journal keeps %d and %d octets", len(e.Request), len(e.Response))
	}
	u, _ := net.Dial("udp", r.addr("udp"))
	defer u.Close()
	u.Write(make([]byte, 5000))
	buf := make([]byte, 10)
	if n, _ := u.Read(buf); string(buf[:n]) != "101" {
		t.Errorf("a datagram of 5000 octets reaches the server with %s", buf[:n])
	}
}

func TestTLSPorts(t *testing.T) {
	r := start(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: r.pki.Pool()}}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("https://" + r.addr("https") + "/hello/bob")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	cert, _ := r.pki.Client("nas1")
	for name, tt := range map[string]struct {
		certs []tls.Certificate
		want  string
	}{"with a certificate": {[]tls.Certificate{*cert}, "polly\n"}, "without": {nil, ""}} {
		c, err := tls.Dial("tcp", r.addr("tls"), &tls.Config{RootCAs: r.pki.Pool(), Certificates: tt.certs})
		if err != nil {
			t.Fatal(name, err)
		}
		fmt.Fprintln(c, "polly")
		if line, _ := bufio.NewReader(c).ReadString('\n'); line != tt.want {
			t.Errorf("%s: %q, want %q", name, line, tt.want)
		}
		c.Close()
	}
	if e := r.last("tls handshake"); e.Outcome != "failed" || !strings.Contains(e.Why, "certificate") {
		t.Errorf("%+v", e)
	}
	p, _ := net.Dial("tcp", r.addr("https")) // plain HTTP to a TLS port
	defer p.Close()
	fmt.Fprint(p, "GET / HTTP/1.0\r\n\r\n")
	io.ReadAll(p)
}

func TestConnectionsBeyondTheLimitAreRefused(t *testing.T) {
	r := start(t)
	var open []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", r.addr("tcp"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintln(c, "x")
		bufio.NewReader(c).ReadString('\n')
		open = append(open, c)
	}
	c, err := net.Dial("tcp", r.addr("tcp"))
	if err == nil {
		if _, err = bufio.NewReader(c).ReadString('\n'); err == nil {
			t.Error("a fourth connection is served")
		}
		c.Close()
	}
	if r.Dropped() != 1 {
		t.Errorf("%d counted", r.Dropped())
	}
	_ = open
}

func TestFaultsBreakEveryProtocol(t *testing.T) {
	r := start(t)
	set := func(rules ...fault.Rule) {
		t.Helper()
		if err := r.faults.Set(rules); err != nil {
			t.Fatal(err)
		}
	}
	set(fault.Rule{ID: "s", Op: "GET /hello/*", Kind: fault.Status, Args: map[string]string{"code": "502", "body": "bad gateway"}})
	if code, body := r.get("/hello/x"); code != 502 || body != "bad gateway" {
		t.Errorf("status: %d %q", code, body)
	}
	if e := r.last("GET /hello/:name"); e.Outcome != "broken" || len(e.Faults) != 1 || e.Faults[0] != "s" {
		t.Errorf("%+v", e)
	}
	set(fault.Rule{Kind: fault.Reset})
	if code, text := r.get("/hello/x"); code != 0 {
		t.Errorf("reset: %d %q", code, text)
	}
	set(fault.Rule{Kind: "sealed"})
	if code, _ := r.get("/hello/x"); code != 503 {
		t.Errorf("a fault of the server's own: %d", code)
	}
	u, _ := net.Dial("udp", r.addr("udp"))
	defer u.Close()
	set(fault.Rule{Kind: fault.Duplicate})
	u.Write([]byte("twice"))
	buf := make([]byte, 10)
	for i := range 2 {
		u.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := u.Read(buf); err != nil || string(buf[:n]) != "5" {
			t.Errorf("answer %d: %q, %v", i, buf[:n], err)
		}
	}
	set(fault.Rule{Kind: fault.Drop})
	u.Write([]byte("lost"))
	for e := r.last("say"); e.Outcome != "broken"; e = r.last("say") {
	}
	set()
	u.Write([]byte("again"))
	if n, _ := u.Read(buf); string(buf[:n]) != "5" {
		t.Errorf("after the fault: %q", buf[:n])
	}
}

func TestStoppingEndsIdleAndHeldWork(t *testing.T) {
	r := start(t)
	idle, _ := net.Dial("tcp", r.addr("tcp"))
	defer idle.Close()
	fmt.Fprintln(idle, "x")
	bufio.NewReader(idle).ReadString('\n')
	half, _ := net.Dial("tcp", r.addr("http")) // a request that never ends
	defer half.Close()
	fmt.Fprint(half, "GET /hello/x HTTP/1.1\r\nHost: x\r\n")
	got := make(chan string, 2)
	go func() { _, b := r.get("/held"); got <- b }()
	u, _ := net.Dial("udp", r.addr("udp"))
	defer u.Close()
	u.Write([]byte("held"))
	go func() {
		buf := make([]byte, 10)
		n, _ := u.Read(buf)
		got <- string(buf[:n])
	}()
	for r.parrot.held.Load() < 2 {
		runtime.Gosched()
	}
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
	for range 2 {
		if s := <-got; s != "at last" {
			t.Errorf("a held request got %q; it should be answered within the grace", s)
		}
	}
	if r.parrot.noticed.Load() != 1 {
		t.Errorf("%d idle connections saw the stop", r.parrot.noticed.Load())
	}
	if r.Ready() {
		t.Error("a stopped fleet is not ready")
	}
}

func TestAPortInUseNamesEveryProblemAndOpensNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := clock.New()
	ca, _ := pki.New(pki.Config{Clock: c})
	_, err = fleet.Bind(fleet.Config{Host: "127.0.0.1", PKI: ca, Clock: c, Faults: fault.New(1),
		Servers: []fleet.Instance{{Name: "a", Server: &parrot{listen: taken.Addr().String()}}, {Name: "b", Server: &parrot{listen: "192.0.2.1:9"}}}})
	if err == nil {
		t.Fatal("bound")
	}
	for _, want := range []string{"a/http: tcp address " + taken.Addr().String() + " is already in use", "--ports auto", "b/udp: this machine has no address 192.0.2.1:9"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}
