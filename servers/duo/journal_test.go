package duo_test

import (
	"encoding/json"
	"strings"
	"testing"

	"counterpart/internal/serving/journal"
	"counterpart/servers/duo/internal/sign"
)

// TestTheJournalShowsNoPasscodes: whichever way a passcode comes, and whether or
// not its request is signed, readable or known.
func TestTheJournalShowsNoPasscodes(t *testing.T) {
	f := start(t, "trusted_devices: 1h")
	const typed = "7418529"
	fields := []string{"passcode", "code", "prompt", "auto", "trusted_device_token"}
	for _, path := range []string{"/auth/v2/auth", "/rest/v1/auth.json", "/auth/v2/preauth", "/auth/v2/check", "/auth/v2/other"} {
		for _, name := range fields {
			for _, factor := range []string{"passcode", "prompt", "auto"} {
				c := newCall("POST", path, "username", "robot", "user", "robot", "factor", factor, name, typed)
				f.send(c)
				c.auth = "Basic " + basic(ikey+":"+strings.Repeat("0", 128))
				f.send(c)
				c.auth = "none"
				f.send(c)
			}
			c := newCall("POST", path)
			c.version, c.contentType = sign.V5, "application/json"
			for _, c.body = range []string{`{"factor":"prompt","` + name + `":"` + typed + `"}`, `{"` + name + `":"` + typed + `"`, `{"` + name + `":["` + typed + `"]}`, name + "=" + typed + "&x=%"} {
				f.send(c)
			}
			c = newCall("GET", path, name, typed)
			f.send(c)
		}
	}
	f.Last(journal.Match{Server: "duo", Op: "GET /auth/v2/other"})
	login := f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "123456789")
	token := login.str("response.trusted_device_token")
	if token == "" {
		t.Fatalf("%s", login.body)
	}
	f.post("/auth/v2/preauth", "username", "alice", "trusted_device_token", token)
	made := f.post("/auth/v2/enroll", "username", "zoe", "bypass_codes", "1")
	f.post("/auth/v2/auth", "username", "zoe", "factor", "prompt", "prompt", made.str("response.bypass_codes.0"))
	e := f.Last(journal.Match{Server: "duo", Op: "POST /auth/v2/auth", Actor: "duo/zoe"})
	if e.Object != "" || e.Actor != "duo/zoe" {
		t.Errorf("%+v", e)
	}
	for _, e := range f.Journal.Tail(1000) {
		text, _ := json.Marshal(e)
		for what, secret := range map[string]string{"passcode": typed, "bypass code": "123456789", "enrolled bypass code": made.str("response.bypass_codes.0"), "token": token, "skey": skey} {
			if strings.Contains(string(text), secret) {
				t.Fatalf("%s: %s", what, text)
			}
		}
	}
}
