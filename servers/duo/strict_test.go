package duo_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/state"
	"counterpart/servers/duo/internal/sign"
)

// TestASignatureCoversWhatIsRead: versions 1 and 2 sign the parameters of a form,
// so that a JSON body, which they do not sign, is no way to say something else.
func TestASignatureCoversWhatIsRead(t *testing.T) {
	f := start(t)
	for path, v := range map[string]sign.Version{"/auth/v2/preauth": sign.V2, "/rest/v1/preauth": sign.V1} {
		c := newCall("POST", path)
		c.version, c.contentType, c.body = v, "application/json", `{"username":"robot","user":"robot"}`
		f.failed(f.send(c), 401, "40103", badSig, "")
	}
	c := newCall("GET", "/auth/v2/check")
	c.version = sign.V5
	c.header["X-Duo-Flavour"] = []string{"signed"}
	if a := f.send(c); a.status != 200 {
		t.Errorf("an X-Duo header: %s", a.body)
	}
	c.date = f.Clock.Now().Format(time.RFC1123Z)
	c.auth = "Basic " + basic(ikey+":"+f.signature(c))
	c.header["X-Duo-Flavour"] = []string{"signed", "smuggled"}
	f.failed(f.send(c), 401, "40103", badSig, "")
}

// TestParametersComeFirst: what makes no sense is refused before anybody's
// standing is looked at.
func TestParametersComeFirst(t *testing.T) {
	f := start(t)
	for _, user := range []string{"robot", "off", "lou", "alice"} {
		auth := func(params ...string) answer {
			return f.post("/auth/v2/auth", append([]string{"username", user}, params...)...)
		}
		f.failed(auth(), 400, "40001", noParam, "factor")
		f.failed(auth("factor", "bogus"), 400, "40002", badParam, "factor")
		f.failed(auth("factor", "passcode"), 400, "40001", noParam, "passcode")
		f.failed(auth("factor", "push"), 400, "40001", noParam, "device")
		f.failed(auth("factor", "prompt"), 400, "40001", noParam, "prompt")
		for _, async := range []string{"2", "yes", "-1", " 1"} {
			f.failed(auth("factor", "passcode", "passcode", "1", "async", async), 400, "40002", badParam, "async")
		}
	}
	f.ends(f.post("/auth/v2/auth", "username", "robot", "factor", "push", "device", "auto", "async", "0"), "allow", "bypass", success)
	c := newCall("POST", "/auth/v2/auth")
	c.version, c.contentType, c.body = sign.V5, "application/json", `{"username":"robot","factor":"push","device":"auto","async":true}`
	if a := f.send(c); a.str("response.txid") == "" {
		t.Errorf("%s", a.body)
	}
	f.failed(f.post("/rest/v1/auth.json", "user", "robot", "factor", "bogus"), 400, "40002", badParam, "factor")
	f.failed(f.post("/rest/v1/auth.json", "user", "robot", "factor", "auto"), 400, "40001", noParam, "auto")
	f.failed(f.post("/rest/v1/auth.json", "user", "robot", "factor", "auto", "auto", "push1", "async", "x"), 400, "40002", badParam, "async")
}

// TestTextMessagesThatCannotBeSent are no failure of the service.
func TestTextMessagesThatCannotBeSent(t *testing.T) {
	f := start(t, "lockout_threshold: 0")
	sms := func() answer { return f.post("/auth/v2/auth", "username", "alice", "factor", "sms", "device", "auto") }
	f.ends(sms(), "deny", "sent", "New SMS passcodes sent")
	for range 10 {
		f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "0000000")
	}
	f.ends(sms(), "deny", "locked_out", isLockedOut)
}

// TestNamesOfGuestsDoNotMeet: whatever a name is made of, it is one person's.
func TestNamesOfGuestsDoNotMeet(t *testing.T) {
	f := start(t)
	ids := map[string]string{}
	for _, name := range []string{"\x05b", "[", "_5b", "zoe", "zoë"} {
		id := f.post("/auth/v2/enroll", "username", name).str("response.user_id")
		if other, taken := ids[id]; taken || id == "" {
			t.Errorf("%q and %q are both %q", name, other, id)
		}
		ids[id] = name
		if a := f.post("/auth/v2/preauth", "user_id", id); a.str("response.result") != "auth" {
			t.Errorf("%q: %s", name, a.body)
		}
	}
	f.failed(f.post("/auth/v2/enroll", "username", strings.Repeat("x", 300)), 400, "40002", badParam, "username")
}

// TestGuestsAreBounded: clients cannot fill the store with names.
func TestGuestsAreBounded(t *testing.T) {
	f := start(t)
	guests := state.Of[string](f.Store, "server/duo/guest")
	for i := range 9_999 {
		if err := guests.Put(t.Context(), fmt.Sprint("DU", i), "somebody", time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{9_999, 10_000} { // some were counted and never came: they take no place
		if err := state.Of[int](f.Store, "server/duo/count").Put(t.Context(), "guests", n, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if a := f.post("/auth/v2/enroll", "username", "last"); a.status != 200 {
		t.Errorf("%s", a.body)
	}
	for range 2 { // the name is not taken either
		f.failed(f.post("/auth/v2/enroll", "username", "more"), 403, "40301", "Access forbidden", "")
	}
	if a := f.post("/auth/v2/enroll", "username", "new"); a.status != 200 {
		t.Errorf("somebody of the company: %s", a.body)
	}
}

// TestPushinfoHasAnEnd: it must be shorter than 20,000 octets.
func TestPushinfoHasAnEnd(t *testing.T) {
	f := start(t)
	push := func(n int) answer {
		return f.post("/auth/v2/auth", "username", "dora", "factor", "push", "device", "auto", "pushinfo", "a="+strings.Repeat("x", n-2))
	}
	f.ends(push(19_999), "deny", "deny", "Login request denied.")
	f.failed(push(20_000), 400, "40002", badParam, "pushinfo")
}
