//go:build unix

package main

import (
	"os/exec"
	"syscall"
	"time"
)

// apart keeps a child from the signals of the terminal: Ctrl-C is for this process, which
// ends the child when it has reported.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// processorTime is what this process has used of processors.
func processorTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
