package radius

import (
	"context"
	"errors"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/face/radius/wire"
)

// The reply cache detects duplicates (RFC 5080 section 2.2.2): a client that
// retransmits must neither raise a second push nor burn a second code, and gets
// the same octets again. It belongs to this process, as the socket does; what another
// process has answered is in sharedReplies.
type replyCache struct {
	seed   maphash.Seed
	life   time.Duration
	max    int64
	count  atomic.Int64
	shards [64]cacheShard
}

type cacheShard struct {
	mu         sync.Mutex
	slots      map[cacheKey]*slot
	head, tail *slot // answered ones, oldest first
}

// cacheKey is what a retransmission has in common with its original.
type cacheKey struct {
	peer netip.AddrPort
	on   listener
	id   byte
}

// slot is one request and, once there is one, its reply. All fields but key are
// guarded by the shard's lock.
type slot struct {
	key        cacheKey
	auth       [16]byte
	length     int
	reply      []byte
	done       bool
	apart      bool // not in the cache at all
	superseded bool // a new request took the Identifier: this reply is never sent
	expires    time.Time
	cancel     context.CancelFunc // set while the request is held
	next       *slot
}

// Why a packet with a known Identifier is not processed.
var (
	errDuplicate  = errors.New("duplicate of a request that is still running")
	errBusy       = errors.New("too many requests are running")
	errSuperseded = errors.New("the client has reused the Identifier for a new request")
)

func newReplyCache(life time.Duration, limit int) *replyCache {
	c := &replyCache{seed: maphash.MakeSeed(), life: life, max: int64(limit)}
	for i := range c.shards {
		c.shards[i].slots = map[cacheKey]*slot{}
	}
	return c
}

func (c *replyCache) shard(k cacheKey) *cacheShard {
	return &c.shards[maphash.Comparable(c.seed, k)%uint64(len(c.shards))]
}

// begin takes a packet in. It returns a slot for a new request, or the stored
// reply for a retransmission, or why the packet is to be dropped. A packet that
// has the Identifier but another authenticator or length is a new request; the
// one before it is cancelled and will not be answered.
func (c *replyCache) begin(k cacheKey, p wire.Packet, now time.Time) (s *slot, reply []byte, err error) {
	sh := c.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c.sweep(sh, now)
	if old := sh.slots[k]; old != nil {
		same := old.length == len(p) && string(old.auth[:]) == string(p.Authenticator())
		switch {
		case same && !old.done:
			return nil, nil, errDuplicate
		case same && now.Before(old.expires):
			old.expires = now.Add(c.life)
			return nil, old.reply, nil
		}
		old.superseded = true
		if old.cancel != nil {
			old.cancel()
		}
		c.remove(sh, old)
	}
	if c.count.Load() >= c.max && !c.evict(sh) {
		return nil, nil, errBusy
	}
	s = &slot{key: k, length: len(p)}
	copy(s.auth[:], p.Authenticator())
	sh.slots[k] = s
	c.count.Add(1)
	return s, nil, nil
}

func (c *replyCache) remove(sh *cacheShard, s *slot) {
	if sh.slots[s.key] == s {
		delete(sh.slots, s.key)
		c.count.Add(-1)
	}
}

// sweep removes a few replies whose time is over, so that every packet pays for
// itself and nothing has to run in the background.
func (c *replyCache) sweep(sh *cacheShard, now time.Time) {
	for range 4 {
		s := sh.head
		if s == nil || sh.slots[s.key] == s && s.next == nil && now.Before(s.expires) {
			return
		}
		if sh.slots[s.key] == s && now.Before(s.expires) {
			if !s.expires.After(s.next.expires) {
				return // the oldest is alive, so all are
			}
			sh.pop() // it was asked for again: it queues up anew
			sh.push(s)
			continue
		}
		sh.pop()
		c.remove(sh, s)
	}
}

// rest removes all replies whose time is over, and the memory that their number took:
// after a storm of requests no packet may come that pays for it.
func (c *replyCache) rest(now time.Time) {
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.Lock()
		for before := -1; before != len(sh.slots) && sh.head != nil; {
			before = len(sh.slots)
			c.sweep(sh, now)
		}
		if len(sh.slots) == 0 {
			sh.slots = map[cacheKey]*slot{}
		}
		sh.mu.Unlock()
	}
}

// evict makes room by forgetting the oldest reply of the shard. Running
// requests are never forgotten.
func (c *replyCache) evict(sh *cacheShard) bool {
	for s := sh.head; s != nil; s = sh.head {
		sh.pop()
		if sh.slots[s.key] == s {
			c.remove(sh, s)
			return true
		}
	}
	return false
}

func (sh *cacheShard) push(s *slot) {
	s.next = nil
	if sh.tail == nil {
		sh.head = s
	} else {
		sh.tail.next = s
	}
	sh.tail = s
}

func (sh *cacheShard) pop() {
	if sh.head = sh.head.next; sh.head == nil {
		sh.tail = nil
	}
}

// finish stores the reply, before anybody sends it: a client that reuses the
// Identifier as soon as it has the reply finds the slot done. It reports false
// when the reply must not be sent any more.
func (c *replyCache) finish(s *slot, reply []byte, now time.Time) bool {
	sh := c.shard(s.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s.superseded || s.apart {
		return s.apart
	}
	s.reply, s.done, s.expires, s.cancel = slices.Clone(reply), true, now.Add(c.life), nil // no longer than it is: there are thousands
	sh.push(s)
	return true
}

// forget drops a request that ends without a reply, so that a retransmission is
// processed anew. After finish it does nothing.
func (c *replyCache) forget(s *slot) {
	sh := c.shard(s.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !s.done {
		c.remove(sh, s)
	}
}

// hold is ctx that also ends when the request is superseded. Only what waits
// needs it.
func (c *replyCache) hold(ctx context.Context, s *slot) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	sh := c.shard(s.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s.superseded {
		cancel()
	}
	s.cancel = cancel
	return ctx, cancel
}

// apart is a slot that the cache does not know: for the fault that shows what a
// server without a cache does.
func (c *replyCache) apart(k cacheKey) *slot { return &slot{key: k, apart: true} }
