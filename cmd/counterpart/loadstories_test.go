package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	loadreport "counterpart/internal/plugins/load/report"
)

// loaded runs a plan and returns its report. hook sees what is said while it runs.
func loaded(t *testing.T, ctx context.Context, hook func(string), plan string, args ...string) (*loadreport.Report, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(file, []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	said := &heard{hook: hook}
	run(ctx, append([]string{"load", file, "--json", "-", "--lag", "1m"}, args...), strings.NewReader(""), &out, said)
	var r loadreport.Report
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatalf("%v: %s%s", err, out.String(), said.text.String())
	}
	return &r, said.text.String()
}

// heard is standard error.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
	hook func(string)
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hook != nil {
		h.hook(string(p))
	}
	return h.text.Write(p)
}

// TestCtrlCReportsWhatWas, and says that it is not all.
func TestCtrlCReportsWhatWas(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	began := time.Now()
	r, _ := loaded(t, ctx, func(text string) {
		if strings.Contains(text, "on their way") {
			stop()
		}
	}, "load: long\narrival: [{rate: 50, for: 1h}]\njourneys: [{name: a, steps: [{radius: {password: \"{{ user.password }}\"}}]}]\n")
	if r.Verdict != loadreport.Interrupted || !r.Interrupted || r.All.Count == 0 || r.All.Truth == nil || time.Since(began) > time.Minute {
		t.Errorf("%s: %q, %d operations", r.Verdict, r.Why, r.All.Count)
	}
}

// TestAViolatedLawIsNamedByItsFirstOperation: a vault that gives one account to two callers.
func TestAViolatedLawIsNamedByItsFirstOperation(t *testing.T) {
	vault := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "{}") }))
	defer vault.Close()
	r, _ := loaded(t, t.Context(), nil, fmt.Sprintf(`
load: double
targets: {vault: {url: %q}}
accounts: {from: [root@asset000001]}
arrival: [{rate: 50, for: 1s}]
journeys:
  - name: use
    steps:
      - {http: {method: POST, path: "/checkout/{{ account.id }}"}, to: vault, takes: {what: lease, id: "{{ account.id }}", exclusive: true}}
      - {pause: 200ms}
      - {http: {method: POST, path: "/checkin/{{ account.id }}"}, to: vault, gives_back: {what: lease, id: "{{ account.id }}"}}
`, vault.URL))
	if r.Verdict != loadreport.Failed || len(r.Why) == 0 || !strings.Contains(r.Why[0], "law: what is exclusive has one holder: broken") ||
		!strings.Contains(r.Why[0], "first by POST /checkout/:id (step 1 of journey use, user0") || !strings.Contains(r.Why[0], "got root@asset000001, which POST /checkout/:id") {
		t.Errorf("%s: %q", r.Verdict, r.Why)
	}
}

// TestAStallBeforeTheServerIsFeltAndNotTrue: what is between stands still for two seconds.
func TestAStallBeforeTheServerIsFeltAndNotTrue(t *testing.T) {
	ports := filepath.Join(t.TempDir(), "ports.json")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"serve", "load", "--ports", "auto", "--ports-file", ports}, strings.NewReader(""), io.Discard, io.Discard)
	}()
	defer func() { stop(); <-done }()
	var at map[string]string
	for end := time.Now().Add(30 * time.Second); at == nil; {
		if text, err := os.ReadFile(ports); err == nil {
			json.Unmarshal(text, &at)
		} else if time.Now().After(end) {
			t.Fatal("the fleet does not start")
		}
	}
	relay := newRelay(t, at["native/http"])
	r, _ := loaded(t, t.Context(), nil, fmt.Sprintf(`
load: stall
targets: {native: {url: "http://%s"}}
arrival: [{rate: 50, for: 6s}]
journeys: [{name: look, steps: [{http: {path: /vault/v1/accounts/root@asset000001, auth: {basic: {user: sps, password: "{{ clients.sps.secret }}"}}}, to: native}]}]
`, relay), "-q", "--target", "http://"+at["control/http"])
	if r.All.Felt == nil || r.All.Truth == nil || r.All.Felt.P99 < 1500 || r.All.Truth.P99 > 1000 {
		t.Errorf("%s: felt %+v, truth %+v", r.Verdict, r.All.Felt, r.All.Truth)
	}
}

// newRelay passes connections on, and holds what is sent back from a second after the first
// one until two seconds later.
func newRelay(t *testing.T, to string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var once sync.Once
	var from, until time.Time
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			once.Do(func() { from, until = time.Now().Add(time.Second), time.Now().Add(3*time.Second) })
			go func() {
				defer c.Close()
				s, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer s.Close()
				go io.Copy(s, c)
				b := make([]byte, 4096)
				for {
					n, err := s.Read(b)
					if err != nil {
						return
					}
					if now := time.Now(); now.After(from) && now.Before(until) {
						<-time.After(until.Sub(now))
					}
					if _, err := c.Write(b[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}
