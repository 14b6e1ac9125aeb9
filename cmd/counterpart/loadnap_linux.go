package main

import (
	"syscall"
	"time"
)

// nap sleeps for a moment, with the clock of the kernel.
func nap(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	syscall.Nanosleep(&ts, nil)
}
