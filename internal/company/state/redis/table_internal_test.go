package redis

import (
	"testing"

	"counterpart/internal/company/state"
)

func TestRangesOfOctets(t *testing.T) {
	for _, tt := range []struct {
		r        state.Range
		from, to string
	}{
		{state.Range{}, "-", "+"},
		{state.Range{After: "k"}, "(k", "+"},
		{state.Range{Prefix: "a/"}, "[a/", "(a0"},
		{state.Range{Prefix: "a/", After: "a/1"}, "(a/1", "(a0"},
		{state.Range{Prefix: "b", After: "a"}, "[b", "(c"},
		{state.Range{Prefix: "a\xff\xff"}, "[a\xff\xff", "(b"},
		{state.Range{Prefix: "\xff"}, "[\xff", "+"},
		{state.Range{Prefix: "a\ufffd"}, "[a\ufffd", "(a\xef\xbf\xbe"},
	} {
		if from, to := limits(tt.r); from != tt.from || to != tt.to {
			t.Errorf("%+v is from %q to %q, want %q to %q", tt.r, from, to, tt.from, tt.to)
		}
	}
}
