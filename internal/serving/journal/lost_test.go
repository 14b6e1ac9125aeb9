package journal_test

import (
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/serving/journal"
)

// TestWhatIsLostCannotBeVerified: after a replica was lost, or the store emptied, nobody
// knows what did not happen; what did happen is known all the same.
func TestWhatIsLostCannotBeVerified(t *testing.T) {
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, mark := range map[string]func(j *journal.Journal){
		"replica": func(j *journal.Journal) { j.Lost(at, "r", "it was lost") },
		"store":   func(j *journal.Journal) { j.Emptied(at, "it was emptied") },
	} {
		j := journal.New(journal.Limits{}, nil)
		j.Share(statetest.Shared(state.NewMemory(clock.Frozen(at))), "journal", "a")
		record := func(op string) {
			t.Helper()
			j.Record(journal.Entry{At: at, Server: "native", Op: op, Outcome: "ok"})
			if err := j.HandOver(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		verify := func(since uint64, op string, never bool) journal.Result {
			x := journal.Expectation{Match: journal.Match{Op: op}}
			if x.Never = never; !never {
				one := 1
				x.AtLeast = &one
			}
			return j.Verify(journal.Check{Since: since, Expect: []journal.Expectation{x}}).Result
		}
		record("before")
		if got := verify(0, "never", true); got != journal.Pass {
			t.Errorf("%s: before it is %s", name, got)
		}
		mark(j)
		record("after")
		if got := verify(0, "never", true); got != journal.Unknown {
			t.Errorf("%s: that something never happened is %s", name, got)
		}
		if got := verify(0, "elsewhere", false); got != journal.Unknown {
			t.Errorf("%s: that something happened which is not there is %s", name, got)
		}
		if got := verify(0, "before", false); got != journal.Pass {
			t.Errorf("%s: that something happened is %s", name, got)
		}
		if got := verify(2, "never", true); got != journal.Pass {
			t.Errorf("%s: since then it is %s", name, got)
		}
		if got := verify(99, "never", true); got != journal.Unknown {
			t.Errorf("%s: since a number that never was it is %s", name, got)
		}
		if l := j.Lines(99, journal.Match{}); l.Missed == 0 || len(l.Texts) != 0 {
			t.Errorf("%s: since then there are %+v", name, l)
		}
	}
}
