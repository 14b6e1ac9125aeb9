package control_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/steering/control"
	"counterpart/internal/steering/dialecttest"
)

// api is a client that holds every exchange against openapi.yaml.
type api struct {
	t    *testing.T
	f    *dialecttest.Fleet
	doc  *openapi3.T
	spec routers.Router
}

func client(t *testing.T) *api {
	t.Helper()
	f := start(t)
	code, text := get(t, f, "control-token", "", "/openapi.json")
	if code != 200 {
		t.Fatal(code, text)
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &api{t, f, doc, router}
}

type answer struct {
	status int
	body   string
	json   map[string]any
}

// str is the value at a path: "rules.0.id".
func (a answer) str(path string) string {
	v := any(a.json)
	for _, k := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[k]
		case []any:
			n := 0
			if fmt.Sscan(k, &n); n >= len(x) {
				return ""
			}
			v = x[n]
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// do sends a request and checks both sides against the specification.
func (a *api) do(method, path, body string) answer {
	a.t.Helper()
	req, _ := http.NewRequest(method, "http://"+a.f.Addr("control/http")+path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer control-token")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	again := req.Clone(a.t.Context())
	again.Body = io.NopCloser(strings.NewReader(body))
	if route, params, err := a.spec.FindRoute(again); err == nil {
		in := &openapi3filter.RequestValidationInput{Request: again, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
		if err := openapi3filter.ValidateRequest(a.t.Context(), in); err != nil && resp.StatusCode < 400 {
			a.t.Errorf("%s %s was accepted against openapi.yaml: %v", method, path, err)
		}
		kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
		plain := slices.Contains([]string{"application/x-pem-file", "application/x-pkcs12", "application/yaml", "image/png"}, kind)
		out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
			Body: io.NopCloser(bytes.NewReader(raw)), Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: plain}}
		if err := openapi3filter.ValidateResponse(a.t.Context(), out); err != nil {
			a.t.Errorf("%s %s → %d is not what openapi.yaml says: %v\n%s", method, path, resp.StatusCode, err, raw)
		}
	} else if resp.StatusCode != 404 && resp.StatusCode != 413 {
		a.t.Errorf("%s %s is not in openapi.yaml but answers %d", method, path, resp.StatusCode)
	}
	r := answer{status: resp.StatusCode, body: string(raw)}
	json.Unmarshal(raw, &r.json)
	return r
}

func (a *api) want(status int, method, path, body string) answer {
	a.t.Helper()
	r := a.do(method, path, body)
	if r.status != status {
		a.t.Errorf("%s %s %s → %d, want %d: %s", method, path, body, r.status, status, r.body)
	}
	return r
}

// native sends a request to the native server as somebody.
func (a *api) native(who, method, path, body string) (int, string) {
	a.t.Helper()
	req, _ := http.NewRequest(method, "http://"+a.f.Addr("native/http")+path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.SetBasicAuth(who, strings.ToUpper(who[:1])+who[1:]+"-Pass-1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw)
}

func TestEveryRouteIsSpecifiedAndEveryPathIsServed(t *testing.T) {
	a := client(t)
	s, err := control.New(control.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, r := range s.Ports()[0].HTTP.Routes {
		path := r.Path
		for _, p := range []string{"user", "id", "seq", "name", "key", "account", "ticket", "device", "page", "file"} {
			path = strings.ReplaceAll(path, ":"+p, "{"+p+"}")
		}
		served[r.Method+" "+path] = true
		if item := a.doc.Paths.Value(path); item == nil || item.GetOperation(r.Method) == nil {
			t.Errorf("%s %s is not in openapi.yaml", r.Method, path)
		}
	}
	for path, item := range a.doc.Paths.Map() {
		for method := range item.Operations() {
			if !served[method+" "+path] {
				t.Errorf("openapi.yaml has %s %s, which nobody serves", method, path)
			}
		}
	}
}

func TestTheClock(t *testing.T) {
	a := client(t)
	if r := a.want(200, "GET", "/clock", ""); r.str("frozen") != "true" || r.str("now") != "2026-01-01T12:00:00Z" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "POST", "/clock", `{"advance":"8h"}`); r.str("now") != "2026-01-01T20:00:00Z" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "POST", "/clock", `{"to":"2026-01-02T00:00:00Z"}`); r.str("now") != "2026-01-02T00:00:00Z" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "POST", "/clock", `{"frozen":false}`); r.str("frozen") != "false" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "POST", "/clock", `{"frozen":true,"to":"2027-01-01T00:00:00Z"}`); r.str("now") != "2027-01-01T00:00:00Z" {
		t.Errorf("%s", r.body)
	}
	for _, bad := range []string{`{}`, `{"advance":"-1h"}`, `{"advance":5}`, `{"advance":"soon"}`, `{"to":"2020-01-01T00:00:00Z"}`, `{"to":"x"}`,
		`{"advance":"1s","to":"2028-01-01T00:00:00Z"}`, `{"frozen":"yes"}`, `{"advance":"2000000h"}`,
		`{"advance":"2562047h47m16s"}`, `{"to":"2300-01-01T00:00:00Z"}`, `{"frozen":false,"to":"9999-12-31T23:59:59Z"}`, `{"speed":2}`, `[]`, `{"frozen":true} x`, ``} {
		a.want(400, "POST", "/clock", bad)
	}
	if r := a.want(200, "GET", "/clock", ""); r.str("now") != "2027-01-01T00:00:00Z" || r.str("frozen") != "true" {
		t.Errorf("a refused request moved the clock: %s", r.body)
	}
}

func TestFaultRules(t *testing.T) {
	a := client(t)
	a.want(200, "PUT", "/faults", `{"rules":[{"id":"down","server":"native","kind":"status","args":{"code":"502"},"times":1}]}`)
	if code, _ := a.native("alice", "GET", "/vault/v1/accounts", ""); code != 502 {
		t.Errorf("the rule does nothing: %d", code)
	}
	if r := a.want(200, "GET", "/faults", ""); r.str("rules.0.fired") != "1" || !strings.Contains(r.str("kinds"), "reorder") {
		t.Errorf("%s", r.body)
	}
	if r := a.want(201, "POST", "/faults", `{"rules":[{"kind":"delay","args":{"for":"1s"},"actor":"nobody"}]}`); r.str("ids.0") != "rule-2" {
		t.Errorf("%s", r.body)
	}
	bad := a.want(400, "PUT", "/faults", `{"rules":[{"kind":"explode"},{"kind":"delay","args":{"fore":"1s"}},{"kind":"reset","percent":101}]}`)
	for _, want := range []string{`unknown kind \"explode\"`, "args.fore", "args.for,", "percent must be"} {
		if !strings.Contains(bad.body, want) {
			t.Errorf("no %s in %s", want, bad.body)
		}
	}
	for _, body := range []string{`{"rules":[{"kind":"reset","sever":"x"}]}`, `{"rules":{}}`, `{"rules":[{"kind":1}]}`, `{"rule":[]}`} {
		a.want(400, "PUT", "/faults", body)
	}
	a.want(400, "POST", "/faults", `{}`)
	if r := a.want(200, "GET", "/faults", ""); len(r.json["rules"].([]any)) != 2 {
		t.Errorf("a refused set changed the rules: %s", r.body)
	}
	a.want(204, "DELETE", "/faults/rule-2", "")
	a.want(404, "DELETE", "/faults/rule-2", "")
	a.want(204, "DELETE", "/faults", "")
	if !a.f.Faults.Idle() {
		t.Error("still breaking")
	}
}

func TestDecisionsOverTheAPI(t *testing.T) {
	a := client(t)
	r := a.want(201, "POST", "/decisions", `{"verb":"lock","user":"ALICE","on":"login","next":1}`)
	if r.str("user") != "alice" || r.str("id") != "decision-1" {
		t.Errorf("%s", r.body)
	}
	if code, _ := a.native("alice", "GET", "/vault/v1/accounts", ""); code != 401 {
		t.Errorf("alice is not locked: %d", code)
	}
	if code, _ := a.native("alice", "GET", "/vault/v1/accounts", ""); code != 200 {
		t.Errorf("alice is still locked: %d", code)
	}
	a.want(201, "POST", "/decisions", `{"verb":"delay","device":"alice-phone","after":"1m30s","for":"1h"}`)
	if r := a.want(200, "GET", "/decisions", ""); r.str("decisions.0.after") != "1m30s" || r.str("decisions.0.until") != "2026-01-01T13:00:00Z" {
		t.Errorf("%s", r.body)
	}
	for body, status := range map[string]int{
		`{"verb":"explode","user":"alice"}`: 400, `{"verb":"deny"}`: 400, `{"verb":"deny","user":"zoe"}`: 404, `{"verb":"deny","ticket":"X"}`: 404,
		`{"verb":"deny","device":"x"}`: 404, `{"verb":"deny","account":"x@y"}`: 404, `{"verb":"deny","user":"alice","next":"two"}`: 400,
		`{"verb":"deny","user":"alice","id":"mine"}`: 400, `{"verb":"deny","user":"alice","for":"1s","until":"2027-01-01T00:00:00Z"}`: 400, `{"verb":"deny","usr":"alice"}`: 400,
	} {
		a.want(status, "POST", "/decisions", body)
	}
	a.want(404, "DELETE", "/decisions/decision-9", "")
	a.want(204, "DELETE", "/decisions/decision-2", "")
	a.want(204, "DELETE", "/decisions", "")
	if r := a.want(200, "GET", "/decisions", ""); len(r.json["decisions"].([]any)) != 0 {
		t.Errorf("%s", r.body)
	}
}

func TestAPhoneIsAnswered(t *testing.T) {
	a := client(t)
	got := make(chan answer)
	go func() { got <- a.do("GET", "/approvals?user=alice&state=pending&wait=30s", "") }()
	code, body := a.native("alice", "POST", "/otp/v1/transactions", `{"user":"alice","method":"push","message":"Log in?"}`)
	if code != 201 && code != 200 && code != 202 {
		t.Fatal(code, body)
	}
	r := <-got
	id := r.str("approvals.0.id")
	if r.str("approvals.0.message") != "Log in?" {
		t.Errorf("%s", r.body)
	}
	a.want(400, "POST", "/approvals/"+id, `{"verdict":"maybe"}`)
	if r := a.want(200, "POST", "/approvals/latest?user=alice", `{"verdict":"fraud"}`); r.str("state") != "denied" || r.str("fraud") != "true" || r.str("by") != "control" {
		t.Errorf("%s", r.body)
	}
	a.want(409, "POST", "/approvals/"+id, `{"verdict":"approve"}`)
	a.want(404, "POST", "/approvals/latest", `{"verdict":"approve"}`)
	a.want(404, "POST", "/approvals/none", `{"verdict":"approve"}`)
	a.want(400, "GET", "/approvals?state=open", "")
	a.want(404, "GET", "/approvals?user=zoe", "")
	if r := a.want(200, "GET", "/approvals?state=pending", ""); len(r.json["approvals"].([]any)) != 0 {
		t.Errorf("%s", r.body)
	}
	shown, err := a.f.Factors.Ask(t.Context(), factor.Ask{System: "native", UserID: "alice", Number: "376"})
	if err != nil {
		t.Fatal(err)
	}
	a.want(400, "POST", "/approvals/"+shown.ID, `{"verdict":"approve"}`)
	if r := a.want(400, "POST", "/approvals/"+shown.ID, `{"verdict":"approve","number":"377"}`); r.str("title") != "not the number that the login shows" || r.str("pending") != "true" || strings.Contains(r.body, "376") {
		t.Errorf("%s", r.body)
	}
	a.want(200, "POST", "/approvals/"+shown.ID, `{"verdict":"approve","number":"376"}`)
	a.native("alice", "POST", "/otp/v1/transactions", `{"user":"alice","method":"sms"}`)
	if r := a.want(200, "GET", "/outbox", ""); r.str("messages.0.device") != "alice-sms" {
		t.Errorf("%s", r.body)
	}
	a.want(200, "GET", "/outbox?user=alice", "")
}

func TestSomebodyIsUnlockedEverywhere(t *testing.T) {
	a := client(t)
	ctx := t.Context()
	for range 10 {
		a.f.Factors.Verify(ctx, "alice-totp", "000000")
		a.f.Logins.Login(ctx, "alice", "wrong")
	}
	before, _ := a.f.Factors.Find(ctx, "alice-totp")
	standing, _ := a.f.Logins.Standing(ctx, "alice")
	if !before.Locked || standing.Status != world.Locked {
		t.Fatalf("alice is not locked out: %+v %+v", before, standing)
	}
	if r := a.want(200, "POST", "/users/aliCE/unlock", ""); r.str("user") != "alice" {
		t.Errorf("%s", r.body)
	}
	after, _ := a.f.Factors.Find(ctx, "alice-totp")
	if standing, _ = a.f.Logins.Standing(ctx, "alice"); after.Locked || standing.Status != world.Active {
		t.Errorf("alice is still locked out: %+v %+v", after, standing)
	}
	a.want(404, "POST", "/users/zoe/unlock", "")
}

func TestLeasesRequestsAndTheAudit(t *testing.T) {
	a := client(t)
	if code, body := a.native("alice", "POST", "/vault/v1/accounts/root@db01/checkout", `{"reason":"x"}`); code != 201 {
		t.Fatal(code, body)
	}
	if code, body := a.native("alice", "POST", "/vault/v1/accounts/postgres@db01/requests", `{"reason":"x"}`); code != 201 {
		t.Fatal(code, body)
	}
	lease := a.want(200, "GET", "/leases?state=active&user=alice&account=root@db01", "").str("leases.0.id")
	a.want(400, "GET", "/leases?state=lost", "")
	a.want(400, "GET", "/leases?stat=active", "")
	if r := a.want(200, "GET", "/audit", ""); r.str("clean") != "false" || r.str("known") != "true" || r.str("leases.0.id") != lease {
		t.Errorf("%s", r.body)
	}
	request := a.want(200, "GET", "/requests", "").str("requests.0.id")
	a.want(400, "POST", "/requests/"+request, `{"verdict":"perhaps"}`)
	if r := a.want(200, "POST", "/requests/"+request, `{"verdict":"approve"}`); r.str("state") != "approved" {
		t.Errorf("%s", r.body)
	}
	a.want(200, "POST", "/leases/"+lease+"/force", "")
	a.want(409, "POST", "/leases/"+lease+"/force", "")
	a.want(404, "POST", "/leases/none/force", "")
	a.want(200, "GET", "/tokens", "")
	if r := a.want(200, "GET", "/audit", ""); r.str("clean") != "true" {
		t.Errorf("%s", r.body)
	}
	a.native("alice", "GET", "/vault/v1/accounts?name=Root-Secret-1", "") // a secret in a URL
	a.native("alice", "POST", "/otp/v1/verify", `{"user":"alice","otp":"Bob-Pass-1"}`)
	r := a.want(200, "GET", "/audit", "")
	if r.str("sightings.0.where") != "url" || r.str("sightings.0.whose") != "account root@db01" || r.str("sightings.1.whose") != "user bob" || r.str("sightings.1.where") != "request" {
		t.Errorf("%s", r.body)
	}
	if strings.Contains(r.body, "Root-Secret-1") || strings.Contains(r.body, "Bob-Pass-1") {
		t.Errorf("the audit shows the secrets: %s", r.body)
	}
}

func TestVerifyExplainAndReset(t *testing.T) {
	a := client(t)
	a.native("alice", "GET", "/vault/v1/accounts", "")
	a.want(200, "PUT", "/faults", `{"rules":[{"id":"late","kind":"status","moment":"after","args":{"code":"504"}}]}`)
	a.native("alice", "POST", "/vault/v1/accounts/root@db01/checkout", `{}`)
	if r := a.want(200, "POST", "/journal/verify", `{"order":[{"op":"GET *"},{"op":"POST *","fault":"late"}],"expect":[{"match":{"actor":"bob"},"never":true}]}`); r.str("result") != "pass" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "POST", "/journal/verify", `{"expect":[{"match":{"actor":"alice","op":"POST *","outcome":"ok"}}]}`); r.str("result") != "fail" ||
		!strings.Contains(r.str("problems.0.what"), "outcome is broken, not ok") {
		t.Errorf("%s", r.body)
	}
	for _, bad := range []string{`{}`, `{"expect":[{"match":{"who":"x"}}]}`, `{"expect":[{"never":true,"count":1}]}`, `{"since":-1}`} {
		a.want(400, "POST", "/journal/verify", bad)
	}
	r := a.want(200, "GET", "/journal/2", "")
	for _, want := range []string{"alice sent POST /vault/v1/accounts/:account/checkout to native", "was broken by a fault rule", "what it changed stands", "Rule late (status) has struck 1 of 1"} {
		if !strings.Contains(r.body, want) {
			t.Errorf("no %q in %s", want, r.body)
		}
	}
	a.want(404, "GET", "/journal/99", "")
	a.want(404, "GET", "/journal/abc", "")
	a.want(400, "GET", "/journal/find?actr=alice", "")
	a.want(200, "GET", "/journal/wait?wait=1ms&count=50", "")
	m := a.want(200, "GET", "/metrics", "").body
	for _, want := range []string{`counterpart_operations_total{server="native",operation="GET /vault/v1/accounts",outcome="ok"} 1`, `counterpart_fault_fired_total{rule="late",kind="status"} 1`,
		"counterpart_leases_active 1", "counterpart_journal_entries_total 2"} {
		if !strings.Contains(m, want) {
			t.Errorf("no %s in\n%s", want, m)
		}
	}
	if r := a.want(200, "GET", "/state", ""); !strings.Contains(r.body, "faults: [{") || !strings.Contains(r.body, "state:\n  started: 2026-01-01T12:00:00Z") {
		t.Errorf("%s", r.body)
	}
	for kind, want := range map[string]int{"application/yaml": 404, "application/json": 404} { // no serve around this fleet
		req, _ := http.NewRequest("PUT", "http://"+a.f.Addr("control/http")+"/state", strings.NewReader("users: []"))
		req.Header.Set("Authorization", "Bearer control-token")
		req.Header.Set("Content-Type", kind)
		if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != want {
			t.Errorf("another seed as %s: %v %v", kind, resp, err)
		}
	}
	a.want(200, "POST", "/state/reset", "")
	a.want(400, "POST", "/state/reset", `{"hard":true}`)
	if r := a.want(200, "GET", "/leases", ""); len(r.json["leases"].([]any)) != 0 || !a.f.Faults.Idle() {
		t.Errorf("after the reset: %s", r.body)
	}
	if r := a.want(200, "GET", "/journal", ""); r.str("missed") != "false" || len(r.json["entries"].([]any)) != 0 {
		t.Errorf("after the reset: %s", r.body)
	}
}

func TestBadRequestsAreProblemsAndChangeNothing(t *testing.T) {
	a := client(t)
	url := "http://" + a.f.Addr("control/http")
	for name, tt := range map[string]struct {
		change func(r *http.Request)
		body   string
		want   int
	}{
		"no token":          {func(r *http.Request) { r.Header.Del("Authorization") }, `{"advance":"1h"}`, 401},
		"a wrong token":     {func(r *http.Request) { r.Header.Set("Authorization", "Bearer no") }, `{"advance":"1h"}`, 401},
		"a foreign host":    {func(r *http.Request) { r.Host = "evil.example" }, `{"advance":"1h"}`, 403},
		"a foreign page":    {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, `{"advance":"1h"}`, 403},
		"a simple request":  {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, `{"advance":"1h"}`, 415},
		"a huge body":       {func(*http.Request) {}, `{"advance":"` + strings.Repeat("1", 2<<20) + `h"}`, 413},
		"no JSON":           {func(*http.Request) {}, `advance=1h`, 400},
		"too many elements": {func(*http.Request) {}, `{"advance":"1h"}{"advance":"1h"}`, 400},
	} {
		req, _ := http.NewRequest("POST", url+"/clock", strings.NewReader(tt.body))
		req.Header.Set("Authorization", "Bearer control-token")
		req.Header.Set("Content-Type", "application/json")
		tt.change(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		raw, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var p struct{ Title, Detail string }
		if json.Unmarshal(raw, &p); resp.StatusCode != tt.want || p.Title == "" || p.Detail == "" || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %s", name, resp.StatusCode, raw)
		}
	}
	if r := a.want(200, "GET", "/clock", ""); r.str("now") != "2026-01-01T12:00:00Z" {
		t.Errorf("something moved the clock: %s", r.body)
	}
	req, _ := http.NewRequest("OPTIONS", url+"/clock", nil)
	req.Header.Set("Authorization", "Bearer control-token")
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 405 || resp.Header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("a preflight: %v %v", resp, err)
	}
}

// TestN6NullReplacesNoRules: null is no set of rules, and other methods are said.
func TestN6NullReplacesNoRules(t *testing.T) {
	a := client(t)
	a.want(201, "POST", "/faults", `{"rules":[{"kind":"status","args":{"code":"500"}}]}`)
	a.want(400, "PUT", "/faults", `null`)
	if r := a.want(200, "GET", "/faults", ""); r.str("rules.0.kind") != "status" {
		t.Errorf("the rules are gone: %s", r.body)
	}
	for path, want := range map[string]string{"/faults": "DELETE, GET, POST, PUT", "/journal/verify": "POST", "/journal/7": "GET"} {
		req, _ := http.NewRequest("PATCH", "http://"+a.f.Addr("control/http")+path, nil)
		req.Header.Set("Authorization", "Bearer control-token")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != want {
			t.Errorf("%s: %d, Allow %q, want %q", path, resp.StatusCode, resp.Header.Get("Allow"), want)
		}
	}
}

// TestYubikeys presses a key and puts what servers have seen of it elsewhere.
func TestYubikeys(t *testing.T) {
	a := client(t)
	if r := a.want(200, "GET", "/yubikeys", ""); r.str("yubikeys.0.device") != "bob-yubi" || r.str("yubikeys.0.row.session") != "-1" {
		t.Errorf("%s", r.body)
	}
	first := a.want(200, "POST", "/yubikeys/bob-yubi/press", `{"count":2}`)
	if r := a.want(200, "POST", "/yubikeys/cccccccccccb/press", `{"policy":"replay_last"}`); r.str("otp") != first.str("otps.1") {
		t.Errorf("%s, then %s", first.body, r.body)
	}
	if r := a.want(200, "POST", "/yubikeys/000000000001/power-cycle", ""); r.str("next.session") != "2" || r.str("next.use") != "0" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "PATCH", "/yubikeys/bob-yubi", `{"session":3,"mark":"m","active":false}`); r.str("row.session") != "3" || r.str("row.use") != "-1" || r.str("active") != "false" {
		t.Errorf("%s", r.body)
	}
	for body, path := range map[string]string{`{"count":-1}`: "POST", `{"count":1001}`: "POST", `{"policy":"sideways"}`: "POST", `{"session":65536}`: "PATCH", `{"use":-2}`: "PATCH", `{"nonce":"x"}`: "PATCH"} {
		target := "/yubikeys/bob-yubi"
		if path == "POST" {
			target += "/press"
		}
		a.want(400, path, target, body)
	}
	a.want(404, "GET", "/yubikeys/nobody", "")
	a.want(409, "GET", "/yubikeys/alice-totp", "")
}
