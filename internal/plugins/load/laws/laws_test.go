package laws_test

import (
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/load/laws"
	"counterpart/internal/plugins/load/report"
	"counterpart/internal/plugins/load/step"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// play is a history: each line is walk, what it does, when it was sent and answered.
type line struct {
	walk           uint64
	kind           step.FactKind
	sent, answered int // milliseconds
}

func play(lines ...line) map[string]report.Law {
	b := laws.New(began)
	takes := &step.Spec{Journey: "j", Takes: &step.Means{What: "lease", Exclusive: true}}
	for _, l := range lines {
		a := step.Answer{Operation: "op", Verdict: step.LetIn, Sent: began.Add(time.Duration(l.sent) * time.Millisecond), Answered: began.Add(time.Duration(l.answered) * time.Millisecond),
			Facts: []step.Fact{{Kind: l.kind, What: "lease", ID: "root@db01"}}}
		b.Observe(&step.Walk{Journey: "j", Number: l.walk}, takes, &a)
	}
	out := map[string]report.Law{}
	for _, l := range b.Laws() {
		out[l.Name] = l
	}
	return out
}

const one = "what is exclusive has one holder"

// TestOneHolder: an account that two have at one time breaks the law, named by its first
// operation; answers that overtake each other do not.
func TestOneHolder(t *testing.T) {
	if l := play(line{1, step.Takes, 0, 10}, line{2, step.Takes, 20, 30}, line{1, step.GivesBack, 40, 50}, line{2, step.GivesBack, 60, 70})[one]; l.Broken != 1 ||
		!strings.Contains(l.First, "walk 2, 0.030 s after the start) got root@db01, which op (step 1 of journey j, walk 1") {
		t.Errorf("%+v", l)
	}
	for name, fine := range map[string][]line{
		"one after the other":         {{1, step.Takes, 0, 10}, {1, step.GivesBack, 20, 30}, {2, step.Takes, 40, 50}, {2, step.GivesBack, 60, 70}},
		"the answer comes late":       {{1, step.Takes, 0, 10}, {2, step.Takes, 25, 30}, {1, step.GivesBack, 20, 50}, {2, step.GivesBack, 60, 70}},
		"both ends before it is seen": {{1, step.Takes, 0, 10}, {2, step.Takes, 25, 30}, {2, step.GivesBack, 35, 40}, {3, step.Takes, 41, 45}, {1, step.GivesBack, 20, 50}, {3, step.GivesBack, 60, 70}},
		"granted before it was told":  {{2, step.Takes, 5, 10}, {1, step.Takes, 0, 20}, {2, step.GivesBack, 15, 30}},
	} {
		if l := play(fine...)[one]; l.Broken != 0 {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if l := play(line{1, step.Takes, 0, 10}, line{2, step.Takes, 20, 30})[one]; l.Broken != 1 {
		t.Errorf("never given back: %+v", l)
	}
}

// TestBalance: what is given back was taken.
func TestBalance(t *testing.T) {
	const law = "what is given back was taken, and once"
	got := play(line{1, step.Takes, 0, 10}, line{1, step.GivesBack, 20, 30}, line{1, step.GivesBack, 40, 50})[law]
	if got.Broken != 1 || !strings.Contains(got.First, "gave back root@db01, which nobody had") || got.Said != "lease: 1 taken = 2 given back + -1 out" {
		t.Errorf("%+v", got)
	}
	if got := play(line{1, step.Takes, 0, 10}, line{1, step.GivesBack, 20, 30})[law]; got.Broken != 0 || got.Said != "lease: 1 taken = 1 given back + 0 out" {
		t.Errorf("%+v", got)
	}
}

// TestWhatIsShownIsAcceptedOnce: what a plan says of a step counts as a code that was drawn does,
// and a refusal of it is no acceptance.
func TestWhatIsShownIsAcceptedOnce(t *testing.T) {
	b := laws.New(began)
	for _, verdict := range []step.Verdict{step.Refused, step.LetIn, step.Refused, step.LetIn} {
		b.Observe(&step.Walk{Person: step.Person{ID: "alice", Name: "alice"}}, &step.Spec{}, &step.Answer{Operation: "op", Verdict: verdict, Answered: began,
			Facts: []step.Fact{{Kind: step.Shows, What: "ticket", ID: "one-time"}}})
	}
	if all := b.Laws(); len(all) != 1 || all[0].Name != "a code is accepted once" || all[0].Broken != 1 {
		t.Errorf("%+v", all)
	}
}

// TestACodeThatIsNamedTwiceIsOne: drawn for a hole, and named by the plan.
func TestACodeThatIsNamedTwiceIsOne(t *testing.T) {
	b := laws.New(began)
	b.Observe(&step.Walk{Person: step.Person{ID: "alice", Name: "alice"}, Shown: []string{"123456", "123456"}}, &step.Spec{},
		&step.Answer{Operation: "op", Verdict: step.LetIn, Answered: began, Facts: []step.Fact{{Kind: step.Shows, What: "code", ID: "123456"}}})
	if all := b.Laws(); len(all) != 1 || all[0].Broken != 0 {
		t.Errorf("%+v", all)
	}
}

// TestNobodyIsLetInByADisabledDevice: mallory's password is right, and her authenticator is disabled.
func TestNobodyIsLetInByADisabledDevice(t *testing.T) {
	for name, x := range map[string]struct {
		shown  []string
		broken int
	}{"with a password alone": {nil, 0}, "with a code": {[]string{"123456"}, 1}} {
		b := laws.New(began)
		w := &step.Walk{Person: step.Person{ID: "mallory", Name: "mallory", Fate: step.May, Second: step.MayNot}, Shown: x.shown}
		b.Observe(w, &step.Spec{Expect: step.Expect{Verdict: "as_world"}}, &step.Answer{Operation: "op", Verdict: step.LetIn, Answered: began})
		broken := 0
		for _, l := range b.Laws() {
			if l.Name == "nobody is let in whom the company does not let in" {
				broken = l.Broken
			}
		}
		if broken != x.broken {
			t.Errorf("%s: broken %d times", name, broken)
		}
	}
}

// TestCodesTokensAndTheWorld.
func TestCodesTokensAndTheWorld(t *testing.T) {
	b := laws.New(began)
	say := func(person string, fate step.Fate, code string, facts ...step.Fact) {
		w := &step.Walk{Person: step.Person{ID: person, Name: person, Fate: fate, Second: fate}, Shown: []string{code}}
		b.Observe(w, &step.Spec{Expect: step.Expect{Verdict: "as_world"}}, &step.Answer{Operation: "op", Verdict: step.LetIn, Answered: began, Facts: facts})
	}
	issue, revoke := step.Fact{Kind: step.Issues, What: "token", ID: "secret-1"}, step.Fact{Kind: step.Revokes, What: "token", ID: "secret-1"}
	say("alice", step.May, "123456", issue)
	say("bob", step.May, "123456")
	say("alice", step.May, "123456", issue)
	say("alice", step.May, "111111", revoke)
	say("alice", step.May, "222222", revoke)
	say("dave", step.MayNot, "333333")
	var got []string
	for _, l := range b.Laws() {
		got = append(got, l.First)
		if l.Broken < 1 || strings.Contains(l.First, "secret") || strings.Contains(l.First, "123456") {
			t.Errorf("%+v", l)
		}
	}
	if len(got) != 3 {
		t.Errorf("%q", got)
	}
}
