package process

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Limits bound what one interpreter may use, with everything that it starts.
// Zero values are the defaults.
type Limits struct {
	Memory    uint64        // octets: of address space of each process, and in use of all; default 2 GiB
	Processes int           // at once; default 64
	Files     int           // open in each process; default 1024
	FileSize  uint64        // octets of a file that it writes; default 256 MiB
	CPU       time.Duration // processor time of a process in one call, in whole seconds; default 60 s
}

// lookEvery is how often what a call uses is looked at, beside what the kernel
// refuses by itself.
const lookEvery = 100 * time.Millisecond

func (l Limits) orDefault() Limits {
	return Limits{Memory: cmp.Or(l.Memory, 2<<30), Processes: cmp.Or(l.Processes, 64), Files: cmp.Or(l.Files, 1024),
		FileSize: cmp.Or(l.FileSize, 256<<20), CPU: cmp.Or(l.CPU, time.Minute)}
}

// encode is the limits as runner.py takes them: names of setrlimit.
func (l Limits) encode(g guard) string {
	parts := []string{fmt.Sprintf("AS=%d", l.Memory), fmt.Sprintf("NOFILE=%d", l.Files), fmt.Sprintf("FSIZE=%d", l.FileSize), "CORE=0",
		fmt.Sprintf("CPU=%d", max(1, int(l.CPU.Round(time.Second)/time.Second)))}
	if g.countsProcesses() {
		parts = append(parts, fmt.Sprintf("NPROC=%d", l.Processes+1)) // and who stands guard
	}
	return strings.Join(parts, ",")
}

// guard is how an interpreter is kept from leaving something behind.
type guard string

// The guards, from the best to none.
const (
	namespace guard = "namespace" // user and process namespaces of its own
	tree      guard = "tree"      // a parent that gets all orphans
	none      guard = "none"      // its process group
)

// Gaps is what could not be isolated on this system, in words for people.
func (r *Runner) Gaps() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.gaps...)
}
