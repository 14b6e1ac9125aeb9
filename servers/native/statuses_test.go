package native_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/ticket"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/native"
)

// seen collects which statuses the tests of this package got from which
// operation; TestMain holds them against openapi.yaml when all tests ran.
var seen = struct {
	sync.Mutex
	statuses map[string]map[int]bool
}{statuses: map[string]map[int]bool{}}

func saw(operation string, status int) {
	seen.Lock()
	defer seen.Unlock()
	if seen.statuses[operation] == nil {
		seen.statuses[operation] = map[int]bool{}
	}
	seen.statuses[operation][status] = true
}

// TestMain also demands that every status that openapi.yaml promises was
// produced by a test; that no other one is was checked answer by answer.
func TestMain(m *testing.M) {
	code := dialecttest.Refusals(m, dialect.Kind{Name: "native", Scope: native.Scope, Refusals: native.Refusals}, "refusals.txt")
	chosen := slices.ContainsFunc(os.Args[1:], func(a string) bool {
		return strings.HasPrefix(a, "-test.run") || strings.HasPrefix(a, "-test.bench") || strings.HasPrefix(a, "-test.fuzz") || strings.HasPrefix(a, "-test.list")
	})
	if code == 0 && !chosen {
		code = promised()
	}
	os.Exit(code)
}

func promised() (code int) {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		for method, op := range doc.Paths.Find(path).Operations() {
			name := method + " " + path
			for status := range op.Responses.Map() {
				if status == "default" {
					fmt.Printf("FAIL: openapi.yaml: %s promises any status; list them\n", name)
					code = 1
				} else if !seen.statuses[name][atoi(status)] {
					fmt.Printf("FAIL: openapi.yaml: %s promises %s, and no test gets it (got %v)\n", name, status, slices.Sorted(maps.Keys(seen.statuses[name])))
					code = 1
				}
			}
		}
	}
	return code
}

func atoi(s string) (n int) { fmt.Sscan(s, &n); return n }

// operation is a route of the server with a path that fits it.
type operation struct {
	method, path string
	body         bool
}

// operations lists the server's routes with parameters filled in; what they
// name is not there.
func operations(t *testing.T, a *api) (out []operation) {
	t.Helper()
	srv, err := native.New(dialect.Env{World: a.f.World, Store: a.f.Store, Decode: func(any) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range srv.Ports()[0].HTTP.Routes {
		if strings.HasPrefix(r.Path, "/openapi") {
			continue
		}
		parts := strings.Split(r.Path, "/")
		for i, p := range parts {
			if strings.HasPrefix(p, ":") {
				parts[i] = "none"
			}
		}
		noBody := []string{"rotate", "checkin", "force", "withdraw", "unlock"}
		out = append(out, operation{r.Method, strings.Join(parts, "/"),
			(r.Method == "POST" || r.Method == "PATCH") && !slices.Contains(noBody, parts[len(parts)-1])})
	}
	return out
}

// TestEveryOperationRefusesAlike produces what every operation has in common.
func TestEveryOperationRefusesAlike(t *testing.T) {
	a := start(t, ", roles: [{user: victor, role: reader}]")
	for _, op := range operations(t, a) {
		a.want(401, "not_authenticated", "", op.method, op.path, "")
		a.want(403, "forbidden", "bob for alice", op.method, op.path, "")
		if op.body {
			a.want(400, "bad_input", "sps", op.method, op.path, "{")
			a.want(413, "too_large", "sps", op.method, op.path, `{"x":"`+strings.Repeat("x", 2<<20)+`"}`)
			a.want(415, "unsupported_media_type", "sps Content-Type=text/xml", op.method, op.path, "{}")
		} else if op.method == "POST" {
			a.want(413, "too_large", "sps Idempotency-Key=big", op.method, op.path, `{"x":"`+strings.Repeat("x", 2<<20)+`"}`)
		}
		if op.method == "POST" || op.method == "PATCH" {
			a.want(400, "bad_input", "sps Idempotency-Key="+strings.Repeat("k", 256), op.method, op.path, "{}")
			a.do("sps Idempotency-Key=once"+op.method+op.path, op.method, op.path, `{}`)
			a.want(409, "idempotency_conflict", "sps Idempotency-Key=once"+op.method+op.path, op.method, op.path, `{"other":1}`)
		}
	}
	a.f.Store.Close() // nothing can be decided any more
	for _, op := range operations(t, a) {
		a.want(503, "unavailable", "alice", op.method, op.path, "{}")
	}
}

// TestWhatIsFullSaysSo produces 429.
func TestWhatIsFullSaysSo(t *testing.T) {
	a := start(t)
	for range 1000 {
		if _, _, err := a.f.Tickets.AddNote(t.Context(), "", "OPS-1", ticket.Note{Kind: "comment", Text: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	a.want(429, "rate_limited", "sps", "POST", "/tickets/v1/tickets/OPS-1/notes", `{"kind":"comment","text":"one more"}`)
	a.want(429, "rate_limited", "sps", "POST", "/tickets/v1/tickets/OPS-1/transitions", `{"to":"in_progress","comment":"one more"}`)
	for i := range 1000 {
		if _, err := a.f.Accounts.Request(t.Context(), checkout.Principal{Client: fmt.Sprint("c", i), Admin: true}, checkout.Take{AccountID: "root@web01", Reason: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	a.want(429, "rate_limited", "bob", "POST", "/vault/v1/accounts/root@web01/requests", `{"reason":"x"}`)
}

// TestTheRemainingSuccesses gets the answers that no story above needs.
func TestTheRemainingSuccesses(t *testing.T) {
	a := start(t)
	for _, path := range []string{"/openapi.yaml", "/openapi.json"} {
		a.want(200, "", "", "GET", path, "")
	}
	made := a.want(201, "", "sps", "POST", "/otp/v1/users/trent/devices", `{"kind":"hotp"}`)
	code := func(counter uint64) string {
		t.Helper()
		d, err := a.f.Factors.Find(t.Context(), made.str("id"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := factor.CodeAt(d.Device, counter)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	push := a.want(201, "", "sps", "POST", "/otp/v1/users/trent/devices", `{"kind":"push"}`).header.Get("Location")
	a.want(409, "wrong_kind", "sps", "GET", push+"/qr.png", "")
	a.want(204, "", "sps", "POST", made.header.Get("Location")+"/resync", fmt.Sprintf(`{"otp":%q,"next_otp":%q}`, code(500), code(501)))
	a.want(200, "", "sps", "POST", "/otp/v1/verify", fmt.Sprintf(`{"user":"trent","otp":%q}`, code(502)))
}

// TestN6WhatEveryOperationRefuses: parameters that an operation does not have, or
// that are given twice, somebody unknown to act for, and other methods.
func TestN6WhatEveryOperationRefuses(t *testing.T) {
	a := start(t)
	methods := map[string][]string{}
	for _, op := range operations(t, a) {
		a.want(400, "bad_input", "sps", op.method, op.path+"?nosuch=1", "")
		a.want(400, "bad_input", "sps", op.method, op.path+"?limit=1&limit=2", "")
		a.want(400, "bad_input", "sps", op.method, op.path+"?q=%ff", "")
		a.want(400, "bad_input", "sps", op.method, op.path+"?q=%zz", "")
		a.want(404, "unknown_user", "sps for nobody", op.method, op.path, "")
		methods[op.path] = append(methods[op.path], op.method)
	}
	for path, known := range methods {
		slices.Sort(known)
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if slices.Contains(known, method) {
				continue
			}
			a.want(401, "not_authenticated", "", method, path, "")
			if r := a.want(405, "method_not_allowed", "sps", method, path, ""); !slices.Equal(strings.Split(r.header.Get("Allow"), ", "), slices.Compact(known)) {
				t.Errorf("%s %s: Allow %q, want %q", method, path, r.header.Get("Allow"), known)
			}
		}
	}
	a.want(401, "not_authenticated", "", "GET", "/nosuch", "")
	a.want(404, "not_found", "sps", "GET", "/nosuch", "")
	if r := a.want(405, "method_not_allowed", "", "POST", "/openapi.yaml", ""); r.header.Get("Allow") != "GET" {
		t.Errorf("%v", r.header)
	}
}

// TestN6IfMatch: what is no ETag is malformed, another revision's is stale.
func TestN6IfMatch(t *testing.T) {
	a := start(t)
	one := a.want(201, "", "sps", "POST", "/tickets/v1/tickets", `{"title":"x"}`).header.Get("Location")
	for _, tag := range []string{`W/"1"`, "1", `"1`, `"x"`, `"-1"`, `""`, `"1","2"`} {
		a.want(400, "bad_input", "sps If-Match="+tag, "PATCH", one, `{"title":"y"}`)
	}
	for _, tag := range []string{`"0"`, `"7"`} {
		a.want(412, "stale", "sps If-Match="+tag, "PATCH", one, `{"title":"y"}`)
		a.want(412, "stale", "sps If-Match="+tag, "POST", one+"/transitions", `{"to":"cancelled"}`)
	}
}

// TestN6ValuesOfParameters: choices, bounds and forms are held to.
func TestN6ValuesOfParameters(t *testing.T) {
	a := start(t)
	for _, path := range []string{"/tickets/v1/tickets?state=AAA", "/tickets/v1/tickets?state=", "/tickets/v1/tickets?active_at=yesterday", "/tickets/v1/tickets?active_at=", "/tickets/v1/tickets?limit=0", "/tickets/v1/tickets?limit=1001",
		"/tickets/v1/tickets?limit=+5", "/tickets/v1/tickets?limit=", "/tickets/v1/tickets?cursor=!", "/tickets/v1/tickets?cursor=YXQgLTE", "/tickets/v1/tickets?q=a%00", "/tickets/v1/tickets?requester=a%0ab", "/vault/v1/leases?state=AAA",
		"/vault/v1/accounts/root@db01/password?version=-1", "/otp/v1/transactions/x?wait=1%00s", "/otp/v1/transactions/x?wait=%0a", "/otp/v1/transactions/x?wait=soon", "/otp/v1/transactions/x?wait=-1s", "/otp/v1/transactions/x?wait="} {
		a.want(400, "bad_input", "sps", "GET", path, "")
	}
	for _, path := range []string{"/tickets/v1/tickets?state=approved&limit=1&cursor=", "/tickets/v1/tickets?active_at=2026-01-01T10:00:00Z", "/vault/v1/leases?state=active"} {
		a.want(200, "", "sps", "GET", path, "")
	}
}
