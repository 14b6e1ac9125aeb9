package journal

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"time"
)

// ring keeps entries as octets in one piece of memory, the oldest giving way to
// the newest: thousands of entries are no work for the garbage collector, and
// recording one is a copy. The memory is claimed as a whole at the first entry,
// but used, and so provided by the system, only as far as it is needed.
type ring struct {
	octets  []byte
	end     int    // of what is used of octets
	slots   []slot // of the entries, oldest at head
	head, n int
	size    int // of all entries, as Limits count it
}

// narrow is how much of its memory a ring uses at first.
const narrow = 256 << 10

// claim makes the ring ready for entries within l.
func (r *ring) claim(l Limits) {
	r.octets, r.slots = make([]byte, l.Bytes), make([]slot, l.Entries)
	r.end = min(narrow, l.Bytes)
}

// slot is where an entry stands.
type slot struct {
	at, length int
	size       int
}

// put appends an entry of a length and returns where it goes, empty and with room
// for exactly that; nil means that what is used has no room for it.
func (r *ring) put(length, size int) []byte {
	at, ok := r.room(length)
	if !ok {
		return nil
	}
	r.slots[(r.head+r.n)%len(r.slots)] = slot{at, length, size}
	r.n++
	r.size += size
	return r.octets[at : at : at+length]
}

// room is where n octets can go: behind the newest entry, or before all others
// if that is too near the end.
func (r *ring) room(n int) (at int, ok bool) {
	if r.n == 0 {
		return 0, n <= r.end
	}
	oldest, newest := r.slot(0), r.slot(r.n-1)
	at = newest.at + newest.length
	switch {
	case newest.at < oldest.at:
		return at, at+n <= oldest.at
	case at+n <= r.end:
		return at, true
	}
	return 0, n <= oldest.at
}

// widen uses twice as much of the memory; false means that all of it is in use.
func (r *ring) widen() bool {
	more := min(r.end, len(r.octets)-r.end)
	if r.n > 0 && r.slot(r.n-1).at < r.slot(0).at { // the newest have come round: the oldest make room for them
		from := r.slot(0).at
		copy(r.octets[from+more:r.end+more], r.octets[from:r.end])
		for i := range r.n {
			if s := &r.slots[(r.head+i)%len(r.slots)]; s.at >= from {
				s.at += more
			}
		}
	}
	r.end += more
	return more > 0
}

func (r *ring) drop() {
	r.size -= r.slots[r.head].size
	r.head = (r.head + 1) % len(r.slots)
	r.n--
}

func (r *ring) slot(i int) slot { return r.slots[(r.head+i)%len(r.slots)] }

// span copies entries from the i-th on, as many as are about so many octets.
func (r *ring) span(i, octets int) []string {
	var text strings.Builder
	var ends []int
	for ; i < r.n && text.Len() < octets; i++ {
		s := r.slot(i)
		text.Write(r.octets[s.at : s.at+s.length])
		ends = append(ends, text.Len())
	}
	out, from := make([]string, len(ends)), 0
	for i, end := range ends {
		out[i], from = text.String()[from:end], end
	}
	return out
}

// batch is how many octets a reader copies while writers wait.
const batch = 64 << 10

// exact is what an entry's numbers take.
const exact = 8 + 4 + 8

// packed is how long an entry becomes with what is in buffers.
func packed(e *Entry, raw *Raw) int {
	n := exact
	for _, length := range [...]int{len(e.Server), len(e.Port), len(e.Peer), len(e.Op), len(e.Actor), len(e.Object), len(e.Outcome), len(e.Status),
		len(e.Why), len(e.Cause), len(e.Broken), len(e.Feature), len(e.Replica), len(e.Session), len(e.Person), len(e.Request) + len(raw.Request), len(e.Response) + len(raw.Response),
		len(e.RequestHead) + len(raw.RequestHead), len(e.ResponseHead) + len(raw.ResponseHead)} {
		n += (bits.Len(uint(length|1))+6)/7 + length
	}
	for _, s := range e.Faults {
		n += (bits.Len(uint(len(s)|1))+6)/7 + len(s)
	}
	return n
}

// pack appends an entry to b. Its number is not kept: it follows from its place.
func pack(b []byte, e *Entry, raw *Raw) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(e.At.Unix()))
	b = binary.LittleEndian.AppendUint32(b, uint32(e.At.Nanosecond()))
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Took))
	for _, s := range [...]string{e.Server, e.Port, e.Peer, e.Op, e.Actor, e.Object, e.Outcome, e.Status, e.Why, e.Cause, e.Broken, e.Feature, e.Replica, e.Session, e.Person} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	for _, m := range [...]struct {
		text string
		more []byte
	}{{e.Request, raw.Request}, {e.Response, raw.Response}, {e.RequestHead, raw.RequestHead}, {e.ResponseHead, raw.ResponseHead}} {
		b = append(append(binary.AppendUvarint(b, uint64(len(m.text)+len(m.more))), m.text...), m.more...)
	}
	for _, s := range e.Faults {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

// unpack is the entry that pack wrote. Its texts are parts of text.
func unpack(text string, seq uint64) Entry {
	var head [exact]byte
	text = text[copy(head[:], text):]
	next := func() string {
		n, at := 0, 0
		for shift := 0; ; shift += 7 {
			c := text[at]
			at++
			if n |= int(c&0x7f) << shift; c < 0x80 {
				break
			}
		}
		s := text[at : at+n]
		text = text[at+n:]
		return s
	}
	e := Entry{Seq: seq, Took: time.Duration(binary.LittleEndian.Uint64(head[12:])),
		At: time.Unix(int64(binary.LittleEndian.Uint64(head[:])), int64(binary.LittleEndian.Uint32(head[8:]))).UTC()}
	for _, s := range [...]*string{&e.Server, &e.Port, &e.Peer, &e.Op, &e.Actor, &e.Object, &e.Outcome, &e.Status, &e.Why, &e.Cause, &e.Broken, &e.Feature, &e.Replica, &e.Session, &e.Person, &e.Request, &e.Response,
		&e.RequestHead, &e.ResponseHead} {
		*s = next()
	}
	for text != "" {
		e.Faults = append(e.Faults, next())
	}
	return e
}
