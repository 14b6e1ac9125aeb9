package boot

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How a process gives memory back that a storm of clients has left behind. The
// runtime keeps it for the next one, and returns it a little at a time at most.
const (
	lookEvery = 5 * time.Second
	restEvery = 30 * time.Second // at least this long between two returns
	worth     = 8 << 20          // octets that are returned are at least so many
	calm      = 1 << 20          // octets a second allocated by a process that rests
)

// ReturnMemory gives memory back to the system when the process is at rest, until
// ctx ends. Commands that serve for long run it beside what they serve.
func ReturnMemory(ctx context.Context) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	var allocated uint64
	last := time.Now()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		metrics.Read(sample)
		grown := sample[0].Value.Uint64() - allocated
		allocated = sample[0].Value.Uint64()
		spare := sample[1].Value.Uint64() + sample[2].Value.Uint64()
		if garbage := int64(sample[3].Value.Uint64()) - int64(sample[4].Value.Uint64()); garbage > 0 {
			spare += uint64(garbage)
		}
		if grown < calm*uint64(lookEvery/time.Second) && spare >= worth && time.Since(last) >= restEvery {
			debug.FreeOSMemory()
			last = time.Now()
		}
	}
}
