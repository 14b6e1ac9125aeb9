package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fence finds out what this system allows: it starts nothing but a process that
// ends at once.
func (r *Runner) fence() {
	r.guard = namespace
	if !r.Plain {
		r.groups = findCgroups()
	}
	if r.Plain {
		r.fallBack(errors.New("they are switched off"))
	} else if err := tryNamespaces(); err != nil {
		r.fallBack(err)
		r.hide()
	}
	// To start a process in a group takes the kernel some 10 ms; a process
	// namespace ends all that is in it just as well.
	if r.guard == namespace && r.groups != nil && !r.groups.limited {
		r.groups = nil
	}
	if r.groups == nil || !r.groups.limited {
		what := "processes and on memory of all together"
		if r.guard.countsProcesses() {
			what = "memory of all together"
		}
		r.gaps = append(r.gaps, fmt.Sprintf("no control group that limits: no limit of the kernel on %s, which are counted every %v", what, lookEvery))
	}
	r.gaps = append(r.gaps, "the same user: plugins can read and change that user's files")
}

// fallBack goes on without namespaces.
func (r *Runner) fallBack(why error) {
	r.guard = tree
	r.gaps = append(r.gaps, fmt.Sprintf("no namespaces (%v): what plugins start is found by its parents, and they could end processes of the same user", why))
	if r.Plain {
		r.gaps = append(r.gaps, "the environment of this process can be read")
	}
}

// hide keeps the environment of this process, which may hold secrets, from
// others of the same user. It also costs the process its core dumps.
func (r *Runner) hide() {
	if os.Getuid() == 0 {
		r.gaps = append(r.gaps, "the environment of this process can be read: plugins are root as it is")
		return
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		r.gaps = append(r.gaps, fmt.Sprintf("the environment of this process can be read (%v)", err))
	}
}

// tryNamespaces asks the kernel for what every interpreter is to get.
func tryNamespaces() error {
	cmd := exec.Command("/bin/true")
	own(cmd, namespace)
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, os.ErrNotExist) {
		return nil // the namespaces were there before it could fail
	}
	return err
}

// own gives a command its process group and its namespaces. In a user namespace
// the same user has no rights over processes outside of it, so that it cannot
// look into them either; who is the first process of a process namespace takes
// all others with it.
func own(cmd *exec.Cmd, g guard) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if g != namespace {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM // who stands guard ends the others then
		return
	}
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
}

// launch starts what build makes, behind the guard and in the group that this
// system allows. One that allowed them may refuse them later: there are limits on
// their numbers.
func (r *Runner) launch(build func(guard) *exec.Cmd) (*exec.Cmd, fenced, error) {
	r.mu.Lock()
	f := fenced{guard: r.guard}
	if r.groups != nil {
		f.group, _ = r.groups.make(r.Limits)
	}
	r.mu.Unlock()
	cmd := build(f.guard)
	own(cmd, f.guard)
	if f.group != nil {
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(f.group.file.Fd())
	}
	err := cmd.Start()
	if err == nil || !errors.Is(err, os.ErrPermission) && !errors.Is(err, syscall.ENOSPC) || f.guard == tree && f.group == nil {
		return cmd, f, err
	}
	f.group.remove()
	again := build(tree)
	own(again, tree)
	if err := again.Start(); err != nil {
		return again, fenced{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.groups = nil
	if r.guard == namespace {
		r.fallBack(err)
		r.gaps = append(r.gaps, "the environment of this process can be read")
	}
	return again, fenced{guard: tree}, nil
}

// fenced is what is around one interpreter.
type fenced struct {
	guard
	group *cgroup
}

// kill ends everything that is in there.
func (f fenced) kill(p *os.Process) {
	f.group.kill()
	f.guard.kill(p)
}

// leave lets go of the group, at the latest when the Runner ends.
func (r *Runner) leave(f fenced) {
	if f.group.remove() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = append(r.left, f.group)
}

// leaveAll removes the groups that were not empty before. What is in them has
// been killed and takes a moment to go.
func (r *Runner) leaveAll() {
	const tries = 200
	for _, g := range r.left {
		for range tries {
			if g.remove() {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	r.left = nil
}

// countsProcesses reports whether RLIMIT_NPROC counts the processes of one
// interpreter: it counts per user and, since Linux 5.14, per user namespace
// (user_namespaces(7)); root is not counted at all.
func (g guard) countsProcesses() bool {
	return g == namespace && os.Getuid() != 0 && since(5, 14)
}

func since(major, minor int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var a, b int
	_, _ = fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b)
	return a > major || a == major && b >= minor
}

// kill ends the process that stands guard and everything below it.
func (g guard) kill(p *os.Process) {
	if g == tree {
		// As long as it stands there, every orphan is below it.
		const rounds = 100
		for range rounds {
			all, _ := below(p.Pid)
			if len(all) == 0 {
				break
			}
			for _, pid := range all {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}

// status is how a process ended.
func (g guard) status(s *os.ProcessState) string {
	if code := s.ExitCode(); g != none && code > 128 {
		return "signal: " + syscall.Signal(code-128).String()
	}
	return s.String()
}

// below are the processes below one, and how many zombies are among them, which
// are no more than an entry in the kernel's table.
func below(pid int) (out []int, zombies int) {
	const most = 100_000
	queue := []int{pid}
	for len(queue) > 0 && len(out)+zombies < most {
		next := children(queue[0])
		queue = append(queue[1:], next...)
		for _, c := range next {
			if zombie(c) {
				zombies++
			} else {
				out = append(out, c)
			}
		}
	}
	return out, zombies
}

// children are the direct children of all threads of a process.
func children(pid int) (out []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(word); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// zombie reports whether a process has ended and waits for its parent.
func zombie(pid int) bool {
	fields := stat(pid)
	return len(fields) == 0 || fields[0] == "Z" || fields[0] == "X"
}

// stat is what proc_pid_stat(5) has behind the name of a process, from its state
// on; nothing for one that is gone.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// processor is the processor time that a process has used.
func processor(pid int) time.Duration {
	const user, system, tick = 14 - 3, 15 - 3, 10 * time.Millisecond // USER_HZ is 100 to every program
	fields := stat(pid)
	if len(fields) <= system {
		return 0
	}
	u, _ := strconv.ParseInt(fields[user], 10, 64)
	s, _ := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * tick
}

// resident is the memory that a process has in use, in octets.
func resident(pid int) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}

// beyond says which limit an interpreter is beyond with all that it started,
// empty for none.
func (c *child) beyond(call *usage) string {
	all, zombies := below(c.pid)
	if n := len(all) + zombies; n > c.limits.Processes { // as the kernel counts them
		return fmt.Sprintf("the plugin had %d processes, the limit is %d", n, c.limits.Processes)
	}
	total := uint64(0)
	for _, pid := range all {
		total += resident(pid)
	}
	if total > c.limits.Memory {
		return fmt.Sprintf("the plugin's processes used %d octets of memory, the limit is %d", total, c.limits.Memory)
	}
	return c.busy(call, all)
}

// usage is the processor time that processes had used when a call began.
type usage struct {
	call   int64
	before map[int]time.Duration
}

// busy finds a process that goes on beyond its processor time: the kernel tells it,
// and it need not listen.
func (c *child) busy(u *usage, all []int) string {
	const grace = 2 * time.Second // the kernel comes first
	first := false
	if n := c.calls.Load(); u.before == nil || u.call != n {
		u.call, u.before, first = n, map[int]time.Duration{}, true
	}
	for _, pid := range all {
		used := processor(pid)
		switch {
		case first:
			u.before[pid] = used
		case used-u.before[pid] > c.limits.CPU+grace:
			return fmt.Sprintf("a process of the plugin used %v of processor time in one call, the limit is %v", used-u.before[pid], c.limits.CPU)
		}
	}
	return ""
}
