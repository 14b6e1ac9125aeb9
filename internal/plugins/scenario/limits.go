package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

// Limits bound what a plugin may use. What is not given has a default.
type Limits struct {
	Memory    any    `yaml:"memory" doc:"Octets, or a size such as 512MiB: address space of each process, and memory in use of all together; by default 2GiB."`
	Processes int    `yaml:"processes" doc:"Processes at once; by default 64."`
	Files     int    `yaml:"files" doc:"Files open in each process; by default 1024."`
	FileSize  any    `yaml:"file_size" doc:"Octets, or a size: of a file that it writes; by default 256MiB."`
	CPU       string `yaml:"cpu" format:"any" doc:"Processor time of a process in one hook: 30s; by default 60s."`
	Output    any    `yaml:"output" doc:"Octets, or a size: how much of the log is kept, half of it the beginning, half the end; by default 8MiB."`
}

// Limit sets one limit by its key, as the command line does.
func (l *Limits) Limit(name, value string) error {
	n, err := strconv.Atoi(value)
	switch name {
	case "memory":
		l.Memory = value
	case "file_size":
		l.FileSize = value
	case "output":
		l.Output = value
	case "cpu":
		l.CPU = value
	case "processes":
		l.Processes = n
		return wrong(name, value, err)
	case "files":
		l.Files = n
		return wrong(name, value, err)
	default:
		return fmt.Errorf("there is no limit %q; known are memory, processes, files, file_size, cpu and output", name)
	}
	return nil
}

func wrong(name, value string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("limit %s: %q is no whole number", name, value)
}

// over is l with what o says laid over it.
func (l Limits) over(o Limits) Limits {
	if o.Memory != nil {
		l.Memory = o.Memory
	}
	if o.Processes != 0 {
		l.Processes = o.Processes
	}
	if o.Files != 0 {
		l.Files = o.Files
	}
	if o.FileSize != nil {
		l.FileSize = o.FileSize
	}
	if o.CPU != "" {
		l.CPU = o.CPU
	}
	if o.Output != nil {
		l.Output = o.Output
	}
	return l
}

// least is what an interpreter needs to start at all.
const (
	leastMemory = 64 << 20
	leastFiles  = 32
)

// resolve is the limits in the host's terms, and how much of the log is kept.
func (l Limits) resolve() (out pluginhost.Limits, log int, err error) {
	memory, err := size("memory", l.Memory)
	if err != nil {
		return out, 0, err
	}
	file, err := size("file_size", l.FileSize)
	if err != nil {
		return out, 0, err
	}
	output, err := size("output", l.Output)
	if err != nil {
		return out, 0, err
	}
	cpu := time.Duration(0)
	if l.CPU != "" {
		if cpu, err = time.ParseDuration(l.CPU); err != nil || cpu < time.Second {
			return out, 0, fmt.Errorf("limits.cpu: %q is no duration of a second or more, like 30s", l.CPU)
		}
	}
	switch {
	case memory > 0 && memory < leastMemory:
		return out, 0, fmt.Errorf("limits.memory: an interpreter needs %d octets to start", leastMemory)
	case l.Files != 0 && l.Files < leastFiles:
		return out, 0, fmt.Errorf("limits.files: an interpreter needs %d to start", leastFiles)
	case l.Processes < 0:
		return out, 0, fmt.Errorf("limits.processes cannot be %d", l.Processes)
	case output > math.MaxInt32:
		return out, 0, fmt.Errorf("limits.output: at most 2GiB are kept")
	}
	return pluginhost.Limits{Memory: memory, Processes: l.Processes, Files: l.Files, FileSize: file, CPU: cpu}, int(output), nil
}

// Check says what is wrong with the limits.
func (l Limits) Check() error {
	_, _, err := l.resolve()
	return err
}

// size reads a number of octets: 1048576, 512KiB, 2GiB.
func size(name string, v any) (uint64, error) {
	if v == nil {
		return 0, nil
	}
	text := strings.TrimSpace(fmt.Sprint(plain(v)))
	number, shift := text, 0
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if n, ok := strings.CutSuffix(text, unit); ok {
			number, shift = strings.TrimSpace(n), 10*(i+1)
		}
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || n == 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("limits.%s: %q is no size; write octets, or 512KiB, 64MiB, 2GiB", name, text)
	}
	return n << shift, nil
}
