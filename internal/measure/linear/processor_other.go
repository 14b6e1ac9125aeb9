//go:build !linux

package linear

import "time"

// processor is how much time has passed: what there is everywhere.
func processor() time.Duration { return time.Duration(time.Now().UnixNano()) }
