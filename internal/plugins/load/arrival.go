package load

import (
	"math"
	"math/rand/v2"
	"time"

	"counterpart/internal/plugins/load/plan"
)

// segment is a time in which the rate changes evenly, or not at all.
type segment struct {
	length   float64 // seconds
	from, to float64 // journeys a second
	poisson  bool
}

// count is how many journeys begin within the first t seconds.
func (s segment) count(t float64) float64 { return s.from*t + (s.to-s.from)*t*t/(2*s.length) }

// when is the inverse of count.
func (s segment) when(n float64) float64 {
	slope := (s.to - s.from) / s.length
	if math.Abs(slope) < 1e-12 {
		return n / s.from
	}
	// n = from·t + slope·t²/2, of whose roots the first that is not negative counts. This form of
	// it loses no digits when slope is small.
	return 2 * n / (s.from + math.Sqrt(max(0, s.from*s.from+2*slope*n)))
}

// segments are the stages of a plan.
func segments(stages []plan.Stage) (out []segment) {
	add := func(s plan.Stage, length time.Duration, from, to float64) {
		if length > 0 {
			out = append(out, segment{length.Seconds(), from, to, s.Poisson})
		}
	}
	for _, s := range stages {
		switch {
		case s.Spike != nil:
			add(s, s.Spike.After, s.Rate, s.Rate)
			add(s, s.Spike.For, s.Spike.Rate, s.Spike.Rate)
			add(s, s.For-s.Spike.After-s.Spike.For, s.Rate, s.Rate)
		case s.Steps > 0:
			for i := range s.Steps {
				rate := s.Rate + (*s.To-s.Rate)*float64(i)/float64(s.Steps-1)
				add(s, s.For/time.Duration(s.Steps), rate, rate)
			}
		case s.To != nil:
			add(s, s.For, s.Rate, *s.To)
		default:
			add(s, s.For, s.Rate, s.Rate)
		}
	}
	return out
}

// arrival says when journeys begin. What has begun is counted as if it were a continuous
// thing, and a journey begins whenever the count has grown by one; where people come as they
// like, by a number of exponential distribution, which makes a Poisson process of any rate.
type arrival struct {
	segments []segment
	draw     *rand.Rand
	begin    float64 // of the first segment, in seconds from the start
	done     float64 // counted in it
}

func newArrival(stages []plan.Stage, draw *rand.Rand) *arrival {
	return &arrival{segments: segments(stages), draw: draw}
}

// next is when the next journey begins, from the start of the run; false: no more does.
func (a *arrival) next() (time.Duration, bool) {
	for left := -1.0; len(a.segments) > 0; {
		s := a.segments[0]
		if left < 0 {
			left = 1
			if s.poisson {
				left = a.draw.ExpFloat64()
			}
		}
		if all := s.count(s.length); a.done+left > all+1e-9 {
			left -= all - a.done // the rest of the gap goes on into the next segment
			a.begin += s.length
			a.segments, a.done = a.segments[1:], 0
			continue
		}
		a.done += left
		at := a.begin + min(s.when(a.done), s.length)
		return time.Duration(at * float64(time.Second)), true
	}
	return 0, false
}

// expected is how many journeys begin, about.
func expected(stages []plan.Stage) (n float64) {
	for _, s := range segments(stages) {
		n += s.count(s.length)
	}
	return n
}
