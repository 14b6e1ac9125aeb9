package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// forks reports whether interpreters can be forked off here: it takes namespaces,
// and nothing but them around each.
func (r *Runner) forks() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.guard == namespace && r.groups == nil
}

// spawner is one that runs.
type spawner struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	gone chan struct{} // closed when it says nothing any more

	mu     sync.Mutex
	serial int64
	forked map[int64]*offspring
	ready  chan []string // its modules
}

// offspring is an interpreter that was forked off, by what its spawner says of it.
type offspring struct {
	started chan said // once
	ended   chan struct{}
	status  int
}

// said is a message of a spawner.
type said struct {
	ID      int64    `json:"id"`
	PID     int      `json:"pid"` // of who stands guard, as the spawner counts
	Status  *int     `json:"status"`
	Error   string   `json:"error"`
	Modules []string `json:"modules"`
}

// The bounds of talking to a spawner.
const (
	longestSaid = 1 << 20
	importTime  = time.Minute
	forkTime    = 10 * time.Second
)

// start starts a spawner that imports these modules and has no others.
func (s *Spawners) start(python, deps string, modules []string) (*spawner, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "spawner"), os.NewFile(uintptr(pair[1]), "host")
	defer ours.Close()
	defer theirs.Close()
	home := filepath.Join(s.dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command(python, "-u", "-s", filepath.Join(s.dir, runnerFile), "spawner", boxFile, string(namespace), "")
	own(cmd, namespace)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = home, scratch{home, home}.env(Code{}), []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	out := &spawner{cmd: cmd, conn: conn.(*net.UnixConn), gone: make(chan struct{}), forked: map[int64]*offspring{}, ready: make(chan []string, 1)}
	_ = theirs.Close() // so that the end of the other one is seen
	go out.listen()
	want, err := json.Marshal(map[string]any{"modules": modules, "deps": deps})
	if err == nil {
		_, err = out.conn.Write(want)
	}
	if err == nil {
		err = out.check(modules)
	}
	if err != nil {
		out.close()
		return nil, err
	}
	return out, nil
}

// check waits until a spawner is ready and refuses one that has other modules than
// it was told: code that brings a module under another one's name would get that.
func (s *spawner) check(want []string) error {
	select {
	case got := <-s.ready:
		slices.Sort(got)
		if want = slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
			return errors.New("its modules differ")
		}
		return nil
	case <-s.gone:
		return errors.New("it has ended")
	case <-time.After(importTime):
		return errors.New("it takes too long")
	}
}

// listen hands on what a spawner says.
func (s *spawner) listen() {
	defer close(s.gone)
	buf := make([]byte, longestSaid)
	for {
		n, err := s.conn.Read(buf)
		var m said
		if err != nil || n == 0 || json.Unmarshal(buf[:n], &m) != nil {
			break
		}
		s.mu.Lock()
		o := s.forked[m.ID]
		switch {
		case m.Modules != nil:
			select {
			case s.ready <- m.Modules:
			default: // it has said so; whoever says it again waits for nobody
			}
		case o == nil:
		case m.Status != nil || m.Error != "":
			if m.Status != nil {
				o.status = *m.Status
			}
			s.over(m, o)
		default:
			select {
			case o.started <- m:
			default:
			}
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, o := range s.forked { // they end with it
		o.status = 128 + int(syscall.SIGKILL)
		s.over(said{ID: id, Error: "its spawner has ended"}, o)
	}
}

// over notes the end of an interpreter, which may never have begun. mu is held.
func (s *spawner) over(m said, o *offspring) {
	delete(s.forked, m.ID)
	select {
	case o.started <- m:
	default:
	}
	close(o.ended)
}

// fork makes an interpreter that has these files.
func (s *spawner) fork(what order, f files) (proc, error) {
	o := &offspring{started: make(chan said, 1), ended: make(chan struct{})}
	s.mu.Lock()
	s.serial++
	what.ID = s.serial
	s.forked[what.ID] = o
	s.mu.Unlock()
	data, err := json.Marshal(what)
	if err == nil {
		_, _, err = s.conn.WriteMsgUnix(data, unix.UnixRights(int(f.inR.Fd()), int(f.logW.Fd()), int(f.resW.Fd())), nil)
	}
	if err != nil {
		return proc{}, err
	}
	late := time.NewTimer(forkTime)
	defer late.Stop()
	select {
	case m := <-o.started:
		if m.Error != "" {
			return proc{}, errors.New(m.Error)
		}
		pid := s.outside(m.PID)
		return proc{pid: pid, fence: fenced{guard: namespace}, end: func() { o.kill(pid) }, wait: o.wait}, nil
	case <-s.gone:
		return proc{}, errors.New("the spawner has ended")
	case <-late.C:
		return proc{}, errors.New("the spawner does not answer")
	}
}

// kill ends the first process of the interpreter's namespace, and so all of it.
func (o *offspring) kill(pid int) {
	select {
	case <-o.ended:
	default:
		if pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func (o *offspring) wait() string {
	<-o.ended
	if o.status > 128 {
		return "signal: " + syscall.Signal(o.status-128).String()
	}
	return fmt.Sprintf("exit status %d", o.status)
}

// outside is the number, here, of a process that a spawner counts under another;
// 0 when it is gone.
func (s *spawner) outside(inside int) int {
	all, _ := below(s.cmd.Process.Pid)
	for _, pid := range all {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			// "NSpid:", here, in the spawner's namespace, in its own (proc_pid_status(5)).
			if f := strings.Fields(line); len(f) == 4 && f[0] == "NSpid:" && f[2] == strconv.Itoa(inside) {
				return pid
			}
		}
	}
	return 0
}

// close ends a spawner with all that it has forked off.
func (s *spawner) close() {
	_ = s.conn.Close()
	_ = s.cmd.Process.Kill() // it is the first of its namespace
	_ = s.cmd.Wait()
	<-s.gone
}
