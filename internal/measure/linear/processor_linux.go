package linear

import (
	"time"

	"golang.org/x/sys/unix"
)

// processor is how long this thread has run so far.
func processor() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // each Linux has it
	}
	return time.Duration(t.Nano())
}
