package pluginhost

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"counterpart/internal/plugins/pluginhost/process"
)

// Config is what a Host is made of.
type Config struct {
	Profile      Profile       // zero: the default release
	Mode         Mode          // empty: Fresh
	Python       string        // the interpreter; empty: python3 from PATH
	Interpreter  Python        // one that was found before, to save asking it again
	Slots        int           // most workers per plugin at once; 0: 4
	AtOnce       int           // most hooks in fresh interpreters at once; 0: any number
	ProxyTimeout time.Duration // 0: DefaultProxyTimeout; a hook may take half of it
	MemoryLimit  uint64        // bytes of memory of an interpreter; 0: that of Limits
	Limits       Limits        // what an interpreter may use; zero values are defaults
	Plain        bool          // no namespaces, as on systems that have none
	Spawners     *Spawners     // nil: each fresh interpreter is started by itself
	// Traced is a folder in which fresh interpreters, if they have coverage.py, leave which
	// lines of a plugin they ran: in one folder for each plugin, named by TraceOf. Empty: no.
	Traced string
	Box    Box
	Dir    string           // where the private folder is made; empty: the system's
	Now    func() time.Time // nil: time.Now; dates events and the memory cache
	Rand   io.Reader        // of session ids; nil: the system's
}

// The ways in which a Host itself, rather than a plugin, fails.
var (
	ErrPython   = process.ErrPython
	ErrRejected = errors.New("the package was rejected at upload")
	ErrFacts    = errors.New("the session's facts contradict each other")
	ErrClosed   = errors.New("the plugin host is closed")
)

// Host is one box: it holds plugins, their state and the box's services, and
// runs sessions, any number at once.
type Host struct {
	Config
	dir    string // private; removed by Close
	runner *process.Runner
	gate   chan struct{} // has an entry for each hook in a fresh interpreter, if they are bounded

	mu      sync.Mutex
	closed  bool
	plugins map[string]*Plugin // by type and name
	serial  int
	session int
}

// Plugin is an uploaded plugin. Uploading another package of the same type and
// name replaces its code, also for sessions that are under way.
type Plugin struct {
	Name, Type string

	mu       sync.Mutex
	manifest Manifest
	code     process.Code
}

// Manifest is that of the code in force.
func (p *Plugin) Manifest() Manifest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.manifest
}

func (p *Plugin) current() process.Code {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code
}

// Upload is a package to run.
type Upload struct {
	Package *Package
	Deps    string // an extra site directory
}

// Python is an interpreter that was asked who it is.
type Python = process.Interpreter

// FindPython asks an interpreter who it is; empty means python3 from PATH.
func FindPython(ctx context.Context, name string) (Python, error) { return process.Find(ctx, name) }

// New starts a Host. It finds out about the interpreter, and starts nothing else.
func New(ctx context.Context, c Config) (*Host, error) {
	c.Profile = c.Profile.orDefault()
	c.Mode = cmp.Or(c.Mode, Fresh)
	c.Slots = cmp.Or(c.Slots, 4)
	c.Limits.Memory = cmp.Or(c.MemoryLimit, c.Limits.Memory)
	c.ProxyTimeout = cmp.Or(c.ProxyTimeout, DefaultProxyTimeout)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if err := c.Box.check(); err != nil {
		return nil, err
	}
	if c.Interpreter == (Python{}) {
		var err error
		if c.Interpreter, err = FindPython(ctx, c.Python); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(c.Dir, "pluginhost-")
	if err != nil {
		return nil, err
	}
	h := &Host{Config: c, dir: dir, plugins: map[string]*Plugin{}}
	if c.AtOnce > 0 {
		h.gate = make(chan struct{}, c.AtOnce)
	}
	if err := h.prepare(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return h, nil
}

func (h *Host) prepare() error {
	box, err := h.Box.install(h.dir)
	if err != nil {
		return err
	}
	if err := h.Box.fillCache(h.dir); err != nil {
		return err
	}
	spawners := h.Spawners
	if len(h.Box.files()) > 0 || h.Box.Trust != nil && h.Box.Trust.Pinned {
		spawners = nil // they change what modules do while they are imported
	}
	h.runner, err = process.New(process.Config{Spawners: spawners, Python: h.Interpreter.Path, Dir: h.dir, Box: box, Slots: h.Slots, Limits: h.Limits, Plain: h.Plain})
	return err
}

// NotIsolated is what plugins can do on this system although they should not, in
// words for people.
func (h *Host) NotIsolated() []string { return h.runner.Gaps() }

// Limits bound what one interpreter may use, with everything that it starts.
type Limits = process.Limits

// Spawners fork fresh interpreters for plugins that several Hosts run again and
// again; see process.Spawners.
type Spawners = process.Spawners

// NewSpawners needs a folder below dir, or the system's if that is empty.
func NewSpawners(dir string) (*Spawners, error) { return process.NewSpawners(dir) }

// PythonVersion is the interpreter's version, and that of the Plugin SDK that
// it can import, empty if there is none.
func (h *Host) PythonVersion() (python, sdk string) { return h.Interpreter.Version, h.Interpreter.SDK }

// HookTimeout is how long one hook may take.
func (h *Host) HookTimeout() time.Duration { return h.ProxyTimeout / 2 }

// Install uploads a package that passed Check.
func (h *Host) Install(u Upload) (*Plugin, error) {
	if u.Package == nil || !u.Package.ok {
		return nil, ErrRejected
	}
	if u.Deps != "" {
		deps, err := filepath.Abs(u.Deps)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(deps); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("deps: %s is not a directory", u.Deps)
		}
		u.Deps = deps
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	h.serial++
	dir := filepath.Join(h.dir, "code", fmt.Sprint(h.serial))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := u.Package.Unpack(dir); err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	m := u.Package.Manifest
	c := process.Code{Dir: dir, Deps: u.Deps, Entry: m.EntryPoint}
	if h.Traced != "" {
		c.Trace = filepath.Join(h.Traced, TraceOf(m))
		if err := os.MkdirAll(c.Trace, 0o700); err != nil {
			return nil, err
		}
	}
	if h.Spawners != nil {
		c.ID = u.Package.digest()
	}
	for _, v := range []struct{ name, kind string }{{"SCB_PLUGIN_STATE_DIRECTORY", "state"}, {"EPHEMERAL_PLUGIN_STATE_DIRECTORY", "ephemeral"}} {
		state := filepath.Join(h.dir, v.kind, m.Type, m.Name)
		if err := os.MkdirAll(state, 0o750); err != nil {
			return nil, err
		}
		c.Env = append(c.Env, v.name+"="+state)
	}
	if h.Box.trusts(m.Name) {
		bundle := filepath.Join(h.dir, trustFile)
		c.Env = append(c.Env, "REQUESTS_CA_BUNDLE="+bundle, "SSL_CERT_FILE="+bundle)
	}
	return h.replace(m, c), nil
}

// TraceOf is the name of the folder for what is traced of a plugin.
func TraceOf(m Manifest) string { return m.Type + "-" + url.PathEscape(m.Name) }

// replace puts code in force; whoever holds the Plugin gets the new one.
func (h *Host) replace(m Manifest, c process.Code) *Plugin {
	key := m.Type + "/" + m.Name
	p := h.plugins[key]
	if p == nil {
		p = &Plugin{Name: m.Name, Type: m.Type}
		h.plugins[key] = p
	}
	p.mu.Lock()
	old := p.code
	p.manifest, p.code = m, c
	p.mu.Unlock()
	if old.Dir != "" {
		h.runner.Retire(old)
	}
	return p
}

// Run plays one session. The error is about the facts or about the host; what
// the plugins did wrong is in the Result, which comes along if there is one. When
// ctx ends the user has hung up: a hook under way is ended, session_ended is
// called, and the error is that of ctx.
func (h *Host) Run(ctx context.Context, s Session) (*Result, error) {
	h.mu.Lock()
	h.session++
	n, closed := h.session, h.closed
	h.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	p := newPlay(ctx, h, s, n)
	if err := p.checkFacts(); err != nil {
		return nil, err
	}
	p.run()
	p.keepLog()
	if p.failure == nil {
		return p.r, p.gone
	}
	return p.r, p.failure
}

// Reboot wipes what a box loses with its power: the memory cache and the
// ephemeral state of all plugins.
func (h *Host) Reboot() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.plugins {
		state := filepath.Join(h.dir, "ephemeral", p.Type, p.Name)
		if err := os.RemoveAll(state); err != nil {
			return err
		}
		if err := os.MkdirAll(state, 0o750); err != nil {
			return err
		}
	}
	return Box{}.fillCache(h.dir)
}

// Renew makes the box what it was when the Host was made: no state of any plugin, and in
// the memory cache what the box began with. Workers stay. Sessions under way must have
// ended.
func (h *Host) Renew() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.plugins {
		for _, kind := range []string{"state", "ephemeral"} {
			state := filepath.Join(h.dir, kind, p.Type, p.Name)
			if err := os.RemoveAll(state); err != nil {
				return err
			}
			if err := os.MkdirAll(state, 0o750); err != nil {
				return err
			}
		}
	}
	return h.Box.fillCache(h.dir)
}

// Close ends all workers and removes everything on disk. Sessions under way
// must have ended.
func (h *Host) Close() error {
	h.mu.Lock()
	closed := h.closed
	h.closed = true
	h.mu.Unlock()
	if closed {
		return nil
	}
	h.runner.Close()
	return os.RemoveAll(h.dir)
}
