package state

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/clock"
)

const shards = 64

// Memory is the Store of a single process: sharded maps, nothing on disk.
type Memory struct {
	clock  clock.Clock
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu     sync.RWMutex
	live   map[string]Record
	closed bool
	sweep  int           // writes until the dead records are swept
	writes atomic.Uint64 // grows under mu with everything that changes
}

// NewMemory returns an empty store whose records die by c.
func NewMemory(c clock.Clock) *Memory {
	m := &Memory{clock: c, seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].live = map[string]Record{}
		m.shards[i].sweep = minSweep
	}
	return m
}

// minSweep is how many writes a shard takes before it looks for dead records;
// it grows with the shard, so sweeping costs a constant per write.
const minSweep = 256

func (m *Memory) shard(key string) *shard { return &m.shards[maphash.String(m.seed, key)%shards] }

func (r Record) dead(now time.Time) bool { return !r.Expires.IsZero() && !now.Before(r.Expires) }

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key string) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	s := m.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return Record{}, errClosed()
	}
	r := s.live[key]
	if !r.Expires.IsZero() && r.dead(m.clock.Now()) { // without an end there is no need to ask the clock
		r = Record{}
	}
	r.writes, r.seen = &s.writes, s.writes.Load()
	return r, nil
}

// Update implements Store: fn runs once, under the lock of the key's shard.
func (m *Memory) Update(ctx context.Context, key string, fn func(Record) (Record, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := m.clock.Now()
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed()
	}
	old := s.live[key]
	if old.dead(now) {
		old = Record{}
	}
	next, err := fn(old)
	if err != nil {
		return err
	}
	s.writes.Add(1)
	if next.Value == nil || next.dead(now) {
		delete(s.live, key)
		return nil
	}
	s.live[key] = next
	if s.sweep--; s.sweep <= 0 {
		for k, r := range s.live {
			if r.dead(now) {
				delete(s.live, k)
			}
		}
		s.sweep = max(minSweep, len(s.live))
	}
	return nil
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix string) ([]string, error) {
	now := m.clock.Now()
	var keys []string
	for i := range m.shards {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &m.shards[i]
		s.mu.RLock()
		closed := s.closed
		for k, r := range s.live {
			if strings.HasPrefix(k, prefix) && !r.dead(now) {
				keys = append(keys, k)
			}
		}
		s.mu.RUnlock()
		if closed {
			return nil, errClosed()
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// Reset implements Store.
func (m *Memory) Reset(ctx context.Context, prefix string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		s.writes.Add(1)
		for k := range s.live {
			if strings.HasPrefix(k, prefix) {
				delete(s.live, k)
			}
		}
		s.mu.Unlock()
	}
	return nil
}

// Shared implements Store: no other process sees this one.
func (m *Memory) Shared() bool { return false }

// Close implements Store.
func (m *Memory) Close() error {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		s.writes.Add(1)
		s.live, s.closed = map[string]Record{}, true
		s.mu.Unlock()
	}
	return nil
}

func errClosed() error { return fmt.Errorf("%w: it is closed", ErrUnavailable) }
