package control_test

import (
	"fmt"
	"testing"
)

func TestRulesAreTriedOnWhatHasHappened(t *testing.T) {
	a := client(t)
	for range 7 {
		a.native("alice", "GET", "/vault/v1/accounts", "")
	}
	a.native("alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	r := a.want(200, "POST", "/faults/try", `{"rules":[{"id":"x","kind":"reset","op":"GET *","every":2},{"kind":"status","object":"root@db01"},{"kind":"hang","actor":"bob"}]}`)
	for path, want := range map[string]string{"looked": "8", "rules.0.seen": "7", "rules.0.fired": "3", "rules.0.last.0": "2", "rules.0.last.2": "6", "rules.1.id": "rule-2",
		"rules.1.fired": "1", "rules.1.last.0": "8", "rules.2.seen": "0"} {
		if got := r.str(path); got != want {
			t.Errorf("%s is %q, want %q: %s", path, got, want, r.body)
		}
	}
	if !a.f.Faults.Idle() {
		t.Error("a rule that was tried is in force")
	}
	many := `{"kind":"reset"}`
	for range 20 {
		many += `,{"kind":"reset"}`
	}
	for _, bad := range []string{`{"rules":[]}`, `{"rules":[{"kind":"explode"}]}`, `{"rules":[` + many + `]}`, `{}`} {
		a.want(400, "POST", "/faults/try", bad)
	}
	// What was said comes true: the same operations once more, with the rule in force.
	a.want(201, "POST", "/faults", `{"rules":[{"id":"x","kind":"status","op":"GET *","every":2}]}`)
	broken := 0
	for range 7 {
		if code, _ := a.native("alice", "GET", "/vault/v1/accounts", ""); code == 503 {
			broken++
		}
	}
	if fmt.Sprint(broken) != r.str("rules.0.fired") {
		t.Errorf("%d were struck, and %s were told", broken, r.str("rules.0.fired"))
	}
}

func TestOrdersAreTriedOnWhatWasDecided(t *testing.T) {
	a := client(t)
	for range 5 {
		a.native("alice", "GET", "/vault/v1/accounts", "")
	}
	a.native("bob", "GET", "/vault/v1/accounts", "")
	a.native("alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	a.push("alice", "")
	for body, want := range map[string]string{`{"verb":"deny","user":"alice","on":"login"}`: "6", `{"verb":"deny","user":"alice","on":"login","next":2}`: "2", `{"verb":"deny","account":"root@db01"}`: "1",
		`{"verb":"approve","user":"alice"}`: "1", `{"verb":"lock","user":"bob"}`: "1", `{"verb":"deny","ticket":""}`: ""} {
		status := 200
		if want == "" {
			status = 400
		}
		if r := a.want(status, "POST", "/decisions/try", body); r.str("would") != want || want != "" && r.str("looked") != "9" {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	if r := a.want(200, "GET", "/decisions", ""); r.str("decisions.0") != "" {
		t.Errorf("one was given: %s", r.body)
	}
	for body, status := range map[string]int{`{"verb":"fraud","account":"root@db01"}`: 400, `{"verb":"deny","user":"zoe"}`: 404, `{"verb":"deny","user":"alice","until":"2020-01-01T00:00:00Z"}`: 400} {
		a.want(status, "POST", "/decisions/try", body)
	}
}
