package journal_test

import (
	"slices"
	"testing"
	"time"

	"counterpart/internal/serving/journal"
)

// TestBucketsAreFine: each time is in the one bucket that ends less than 3.2 % beyond it.
func TestBucketsAreFine(t *testing.T) {
	for us := int64(0); us < 1<<32; us = us*17/16 + 1 {
		b := journal.Bucket(time.Duration(us) * time.Microsecond)
		end := journal.BucketEnd(b).Microseconds()
		if end < us || b > 0 && journal.BucketEnd(b-1).Microseconds() >= us || float64(end-us) > float64(us)*0.032 {
			t.Fatalf("%d µs are in the bucket %d, up to %d", us, b, end)
		}
	}
	if b := journal.Bucket(1000 * time.Hour); b != journal.Buckets-1 {
		t.Errorf("a long time is in the bucket %d", b)
	}
	if b := journal.Bucket(-time.Hour); b != 0 {
		t.Errorf("a negative time is in the bucket %d", b)
	}
}

// TestOwnTimesOfReplicasAddUp, and the outcomes of an operation are one histogram.
func TestOwnTimesOfReplicasAddUp(t *testing.T) {
	var a, b journal.Metrics
	for i := range 1000 {
		took := time.Duration(i+1) * time.Millisecond
		a.Count(journal.Series{Server: "s", Op: "x", Outcome: []string{"ok", "denied"}[i%2]}, took)
		b.Count(journal.Series{Server: "s", Op: "x", Outcome: "ok"}, took)
	}
	b.Count(journal.Series{Server: "s", Op: "a", Outcome: "ok"}, time.Millisecond)
	all := a.Counts()
	all.Add(b.Counts())
	out := all.Times()
	if len(out) != 2 || out[0].Op != "a" || out[1].Count() != 2000 {
		t.Fatalf("%+v", out)
	}
	for percent, want := range map[float64]time.Duration{50: 500 * time.Millisecond, 99: 990 * time.Millisecond, 100: time.Second} {
		if got := out[1].At(percent); got < want || got > want*104/100 {
			t.Errorf("percentile %v is %v, not %v", percent, got, want)
		}
	}
	if !slices.IsSortedFunc(out[1].Buckets, func(a, b journal.Filled) int { return int(a.Bucket) - int(b.Bucket) }) {
		t.Error("the buckets are in no order")
	}
}
