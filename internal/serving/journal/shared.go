package journal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/state"
)

// shared makes a journal one of several that are one timeline. What is recorded here is
// handed over in batches, which get their numbers by being appended to a log in the store;
// the ring has what was read from there, of all replicas in one order, once somebody wants
// to read. The log's head is its newest batch as a whole: whoever appends the next one
// copies it to its own key first, so that no batch is ever missing between others.
type shared struct {
	log     *state.Collection[bundle]
	replica string

	mu      sync.Mutex // of what follows; never held together with the journal's
	pending bundle
	first   chan struct{} // closed when there is something pending
	lost    int           // entries that found no room

	handing sync.Mutex // held by whoever hands over
	sending *bundle    // of which nobody knows yet whether it was appended
	own     uint64
	marks   []mark
	onto    string // the log that the marks are of

	pulling sync.Mutex // held by whoever reads the log
	known   uint64     // the last batch that was read
	read    string     // the log that it is of

	waiting atomic.Int64
	wanted  atomic.Pointer[chan struct{}] // closed when somebody waits
}

// bundle is what one replica hands over at once: entries one after the other, each with its
// length before it.
type bundle struct {
	Log     string            `json:"log"` // names the log: that of a store which was emptied is another one
	N       uint64            `json:"n"`
	After   uint64            `json:"after"` // number of the entry before
	Count   uint64            `json:"count"`
	Sum     uint64            `json:"sum"`             // octets of this and all before
	Low     uint64            `json:"low"`             // the oldest batch that is kept
	Swept   uint64            `json:"swept,omitempty"` // those before it are gone from the store, too
	Base    uint64            `json:"base,omitempty"`
	Replica string            `json:"replica"`
	Owns    map[string]uint64 `json:"owns,omitempty"` // the last one of each replica
	Body    []byte            `json:"body,omitempty"`
	Issued  [][2]string       `json:"issued,omitempty"` // whose, secret
	clears  bool
}

// mark is where a batch of this replica stands: from there the log can be cut.
type mark struct{ n, sum, last uint64 }

const (
	headKey    = "head"
	handEvery  = 20 * time.Millisecond
	fullBatch  = 64 << 10
	mostToHand = 4 << 20 // octets that wait for a store that is away
	mostOwns   = 64
)

func batchKey(n uint64) string { return fmt.Sprintf("%016x", n) }

// errAppended tells that somebody else was quicker.
var errAppended = errors.New("journal: another batch was appended")

// Share makes the journal one of a fleet's replicas, before the first entry.
func (j *Journal) Share(s state.Store, name, replica string) {
	if j == nil {
		return
	}
	j.shared = &shared{log: state.Of[bundle](s, name), replica: replica, first: make(chan struct{})}
	wanted := make(chan struct{})
	j.shared.wanted.Store(&wanted)
	if j.mask != nil && j.mask.Secrets != nil {
		j.mask.Secrets.issuedTo = j.shared.issue
	}
}

// record keeps an entry until it is handed over.
func (s *shared) record(e *Entry, raw *Raw) {
	named := *e
	named.Replica = s.replica
	length := packed(&named, raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending.Body)+length > mostToHand {
		s.lost++
		return
	}
	s.pending.Body = pack(binary.AppendUvarint(s.pending.Body, uint64(length)), &named, raw)
	s.pending.Count++
	s.stir()
}

// issue keeps a secret until it is handed over.
func (s *shared) issue(whose, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending.Issued) < keptIssued {
		s.pending.Issued = append(s.pending.Issued, [2]string{whose, secret})
	}
	s.stir()
}

// stir tells that there is something to hand over.
func (s *shared) stir() {
	select {
	case <-s.first:
	default:
		close(s.first)
	}
}

// take is what is to be handed over; nil: nothing.
func (s *shared) take() *bundle {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending.Count == 0 && len(s.pending.Issued) == 0 && !s.pending.clears {
		return nil
	}
	b := s.pending
	s.pending, s.first = bundle{}, make(chan struct{})
	b.Replica = s.replica
	return &b
}

// Run hands over what is recorded, until ctx ends.
func (j *Journal) Run(ctx context.Context) {
	s := j.shared
	for {
		s.mu.Lock()
		first := s.first
		s.mu.Unlock()
		select {
		case <-first:
		case <-ctx.Done():
			return
		}
		t := time.NewTimer(handEvery)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		j.HandOver(ctx) // what fails is tried again
	}
}

// HandOver appends what was recorded here to what all have recorded.
func (j *Journal) HandOver(ctx context.Context) error {
	if j == nil || j.shared == nil {
		return nil
	}
	s := j.shared
	s.handing.Lock()
	defer s.handing.Unlock()
	for {
		if s.sending == nil {
			if s.sending = s.take(); s.sending == nil {
				return nil
			}
			s.own++
			s.sending.Owns = map[string]uint64{s.replica: s.own}
		}
		if err := j.append(ctx, s.sending); err != nil {
			return err
		}
		s.sending = nil
		s.mu.Lock()
		lost := s.lost
		s.lost = 0
		s.mu.Unlock()
		if lost > 0 {
			j.Lost(time.Time{}, s.replica, fmt.Sprintf("%d operations found no room while the store was away", lost))
		}
	}
}

// append makes b the newest batch of the log.
func (j *Journal) append(ctx context.Context, b *bundle) error {
	s := j.shared
	copied := uint64(0)
	for {
		head, found, err := s.log.Read(ctx, headKey)
		if err != nil {
			return err
		}
		if copied != 0 && copied < head.Low { // others had cut the log there meanwhile
			if _, err := s.log.Delete(ctx, batchKey(copied)); err != nil {
				return err
			}
		}
		if found {
			if head.Owns[s.replica] >= s.own { // it was, and nobody knew
				return nil
			}
			if err := s.keep(ctx, head); err != nil {
				return err
			}
			copied = head.N
		} else {
			head, copied = j.begin(), 0
		}
		if head.Log != s.onto {
			s.onto, s.marks = head.Log, nil
		}
		next := s.behind(head, b, j.limits)
		err = s.log.Change(ctx, headKey, func(v *bundle, found bool) error {
			if v.N != head.N || found && v.Log != head.Log {
				return errAppended
			}
			*v = next
			return nil
		})
		if errors.Is(err, errAppended) {
			continue
		}
		if err == nil {
			s.marks = append(s.marks, mark{next.N, next.Sum, next.After + next.Count})
		}
		return err
	}
}

// keep copies a head to its own key, and deletes what the log has been cut by. The next head
// says that it is gone, so that whoever appends next goes on where somebody failed or died.
func (s *shared) keep(ctx context.Context, head bundle) error {
	err := s.log.Change(ctx, batchKey(head.N), func(v *bundle, found bool) error {
		if found {
			return state.ErrKeep
		}
		*v = head
		v.Owns = nil
		return nil
	})
	for n := max(head.Swept, 1); err == nil && n < head.Low; n++ {
		_, err = s.log.Delete(ctx, batchKey(n))
	}
	return err
}

// begin is what stands before the first batch of a log. Numbers of entries go on from what
// is known here, and what was before is forgotten.
func (j *Journal) begin() bundle {
	s := j.shared
	j.mu.Lock()
	last := j.seq
	j.mu.Unlock()
	if n := len(s.marks); n > 0 {
		last = max(last, s.marks[n-1].last)
	}
	return bundle{Log: rand.Text(), After: last, Base: last}
}

// behind is b as the bundle behind the head.
func (s *shared) behind(head bundle, b *bundle, l Limits) bundle {
	next := *b
	next.Log, next.N, next.After, next.Sum, next.Base = head.Log, head.N+1, head.After+head.Count, head.Sum+uint64(len(b.Body)), head.Base
	next.Low, next.Swept = max(head.Low, 1), head.Low
	if b.clears {
		next.Base = next.After
	}
	next.Owns = map[string]uint64{s.replica: s.own}
	for who, n := range head.Owns {
		if who != s.replica && len(next.Owns) < mostOwns {
			next.Owns[who] = n
		}
	}
	for len(s.marks) > 0 && (next.Sum-s.marks[0].sum > uint64(l.Bytes) || next.After+next.Count-s.marks[0].last > uint64(l.Entries)) {
		next.Low = max(next.Low, s.marks[0].n+1)
		s.marks = s.marks[1:]
	}
	return next
}

// pull takes over what all have recorded.
func (j *Journal) pull(ctx context.Context) (changed <-chan struct{}, err error) {
	s := j.shared
	s.pulling.Lock()
	defer s.pulling.Unlock()
	head, found, changed, err := s.log.Watch(ctx, headKey)
	if err != nil || !found {
		return changed, err
	}
	if head.Log != s.read { // the store was emptied
		s.read, s.known = head.Log, 0
		j.mu.Lock()
		j.forget(0)
		j.seq = 0
		j.mu.Unlock()
	}
	const page = 32
	for n := max(s.known+1, head.Low); n < head.N; n += page {
		var keys []string
		for k := n; k < min(n+page, head.N); k++ {
			keys = append(keys, batchKey(k))
		}
		some, err := s.log.GetMany(ctx, keys)
		if err != nil {
			return nil, err
		}
		for _, b := range some {
			if b != nil { // or it was forgotten meanwhile
				j.takeOver(b)
			}
		}
	}
	if head.N > s.known {
		j.takeOver(&head)
	}
	s.known = head.N
	return changed, nil
}

// takeOver puts the entries of a batch into the ring.
func (j *Journal) takeOver(b *bundle) {
	if j.mask != nil && j.mask.Secrets != nil && b.Replica != j.shared.replica {
		for _, x := range b.Issued {
			j.mask.Secrets.issued.add(x[0], x[1])
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seq != b.After { // what was between is forgotten
		for j.ring.n > 0 {
			j.ring.drop()
		}
		j.seq = b.After
	}
	if b.Base > j.base {
		j.forget(b.Base)
	}
	for body := string(b.Body); body != ""; {
		n, width := binary.Uvarint([]byte(body[:min(len(body), binary.MaxVarintLen64)]))
		if width <= 0 || uint64(len(body)-width) < n { // damaged: numbers stay right
			break
		}
		text := body[width : width+int(n)]
		body = body[width+int(n):]
		e := unpack(text, 0)
		if room := j.room(int(n), e.size()); room != nil {
			copy(room[:n], text)
		}
	}
	j.stir()
	j.seq = b.After + b.Count
}

// fresh takes over what others have handed over before somebody reads.
func (j *Journal) fresh() {
	if j.shared != nil {
		j.pull(context.Background()) // without a store it is what was read before
	}
}

// Follow takes over what others hand over for as long as somebody waits for it.
func (j *Journal) Follow(ctx context.Context) (changed <-chan struct{}, err error) {
	wanted := *j.shared.wanted.Load()
	if j.shared.waiting.Load() > 0 {
		return j.pull(ctx)
	}
	return wanted, nil
}

// wait tells that somebody waits for entries, until done is called.
func (j *Journal) wait() (done func()) {
	s := j.shared
	if s == nil {
		return func() {}
	}
	if s.waiting.Add(1) == 1 {
		next := make(chan struct{})
		close(*s.wanted.Swap(&next))
	}
	return func() { s.waiting.Add(-1) }
}
