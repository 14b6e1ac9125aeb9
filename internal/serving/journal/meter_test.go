package journal_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"counterpart/internal/serving/journal"
)

func TestTheMeterCountsUnderARaceAndIsBounded(t *testing.T) {
	var m journal.Metrics
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 3000 {
				m.Count(journal.Series{Server: "s", Op: fmt.Sprint("op ", g, i), Outcome: "ok"}, time.Millisecond)
				m.Count(journal.Series{Server: "s", Op: "usual \"op\"", Outcome: "ok"}, time.Hour)
			}
		})
	}
	all.Wait()
	var b strings.Builder
	if n, err := m.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Error(n, err)
	}
	for _, want := range []string{`counterpart_operations_total{server="s",operation="usual \"op\"",outcome="ok"} 12000`, `operation="other"`,
		`counterpart_operation_seconds_bucket{server="s",operation="usual \"op\"",outcome="ok",le="10"} 0`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s", want)
		}
	}
	if n := strings.Count(b.String(), "counterpart_operations_total{"); n > 2002 {
		t.Errorf("%d series", n)
	}
	var none *journal.Metrics
	none.Count(journal.Series{}, 0)
	if n, _ := none.WriteTo(&b); n == 0 {
		t.Error("a nil meter has headings, too")
	}
}

func BenchmarkCount(b *testing.B) {
	var m journal.Metrics
	s := journal.Series{Server: "radius", Op: "Access-Request", Outcome: "ok"}
	for b.Loop() {
		m.Count(s, time.Millisecond)
	}
}
