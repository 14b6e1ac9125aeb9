package duo_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/factor"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/duo/internal/sign"
)

const (
	success     = "Success. Logging you in..."
	usedBefore  = "This passcode has already been used. Please generate a new passcode and try again."
	incorrect   = "Incorrect passcode. Please try again."
	badParam    = "Invalid request parameters"
	noParam     = "Missing required request parameters"
	badSig      = "Invalid signature in request credentials"
	isDisabled  = "Your account is disabled and cannot access this application. Please contact your administrator."
	isLockedOut = "Your account has been locked out due to excessive authentication failures. Please contact your administrator."
)

// TestConformance walks section 9 of the contract. Numbers 28, 29, 30 and 32 are
// real clients: here they are played by hand, in real_test.go by themselves.
func TestConformance(t *testing.T) {
	list := dialecttest.Checklist(t, "testdata/checklist.txt")
	list.Run("1 ping is unsigned and tells the time", func(t *testing.T) {
		f := start(t)
		c := newCall("GET", "/auth/v2/ping")
		c.auth, c.dateHeader = "none", ""
		a := f.send(c)
		if now, number := a.json["response"].(map[string]any)["time"].(float64); a.status != 200 || !number || int64(now) != f.Clock.Now().Unix() {
			t.Errorf("%d %s", a.status, a.body)
		}
		c.auth = "Basic bm9uc2Vuc2U="
		if a := f.send(c); a.status != 200 {
			t.Errorf("a signature of ping is looked at: %s", a.body)
		}
	})
	list.Run("2 golden vectors, and one bit changed in any line", vectors)
	list.Run("3 SHA1 and SHA512 of version 2, no other length", func(t *testing.T) {
		f := start(t)
		c := newCall("GET", "/auth/v2/check")
		for range 2 {
			if a := f.send(c); a.status != 200 {
				t.Errorf("%s", a.body)
			}
			c.digest = sha1New
		}
		c.auth = "Basic " + basic(ikey+":"+strings.Repeat("a", 64))
		f.failed(f.send(c), 401, "40103", badSig, "")
	})
	list.Run("4 dates", dates)
	list.Run("5 the body's hash is over its octets", func(t *testing.T) {
		f := start(t)
		for _, body := range []string{`{"username":"nobody"}`, "{ \"username\" :\n \"nobody\" , \"ipaddr\":\"1.2.3.4\"}", `{"ipaddr":"1.2.3.4","username":"nobody","n":1,"b":true}`} {
			c := newCall("POST", "/auth/v2/preauth")
			c.version, c.body, c.contentType = sign.V5, body, "application/json"
			if a := f.send(c); a.str("response.result") != "enroll" {
				t.Errorf("%s: %s", body, a.body)
			}
			signed := f.signature(c)
			c.auth, c.body = "Basic "+basic(ikey+":"+signed), body+" "
			f.failed(f.send(c), 401, "40103", badSig, "")
		}
	})
	list.Run("6 parameters are canonicalised", func(t *testing.T) {
		f := start(t)
		for _, body := range []string{"username=nobody&b=two+words&a=~x*%28%C3%A9%29%2F&a=1%2b1", "a=1%2B1&a=%7Ex%2a(é)/&b=two%20words&username=nobody"} {
			c := newCall("POST", "/auth/v2/preauth", "a", "~x*(é)/", "a", "1+1", "b", "two words", "username", "nobody")
			c.date = f.Clock.Now().Format(time.RFC1123Z)
			c.auth = "Basic " + basic(ikey+":"+f.signature(c))
			c.body = body
			if a := f.send(c); a.str("response.result") != "enroll" {
				t.Errorf("%s: %s", body, a.body)
			}
		}
	})
	list.Run("7 a host with a port", func(t *testing.T) {
		f := start(t)
		c := newCall("GET", "/auth/v2/check")
		c.host = host + ":8443"
		for _, c.signedHost = range []string{host, host + ":8443", strings.ToUpper(host)} {
			if a := f.send(c); a.status != 200 {
				t.Errorf("signed as %s: %s", c.signedHost, a.body)
			}
		}
		c.signedHost = host + ":443"
		f.failed(f.send(c), 401, "40103", badSig, "")
	})
	list.Run("8 unknown key and no credentials", func(t *testing.T) {
		f := start(t)
		c := newCall("GET", "/auth/v2/check")
		f.failed(f.as("DINOBODYNOBODYNOBODY").send(c), 401, "40102", "Invalid integration key in request credentials", "")
		for _, c.auth = range []string{"none", "Bearer x", "Basic %%%", "Basic " + basic("no colon")} {
			f.failed(f.send(c), 401, "40101", "Missing request credentials", "")
		}
		f.failed(f.as("DIZZZZZZZZZZZZZZZZZZ").get("/auth/v2/check"), 403, "40301", "Access forbidden", "")
	})
	list.Run("9 an absolute request target is routed", absolute)
	list.Run("10 an empty query passes", func(t *testing.T) {
		f := start(t)
		if a := f.get("/auth/v2/check"); a.status != 200 || a.str("response.time") == "" {
			t.Errorf("%s", a.body)
		}
	})
	list.Run("11 an unknown user must enroll", func(t *testing.T) {
		f := start(t)
		for _, name := range []string{"nobody", "new"} {
			a := f.post("/auth/v2/preauth", "username", name)
			if a.str("response.result") != "enroll" || a.str("response.status_msg") != "Enroll an authentication device to proceed" ||
				!strings.HasPrefix(a.str("response.enroll_portal_url"), "https://"+host+"/") {
				t.Errorf("%s", a.body)
			}
			f.failed(f.post("/auth/v2/auth", "username", name, "factor", "passcode", "passcode", "123456"), 400, "40002", badParam, "username")
		}
		if a := f.as("DIXXXXXXXXXXXXXXXXXX").post("/auth/v2/preauth", "username", "nobody"); a.str("response.result") != "deny" || a.str("response.status_msg") == "" {
			t.Errorf("%s", a.body)
		}
		if a := f.as("DIYYYYYYYYYYYYYYYYYY").post("/auth/v2/preauth", "username", "nobody"); a.str("response.result") != "allow" {
			t.Errorf("%s", a.body)
		}
	})
	list.Run("12 devices in the seed's order", devices)
	list.Run("13 nobody named", func(t *testing.T) {
		f := start(t)
		f.failed(f.post("/auth/v2/preauth"), 400, "40001", noParam, "user_id or username")
		f.failed(f.post("/auth/v2/preauth", "username", "alice", "user_id", "DUX"), 400, "40002", badParam, "user_id or username")
		f.failed(f.post("/auth/v2/preauth", "user_id", "DUX"), 400, "40002", badParam, "user_id")
	})
	list.Run("14 bypass, disabled and locked out", func(t *testing.T) {
		f := start(t)
		for user, want := range map[string][2]string{
			"robot": {"allow", "Account is active"}, "off": {"deny", isDisabled}, "dave": {"deny", isDisabled}, "lou": {"deny", isLockedOut}, "ROBOT": {"allow", "Account is active"},
		} {
			if a := f.post("/auth/v2/preauth", "username", user); a.str("response.result") != want[0] || a.str("response.status_msg") != want[1] {
				t.Errorf("%s: %s", user, a.body)
			}
		}
		f.ends(f.post("/auth/v2/auth", "username", "robot", "factor", "passcode", "passcode", "1"), "allow", "bypass", success)
		f.ends(f.post("/auth/v2/auth", "username", "dave", "factor", "passcode", "passcode", f.code("dave-totp")), "deny", "deny", isDisabled)
		f.ends(f.post("/auth/v2/auth", "username", "lou", "factor", "passcode", "passcode", f.code("lou-totp")), "deny", "locked_out", isLockedOut)
		f.ends(f.post("/auth/v2/auth", "username", "eve", "factor", "passcode", "passcode", f.code("eve-totp")), "allow", "allow", success)
	})
	list.Run("15 a passcode is good once", func(t *testing.T) {
		f := start(t)
		for _, device := range []string{"alice-app", "alice-token"} {
			code := f.code(device)
			f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", code), "allow", "allow", success)
			f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", code), "deny", "deny", usedBefore)
		}
		f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "000000"), "deny", "deny", incorrect)
		f.failed(f.post("/auth/v2/auth", "username", "alice", "factor", "passcode"), 400, "40001", noParam, "passcode")
		f.failed(f.post("/auth/v2/auth", "username", "alice"), 400, "40001", noParam, "factor")
		f.failed(f.post("/auth/v2/auth", "username", "alice", "factor", "telepathy"), 400, "40002", badParam, "factor")
		if e := f.Last(journal.Match{Actor: "alice", Op: "POST /auth/v2/auth"}); strings.Contains(e.Request, "000000") {
			t.Errorf("the journal shows passcodes: %s", e.Request)
		}
	})
	list.Run("16 bypass codes", func(t *testing.T) {
		f := start(t)
		try := func(code string) answer {
			return f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", code)
		}
		f.ends(try("123456789"), "allow", "allow", success)
		f.ends(try("123456789"), "allow", "allow", success)
		f.ends(try("987654321"), "allow", "allow", success)
		f.ends(try("987654321"), "deny", "deny", usedBefore)
		f.ends(try("555555555"), "deny", "deny", incorrect)
	})
	list.Run("17 a push is decided by the device's policy", pushes)
	list.Run("18 nobody answers", func(t *testing.T) {
		f := start(t, "push_ttl: 30s")
		got := f.later(t.Context(), "tim", newCall("POST", "/auth/v2/auth", "username", "tim", "factor", "push", "device", "auto"))
		f.Clock.Advance(30*time.Second - time.Nanosecond)
		f.still(got)
		f.Clock.Advance(time.Nanosecond)
		f.ends(<-got, "deny", "timeout", "Login timed out.")
		got = f.later(t.Context(), "tim", newCall("POST", "/auth/v2/auth", "username", "tim", "factor", "phone", "device", "auto"))
		f.Clock.Advance(30 * time.Second)
		f.ends(<-got, "deny", "timeout", "Authentication timed out.")
	})
	list.Run("19 a client that goes away leaves nothing", goesAway)
	list.Run("20 no capable device", func(t *testing.T) {
		f := start(t)
		for user, factor := range map[string]string{"testautonodevice": "push", "dora": "phone", "bob": "sms", "eve": "auto"} {
			f.failed(f.post("/auth/v2/auth", "username", user, "factor", factor, "device", "auto"), 400, "40002", badParam, "no capable device")
		}
		f.failed(f.post("/auth/v2/auth", "username", "bob", "factor", "push"), 400, "40001", noParam, "device")
		f.failed(f.post("/auth/v2/auth", "username", "bob", "factor", "push", "device", "DPNONE"), 400, "40002", badParam, "device")
		f.failed(f.post("/auth/v2/auth", "username", "bob", "factor", "push", "device", "auto", "pushinfo", "a=%"), 400, "40002", badParam, "pushinfo")
	})
	list.Run("21 text messages", texts)
	list.Run("22 asynchronous", asynchronous)
	list.Run("23 the hold of auth_status", func(t *testing.T) {
		f := start(t, "status_hold: 7s")
		txid := f.post("/auth/v2/auth", "username", "bob", "factor", "push", "device", "auto", "async", "1").str("response.txid")
		f.ends(f.get("/auth/v2/auth_status", "txid", txid), "waiting", "pushed", "Pushed a login request to your device...")
		got := f.later(t.Context(), "bob", newCall("GET", "/auth/v2/auth_status", "txid", txid))
		f.Clock.Advance(7*time.Second - time.Nanosecond)
		f.still(got)
		f.Clock.Advance(time.Nanosecond)
		f.ends(<-got, "waiting", "pushed", "Pushed a login request to your device...")
	})
	list.Run("24 the end is repeated, then forgotten", func(t *testing.T) {
		f := start(t)
		txid := f.post("/auth/v2/auth", "username", "dora", "factor", "push", "device", "auto", "async", "1").str("response.txid")
		for range 3 {
			f.ends(f.get("/auth/v2/auth_status", "txid", txid), "deny", "deny", "Login request denied.")
		}
		f.failed(f.get("/auth/v2/auth_status", "txid", "no-such"), 400, "40002", badParam, "txid")
		f.failed(f.get("/auth/v2/auth_status"), 400, "40001", noParam, "txid")
		f.failed(f.as("DIYYYYYYYYYYYYYYYYYY").get("/auth/v2/auth_status", "txid", txid), 400, "40002", badParam, "txid")
		f.Clock.Advance(5 * time.Minute)
		f.failed(f.get("/auth/v2/auth_status", "txid", txid), 400, "40002", badParam, "txid")
	})
	list.Run("25 verified push", verifiedPush)
	list.Run("26 enrolment", enrolment)
	list.Run("27 rate limit", rates)
	list.Run("28 a login in the calls of each client", scripted)
	list.Run("29 rest/v1 in BSON and JSON", oldSurface)
	list.Run("30 a text client's flow", textClient)
	list.Run("31 lock-out", lockOut)
	list.Run("32 what the SPS plugin asks", plugin)
	list.Run("33 a pending push over the control API", control)
}

// still demands that a held request has not been answered.
func (f *fleet) still(got <-chan answer) {
	f.t.Helper()
	for range 3 { // round trips in which a wrong answer would come
		f.get("/auth/v2/check")
	}
	select {
	case a := <-got:
		f.t.Fatalf("answered too early: %s", a.body)
	default:
	}
}

func vectors(t *testing.T) {
	f := start(t)
	const date = "Tue, 21 Aug 2012 17:29:18 -0000"
	form := newCall("POST", "/auth/v2/auth", "async", "0", "device", "auto", "factor", "push", "username", "alice@example.com")
	body := form
	body.body, body.contentType = `{"async":"0","device":"auto","factor":"push","username":"alice@example.com"}`, "application/json"
	check := newCall("GET", "/auth/v2/check")
	// internal/sign holds the vectors' own octets; here they meet the window: a
	// request of 2012 is refused for its date, which a wrong signature is not.
	for _, v := range []struct {
		c   call
		mac string
	}{
		{form, "8aa883df022aadde32b3302e34e8e26b909cb4dc"},
		{body, "acd1ca2f1b128a404fb94b54541b61d6f80447a04c9e06f3f85d5beff0356de5331d5bbc0b3743958f819ca961d7b415ef47212cf2c824c58f346501316ac6bb"},
		{check, "eda5234cb7789b50c3cb0330475a23a98daeca68fd4c5260219a6f05e96ae31943b323c5c8c183871a36dfe05f5f8c035c497dda0d36a7c446d4c7c911e1a19a"},
	} {
		v.c.date, v.c.auth = date, "Basic "+basic(ikey+":"+v.mac)
		f.failed(f.send(v.c), 401, "40105", "Bad request timestamp", "")
	}
	for _, version := range []sign.Version{sign.V2, sign.V4, sign.V5} {
		for what, spoil := range map[string]func(*call){
			"date":    func(c *call) { c.date = f.Clock.Now().Add(time.Second).Format(time.RFC1123Z) },
			"host":    func(c *call) { c.host = "api-12345679.duosecurity.com" },
			"query":   func(c *call) { c.query = "a=c" },
			"path":    func(c *call) { c.path = "/auth/v2/logo" },
			"method":  func(c *call) { c.method, c.path = "POST", "/auth/v2/preauth" },
			"headers": func(c *call) { c.header = http.Header{"X-Duo-A": {"2"}} },
		} {
			c := newCall("GET", "/auth/v2/check", "a", "b")
			c.version, c.date, c.header = version, f.Clock.Now().Format(time.RFC1123Z), http.Header{"X-Duo-A": {"1"}}
			if a := f.send(c); a.status != 200 {
				t.Fatalf("version %d: %s", version, a.body)
			}
			c.auth = "Basic " + basic(ikey+":"+f.signature(c))
			if spoil(&c); what == "headers" && version < sign.V5 {
				continue
			}
			f.failed(f.send(c), 401, "40103", badSig, "")
		}
	}
	wrong := start(t)
	wrong.key[1] = strings.Repeat("B", 40)
	wrong.failed(wrong.get("/auth/v2/check"), 401, "40103", badSig, "")
}

func dates(t *testing.T) {
	f := start(t)
	now := f.Clock.Now()
	c := newCall("GET", "/auth/v2/check")
	for _, text := range []string{
		now.Format("Mon, 02 Jan 2006 15:04:05 -0000"), now.Format(time.RFC1123Z), now.Format("Mon, 02 Jan 2006 15:04:05 GMT"),
		now.In(time.FixedZone("", 7200)).Format(time.RFC1123Z), now.Add(5 * time.Minute).Format(time.RFC1123Z), now.Add(-5 * time.Minute).Format(time.RFC1123Z),
	} {
		if c.date = text; f.send(c).status != 200 {
			t.Errorf("%s is refused", text)
		}
	}
	for _, off := range []time.Duration{301 * time.Second, -301 * time.Second} {
		c.date = now.Add(off).Format(time.RFC1123Z)
		f.failed(f.send(c), 401, "40105", "Bad request timestamp", "")
	}
	for _, c.date = range []string{"yesterday", "2026-01-01T12:00:00Z", strings.Repeat("x", 100)} {
		f.failed(f.send(c), 401, "40104", "Missing or invalid Date header", "")
	}
	c.date, c.dateHeader, c.auth = "", "", "Basic "+basic(ikey+":"+strings.Repeat("a", 40))
	f.failed(f.send(c), 401, "40104", "Missing or invalid Date header", "")

	own := newCall("GET", "/auth/v2/check")
	own.dateHeader, own.header = "X-Duo-Date", http.Header{"Date": {"Tue, 21 Aug 2012 17:29:18 -0000"}}
	if a := f.send(own); a.status != 200 {
		t.Errorf("X-Duo-Date does not win: %s", a.body)
	}
}

// absolute asks as Python does behind a proxy.
func absolute(t *testing.T) {
	f := start(t)
	req := f.request(t.Context(), newCall("GET", "/auth/v2/check"))
	conn := f.dial()
	defer conn.Close()
	_, err := io.WriteString(conn, "GET https://"+host+"/auth/v2/check? HTTP/1.1\r\nHost: "+host+"\r\nDate: "+req.Header.Get("Date")+
		"\r\nAuthorization: "+req.Header.Get("Authorization")+"\r\nConnection: close\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 200 ") || !strings.Contains(string(got), `"time"`) {
		t.Errorf("%s, %v", got, err)
	}
}

func devices(t *testing.T) {
	f := start(t)
	a := f.post("/auth/v2/preauth", "username", "alice")
	var got struct {
		Response struct {
			Devices []map[string]any
		}
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	list := got.Response.Devices
	if a.str("response.result") != "auth" || a.str("response.status_msg") != "Account is active" || len(list) != 2 {
		t.Fatalf("%s", a.body)
	}
	phone, token := list[0], list[1]
	for name, want := range map[string]string{
		"type": "phone", "name": "Alice phone", "number": "XXX-XXX-4788", "display_name": "Alice phone (XXX-XXX-4788)", "capabilities": "[auto push sms phone mobile_otp]",
	} {
		if v := a.str("response.devices.0." + name); v != want {
			t.Errorf("%s is %s, want %s", name, v, want)
		}
	}
	if id, _ := phone["device"].(string); !regexp.MustCompile(`^DP[A-Z0-9]{18}$`).MatchString(id) {
		t.Errorf("the phone's ID is %s", id)
	}
	if id, _ := token["device"].(string); !regexp.MustCompile(`^DH[A-Z0-9]{18}$`).MatchString(id) || token["name"] != "20361492" || len(token) != 3 || token["type"] != "token" {
		t.Errorf("the token is %v", token)
	}
	for _, form := range []string{"ALICE", "alice.a", `ACME\alice`, "alice@acme.test"} {
		if again := f.post("/auth/v2/preauth", "username", form); again.str("response.devices.0.device") != phone["device"] {
			t.Errorf("%s: %s", form, again.body)
		}
	}
	if a := f.post("/auth/v2/preauth", "username", "testautonodevice"); a.str("response.result") != "auth" || a.str("response.devices") != "[]" {
		t.Errorf("%s", a.body)
	}
	if f.post("/auth/v2/preauth", "username", "alice"); f.post("/auth/v2/auth", "username", "alice", "factor", "sms", "device", "auto").status != 200 {
		t.Error("no SMS")
	}
	if a := f.post("/auth/v2/preauth", "username", "alice"); a.str("response.devices.0.sms_nextcode") != "1" {
		t.Errorf("%s", a.body)
	}
	if err := f.Factors.Disable(t.Context(), "alice-phone", true); err != nil {
		t.Fatal(err)
	}
	if a := f.post("/auth/v2/preauth", "username", "alice"); strings.Contains(a.str("response.devices.0.capabilities"), "push") || strings.Contains(a.body, "DP"+strings.TrimPrefix(phone["device"].(string), "DP")) {
		t.Errorf("a phone that is off: %s", a.body)
	}
	none := start(t, "username_normalization: none")
	if a := none.post("/auth/v2/preauth", "username", `ACME\alice`); a.str("response.result") != "enroll" {
		t.Errorf("%s", a.body)
	}
}

func pushes(t *testing.T) {
	f := start(t)
	login := func(user, factor string, more ...string) call {
		return newCall("POST", "/auth/v2/auth", append([]string{"username", user, "factor", factor, "device", "auto"}, more...)...)
	}
	got := f.later(t.Context(), "alice", login("alice", "push", "pushinfo", "from=login%20portal&domain=example.com", "type", "Transfer", "ipaddr", "10.1.2.3", "display_username", "Alice A."))
	all, _ := f.Factors.Approvals(t.Context(), "alice")
	want := map[string]string{"integration": "sps", "from": "login portal", "domain": "example.com", "type": "Transfer", "ipaddr": "10.1.2.3", "display_username": "Alice A."}
	for k, v := range want {
		if len(all) != 1 || all[0].Details[k] != v || all[0].System != "duo" {
			t.Fatalf("the phone shows %+v", all)
		}
	}
	f.Clock.Advance(time.Second - time.Nanosecond)
	f.still(got)
	f.Clock.Advance(time.Nanosecond)
	f.ends(<-got, "allow", "allow", success)

	f.ends(f.send(login("dora", "push")), "deny", "deny", "Login request denied.")
	f.ends(f.send(login("dora", "auto")), "deny", "deny", "Login request denied.")
	f.ends(f.send(login("mallory", "push")), "deny", "fraud", "Login request reported as fraudulent.")

	got = f.later(t.Context(), "alice", login("alice", "phone"))
	f.Clock.Advance(4 * time.Second)
	f.ends(<-got, "allow", "allow", success)

	id := f.post("/auth/v2/preauth", "username", "bob").str("response.devices.0.device")
	got = f.later(t.Context(), "bob", newCall("POST", "/auth/v2/auth", "username", "bob", "factor", "push", "device", id))
	if _, err := f.Factors.Decide(t.Context(), f.pending("bob"), factor.Verdict{State: factor.Approved}); err != nil {
		t.Fatal(err)
	}
	f.ends(<-got, "allow", "allow", success)
}

func goesAway(t *testing.T) {
	f := start(t)
	f.get("/auth/v2/check")
	before := runtime.NumGoroutine()
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		got := f.later(ctx, "bob", newCall("POST", "/auth/v2/auth", "username", "bob", "factor", "push", "device", "auto"))
		cancel()
		<-got
		if _, err := f.Factors.Decide(t.Context(), f.pending("bob"), factor.Verdict{State: factor.Approved}); err != nil {
			t.Fatal(err) // a late approval is harmless
		}
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+4; runtime.Gosched() {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
	got := f.later(t.Context(), "bob", newCall("POST", "/auth/v2/auth", "username", "bob", "factor", "push", "device", "auto"))
	f.Clock.Advance(time.Minute)
	f.ends(<-got, "deny", "timeout", "Login timed out.")
}
