package world_test

import (
	"strconv"
	"testing"

	"counterpart/internal/company/world"
)

func TestLookup(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 1000} {
		l := world.NewLookup(n, func(i int) string { return strconv.Itoa(i / 2) })
		for i := range n {
			if got, ok := l.Find(strconv.Itoa(i / 2)); !ok || got != min(i/2*2+1, n-1) {
				t.Errorf("of %d: %d is found as %d", n, i, got)
			}
		}
		for _, text := range []string{"", "-1", strconv.Itoa(n)} {
			if i, ok := l.Find(text); ok {
				t.Errorf("of %d: %q is found as %d", n, text, i)
			}
		}
	}
}
