package redis

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"

	"counterpart/internal/company/state"
)

// cache is what is known of records, as long as the server would tell that they have
// changed. Before anything is asked of the server an entry stands for the answer; when the
// entry no longer stands as the answer comes, the answer is not kept: what has ended it may
// be newer.
type cache struct {
	link   *atomic.Pointer[link]
	seed   maphash.Seed
	limit  int // octets of a shard
	shards [64]cacheShard
}

type cacheShard struct {
	mu      sync.RWMutex
	entries map[id]*entry
	size    int
}

// entry is one record, or stands for one that was asked for.
type entry struct {
	filled  bool
	size    int
	record  record
	version state.Version
}

// overhead is what an entry costs besides its key and value.
const overhead = 200

func newCache(limit int, l *atomic.Pointer[link]) *cache {
	c := &cache{link: l, seed: maphash.MakeSeed()}
	c.limit = limit / len(c.shards)
	for i := range c.shards {
		c.shards[i].entries = map[id]*entry{}
	}
	return c
}

func (c *cache) shard(k id) *cacheShard {
	return &c.shards[maphash.Comparable(c.seed, k)%uint64(len(c.shards))]
}

// get is what is known of k; nil: nothing.
func (c *cache) get(k id) *entry {
	s := c.shard(k)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.entries[k]; e != nil && e.filled {
		return e
	}
	return nil
}

// mark is the entry of k, which is made when there is none.
func (c *cache) mark(k id) *entry {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k]
	if e == nil {
		e = &entry{}
		s.put(k, e, c.limit)
	}
	return e
}

// read takes an answer of l to what was asked after e was marked. It returns the entry
// that is kept; nil: the answer is not.
func (c *cache) read(k id, e *entry, r record, l *link) *entry {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.entries[k] != e:
		return nil
	case !l.tracking || c.link.Load() != l: // nobody would say when it changes
		s.remove(k)
		return nil
	case e.filled && e.record.version == r.version:
		return e
	case e.filled:
		s.remove(k)
		return nil
	}
	e.filled, e.record = true, r // nobody has seen it before
	if s.put(k, e, c.limit); s.entries[k] != e {
		return nil
	}
	return e
}

// wrote takes what was written over l after e was marked. When e no longer stands,
// somebody may have written later, and what stands may be older.
func (c *cache) wrote(k id, e *entry, r record, l *link) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[k] != e || !l.tracking || c.link.Load() != l {
		s.remove(k)
		return
	}
	s.put(k, &entry{filled: true, record: r}, c.limit)
}

// remove ends what is known of k.
func (c *cache) remove(k id) {
	s := c.shard(k)
	s.mu.Lock()
	s.remove(k)
	s.mu.Unlock()
}

// drop ends what is known of a table's keys with a prefix.
func (c *cache) drop(table, prefix string) {
	c.each(func(s *cacheShard) {
		for k := range s.entries {
			if k.table == table && strings.HasPrefix(k.key, prefix) {
				s.remove(k)
			}
		}
	})
}

// flush ends everything.
func (c *cache) flush() {
	c.each(func(s *cacheShard) {
		for k := range s.entries {
			s.remove(k)
		}
	})
}

func (c *cache) each(f func(s *cacheShard)) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		f(s)
		s.mu.Unlock()
	}
}

// put sets the entry of k and makes room for it: any others go.
func (s *cacheShard) put(k id, e *entry, limit int) {
	if was := s.entries[k]; was == e {
		s.size -= e.size
		delete(s.entries, k)
	} else {
		s.remove(k)
	}
	e.size = overhead + len(k.table) + len(k.key) + len(e.record.value)
	if e.size > limit/4 && e.filled { // one must not push out all the others
		return
	}
	for other := range s.entries {
		if s.size+e.size <= limit {
			break
		}
		s.remove(other)
	}
	s.entries[k] = e
	s.size += e.size
}

func (s *cacheShard) remove(k id) {
	e := s.entries[k]
	if e == nil {
		return
	}
	delete(s.entries, k)
	s.size -= e.size
	e.version.End()
}
