package duo_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/factor"
	"counterpart/internal/serving/fault"
	"counterpart/servers/duo/internal/sign"
)

// texts is number 21.
func texts(t *testing.T) {
	f := start(t)
	f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "sms", "device", "auto"), "deny", "sent", "New SMS passcodes sent")
	box, err := f.Factors.Outbox(t.Context(), "alice")
	if err != nil || len(box) != 1 || box[0].To != "+15555554788" || box[0].System != "duo" {
		t.Fatalf("%+v, %v", box, err)
	}
	codes := strings.Fields(box[0].Code)
	if len(codes) != 10 || len(codes[0]) != 7 {
		t.Fatalf("%v", codes)
	}
	for _, c := range []string{codes[7], codes[0], codes[9]} {
		f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", c), "allow", "allow", success)
		f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", c), "deny", "deny", usedBefore)
	}
	f.post("/auth/v2/auth", "username", "alice", "factor", "sms", "device", "auto")
	f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", codes[3]), "deny", "deny", incorrect)
	if err := f.Faults.Set([]fault.Rule{{Kind: "sms-lost"}}); err != nil {
		t.Fatal(err)
	}
	f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "sms", "device", "auto"), "deny", "sent", "New SMS passcodes sent")
	if box, _ := f.Factors.Outbox(t.Context(), "alice"); len(box) != 2 {
		t.Errorf("a lost message arrived: %d", len(box))
	}
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// asynchronous is number 22.
func asynchronous(t *testing.T) {
	f := start(t)
	begin := func(user, factor string) string {
		t.Helper()
		a := f.post("/auth/v2/auth", "username", user, "factor", factor, "device", "auto", "async", "1")
		if id := a.str("response.txid"); uuid.MatchString(id) {
			return id
		}
		t.Fatalf("%s", a.body)
		return ""
	}
	status := func(txid string) call { return newCall("GET", "/auth/v2/auth_status", "txid", txid) }

	txid := begin("bob", "push")
	f.ends(f.send(status(txid)), "waiting", "pushed", "Pushed a login request to your device...")
	got := f.later(t.Context(), "bob", status(txid))
	f.still(got)
	asked := time.Now()
	if _, err := f.Factors.Decide(t.Context(), f.pending("bob"), factor.Verdict{State: factor.Approved}); err != nil {
		t.Fatal(err)
	}
	f.ends(<-got, "allow", "allow", success)
	if took := time.Since(asked); took > 2*time.Second { // 200 ms where nothing else runs
		t.Errorf("the poll took %v after the approval", took)
	}

	txid = begin("alice", "phone")
	f.ends(f.send(status(txid)), "waiting", "calling", "Dialing XXX-XXX-4788...")
	got = f.later(t.Context(), "alice", status(txid))
	f.Clock.Advance(2 * time.Second)
	f.ends(<-got, "waiting", "answered", "Answered. Press '#' on your phone to log in.")
	got = f.later(t.Context(), "alice", status(txid))
	f.Clock.Advance(2 * time.Second)
	f.ends(<-got, "allow", "allow", success)

	// What is judged at once is over when it is first polled.
	a := f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "000000", "async", "1")
	f.ends(f.send(status(a.str("response.txid"))), "deny", "deny", incorrect)
	a = f.post("/auth/v2/auth", "username", "robot", "factor", "push", "device", "auto", "async", "1")
	f.ends(f.send(status(a.str("response.txid"))), "allow", "bypass", success)
	f.ends(f.send(status(begin("alice", "sms"))), "deny", "sent", "New SMS passcodes sent")
}

// verifiedPush is number 25.
func verifiedPush(t *testing.T) {
	f := start(t)
	if a := f.post("/auth/v2/preauth", "username", "vera", "text_prompt", "1"); a.str("response.txid") != "" || a.str("response.prompt.factors.1") != "push1" {
		t.Errorf("a client that shows no numbers: %s", a.body)
	}
	pre := f.post("/auth/v2/preauth", "username", "vera", "text_prompt", "1", "client_supports_verified_push", "1")
	promised := pre.str("response.txid")
	if promised == "" || pre.str("response.prompt.factors.1") != "verified_push1" {
		t.Fatalf("%s", pre.body)
	}
	login := func(txid string) answer {
		return f.post("/auth/v2/auth", "username", "vera", "factor", "prompt", "prompt", "verified_push1", "txid", txid, "async", "1")
	}
	f.failed(login(""), 400, "40001", noParam, "txid")
	f.failed(login("nonsense"), 400, "40002", badParam, "txid")
	txid := login(promised).str("response.txid")
	f.failed(login(promised), 400, "40002", badParam, "txid")
	status := newCall("GET", "/auth/v2/auth_status", "txid", txid)
	m := regexp.MustCompile(`^Please enter verification code (\d{3}) into Duo Mobile\.\.\.$`).FindStringSubmatch(f.send(status).str("response.status_msg"))
	if m == nil {
		t.Fatalf("no number is shown for %s", txid)
	}
	got, id := f.later(t.Context(), "vera", status), f.pending("vera")
	wrong := fmt.Sprintf("%03d", (int(m[1][0]-'0')*100+int(m[1][1]-'0')*10+int(m[1][2]-'0')+1)%1000)
	for _, n := range []string{"", wrong} {
		if _, err := f.Factors.Decide(t.Context(), id, factor.Verdict{State: factor.Approved, Number: n}); err == nil {
			t.Errorf("%q approves", n)
		}
	}
	f.still(got)
	if _, err := f.Factors.Decide(t.Context(), id, factor.Verdict{State: factor.Approved, Number: m[1]}); err != nil {
		t.Fatal(err)
	}
	f.ends(<-got, "allow", "allow", success)
}

// enrolment is number 26.
func enrolment(t *testing.T) {
	f := start(t)
	a := f.post("/auth/v2/enroll", "username", "zoe", "valid_secs", "3600", "bypass_codes", "2")
	for field, form := range map[string]string{
		"activation_barcode": `/frame/qr\?value=`, "activation_code": `^duo://`, "activation_url": `^https://m-`, "user_id": `^DU[A-Z0-9]{18}$`,
		"username": `^zoe$`, "valid_secs": `^3600$`, "expiration": fmt.Sprintf("^%d$", f.Clock.Now().Add(time.Hour).Unix()), "bypass_codes": `^\[\d{9} \d{9}\]$`,
	} {
		if v := a.str("response." + field); !regexp.MustCompile(form).MatchString(v) {
			t.Errorf("%s is %q", field, v)
		}
	}
	id, code := a.str("response.user_id"), a.str("response.activation_code")
	word := func(id, code, want string) {
		t.Helper()
		if a := f.post("/auth/v2/enroll_status", "user_id", id, "activation_code", code); a.json["response"] != want {
			t.Errorf("%s, want %s", a.body, want)
		}
	}
	word(id, code, "waiting")
	word(id, "duo://other", "invalid")
	word("DUNOBODY", code, "invalid")
	if a := f.post("/auth/v2/preauth", "user_id", id); a.str("response.result") != "auth" || a.str("response.devices") != "[]" {
		t.Errorf("before the claim: %s", a.body)
	}
	bypass := a.str("response.bypass_codes.0")
	f.ends(f.post("/auth/v2/auth", "user_id", id, "factor", "passcode", "passcode", bypass), "allow", "allow", success)
	f.ends(f.post("/auth/v2/auth", "user_id", id, "factor", "passcode", "passcode", bypass), "deny", "deny", usedBefore)
	for _, taken := range []string{"zoe", "ZOE", "alice", "alice@acme.test"} {
		f.failed(f.post("/auth/v2/enroll", "username", taken), 400, "40002", badParam, "username")
	}
	f.failed(f.post("/auth/v2/enroll", "username", "x", "valid_secs", "-1"), 400, "40002", badParam, "valid_secs")

	all, err := f.Factors.Approvals(t.Context(), "")
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if _, err := f.Factors.Decide(t.Context(), all[0].ID, factor.Verdict{State: factor.Approved}); err != nil {
		t.Fatal(err)
	}
	if a := f.post("/auth/v2/preauth", "username", "Zoe"); a.str("response.devices.0.capabilities") != "[auto push mobile_otp]" {
		t.Errorf("after the claim: %s", a.body)
	}
	word(id, code, "success")
	devices, _ := f.Factors.Devices(t.Context(), "duo/zoe")
	f.ends(f.post("/auth/v2/auth", "username", "zoe", "factor", "passcode", "passcode", f.code(devices[slices.IndexFunc(devices, func(d factor.Device) bool { return d.Kind == "hotp" })].ID)), "allow", "allow", success)
	got := f.later(t.Context(), "duo/zoe", newCall("POST", "/auth/v2/auth", "username", "zoe", "factor", "push", "device", "auto"))
	f.Factors.Decide(t.Context(), f.pending("duo/zoe"), factor.Verdict{State: factor.Denied})
	f.ends(<-got, "deny", "deny", "Login request denied.")

	// Somebody of the company whom Duo did not know, and an activation too late.
	late := f.post("/auth/v2/enroll", "username", "new")
	f.Clock.Advance(24 * time.Hour)
	word(late.str("response.user_id"), late.str("response.activation_code"), "invalid")
	if a := f.post("/auth/v2/enroll"); a.str("response.username") == "" {
		t.Errorf("without a name: %s", a.body)
	}
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if f.post("/auth/v2/enroll", "username", "racer").status == 200 {
				made.Add(1)
			}
		})
	}
	if wg.Wait(); made.Load() != 1 {
		t.Errorf("one name was enrolled %d times", made.Load())
	}
}

// rates is number 27; the Python client's own retry is in real_test.go.
func rates(t *testing.T) {
	f := start(t)
	other := f.as("DIXXXXXXXXXXXXXXXXXX")
	for range 3 {
		if a := other.get("/auth/v2/check"); a.status != 200 {
			t.Fatal(a.body)
		}
	}
	f.Clock.Advance(20 * time.Second)
	a := other.get("/auth/v2/check")
	other.failed(a, 429, "42901", "Too Many Requests", "")
	if a.header.Get("Retry-After") != "40" {
		t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
	}
	// The Go client sends its request again, with an empty chunked body.
	c := newCall("POST", "/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "000000")
	c.date = f.Clock.Now().Format(time.RFC1123Z)
	c.auth = "Basic " + basic(other.key[0]+":"+other.signature(c))
	c.body = ""
	other.failed(other.send(c), 401, "40103", badSig, "")
	if a := f.get("/auth/v2/check"); a.status != 200 {
		t.Errorf("another integration: %s", a.body)
	}
	f.Clock.Advance(40 * time.Second)
	if a := other.get("/auth/v2/check"); a.status != 200 {
		t.Errorf("a minute later: %s", a.body)
	}
	if err := f.Faults.Set([]fault.Rule{{Kind: "rate-limited", Args: map[string]string{"x_retry_after": "7"}, Times: 1}}); err != nil {
		t.Fatal(err)
	}
	a = f.get("/auth/v2/check")
	f.failed(a, 429, "42901", "Too Many Requests", "")
	if a.header.Get("X-Retry-After") != "7" || a.header.Get("Retry-After") != "" {
		t.Errorf("%v", a.header)
	}
}

// scripted is number 28: the same login as each client writes it.
func scripted(t *testing.T) {
	f := start(t)
	for name, shape := range map[string]func(*call){
		"Python 4.x": func(c *call) { c.digest = sha1New },
		"Python 5.x": func(c *call) { c.version = sign.V5 },
		"Go":         func(c *call) { c.header = http.Header{"Transfer-Encoding": {"chunked"}} },
		"Go JSON":    func(c *call) { c.version = sign.V5 },
	} {
		send := func(method, path string, params ...string) answer {
			c := newCall(method, path, params...)
			shape(&c)
			if c.version == sign.V5 && method == "POST" {
				object := map[string]string{}
				for i := 0; i < len(params); i += 2 {
					object[params[i]] = params[i+1]
				}
				body, _ := json.Marshal(object)
				c.body, c.contentType = string(body), "application/json"
			}
			return f.send(c)
		}
		if a := send("GET", "/auth/v2/check"); a.status != 200 {
			t.Errorf("%s: %s", name, a.body)
		}
		if a := send("POST", "/auth/v2/preauth", "username", "alice"); a.str("response.result") != "auth" {
			t.Errorf("%s: %s", name, a.body)
		}
		f.ends(send("POST", "/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "123456789", "async", "0"), "allow", "allow", success)
	}
}

// oldSurface is number 29.
func oldSurface(t *testing.T) {
	f := start(t)
	v1 := func(method, path string, params ...string) call {
		c := newCall(method, path, params...)
		c.version, c.digest, c.dateHeader = sign.V1, sha1New, ""
		return c
	}
	for _, suffix := range []string{"", ".json"} {
		if a := f.send(v1("GET", "/rest/v1/ping"+suffix)); a.json["response"] != "pong" {
			t.Errorf("%s", a.body)
		}
		if a := f.get("/rest/v1/check" + suffix); a.json["response"] != "valid" {
			t.Errorf("%s", a.body)
		}
		a := f.send(v1("POST", "/rest/v1/preauth"+suffix, "user", "alice", "hostname", "h", "failmode", "open"))
		if a.str("response.result") != "auth" || a.str("response.factors.default") != "push1" || a.str("response.factors.2") != "phone1" || !strings.HasSuffix(a.str("response.prompt"), "Passcode or option (1-3): ") {
			t.Errorf("%s", a.body)
		}
		if a := f.send(v1("POST", "/rest/v1/preauth"+suffix, "user", "dave")); a.str("response.result") != "deny" || a.str("response.status") != isDisabled {
			t.Errorf("%s", a.body)
		}
		a = f.send(v1("POST", "/rest/v1/auth"+suffix, "user", "alice", "factor", "auto", "auto", "123456789", "async", "0"))
		if a.str("response.result") != "allow" || a.str("response.status") != success {
			t.Errorf("%s", a.body)
		}
		a = f.send(v1("POST", "/rest/v1/auth"+suffix, "user", "alice", "factor", "passcode", "code", "000000"))
		if a.str("response.result") != "deny" || a.str("response.status") != "Invalid passcode, please try again." {
			t.Errorf("%s", a.body)
		}
		txid := f.send(v1("POST", "/rest/v1/auth"+suffix, "user", "bob", "factor", "push", "phone", "phone1", "async", "1")).str("response.txid")
		if a := f.send(v1("GET", "/rest/v1/status"+suffix, "txid", txid)); a.str("response.result") != "" || a.str("response.status") == "" {
			t.Errorf("%s", a.body)
		}
		f.Factors.Decide(t.Context(), f.pending("bob"), factor.Verdict{State: factor.Approved})
		if a := f.send(v1("GET", "/rest/v1/status"+suffix, "txid", txid)); a.str("response.result") != "allow" {
			t.Errorf("%s", a.body)
		}
	}
	f.failed(f.send(v1("POST", "/rest/v1/preauth")), 400, "40001", noParam, "user")
	f.failed(f.send(v1("POST", "/rest/v1/auth", "user", "bob", "factor", "sms", "phone", "phone1")), 400, "40002", badParam, "no capable device")
	f.failed(f.send(v1("POST", "/rest/v1/auth", "user", "bob", "factor", "x")), 400, "40002", badParam, "factor")
	c := newCall("GET", "/auth/v2/check")
	c.version, c.digest = sign.V1, sha1New
	f.failed(f.send(c), 401, "40103", badSig, "")

	a := f.send(v1("POST", "/rest/v1/preauth.bson", "user", "nobody"))
	doc := decode(t, []byte(a.body))
	if response, _ := doc["response"].(map[string]any); a.header.Get("Content-Type") != "application/bson" || doc["stat"] != "OK" || response["result"] != "enroll" || response["status"] != "Enroll an authentication device to proceed" {
		t.Errorf("%v", doc)
	}
	a = f.send(v1("POST", "/rest/v1/preauth.bson", "user", "alice"))
	doc = decode(t, []byte(a.body))
	if factors, _ := doc["response"].(map[string]any)["factors"].(map[string]any); factors["default"] != "push1" || factors["1"] != "push1" || factors["3"] != "sms1" {
		t.Errorf("%v", doc)
	}
	bad := v1("POST", "/rest/v1/preauth.bson", "user", "alice")
	bad.auth = "Basic " + basic(ikey+":"+strings.Repeat("a", 40))
	if a := f.send(bad); a.status != 401 || decode(t, []byte(a.body))["code"] != int32(40103) {
		t.Errorf("%d %q", a.status, a.body)
	}
}

// decode reads the BSON that duo_unix 1.11 understands: texts, int32, documents.
func decode(t *testing.T, b []byte) map[string]any {
	t.Helper()
	out := map[string]any{}
	if len(b) < 5 || int(binary.LittleEndian.Uint32(b)) != len(b) || b[len(b)-1] != 0 {
		t.Fatalf("no document: %q", b)
	}
	for rest := b[4 : len(b)-1]; len(rest) > 0; {
		kind := rest[0]
		name, after, _ := strings.Cut(string(rest[1:]), "\x00")
		rest = []byte(after)
		switch n := int(binary.LittleEndian.Uint32(rest)); kind {
		case 0x02:
			out[name], rest = string(rest[4:4+n-1]), rest[4+n:]
		case 0x03:
			out[name], rest = decode(t, rest[:n]), rest[n:]
		case 0x10:
			out[name], rest = int32(n), rest[4:]
		default:
			t.Fatalf("%s has the type %#x", name, kind)
		}
	}
	return out
}

// textClient is number 30: duo_unix since 2.2.
func textClient(t *testing.T) {
	f := start(t)
	pre := f.post("/auth/v2/preauth", "username", "alice", "text_prompt", "1", "hostname", "h", "failmode", "closed", "ipaddr", "10.0.0.1")
	const want = "Duo two-factor login for alice\n\nEnter a passcode or select one of the following options:\n\n" +
		" 1. Duo Push to XXX-XXX-4788\n 2. Phone call to XXX-XXX-4788\n 3. SMS passcodes to XXX-XXX-4788\n\nPasscode or option (1-3): "
	if got := pre.str("response.prompt.text"); got != want || pre.str("response.prompt.factors.default") != "push1" || pre.str("response.prompt.factors.3") != "sms1" {
		t.Errorf("%q", got)
	}
	login := func(prompt string) call {
		return newCall("POST", "/auth/v2/auth", "username", "alice", "factor", "prompt", "prompt", prompt, "async", "1", "hostname", "h", "pushinfo", "Server+IP=10.0.0.9&Command=ls%20-l")
	}
	txid := f.send(login("push1")).str("response.txid")
	all, _ := f.Factors.Approvals(t.Context(), "alice")
	if len(all) != 1 || all[0].Details["Server IP"] != "10.0.0.9" || all[0].Details["Command"] != "ls -l" {
		t.Errorf("%+v", all)
	}
	f.ends(f.get("/auth/v2/auth_status", "txid", txid), "waiting", "pushed", "Pushed a login request to your device...")
	f.Clock.Advance(time.Second)
	f.ends(f.get("/auth/v2/auth_status", "txid", txid), "allow", "allow", success)
	f.ends(f.get("/auth/v2/auth_status", "txid", f.send(login("123456789")).str("response.txid")), "allow", "allow", success)
	f.ends(f.get("/auth/v2/auth_status", "txid", f.send(login("sms1")).str("response.txid")), "deny", "sent", "New SMS passcodes sent")
	f.failed(f.send(login("push2")), 400, "40002", badParam, "no capable device")
	if a := f.post("/auth/v2/preauth", "username", "nobody", "text_prompt", "1"); !strings.Contains(a.str("response.prompt.text"), "https://") {
		t.Errorf("%s", a.body)
	}
	if a := f.post("/auth/v2/preauth", "username", "eve", "text_prompt", "1"); !strings.HasSuffix(a.str("response.prompt.text"), "\n\nPasscode: ") || a.str("response.prompt.factors") != "map[]" {
		t.Errorf("%s", a.body)
	}
}

// lockOut is number 31.
func lockOut(t *testing.T) {
	f := start(t, "lockout_threshold: 4")
	try := func(code string) answer {
		return f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", code)
	}
	for range 2 { // in a row: a login in between starts anew
		for range 3 {
			f.ends(try("000000"), "deny", "deny", incorrect)
		}
		f.ends(try("123456789"), "allow", "allow", success)
	}
	for range 3 {
		f.ends(try("000000"), "deny", "deny", incorrect)
	}
	f.ends(try("000000"), "deny", "locked_out", isLockedOut)
	f.ends(try("123456789"), "deny", "locked_out", isLockedOut)
	if a := f.post("/auth/v2/preauth", "username", "alice"); a.str("response.result") != "deny" || a.str("response.status_msg") != isLockedOut {
		t.Errorf("%s", a.body)
	}
	if status, body := f.control("POST", "/users/alice/unlock", ""); status != 200 {
		t.Fatal(status, body)
	}
	f.ends(try("123456789"), "allow", "allow", success)
	if status, _ := f.control("POST", "/users/lou/unlock", ""); status != 200 {
		t.Fatal(status)
	}
	f.ends(f.post("/auth/v2/auth", "username", "lou", "factor", "passcode", "passcode", f.code("lou-totp")), "allow", "allow", success)

	for range 3 {
		f.ends(f.post("/auth/v2/auth", "username", "dora", "factor", "push", "device", "auto"), "deny", "deny", "Login request denied.")
	}
	txid := f.post("/auth/v2/auth", "username", "dora", "factor", "push", "device", "auto", "async", "1").str("response.txid")
	var wg sync.WaitGroup
	for range 8 { // of several polls one counts
		wg.Go(func() { f.get("/auth/v2/auth_status", "txid", txid) })
	}
	wg.Wait()
	f.ends(f.post("/auth/v2/auth", "username", "dora", "factor", "push", "device", "auto"), "deny", "locked_out", isLockedOut)

	var judged atomic.Int32
	for range 30 {
		wg.Go(func() {
			if f.post("/auth/v2/auth", "username", "eve", "factor", "passcode", "passcode", "000000").str("response.status") == "deny" {
				judged.Add(1)
			}
		})
	}
	if wg.Wait(); judged.Load() != 3 {
		t.Errorf("%d guesses were judged before the one that locked out", judged.Load())
	}
}

// plugin is number 32 by hand: the calls and sentences that the published SPS
// plugin depends on.
func plugin(t *testing.T) {
	f := start(t)
	if a := f.post("/auth/v2/preauth", "username", "testautonodevice"); a.str("response.result") != "auth" || a.json["response"].(map[string]any)["devices"] == nil {
		t.Errorf("%s", a.body)
	}
	f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "123456789", "async", "0"), "allow", "allow", success)
	if a := f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "123456", "async", "0"); !strings.Contains(a.str("response.status_msg"), "Incorrect passcode") {
		t.Errorf("%s", a.body)
	}
	if a := f.post("/auth/v2/preauth", "username", "nobody"); !strings.Contains(a.str("response.status_msg"), "Enroll an authentication") {
		t.Errorf("%s", a.body)
	}
	f.key[1] = ""
	f.failed(f.post("/auth/v2/preauth", "username", "alice"), 401, "40103", badSig, "")
}

// control is number 33.
func control(t *testing.T) {
	f := start(t)
	waited := make(chan string, 1)
	go func() {
		_, body := f.control("GET", "/approvals?user=bob&state=pending&wait=30s", "")
		waited <- body
	}()
	got := f.later(t.Context(), "bob", newCall("POST", "/auth/v2/auth", "username", "bob", "factor", "push", "device", "auto", "type", "Login"))
	var list struct {
		Approvals []factor.Approval
	}
	if err := json.Unmarshal([]byte(<-waited), &list); err != nil || len(list.Approvals) != 1 || list.Approvals[0].System != "duo" || list.Approvals[0].Details["type"] != "Login" {
		t.Fatalf("%+v, %v", list, err)
	}
	id := list.Approvals[0].ID
	if status, body := f.control("POST", "/approvals/"+id, `{"verdict":"approve"}`); status != 200 {
		t.Fatal(status, body)
	}
	f.ends(<-got, "allow", "allow", success)
	if status, body := f.control("POST", "/approvals/"+id, `{"verdict":"approve"}`); status != 409 {
		t.Errorf("approved twice: %d %s", status, body)
	}
}
