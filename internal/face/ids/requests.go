package ids

import (
	"encoding/binary"
	"io"
	"sync/atomic"
)

// Requests are the identifiers of answers, X-Request-Id and the like: a counter that is
// stirred, because every answer has one and nothing depends on it being secret. It is
// safe for concurrent use, and costs no more than the counter.
type Requests struct {
	key  [2]uint64
	next atomic.Uint64
}

// Start lets the identifiers follow from 16 octets of r. It is called before any other.
func (q *Requests) Start(r io.Reader) {
	binary.Read(r, binary.LittleEndian, &q.key)
}

// AppendUUID appends the next one, in the form of a version 4 UUID.
func (q *Requests) AppendUUID(b []byte) []byte {
	n := q.next.Add(1)
	var id [16]byte
	binary.LittleEndian.PutUint64(id[:], stir(n^q.key[0]))
	binary.LittleEndian.PutUint64(id[8:], stir(n+q.key[1]))
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return dashed(b, id)
}

// stir is the finaliser of splitmix64 (Steele and others, 2014).
func stir(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
