package load

import (
	"time"

	"counterpart/internal/serving/journal"
)

// A series has so many intervals. When they are full each two become one, so that its
// memory is the same for a minute and for a week.
const (
	intervals = 120
	narrowest = time.Second
)

// sketch is a histogram that takes little memory, in the buckets of the fleet's own times.
type sketch struct {
	n       uint32
	buckets [journal.Buckets]uint32
}

func (s *sketch) add(d time.Duration) {
	s.n++
	s.buckets[journal.Bucket(d)]++
}

func (s *sketch) merge(o *sketch) {
	s.n += o.n
	for i, n := range o.buckets {
		s.buckets[i] += n
	}
}

// at is a percentile in milliseconds; 0 of none.
func (s *sketch) at(percent float64) float64 {
	left := int64(float64(s.n)*percent/100 + 0.999999)
	if s.n == 0 {
		return 0
	}
	for i, n := range s.buckets {
		if left -= int64(n); left <= 0 && n > 0 {
			return ms(journal.BucketEnd(i).Microseconds())
		}
	}
	return 0
}

// point is one interval.
type point struct {
	answered, intended, failed, refused int64
	inFlight                            int64
	felt, wire                          *sketch
}

// series is how something went, by when it was intended.
type series struct {
	width  time.Duration
	points []point
}

func newSeries() *series { return &series{width: narrowest} }

// point is that of a moment, from the start of the run.
func (s *series) point(at time.Duration) *point {
	for int(at/s.width) >= intervals {
		s.halve()
	}
	for i := int(at / s.width); len(s.points) <= i; {
		s.points = append(s.points, point{})
	}
	return &s.points[int(at/s.width)]
}

// halve makes one interval of each two.
func (s *series) halve() {
	out := make([]point, 0, intervals)
	for i := 0; i < len(s.points); i += 2 {
		p := s.points[i]
		if i+1 < len(s.points) {
			p.join(s.points[i+1])
		}
		out = append(out, p)
	}
	s.points, s.width = out, 2*s.width
}

// join adds the next interval.
func (p *point) join(o point) {
	p.answered, p.intended, p.failed, p.refused = p.answered+o.answered, p.intended+o.intended, p.failed+o.failed, p.refused+o.refused
	p.inFlight = o.inFlight
	p.felt, p.wire = joined(p.felt, o.felt), joined(p.wire, o.wire)
}

func joined(a, b *sketch) *sketch {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	a.merge(b)
	return a
}

// widen makes the series as coarse as another one of the same run.
func (s *series) widen(width time.Duration) {
	for s.width < width {
		s.halve()
	}
}

func (p *point) record(o observation) {
	p.answered++
	switch {
	case o.failed():
		p.failed++
	case o.refused():
		p.refused++
	}
	if !o.timed() {
		return
	}
	if p.felt == nil {
		p.felt, p.wire = &sketch{}, &sketch{}
	}
	p.felt.add(o.answered.Sub(o.intended))
	if !o.sent.IsZero() {
		p.wire.add(o.answered.Sub(o.sent))
	}
}
