package world

import (
	"hash/maphash"
	"runtime"
	"slices"
	"sync"
)

// Lookup leads from texts back to the numbers that they follow from: from an
// identifier that a vendor makes of a person's name to the person. It keeps eight
// octets for each number, and makes a text again to be sure.
type Lookup struct {
	of   func(i int) string
	seed maphash.Seed
	runs []uint64 // hash of the text and number, sorted
}

// NewLookup asks of for the texts of all numbers below n, several at a time.
func NewLookup(n int, of func(i int) string) *Lookup {
	l := &Lookup{of: of, seed: maphash.MakeSeed(), runs: make([]uint64, n)}
	var parts sync.WaitGroup
	part := max((n+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0), 1)
	for from := 0; from < n; from += part {
		parts.Go(func() {
			for i := from; i < min(from+part, n); i++ {
				l.runs[i] = l.hash(of(i)) | uint64(i)
			}
		})
	}
	parts.Wait()
	slices.Sort(l.runs)
	return l
}

func (l *Lookup) hash(text string) uint64 { return maphash.String(l.seed, text) >> 32 << 32 }

// Find is the number that a text follows from, the highest if there are several.
func (l *Lookup) Find(text string) (i int, ok bool) {
	h := l.hash(text)
	at, _ := slices.BinarySearch(l.runs, h|(1<<32-1))
	for at = min(at, len(l.runs)-1); at >= 0 && l.runs[at]>>32 >= h>>32; at-- {
		if i := int(uint32(l.runs[at])); l.runs[at]>>32 == h>>32 && l.of(i) == text {
			return i, true
		}
	}
	return 0, false
}
