package core

import (
	"time"
)

// moment is a clock that stands: a request looks at the fleet's once, when it may
// act, and reckons everything from that look. Two looks would differ, and what is
// granted for a minute would be shown as 59 seconds.
type moment struct{ at time.Time }

// Now is the moment.
func (m moment) Now() time.Time { return m.at }

// left is how many seconds are left until end, as the server reckons them: from the
// nearest full second.
func (m moment) left(end time.Time) int64 {
	return int64(end.Sub(m.at.Round(time.Second)) / time.Second)
}

// wholeSeconds is a length of time without the part of a second that two looks at
// the clock have cost.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// GoDuration writes a duration as the engine does: 0s, 3h0m0s.
func GoDuration(d time.Duration) string { return d.String() }
