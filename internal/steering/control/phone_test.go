package control_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/decision"
	"counterpart/internal/company/factor"
)

// holding is a client with another token: that of a phone, or none.
func (a *api) holding(token, cookie, method, path, body string) (int, string, http.Header) {
	a.t.Helper()
	req, _ := http.NewRequest(method, "http://"+a.f.Addr("control/http")+path, strings.NewReader(body))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), resp.Header
}

func (a *api) push(user, number string) factor.Approval {
	a.t.Helper()
	p, err := a.f.Factors.Ask(a.t.Context(), factor.Ask{System: "duo", UserID: user, Number: number, Message: "Log in?", Details: map[string]string{"ip": "10.0.0.21"}})
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

func TestAPhoneShowsItself(t *testing.T) {
	a := client(t)
	p := a.push("alice", "376")
	a.f.Factors.Send(t.Context(), "alice-sms", "radius")
	now, until, _ := a.f.Factors.Current(t.Context(), "alice-totp")
	r := a.want(200, "GET", "/phone/ALICE", "")
	for path, want := range map[string]string{"user": "alice", "organization": "Acme", "frozen": "true", "pushes.0.id": p.ID, "pushes.0.number_digits": "3", "pushes.0.kind": "push",
		"pushes.0.details.ip": "10.0.0.21", "pushes.0.left_alone.ends": "expired", "pushes.0.left_alone.by": "time", "waiting": "1", "lately": "1",
		"codes.0.device": "alice-totp", "codes.0.code": now, "codes.0.until": until.Format(time.RFC3339), "codes.0.period_s": "30", "messages.0.device": "alice-sms", "messages.0.over": "false"} {
		if got := r.str(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if strings.Contains(r.body, "376") {
		t.Errorf("the number to be typed is shown: %s", r.body)
	}
	next := r.str("codes.0.next")
	a.f.Clock.Advance(30 * time.Second)
	if r := a.want(200, "GET", "/phone/alice", ""); r.str("codes.0.code") != next || next == "" || next == now {
		t.Errorf("next is %q: %s", next, r.body)
	}
	a.want(404, "GET", "/phone/zoe", "")
	a.want(400, "GET", "/phone/alice?wait=soon", "")
}

func TestAPhoneAnswersItsPushes(t *testing.T) {
	a := client(t)
	p := a.push("alice", "376")
	for body, status := range map[string]int{`{"verdict":"approve"}`: 400, `{"verdict":"approve","number":"377"}`: 400, `{"verdict":"cancel"}`: 400, `{"verdict":"approve","by":"me"}`: 400} {
		r := a.want(status, "POST", "/phone/alice/pushes/"+p.ID, body)
		if strings.Contains(body, `"approve"`) && !strings.Contains(body, "by") && (r.str("pending") != "true" || r.str("title") != "not the number that the login shows" || strings.Contains(r.body, "376")) {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	a.want(404, "POST", "/phone/bob/pushes/"+p.ID, `{"verdict":"approve","number":"376"}`)
	if r := a.want(200, "POST", "/phone/alice/pushes/"+p.ID, `{"verdict":"approve","number":"376"}`); r.str("state") != "approved" || r.str("by") != "phone" {
		t.Errorf("%s", r.body)
	}
	a.want(409, "POST", "/phone/alice/pushes/"+p.ID, `{"verdict":"deny"}`)
	a.want(200, "POST", "/phone/alice/pushes/"+a.push("alice", "").ID, `{"verdict":"fraud"}`)
	if r := a.want(200, "GET", "/phone/alice", ""); r.str("answered.1.state") == "" || !strings.Contains(r.body, `"fraud":true`) || r.str("waiting") != "0" || r.str("lately") != "2" {
		t.Errorf("%s", r.body)
	}
}

// TestAPhoneSaysWhatHappensWhenItIsLeftAlone, by the policy and by orders; one order leaves
// a push to its owner.
func TestAPhoneSaysWhatHappensWhenItIsLeftAlone(t *testing.T) {
	a := client(t)
	for body, want := range map[string]string{
		`{"verb":"approve","device":"alice-phone","next":1,"after":"10s"}`:     "approved 12:00:10 order",
		`{"verb":"fraud","device":"alice-phone","next":1}`:                     "",
		`{"verb":"timeout","device":"alice-phone","next":1}`:                   "expired 12:01:00 order",
		`{"verb":"interactive","device":"alice-phone","next":1}`:               "expired 12:01:00 order",
		`{"verb":"interactive","device":"alice-phone","next":1,"after":"90s"}`: "expired 12:01:30 order",
	} {
		a.want(201, "POST", "/decisions", body)
		p := a.push("alice", "")
		r := a.want(200, "GET", "/phone/alice", "")
		got := ""
		if at := r.str("pushes.0.left_alone.at"); at != "" {
			got = r.str("pushes.0.left_alone.ends") + " " + at[11:19] + " " + strings.TrimRight(strings.Replace(r.str("pushes.0.left_alone.by"), string(decision.Verb("decision-")), "order", 1), "0123456789")
		}
		if got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
		if want != "" {
			a.want(200, "POST", "/phone/alice/pushes/"+p.ID, `{"verdict":"deny"}`)
		}
	}
	a.want(400, "POST", "/decisions", `{"verb":"interactive","user":"alice","on":"checkout"}`)
}

// TestAPhonesTokenOpensThatPhoneAlone.
func TestAPhonesTokenOpensThatPhoneAlone(t *testing.T) {
	a := client(t)
	r := a.want(201, "POST", "/phones/alice", `{"base":"http://192.168.1.5:8099"}`)
	token := r.str("token")
	if r.str("url") != "http://192.168.1.5:8099/phone/alice#"+token || len(token) < 20 {
		t.Fatalf("%s", r.body)
	}
	if raw, err := base64.StdEncoding.DecodeString(r.str("qr")); err != nil || !bytes.HasPrefix(raw, []byte("\x89PNG")) {
		t.Errorf("no picture: %v", err)
	}
	code, body, head := a.holding(token, "", "GET", "/phone/alice", "")
	if code != 200 || head.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s %v", code, body, head)
	}
	for path, want := range map[string]int{"/phone/bob": 401, "/phone/zoe": 401, "/people": 401, "/journal": 401, "/users/alice/otp": 401, "/phone/bob/devices/bob-yubi/uri": 401,
		"/phone/alice/devices/bob-yubi/uri": 404, "/phone/alice/devices/none/uri": 404, "/phone/alice/devices/alice-sms/uri": 409} {
		if code, body, _ := a.holding(token, "", "GET", path, ""); code != want {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	for path, body := range map[string]string{"/phones/alice": "", "/clock": `{"advance":"1h"}`, "/phone/bob/devices/bob-yubi/press": ""} {
		if code, _, _ := a.holding(token, "", "POST", path, body); code != 401 {
			t.Errorf("POST %s: %d", path, code)
		}
	}
	for _, wrong := range []string{"", "wrong", token + "x", strings.ToLower(token)} {
		if code, _, _ := a.holding(wrong, "", "GET", "/phone/alice", ""); code != 401 {
			t.Errorf("with %q: %d", wrong, code)
		}
	}
	code, _, head = a.holding("", "", "POST", "/phone/alice/session", `{"token":"`+token+`"}`)
	cookie, _, _ := strings.Cut(head.Get("Set-Cookie"), ";")
	if code != 204 || !strings.Contains(head.Get("Set-Cookie"), "; Path=/phone/alice; HttpOnly; SameSite=Strict") {
		t.Errorf("%d %v", code, head)
	}
	for path, want := range map[string]int{"/phone/alice": 200, "/phone/bob": 401, "/people": 401} {
		if code, _, _ := a.holding("", cookie, "GET", path, ""); code != want {
			t.Errorf("with the cookie %s: %d", path, code)
		}
	}
	for _, path := range []string{"/phone/bob/session", "/phone/zoe/session"} {
		if code, _, _ := a.holding("", "", "POST", path, `{"token":"`+token+`"}`); code != 401 {
			t.Errorf("%s: %d", path, code)
		}
	}
	a.want(200, "POST", "/state/reset", "") // a phone stays paired
	if code, _, _ := a.holding(token, "", "GET", "/phone/alice", ""); code != 200 {
		t.Errorf("after a reset: %d", code)
	}
	a.want(204, "DELETE", "/phones/alice", "")
	if code, _, _ := a.holding(token, "", "GET", "/phone/alice", ""); code != 401 {
		t.Errorf("after it was unpaired: %d", code)
	}
	for i := range 17 {
		next := a.want(201, "POST", "/phones/alice", "").str("token")
		if i == 0 {
			token = next
		}
	}
	if code, _, _ := a.holding(token, "", "GET", "/phone/alice", ""); code != 401 {
		t.Errorf("the oldest of seventeen: %d", code)
	}
	a.want(404, "POST", "/phones/zoe", "")
	a.want(404, "DELETE", "/phones/zoe", "")
	for _, bad := range []string{`"ftp://x"`, `"x"`, `"http://u:p@x"`, `"http://x/y"`, `"http://x?y"`, `"javascript:alert(1)"`} {
		a.want(400, "POST", "/phones/alice", `{"base":`+bad+`}`)
	}
}

func TestAPhonesDevices(t *testing.T) {
	a := client(t)
	if r := a.want(200, "GET", "/phone/alice/devices/alice-totp/uri", ""); r.str("uri") != "otpauth://totp/Acme:alice%40acme.test?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "GET", "/phone/alice/devices/alice-totp/qr", ""); true {
		if _, err := png.Decode(strings.NewReader(r.body)); err != nil {
			t.Error(err)
		}
	}
	first := a.want(200, "POST", "/phone/bob/devices/bob-yubi/press", "")
	if r := a.want(200, "GET", "/phone/bob", ""); r.str("yubikeys.0.presses") != "1" || !strings.HasPrefix(first.str("otp"), "cccccccccccb") {
		t.Errorf("%s, %s", first.body, r.body)
	}
	a.want(404, "POST", "/phone/alice/devices/bob-yubi/press", "")
	a.want(409, "POST", "/phone/alice/devices/alice-totp/press", "")
}

// TestAPhoneIsWaitedFor, at another replica than the one where it rings.
func TestAPhoneIsWaitedFor(t *testing.T) {
	a := client(t)
	all, store := several(t, 3)
	token := a.at(all[0]).want(201, "POST", "/phones/alice", "").str("token")
	at := a.at(all[1])
	if code, body, _ := at.holding(token, "", "GET", "/phone/alice", ""); code != 200 {
		t.Fatalf("at another replica: %d %s", code, body)
	}
	version := at.want(200, "GET", "/phone/alice", "").str("version")
	if r := at.want(200, "GET", "/phone/alice?known="+version+"&wait=1ms", ""); r.str("version") != version {
		t.Errorf("nothing has changed: %s", r.body)
	}
	got := make(chan string)
	go func() {
		_, body, _ := at.holding(token, "", "GET", "/phone/alice?known="+version+"&wait=30s", "")
		got <- body
	}()
	p := a.at(all[2]).push("alice", "42")
	var v struct{ Pushes []struct{ ID string } }
	if body := <-got; json.Unmarshal([]byte(body), &v) != nil || len(v.Pushes) != 1 || v.Pushes[0].ID != p.ID {
		t.Errorf("%s", body)
	}
	down(t, store)
	if code, _, _ := at.holding(token, "", "GET", "/phone/alice", ""); code != 503 {
		t.Errorf("without a store: %d", code)
	}
	store.Heal()
}
