package native_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"counterpart/internal/steering/dialecttest"
)

// asNative gives a request what do gives it: "sps" is a client's key, everybody else a
// person. A JSON body says that it is one.
func asNative(r *http.Request, actor string, body []byte) {
	if len(body) > 0 && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	switch actor {
	case "none", "":
	case "sps":
		r.Header.Set("Authorization", "Bearer sps-secret")
	default:
		r.SetBasicAuth(actor, strings.ToUpper(actor[:1])+actor[1:]+"-Pass-1")
	}
}

// TestFailureBetweenWrites lets each write of an operation fail. A request with an
// Idempotency-Key can be sent again until it is answered: what it does happens once.
func TestFailureBetweenWrites(t *testing.T) {
	const tickets, one, key = "/tickets/v1/tickets", "/vault/v1/accounts/root@db01", "+Idempotency-Key:k1 "
	made := []string{"@sps POST " + tickets + ` {"id":"T-1","state":"pending_approval","requester":"bob","approvers":[{"user":"trent"}],"min_approvals":1}`}
	taken := []string{"POST " + one + "/checkout", "-> lease id"}
	once := func(path, what string) []string { // it is in the list, and once
		return []string{path, "1> " + what}
	}
	dialecttest.Operations{
		Setup: dialecttest.Setup{Kinds: kinds, Seed: demo(t, ", roles: [{user: trent, role: admin}]")},
		Client: func(f *dialecttest.Fleet) *dialecttest.Client {
			c := f.Client("native/http")
			c.Login, c.Actor = asNative, "alice"
			return c
		},
		Wait: time.Minute, // a request that nobody answered is no longer taken for running
		List: []dialecttest.Operation{
			{Name: "check-out", Do: key + "POST " + one + "/checkout", Anyway: true, After: []string{"GET " + one, `=> "holders":[{"name":"alice"`, "GET /vault/v1/leases?state=active", `=> "lease-1.`, `!> "lease-2.`}},
			{Name: "check-out without a key", Do: "POST " + one + "/checkout", Done: "checked_out", After: []string{"GET /vault/v1/leases?state=active", `!> "lease-2.`}},
			{Name: "check-in", Before: taken, Do: key + "POST /vault/v1/leases/{{lease}}/checkin", Anyway: true, After: []string{"GET " + one, `=> "holders":[]`, "GET " + one + "/history", `=> "version":2`, `!> "version":3`}},
			{Name: "renewal", Before: append([]string{"POST " + one + `/checkout {"for":"10m"}`, "-> lease id"}, ">> 1m"), Do: key + `POST /vault/v1/leases/{{lease}}/renew {"for":"20m"}`, Anyway: true,
				After: []string{"GET /vault/v1/leases/{{lease}}", `=> "renewals":1`}},
			{Name: "rotation", Do: key + "@sps POST " + one + "/rotate", Anyway: true, After: []string{"@sps GET " + one + "/history", `=> "version":2`, `!> "version":3`}},
			{Name: "enrolment", Do: key + `@trent POST /otp/v1/users/victor/devices {"kind":"totp","label":"new one"}`, Anyway: true,
				After: once("@trent GET /otp/v1/users/victor/devices", `"label":"new one"`)},
			{Name: "backup codes", Do: key + `@trent POST /otp/v1/users/victor/devices {"kind":"static","label":"codes"}`, Anyway: true,
				After: once("@trent GET /otp/v1/users/victor/devices", `"label":"codes"`)},
			{Name: "SMS", Do: key + `@sps POST /otp/v1/transactions {"user":"bob","method":"sms"}`, Anyway: true, Check: theCodeThatCame},
			{Name: "push", Do: key + `@sps POST /otp/v1/transactions {"user":"bob","method":"push"}`, Anyway: true, Check: oneRequest},
			{Name: "a code", Before: []string{`@trent POST /otp/v1/users/victor/devices {"kind":"hotp"}`, "-> dev id"}, Do: key + `@trent POST /otp/v1/devices/{{dev}}/unlock`, Anyway: true},
			{Name: "ticket", Do: key + "@sps POST " + tickets + ` {"title":"new one"}`, Anyway: true, After: once("@sps GET "+tickets, `"title":"new one"`)},
			{Name: "named ticket", Do: key + "@sps POST " + tickets + ` {"id":"T-9","title":"new one"}`, Anyway: true, After: once("@sps GET "+tickets, `"title":"new one"`)},
			{Name: "transition with a comment", Before: made, Do: key + "@sps POST " + tickets + `/T-1/transitions {"to":"rejected","comment":"not now"}`, Anyway: true,
				After: once("@sps GET "+tickets+"/T-1", `"text":"not now"`)},
			{Name: "transition without a key", Before: made, Do: "@sps POST " + tickets + `/T-1/transitions {"to":"rejected","comment":"not now"}`, Done: "illegal_transition",
				After: once("@sps GET "+tickets+"/T-1", `"text":"not now"`)},
			{Name: "note", Before: made, Do: key + "@sps POST " + tickets + `/T-1/notes {"kind":"comment","text":"seen"}`, Anyway: true, After: []string{"@sps GET " + tickets + "/T-1/notes", `=> "id":1`, `!> "id":2`}},
			{Name: "approval", Before: made, Do: key + "@trent POST " + tickets + `/T-1/approvals {"decision":"approved"}`, Anyway: true, After: []string{"@sps GET " + tickets + "/T-1", `=> "state":"approved"`}},
			{Name: "session", Before: append(made[:1:1], "@trent POST "+tickets+`/T-1/approvals {"decision":"approved"}`), Do: key + "@sps POST " + tickets + `/T-1/sessions {"session_id":"s","user":"bob"}`, Anyway: true,
				After: []string{"@sps GET " + tickets + "/T-1", `=> "uses":1,`}},
		},
	}.Try(t)
}

// theCodeThatCame: a code that is in the outbox last is the one that the device takes.
func theCodeThatCame(t *testing.T, f *dialecttest.Fleet, c *dialecttest.Client) {
	t.Helper()
	all, err := f.Factors.Outbox(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		return // it got lost on its way
	}
	current, _, err := f.Factors.Current(t.Context(), "bob-sms")
	if err != nil || len(all) > 1 || all[0].Code != current {
		t.Errorf("the outbox has %v, the device takes %s, %v", all, current, err)
	}
}

// oneRequest: a push was asked once.
func oneRequest(t *testing.T, f *dialecttest.Fleet, _ *dialecttest.Client) {
	t.Helper()
	all, err := f.Factors.Approvals(t.Context(), "bob")
	if err != nil || len(all) > 1 {
		t.Errorf("%d requests, %v", len(all), err)
	}
}
