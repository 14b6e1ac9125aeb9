package process

import (
	"os"
	"path/filepath"
	"sync"
)

// Spawners fork an interpreter for each call of code that is run again and again.
// Each of them has imported what that code imports beside its own modules, as a
// first call has told, and never runs a line of it: so every call finds an
// interpreter without a past, and need not wait for its start. Several Runners may
// share them.
type Spawners struct {
	dir string

	mu     sync.Mutex
	known  map[string]*breed // by interpreter and code
	closed bool
	all    sync.WaitGroup
}

// breed is what is known of one code.
type breed struct {
	learning bool     // a call is to tell what there is to import
	ready    *spawner // nil: there is none, or not yet
}

// NewSpawners makes none yet. They need a folder, below dir, or the system's if
// that is empty.
func NewSpawners(dir string) (*Spawners, error) {
	own, err := os.MkdirTemp(dir, "pluginhost-")
	if err != nil {
		return nil, err
	}
	for name, source := range map[string][]byte{runnerFile: runnerSource, boxFile: boxSource} {
		if err := os.WriteFile(filepath.Join(own, name), source, 0o600); err != nil {
			_ = os.RemoveAll(own)
			return nil, err
		}
	}
	return &Spawners{dir: own, known: map[string]*breed{}}, nil
}

// Wait waits for those that are being made.
func (s *Spawners) Wait() { s.all.Wait() }

// Ready is how many there are.
func (s *Spawners) Ready() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.known {
		if b.ready != nil {
			n++
		}
	}
	return n
}

// Close ends all of them, and removes their folder. Calls must have ended.
func (s *Spawners) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Wait()
	for _, b := range s.known {
		if b.ready != nil {
			b.ready.close()
		}
	}
	return os.RemoveAll(s.dir)
}

func (s *Spawners) of(python string, c Code) *breed {
	key := python + "\x00" + c.Deps + "\x00" + c.ID
	if s.known[key] == nil {
		s.known[key] = &breed{}
	}
	return s.known[key]
}

// learns reports whether a call is to tell which modules its code imports.
func (r *Runner) learns(c Code) bool {
	if r.Spawners == nil || c.ID == "" || !r.forks() {
		return false
	}
	s := r.Spawners
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.of(r.Python, c)
	if b.learning || s.closed {
		return false
	}
	b.learning = true
	return true
}

// learned makes a spawner that has these modules, while others are started.
func (s *Spawners) learned(python string, c Code, modules []string) {
	if len(modules) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	b := s.of(python, c)
	s.all.Go(func() {
		ready, err := s.start(python, c.Deps, modules)
		if err != nil {
			return // interpreters are started as before
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		b.ready = ready
	})
}

// fork is an interpreter that was forked off; nil when there is nobody to do that.
func (r *Runner) fork(id int64, s scratch, c Code) (*child, error) {
	if r.Spawners == nil || c.ID == "" || !r.forks() {
		return nil, nil
	}
	r.Spawners.mu.Lock()
	ready := r.Spawners.of(r.Python, c).ready
	r.Spawners.mu.Unlock()
	if ready == nil {
		return nil, nil
	}
	f, err := openFiles()
	if err != nil {
		return nil, err
	}
	p, err := ready.fork(order{Env: s.vars(c), Limits: r.Limits.encode(namespace)}, f)
	if err != nil {
		f.close()
		return nil, nil // it is started, then
	}
	return r.attend(f, p), nil
}

// order is what a spawner is to make.
type order struct {
	ID     int64             `json:"id"`
	Env    map[string]string `json:"env"`
	Limits string            `json:"limits"`
}
