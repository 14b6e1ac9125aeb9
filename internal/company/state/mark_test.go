package state_test

import (
	"errors"
	"testing"
	"time"

	"counterpart/internal/company/state"
)

// TestOnce: a change under a mark is made once, and told again as it was; others are not
// taken for it, and a refusal is not remembered.
func TestOnce(t *testing.T) {
	var m state.Marks
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	count := 0
	once := func(mark, what string, fail error) (int, error) {
		var out int
		err := state.Once(state.WithMark(t.Context(), mark), &m, state.Change[int]{What: what, Now: now, Out: &out, Make: func() error {
			if fail == nil {
				count++
			}
			out = count
			return fail
		}})
		return out, err
	}
	no := errors.New("no")
	for i, c := range []struct {
		mark, what string
		fail       error
		out        int
		err        error
	}{
		{mark: "", what: "x", out: 1}, {mark: "", what: "x", out: 2}, {mark: "a", what: "x", fail: no, out: 2, err: no},
		{mark: "a", what: "x", out: 3}, {mark: "a", what: "x", out: 3, err: state.ErrKeep}, {mark: "a", what: "y", out: 4}, {mark: "b", what: "x", out: 5},
		{mark: "a", what: "x", out: 3, err: state.ErrKeep},
	} {
		if out, err := once(c.mark, c.what, c.fail); out != c.out || err != c.err {
			t.Errorf("%d: %d, %v; want %d, %v", i, out, err, c.out, c.err)
		}
	}
	now = now.Add(state.MarksLive)
	if out, err := once("a", "x", nil); out != 6 || err != nil || len(m) != 1 {
		t.Errorf("after its time: %d, %v, %d marks", out, err, len(m))
	}
	for i := range 1000 {
		if _, err := once(string(rune('a'+i)), "z", nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(m) > 50 {
		t.Errorf("%d marks are kept", len(m))
	}
	m[0].Result = []byte("{")
	if _, err := once(m[0].Mark, "z", nil); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("a damaged mark: %v", err)
	}
}
