// Package process runs plugin code in Python interpreters: a fresh one per
// call, or workers that are kept. It knows nothing of hooks' meaning; it sends
// a request, takes one answer on a channel of its own, hands on every line of
// output, and ends what takes too long.
package process

import (
	"context"
	_ "embed" // the runner's source
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed runner.py
var runnerSource []byte

//go:embed box.py
var boxSource []byte

// The bounds of one call.
const (
	maxReply   = 32 << 20 // bytes of an answer
	maxPiece   = 64 << 10 // bytes of one log line; a longer one is cut into pieces
	findTime   = 20 * time.Second
	runnerFile = "runner.py"
	boxFile    = "box.py"
)

// ErrPython means that there is no interpreter to run plugins with.
var ErrPython = errors.New("no usable Python interpreter")

// Interpreter is a Python that was asked who it is.
type Interpreter struct {
	Path    string // of the real executable: a version manager's shim would not survive an empty environment
	Version string // "3.12.1"
	SDK     string // version of the Plugin SDK in it; empty if it has none
}

// probe asks an interpreter who it is. Looking for the SDK must not import it.
const probe = `import sys, importlib.util as u
def sdk():
    try:
        if u.find_spec("safeguard.sessions.plugin") is None: return ""
        from importlib import metadata
        return metadata.version("oneidentity-safeguard-sessions-plugin-sdk")
    except Exception: return ""
print(sys.executable); print("%d.%d.%d" % sys.version_info[:3]); print(sdk())`

// Find asks the named interpreter who it is.
func Find(ctx context.Context, python string) (Interpreter, error) {
	if python == "" {
		python = "python3"
	}
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	out := &short{left: maxProbe}
	cmd := exec.CommandContext(ctx, python, "-c", probe)
	cmd.Stdout, cmd.WaitDelay = out, time.Second // what it leaves running may keep its output open
	if err := cmd.Run(); err != nil {
		return Interpreter{}, fmt.Errorf("%w: %s: %w", ErrPython, python, err)
	}
	lines := strings.Split(strings.ReplaceAll(out.String(), "\r", ""), "\n")
	if len(lines) < 3 || lines[0] == "" || !strings.HasPrefix(lines[1], "3.") {
		return Interpreter{}, fmt.Errorf("%w: %s does not answer like a Python 3", ErrPython, python)
	}
	return Interpreter{Path: lines[0], Version: lines[1], SDK: lines[2]}, nil
}

// maxProbe bounds what a program that is no Python may answer, in octets.
const maxProbe = 64 << 10

// short is output of a bounded length; more of it is an error.
type short struct {
	strings.Builder
	left int
}

// Write implements io.Writer.
func (s *short) Write(p []byte) (int, error) {
	if s.left -= len(p); s.left < 0 {
		return 0, errors.New("it says too much")
	}
	return s.Builder.Write(p)
}

// Code is the plugin to run.
type Code struct {
	Dir, Deps, Entry string
	ID               string   // the same for the same code, wherever it is; empty: not known
	Env              []string // beside PATH, HOME, TMPDIR and LANG: "NAME=value"
	Trace            string   // folder for what coverage.py sees in fresh interpreters; empty: nothing is traced
}

// Job is one call.
type Job struct {
	Code          Code
	Hook          string
	Configuration string
	Args          json.RawMessage // an object
	Known         []string        // methods to report the absence of
	Now           time.Time
	Timeout       time.Duration
	Line          func(text string, more bool) // one line of output; more: the line goes on
	Kill          <-chan struct{}              // each value ends the process, as if something else had killed it

	began time.Time
	learn bool
}

// Fault is how a call ended that brought no answer.
type Fault string

// The faults.
const (
	None      Fault = ""
	NoResult  Fault = "no-result"
	TimedOut  Fault = "timeout"
	Cancelled Fault = "cancelled"
	TooLarge  Fault = "too-large"
	NotRun    Fault = "not-run" // the interpreter could not be started
)

// Exception is what went wrong inside the plugin.
type Exception struct {
	Kind      string `json:"kind"` // exception or not-json
	Type      string `json:"type"`
	Text      string `json:"text"`
	Traceback string `json:"traceback"`
}

// Reply is a call's outcome.
type Reply struct {
	ID      int64           `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   *Exception      `json:"error"`
	Missing bool            `json:"missing"` // the plugin has no such method
	Passed  []string        `json:"passed"`  // arguments that the signature took
	Absent  []string        `json:"absent"`
	Times   []float64       `json:"times"` // import, construct, call: seconds
	Ended   bool            `json:"ended"` // this interpreter does not go on
	Modules []string        `json:"modules"`

	Fault  Fault         `json:"-"`
	Detail string        `json:"-"` // of a fault, in words
	Took   time.Duration `json:"-"`
}

// Split is the reply's times, with what is left for the interpreter's start.
func (r Reply) Split() (start, load, construct, call time.Duration) {
	var d [3]time.Duration
	for i := range min(len(r.Times), len(d)) {
		d[i] = time.Duration(r.Times[i] * float64(time.Second))
	}
	return max(0, r.Took-d[0]-d[1]-d[2]), d[0], d[1], d[2]
}

// Config is what all calls share.
type Config struct {
	Python string // the executable
	Dir    string // a private folder
	Box    string // the file with the box
	Slots  int    // workers per plugin at most
	Limits Limits
	Plain  bool // no namespaces, as on systems that have none
	// Spawners fork fresh interpreters off such as have imported what the plugin
	// imports; nil: each is started.
	Spawners *Spawners
}

// Runner starts interpreters.
type Runner struct {
	Config

	mu     sync.Mutex
	serial int64
	pools  map[string]*pool
	closed bool
	guard  guard
	groups *cgroups  // nil: none
	left   []*cgroup // not empty yet
	gaps   []string  // what could not be isolated here
}

// New prepares a Runner below c.Dir.
func New(c Config) (*Runner, error) {
	for name, source := range map[string][]byte{runnerFile: runnerSource, boxFile: boxSource} {
		if err := os.WriteFile(filepath.Join(c.Dir, name), source, 0o600); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, "calls"), 0o700); err != nil {
		return nil, err
	}
	c.Limits = c.Limits.orDefault()
	r := &Runner{Config: c, pools: map[string]*pool{}}
	r.fence()
	return r, nil
}

// key tells interpreters apart that must not be shared: nearly all plugins
// ship a top-level package of the same name.
func (c Code) key() string {
	return strings.Join(append([]string{c.Dir, c.Deps, c.Entry}, c.Env...), "\x00")
}

// request is a Job as runner.py reads it.
type request struct {
	ID            int64             `json:"id"`
	Dir           string            `json:"dir"`
	Deps          string            `json:"deps"`
	Entry         string            `json:"entry"`
	Hook          string            `json:"hook"`
	Configuration string            `json:"configuration"`
	Args          json.RawMessage   `json:"args"`
	Known         []string          `json:"known"`
	Box           string            `json:"box"`
	Env           map[string]string `json:"env"`
	Now           float64           `json:"now"`
	Trace         string            `json:"trace,omitempty"`
	Learn         bool              `json:"learn,omitempty"` // to be told which modules there are
}

// scratch is a private home and a private temporary folder.
type scratch struct{ home, tmp string }

func (r *Runner) scratch() (scratch, int64, error) {
	r.mu.Lock()
	r.serial++
	id := r.serial
	r.mu.Unlock()
	base := filepath.Join(r.Dir, "calls", strconv.FormatInt(id, 10))
	s := scratch{base + ".home", base + ".tmp"}
	return s, id, errors.Join(os.Mkdir(s.home, 0o700), os.Mkdir(s.tmp, 0o700))
}

// remove deletes the folders, whatever the plugin did to their modes.
func (s scratch) remove() {
	for _, dir := range []string{s.home, s.tmp} {
		// Most calls leave them empty.
		if os.Remove(dir) == nil || os.RemoveAll(dir) == nil {
			continue
		}
		_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if d != nil && d.IsDir() {
				_ = os.Chmod(p, 0o700)
			}
			return nil
		})
		_ = os.RemoveAll(dir)
	}
}

// env is all that an interpreter inherits: a proxy or CA variable of the
// machine would change what the plugin's HTTP library does.
func (s scratch) env(c Code) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "TMPDIR=" + s.tmp, "LANG=C.UTF-8"}, c.Env...)
}

// vars are a call's environment as a map.
func (s scratch) vars(c Code) map[string]string {
	env := map[string]string{}
	for _, e := range s.env(c) {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	return env
}

func (r *Runner) encode(id int64, j Job, s scratch) ([]byte, error) {
	line, err := json.Marshal(request{
		ID: id, Dir: j.Code.Dir, Deps: j.Code.Deps, Entry: j.Code.Entry, Hook: j.Hook, Configuration: j.Configuration,
		Args: j.Args, Known: j.Known, Box: r.Box, Env: s.vars(j.Code), Now: float64(j.Now.UnixNano()) / 1e9, Learn: j.learn, Trace: j.Code.Trace,
	})
	return append(line, '\n'), err
}

// Fresh runs one call in an interpreter of its own.
func (r *Runner) Fresh(ctx context.Context, j Job) Reply {
	j.began = time.Now()
	s, id, err := r.scratch()
	if err != nil {
		return Reply{Fault: NotRun, Detail: err.Error()}
	}
	defer s.remove()
	c, err := r.fork(id, s, j.Code)
	if c == nil && err == nil {
		j.learn = r.learns(j.Code)
		c, err = r.start("fresh", s, j.Code)
	}
	if err != nil {
		return Reply{Fault: NotRun, Detail: err.Error()}
	}
	line, err := r.encode(id, j, s)
	if err != nil {
		return Reply{Fault: NotRun, Detail: err.Error()}
	}
	reply := c.call(ctx, id, line, j)
	if j.learn {
		r.Spawners.learned(r.Python, j.Code, reply.Modules)
	}
	if reply.Fault == None {
		reply = c.leave(ctx, reply, j.Timeout-time.Since(j.began))
	}
	c.settle()
	c.close()
	r.leave(c.fence)
	reply.Took = time.Since(j.began)
	return reply
}
