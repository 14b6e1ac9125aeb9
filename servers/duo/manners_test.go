package duo_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/decision"
	"counterpart/internal/company/factor"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
	"counterpart/servers/counterparttest"
	"counterpart/servers/duo/internal/sign"
)

func TestFaultsOfItsOwn(t *testing.T) {
	f := start(t)
	set := func(r fault.Rule) {
		t.Helper()
		if err := f.Faults.Set([]fault.Rule{r}); err != nil {
			t.Fatal(err)
		}
	}
	set(fault.Rule{Kind: "undeliverable", Actor: "alice"})
	f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "push", "device", "auto"), "deny", "push_failed", "Failed to send the login request to your device.")
	f.ends(f.post("/auth/v2/auth", "username", "dora", "factor", "push", "device", "auto"), "deny", "deny", "Login request denied.")
	set(fault.Rule{Kind: "control-characters"})
	if a := f.post("/auth/v2/auth", "username", "robot", "factor", "passcode", "passcode", "1"); !strings.Contains(a.str("response.status_msg"), "\x1b[2J") || !strings.HasSuffix(a.str("response.status_msg"), success) {
		t.Errorf("%q", a.body)
	}
	set(fault.Rule{Kind: "clock-off", Args: map[string]string{"by": "-10m"}})
	f.failed(f.get("/auth/v2/check"), 401, "40105", "Bad request timestamp", "")
	c := newCall("GET", "/auth/v2/ping")
	c.auth = "none"
	if a := f.send(c); a.str("response.time") != fmt.Sprint(f.Clock.Now().Add(-10*time.Minute).Unix()) {
		t.Errorf("%s", a.body)
	}
}

// TestOrders: a decision stands in for a person, whatever the policy, and what it
// refuses counts towards no lock-out.
func TestOrders(t *testing.T) {
	f := start(t, "lockout_threshold: 2")
	give := func(d decision.Decision) {
		t.Helper()
		if _, err := f.Decisions.Add(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	push := func(user string) answer {
		return f.post("/auth/v2/auth", "username", user, "factor", "push", "device", "auto")
	}
	give(decision.Decision{Verb: decision.Fraud, On: decision.Push, User: "alice", Next: 1})
	f.ends(push("alice"), "deny", "fraud", "Login request reported as fraudulent.")
	give(decision.Decision{Verb: decision.Deny, User: "alice", Next: 6})
	for range 3 {
		f.ends(push("alice"), "deny", "deny", "Login request denied.")
		f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", f.code("alice-app")), "deny", "deny", incorrect)
	}
	f.ends(f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", f.code("alice-app")), "allow", "allow", success)
	give(decision.Decision{Verb: decision.Approve, On: decision.Push, User: "dora", Next: 1})
	f.ends(push("dora"), "allow", "allow", success)
	f.ends(push("dora"), "deny", "deny", "Login request denied.")
	give(decision.Decision{Verb: decision.Lock, User: "bob", Next: 2})
	f.ends(push("bob"), "deny", "locked_out", isLockedOut)
	f.ends(f.post("/auth/v2/auth", "username", "bob", "factor", "passcode", "passcode", f.code("bob-totp")), "deny", "locked_out", isLockedOut)
	f.ends(f.post("/auth/v2/auth", "username", "bob", "factor", "passcode", "passcode", f.code("bob-totp")), "allow", "allow", success)
}

func TestUnknownPathsAndVerbs(t *testing.T) {
	f := start(t)
	for _, path := range []string{"/", "/auth/v2/", "/auth/v2/universal", "/auth/v3/auth", "/rest/v1/logo", "/auth/v2/auth/"} {
		f.failed(f.get(path), 404, "40401", "Resource not found", "")
	}
	if e := f.Last(journal.Match{Server: "duo", Outcome: "unimplemented"}); e.Op == "" {
		t.Errorf("%+v", e)
	}
	f.failed(f.get("/auth/v2/auth"), 405, "40501", "Method not allowed", "")
	f.failed(f.post("/auth/v2/check"), 405, "40501", "Method not allowed", "")
	f.failed(f.get("/rest/v1/auth.json"), 405, "40501", "Method not allowed", "")
}

func TestHostileBodies(t *testing.T) {
	f := start(t)
	for what, body := range map[string]string{
		"no object": `[1]`, "null": `null`, "half": `{"username":`, "two": `{"username":"alice"}{}`, "nested": `{"username":{"a":1}}`, "deep": strings.Repeat("[", 20000),
	} {
		c := newCall("POST", "/auth/v2/preauth")
		c.version, c.body, c.contentType = sign.V5, body, "application/json; charset=utf-8"
		detail := ""
		if what == "nested" {
			detail = "username"
		}
		f.failed(f.send(c), 400, "40002", badParam, detail)
	}
	huge := newCall("POST", "/auth/v2/preauth", "username", strings.Repeat("a", 70<<10))
	if a, err := f.try(t.Context(), huge); err == nil {
		f.failed(a, 400, "40002", badParam, "")
	}
	for _, name := range []string{"\x00", "a/b", "../x", "alice\n", strings.Repeat("ü", 5000), "duo/alice", "alice:x", "%s"} {
		if a := f.post("/auth/v2/preauth", "username", name); a.status != 200 {
			t.Errorf("%.20q: %s", name, a.body)
		}
		if a := f.post("/auth/v2/enroll", "username", name); a.status != 200 && a.str("code") != "40002" {
			t.Errorf("%.20q: %s", name, a.body)
		}
	}
	if a := f.get("/auth/v2/check"); a.status != 200 {
		t.Errorf("afterwards: %s", a.body)
	}
}

func TestOnceIsOnceForRacers(t *testing.T) {
	f := start(t)
	vera := f.post("/auth/v2/preauth", "username", "vera", "client_supports_verified_push", "1").str("response.txid")
	for what, c := range map[string]call{
		"bypass code": newCall("POST", "/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "987654321"),
		"promise":     newCall("POST", "/auth/v2/auth", "username", "vera", "factor", "prompt", "prompt", "verified_push1", "txid", vera, "async", "1"),
	} {
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if a := f.send(c); a.str("response.result") == "allow" || a.str("response.txid") != "" {
					won.Add(1)
				}
			})
		}
		if wg.Wait(); won.Load() != 1 {
			t.Errorf("one %s was good %d times", what, won.Load())
		}
	}
	other := f.as("DIXXXXXXXXXXXXXXXXXX")
	var served atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if other.get("/auth/v2/check").status == 200 {
				served.Add(1)
			}
		})
	}
	if wg.Wait(); served.Load() != 3 {
		t.Errorf("%d requests of 3 a minute were served", served.Load())
	}
}

// TestTwoLoginsAtOnce: each push of a person is decided by itself.
func TestTwoLoginsAtOnce(t *testing.T) {
	f := start(t)
	login := func(ip string) call {
		return newCall("POST", "/auth/v2/auth", "username", "bob", "factor", "push", "device", "auto", "ipaddr", ip)
	}
	one := f.later(t.Context(), "bob", login("10.0.0.1"))
	first := f.pending("bob")
	two := make(chan answer, 1)
	go func() { two <- f.send(login("10.0.0.2")) }()
	second := ""
	for second == "" {
		all, err := f.Factors.Approvals(t.Context(), "bob")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if a.ID != first {
				second = a.ID
			}
		}
	}
	if _, err := f.Factors.Decide(t.Context(), second, factor.Verdict{State: factor.Denied}); err != nil {
		t.Fatal(err)
	}
	f.ends(<-two, "deny", "deny", "Login request denied.")
	f.still(one)
	if _, err := f.Factors.Decide(t.Context(), first, factor.Verdict{State: factor.Approved}); err != nil {
		t.Fatal(err)
	}
	f.ends(<-one, "allow", "allow", success)
}

func TestTrustedDevices(t *testing.T) {
	f := start(t, "trusted_devices: 24h")
	a := f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "123456789")
	token := a.str("response.trusted_device_token")
	pre := func(user string) string {
		return f.post("/auth/v2/preauth", "username", user, "trusted_device_token", token).str("response.result")
	}
	if token == "" || pre("alice") != "allow" || pre("bob") != "auth" {
		t.Errorf("%s", a.body)
	}
	txid := f.post("/auth/v2/auth", "username", "bob", "factor", "push", "device", "auto", "async", "1").str("response.txid")
	f.Factors.Decide(t.Context(), f.pending("bob"), factor.Verdict{State: factor.Approved})
	first := f.get("/auth/v2/auth_status", "txid", txid).str("response.trusted_device_token")
	if again := f.get("/auth/v2/auth_status", "txid", txid).str("response.trusted_device_token"); first == "" || again != first {
		t.Errorf("the token is %q, then %q", first, again)
	}
	f.Clock.Advance(24 * time.Hour)
	if pre("alice") != "auth" {
		t.Error("a token is good after its end")
	}
	if a := start(t).post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "123456789"); a.str("response.trusted_device_token") != "" {
		t.Errorf("%s", a.body)
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	for settings, want := range map[string]string{
		`integrations: [{ikey: short, skey: x}]`:                  "ikey",
		`users: [{name: alice, app: nothing}]`:                    "alice has no TOTP or HOTP device",
		`users: [{name: alice}, {name: alice}]`:                   "twice",
		`logo: "???"`:                                             "base64",
		`users: [{name: nobody}]`:                                 "nobody",
		`integrations: [{ikey: DIWJ8X6AEYOR5OMC6TQ1, skey: "ü"}]`: "skey",
	} {
		if _, err := counterparttest.New(counterparttest.YAML("version: 1\nusers: [{name: alice}]\nservers:\n  - {kind: duo, " + settings + "}\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", settings, err, want)
		}
	}
}
