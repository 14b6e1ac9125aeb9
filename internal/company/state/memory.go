package state

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/clock"
)

// Memory is the Store of a single process: nothing on disk, and nothing that is
// dead for long.
type Memory struct {
	clock  clock.Clock
	seed   maphash.Seed
	closed atomic.Bool
	// removed hears of each record that goes without an Update; see Removed.
	removed func(table, key string, was Record)

	mu     sync.RWMutex
	tables map[string]*memoryTable
}

// NewMemory returns an empty store whose records die by c.
func NewMemory(c clock.Clock) *Memory {
	return &Memory{clock: c, seed: maphash.MakeSeed(), tables: map[string]*memoryTable{}}
}

// Table implements Store.
func (m *Memory) Table(name string) Table { return m.table(name) }

func (m *Memory) table(name string) *memoryTable {
	m.mu.RLock()
	t := m.tables[name]
	m.mu.RUnlock()
	if t != nil {
		return t
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t = m.tables[name]; t == nil {
		t = &memoryTable{store: m, name: name}
		for i := range t.shards {
			t.shards[i].sweep = minSweep
		}
		m.tables[name] = t
	}
	return t
}

// Tables implements Store.
func (m *Memory) Tables(ctx context.Context, prefix string) ([]string, error) {
	if err := m.usable(ctx); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var names []string
	for name, t := range m.tables {
		if strings.HasPrefix(name, prefix) && t.holds() > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Shared implements Store: no other process sees this one.
func (m *Memory) Shared() bool { return false }

// Close implements Store.
func (m *Memory) Close() error {
	m.closed.Store(true)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tables {
		t.clear()
	}
	return nil
}

func (m *Memory) usable(ctx context.Context) error {
	if m.closed.Load() {
		return fmt.Errorf("%w: it is closed", ErrUnavailable)
	}
	return ctx.Err()
}

const shards = 16

// memoryTable is one table: sharded maps, and an order of its keys once somebody
// has asked for it.
type memoryTable struct {
	store  *Memory
	name   string
	shards [shards]shard
	order  atomic.Pointer[order] // nil: nobody has listed the table yet
}

type shard struct {
	mu     sync.RWMutex
	live   map[string]*stored
	absent atomic.Pointer[Version] // of all keys that are not there; nil: nobody has asked
	sweep  int                     // writes until the dead records are swept
}

type stored struct {
	value   []byte
	expires time.Time
	version Version
}

func (r *stored) record() Record { return Record{r.value, r.expires, &r.version} }

func (r *stored) dead(now time.Time) bool { return !r.expires.IsZero() && !now.Before(r.expires) }

// minSweep is how many writes a shard takes before it looks for dead records;
// it grows with the shard, so sweeping costs a constant per write.
const minSweep = 64

func (t *memoryTable) shard(key string) *shard {
	return &t.shards[maphash.String(t.store.seed, key)%shards]
}

// holds counts the records, the dead ones included.
func (t *memoryTable) holds() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		n += len(s.live)
		s.mu.RUnlock()
	}
	return n
}

// Get implements Table.
func (t *memoryTable) Get(ctx context.Context, key string) (Record, error) {
	if err := t.store.usable(ctx); err != nil {
		return Record{}, err
	}
	return t.get(key)
}

func (t *memoryTable) get(key string) (Record, error) {
	s := t.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t.store.closed.Load() { // read under the lock, so that nothing is answered that Close has taken away
		return Record{}, t.store.usable(context.Background())
	}
	r := s.live[key]
	if r != nil && (r.expires.IsZero() || !r.dead(t.store.clock.Now())) { // without an end there is no need to ask the clock
		return r.record(), nil
	}
	v := s.absent.Load()
	for v == nil {
		if fresh := new(Version); s.absent.CompareAndSwap(nil, fresh) {
			v = fresh
		} else {
			v = s.absent.Load()
		}
	}
	return Record{Version: v}, nil
}

// GetMany implements Table.
func (t *memoryTable) GetMany(ctx context.Context, keys []string) ([]Record, error) {
	out := make([]Record, len(keys))
	for i, key := range keys {
		var err error
		if out[i], err = t.Get(ctx, key); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Update implements Table: fn runs once, under the lock of the key's shard.
func (t *memoryTable) Update(ctx context.Context, key string, fn func(Record) (Record, error)) error {
	if err := t.store.usable(ctx); err != nil {
		return err
	}
	now := t.store.clock.Now()
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.store.closed.Load() {
		return t.store.usable(ctx)
	}
	held := s.live[key]
	var old Record
	if held != nil && !held.dead(now) {
		old = held.record()
	}
	next, err := fn(old)
	if err != nil {
		return err
	}
	if next.Value == nil || next.dead(now) {
		t.remove(s, key, held)
		return nil
	}
	if old.Value == nil { // to somebody who has looked before, it was not there
		if v := s.absent.Swap(nil); v != nil {
			v.End()
		}
	}
	if s.live == nil {
		s.live = map[string]*stored{}
	}
	s.live[key] = &stored{value: next.Value, expires: next.Expires}
	if held != nil {
		held.version.End()
	} else if o := t.order.Load(); o != nil {
		o.add(key)
	}
	t.sweep(s, now)
	return nil
}

// remove takes a record out of a shard that is locked; nil: there is none.
func (t *memoryTable) remove(s *shard, key string, held *stored) {
	if held == nil {
		return
	}
	held.version.End()
	delete(s.live, key)
	if o := t.order.Load(); o != nil {
		o.remove(key)
	}
}

// drop is remove for what goes without an Update.
func (t *memoryTable) drop(s *shard, key string, held *stored) {
	t.remove(s, key, held)
	if f := t.store.removed; f != nil && held != nil && !t.store.closed.Load() {
		f(t.name, key, held.record())
	}
}

// sweep removes the dead of a locked shard, when it is time.
func (t *memoryTable) sweep(s *shard, now time.Time) {
	if s.sweep--; s.sweep > 0 {
		return
	}
	for k, r := range s.live {
		if r.dead(now) {
			t.drop(s, k, r)
		}
	}
	s.sweep = max(minSweep, len(s.live))
}

// Sweep removes everything that is dead. Tables do so by themselves as they are written
// to; this is for one that has been left alone.
func (m *Memory) Sweep() {
	now := m.clock.Now()
	m.mu.RLock()
	tables := slices.Collect(maps.Values(m.tables))
	m.mu.RUnlock()
	for _, t := range tables {
		for i := range t.shards {
			s := &t.shards[i]
			s.mu.Lock()
			s.sweep = 1
			t.sweep(s, now)
			if len(s.live) == 0 { // a map keeps the room that it once needed
				s.live = nil
			}
			s.mu.Unlock()
		}
	}
}

// Keys implements Table.
func (t *memoryTable) Keys(ctx context.Context, r Range) ([]string, error) {
	const page = 512
	var out []string
	o := t.ordered()
	for after := r.After; ; {
		if err := t.store.usable(ctx); err != nil {
			return nil, err
		}
		want := page
		if r.Limit > 0 {
			want = min(want, r.Limit-len(out))
		}
		keys := o.after(r.Prefix, after, want)
		for _, k := range keys {
			if rec, err := t.get(k); err != nil {
				return nil, err
			} else if rec.Value != nil {
				out = append(out, k)
			}
		}
		if len(keys) < want || r.Limit > 0 && len(out) >= r.Limit {
			return out, nil
		}
		after = keys[len(keys)-1]
	}
}

// Drop implements Table.
func (t *memoryTable) Drop(ctx context.Context, prefix string) error {
	if err := t.store.usable(ctx); err != nil {
		return err
	}
	if prefix == "" {
		t.clear()
		return nil
	}
	for _, key := range t.ordered().after(prefix, "", 0) {
		s := t.shard(key)
		s.mu.Lock()
		t.drop(s, key, s.live[key])
		s.mu.Unlock()
	}
	return nil
}

// clear removes everything.
func (t *memoryTable) clear() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for k, r := range s.live {
			t.drop(s, k, r)
		}
		s.live = nil
		if t.store.closed.Load() {
			if v := s.absent.Swap(nil); v != nil {
				v.End()
			}
		}
		s.mu.Unlock()
	}
}

// ordered is the table's order, which is made when the first one asks for it.
func (t *memoryTable) ordered() *order {
	if o := t.order.Load(); o != nil {
		return o
	}
	for i := range t.shards { // nobody writes while it is made
		t.shards[i].mu.Lock()
		defer t.shards[i].mu.Unlock()
	}
	if o := t.order.Load(); o != nil {
		return o
	}
	o := &order{}
	for i := range t.shards {
		for k := range t.shards[i].live {
			o.keys.Insert(k)
		}
	}
	t.order.Store(o)
	return o
}
