//go:build unix && !linux

package process

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes the interpreter the leader of a process group.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills it with everything that it started.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
