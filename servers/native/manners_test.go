package native_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/decision"
	"counterpart/internal/steering/dialecttest"
)

func TestRefusalsTellNobodyWhatTheyHide(t *testing.T) {
	a := start(t)
	const accounts = "/vault/v1/accounts"
	want := a.want(401, "not_authenticated", "nobody", "GET", accounts, "").body
	for _, who := range []string{"carol", "dave", "eve", "peggy", "Authorization=Bearer"} {
		if r := a.want(401, "not_authenticated", who, "GET", accounts, ""); r.body != want {
			t.Errorf("%s can be told from somebody who does not exist: %s, not %s", who, r.body, want)
		}
	}
	if e := a.f.Journal.Tail(2)[0]; e.Actor != "peggy" || !strings.Contains(e.Why, "expired") {
		t.Errorf("the operator is told %q of %q", e.Why, e.Actor)
	}
	hidden, none := a.want(404, "unknown_account", "bob", "GET", accounts+"/root@db01", ""), a.want(404, "unknown_account", "bob", "GET", accounts+"/none@db01", "")
	if hidden.body != none.body {
		t.Errorf("a hidden account can be told from none: %s, not %s", hidden.body, none.body)
	}
}

func TestNobodyActsForAnAccountThatIsOff(t *testing.T) {
	a := start(t)
	for _, who := range []string{"dave", "eve"} { // disabled, locked
		a.want(403, "forbidden", "sps for "+who, "POST", "/vault/v1/accounts/admin@sw01/checkout", "")
	}
	a.want(201, "", "sps for bob", "POST", "/vault/v1/accounts/admin@sw01/checkout", "")
}

func TestTheSchemeMayBeWrittenInAnyCase(t *testing.T) {
	a := start(t)
	req, _ := http.NewRequest("GET", a.base+"/vault/v1/accounts", nil)
	req.Header.Set("Authorization", "bearer sps-secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("bearer: %s", resp.Status)
	}
}

func TestAClientThatLeftMayAskAgainWithItsKey(t *testing.T) {
	a := start(t)
	if _, err := a.f.Decisions.Add(t.Context(), decision.Decision{Verb: decision.Delay, Account: "root@db01", Next: 1, After: time.Minute}); err != nil {
		t.Fatal(err)
	}
	const path, who = "/vault/v1/accounts/root@db01/checkout", "sps Idempotency-Key=k"
	ctx, leave := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST", a.base+path, nil)
	req.Header.Set("Authorization", "Bearer sps-secret")
	req.Header.Set("Idempotency-Key", "k")
	gone := make(chan error)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		gone <- err
	}()
	running := func() bool { return a.do(who, "POST", path, "").str("code") == "idempotency_in_progress" }
	for left, err := a.f.Decisions.List(ctx); len(left) > 0; left, err = a.f.Decisions.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		runtime.Gosched() // until the order holds the request
	}
	if !running() {
		t.Fatal("the key is free while its request is held")
	}
	leave()
	if <-gone == nil {
		t.Fatal("the request was answered")
	}
	for end := time.Now().Add(5 * time.Second); running(); {
		if time.Now().After(end) {
			t.Fatal("the key of a client that left stays taken")
		}
	}
}

func TestARequestThatAnOrderMadeLooksLikeAnyOther(t *testing.T) {
	a := start(t)
	if _, err := a.f.Decisions.Add(t.Context(), decision.Decision{Verb: decision.RequireApproval, Account: "postgres@db01", After: time.Minute}); err != nil {
		t.Fatal(err)
	}
	a.want(409, "approval_required", "alice", "POST", "/vault/v1/accounts/postgres@db01/checkout", "")
	if r := a.want(200, "", "alice", "GET", "/vault/v1/requests", ""); strings.Contains(r.body, "order") { // held against openapi.yaml too
		t.Errorf("%s", r.body)
	}
}

func TestAMergePatchChangesWhatItNames(t *testing.T) {
	a := start(t)
	one := a.ticket(`"title":"x","assignee":"bob","labels":{"a":"1","b":"2"},"window":{"not_before":"2026-01-01T13:00:00Z","not_after":"2026-01-01T14:00:00Z"}`)
	r := a.want(200, "", "sps", "PATCH", one, `{"assignee":null,"labels":{"b":null,"c":"3"},"window":{"not_after":"2026-01-01T15:00:00Z"}}`)
	for path, want := range map[string]string{"title": "x", "requester": "alice", "assignee": "", "labels.a": "1", "labels.b": "", "labels.c": "3",
		"window.not_before": "2026-01-01T13:00:00Z", "window.not_after": "2026-01-01T15:00:00Z"} {
		if got := r.str(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	a.want(400, "bad_input", "sps", "PATCH", one, `{"window":{"opens":"2026-01-01T13:00:00Z"}}`)
	a.want(400, "bad_input", "sps", "PATCH", one, `null`)
}

func TestTheCommandToTryWorksForWhoeverIsThere(t *testing.T) {
	for people, want := range map[string]string{
		`[{name: dave, password: x, status: disabled}, {name: zoe, password: "Zoe's pass"}]`: `curl -u 'zoe:Zoe'\''s pass' http://`,
		`[{name: zoe, password: Zoe-Pass-1}]`:                                                `curl -u zoe:Zoe-Pass-1 http://`,
		`[{name: dave, password: x, status: disabled}]`:                                      `curl http://`,
	} {
		f := dialecttest.Run(t, kinds, "version: 1\nusers: "+people+"\nservers: [{kind: native}]\n")
		if got := f.Company.Fleet.Endpoints()[0].Try; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s…", people, got, want)
		}
	}
}
