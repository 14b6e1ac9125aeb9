package egress_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/egress"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/dialecttest"
)

// vendor is a server with a fixed host name.
type vendor struct{}

func (vendor) Faults() []string { return nil }

func (vendor) Ports() []dialect.Port {
	return []dialect.Port{{Name: "https", Listen: ":443", TLS: true, Hosts: []string{"api.vendor.example", "*.tenants.example"}, HTTP: &dialect.HTTP{
		Routes: []dialect.Route{
			{Method: "GET", Path: "/", Do: func(c echo.Context) error { return c.String(200, c.Request().Host) }},
			{Method: "POST", Path: "/", Do: func(c echo.Context) error {
				b, err := io.ReadAll(c.Request().Body)
				if err != nil {
					return err
				}
				return c.Blob(200, "text/plain", b)
			}},
			{Method: "GET", Path: "/held", Do: func(c echo.Context) error {
				<-c.Request().Context().Done()
				return c.Request().Context().Err()
			}},
		},
		NotFound: func(c echo.Context) error { return c.NoContent(404) },
		Error:    func(_ error, c echo.Context) { c.NoContent(500) },
	}}}
}

func start(t *testing.T, settings string) *dialecttest.Fleet {
	return dialecttest.Run(t, []dialect.Kind{{Name: "vendor", New: func(dialect.Env) (dialect.Server, error) { return vendor{}, nil }, Settings: struct{}{}}},
		"version: 1\nservers: [{kind: vendor}]\n"+settings)
}

// through is a client that knows the vendor's names and the proxy only.
func through(t *testing.T, f *dialecttest.Fleet, user *url.Userinfo) *http.Client {
	tr := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: f.Addr("egress/proxy"), User: user}),
		TLSClientConfig: &tls.Config{RootCAs: f.PKI.Pool(), Time: f.Clock.Now}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func get(t *testing.T, c *http.Client, u string) (string, error) {
	t.Helper()
	resp, err := c.Get(u)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestVendorsNamesLeadToTheFleet(t *testing.T) {
	f := start(t, "")
	c := through(t, f, nil)
	for _, host := range []string{"api.vendor.example", "API.vendor.example:443", "dev1.tenants.example", "a.b.tenants.example"} {
		name, _, _ := strings.Cut(host, ":")
		if got, err := get(t, c, "https://"+host+"/"); err != nil || !strings.HasPrefix(got, name) {
			t.Errorf("%s: %q, %v", host, got, err)
		}
	}
	big := strings.Repeat("x", 900_000)
	resp, err := c.Post("https://api.vendor.example/", "text/plain", strings.NewReader(big))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != big {
		t.Errorf("%d octets came back, %v", len(b), err)
	}
	resp.Body.Close()
	if e := f.Last(journal.Match{Server: "egress", Outcome: "ok"}); e.Op != "CONNECT" || e.Status != "200" || e.Object == "" {
		t.Errorf("%+v", e)
	}
}

func TestItIsNoWayOut(t *testing.T) {
	f := start(t, "")
	c := through(t, f, nil)
	own := f.Addr("vendor/https")
	for _, target := range []string{"example.com", "api.vendor.example:444", "vendor.example", "tenants.example", "api.vendor.example.evil.example", own, f.Addr("control/http"), "xtenants.example"} {
		if got, err := get(t, c, "https://"+target+"/"); err == nil || !strings.Contains(err.Error(), "Bad Gateway") {
			t.Errorf("%s: %q, %v", target, got, err)
		}
	}
	if e := f.Last(journal.Match{Server: "egress", Status: "502"}); e.Outcome != "denied" {
		t.Errorf("%+v", e)
	}
}

func TestCredentials(t *testing.T) {
	f := start(t, "egress: {username: sps, password: \"p:w\"}\n")
	for user, want := range map[*url.Userinfo]string{url.UserPassword("sps", "p:w"): "", url.UserPassword("sps", "wrong"): "Proxy Authentication Required", nil: "Proxy Authentication Required"} {
		_, err := get(t, through(t, f, user), "https://api.vendor.example/")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", user, err, want)
		}
	}
	lower := "Proxy-Authorization: basic " + base64.StdEncoding.EncodeToString([]byte("sps:p:w")) // RFC 9110 section 11.1
	if head := raw(t, f, "CONNECT nowhere.example:443 HTTP/1.1\r\nHost: a\r\n"+lower+"\r\n\r\n"); !strings.HasPrefix(head, "HTTP/1.1 502 ") {
		t.Error(head)
	}
	head := raw(t, f, "CONNECT api.vendor.example:443 HTTP/1.1\r\nHost: api.vendor.example\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 407 ") || !strings.Contains(head, "Proxy-Authenticate: Basic realm=") {
		t.Error(head)
	}
}

// raw sends octets and reads until the proxy closes.
func raw(t *testing.T, f *dialecttest.Fleet, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", f.Addr("egress/proxy"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil && len(b) == 0 {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatIsNoConnect(t *testing.T) {
	f := start(t, "")
	for text, want := range map[string]string{
		"GET http://api.vendor.example/ HTTP/1.1\r\nHost: api.vendor.example\r\n\r\n": "HTTP/1.1 405 ",
		"CONNECT api.vendor.example HTTP/1.1\r\nHost: api.vendor.example\r\n\r\n":     "HTTP/1.1 502 ",
		"nonsense\r\n\r\n": "HTTP/1.1 400 ",
		"CONNECT /held HTTP/1.1\r\nHost: api.vendor.example:443\r\n\r\n":            "HTTP/1.1 400 ",
		"CONNECT a:b@api.vendor.example:443 HTTP/1.1\r\nHost: a\r\n\r\n":            "HTTP/1.1 400 ",
		"CONNECT a:443 HTTP/1.1\r\nX: " + strings.Repeat("x", 20<<10) + "\r\n\r\n":  "HTTP/1.1 400 ",
		"CONNECT " + strings.Repeat("a", 1000) + ":443 HTTP/1.1\r\nHost: a\r\n\r\n": "HTTP/1.1 502 ",
		"CONNECT [::1]:443 HTTP/1.1\r\nHost: a\r\n\r\n":                             "HTTP/1.1 502 ",
	} {
		if got := raw(t, f, text); !strings.HasPrefix(got, want) {
			t.Errorf("%.60q: %.60q, want %s", text, got, want)
		}
	}
}

func TestFaults(t *testing.T) {
	f := start(t, "")
	c := through(t, f, nil)
	for kind, want := range map[string]string{"proxy-auth": "Proxy Authentication Required", "bad-gateway": "Bad Gateway", "reset": "reset"} {
		if err := f.Faults.Set([]fault.Rule{{Server: "egress", Kind: kind, Times: 1}}); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, c, "https://api.vendor.example/"); err == nil || !strings.Contains(err.Error(), want) && kind != "reset" {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := get(t, c, "https://api.vendor.example/"); err != nil {
			t.Errorf("after %s: %v", kind, err)
		}
		c.CloseIdleConnections()
	}
}

// TestWhatIsSentEarlyArrives starts TLS before the proxy has answered.
func TestWhatIsSentEarlyArrives(t *testing.T) {
	f := start(t, "")
	c, err := net.Dial("tcp", f.Addr("egress/proxy"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e := &eager{Conn: c, head: "CONNECT api.vendor.example:443 HTTP/1.1\r\nHost: api.vendor.example\r\n\r\n"}
	conn := tls.Client(e, &tls.Config{RootCAs: f.PKI.Pool(), ServerName: "api.vendor.example", Time: f.Clock.Now})
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: early\r\nConnection: close\r\n\r\n")
	if b, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(b), "early") {
		t.Errorf("%q, %v", b, err)
	}
}

// eager sends its first octets together with the CONNECT.
type eager struct {
	net.Conn
	head string
	in   *bufio.Reader
}

func (e *eager) Write(b []byte) (int, error) {
	if e.head == "" {
		return e.Conn.Write(b)
	}
	_, err := e.Conn.Write(append([]byte(e.head), b...))
	e.head = ""
	return len(b), err
}

func (e *eager) Read(b []byte) (int, error) {
	if e.in == nil {
		e.in = bufio.NewReader(e.Conn)
		for line := ""; line != "\r\n"; {
			var err error
			if line, err = e.in.ReadString('\n'); err != nil {
				return 0, err
			}
		}
	}
	return e.in.Read(b)
}

func TestClientsThatGoLeaveNothing(t *testing.T) {
	f := start(t, "")
	c := through(t, f, nil)
	if _, err := get(t, c, "https://api.vendor.example/"); err != nil {
		t.Fatal(err)
	}
	c.CloseIdleConnections()
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			impatient := through(t, f, nil)
			impatient.Timeout = 200 * time.Millisecond
			if _, err := get(t, impatient, "https://api.vendor.example/held"); err == nil {
				t.Error("the request was answered")
			}
			impatient.CloseIdleConnections()
		})
	}
	wg.Wait()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+3; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestNobodyIsHeldAtTheStop(t *testing.T) {
	var conn net.Conn
	t.Run("fleet", func(t *testing.T) {
		f := start(t, "")
		var err error
		if conn, err = net.Dial("tcp", f.Addr("egress/proxy")); err != nil {
			t.Fatal(err)
		}
		auth := base64.StdEncoding.EncodeToString([]byte("a:b"))
		fmt.Fprintf(conn, "CONNECT api.vendor.example:443 HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Basic %s\r\n\r\n", auth)
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "HTTP/1.1 200 Connection established\r\n" {
			t.Fatal(line, err)
		}
	}) // the fleet has stopped, with a tunnel open
	defer conn.Close()
	if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	ports := []fleet.Endpoint{
		{Proto: "https", Addr: "0.0.0.0:1", Hosts: []string{"*.example"}}, {Proto: "https", Addr: "[::]:2", Hosts: []string{"*.a.example"}},
		{Proto: "tcp", Addr: "127.0.0.1:5", Hosts: []string{"bare.test"}}, {Proto: "udp", Addr: "127.0.0.1:6", Hosts: []string{"bare.test"}},
		{Proto: "https", Addr: "127.0.0.1:3", Hosts: []string{"x.a.example"}}, {Proto: "http", Addr: "127.0.0.1:4", Hosts: []string{"plain.example"}},
	}
	for target, want := range map[string]string{
		"b.example:443": "127.0.0.1:1", "y.a.example:443": "[::1]:2", "x.a.example:443": "127.0.0.1:3", "X.A.EXAMPLE.:443": "127.0.0.1:3",
		"plain.example:80": "127.0.0.1:4", "plain.example:443": "127.0.0.1:1", "example:443": "", "x.a.example:80": "", "x.a.example": "", "": "",
		"bare.test:": "", "bare.test:443": "", "bare.test:0": "", ".example:443": "", "..example:443": "", "b.example:0443": "", "b.example:https": "",
	} {
		if got, ok := egress.Find(ports, target); got != want || ok != (want != "") {
			t.Errorf("%s leads to %q, %v; want %q", target, got, ok, want)
		}
	}
}

// TestAnAnswerMayBeLate: the time for sending a request is none for its answer,
// which a fault can delay.
func TestAnAnswerMayBeLate(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "nonsense\r\n\r\n"} {
		c := &stamped{in: strings.NewReader(text)}
		egress.New(egress.Config{}).Ports()[0].Conn(t.Context(), c)
		if !strings.HasPrefix(c.out.String(), "HTTP/1.1 40") || c.early {
			t.Errorf("%q: %q, with the deadline of the request: %v", text, c.out.String(), c.early)
		}
	}
}

// stamped notes whether it is written to under a deadline that was set before it
// had been read.
type stamped struct {
	net.Conn
	in          io.Reader
	read, bound bool // bound: a deadline for writing was set before the first read
	early       bool
	out         strings.Builder
}

func (s *stamped) Read(b []byte) (int, error)       { s.read = true; return s.in.Read(b) }
func (s *stamped) Write(b []byte) (int, error)      { s.early = s.early || s.bound; return s.out.Write(b) }
func (s *stamped) SetReadDeadline(time.Time) error  { return nil }
func (s *stamped) SetWriteDeadline(time.Time) error { s.bound = !s.read; return nil }
func (s *stamped) SetDeadline(time.Time) error      { s.bound = !s.read; return nil }
