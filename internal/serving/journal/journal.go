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
	Replica  string        `json:"replica,omitempty"` // of a fleet of several processes
	Server   string        `json:"server"`
	Port     string        `json:"port"`
	Peer     string        `json:"peer"`
	Op       string        `json:"op"`
	Actor    string        `json:"actor,omitempty"`
	Object   string        `json:"object,omitempty"`
	Outcome  string        `json:"outcome"`
	Status   string        `json:"status,omitempty"`
	Why      string        `json:"why,omitempty"`
	Cause    string        `json:"cause,omitempty"`   // what kind of refusal it is: "already checked out"
	Feature  string        `json:"feature,omitempty"` // of the real system, asked for and not played
	Faults   []string      `json:"faults,omitempty"`  // IDs of the rules that fired
	Broken   string        `json:"broken,omitempty"`  // when a fault struck: "before" (nothing was changed) or "after" (the change stands)
	Request  string        `json:"request,omitempty"`
	Response string        `json:"response,omitempty"`
	// The heads of HTTP messages: "Name: value", one a line, 1 KiB each at most.
	RequestHead  string `json:"request_head,omitempty"`
	ResponseHead string `json:"response_head,omitempty"`
	// Session is what the operation belongs to, Person whose session that is, and Grouped
	// says by what that is known: plugin, actor, peer or client.
	Session string `json:"session,omitempty"`
	Person  string `json:"person,omitempty"`
	Grouped string `json:"grouped,omitempty"`
}

func (e *Entry) size() int {
	return 200 + len(e.Session) + len(e.Person) + len(e.Peer) + len(e.Op) + len(e.Actor) + len(e.Object) + len(e.Why) + len(e.Cause) + len(e.Feature) + len(e.Request) + len(e.Response) + len(e.RequestHead) + len(e.ResponseHead)
}

// Limits bound what is remembered.
type Limits struct {
	Entries int // default 10,000
	Bytes   int // default 6 MiB
}

// Journal is the timeline. A nil Journal remembers nothing and costs nothing.
type Journal struct {
	limits Limits
	mask   *Mask

	mu    sync.Mutex
	ring  ring
	seq   uint64 // of the newest entry
	base  uint64 // number of the last entry before Clear
	moved chan struct{}
	turn  chan struct{} // held by whoever looks through entries for those that match: thousands can want to

	shown    shown
	shared   *shared // nil: nobody else writes this timeline
	learning sync.Mutex
	learned  uint64 // up to this number values at secrets' places are known; under learning
	sessions sessions
	hosted   hosted

	// Acts finds the person whom an actor's name means; nil knows nobody. It is set before
	// the first use.
	Acts func(actor string) (person string, ok bool)
}

// New returns an empty journal; mask hides secrets when entries are read.
func New(l Limits, mask *Mask) *Journal {
	if l.Entries <= 0 {
		l.Entries = 10_000
	}
	if l.Bytes <= 0 {
		l.Bytes = 6 << 20
	}
	return &Journal{limits: l, mask: mask, moved: make(chan struct{}), turn: make(chan struct{}, 1)}
}

// Record appends an entry and gives it its number, from 1 on.
func (j *Journal) Record(e Entry) { j.RecordRaw(&e, Raw{}) }

// Raw is what of messages is still in somebody's buffers.
type Raw struct{ Request, Response, RequestHead, ResponseHead []byte }

func (r *Raw) size() int {
	return len(r.Request) + len(r.Response) + len(r.RequestHead) + len(r.ResponseHead)
}

// RecordRaw is Record for messages that are still in somebody's buffers; they come behind
// what e has of them. Nothing of it is kept.
func (j *Journal) RecordRaw(e *Entry, raw Raw) {
	if j == nil {
		return
	}
	j.hosted.mark(e)
	if j.shared != nil {
		j.shared.record(e, &raw)
		return
	}
	length, size := packed(e, &raw), e.size()+raw.size()
	j.mu.Lock()
	defer j.mu.Unlock()
	if room := j.room(length, size); room != nil {
		pack(room, e, &raw)
	}
	j.stir()
}

// room appends an entry of a length and returns where it goes, empty and with room for
// exactly that; nil: it is larger than all, and forgotten at once. The lock is held.
func (j *Journal) room(length, size int) []byte {
	r := &j.ring
	if r.octets == nil {
		r.claim(j.limits)
	}
	j.seq++
	for r.n > 0 && (r.n == len(r.slots) || r.size+size > j.limits.Bytes) {
		r.drop()
	}
	for {
		if room := r.put(length, size); room != nil {
			return room
		}
		if r.widen() {
			continue
		}
		if r.n == 0 {
			return nil
		}
		r.drop()
	}
}

// stir wakes who waits for entries. The lock is held.
func (j *Journal) stir() {
	select {
	case <-j.moved: // somebody else's wake-up is under way
	default:
		close(j.moved)
	}
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
	return j.show(j.raw(seq, m, max))
}

// show masks a page's entries.
func (j *Journal) show(p Page) Page {
	for i := range p.Entries {
		p.Entries[i] = j.mask.entry(p.Entries[i])
	}
	return p
}

// page is an empty page of what comes after seq.
func (j *Journal) page(seq uint64) Page {
	oldest := j.seq - uint64(j.ring.n) // number of the newest entry that is gone
	missed := seq < oldest && (oldest > j.base || seq > 0)
	if j.shared != nil && seq > j.seq { // of a log that went with an emptied store, or the store is away
		missed = true
	}
	return Page{Entries: []Entry{}, Last: j.seq, Dropped: oldest - j.base, Missed: missed}
}

// raw is Since without masking, for looking only.
func (j *Journal) raw(seq uint64, m Match, most int) Page {
	j.fresh()
	j.mu.Lock()
	p := j.page(seq)
	at := max(seq, j.seq-uint64(j.ring.n))
	j.mu.Unlock()
	j.learn(p.Last)
	for at < p.Last {
		texts, first, lost := j.after(at)
		p.Missed = p.Missed || lost
		for i, text := range texts {
			e := j.entry(text, first+uint64(i))
			if e.Seq > p.Last || !m.fits(&e) {
				continue
			}
			if most > 0 && len(p.Entries) == most {
				p.Last = p.Entries[most-1].Seq
				return p
			}
			p.Entries = append(p.Entries, j.entry(strings.Clone(text), e.Seq)) // text is a part of what holds many others
		}
		if at = first + uint64(len(texts)) - 1; len(texts) == 0 {
			break // cleared meanwhile
		}
	}
	return p
}

// after copies the first entries after number at. lost says that some were
// forgotten which at had still been followed by.
func (j *Journal) after(at uint64) (texts []string, first uint64, lost bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	gone := j.seq - uint64(j.ring.n)
	first = max(at, gone) + 1
	return j.ring.span(int(first-gone-1), batch), first, gone > max(at, j.base)
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
	j.fresh()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seq
}

// Dropped is how many entries have been forgotten for want of room.
func (j *Journal) Dropped() uint64 {
	if j == nil {
		return 0
	}
	j.fresh()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.page(j.seq).Dropped
}

// Clear forgets everything on purpose: what was there does not count as dropped.
// Numbers go on.
func (j *Journal) Clear() {
	if j == nil {
		return
	}
	if s := j.shared; s != nil {
		s.mu.Lock()
		s.pending = bundle{clears: true, Issued: s.pending.Issued} // and what is handed over next
		s.stir()
		s.mu.Unlock()
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.forget(j.seq)
}

// forget forgets what is there on purpose. The lock is held.
func (j *Journal) forget(base uint64) {
	for j.ring.n > 0 {
		j.ring.drop()
	}
	j.base = base
	j.shown.clear()
	j.sessions.clear()
}

// Scan shows every entry as it was recorded, secrets and all, oldest first: for
// the search for secrets, which must not hide them before it looks. What visit
// gets of an entry shares memory with many others: it keeps clones only.
func (j *Journal) Scan(visit func(e Entry)) {
	if j == nil {
		return
	}
	j.fresh()
	j.mu.Lock()
	last, at := j.seq, j.seq-uint64(j.ring.n)
	j.mu.Unlock()
	j.learn(last)
	for at < last {
		texts, first, _ := j.after(at)
		for i, text := range texts {
			visit(j.entry(text, first+uint64(i)))
		}
		if at = first + uint64(len(texts)) - 1; len(texts) == 0 {
			return // cleared meanwhile
		}
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
	j.fresh()
	j.mu.Lock()
	from := j.seq - uint64(min(n, j.ring.n))
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
	defer j.wait()()
	all := Page{Entries: []Entry{}}
	for {
		moved := j.next()
		p := j.raw(max(seq, all.Last), m, 0) // what is new since the last look
		p.Entries, p.Missed = append(all.Entries, p.Entries...), all.Missed || p.Missed
		if all = p; len(all.Entries) >= n {
			return j.show(all), nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return j.show(all), ctx.Err()
		}
	}
}
