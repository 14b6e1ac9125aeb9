package journal_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/serving/journal"
)

// onStore is a replica's journal over a store, with room for so many entries.
func onStore(s state.Store, replica string, entries int) *journal.Journal {
	j := journal.New(journal.Limits{Entries: entries}, nil)
	j.Share(s, "journal", replica)
	return j
}

// said hands over entries one by one, each in a batch of its own, and tries again what failed.
func said(t *testing.T, j *journal.Journal, who string, from, n int) (failed int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		j.Record(journal.Entry{Op: fmt.Sprint(who, " ", i), Request: strings.Repeat("x", 50)})
		for tries := 0; j.HandOver(t.Context()) != nil; tries++ {
			if failed++; tries == 3 {
				t.Fatal("nothing is handed over any more")
			}
		}
	}
	return failed
}

// batches counts what the store holds of the log.
func batches(t *testing.T, s state.Store) int {
	t.Helper()
	keys, err := s.Table("journal").Keys(context.Background(), state.Range{})
	if err != nil {
		t.Fatal(err)
	}
	return len(keys)
}

// timelineOf is what a replica shows, with the numbers.
func timelineOf(j *journal.Journal) (out []string) {
	for _, e := range j.Since(0, journal.Match{}, 0).Entries {
		out = append(out, fmt.Sprint(e.Seq, " ", e.Op))
	}
	return out
}

// TestTheSharedLogIsCut: what the replicas' journals have no room for leaves the store, too;
// whoever reads afterwards, also one that comes later, has the newest entries with the same
// numbers and is told that there were more.
func TestTheSharedLogIsCut(t *testing.T) {
	s := state.NewMemory(clock.New())
	a, b := onStore(s, "a", 50), onStore(s, "b", 50)
	for i := range 10 {
		said(t, a, "a", i*20, 20)
		said(t, b, "b", i*3, 3)
	}
	if n := batches(t, s); n < 50 || n > 75 { // each cuts at its own batches
		t.Errorf("the store has %d batches", n)
	}
	late := onStore(s, "late", 50)
	want := timelineOf(a)
	if len(want) != 50 || want[49] != "230 b 29" {
		t.Fatal(len(want), want)
	}
	for name, j := range map[string]*journal.Journal{"b": b, "late": late} {
		if got := timelineOf(j); strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("%s shows %v, not %v", name, got, want)
		}
		if p := j.Since(0, journal.Match{}, 0); !p.Missed || p.Dropped != 180 || p.Last != 230 {
			t.Errorf("%s: missed %v, dropped %d, last %d", name, p.Missed, p.Dropped, p.Last)
		}
	}
}

// TestNothingStaysOfACutLog whichever write of the cutting fails: the next batch goes on there.
func TestNothingStaysOfACutLog(t *testing.T) {
	for nth := 1; nth <= 8; nth++ {
		memory := state.NewMemory(clock.New())
		s := statetest.Failing(memory)
		j := onStore(s, "a", 5)
		said(t, j, "a", 0, 40)
		was := batches(t, memory)
		s.At(nth)
		failed := said(t, j, "a", 40, 4)
		if failed != 1 {
			t.Fatalf("write %d: %d failures", nth, failed)
		}
		said(t, j, "a", 44, 10)
		if n := batches(t, memory); n != was {
			t.Errorf("write %d failed: %d batches, not %d", nth, n, was)
		}
		if got := timelineOf(j); len(got) != 5 || got[4] != "54 a 53" {
			t.Errorf("write %d failed: %v", nth, got)
		}
	}
}

// TestRacingReplicasCutOneLog: no number twice or missing, and no batch is left over.
func TestRacingReplicasCutOneLog(t *testing.T) {
	s := state.NewMemory(clock.New())
	const replicas, each = 4, 100
	all := make([]*journal.Journal, replicas)
	var running sync.WaitGroup
	for i := range all {
		all[i] = onStore(s, fmt.Sprint("r", i), 20)
		running.Go(func() { said(t, all[i], fmt.Sprint("r", i), 0, each) })
	}
	running.Wait()
	said(t, all[0], "end", 0, 21+replicas) // whoever still had older marks to cut at
	want := timelineOf(all[0])
	for _, j := range all {
		if got := timelineOf(j); len(got) != 20 || strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("%v, not %v", got, want)
		}
		if j.Recorded() != replicas*each+21+replicas {
			t.Errorf("%d entries", j.Recorded())
		}
	}
	if n := batches(t, s); n > 25 {
		t.Errorf("the store has %d batches", n)
	}
}
