package journal

import (
	"math/bits"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Buckets of the fine histograms: thirty-two for each power of two microseconds, up to 71
// minutes, so that a time is known to 3 %.
const (
	subBits = 5
	Buckets = (33 - subBits) << subBits
)

// Bucket is where a time counts; what is longer than all buckets is in the last one.
func Bucket(d time.Duration) int {
	us := max(d.Microseconds(), 0)
	if us < 1<<subBits {
		return int(us)
	}
	shift := bits.Len64(uint64(us)) - subBits - 1
	return min(shift<<subBits+int(us>>shift), Buckets-1)
}

// BucketEnd is the longest time of a bucket.
func BucketEnd(bucket int) time.Duration {
	us := int64(bucket)
	if bucket >= 2<<subBits {
		shift := bucket>>subBits - 1
		us = int64(1<<subBits+bucket%(1<<subBits)+1)<<shift - 1
	}
	return time.Duration(us) * time.Microsecond
}

// fine is a histogram of Buckets. Octaves in which nothing falls take no memory.
type fine struct {
	octaves [Buckets >> subBits]atomic.Pointer[[1 << subBits]atomic.Uint64]
}

func (f *fine) count(d time.Duration) {
	bucket := Bucket(d)
	at := &f.octaves[bucket>>subBits]
	octave := at.Load()
	if octave == nil {
		at.CompareAndSwap(nil, new([1 << subBits]atomic.Uint64))
		octave = at.Load()
	}
	octave[bucket%(1<<subBits)].Add(1)
}

// filled are the buckets that are not empty, in their order.
func (f *fine) filled() (out []Filled) {
	for i := range f.octaves {
		octave := f.octaves[i].Load()
		if octave == nil {
			continue
		}
		for k := range octave {
			if n := octave[k].Load(); n > 0 {
				out = append(out, Filled{uint16(i<<subBits + k), n})
			}
		}
	}
	return out
}

// Filled is a bucket with its count.
type Filled struct {
	Bucket uint16 `json:"b"`
	Count  uint64 `json:"n"`
}

// added are the buckets of two histograms together.
func added(a, b []Filled) []Filled {
	out := make([]Filled, 0, max(len(a), len(b)))
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Bucket < b[0].Bucket:
			out, a = append(out, a[0]), a[1:]
		case len(a) == 0 || b[0].Bucket < a[0].Bucket:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Filled{a[0].Bucket, a[0].Count + b[0].Count})
			a, b = a[1:], b[1:]
		}
	}
	return out
}

// OwnTimes are how long an operation of a server took, whatever came of it: from when the
// request was read to when it was answered.
type OwnTimes struct {
	Server, Op string
	Buckets    []Filled
}

// Times are those of all operations, in the order of servers and names.
func (c Counts) Times() (out []OwnTimes) {
	by := map[[2]string][]Filled{}
	for k, x := range c.Series {
		s := seriesOf(k)
		key := [2]string{s.Server, s.Op}
		by[key] = added(by[key], x.Fine)
	}
	for k, filled := range by {
		out = append(out, OwnTimes{k[0], k[1], filled})
	}
	slices.SortFunc(out, func(a, b OwnTimes) int {
		if n := strings.Compare(a.Server, b.Server); n != 0 {
			return n
		}
		return strings.Compare(a.Op, b.Op)
	})
	return out
}

// Count is how many operations there were.
func (t OwnTimes) Count() (n uint64) {
	for _, b := range t.Buckets {
		n += b.Count
	}
	return n
}

// At is a percentile: the longest time of the bucket that it is in.
func (t OwnTimes) At(percent float64) time.Duration {
	left := uint64(float64(t.Count())*percent/100 + 0.999999)
	for i, b := range t.Buckets {
		if b.Count >= left || i == len(t.Buckets)-1 {
			return BucketEnd(int(b.Bucket))
		}
		left -= b.Count
	}
	return 0
}
