//go:build !linux

package linear

import "time"

var began = time.Now()

// processor is how much time has passed: what there is everywhere.
func processor() time.Duration { return time.Since(began) }
