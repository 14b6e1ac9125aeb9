// Package linear holds what work costs against what a quarter of it costs, in the
// same run on the same machine: a limit in seconds says nothing on a busy one.
package linear

import (
	"runtime"
	"testing"
	"time"
)

// Four times the work takes four times as long; what is quadratic takes sixteen
// times. The bound is between them, and some room for a busy machine is in the tries.
const (
	most  = 10
	tries = 4

	enough = 4 * time.Millisecond
)

// Check fails the test if n of something costs more than ten times what n/4 of it
// costs. make prepares the work, which alone is measured; it may be run often.
func Check(t testing.TB, n int, make func(n int) (work func())) {
	t.Helper()
	small, large := make(n/4), make(n)
	times := 1 // what takes a moment only is done so often that it takes longer than a pause of the machine
	for times < 64 && best(small, times) < enough {
		times *= 2
	}
	var one, four time.Duration
	for range tries {
		if one, four = best(small, times), best(large, times); four <= most*one {
			return
		}
	}
	t.Errorf("%d times %d cost %v, %d %v: more than %d times as much", times, n/4, one, n, four, most)
}

// best is the shorter time of two, each for so many times the work: that of the
// processor, in this thread. Others on the machine, who would be noticed more by what
// takes longer, do not count, and neither does the collection of garbage beside it.
func best(work func(), times int) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	least := time.Duration(1<<63 - 1)
	for range 2 {
		began := processor()
		for range times {
			work()
		}
		least = min(least, processor()-began)
	}
	return least
}
