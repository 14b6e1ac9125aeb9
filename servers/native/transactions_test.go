package native_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/cause"

	"counterpart/internal/company/factor"
	"counterpart/internal/serving/journal"
)

// TestTransactionsThatAreOverSayHow: with 200, and the journal calls them refused.
func TestTransactionsThatAreOverSayHow(t *testing.T) {
	a := start(t)
	ask := func(user string) string {
		return a.want(202, "", "sps", "POST", "/otp/v1/transactions", `{"user":"`+user+`","method":"push"}`).header.Get("Location")
	}
	paths := []string{ask("alice"), ask("mallory"), ask("bob"), ask("bob"), ask("bob")}
	causes := []string{"", "reported as fraud", "denied", "cancelled", "expired"}
	if _, err := a.f.Factors.Decide(t.Context(), paths[2][strings.LastIndexByte(paths[2], '/')+1:], factor.Verdict{State: factor.Denied}); err != nil {
		t.Fatal(err)
	}
	a.want(204, "", "sps", "DELETE", paths[3], "")
	a.f.Clock.Advance(2 * time.Minute)
	for _, path := range paths {
		a.want(200, "", "sps", "GET", path, "")
	}
	p, err := a.f.Journal.AwaitN(t.Context(), 0, journal.Match{Op: "GET /otp/v1/transactions/:id"}, len(paths))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range causes {
		if e := p.Entries[i]; e.Cause != want || (want != "") != (e.Outcome == "denied") {
			t.Errorf("%s: %s %q, want %q", e.Request, e.Outcome, e.Cause, want)
		}
	}
}

// TestAPushWithANumber is approved by the number that its answer shows, once, and by no other.
func TestAPushWithANumber(t *testing.T) {
	a := start(t)
	r := a.want(202, "", "sps", "POST", "/otp/v1/transactions", `{"user":"bob","method":"push","number_matching":true}`)
	number, path := r.str("number"), r.header.Get("Location")
	if len(number) != 2 || strings.Trim(number, "0123456789") != "" {
		t.Fatalf("the login shows %q", number)
	}
	id := path[strings.LastIndexByte(path, '/')+1:]
	for _, no := range []string{"", string('0'+(number[0]-'0'+1)%10) + number[1:]} {
		if _, err := a.f.Factors.Decide(t.Context(), id, factor.Verdict{State: factor.Approved, Number: no}); !errors.Is(err, cause.WrongNumber) {
			t.Errorf("%q: %v", no, err)
		}
	}
	if later := a.want(200, "", "sps", "GET", path, ""); later.str("number") != "" || later.str("state") != "pending" {
		t.Errorf("%s", later.body)
	}
	if _, err := a.f.Factors.Decide(t.Context(), id, factor.Verdict{State: factor.Approved, Number: number}); err != nil {
		t.Error(err)
	}
	if plain := a.want(202, "", "sps", "POST", "/otp/v1/transactions", `{"user":"bob","method":"push"}`); plain.str("number") != "" {
		t.Errorf("%s", plain.body)
	}
	a.want(400, "bad_input", "sps", "POST", "/otp/v1/transactions", `{"user":"bob","method":"sms","number_matching":true}`)
}
