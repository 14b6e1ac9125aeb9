package fault_test

import (
	"strings"
	"testing"

	"counterpart/internal/fault"
)

func table(t *testing.T, rules ...fault.Rule) *fault.Table {
	t.Helper()
	tab := fault.New(1, "sealed")
	if err := tab.Set(rules); err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestARuleFiresForWhatItMatches(t *testing.T) {
	s := fault.Subject{Server: "vault", Op: "GET /v1/secret/a", Actor: "alice", Object: "root@db01"}
	for _, tt := range []struct {
		name string
		rule fault.Rule
		want bool
	}{
		{"everything", fault.Rule{Kind: fault.Drop}, true},
		{"any server", fault.Rule{Kind: fault.Drop, Server: "*"}, true},
		{"its server", fault.Rule{Kind: fault.Drop, Server: "Vault"}, true},
		{"another server", fault.Rule{Kind: fault.Drop, Server: "duo"}, false},
		{"a path below", fault.Rule{Kind: fault.Drop, Op: "GET /v1/*"}, true},
		{"another method", fault.Rule{Kind: fault.Drop, Op: "POST /v1/*"}, false},
		{"its actor and object", fault.Rule{Kind: fault.Drop, Actor: "alice", Object: "root@db01"}, true},
		{"another actor", fault.Rule{Kind: fault.Drop, Actor: "bob"}, false},
		{"another kind", fault.Rule{Kind: "sealed"}, false},
	} {
		if _, got := table(t, tt.rule).Hit(s, fault.Drop); got != tt.want {
			t.Errorf("%s: fired = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestSkipTimesAndPercent(t *testing.T) {
	draw := func(r fault.Rule, n int) string {
		tab, out := table(t, r), ""
		for range n {
			if _, hit := tab.Hit(fault.Subject{}, r.Kind); hit {
				out += "x"
			} else {
				out += "."
			}
		}
		return out
	}
	if got := draw(fault.Rule{Kind: fault.Reset, Skip: 2, Times: 3}, 8); got != "..xxx..." {
		t.Errorf("skip 2, times 3: %s", got)
	}
	half := draw(fault.Rule{ID: "a", Kind: fault.Reset, Percent: 50}, 1000)
	if n := strings.Count(half, "x"); n < 400 || n > 600 {
		t.Errorf("50 %% of 1000 fired %d times", n)
	}
	if half != draw(fault.Rule{ID: "a", Kind: fault.Reset, Percent: 50}, 1000) {
		t.Error("the same seed draws differently")
	}
	if half == draw(fault.Rule{ID: "b", Kind: fault.Reset, Percent: 50}, 1000) {
		t.Error("two rules share their draws")
	}
}

func TestASetIsTakenWholeOrNotAtAll(t *testing.T) {
	tab := table(t, fault.Rule{ID: "keep", Kind: fault.Drop})
	err := tab.Set([]fault.Rule{
		{ID: "fine", Kind: fault.Reset}, {ID: "fine", Kind: "explode"},
		{Kind: fault.Delay, Args: map[string]string{"for": "soon"}}, {Kind: fault.Drop, Percent: 101}, {Kind: fault.Drop, Op: "[a"},
	})
	if err == nil {
		t.Fatal("a broken set was accepted")
	}
	for _, want := range []string{"the id is taken", `unknown kind "explode"`, "sealed", `"soon"`, "percent must be", `"[a" is no pattern`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %s:\n%v", want, err)
		}
	}
	if r := tab.Rules(); len(r) != 1 || r[0].ID != "keep" {
		t.Errorf("rules are now %v", r)
	}
	if err := tab.Set(nil); err != nil || !tab.Idle() {
		t.Errorf("clearing: %v", err)
	}
}

func BenchmarkIdleTable(b *testing.B) {
	tab := fault.New(1)
	for b.Loop() {
		tab.Hit(fault.Subject{Server: "vault", Op: "GET /v1/secret"}, fault.Delay, fault.Status)
	}
}
