package headtail_test

import (
	"math/rand/v2"
	"testing"

	"counterpart/internal/plugins/pluginhost/headtail"
)

// TestHeadAndTail holds the buffer against everything that was ever added.
func TestHeadAndTail(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		limit := 1 + r.IntN(60)
		b := headtail.New(limit, func(n int) int { return n%7 + 1 })
		var all []int
		for range r.IntN(200) {
			all = append(all, r.IntN(1000))
			b.Add(all[len(all)-1])
		}
		head, missing, tail := b.Kept()
		if len(head)+missing+len(tail) != len(all) {
			t.Fatalf("%d + %d + %d of %d", len(head), missing, len(tail), len(all))
		}
		size := 0
		for i, n := range head {
			if size += n%7 + 1; n != all[i] {
				t.Fatalf("head %d is %d, not %d", i, n, all[i])
			}
		}
		for i, n := range tail {
			if size += n%7 + 1; n != all[len(all)-len(tail)+i] {
				t.Fatalf("tail %d is %d", i, n)
			}
		}
		if size > limit {
			t.Fatalf("%d is kept, the limit is %d", size, limit)
		}
	}
}
