package journal_test

import (
	"testing"

	"counterpart/internal/serving/journal"
)

// TestDroppedIsWhatPagesSay: without a look at any entry.
func TestDroppedIsWhatPagesSay(t *testing.T) {
	j := journal.New(journal.Limits{Entries: 3}, nil)
	for n := range 8 {
		if n == 6 {
			j.Clear()
		}
		j.Record(journal.Entry{Op: "GET /x"})
		if got, want := j.Dropped(), j.Since(0, journal.Match{}, 0).Dropped; got != want {
			t.Errorf("after %d: %d, a page says %d", n+1, got, want)
		}
	}
	if got := (*journal.Journal)(nil).Dropped(); got != 0 {
		t.Errorf("no journal has dropped %d", got)
	}
}
