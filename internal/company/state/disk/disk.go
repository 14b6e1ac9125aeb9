// Package disk is the state.Store of a fleet that remembers over restarts: everything
// is in memory, as with state.Memory, and what changes goes to one file of a folder,
// many changes at a time.
package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// Sync says when a change is safe.
type Sync string

// How a store writes.
const (
	// Always: before anybody is answered. Nothing that was answered, to a writer or to a
	// reader, is taken back by a crash of the process or of the machine.
	Always Sync = "always"
	// Interval: within Options.Every, all changes of that time in one step. A crash takes
	// back what is younger, and leaves the file whole.
	Interval Sync = "interval"
	// Never: as Interval, but the system decides when it writes. A crash of the process
	// is as with Interval; one of the machine may leave a damaged file.
	Never Sync = "never"
)

// Options are how a store is opened.
type Options struct {
	Clock clock.Clock   // records die by it
	Sync  Sync          // default Interval
	Every time.Duration // default 100 ms
	Log   *slog.Logger  // hears when changes cannot be written, and when they can again; may be nil
}

// File is the name of the file in the folder.
const File = "counterpart.db"

// Reasons why a folder is refused; errors of Open wrap one of them where it fits, and
// name the file and what can be done.
var (
	ErrDamaged = errors.New("the data file is damaged")
	ErrInUse   = errors.New("the data file is in use")
	ErrNewer   = errors.New("the data file has a newer format")
)

// Store implements state.Store. What several processes may see is not shared by it: the
// file is locked by the one that has it.
type Store struct {
	opt    Options
	path   string
	memory *state.Memory
	db     *database
	write  func(repair map[at]state.Record, b *batch) error // tests let it fail

	wake chan struct{} // something is queued
	full chan struct{} // so much is queued that it must not wait
	quit chan struct{}
	done chan struct{} // the committer has ended

	mu      sync.Mutex
	open    []*batch // what is not on disk, oldest first; the last one is still filled
	broken  error    // why changes cannot be written; nil: they can
	closing bool
	last    error // of the last commit; for the committer, and for Close after it

	repair map[at]state.Record // what the file may have otherwise; the committer's
}

// Open opens the store of a folder, which is made if it is not there.
func Open(dir string, opt Options) (*Store, error) { return open(dir, opt, upgrades()) }

func open(dir string, opt Options, chain []upgrade) (*Store, error) {
	opt.Sync = cmp.Or(opt.Sync, Interval)
	opt.Every = cmp.Or(opt.Every, 100*time.Millisecond)
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{opt: opt, path: filepath.Join(dir, File), memory: state.NewMemory(opt.Clock), repair: map[at]state.Record{},
		wake: make(chan struct{}, 1), full: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}), open: []*batch{newBatch()}}
	s.write = s.commit
	var err error
	if s.db, err = openFile(s.path, opt.Sync == Never, chain); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		s.db.Close()
		return nil, err
	}
	s.memory.Removed(func(table, key string, was state.Record) {
		s.queue(at{table, key}, change{from: was, forced: true})
	})
	go s.run()
	return s, nil
}

// Table implements state.Store.
func (s *Store) Table(name string) state.Table { return table{s, s.memory.Table(name), name} }

// Tables implements state.Store.
func (s *Store) Tables(ctx context.Context, prefix string) ([]string, error) {
	for {
		names, err := s.memory.Tables(ctx, prefix)
		if err != nil || s.opt.Sync != Always {
			return names, err
		}
		if again, err := wait(ctx, s.lastOf(func(b *batch) bool { return len(b.changes) > 0 })); err != nil || !again {
			return names, err
		}
	}
}

// Shared implements state.Store: no other process sees this one while it is open.
func (s *Store) Shared() bool { return false }

// Sweep removes everything that is dead, as state.Memory does.
func (s *Store) Sweep() { s.memory.Sweep() }

// Close writes what is left and gives the file free. The error says that something could
// not be written.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		<-s.done
		return nil
	}
	s.closing = true
	s.mu.Unlock()
	close(s.quit)
	<-s.done
	err := s.last
	if err != nil {
		err = fmt.Errorf("%s: the last changes could not be written: %w", s.path, err)
	}
	return errors.Join(err, s.memory.Close(), s.db.Close())
}
