package control_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"counterpart/internal/serving/journal"
)

// told asks for the newest explanation.
func (a *api) told() answer {
	a.t.Helper()
	return a.want(200, "GET", fmt.Sprintf("/journal/%d", a.f.Journal.Recorded()), "")
}

func TestARefusedCheckoutIsExplained(t *testing.T) {
	a := client(t)
	a.native("alice", "POST", "/vault/v1/accounts/root@db01/checkout", `{}`)
	a.native("alice", "POST", "/vault/v1/accounts/root@db01/checkout", `{}`)
	r := a.told()
	for path, want := range map[string]string{
		"explained.sentence":             "Alice holds root@db01 until 13:00:00, so native refused alice about root@db01.",
		"explained.cause":                "already checked out",
		"explained.saw":                  "409",
		"explained.rule.says":            "checkout.exclusive: true",
		"explained.rule.file":            "test.yaml",
		"explained.rule.line":            "14",
		"explained.rule.written":         "true",
		"explained.would_pass.0.says":    "once lease-1.root@db01 is given back",
		"explained.would_pass.0.at":      "2026-01-01T13:00:00Z",
		"explained.would_pass.0.now":     "false",
		"explained.would_pass.0.do.href": "/leases/lease-1.root@db01/force",
		"entry.session":                  "1",
		"entry.response_head":            "Content-Type: application/problem+json\n",
		"entry.person":                   "alice",
		"entry.grouped":                  "actor",
	} {
		if got := r.str(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	for _, want := range []string{`{"kind":"person","id":"alice","href":"/people/alice"}`, `{"kind":"account","id":"root@db01","href":"/accounts/root@db01"}`, `"kind":"lease"`, `"kind":"session"`} {
		if !strings.Contains(r.body, want) {
			t.Errorf("no %s in %s", want, r.body)
		}
	}
	a.want(200, "POST", "/leases/lease-1.root@db01/force", "")
	if r := a.told(); r.str("explained.would_pass.0.now") != "true" {
		t.Errorf("it is free now: %s", r.body)
	}
}

// TestEveryOutcomeIsExplained: a sentence always, and what would make it go well where
// something would.
func TestEveryOutcomeIsExplained(t *testing.T) {
	a := client(t)
	ask := func(who, method, path, body string) func() {
		return func() { a.native(who, method, path, body) }
	}
	decided := func(order string, then func()) func() {
		return func() {
			a.want(201, "POST", "/decisions", order)
			then()
		}
	}
	said := func(e journal.Entry) func() {
		return func() { e.At = a.f.Clock.Now(); e.Server = "native"; e.Op = "GET /x"; a.f.Journal.Record(e) }
	}
	list := ask("alice", "GET", "/vault/v1/accounts", "")
	for name, tt := range map[string]struct {
		do                      func()
		sentence, pass, written string
	}{
		"ok":              {list, "Native did what alice asked.", "", ""},
		"unknown user":    {ask("zoe", "GET", "/vault/v1/accounts", ""), "so native refused", "with the name of a person whom the company has", ""},
		"needs approval":  {ask("alice", "POST", "/vault/v1/accounts/postgres@db01/checkout", "{}"), "Postgres@db01 needs an approved request first, so native refused alice", "once bob approves a request of alice for it", "checkout.approval: required test.yaml 15"},
		"not for him":     {ask("bob", "GET", "/vault/v1/accounts/root@db01", ""), "so native refused bob about root@db01", "for alice", "access test.yaml 14"},
		"malformed":       {ask("alice", "POST", "/otp/v1/transactions", `{"usr":"alice"}`), "so native could not understand alice", "for a request that is formed as the server wants it", ""},
		"no such account": {ask("alice", "GET", "/vault/v1/accounts/none", ""), "so native refused alice", "with an account that the company has", ""},
		"ordered":         {decided(`{"verb":"lock","user":"alice","on":"login","for":"1h"}`, list), "Decision-1 says so, so native refused", "once decision-1 is lifted", "decision-1: lock  0"},
		"unimplemented":   {ask("bob", "GET", "/nowhere", ""), "native does not know what", "", ""},
		"challenge":       {said(journal.Entry{Actor: "bob", Outcome: "challenge", Why: "a code is asked for"}), "A code is asked for, so native asked bob back.", "with the answer to the question that was asked", ""},
		"dropped":         {said(journal.Entry{Peer: "10.0.0.9:1", Outcome: "dropped", Why: "the shared secret is wrong"}), "The shared secret is wrong, so native stayed silent towards somebody at 10.0.0.9:1.", "for a client that the server knows, with the secret that both share", ""},
		"error":           {said(journal.Entry{Actor: "bob", Outcome: "error", Why: "state store is unavailable"}), "Counterpart itself failed, so native gave bob no proper answer.", "once what failed works again", ""},
		"unplayed":        {said(journal.Entry{Actor: "bob", Outcome: "unplayed", Feature: "transit"}), "Native does not play what bob asked for.", "", ""},
		"another word":    {said(journal.Entry{Actor: "bob", Outcome: "sideways"}), "Native ended as sideways for bob.", "", ""},
		"wrong code":      {said(journal.Entry{Actor: "alice", Outcome: "denied", Cause: "wrong code", Why: "no code fits"}), "No code fits, so native refused alice.", "with the code that alice-totp shows", "device alice-totp: totp test.yaml 8"},
		"replayed":        {said(journal.Entry{Actor: "alice", Object: "alice-totp", Outcome: "denied", Cause: "code was already used"}), "Native refused alice about alice-totp.", "with the next code of alice-totp", "device alice-totp: totp test.yaml 8"},
		"fraud":           {said(journal.Entry{Actor: "alice", Outcome: "denied", Cause: "reported as fraud"}), "Native refused alice.", "if alice approves in time", "approval.policy: interactive test.yaml 10"},
		"locked":          {said(journal.Entry{Actor: "bob", Outcome: "denied", Cause: "not authenticated", Why: "not authenticated: locked: bob is locked out since x"}), "Bob is locked out, so native refused bob.", "once bob is unlocked", "lockout.threshold: 5 test.yaml 3"},
		"broken": {func() {
			a.want(201, "POST", "/faults", `{"rules":[{"id":"late","kind":"status","op":"GET /openapi*"}]}`)
			a.native("bob", "GET", "/openapi.json", "")
		}, "Fault rule late struck, so the answer of native to", "once fault rule late is removed", "fault late: status  0"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.do()
			r := a.told()
			a.want(204, "DELETE", "/decisions", "")
			a.want(204, "DELETE", "/faults", "")
			if got := r.str("explained.sentence"); !strings.Contains(got, tt.sentence) {
				t.Errorf("it says %q, want %q\n%s", got, tt.sentence, r.body)
			}
			if got := r.str("explained.would_pass.0.says"); got != tt.pass {
				t.Errorf("would pass: %q, want %q", got, tt.pass)
			}
			rule := ""
			if r.str("explained.rule.says") != "" {
				rule = fmt.Sprint(r.str("explained.rule.says"), " ", r.str("explained.rule.file"), " ", orNought(r.str("explained.rule.line")))
			}
			links, _ := r.json["explained"].(map[string]any)["links"].([]any)
			for _, l := range links {
				a.want(200, "GET", l.(map[string]any)["href"].(string), "")
			}
			if rule != tt.written {
				t.Errorf("rule: %q, want %q", rule, tt.written)
			}
		})
	}
}

func orNought(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// TestExplanationsKnowWhatComesByItself: a lock-out that ends, a code that turns.
func TestExplanationsKnowWhatComesByItself(t *testing.T) {
	a := client(t)
	for range 6 {
		a.f.Logins.Login(t.Context(), "bob", "wrong")
	}
	a.native("bob", "GET", "/vault/v1/accounts", "")
	r := a.told()
	if r.str("explained.would_pass.0.at") != "2026-01-01T12:15:00Z" || r.str("explained.would_pass.0.do.method") != "POST" {
		t.Errorf("%s", r.body)
	}
	a.f.Clock.Advance(16 * time.Minute)
	if r := a.told(); r.str("explained.would_pass.0.now") != "true" {
		t.Errorf("%s", r.body)
	}
}
