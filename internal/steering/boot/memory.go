package boot

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much the runtime lets garbage grow. By itself it would let it grow to as much
// again as is in use, which in a storm of clients is much more than they need.
const (
	limitEvery = 200 * time.Millisecond
	beside     = 8 << 20   // octets of garbage beside what is in use
	shares     = 3 << 20   // of them at most are taken back where administering takes more than usual
	usual      = 8 << 20   // octets that a process takes for that which has seen no storm, and an eighth of what is in use
	much       = 128 << 20 // in use: of what is more than this, a quarter may be garbage besides
	manyLeft   = 500       // connections that have gone, and are more than half: what they had is collected at once
)

// How a process gives memory back that a storm of clients has left behind. The
// runtime keeps it for the next one, and returns it a little at a time at most.
const (
	lookEvery   = 5 * time.Second
	returnEvery = 20 * time.Second // at least this long between two returns
	forgetEvery = time.Minute      // until what nobody has read again is forgotten
	worth       = 6 << 20          // octets that are returned are at least so many
	calm        = 1 << 20          // octets a second allocated by a process that rests
)

// LimitMemory has the runtime collect garbage in time, so that memory follows what
// is in use and the number of connections, until ctx ends. open tells that number.
// Commands that serve for long run it beside what they serve.
func LimitMemory(ctx context.Context, open func() int) {
	t := time.NewTicker(limitEvery)
	defer t.Stop()
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	room := newRoom()
	set, most := int64(0), 0 // most: connections since the last collection for them
	for {
		n := open()
		if most = max(most, n); n < most/2 && most-n >= manyLeft {
			runtime.GC()
			most = n
		}
		limit := min(room.limit(), before)
		if limit > set+set/32 || limit < set-set/32 { // to set it stops the world for a moment
			debug.SetMemoryLimit(limit)
			set = limit
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// room tells how much memory the runtime may take.
type room []metrics.Sample

func newRoom() room {
	return room{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
}

// limit is what is in use, what the runtime needs to administer it (in a process that
// has seen ten thousand clients a third of the whole: a limit without that leaves no
// room for garbage, and the collector never rests), and some garbage: less where clients
// that are gone have left more to administer than a process of that size needs.
func (r room) limit() int64 {
	metrics.Read(r)
	at := func(i int) int64 { return int64(r[i].Value.Uint64()) }
	live, stacks := at(0), at(1)
	administers := at(2) - at(3) - at(4) - at(5) - stacks
	return administers + live + stacks + beside - min(shares, max(0, administers-usual-(live+stacks)/8)/2) + max(0, live+stacks-much)/4
}

// ReturnMemory gives memory back to the system when the process is at rest, and what
// nothing asks for of the program's file in any case, until ctx ends; before that it calls
// rest, which lets go what can be made again. Commands that serve for long run it beside
// what they serve.
func ReturnMemory(ctx context.Context, rest func()) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	used := func() uint64 { return sample[3].Value.Uint64() + sample[5].Value.Uint64() }
	var allocated, floor uint64 // floor is what was in use after the last return
	returned, rested, text := time.Now(), time.Now(), time.Now()
	returnText() // what only starting has needed; not worth a word if it fails
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		// Each sort of work reads other parts of the program's own file, and clients that
		// come one after the other would add them up. It costs a millisecond.
		if time.Since(text) >= returnEvery {
			returnText()
			text = time.Now()
		}
		if time.Since(rested) >= forgetEvery {
			rest()
			rested = time.Now()
		}
		metrics.Read(sample)
		grown := sample[0].Value.Uint64() - allocated
		allocated = sample[0].Value.Uint64()
		spare := sample[1].Value.Uint64() + sample[2].Value.Uint64()
		if garbage := int64(sample[3].Value.Uint64()) - int64(sample[4].Value.Uint64()); garbage > 0 {
			spare += uint64(garbage)
		}
		resting := grown < calm*uint64(lookEvery/time.Second) && time.Since(returned) >= returnEvery
		// What clients left counts as in use until the next collection, two minutes later
		// when nothing happens; so growth since the last return is a reason, too.
		if resting && (spare >= worth || used() > floor+floor/4+worth) {
			debug.FreeOSMemory()
			returned = time.Now()
			metrics.Read(sample)
			floor = used()
		}
	}
}
