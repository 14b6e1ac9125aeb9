// Package headtail keeps the beginning and the end of something long, and counts
// what is between them.
package headtail

// Buffer keeps values up to a size: the first ones in one half, the last ones in
// the other. The zero Buffer keeps nothing; make one with New.
type Buffer[T any] struct {
	half int
	size func(T) int

	head, tail         []T
	headSize, tailSize int
	sealed             bool // the head takes no more
	gone               int  // of tail: they were dropped already
	dropped            int
}

// New makes a buffer of a total size; size is that of one value.
func New[T any](limit int, size func(T) int) *Buffer[T] {
	return &Buffer[T]{half: limit / 2, size: size}
}

// Add keeps v, at the cost of an older one between head and tail if need be. It
// reports whether v belongs to the head, which stays.
func (b *Buffer[T]) Add(v T) (head bool) {
	n := b.size(v)
	if !b.sealed && b.headSize+n <= b.half {
		b.head, b.headSize = append(b.head, v), b.headSize+n
		return true
	}
	b.sealed = true
	b.tail, b.tailSize = append(b.tail, v), b.tailSize+n
	for b.tailSize > b.half && b.gone < len(b.tail) {
		var none T
		b.tailSize -= b.size(b.tail[b.gone])
		b.tail[b.gone] = none
		b.gone++
		b.dropped++
	}
	if b.gone > len(b.tail)/2 {
		b.tail = append(b.tail[:0:0], b.tail[b.gone:]...)
		b.gone = 0
	}
	return false
}

// Kept is what is there: the first ones, how many are missing behind them, and
// the last ones.
func (b *Buffer[T]) Kept() (head []T, missing int, tail []T) {
	return b.head, b.dropped, b.tail[b.gone:]
}
