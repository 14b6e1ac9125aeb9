package native_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/ticket"
	"counterpart/internal/steering/dialecttest"
)

// TestConformance walks the part NT of ticketing.md's checklist.
func TestConformance(t *testing.T) {
	list := dialecttest.Checklist(t, "testdata/checklist.txt")
	list.Run("44 every exchange is what the specification says", func(t *testing.T) {
		// api.do holds each answer of this package's tests against openapi.yaml;
		// here the statuses that a client meets are produced once each.
		a := start(t)
		const path = "/tickets/v1/tickets"
		made := a.want(201, "", "sps", "POST", path, `{"title":"x","approvers":[{"user":"trent"}],"min_approvals":1}`)
		one := made.header.Get("Location")
		a.want(200, "", "sps", "GET", one, "")
		a.want(400, "bad_input", "sps", "PATCH", one, `{"max_uses":"many"}`)
		a.want(401, "not_authenticated", "", "GET", one, "")
		a.want(403, "not_an_approver", "sps", "POST", one+"/approvals", `{"approver":"bob","decision":"approved"}`)
		a.want(404, "unknown_ticket", "sps", "GET", path+"/NONE", "")
		a.want(409, "illegal_transition", "sps", "POST", one+"/transitions", `{"to":"closed"}`)
		a.want(412, "stale", `sps If-Match="7"`, "PATCH", one, `{"title":"y"}`)
		if r := a.want(200, "", `sps If-Match="1"`, "PATCH", one, `{"title":"y"}`); r.header.Get("ETag") != `"2"` {
			t.Errorf("ETag %s", r.header.Get("ETag"))
		}
		a.want(201, "", "sps", "POST", one+"/notes", `{"kind":"comment","text":"hello"}`)
		a.want(200, "", "sps", "GET", one+"/notes", "")
	})
	list.Run("45 every reason alone, four together in order", reasons)
	list.Run("46 an unknown ticket is a decision", func(t *testing.T) {
		a := start(t)
		r := a.want(200, "", "sps", "POST", "/tickets/v1/tickets/NONE/validate", `{"user":"alice"}`)
		if r.str("allowed") != "false" || codes(r) != "unknown_ticket" || r.json["ticket"] != nil {
			t.Errorf("%s", r.body)
		}
	})
	list.Run("47 one session at a time under fifty parallel validates", func(t *testing.T) {
		a := start(t)
		one := a.ticket(`"max_sessions":1`)
		var allowed atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				r := a.do("sps", "POST", one+"/validate", fmt.Sprintf(`{"user":"alice","session_id":"s%d","open_session":true}`, i))
				if r.str("allowed") == "true" {
					allowed.Add(1)
				} else if codes(r) != "session_limit" {
					t.Errorf("%s", r.body)
				}
			})
		}
		wg.Wait()
		if allowed.Load() != 1 {
			t.Errorf("%d sessions were allowed", allowed.Load())
		}
	})
	list.Run("48 the end of the last session closes, once", ends)
	list.Run("49 the window's edges", func(t *testing.T) {
		a := start(t)
		one := a.ticket(`"window":{"not_before":"2026-01-01T13:00:00Z","not_after":"2026-01-01T14:00:00Z"}`)
		for _, step := range []struct {
			forward time.Duration
			want    string
		}{{time.Hour - time.Nanosecond, "outside_window"}, {time.Nanosecond, ""}, {time.Hour - time.Nanosecond, ""}, {time.Nanosecond, "expired"}} {
			a.f.Clock.Advance(step.forward)
			if r := a.want(200, "", "sps", "POST", one+"/validate", `{"user":"alice"}`); codes(r) != step.want {
				t.Errorf("at %v: %s, want %q", a.f.Clock.Now(), r.body, step.want)
			}
		}
		if r := a.want(200, "", "sps", "POST", one+"/validate", `{"user":"alice","at":"2026-01-01T13:30:00Z"}`); r.str("allowed") != "true" {
			t.Errorf("asked about a moment inside: %s", r.body)
		}
	})
	list.Run("50 self-approval does not count, break_glass is reviewed", func(t *testing.T) {
		a := start(t)
		made := a.want(201, "", "sps", "POST", "/tickets/v1/tickets",
			`{"state":"pending_approval","requester":"alice","approvers":[{"user":"alice"},{"user":"trent"}],"min_approvals":1}`)
		one := made.header.Get("Location")
		a.want(200, "", "alice", "POST", one+"/approvals", `{"decision":"approved"}`)
		a.want(409, "already_decided", "alice", "POST", one+"/approvals", `{"decision":"rejected"}`)
		if r := a.want(200, "", "sps", "POST", one+"/validate", `{"user":"alice"}`); codes(r) != "not_approved self_approved" {
			t.Errorf("%s", r.body)
		}
		a.want(403, "not_an_approver", "bob", "POST", one+"/approvals", `{"approver":"trent","decision":"approved"}`)
		if r := a.want(200, "", "trent", "POST", one+"/approvals", `{"decision":"approved"}`); r.str("state") != "approved" {
			t.Errorf("%s", r.body)
		}
		glass := a.want(201, "", "sps", "POST", "/tickets/v1/tickets", `{"requester":"alice","min_approvals":1,"break_glass":true}`).header.Get("Location")
		r := a.want(200, "", "sps", "POST", glass+"/validate", `{"user":"alice"}`)
		if r.str("allowed") != "true" || r.str("obligations.review_required") != "true" {
			t.Errorf("%s", r.body)
		}
	})
}

// ticket makes an approved ticket of alice's and returns its path.
func (a *api) ticket(more string) string {
	a.t.Helper()
	if more != "" {
		more = "," + more
	}
	made := a.want(201, "", "sps", "POST", "/tickets/v1/tickets", `{"state":"pending_approval","requester":"alice"`+more+`}`)
	one := made.header.Get("Location")
	a.want(200, "", "sps", "POST", one+"/transitions", `{"to":"approved","comment":"no approver needed"}`)
	return one
}

func codes(r reply) string {
	var d struct{ Reasons []struct{ Code string } }
	json.Unmarshal([]byte(r.body), &d)
	var out []string
	for _, x := range d.Reasons {
		out = append(out, x.Code)
	}
	return strings.Join(out, " ")
}

func reasons(t *testing.T) {
	a := start(t)
	target := `"targets":[{"asset":"db01","accounts":["root"],"protocols":["ssh"],"ports":[22]}]`
	const ok = `{"user":"alice","asset":{"address":"10.0.0.5","port":22},"account":{"name":"root"},"protocol":"ssh"}`
	move := func(one string, states ...string) string {
		for _, s := range states {
			a.want(200, "", "sps", "POST", one+"/transitions", `{"to":"`+s+`"}`)
		}
		return one
	}
	used := func(one string) string {
		a.want(201, "", "sps", "POST", one+"/sessions", `{"session_id":"s","user":"alice"}`)
		return one
	}
	draft := a.want(201, "", "sps", "POST", "/tickets/v1/tickets", `{}`).header.Get("Location")
	rejected := a.want(201, "", "sps", "POST", "/tickets/v1/tickets", `{"state":"pending_approval"}`).header.Get("Location")
	self := a.want(201, "", "sps", "POST", "/tickets/v1/tickets",
		`{"state":"pending_approval","requester":"alice","min_approvals":1,"allow_self_approval":true,"approvers":[{"user":"alice"}]}`).header.Get("Location")
	a.want(200, "", "alice", "POST", self+"/approvals", `{"decision":"approved"}`)
	a.want(200, "", "sps", "PATCH", self, `{"allow_self_approval":false}`)
	for want, tt := range map[string]struct{ one, body string }{
		"":               {a.ticket(target), ok},
		"unknown_ticket": {"/tickets/v1/tickets/NONE", ok},
		"not_approved":   {draft, ok},
		"rejected":       {move(rejected, "rejected"), ok},
		"cancelled":      {move(a.ticket(""), "cancelled"), ok},
		"closed":         {move(a.ticket(""), "in_progress", "closed"), ok},
		"on_hold":        {move(a.ticket(""), "on_hold"), ok},
		"not_yet_valid":  {a.ticket(`"window":{"not_before":"2026-01-01T12:00:01Z"}`), ok},
		"expired":        {a.ticket(`"window":{"not_after":"2026-01-01T12:00:00Z"}`), ok},
		"outside_window": {a.ticket(`"window":{"not_before":"2026-01-01T12:00:01Z","not_after":"2026-01-02T00:00:00Z"}`), ok},
		"wrong_user":     {a.ticket(target), strings.Replace(ok, "alice", "bob", 1)},
		"wrong_asset":    {a.ticket(target), strings.Replace(ok, "10.0.0.5", "10.0.0.6", 1)},
		"wrong_account":  {a.ticket(target), strings.Replace(ok, "root", "postgres", 1)},
		"wrong_protocol": {a.ticket(target), strings.Replace(ok, "ssh", "rdp", 1)},
		"session_limit":  {used(a.ticket(`"max_sessions":1`)), ok},
		"use_limit":      {used(a.ticket(`"max_uses":1`)), ok},
		"self_approved":  {self, ok},
		"expired wrong_user wrong_asset wrong_protocol": {a.ticket(target + `,"window":{"not_after":"2026-01-01T11:00:00Z"}`),
			`{"user":"bob","asset":{"name":"win01"},"account":{"name":"root"},"protocol":"rdp"}`},
	} {
		r := a.want(200, "", "sps", "POST", tt.one+"/validate", tt.body)
		if codes(r) != want || (r.str("allowed") == "true") != (want == "") {
			t.Errorf("want %q: %s", want, r.body)
		}
	}
	if n := len(ticket.Codes()); n != 16 {
		t.Errorf("%d codes, the table above covers 16", n)
	}
	any := a.want(200, "", "sps", "POST", "/tickets/v1/validate", ok)
	if any.str("allowed") != "true" || any.str("ticket.id") != "CHG0000038" {
		t.Errorf("any ticket: %s", any.body)
	}
	if r := a.want(200, "", "sps", "POST", "/tickets/v1/validate", `{"user":"victor","asset":{"name":"sw01"}}`); codes(r) != "unknown_ticket" {
		t.Errorf("no ticket: %s", r.body)
	}
}

func ends(t *testing.T) {
	a := start(t)
	one := a.ticket("")
	for _, s := range []string{"a", "b"} {
		a.want(201, "", "sps", "POST", one+"/sessions", `{"session_id":"`+s+`","user":"alice","asset":"db01"}`)
	}
	a.want(200, "", "sps", "POST", one+"/sessions", `{"session_id":"b","user":"alice"}`) // a repetition
	if r := a.want(200, "", "sps", "POST", one+"/sessions/a/end", `{"close_ticket":"if_last","note":"done"}`); r.str("state") != "in_progress" {
		t.Errorf("one session is left: %s", r.body)
	}
	last := a.want(200, "", "sps", "POST", one+"/sessions/b/end", `{"close_ticket":"if_last"}`)
	if last.str("state") != "closed" {
		t.Errorf("the last one ended: %s", last.body)
	}
	if again := a.want(200, "", "sps", "POST", one+"/sessions/b/end", `{"close_ticket":"if_last"}`); again.body != last.body {
		t.Errorf("a repetition changed something: %s", again.body)
	}
	a.want(404, "unknown_session", "sps", "POST", one+"/sessions/c/end", "")
	first := a.want(201, "", "sps Idempotency-Key=k1", "POST", "/tickets/v1/tickets", `{"title":"once"}`)
	again := a.want(201, "", "sps Idempotency-Key=k1", "POST", "/tickets/v1/tickets", `{"title":"once"}`)
	if first.body != again.body || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("ETag") != first.header.Get("ETag") {
		t.Errorf("the same key and body: %s then %s", first.body, again.body)
	}
	a.want(409, "idempotency_conflict", "sps Idempotency-Key=k1", "POST", "/tickets/v1/tickets", `{"title":"twice"}`)
	a.want(201, "", "alice Idempotency-Key=k1", "POST", "/tickets/v1/tickets", `{"title":"somebody else's key"}`)
	bad := a.want(400, "bad_input", "sps Idempotency-Key=k2", "POST", "/tickets/v1/tickets", `{"max_uses":-1}`)
	if r := a.want(400, "bad_input", "sps Idempotency-Key=k2", "POST", "/tickets/v1/tickets", `{"max_uses":-1}`); r.body != bad.body {
		t.Errorf("a refusal repeats: %s", r.body)
	}
	a.f.Clock.Advance(24 * time.Hour)
	if r := a.want(201, "", "sps Idempotency-Key=k1", "POST", "/tickets/v1/tickets", `{"title":"twice"}`); r.str("id") == first.str("id") {
		t.Errorf("after a day the key is free: %s", r.body)
	}
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			r := a.do("sps Idempotency-Key=k3", "POST", "/vault/v1/accounts/root@db01/checkout", `{"reason":"race"}`)
			if r.status == 201 {
				made.Add(1)
			} else if r.str("code") != "idempotency_in_progress" {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	if leases, _ := a.f.Accounts.Holders(t.Context(), must(a.f.World.AccountByID("root@db01"))); len(leases) != 1 || made.Load() < 1 {
		t.Errorf("%d leases from one key, %d answers", len(leases), made.Load())
	}
}

func must[T any](v T, _ bool) T { return v }
