package control_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/control"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/native"
)

const seed = `
version: 1
organization: {name: Acme, domain: acme.test}
users:
  - name: alice
    password: Alice-Pass-1
    devices:
      - {id: alice-totp, kind: totp, secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ}
      - {id: alice-sms, kind: sms, address: "+15550100"}
      - {id: alice-phone, kind: push}
  - {name: bob, password: Bob-Pass-1, devices: [{id: bob-yubi, kind: yubikey, public_id: cccccccccccb}]}
assets: [{name: db01, address: 10.0.0.5}]
accounts:
  - {name: root, asset: db01, password: Root-Secret-1, checkout: {exclusive: true}, access: {users: [alice]}}
  - {name: postgres, asset: db01, password: Postgres-Secret-1, checkout: {approval: required}, access: {users: [alice], approvers: [bob]}}
servers: [{kind: native}]
`

func start(t *testing.T) *dialecttest.Fleet {
	return dialecttest.Run(t, []dialect.Kind{{Name: "native", New: native.New, Settings: native.Settings{}}}, seed)
}

// get asks the control port; with "host:" before the path, by another name.
func get(t *testing.T, f *dialecttest.Fleet, token, host, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+f.Addr("control/http")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %d with %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return resp.StatusCode, string(body)
}

func TestWhatTheControlPortSays(t *testing.T) {
	f := start(t)
	for path, want := range map[string]string{
		"/healthz": `"status":"ok"`, "/readyz": `"status":"ready"`, "/endpoints": `"facts":{}`, "/ca.pem": "BEGIN CERTIFICATE",
		"/users/alice/otp":  `"device":"alice-totp","kind":"totp","code":"`,
		"/users/ALICE/otp":  `"note":"no code was delivered: no code is on its way to alice-sms"`,
		"/journal?limit=10": `"dropped":0`,
	} {
		if code, body := get(t, f, "control-token", "", path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", path, code, body, want)
		}
	}
}

func TestWhatTheControlPortRefuses(t *testing.T) {
	f := start(t)
	for _, tt := range []struct {
		token, host, path string
		want              int
	}{
		{"", "", "/healthz", 401}, {"wrong", "", "/healthz", 401}, {"control-token", "evil.example", "/healthz", 403},
		{"control-token", "evil.example:80", "/users/alice/otp", 403}, {"control-token", "localhost:1", "/healthz", 200},
		{"control-token", "[::1]:1", "/healthz", 200}, {"control-token", "", "/users/nobody/otp", 404},
		{"control-token", "", "/nothing", 404}, {"", "", "/nothing", 401}, {"control-token", "", "/journal?since=x", 400},
		{"control-token", "", "/journal?limit=-1", 400}, {"control-token", "", "/journal?wait=soon", 400},
	} {
		if code, body := get(t, f, tt.token, tt.host, tt.path); code != tt.want {
			t.Errorf("%+v: %d %s", tt, code, body)
		}
	}
	if n := len(f.Journal.Tail(100)); n != 0 {
		t.Errorf("the control port's own %d requests are in the journal", n)
	}
}

func TestTheJournalCanBeWaitedFor(t *testing.T) {
	f := start(t)
	got := make(chan string, 1)
	go func() {
		_, body := get(t, f, "control-token", "", "/journal?wait=30s&op=GET+/openapi*")
		got <- body
	}()
	resp, err := http.Get("http://" + f.Addr("native/http") + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var page struct{ Entries []struct{ Op string } }
	if json.Unmarshal([]byte(<-got), &page); len(page.Entries) != 1 || page.Entries[0].Op != "GET /openapi.json" {
		t.Errorf("%+v", page)
	}
	if code, body := get(t, f, "control-token", "", "/journal?wait=1ms&actor=nobody"); code != 200 || !strings.Contains(body, `"entries":[]`) {
		t.Errorf("nothing came: %d %s", code, body)
	}
}

func TestStrangersNeedAToken(t *testing.T) {
	for listen, fine := range map[string]bool{"127.0.0.1:0": true, "[::1]:0": true, "localhost:0": true, "0.0.0.0:0": false, "10.0.0.1:8099": false, ":8099": false, "nonsense": false} {
		if _, err := control.New(control.Config{Listen: listen}); (err == nil) != fine {
			t.Errorf("%s without a token: %v", listen, err)
		}
	}
	if _, err := control.New(control.Config{Listen: "0.0.0.0:0", Token: "t"}); err != nil {
		t.Error(err)
	}
}

// TestS9WhatIsNoToken: what a client could not send, or anybody could guess.
func TestS9WhatIsNoToken(t *testing.T) {
	for token, want := range map[string]string{
		"": "is empty", " ": "a blank", "a b c d": "a blank", "tok\ten": "a control character", "token\x7f": "a control character",
		"t\u00f6ken": "not of ASCII", "abc": "has 3 characters", strings.Repeat("x", 1001): "has 1001 characters", "t0ken": "", "s3cr3t/+=.~": "",
	} {
		err := control.CheckToken(token)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.20q: %v, want %q", token, err, want)
		}
		if token == "" || strings.Contains(want, "characters") { // a port of a test may have a short one
			continue
		}
		if _, err := control.New(control.Config{Listen: "127.0.0.1:0", Token: token}); (err == nil) != (want == "") {
			t.Errorf("%.20q: a port with it: %v", token, err)
		}
	}
}

// TestS9OneSpellingOfAPathAndOfAKey asks the port itself.
func TestS9OneSpellingOfAPathAndOfAKey(t *testing.T) {
	a := client(t)
	if code, body := get(t, a.f, "control-token", "", "/%63lock"); code != 200 || !strings.Contains(body, `"now"`) {
		t.Errorf("/%%63lock: %d %s", code, body)
	}
	for body, want := range map[string]string{
		`{"ADVANCE":"1s"}`:                `unknown field \"ADVANCE\", it is written \"advance\"`,
		`{"advance":"1s","advance":"1h"}`: `field \"advance\" is there twice`,
		"{\"advance\":\"1s\xff\"}":        "not in UTF-8",
	} {
		if r := a.want(400, "POST", "/clock", body); !strings.Contains(r.body, want) {
			t.Errorf("%s: %s, want %s", body, r.body, want)
		}
	}
}

// TestS1QuestionsToTheJournalAreBounded: what one question costs is its reader's
// business no longer when the timeline is held against it.
func TestS1QuestionsToTheJournalAreBounded(t *testing.T) {
	a := client(t)
	long := strings.Repeat("*a", 300)
	for _, path := range []string{"/journal?op=" + long, "/journal/find?why=" + long, "/journal/wait?actor=" + long, "/journal/stream?object=" + long} {
		if r := a.want(400, "GET", path, ""); !strings.Contains(r.body, "is longer than 400 octets") {
			t.Errorf("%s: %s", path[:20], r.body)
		}
	}
	many := strings.Repeat(`{"match":{"op":"x"}},`, 200) + `{"match":{"op":"x"}}`
	for _, check := range []string{`{"expect":[` + many + `]}`, `{"expect":[{"match":{"op":"` + long + `"}}]}`, `{"only":[{"why":"` + long + `"}]}`} {
		a.want(400, "POST", "/journal/verify", check)
	}
}
