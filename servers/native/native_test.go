package native_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/seed/worlds"
	"counterpart/servers/native"
)

// api talks to a native server and holds every exchange against openapi.yaml.
type api struct {
	t    *testing.T
	f    *dialecttest.Fleet
	base string
	spec routers.Router
}

var kinds = []dialect.Kind{{Name: "native", New: native.New, Settings: native.Settings{}, Secrets: native.Secrets()}}

// demo is the cast of the demo world with a native server alone.
func demo(t testing.TB, block string) string {
	t.Helper()
	text, err := worlds.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	company, _, ok := strings.Cut(string(text), "\nservers:")
	if !ok {
		t.Fatal("demo.yaml has no servers at its end")
	}
	return company + "\nservers:\n  - {kind: native" + block + "}\n"
}

func start(t *testing.T, block ...string) *api {
	t.Helper()
	f := dialecttest.Run(t, kinds, demo(t, strings.Join(block, "")))
	a := &api{t: t, f: f, base: "http://" + f.Addr("native/http")}
	if !strings.Contains(strings.Join(block, ""), "tls:") {
		a.spec = specification(t, a.base)
	}
	return a
}

// specification loads what the server itself hands out.
func specification(t *testing.T, base string) routers.Router {
	t.Helper()
	resp, err := http.Get(base + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	doc, err := openapi3.NewLoader().LoadFromData(text)
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
	return router
}

// reply is an answer with its JSON.
type reply struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (r reply) str(path string) string {
	v := any(r.json)
	for _, k := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// do sends a request as somebody: "alice", "sps", "sps for alice", "" or with
// further headers "alice If-Match=…".
func (a *api) do(who, method, path, body string) reply {
	a.t.Helper()
	req, err := http.NewRequest(method, a.base+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	words := strings.Fields(who)
	for i, w := range words {
		name, value, header := strings.Cut(w, "=")
		switch {
		case header:
			req.Header.Set(name, value)
		case w == "sps":
			req.Header.Set("Authorization", "Bearer sps-secret")
		case w == "for":
			req.Header.Set("X-On-Behalf-Of", words[i+1])
		case i > 0 && words[i-1] == "for":
		default:
			req.SetBasicAuth(w, strings.ToUpper(w[:1])+w[1:]+"-Pass-1")
		}
	}
	if body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	a.conforms(req, body, resp, raw)
	r := reply{status: resp.StatusCode, header: resp.Header, body: string(raw)}
	json.Unmarshal(raw, &r.json)
	return r
}

// conforms fails the test when the answer, or a request that was accepted, is
// not what openapi.yaml says.
func (a *api) conforms(req *http.Request, body string, resp *http.Response, raw []byte) {
	a.t.Helper()
	again := req.Clone(a.t.Context())
	again.Body = io.NopCloser(strings.NewReader(body))
	route, params, err := a.spec.FindRoute(again)
	if err != nil {
		if resp.StatusCode != 404 && resp.StatusCode != 405 && resp.StatusCode != 401 {
			a.t.Errorf("%s %s is not in openapi.yaml but answers %d", req.Method, req.URL.Path, resp.StatusCode)
		}
		return
	}
	saw(req.Method+" "+route.Path, resp.StatusCode)
	in := &openapi3filter.RequestValidationInput{Request: again, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	if resp.StatusCode < 400 {
		if err := openapi3filter.ValidateRequest(a.t.Context(), in); err != nil {
			a.t.Errorf("%s %s was accepted against openapi.yaml: %v", req.Method, req.URL, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(raw)), Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: strings.Contains(resp.Header.Get("Content-Type"), "image/png")}}
	if err := openapi3filter.ValidateResponse(a.t.Context(), out); err != nil {
		a.t.Errorf("%s %s → %d is not what openapi.yaml says: %v\n%s", req.Method, req.URL, resp.StatusCode, err, raw)
	}
}

// want sends a request and demands a status and, for refusals, a code.
func (a *api) want(status int, code, who, method, path, body string) reply {
	a.t.Helper()
	r := a.do(who, method, path, body)
	if r.status != status || code != "" && r.str("code") != code {
		a.t.Errorf("%s: %s %s %s\n got %d %s\nwant %d %s", who, method, path, body, r.status, r.body, status, code)
	}
	return r
}

func TestWhoMayCome(t *testing.T) {
	a := start(t, ", roles: [{user: victor, role: reader}, {group: dba, role: validator}, {user: alice, role: admin}]")
	const one = "/vault/v1/accounts/root@db01"
	a.want(401, "not_authenticated", "", "GET", one, "")
	a.want(401, "not_authenticated", "Authorization=Bearer", "GET", one, "")
	a.want(401, "not_authenticated", "alice Authorization=Basic", "GET", one, "")
	if r := a.want(401, "not_authenticated", "nobody", "GET", one, ""); len(r.header.Values("WWW-Authenticate")) != 2 {
		t.Errorf("challenges %v", r.header.Values("WWW-Authenticate"))
	}
	for _, who := range []string{"carol", "dave", "eve", "peggy"} { // must change, disabled, locked, expired
		a.want(401, "not_authenticated", who, "GET", one, "")
	}
	a.want(200, "", "alice", "GET", one, "")
	a.want(200, "", "sps", "GET", one, "")
	a.want(200, "", "sps for alice", "GET", one, "")
	a.want(404, "unknown_user", "sps for nobody", "GET", one, "")
	a.want(403, "forbidden", "bob for alice", "GET", one, "") // a person acts for nobody else
	a.want(403, "forbidden", "victor", "POST", one+"/checkout", "")
	a.want(404, "not_found", "alice", "GET", "/vault/v1/nothing", "")
	a.want(405, "method_not_allowed", "alice", "DELETE", one, "")
	if e := a.f.Journal.Tail(1)[0]; e.Outcome != "unimplemented" {
		t.Errorf("an unknown operation is journalled as %q", e.Outcome)
	}
}

func TestAliceChecksRootOutAndIn(t *testing.T) {
	a := start(t)
	const root = "/vault/v1/accounts/root@db01"
	if r := a.want(200, "", "alice", "GET", "/vault/v1/accounts?asset=10.0.0.5&name=ROOT", ""); len(r.json["items"].([]any)) != 1 {
		t.Errorf("by address and name: %s", r.body)
	}
	a.want(409, "not_checked_out", "alice", "GET", root+"/password", "")
	lent := a.want(201, "", "alice", "POST", root+"/checkout", `{"reason":"patching","for":"30m"}`)
	lease := lent.header.Get("Location")
	first := lent.str("password.value")
	if first == "" || lent.str("expires") != "2026-01-01T12:30:00Z" {
		t.Fatalf("lent %s", lent.body)
	}
	if r := a.want(200, "", "alice", "GET", root+"/password", ""); r.str("value") != first {
		t.Errorf("fetched %s", r.body)
	}
	refused := a.want(409, "checked_out", "sps", "POST", root+"/checkout", "")
	if refused.str("by") != "alice" || refused.str("until") != "2026-01-01T12:30:00Z" {
		t.Errorf("the refusal says %s", refused.body)
	}
	if r := a.want(200, "", "alice", "GET", root, ""); !strings.Contains(r.body, `"holders":[{"name":"alice"`) {
		t.Errorf("the account says %s", r.body)
	}
	a.want(200, "", "alice", "POST", lease+"/renew", `{"for":"45m"}`)
	a.want(403, "not_holder", "sps", "POST", lease+"/checkin", "")
	a.want(200, "", "alice", "POST", lease+"/checkin", "")
	a.want(409, "lease_returned", "alice", "POST", lease+"/checkin", "")
	again := a.want(201, "", "alice", "POST", root+"/checkout", "")
	if again.str("password.value") == first || again.str("version") != "2" {
		t.Errorf("the checkin rotated nothing: %s", again.body)
	}
	if r := a.want(200, "", "alice", "GET", root+"/password?version=1", ""); r.str("value") != first || r.str("current") != "false" {
		t.Errorf("version 1: %s", r.body)
	}
	a.want(404, "unknown_version", "alice", "GET", root+"/password?version=9", "")
	a.want(200, "", "sps", "POST", again.header.Get("Location")+"/force", "")
	a.want(200, "", "alice", "GET", root+"/history", "")
	a.want(200, "", "alice", "GET", again.header.Get("Location"), "")
	a.want(200, "", "alice", "GET", "/vault/v1/leases?state=forced", "")
	a.want(200, "", "sps", "POST", root+"/rotate", "")
	a.want(404, "no_such_secret", "alice", "GET", "/vault/v1/accounts/postgres@db01/key", "")
	if r := a.want(200, "", "alice", "GET", "/vault/v1/accounts/deploy@web01/key?type=ssh-rsa", ""); !strings.HasPrefix(r.str("value"), "-----BEGIN RSA PRIVATE KEY-----\n") {
		t.Errorf("key %s", r.body)
	}
	a.want(403, "forbidden", "victor", "GET", "/vault/v1/accounts/postgres@db01/password", "") // may look, may not fetch
	a.want(404, "unknown_account", "sps for peggy", "GET", root, "")
}

func TestRootOnWeb01NeedsTrent(t *testing.T) {
	a := start(t)
	const root = "/vault/v1/accounts/root@web01"
	a.want(400, "reason_required", "bob", "POST", root+"/checkout", "")
	a.want(409, "approval_required", "bob", "POST", root+"/checkout", `{"reason":"disk full"}`)
	r := a.want(201, "", "bob", "POST", root+"/requests", `{"reason":"disk full"}`)
	request := r.header.Get("Location")
	a.want(409, "exists", "bob", "POST", root+"/requests", `{"reason":"disk full"}`)
	a.want(403, "not_an_approver", "alice", "POST", request+"/approve", "")
	a.want(200, "", "trent", "GET", "/vault/v1/requests", "")
	a.want(200, "", "trent", "POST", request+"/approve", `{"comment":"go ahead"}`)
	a.want(409, "already_decided", "trent", "POST", request+"/approve", "")
	a.want(201, "", "bob", "POST", root+"/checkout", `{"reason":"disk full"}`)
	if r := a.want(200, "", "bob", "GET", request, ""); r.str("state") != "used" {
		t.Errorf("the request is %s", r.str("state"))
	}
	second := a.want(201, "", "alice", "POST", root+"/requests", `{"reason":"x"}`).header.Get("Location")
	a.want(200, "", "trent", "POST", second+"/deny", "")
	a.want(409, "checked_out", "alice", "POST", root+"/checkout", `{"reason":"x"}`)
	third := a.want(201, "", "alice", "POST", root+"/requests", `{"reason":"x"}`).header.Get("Location")
	a.want(200, "", "alice", "POST", third+"/withdraw", "")
}

func TestSecondFactors(t *testing.T) {
	a := start(t)
	code, _, err := a.f.Factors.Current(t.Context(), "alice-totp")
	if err != nil {
		t.Fatal(err)
	}
	verify := func(user, otp, want string) {
		t.Helper()
		r := a.want(200, "", "sps", "POST", "/otp/v1/verify", fmt.Sprintf(`{"user":%q,"otp":%q}`, user, otp))
		if got := r.str("valid") + r.str("reason"); got != want {
			t.Errorf("%s with %s: %s, want %s", user, otp, r.body, want)
		}
	}
	verify("alice", code, "true")
	verify("alice", code, "falsereplayed")
	verify("alice", "000000", "falsewrong")
	verify("alice", "x", "falsemalformed")
	verify("dave", "000000", "falseno_token")
	a.want(404, "unknown_user", "sps", "POST", "/otp/v1/verify", `{"user":"nobody","otp":"1"}`)
	a.want(403, "forbidden", "bob", "POST", "/otp/v1/verify", `{"user":"alice","otp":"1"}`)

	push := a.want(202, "", "sps", "POST", "/otp/v1/transactions", `{"user":"alice","method":"push","message":"Log in?"}`)
	where := push.header.Get("Location")
	if r := a.want(200, "", "sps", "GET", where, ""); r.str("state") != "pending" {
		t.Errorf("at once: %s", r.body)
	}
	waiting := make(chan reply)
	go func() { waiting <- a.do("sps", "GET", where+"?wait=30s", "") }()
	a.f.Clock.Advance(1e9)
	if r := <-waiting; r.str("state") != "approved" {
		t.Errorf("after a second: %s", r.body)
	}
	a.want(409, "already_decided", "sps", "DELETE", where, "")
	sms := a.want(202, "", "sps", "POST", "/otp/v1/transactions", `{"user":"bob","method":"sms"}`)
	box, _ := a.f.Factors.Outbox(t.Context(), "bob")
	if sms.str("state") != "sent" || len(box) != 1 || strings.Contains(sms.body, box[0].Code) {
		t.Fatalf("%s, outbox %v", sms.body, box)
	}
	verify("bob", box[0].Code, "true")
	cancelled := a.want(202, "", "sps", "POST", "/otp/v1/transactions", `{"user":"bob","method":"push"}`).header.Get("Location")
	a.want(204, "", "sps", "DELETE", cancelled, "")
	a.want(400, "bad_input", "sps", "POST", "/otp/v1/transactions", `{"user":"bob","method":"pigeon"}`)
	a.want(404, "unknown_device", "sps", "POST", "/otp/v1/transactions", `{"user":"victor","method":"push"}`)
	a.want(404, "unknown_request", "sps", "GET", "/otp/v1/transactions/none", "")
}

func TestEnrolment(t *testing.T) {
	a := start(t)
	r := a.want(201, "", "sps", "POST", "/otp/v1/users/trent/devices", `{"kind":"totp","label":"phone","digits":8}`)
	device := r.header.Get("Location")
	if !strings.HasPrefix(r.str("uri"), "otpauth://totp/Acme:trent?secret="+r.str("secret")+"&issuer=Acme&digits=8") {
		t.Errorf("enrolled %s", r.body)
	}
	if png := a.want(200, "", "sps", "GET", device+"/qr.png", ""); !strings.HasPrefix(png.body, "\x89PNG") {
		t.Errorf("QR %q", png.body[:20])
	}
	id, _ := url.PathUnescape(strings.TrimPrefix(device, "/otp/v1/devices/"))
	code, _, err := a.f.Factors.Current(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if r := a.want(200, "", "sps", "POST", "/otp/v1/verify", fmt.Sprintf(`{"user":"trent","device":%q,"otp":%q}`, id, code)); r.str("valid") != "true" {
		t.Errorf("%s", r.body)
	}
	a.want(409, "wrong_code", "sps", "POST", device+"/resync", `{"otp":"00000000","next_otp":"00000001"}`)
	a.want(400, "malformed_code", "sps", "POST", device+"/resync", `{"otp":"0","next_otp":"1"}`)
	a.want(204, "", "sps", "POST", device+"/unlock", "")
	a.want(200, "", "trent", "GET", "/otp/v1/users/trent/devices", "")
	a.want(403, "forbidden", "bob", "GET", "/otp/v1/users/trent/devices", "")
	a.want(403, "forbidden", "trent", "POST", "/otp/v1/users/trent/devices", `{"kind":"totp"}`)
	a.want(204, "", "sps", "DELETE", device, "")
	a.want(404, "unknown_device", "sps", "DELETE", device, "")
	codes := a.want(201, "", "sps", "POST", "/otp/v1/users/trent/devices", `{"kind":"static"}`)
	one := codes.json["codes"].([]any)[0].(string)
	for _, want := range []string{"true", "falsereplayed"} {
		r := a.want(200, "", "sps", "POST", "/otp/v1/verify", fmt.Sprintf(`{"user":"trent","otp":%q}`, one))
		if r.str("valid")+r.str("reason") != want {
			t.Errorf("backup code: %s, want %s", r.body, want)
		}
	}
}

func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	a := start(t)
	const path = "/tickets/v1/tickets"
	for _, tt := range []struct{ who, body, code string }{
		{"sps", ``, "bad_input"}, {"sps", `[]`, "bad_input"}, {"sps", `{`, "bad_input"}, {"sps", `{"title":1}`, "bad_input"},
		{"sps", `{"tilte":"x"}`, "bad_input"}, {"sps", `{} {}`, "bad_input"}, {"sps", `{"title":"x"}}`, "bad_input"}, {"sps", `{"title":"x"}]`, "bad_input"}, {"sps", `nonsense`, "bad_input"},
		{"sps", `{"max_uses":-1}`, "bad_input"}, {"sps", `{"requester":"nobody"}`, "bad_input"}, {"sps", `{"state":"approved"}`, "bad_input"},
		{"sps", `{"window":{"not_before":"2026-01-02T00:00:00Z","not_after":"2026-01-01T00:00:00Z"}}`, "bad_input"},
		{"sps", `{"window":{"not_before":"soon"}}`, "bad_input"}, {"sps", `{"id":"a/b"}`, "bad_input"}, {"sps", `{"targets":[{"asset":""}]}`, "bad_input"},
		{"sps", `{"approvers":[{"user":"nobody"}]}`, "bad_input"}, {"sps", `{"type":"cake"}`, "bad_input"},
	} {
		a.want(400, tt.code, tt.who, "POST", path, tt.body)
	}
	a.want(415, "unsupported_media_type", "sps Content-Type=text/xml", "POST", path, `{}`)
	a.want(413, "too_large", "sps", "POST", path, `{"title":"`+strings.Repeat("x", 2<<20)+`"}`)
	a.want(409, "exists", "sps", "POST", path, `{"id":"chg0000038"}`)
	for _, q := range []string{"?limit=0", "?limit=1001", "?limit=x", "?cursor=%25", "?cursor=YXQgLTE", "?active_at=now"} {
		a.want(400, "bad_input", "sps", "GET", path+q, "")
	}
	a.want(400, "bad_input", "sps Idempotency-Key="+strings.Repeat("k", 256), "POST", path, `{}`)
	if r := a.want(200, "", "sps", "GET", path, ""); len(r.json["items"].([]any)) != 5 {
		t.Errorf("there are %d tickets now, want the 5 seeded ones", len(r.json["items"].([]any)))
	}
}

func TestPagesVisitEverythingOnce(t *testing.T) {
	a := start(t)
	for i := range 23 {
		a.want(201, "", "sps", "POST", "/tickets/v1/tickets", fmt.Sprintf(`{"title":"t%d"}`, i))
	}
	seen, cursor := map[string]int{}, ""
	for pages := 0; pages == 0 || cursor != ""; pages++ {
		r := a.want(200, "", "sps", "GET", "/tickets/v1/tickets?limit=7&cursor="+cursor, "")
		for _, item := range r.json["items"].([]any) {
			seen[item.(map[string]any)["id"].(string)]++
		}
		if cursor = r.str("next_cursor"); pages > 10 {
			t.Fatal("the pages do not end")
		}
	}
	if len(seen) != 28 {
		t.Errorf("%d tickets seen, want 28", len(seen))
	}
}

func TestEveryRouteIsDescribedAndEveryDescriptionServed(t *testing.T) {
	a := start(t)
	srv, err := native.New(dialect.Env{World: a.f.World, Store: a.f.Store, Decode: func(any) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	var served, described []string
	for _, r := range srv.Ports()[0].HTTP.Routes {
		parts := strings.Split(r.Path, "/")
		for i, p := range parts {
			if name, ok := strings.CutPrefix(p, ":"); ok {
				parts[i] = "{" + name + "}"
			}
		}
		served = append(served, r.Method+" "+strings.Join(parts, "/"))
	}
	resp, err := http.Get(a.base + "/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	sort.Strings(served)
	sort.Strings(described)
	if s, d := strings.Join(served, "\n"), strings.Join(described, "\n"); s != d {
		t.Errorf("served:\n%s\n\ndescribed:\n%s", s, d)
	}
}

func FuzzBodies(f *testing.F) {
	f.Add(`{"title":"x"}`)
	f.Add(`{"user":"alice","asset":{"port":99999999999}}`)
	f.Add(`{"window":{"not_before":"2026-01-01T00:00:00+99:99"}}`)
	f.Fuzz(native.Strict)
}
