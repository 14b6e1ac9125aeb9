package counterparttest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"counterpart/internal/company/factor"
)

// patience is how long Wait and Answer look for what is to come, in real time.
const patience = 10 * time.Second

// Find returns the operations so far that match, oldest first.
func (f *Fleet) Find(m Match) []Entry { return f.company.Journal.Since(0, m, 0).Entries }

// Wait returns the first n operations that match, once there are so many.
func (f *Fleet) Wait(m Match, n int) []Entry {
	f.helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := f.company.Journal.AwaitN(ctx, 0, m, n)
	if err != nil {
		f.fail(fmt.Errorf("%w within %s: %d of %d like %s", errNotThere, patience, len(p.Entries), n, m))
	}
	return p.Entries[:n]
}

// Verify holds a check against the journal and says how it ended.
func (f *Fleet) Verify(c Check) Verdict {
	f.helper()
	if wrong := c.Mistakes(); len(wrong) > 0 {
		f.fail(fmt.Errorf("the check makes no sense: %s", strings.Join(wrong, "; ")))
	}
	return f.company.Journal.Verify(c)
}

// Expect fails the test unless a check passes: it goes on, as t.Error does.
func (f *Fleet) Expect(c Check) {
	f.helper()
	v := f.Verify(c)
	for _, p := range v.Problems {
		if f.t == nil {
			panic(p.What)
		}
		f.t.Errorf("%s: %s", p.Result, p.What)
	}
}

// Count expects exactly n operations that match.
func (f *Fleet) Count(m Match, n int) {
	f.helper()
	f.Expect(Check{Expect: []Expectation{{Match: m, Count: &n}}})
}

// AtLeast expects n operations that match, or more.
func (f *Fleet) AtLeast(m Match, n int) {
	f.helper()
	f.Expect(Check{Expect: []Expectation{{Match: m, AtLeast: &n}}})
}

// Never expects that nothing matched.
func (f *Fleet) Never(m Match) {
	f.helper()
	f.Expect(Check{Expect: []Expectation{{Match: m, Never: true}}})
}

// InOrder expects operations one after the other, with anything in between.
func (f *Fleet) InOrder(all ...Match) {
	f.helper()
	f.Expect(Check{Order: all})
}

// Only expects that nothing but these happened.
func (f *Fleet) Only(all ...Match) {
	f.helper()
	f.Expect(Check{Only: all})
}

// Tail is the end of the journal, a line per operation.
func (f *Fleet) Tail(n int) string {
	var b strings.Builder
	for _, e := range f.company.Journal.Tail(n) {
		fmt.Fprintf(&b, "#%d %s %s %s actor=%s object=%s %s %s %s\n", e.Seq, e.At.Format(time.RFC3339), e.Server, e.Op, e.Actor, e.Object, e.Outcome, e.Status, e.Why)
	}
	if b.Len() == 0 {
		return "nothing happened\n"
	}
	return b.String()
}

// Answer waits for a pending push or call of somebody and answers it: approve,
// deny, fraud, expire or cancel.
func (f *Fleet) Answer(user, verdict string) Approval {
	f.helper()
	v, ok := verdicts[verdict]
	u, known := f.company.World.Login(user)
	if !ok || !known {
		f.fail(fmt.Errorf("cannot let %q answer %q; people are those of the seed, answers approve, deny, fraud, expire and cancel", user, verdict))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		all, err := f.company.Factors.Approvals(ctx, u.ID)
		f.fail(err)
		for _, a := range all {
			if a.State == factor.Pending {
				a, err = f.company.Factors.Decide(ctx, a.ID, v)
				f.fail(err)
				return a
			}
		}
		select {
		case <-tick.C:
			tick.Reset(5 * time.Millisecond)
		case <-ctx.Done():
			f.fail(fmt.Errorf("%s was asked nothing within %s", user, patience))
		}
	}
}

var verdicts = map[string]factor.Verdict{
	"approve": {State: factor.Approved, By: "test"}, "deny": {State: factor.Denied, By: "test"}, "fraud": {State: factor.Denied, Fraud: true, By: "test"},
	"expire": {State: factor.Expired, By: "test"}, "cancel": {State: factor.Cancelled, By: "test"},
}
