package journal

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"sync/atomic"
)

// shown keeps entries as readers get them: masked, and as JSON. Each is made once,
// for whoever asks first, however many read. It holds what the journal holds, in
// no more octets than that.
type shown struct {
	mu    sync.Mutex
	slots []line // by number, modulo their count
	size  int
	low   uint64 // no older ones are kept
	sweep uint64 // of those below everything was swept

	asked  atomic.Bool // since the last Rest
	making sync.Mutex  // held by whoever makes lines
	made   atomic.Uint64
}

type line struct {
	seq  uint64
	text string
}

// get is the line of an entry, if it is there.
func (s *shown) get(seq uint64) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.slots) == 0 {
		return "", false
	}
	l := s.slots[seq%uint64(len(s.slots))]
	return l.text, l.seq == seq
}

// put keeps a line; oldest is the number of the oldest entry that the journal has.
func (s *shown) put(l line, oldest uint64, limits Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots == nil {
		s.slots = make([]line, limits.Entries)
	}
	s.low = max(s.low, oldest)
	s.forget(s.low)
	for s.size+len(l.text) > limits.Bytes && s.low < l.seq {
		s.low++
		s.forget(s.low)
	}
	if l.seq < s.low || s.size+len(l.text) > limits.Bytes {
		return
	}
	at := &s.slots[l.seq%uint64(len(s.slots))]
	s.size += len(l.text) - len(at.text)
	*at = l
}

// forget drops the lines below a number.
func (s *shown) forget(below uint64) {
	n := uint64(len(s.slots))
	if below > s.sweep+n {
		s.sweep = below - n
	}
	for ; s.sweep < below; s.sweep++ {
		if at := &s.slots[s.sweep%n]; at.seq <= s.sweep && at.text != "" {
			s.size -= len(at.text)
			*at = line{}
		}
	}
}

// clear drops everything.
func (s *shown) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slots, s.size = nil, 0
}

// Rest forgets what was made for readers if none has come since it was last called.
func (j *Journal) Rest() {
	if j != nil && !j.shown.asked.Swap(false) {
		j.shown.clear()
	}
}

// Lines are a part of a page: entries as JSON, masked.
type Lines struct {
	Seqs    []uint64
	Texts   []string
	Last    uint64 // ask again from here
	Newest  uint64 // number of the newest entry
	Dropped uint64 // entries forgotten since the start
	Missed  uint64 // entries after the asked number that were forgotten, all before those here
	Gap     Gap    // their numbers
}

// Gap are the numbers of entries that are missing; zero: none are.
type Gap struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Held are the numbers of the oldest and the newest entry on record, and of the first one
// since everything was forgotten on purpose. Without an entry oldest is above newest.
func (j *Journal) Held() (oldest, newest, begins uint64) {
	if j == nil {
		return 1, 0, 1
	}
	j.fresh()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seq - uint64(j.ring.n) + 1, j.seq, j.base + 1
}

// Bounds of one answer of Lines: lines, their octets, and entries that are looked at
// for those that match.
const (
	mostLines  = 16 // a reader that is slow holds so many, and there may be thousands
	mostOctets = 16 << 10
	mostLooked = 1024
)

// Lines returns entries after number seq that match, oldest first, some at a time:
// all are read when Last is Newest. What it costs in memory does not depend on how
// much there is to read.
func (j *Journal) Lines(seq uint64, m Match) Lines {
	if j == nil {
		return Lines{Last: seq}
	}
	j.fresh()
	j.shown.asked.Store(true)
	j.mu.Lock()
	gone := j.seq - uint64(j.ring.n)
	out := Lines{Newest: j.seq, Dropped: gone - j.base}
	if at := max(seq, j.base); at < gone {
		out.Missed, out.Gap = gone-at, Gap{at + 1, gone}
	} else if j.shared != nil && seq > j.seq { // of a log that went with an emptied store, or the store is away
		out.Missed, out.Gap = seq-j.seq, Gap{j.seq + 1, seq}
	}
	out.Last = min(max(seq, gone), out.Newest)
	j.mu.Unlock()
	if m != (Match{}) {
		j.turn <- struct{}{}
		defer func() { <-j.turn }()
	}
	size, looked := 0, 0
	if m.needsSession() {
		j.learn(out.Newest)
	}
	for out.Last < out.Newest && len(out.Seqs) < mostLines && size < mostOctets {
		if m == (Match{}) { // most often: nothing needs to be looked at that is there already
			if text, ok := j.shown.get(out.Last + 1); ok {
				out.Last++
				out.Seqs, out.Texts = append(out.Seqs, out.Last), append(out.Texts, text)
				size += len(text)
				continue
			}
		}
		if looked >= mostLooked {
			break
		}
		texts, first := j.some(out.Last)
		looked += len(texts)
		if len(texts) == 0 { // cleared meanwhile
			out.Last = out.Newest
			break
		}
		if lost := first - out.Last - 1; lost > 0 { // forgotten meanwhile
			if len(out.Seqs) > 0 {
				return out // what comes next says so
			}
			if out.Missed == 0 {
				out.Gap.From = out.Last + 1
			}
			out.Missed, out.Gap.To = out.Missed+lost, first-1
			out.Last = first - 1
		}
		for i, packed := range texts {
			e := j.entry(packed, first+uint64(i))
			if e.Seq > out.Newest || len(out.Seqs) >= mostLines || size >= mostOctets {
				return out
			}
			if out.Last = e.Seq; !m.fits(&e) {
				continue
			}
			text := j.line(&e)
			out.Seqs, out.Texts = append(out.Seqs, e.Seq), append(out.Texts, text)
			size += len(text)
		}
	}
	return out
}

// some copies a few of the entries after number at, for one of many readers.
func (j *Journal) some(at uint64) (texts []string, first uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	gone := j.seq - uint64(j.ring.n)
	first = max(at, gone) + 1
	return j.ring.span(int(first-gone-1), batch/8), first
}

// line is an entry as readers get it.
func (j *Journal) line(e *Entry) string {
	if text, ok := j.shown.get(e.Seq); ok {
		return text
	}
	j.shown.making.Lock()
	defer j.shown.making.Unlock()
	if text, ok := j.shown.get(e.Seq); ok { // somebody else was quicker
		return text
	}
	j.learn(e.Seq)
	j.sessions.tell(e)
	text, err := json.Marshal(j.mask.entry(*e))
	if err != nil { // strings, numbers and times: it cannot
		return `{"seq":` + strconv.FormatUint(e.Seq, 10) + `}`
	}
	j.mu.Lock()
	oldest := j.seq - uint64(j.ring.n) + 1
	j.mu.Unlock()
	j.shown.made.Add(1)
	j.shown.put(line{e.Seq, string(text)}, oldest, j.limits)
	return string(text)
}

// MaskedEntries is how many entries have been made readable so far: one for each that
// somebody wanted to read, however many did, as long as there are readers at all.
func (j *Journal) MaskedEntries() uint64 {
	if j == nil {
		return 0
	}
	return j.shown.made.Load()
}

// Moved waits until there is an entry after seq, whatever it is, or for the end of
// ctx, whose error it then returns.
func (j *Journal) Moved(ctx context.Context, seq uint64) error {
	if j == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	defer j.wait()()
	for {
		moved := j.next()
		if j.Recorded() > seq {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Count is how many entries after seq match, and where to go on counting. Whoever
// counts takes turns with others, and stops at the end of ctx.
func (j *Journal) Count(ctx context.Context, seq uint64, m Match) (found int, last uint64) {
	if j == nil {
		return 0, seq
	}
	j.fresh()
	for {
		select {
		case j.turn <- struct{}{}:
		case <-ctx.Done():
			return found, seq
		}
		texts, first := j.some(seq)
		if len(texts) > 0 && m.needsSession() {
			j.learn(first + uint64(len(texts)) - 1)
		}
		for i, packed := range texts {
			if e := j.entry(packed, first+uint64(i)); m.fits(&e) {
				found++
			}
		}
		<-j.turn
		if len(texts) == 0 {
			return found, max(seq, first-1)
		}
		seq = first + uint64(len(texts)) - 1
	}
}

// next is closed when there is a new entry.
func (j *Journal) next() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case <-j.moved:
		j.moved = make(chan struct{})
	default:
	}
	return j.moved
}

// learn looks through all entries up to a number before any of them is shown: it takes
// the values at the places of secrets, and finds the session that each belongs to.
func (j *Journal) learn(upTo uint64) {
	j.learning.Lock()
	defer j.learning.Unlock()
	j.mu.Lock()
	if j.learned > j.seq { // of a log that went with an emptied store
		j.learned = j.base
	}
	j.mu.Unlock()
	for j.learned < upTo {
		texts, first, _ := j.after(j.learned)
		for i, packed := range texts {
			e := unpack(packed, first+uint64(i))
			if j.mask != nil && len(j.mask.Places) > 0 {
				j.mask.learn(&e)
			}
			j.sessions.add(&e, j.actor(&e), j.limits.Entries)
		}
		if len(texts) == 0 {
			break // cleared
		}
		j.learned = first + uint64(len(texts)) - 1
	}
}

// actor is the person who acted in an entry; "" for a client, or nobody.
func (j *Journal) actor(e *Entry) string {
	if e.Actor == "" || j.Acts == nil {
		return ""
	}
	person, is := j.Acts(e.Actor)
	if !is {
		return ""
	}
	return person
}

// entry is one that is packed, with the session that it belongs to as far as it was
// looked at.
func (j *Journal) entry(packed string, seq uint64) Entry {
	e := unpack(packed, seq)
	j.sessions.tell(&e)
	return e
}
