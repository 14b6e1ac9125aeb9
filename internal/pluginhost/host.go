package pluginhost

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Config is what a Host is made of.
type Config struct {
	Profile      Profile       // zero: the default release
	Mode         Mode          // empty: Fresh
	Python       string        // the interpreter; empty: python3 from PATH
	Slots        int           // most workers per plugin at once; 0: 4
	ProxyTimeout time.Duration // 0: DefaultProxyTimeout; a hook may take half of it
	MemoryLimit  uint64        // bytes of address space of an interpreter; 0: none
	Box          Box
	Dir          string           // where the private folder is made; empty: the system's
	Now          func() time.Time // nil: time.Now; dates events and the memory cache
	Rand         io.Reader        // of session ids; nil: the system's
}

// The ways in which a Host itself, rather than a plugin, fails.
var (
	ErrPython   = errors.New("no usable Python interpreter")
	ErrRejected = errors.New("the package was rejected at upload")
	ErrFacts    = errors.New("the session's facts contradict each other")
	ErrClosed   = errors.New("the plugin host is closed")
)

// Host is one box: it holds plugins, their state and the box's services, and
// runs sessions, any number at once.
type Host struct {
	Config
	dir string // private; removed by Close

	mu      sync.Mutex
	closed  bool
	plugins map[string]*Plugin // by type and name
	serial  int
}

// Plugin is an uploaded plugin. Uploading another package of the same type and
// name replaces its code, also for sessions that are under way.
type Plugin struct {
	Name, Type string

	mu   sync.Mutex
	code *code
}

// code is one upload of a plugin.
type code struct {
	manifest Manifest
	dir      string // the unpacked package
	deps     string
}

// Upload is a package to run.
type Upload struct {
	Package *Package
	Deps    string // an extra site directory
}

// New starts a Host. It finds out about the interpreter, and starts nothing else.
func New(ctx context.Context, c Config) (*Host, error) {
	c.Profile = c.Profile.orDefault()
	c.Mode = cmp.Or(c.Mode, Fresh)
	c.Slots = cmp.Or(c.Slots, 4)
	c.ProxyTimeout = cmp.Or(c.ProxyTimeout, DefaultProxyTimeout)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	dir, err := os.MkdirTemp(c.Dir, "pluginhost-")
	if err != nil {
		return nil, err
	}
	return &Host{Config: c, dir: dir, plugins: map[string]*Plugin{}}, nil
}

// HookTimeout is how long one hook may take.
func (h *Host) HookTimeout() time.Duration { return h.ProxyTimeout / 2 }

// Install uploads a package that passed Check.
func (h *Host) Install(u Upload) (*Plugin, error) {
	if u.Package == nil || !u.Package.ok {
		return nil, ErrRejected
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
	key := m.Type + "/" + m.Name
	p := h.plugins[key]
	if p == nil {
		p = &Plugin{Name: m.Name, Type: m.Type}
		h.plugins[key] = p
	}
	p.mu.Lock()
	p.code = &code{manifest: m, dir: dir, deps: u.Deps}
	p.mu.Unlock()
	return p, nil
}

// Run plays one session. The error is about the facts or about the host; what
// the plugins did wrong is in the Result.
func (h *Host) Run(ctx context.Context, s Session) (*Result, error) {
	return nil, errors.New("not built yet")
}

// Reboot wipes what a box loses with its power: the memory cache and the
// ephemeral state of all plugins.
func (h *Host) Reboot() error { return nil }

// Close ends all workers and removes everything on disk. Sessions under way
// must have ended.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	return os.RemoveAll(h.dir)
}
