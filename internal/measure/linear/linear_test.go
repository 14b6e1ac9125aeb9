package linear_test

import (
	"fmt"
	"testing"

	"counterpart/internal/measure/linear"
)

// heard is a test that notes whether it failed.
type heard struct {
	testing.TB
	failed string
}

func (h *heard) Helper() {}

func (h *heard) Errorf(format string, args ...any) { h.failed = fmt.Sprintf(format, args...) }

// TestCheckTellsASquareFromALine: the check itself can fail, and does not fail.
func TestCheckTellsASquareFromALine(t *testing.T) {
	spin := func(n int) {
		x := 1
		for i := range n {
			x = x*31 + i
		}
		if x == 0 {
			t.Log(x)
		}
	}
	line, square := &heard{TB: t}, &heard{TB: t}
	linear.Check(line, 4_000_000, func(n int) func() { return func() { spin(n) } })
	linear.Check(square, 4_000, func(n int) func() { return func() { spin(n * n) } })
	if line.failed != "" {
		t.Errorf("a line: %s", line.failed)
	}
	if square.failed == "" {
		t.Error("a square passes")
	}
}
