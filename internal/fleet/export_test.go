package fleet

import "time"

// HurryBodies sets the time-out of bodies and returns what sets it back.
func HurryBodies(d time.Duration) (back func()) {
	was := bodyTimeout
	bodyTimeout = d
	return func() { bodyTimeout = was }
}
