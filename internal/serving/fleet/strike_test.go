package fleet_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/pki"
)

// counter counts on every port; each operation changes it by one.
type counter struct{ n atomic.Int64 }

func (*counter) Faults() []string { return nil }

func (k *counter) Ports() []dialect.Port {
	h := &dialect.HTTP{
		Routes: []dialect.Route{{Method: "POST", Path: "/count/:who", Do: func(c echo.Context) error {
			call := dialect.CallFrom(c.Request().Context())
			call.Actor = c.Param("who")
			if err := call.Admit(c.Request().Context()); err != nil {
				return err
			}
			n := k.n.Add(1)
			call.Object = fmt.Sprint("n", n)
			return c.JSON(200, map[string]any{"n": n, "who": c.Param("who"), "pad": strings.Repeat("x", 1000)})
		}}},
		NotFound: func(c echo.Context) error { return c.String(404, "no") },
		Error:    func(err error, c echo.Context) { c.String(500, "no") },
	}
	conn := func(ctx context.Context, c net.Conn) {
		defer context.AfterFunc(ctx, func() { c.Close() })()
		for s := bufio.NewScanner(c); s.Scan(); {
			ctx, call := dialect.Begin(ctx, "count")
			err := call.Admit(ctx)
			if err == nil {
				n := k.n.Add(1)
				if err = call.End(ctx); err == nil {
					fmt.Fprintln(c, n)
				}
			}
			if errors.Is(err, dialect.ErrReset) {
				return
			}
		}
	}
	packet := func(ctx context.Context, req []byte, _ net.Addr) []byte {
		call := dialect.CallFrom(ctx)
		call.Op = "count"
		if call.Admit(ctx) != nil {
			return nil
		}
		k.n.Add(1)
		return req
	}
	return []dialect.Port{{Name: "http", Listen: ":0", HTTP: h}, {Name: "https", Listen: ":0", HTTP: h, TLS: true},
		{Name: "tcp", Listen: ":0", Conn: conn}, {Name: "tls", Listen: ":0", TLS: true, Conn: conn}, {Name: "udp", Listen: ":0", Packet: packet}}
}

type counting struct {
	*running
	k     *counter
	clock *clock.Virtual
	meter *journal.Metrics
}

func count(t *testing.T, rules ...fault.Rule) *counting {
	t.Helper()
	c := clock.Frozen(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	ca, err := pki.New(pki.Config{RandomSeed: 1, Organization: world.Organization{Domain: "acme.test"}, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	r := &counting{running: &running{t: t, journal: journal.New(journal.Limits{}, nil), faults: fault.New(1), pki: ca}, k: &counter{}, clock: c, meter: &journal.Metrics{}}
	r.faults.Now = c.Now
	if err := r.faults.Set(rules); err != nil {
		t.Fatal(err)
	}
	r.Fleet, err = fleet.Bind(fleet.Config{Host: "127.0.0.1", Servers: []fleet.Instance{{Name: "k", Kind: "counter", Server: r.k}},
		Faults: r.faults, Journal: r.journal, Meter: r.meter, PKI: ca, Clock: c, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Grace: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-done; http.DefaultClient.CloseIdleConnections() })
	return r
}

func (r *counting) post(who string) (int, string, error) {
	resp, err := http.Post("http://"+r.addr("http")+"/count/"+who, "", nil)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// TestWhatAFaultDoesToTheChange: whether the change happened is the rule's choice
// and stands in the journal.
func TestWhatAFaultDoesToTheChange(t *testing.T) {
	for name, tt := range map[string]struct {
		rule    fault.Rule
		changed int64
		broken  string
	}{
		"reset":                          {fault.Rule{Kind: fault.Reset}, 0, "before"},
		"reset before":                   {fault.Rule{Kind: fault.Reset, Moment: fault.Before}, 0, "before"},
		"reset after":                    {fault.Rule{Kind: fault.Reset, Moment: fault.After}, 1, "after"},
		"status":                         {fault.Rule{Kind: fault.Status}, 0, "before"},
		"status after":                   {fault.Rule{Kind: fault.Status, Moment: fault.After}, 1, "after"},
		"the actor's, known midway":      {fault.Rule{Kind: fault.Status, Actor: "alice"}, 0, "before"},
		"the object's, known at the end": {fault.Rule{Kind: fault.Status, Object: "n1"}, 1, "after"},
		"a spoilt body":                  {fault.Rule{Kind: fault.Body, Args: map[string]string{"as": "malformed"}}, 1, "after"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.rule.ID = "f"
			r := count(t, tt.rule)
			r.post("alice")
			if n := r.k.n.Load(); n != tt.changed {
				t.Errorf("the change happened %d times, want %d", n, tt.changed)
			}
			e := r.last("POST /count/:who")
			if e.Outcome != "broken" || e.Broken != tt.broken || !strings.Contains(e.Why, tt.broken+" the operation") || len(e.Faults) != 1 {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestAConnectionsAnswerIsLostAfterTheChange(t *testing.T) {
	for moment, changed := range map[fault.Moment]int64{fault.Before: 0, fault.After: 1} {
		r := count(t, fault.Rule{ID: "f", Kind: fault.Reset, Moment: moment})
		c, err := net.Dial("tcp", r.addr("tcp"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintln(c, "go")
		if line, err := bufio.NewReader(c).ReadString('\n'); err == nil {
			t.Errorf("%s: an answer %q", moment, line)
		}
		if e := r.last("count"); e.Broken != string(moment) || r.k.n.Load() != changed {
			t.Errorf("%s: %+v, %d changes", moment, e, r.k.n.Load())
		}
	}
}

func TestDatagrams(t *testing.T) {
	for name, tt := range map[string]struct {
		rule    fault.Rule
		changed int64
		broken  string
	}{
		"drop":       {fault.Rule{Kind: fault.Drop}, 0, "before"},
		"drop after": {fault.Rule{Kind: fault.Drop, Moment: fault.After}, 1, "after"},
	} {
		r := count(t, tt.rule)
		u, _ := net.Dial("udp", r.addr("udp"))
		defer u.Close()
		u.Write([]byte("a"))
		if e := r.last("count"); e.Broken != tt.broken || r.k.n.Load() != tt.changed {
			t.Errorf("%s: %+v, %d changes", name, e, r.k.n.Load())
		}
	}
	r := count(t, fault.Rule{Kind: fault.Reorder, Nth: 1})
	u, _ := net.Dial("udp", r.addr("udp"))
	defer u.Close()
	u.Write([]byte("1"))
	for r.k.n.Load() == 0 {
	}
	for r.faults.States()[0].Fired == 0 {
	}
	got := ""
	buf := make([]byte, 8)
	for _, x := range []string{"2", "3"} { // the first of them may pass before the other waits
		u.Write([]byte(x))
		n, _ := u.Read(buf)
		got += string(buf[:n])
	}
	u.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := u.Read(buf)
	if got += string(buf[:n]); err != nil || got[0] != '2' || len(got) != 3 || !strings.Contains(got, "1") {
		t.Errorf("the order is %s, %v", got, err)
	}
}

func TestSpoiltAnswersReachTheClient(t *testing.T) {
	body := func(args ...string) fault.Rule {
		r := fault.Rule{Kind: fault.Body, Args: map[string]string{}}
		for i := 0; i < len(args); i += 2 {
			r.Args[args[i]] = args[i+1]
		}
		return r
	}
	for want, rule := range map[string]fault.Rule{
		`"who":4711`:      body("as", "wrong-type", "field", "who"),
		`"who":null`:      body("as", "null", "field", "who"),
		`{"n":1,"pad":"x`: body("as", "dropped", "field", "who"),
		"502 Bad Gateway": body("as", "html"),
		",\x00]":          body("as", "malformed"),
	} {
		r := count(t, rule)
		if code, text, err := r.post("alice"); code != 200 || err != nil || !strings.Contains(text, want) {
			t.Errorf("%+v: %d %q %v", rule, code, text, err)
		}
	}
	r := count(t, body("as", "cut"))
	if _, text, err := r.post("alice"); !errors.Is(err, io.ErrUnexpectedEOF) || len(text) > 600 || len(text) < 400 {
		t.Errorf("cut: %d octets, %v", len(text), err)
	}
	r = count(t, body("as", "null", "field", "none"))
	if code, text, _ := r.post("alice"); code != 200 || !strings.Contains(text, `"who":"alice"`) {
		t.Errorf("nothing to spoil: %d %s", code, text)
	}
	if e := r.last("POST /count/:who"); e.Outcome != "ok" || !strings.Contains(e.Why, "nothing to spoil") {
		t.Errorf("%+v", e)
	}
	r = count(t, fault.Rule{Kind: fault.Status, Moment: fault.After, Args: map[string]string{"code": "504", "body": `{"late":true}`, "type": "application/json"}})
	if code, text, _ := r.post("alice"); code != 504 || text != `{"late":true}` {
		t.Errorf("%d %s", code, text)
	}
}

func TestDelaysAndSlownessFollowTheFleetsClock(t *testing.T) {
	for name, rule := range map[string]fault.Rule{"delay": {Kind: fault.Delay, Args: map[string]string{"for": "1h"}},
		"delay after": {Kind: fault.Delay, Moment: fault.After, Args: map[string]string{"for": "1h"}},
		"slow":        {Kind: fault.Slow, Args: map[string]string{"rate": "1"}}} {
		r := count(t, rule)
		done := make(chan string, 1)
		go func() {
			_, text, _ := r.post("alice")
			done <- text
		}()
		for r.faults.States()[0].Fired == 0 {
		}
		if n := r.k.n.Load(); name == "delay" && n != 0 {
			t.Error("the operation ran before its delay was over")
		}
		select {
		case <-done:
			t.Errorf("%s: it did not wait", name)
		case <-time.After(20 * time.Millisecond):
		}
		var text string
		for text == "" {
			r.clock.Advance(time.Hour)
			select {
			case text = <-done:
			case <-time.After(time.Millisecond):
			}
		}
		if !strings.Contains(text, `"n":1`) || len(text) < 1000 {
			t.Errorf("%s: %d octets", name, len(text))
		}
	}
}

func TestTLSFaultsOfOnePort(t *testing.T) {
	for as, want := range map[string]func(error) bool{
		"expired": func(err error) bool {
			var x x509.CertificateInvalidError
			return errors.As(err, &x) && x.Reason == x509.Expired
		},
		"wrong-name": func(err error) bool { var x x509.HostnameError; return errors.As(err, &x) },
		"unknown-ca": func(err error) bool { var x x509.UnknownAuthorityError; return errors.As(err, &x) },
		"stall":      func(err error) bool { return errors.Is(err, context.DeadlineExceeded) },
	} {
		for _, port := range []string{"tls", "https"} {
			r := count(t, fault.Rule{ID: "f", Kind: fault.TLS, Port: port, Times: 1, Args: map[string]string{"as": as}})
			dial := func(port string) error {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				c, err := (&tls.Dialer{Config: &tls.Config{RootCAs: r.pki.Pool(), ServerName: "db01.acme.test"}}).DialContext(ctx, "tcp", r.addr(port))
				if err == nil {
					c.Close()
				}
				return err
			}
			if err := dial(map[string]string{"tls": "https", "https": "tls"}[port]); err != nil {
				t.Errorf("%s: the other port: %v", as, err)
			}
			if err := dial(port); err == nil || !want(err) {
				t.Errorf("%s on %s: %v", as, port, err)
			}
			if err := dial(port); err != nil {
				t.Errorf("%s: once is enough: %v", as, err)
			}
			if as == "stall" {
				continue // it ends when the server gives up
			}
			p := r.journal.Since(0, journal.Match{Op: "tls handshake", Outcome: "broken"}, 0)
			if len(p.Entries) != 1 || p.Entries[0].Status != as || p.Entries[0].Faults[0] != "f" || p.Entries[0].Port != port {
				t.Errorf("%+v", p)
			}
		}
	}
}

func TestEveryOperationIsCounted(t *testing.T) {
	r := count(t)
	for range 3 {
		r.post("alice")
	}
	r.last("POST /count/:who")
	var b strings.Builder
	r.meter.WriteTo(&b)
	for _, want := range []string{`counterpart_operations_total{server="k",operation="POST /count/:who",outcome="ok"} 3`,
		`counterpart_operation_seconds_bucket{server="k",operation="POST /count/:who",outcome="ok",le="+Inf"} 3`, "# TYPE counterpart_operation_seconds histogram"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}
