package native_test

import (
	"strings"
	"testing"
	"time"

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
