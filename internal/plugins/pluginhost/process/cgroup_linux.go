package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// cgroup is a control group of version 2 for one interpreter (cgroups(7)): what
// is in it cannot leave it, is counted together and ends together.
type cgroup struct {
	dir  string
	file *os.File // the folder, to start a process in it
}

// cgroups makes control groups below that of this process, if it may.
type cgroups struct {
	base    string
	limited bool // memory and processes are limited there by the kernel
	serial  int
}

// findCgroups looks for a place for groups; nil when there is none.
func findCgroups() *cgroups {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(own)) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			if _, err := os.Stat(filepath.Join(mount, "cgroup.controllers")); err == nil {
				return tryCgroups(filepath.Join(mount, path))
			}
		}
	}
	return nil
}

// tryCgroups makes a group and removes it again.
func tryCgroups(base string) *cgroups {
	c := &cgroups{base: base}
	// A group with processes in it must not hand on controllers; then there are
	// none below, and the group is good for counting and ending alone.
	_ = os.WriteFile(filepath.Join(base, "cgroup.subtree_control"), []byte("+memory +pids"), 0)
	g, err := c.make(Limits{}.orDefault())
	if err != nil {
		return nil
	}
	defer g.remove()
	if _, err := os.Stat(filepath.Join(g.dir, "cgroup.kill")); err != nil { // before Linux 5.14
		return nil
	}
	here, err := os.ReadFile(filepath.Join(g.dir, "cgroup.controllers"))
	words := strings.Fields(string(here))
	c.limited = err == nil && slices.Contains(words, "memory") && slices.Contains(words, "pids")
	return c
}

// make makes a group with the limits that the kernel keeps there.
func (c *cgroups) make(l Limits) (*cgroup, error) {
	c.serial++
	dir := filepath.Join(c.base, fmt.Sprintf("counterpart-%d-%p-%d", os.Getpid(), c, c.serial))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"memory.max": strconv.FormatUint(l.Memory, 10), "memory.swap.max": "0", "pids.max": strconv.Itoa(l.Processes + 2)} {
		_ = os.WriteFile(filepath.Join(dir, name), []byte(value), 0) // not there without its controller
	}
	file, err := os.Open(dir)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return &cgroup{dir, file}, nil
}

// kill ends everything in the group at once, however fast it multiplies.
func (g *cgroup) kill() {
	if g != nil {
		_ = os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0)
	}
}

// remove removes the group when nothing is in it any more; false: not yet.
func (g *cgroup) remove() bool {
	if g == nil {
		return true
	}
	_ = g.file.Close()
	err := os.Remove(g.dir)
	return err == nil || errors.Is(err, fs.ErrNotExist)
}
