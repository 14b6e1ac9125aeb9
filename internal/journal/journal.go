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

// Match chooses entries; empty fields choose all. Op may end in "*".
type Match struct{ Server, Op, Actor, Object, Outcome string }

func (m Match) fits(e *Entry) bool {
	is := func(want, got string) bool { return want == "" || strings.EqualFold(want, got) }
	if !is(m.Server, e.Server) || !is(m.Actor, e.Actor) || !is(m.Object, e.Object) || !is(m.Outcome, e.Outcome) {
		return false
	}
	if prefix, wild := strings.CutSuffix(m.Op, "*"); wild {
		return strings.HasPrefix(strings.ToLower(e.Op), strings.ToLower(prefix))
	}
	return is(m.Op, e.Op)
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
	p := Page{Entries: []Entry{}, Last: j.seq, Dropped: j.seq - uint64(j.n)}
	p.Missed = seq < p.Dropped
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
		e := &p.Entries[i]
		e.Request, e.Response, e.Why = j.mask.Text(e.Request), j.mask.Text(e.Response), j.mask.Text(e.Why)
	}
	return p
}

// Mentions returns the entries whose request holds a secret as it is, unmasked;
// what it returns is masked.
func (j *Journal) Mentions(secret string) []Entry {
	if j == nil || secret == "" {
		return nil
	}
	var out []Entry
	j.mu.Lock()
	for i := range j.n {
		if e := &j.ring[(j.head+i)%len(j.ring)]; strings.Contains(e.Request, secret) {
			out = append(out, *e)
		}
	}
	j.mu.Unlock()
	for i := range out {
		out[i].Request, out[i].Response, out[i].Why = j.mask.Text(out[i].Request), j.mask.Text(out[i].Response), j.mask.Text(out[i].Why)
	}
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
		if len(p.Entries) > 0 {
			return p, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}
