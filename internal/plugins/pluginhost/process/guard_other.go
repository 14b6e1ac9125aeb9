//go:build !linux

package process

import (
	"os"
	"os/exec"
)

// fence knows nothing but process groups here.
func (r *Runner) fence() {
	r.guard = none
	r.gaps = append(r.gaps, "no namespaces: what plugins start and move out of their process group lives on",
		"no limit on processes, nor on memory of all together", "the same user: plugins can read and change that user's files, and the environment of its processes")
}

// launch starts what build makes, as a process group where there are such.
func (r *Runner) launch(build func(guard) *exec.Cmd) (*exec.Cmd, fenced, error) {
	cmd := build(none)
	ownGroup(cmd)
	return cmd, fenced{none}, cmd.Start()
}

// fenced is what is around one interpreter: nothing else.
type fenced struct{ guard }

// cgroup and cgroups are for Linux.
type (
	cgroup  struct{}
	cgroups struct{}
)

func (r *Runner) leave(fenced) {}

func (r *Runner) leaveAll() {}

func (g guard) countsProcesses() bool { return false }

func (g guard) kill(p *os.Process) { killGroup(p) }

func (g guard) status(s *os.ProcessState) string { return s.String() }

// usage is what processes had used when a call began; nobody knows here.
type usage struct{}

func (c *child) beyond(*usage) string { return "" }
