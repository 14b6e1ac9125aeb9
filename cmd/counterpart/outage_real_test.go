//go:build real

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	duoapi "github.com/duosecurity/duo_api_golang"
	goldap "github.com/go-ldap/ldap/v3"
	"github.com/pquerna/otp/totp"
	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"counterpart/internal/steering/dialecttest"
)

// longest is for how long a client may wait for the word of a server whose store is away.
const longest = 3500 * time.Millisecond

// asker asks the servers of a process of the demo company.
type asker struct {
	t     *testing.T
	ports map[string]string
	http  *http.Client
}

func asks(t *testing.T, ports map[string]string) *asker {
	return &asker{t, ports, &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}}
}

// call is one request over HTTP; who is user:password, or a Vault token.
func (a *asker) call(id, who, line, body string) string {
	scheme := "http"
	if strings.HasSuffix(id, "/https") {
		scheme = "https"
	}
	method, path, _ := strings.Cut(line, " ")
	req, err := http.NewRequest(method, scheme+"://"+a.ports[id]+path, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if user, password, basic := strings.Cut(who, ":"); basic {
		req.SetBasicAuth(user, password)
	} else if who != "" {
		req.Header.Set("X-Vault-Token", who)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Content-Type"), " ", string(text))
}

func (a *asker) bind(server, user, password string) string {
	c, err := goldap.DialURL("ldap://" + a.ports[server+"/ldap"])
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	if err := c.Bind(user, password); err != nil {
		return err.Error()
	}
	found, err := c.Search(goldap.NewSearchRequest("dc=acme,dc=test", goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false, "(cn=*lice*)", []string{"cn"}, nil))
	return fmt.Sprint("bound ", found != nil, err)
}

func (a *asker) radius() string {
	ctx, cancel := context.WithTimeout(a.t.Context(), longest)
	defer cancel()
	p := layeh.New(layeh.CodeAccessRequest, []byte("testing123"))
	rfc2865.UserName_SetString(p, "victor")
	rfc2865.UserPassword_SetString(p, "Victor-Pass-1")
	c := layeh.Client{Retry: 0}
	answer, err := c.Exchange(ctx, p, a.ports["radius/auth"])
	if errors.Is(err, context.DeadlineExceeded) {
		return "silence"
	}
	if err != nil {
		return err.Error()
	}
	return answer.Code.String()
}

func (a *asker) duo() string {
	api := duoapi.NewDuoApi("DIWJ8X6AEYOR5OMC6TQ1", "Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK", a.ports["duo/https"], "counterpart", duoapi.SetTimeout(10*time.Second), duoapi.SetInsecure())
	resp, text, err := api.SignedCall("POST", "/auth/v2/preauth", url.Values{"username": {"alice"}})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(resp.StatusCode, " ", string(text))
}

// questions are what each kind of server is asked, and what it is to say when its store is
// away and when it is there.
type question struct {
	name, away, there string
	ask               func() string
}

func (a *asker) questions(yubikey, code string) []question {
	return []question{
		{"native", `^503 application/problem\+json .*unavailable`, `^200 `, func() string { return a.call("native/http", "alice:Alice-Pass-1", "GET /vault/v1/accounts", "") }},
		{"native code", `^503 application/problem\+json `, `^200 .*"valid":true`, func() string {
			return a.call("native/http", "sps:sps-secret", "POST /otp/v1/verify", fmt.Sprintf(`{"user":"trent","otp":%q}`, code))
		}},
		{"vault", `^50[03] application/json \{"errors":\[`, `^200 `, func() string { return a.call("vault/http", "root", "GET /v1/kv/data/db01/postgres", "") }},
		{"vault login", `^50[03] application/json \{"errors":\[`, `^200 .*client_token`, func() string {
			return a.call("vault/http", "", "POST /v1/auth/userpass/login/alice", `{"password":"Alice-Pass-1"}`)
		}},
		{"servicenow", `^5\d\d .*"error"`, `^200 .*CHG0000038`, func() string {
			return a.call("servicenow/https", "alice:Alice-Pass-1", "GET /api/now/table/change_request?sysparm_query=number=CHG0000038", "")
		}},
		{"duo", `^5\d\d .*"stat": ?"FAIL"`, `^200 .*"OK"`, a.duo},
		{"yubico", `status=BACKEND_ERROR`, `status=OK`, func() string {
			return a.call("yubico/http", "", "GET /wsapi/2.0/verify?id=1&nonce=abcdefabcdefabcdef"+code+"&otp="+yubikey, "")
		}},
		{"ad", `Result Code 5[12] `, `^bound true <nil>`, func() string { return a.bind("ad", "alice@acme.test", "Alice-Pass-1") }},
		{"unix", `Result Code 5[12] `, `^bound true <nil>`, func() string { return a.bind("unix", "uid=alice,ou=people,dc=acme,dc=test", "Alice-Pass-1") }},
		{"radius", `^silence$`, `^Access-Accept|Access-Challenge`, a.radius},
		{"healthz", `^200 `, `^200 `, func() string { return a.call("control/http", "", "GET /healthz", "") }},
		{"readyz", `^503 .*store is unavailable`, `^200 `, func() string { return a.call("control/http", "", "GET /readyz", "") }},
	}
}

// all asks everything at once and compares.
func (a *asker) all(when string, list []question, there bool) {
	a.t.Helper()
	var running sync.WaitGroup
	for _, q := range list {
		running.Go(func() {
			want, began := q.away, time.Now()
			if there {
				want = q.there
			}
			got := q.ask()
			if took := time.Since(began); !regexp.MustCompile(`(?s)`+want).MatchString(got) || took > longest+500*time.Millisecond {
				a.t.Errorf("%s: %s says after %v: %s", when, q.name, took, got)
			}
		})
	}
	running.Wait()
}

// ready waits until /readyz has a status, and says how long that took.
func (a *asker) ready(status string) (took time.Duration) {
	a.t.Helper()
	began := time.Now()
	for {
		got := a.call("control/http", "", "GET /readyz", "")
		took = time.Since(began)
		if strings.HasPrefix(got, status) {
			return took
		}
		if took > 5*time.Second {
			a.t.Fatalf("/readyz does not come to %s: %s", status, got)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// typed are a touch of alice's YubiKey and a code of trent's, neither ever used.
func (a *asker) typed() (yubikey, code string) {
	a.t.Helper()
	got := a.call("control/http", "", "POST /yubikeys/alice-yubi/press", "{}")
	var pressed struct{ OTP string }
	if err := json.Unmarshal([]byte(got[strings.Index(got, "{"):]), &pressed); err != nil {
		a.t.Fatal(got, err)
	}
	code, err := totp.GenerateCode("ORZGK3TUORZGK3TUORZGK3TUORZGK3TU", time.Now())
	if err != nil {
		a.t.Fatal(err)
	}
	return pressed.OTP, code
}

const account = "/vault/v1/accounts/root@db01"

// TestRealOutage: while the store is away, every protocol says what its system says then,
// in time; afterwards everything works without a restart, with what was typed meanwhile.
func TestRealOutage(t *testing.T) {
	redis := dialecttest.Redis(t)
	var all []*asker
	for range 2 {
		ports, stop := launch(t, "serve", "demo", "--ports", "auto", "--state", redis.URL())
		defer stop() // before the store is
		all = append(all, asks(t, ports))
	}
	for _, way := range []struct {
		name       string
		away, back func()
	}{
		{"paused", func() { redis.Signal(syscall.SIGSTOP) }, func() { redis.Signal(syscall.SIGCONT) }},
		{"killed", func() { redis.Signal(syscall.SIGKILL) }, redis.Start},
		{"ended", func() { redis.Signal(syscall.SIGTERM) }, redis.Start},
	} {
		a := all[0]
		yubikey, code := a.typed()
		list := a.questions(yubikey, code)
		way.away()
		lent := a.call("native/http", "alice:Alice-Pass-1", "POST "+account+"/checkout", `{"reason":"now"}`)
		if !strings.HasPrefix(lent, "503 ") && way.name != "ended" { // where it may come before the end
			t.Errorf("%s: a checkout: %s", way.name, lent)
		}
		for i, x := range all {
			t.Logf("%s: %d is not ready after %v", way.name, i, x.ready("503"))
		}
		a.all(way.name, list, false)
		way.back()
		for i, x := range all {
			took := x.ready("200")
			t.Logf("%s: %d is ready after %v", way.name, i, took)
			if took > 2*time.Second {
				t.Errorf("%s: %d is ready after %v", way.name, i, took)
			}
		}
		a.all(way.name+" and back", list, true)
		got := all[1].call("native/http", "alice:Alice-Pass-1", "GET /vault/v1/leases?state=active", "")
		n := strings.Count(got, `"state":"active"`)
		lent = all[1].call("native/http", "alice:Alice-Pass-1", "POST "+account+"/checkout", `{"reason":"now"}`)
		if want := map[int]string{0: "201 ", 1: "409 "}[n]; want == "" || !strings.HasPrefix(lent, want) {
			t.Errorf("%s: %s and then %s", way.name, got, lent)
		}
		redis.CLI("flushall")
		for _, x := range all {
			x.ready("200")
		}
	}
}

// TestRealEmptied: two processes whose store is emptied are one fleet again by themselves.
func TestRealEmptied(t *testing.T) {
	redis := dialecttest.Redis(t)
	var all []*asker
	for range 2 {
		ports, stop := launch(t, "serve", "demo", "--ports", "auto", "--state", redis.URL())
		defer stop()
		all = append(all, asks(t, ports))
	}
	const alice, checkout = "alice:Alice-Pass-1", "POST " + account + "/checkout"
	all[0].say(t, "200 ", "control/http", "", "POST /clock", `{"advance":"1h"}`)
	all[0].say(t, "201 ", "native/http", alice, checkout, `{"reason":"now"}`)
	all[1].say(t, "409 ", "native/http", alice, checkout, `{"reason":"now"}`)
	var hour struct{ Now time.Time }
	json.Unmarshal([]byte(all[1].body("control/http", "GET /clock")), &hour)

	redis.CLI("flushall") // none is ready until it has begun again, which may be so before anybody looks
	for _, x := range all {
		if took := x.ready("200"); took > 2*time.Second {
			t.Errorf("ready after %v", took)
		}
	}
	all[1].say(t, "201 ", "native/http", alice, checkout, `{"reason":"now"}`)
	all[0].say(t, "409 ", "native/http", alice, checkout, `{"reason":"now"}`)
	for _, x := range all {
		now := hour
		json.Unmarshal([]byte(x.body("control/http", "GET /clock")), &now)
		if now.Now.Before(hour.Now) || hour.Now.Before(time.Now().Add(time.Hour-time.Minute)) {
			t.Errorf("the fleet's time is %v after it was %v", now.Now, hour.Now)
		}
		if got := x.body("control/http", "GET /journal"); strings.Count(got, "store emptied") != 1 {
			t.Errorf("the journal: %s", got)
		}
		for n, end := 0, time.Now().Add(5*time.Second); n != 2 && time.Now().Before(end); {
			n = strings.Count(x.body("control/http", "GET /replicas"), `"state":"live"`)
		}
		x.say(t, `"silent":[]`, "control/http", "", "GET /replicas", "")
	}
}

// TestRealReadOnly: a store that became the replica of another one is an outage until it is
// promoted.
func TestRealReadOnly(t *testing.T) {
	redis, other := dialecttest.Redis(t), dialecttest.Redis(t)
	ports, stop := launch(t, "serve", "demo", "--ports", "auto", "--state", redis.URL())
	defer stop()
	a := asks(t, ports)
	const alice, checkout = "alice:Alice-Pass-1", "POST " + account + "/checkout"
	a.say(t, "201 ", "native/http", alice, "POST /vault/v1/accounts/postgres@db01/checkout", `{"reason":"now"}`)
	redis.CLI("replicaof", "127.0.0.1", other.Port())
	a.say(t, "503 ", "native/http", alice, checkout, `{"reason":"now"}`)
	a.ready("503")
	a.say(t, "read-only replica", "control/http", "", "GET /readyz", "")
	redis.CLI("replicaof", "no", "one")
	a.ready("200")
	a.say(t, "201 ", "native/http", alice, checkout, `{"reason":"now"}`)
}

// TestRealFull: a store without room is an outage for what is written, and /readyz says so.
func TestRealFull(t *testing.T) {
	redis := dialecttest.Redis(t)
	ports, stop := launch(t, "serve", "demo", "--ports", "auto", "--state", redis.URL())
	defer stop()
	a := asks(t, ports)
	const alice, checkout = "alice:Alice-Pass-1", "POST " + account + "/checkout"
	redis.CLI("config", "set", "maxmemory", "1")
	a.say(t, "503 ", "native/http", alice, checkout, `{"reason":"now"}`)
	a.ready("503")
	a.say(t, "its memory is full", "control/http", "", "GET /readyz", "")
	redis.CLI("config", "set", "maxmemory", "0")
	a.ready("200")
	a.say(t, "201 ", "native/http", alice, checkout, `{"reason":"now"}`)
}

// say has a server say something that has a word.
func (a *asker) say(t *testing.T, word, id, who, line, body string) {
	t.Helper()
	if got := a.call(id, who, line, body); !strings.Contains(got, word) {
		t.Errorf("%s %s says %s", id, line, got)
	}
}

// body is what a server says without a status.
func (a *asker) body(id, line string) string {
	got := a.call(id, "", line, "")
	return got[max(0, strings.IndexAny(got, "{[")):]
}
