// Package journal remembers every operation of every server in one timeline.
// It is bounded by count and by octets, says how much it has forgotten, and
// shows requests and answers with their secrets masked.
package journal

import (
	"context"
	"strings"
	"sync"
	"time"
)

// Entry is one operation.
type Entry struct {
	Seq      uint64        `json:"seq"`
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took_ns"`
	Server   string        `json:"server"`
	Port     string        `json:"port"`
	Peer     string        `json:"peer"`
	Op       string        `json:"op"`
	Actor    string        `json:"actor,omitempty"`
	Object   string        `json:"object,omitempty"`
	Outcome  string        `json:"outcome"`
	Status   string        `json:"status,omitempty"`
	Why      string        `json:"why,omitempty"`
	Faults   []string      `json:"faults,omitempty"` // IDs of the rules that fired
	Broken   string        `json:"broken,omitempty"` // when a fault struck: "before" (nothing was changed) or "after" (the change stands)
	Request  string        `json:"request,omitempty"`
	Response string        `json:"response,omitempty"`
}

func (e *Entry) size() int {
	return 200 + len(e.Peer) + len(e.Op) + len(e.Actor) + len(e.Object) + len(e.Why) + len(e.Request) + len(e.Response)
}

// Limits bound what is remembered.
type Limits struct {
	Entries int // default 10,000
	Bytes   int // default 16 MiB
}

// Journal is the timeline. A nil Journal remembers nothing and costs nothing.
type Journal struct {
	limits Limits
	mask   *Mask

	mu      sync.Mutex
	ring    []Entry // oldest at head
	head, n int
	bytes   int
	seq     uint64 // of the newest entry
	base    uint64 // number of the last entry before Clear
	moved   chan struct{}
}

// New returns an empty journal; mask hides secrets when entries are read.
func New(l Limits, mask *Mask) *Journal {
	if l.Entries <= 0 {
		l.Entries = 10_000
	}
	if l.Bytes <= 0 {
		l.Bytes = 16 << 20
	}
	return &Journal{limits: l, mask: mask, moved: make(chan struct{})}
}

// Record appends an entry and gives it its number, from 1 on.
func (j *Journal) Record(e Entry) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	e.Seq = j.seq
	for j.n > 0 && (j.n >= j.limits.Entries || j.bytes+e.size() > j.limits.Bytes) {
		j.drop()
	}
	if j.n == len(j.ring) {
		j.grow()
	}
	j.ring[(j.head+j.n)%len(j.ring)] = e
	j.n++
	j.bytes += e.size()
	select {
	case <-j.moved: // somebody else's wake-up is under way
	default:
		close(j.moved)
	}
}

func (j *Journal) drop() {
	j.bytes -= j.ring[j.head].size()
	j.ring[j.head] = Entry{}
	j.head = (j.head + 1) % len(j.ring)
	j.n--
}

func (j *Journal) grow() {
	next := make([]Entry, min(max(64, 2*len(j.ring)), j.limits.Entries))
	for i := range j.n {
		next[i] = j.ring[(j.head+i)%len(j.ring)]
	}
	j.ring, j.head = next, 0
}

// Page is what a question to the journal gives.
type Page struct {
	Entries []Entry `json:"entries"`
	Last    uint64  `json:"last"`    // ask again from here
	Dropped uint64  `json:"dropped"` // entries forgotten since the start
	// Missed: entries after the asked number were forgotten, so the answer may
	// lack some that matched.
	Missed bool `json:"missed"`
}

// Since returns the entries after number seq that match, oldest first, at most
// max of them (0: all).
func (j *Journal) Since(seq uint64, m Match, max int) Page {
	if j == nil {
		return Page{Entries: []Entry{}}
	}
	j.mu.Lock()
	p := j.page(seq)
	for i := range j.n {
		e := &j.ring[(j.head+i)%len(j.ring)]
		if e.Seq <= seq || !m.fits(e) {
			continue
		}
		if max > 0 && len(p.Entries) == max {
			p.Last = p.Entries[len(p.Entries)-1].Seq
			break
		}
		p.Entries = append(p.Entries, *e)
	}
	j.mu.Unlock()
	for i := range p.Entries { // outside the lock: it takes a while
		p.Entries[i] = j.mask.entry(p.Entries[i])
	}
	return p
}

// page is an empty page of what comes after seq.
func (j *Journal) page(seq uint64) Page {
	oldest := j.seq - uint64(j.n) // number of the newest entry that is gone
	return Page{Entries: []Entry{}, Last: j.seq, Dropped: oldest - j.base, Missed: seq < oldest && (oldest > j.base || seq > 0)}
}

// raw is Since without masking, for looking only.
func (j *Journal) raw(seq uint64) Page {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := j.page(seq)
	for i := range j.n {
		if e := &j.ring[(j.head+i)%len(j.ring)]; e.Seq > seq {
			p.Entries = append(p.Entries, *e)
		}
	}
	return p
}

// Entry returns one entry by its number.
func (j *Journal) Entry(seq uint64) (Entry, bool) {
	if j == nil || seq == 0 {
		return Entry{}, false
	}
	p := j.Since(seq-1, Match{}, 1)
	if len(p.Entries) == 0 || p.Entries[0].Seq != seq {
		return Entry{}, false
	}
	return p.Entries[0], true
}

// Recorded is how many entries there have been in all.
func (j *Journal) Recorded() uint64 {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seq
}

// Clear forgets everything on purpose: what was there does not count as dropped.
// Numbers go on.
func (j *Journal) Clear() {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.n > 0 {
		j.drop()
	}
	j.base = j.seq
}

// Scan shows every entry as it was recorded, secrets and all, oldest first: for
// the search for secrets, which must not hide them before it looks.
func (j *Journal) Scan(visit func(e Entry)) {
	if j == nil {
		return
	}
	for _, e := range j.raw(0).Entries {
		visit(e)
	}
}

// Masked is an entry of Scan as it may be shown.
func (j *Journal) Masked(e Entry) Entry { return j.mask.entry(e) }

// Mentions returns the entries whose request holds a secret as it is, unmasked;
// what it returns is masked.
func (j *Journal) Mentions(secret string) []Entry {
	if j == nil || secret == "" {
		return nil
	}
	var out []Entry
	j.Scan(func(e Entry) {
		if strings.Contains(e.Request, secret) {
			out = append(out, j.mask.entry(e))
		}
	})
	return out
}

// Tail returns the newest n entries.
func (j *Journal) Tail(n int) []Entry {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	from := j.seq - uint64(min(n, j.n))
	j.mu.Unlock()
	return j.Since(from, Match{}, n).Entries
}

// Await is Since that waits until there is at least one entry, or for the end
// of ctx, whose error it then returns with what there is.
func (j *Journal) Await(ctx context.Context, seq uint64, m Match) (Page, error) {
	return j.AwaitN(ctx, seq, m, 1)
}

// AwaitN is Await for at least n entries.
func (j *Journal) AwaitN(ctx context.Context, seq uint64, m Match, n int) (Page, error) {
	if j == nil {
		<-ctx.Done()
		return Page{Entries: []Entry{}}, ctx.Err()
	}
	for {
		j.mu.Lock()
		select {
		case <-j.moved:
			j.moved = make(chan struct{})
		default:
		}
		moved := j.moved
		j.mu.Unlock()
		p := j.Since(seq, m, 0)
		if len(p.Entries) >= n {
			return p, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}
