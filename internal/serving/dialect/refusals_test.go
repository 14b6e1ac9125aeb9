package dialect_test

import (
	"slices"
	"testing"

	"counterpart/internal/serving/dialect"
)

// TestRefusalsStandInATextThatIsReadBack: sorted, each once, whatever was between.
func TestRefusalsStandInATextThatIsReadBack(t *testing.T) {
	list := []dialect.Refusal{{Op: "b", Cause: "locked"}, {Op: "a", Cause: "x: y"}, {Op: "b", Cause: "expired"}, {Op: "b", Cause: "locked"}}
	text := dialect.WriteRefusals(list)
	want := []dialect.Refusal{{Op: "a", Cause: "x: y"}, {Op: "b", Cause: "expired"}, {Op: "b", Cause: "locked"}}
	if got := dialect.ReadRefusals(text); !slices.Equal(got, want) {
		t.Errorf("%v from\n%s", got, text)
	}
	if got := dialect.ReadRefusals("# nothing\r\n\r\na\r\n\tlocked\r\n"); !slices.Equal(got, []dialect.Refusal{{Op: "a", Cause: "locked"}}) {
		t.Errorf("%v", got)
	}
}

// TestWhatIsARefusal: what the world, or the request itself, is to blame for; nothing that a
// fault did, and nothing that is our own.
func TestWhatIsARefusal(t *testing.T) {
	r := dialect.NewRefused(dialect.Kind{Scope: func() dialect.Scope { return dialect.Scope{Plays: []string{"read"}} }})
	for _, tt := range []struct {
		e    dialect.Ended
		want dialect.Refusal
		no   bool
	}{
		{e: dialect.Ended{Op: "read", Outcome: "denied", Cause: "locked", Status: "403"}, want: dialect.Refusal{Op: "read", Cause: "locked"}},
		{e: dialect.Ended{Op: "read", Outcome: "failed", Status: "400"}, want: dialect.Refusal{Op: "read", Cause: "400"}},
		{e: dialect.Ended{Op: "read", Outcome: "dropped"}, want: dialect.Refusal{Op: "read", Cause: "dropped"}},
		{e: dialect.Ended{Op: "GET /x?y=z", Outcome: "denied", Status: "401"}, want: dialect.Refusal{Op: dialect.Elsewhere, Cause: "401"}},
		{e: dialect.Ended{Op: "read", Outcome: "ok", Cause: "locked"}, no: true},
		{e: dialect.Ended{Op: "read", Outcome: "error", Cause: "unavailable"}, no: true},
		{e: dialect.Ended{Op: "read", Outcome: "unplayed", Cause: "x"}, no: true},
		{e: dialect.Ended{Op: "read", Outcome: "challenge"}, no: true},
		{e: dialect.Ended{Op: "read", Outcome: "denied", Cause: "locked", Faults: []string{"f1"}}, no: true},
	} {
		if got, ok := r.Of(tt.e); ok == tt.no || got != tt.want {
			t.Errorf("%+v: %v %v", tt.e, got, ok)
		}
	}
}
