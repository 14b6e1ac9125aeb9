package fault_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/serving/fault"
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

func TestEveryNthAndForATime(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for want, r := range map[string]fault.Rule{
		"..x..x..": {Every: 3}, "....x...": {Nth: 5}, ".....x.x": {Skip: 4, Every: 2}, "xxxx....": {Lasts: "4s"}, ".x.x....": {Every: 2, Lasts: "4s"},
		"xxxxxxxx": {Every: 1},
	} {
		tab := fault.New(1)
		tab.Now = func() time.Time { return now }
		r.Kind = fault.Reset
		if err := tab.Set([]fault.Rule{r}); err != nil {
			t.Fatal(err)
		}
		got := ""
		for i := range 8 {
			tab.Now = func() time.Time { return now.Add(time.Duration(i) * time.Second) }
			if _, hit := tab.Hit(fault.Subject{}, fault.Reset); hit {
				got += "x"
			} else {
				got += "."
			}
		}
		if got != want {
			t.Errorf("%+v: %s, want %s", r, got, want)
		}
	}
}

func TestARuleDrawsOncePerOperation(t *testing.T) {
	tab := table(t, fault.Rule{ID: "a", Kind: fault.Reset, Actor: "alice"}, fault.Rule{ID: "b", Kind: fault.Reset, Every: 2}, fault.Rule{ID: "c", Kind: fault.Reset, Moment: fault.After},
		fault.Rule{ID: "d", Kind: fault.Body, Args: map[string]string{"as": "empty"}})
	var l fault.Checked
	ask := func(s fault.Subject, m fault.Moment) string {
		r, _ := tab.Judge(&l, s, m, fault.Kinds()...)
		return r.ID
	}
	if got := ask(fault.Subject{}, fault.Before); got != "" {
		t.Errorf("the first of two: %q", got)
	}
	if got := ask(fault.Subject{}, fault.Before); got != "" {
		t.Errorf("asked again: %q", got)
	}
	if got := ask(fault.Subject{Actor: "alice"}, fault.Before); got != "a" {
		t.Errorf("with the actor known: %q", got)
	}
	if got := ask(fault.Subject{Actor: "alice"}, fault.After); got != "c" {
		t.Errorf("after: %q", got)
	}
	if got := ask(fault.Subject{Actor: "alice"}, fault.After); got != "d" {
		t.Errorf("and then: %q", got)
	}
	if s := tab.States(); s[1].Seen != 1 || s[0].Fired != 1 {
		t.Errorf("%+v", s)
	}
	l = fault.Checked{}
	before := table(t, fault.Rule{ID: "x", Kind: fault.Reset, Moment: fault.Before})
	if _, hit := before.Judge(&l, fault.Subject{}, fault.After, fault.Reset); hit {
		t.Error("a rule for before struck after")
	}
	if before.Later(fault.Subject{}) || !tab.Later(fault.Subject{}) {
		t.Error("Later")
	}
}

func TestRulesAreAddedAndTakenAway(t *testing.T) {
	tab := table(t, fault.Rule{ID: "rule-2", Kind: fault.Drop})
	ids, err := tab.Add(fault.Rule{Kind: fault.Drop}, fault.Rule{Kind: fault.Hang})
	if err != nil || strings.Join(ids, " ") != "rule-3 rule-4" {
		t.Errorf("%v %v", ids, err)
	}
	if _, err := tab.Add(fault.Rule{Kind: fault.Drop}, fault.Rule{ID: "rule-3", Kind: fault.Hang}); err == nil {
		t.Error("an id was taken twice")
	}
	remove := func(id string) bool { was, _ := tab.Remove(id); return was }
	if !remove("rule-3") || remove("rule-3") || len(tab.Rules()) != 2 {
		t.Errorf("%+v", tab.Rules())
	}
	if !remove("rule-2") || !remove("rule-4") || !tab.Idle() {
		t.Error("not idle")
	}
	if _, err := tab.Add(make([]fault.Rule, 501)...); err == nil {
		t.Error("501 rules")
	}
}

func TestEveryMistakeIsNamed(t *testing.T) {
	args := func(kind string, pairs ...string) fault.Rule {
		r := fault.Rule{Kind: kind, Args: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			r.Args[pairs[i]] = pairs[i+1]
		}
		return r
	}
	for want, r := range map[string]fault.Rule{
		"has no args.fore":               args(fault.Delay, "for", "1s", "fore", "2s"),
		"delay needs args.for":           args(fault.Delay, "for", "48h"),
		"args.spread must be":            args(fault.Delay, "for", "1s", "spread", "much"),
		"args.shape must be":             args(fault.Delay, "for", "1s", "shape", "square"),
		"has no args.spread":             args(fault.Delay, "for", "1s", "shape", "exponential", "spread", "1s"),
		"args.code must be 200 to 599":   args(fault.Status, "code", "99"),
		"body needs args.as":             args(fault.Body),
		"args.field goes with":           args(fault.Body, "as", "dropped"),
		"and only with them":             args(fault.Body, "as", "cut", "field", "x"),
		"slow needs args.rate":           args(fault.Slow, "rate", "0"),
		"tls needs args.as":              args(fault.TLS, "as", "broken"),
		"it knows none":                  args(fault.Reset, "for", "1s"),
		"edit needs args.field":          args(fault.Edit, "as", "dropped"),
		"edit needs args.as":             args(fault.Edit, "field", "body.x", "as", "gone"),
		"args.value goes with replaced":  args(fault.Edit, "field", "body.x", "as", "dropped", "value", "x"),
		"and forged, and only with them": args(fault.Edit, "field", "status", "as", "replaced"),
		"is for a whole body":            args(fault.Edit, "field", "body.x", "as", "html"),
		"args.for must be":               args(fault.Reorder, "for", "-1s"),
		"moment must be before or after": {Kind: fault.Drop, Moment: "during"},
		"moment can only be after":       {Kind: fault.Slow, Args: map[string]string{"rate": "1"}, Moment: fault.Before},
		"has no moment":                  {Kind: fault.TLS, Args: map[string]string{"as": "stall"}, Moment: fault.After},
		"give either every or nth":       {Kind: fault.Drop, Every: 2, Nth: 2},
		"lasts must be":                  {Kind: fault.Drop, Lasts: "-1s"},
		"every and nth at least 0":       {Kind: fault.Drop, Nth: -2},
	} {
		if err := fault.New(1).Set([]fault.Rule{r}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", r, err, want)
		}
	}
	if err := fault.New(1, "sealed").Set([]fault.Rule{args("sealed", "anything", "goes")}); err != nil {
		t.Errorf("a server's own args: %v", err)
	}
}

func TestDelaysFollowTheirDistribution(t *testing.T) {
	for shape, tt := range map[string]struct{ args map[string]string }{
		"fixed": {map[string]string{"for": "1s"}}, "uniform": {map[string]string{"for": "1s", "spread": "500ms"}},
		"normal": {map[string]string{"for": "1s", "spread": "100ms", "shape": "normal"}}, "exponential": {map[string]string{"for": "1s", "shape": "exponential"}},
	} {
		draw := func() (all []time.Duration) {
			tab := table(t, fault.Rule{Kind: fault.Delay, Args: tt.args})
			for range 4000 {
				r, _ := tab.Hit(fault.Subject{}, fault.Delay)
				all = append(all, r.Wait())
			}
			return all
		}
		all := draw()
		if !slices.Equal(all, draw()) {
			t.Errorf("%s: it does not repeat", shape)
		}
		var sum time.Duration
		for _, d := range all {
			sum += d
		}
		if mean := sum / 4000; mean < 900*time.Millisecond || mean > 1100*time.Millisecond {
			t.Errorf("%s: the mean is %s", shape, mean)
		}
		lo, hi := slices.Min(all), slices.Max(all)
		if shape == "uniform" && (lo < 500*time.Millisecond || hi > 1500*time.Millisecond || hi-lo < 900*time.Millisecond) || lo < 0 || shape == "fixed" && lo != hi {
			t.Errorf("%s: from %s to %s", shape, lo, hi)
		}
	}
}

func TestBodiesAreSpoilt(t *testing.T) {
	const body = `{"secret":{"value":"x","n":12345678901234567890},"items":[{"id":1},{"id":2}],"ok":true}`
	for _, tt := range []struct{ as, field, want string }{
		{"empty", "", ""}, {"cut", "", body[:len(body)/2]}, {"malformed", "", body[:len(body)-1] + ",\x00]"},
		{"dropped", "secret.value", `{"secret":{"n":12345678901234567890},"items":[{"id":1},{"id":2}],"ok":true}`},
		{"null", "secret", `{"secret":null,"items":[{"id":1},{"id":2}],"ok":true}`},
		{"wrong-type", "secret.value", `{"secret":{"value":4711,"n":12345678901234567890},"items":[{"id":1},{"id":2}],"ok":true}`},
		{"wrong-type", "items.*.id", `{"secret":{"value":"x","n":12345678901234567890},"items":[{"id":{"unexpected":true}},{"id":{"unexpected":true}}],"ok":true}`},
		{"null", "items.1", `{"secret":{"value":"x","n":12345678901234567890},"items":[{"id":1},null],"ok":true}`},
		{"wrong-type", "secret", `{"secret":["unexpected"],"items":[{"id":1},{"id":2}],"ok":true}`},
	} {
		r := fault.Rule{Args: map[string]string{"as": tt.as, "field": tt.field}}
		if got, cut, done := r.Spoil([]byte(body)); string(got) != tt.want || !done || cut != (tt.as == "cut") {
			t.Errorf("%s %s: %s (%v), want %s", tt.as, tt.field, got, done, tt.want)
		}
	}
	r := fault.Rule{Args: map[string]string{"as": "null", "field": "none.such"}}
	for _, text := range []string{body, "", "no json"} {
		if got, _, done := r.Spoil([]byte(text)); done || string(got) != text {
			t.Errorf("nothing to spoil in %q: %q", text, got)
		}
	}
}

func FuzzSpoil(f *testing.F) {
	f.Add(`{"a":[{"b":1}]}`, "a.*.b", "null")
	f.Add(``, "", "malformed")
	f.Fuzz(func(t *testing.T, body, field, as string) {
		got, _, done := fault.Rule{Args: map[string]string{"as": as, "field": field}}.Spoil([]byte(body))
		if !done && string(got) != body {
			t.Errorf("%q became %q although nothing was done", body, got)
		}
	})
}

func BenchmarkIdleTable(b *testing.B) {
	tab := fault.New(1)
	for b.Loop() {
		tab.Hit(fault.Subject{Server: "vault", Op: "GET /v1/secret"}, fault.Delay, fault.Status)
	}
}
