package vault

import (
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"
)

// buffers are used for one body after the other.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// requestIDs are the identifiers of answers: a counter that is stirred, because
// every answer has one and nothing depends on it being secret.
type requestIDs struct {
	key  [2]uint64
	next atomic.Uint64
}

// start lets the identifiers follow from random.
func (r *requestIDs) start(random io.Reader) {
	binary.Read(random, binary.LittleEndian, &r.key)
}

// append appends the next one, in the form of a version 4 UUID.
func (r *requestIDs) append(b []byte) []byte {
	n := r.next.Add(1)
	var id [16]byte
	binary.LittleEndian.PutUint64(id[:], stir(n^r.key[0]))
	binary.LittleEndian.PutUint64(id[8:], stir(n+r.key[1]))
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	var text [36]byte
	at := 0
	for i, x := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text[at] = '-'
			at++
		}
		text[at], text[at+1] = hexDigits[x>>4], hexDigits[x&15]
		at += 2
	}
	return append(b, text[:]...)
}

const hexDigits = "0123456789abcdef"

// stir is the finaliser of splitmix64 (Steele and others, 2014).
func stir(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
