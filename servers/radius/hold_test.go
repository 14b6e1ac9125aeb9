package radius_test

import (
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// testManyHolds: ten thousand pushes wait at once. Each costs a goroutine and a record, and all
// of them end when their time is over.
func testManyHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flow: password,push")
		const n = holds
		requests := make([]*request, n)
		for i := range requests {
			r := b.pap("bob", "Bob-Pass-1")
			r.from = netip.AddrPortFrom(nas.Addr(), uint16(10_000+i/200))
			requests[i] = r
		}
		before := memory()
		var answered atomic.Int64
		var wg sync.WaitGroup
		for _, r := range requests {
			wg.Go(func() {
				if out := b.raw("auth", r.from, r.bytes()); out != nil && out[0] == 3 {
					answered.Add(1)
				}
			})
		}
		synctest.Wait()
		used := (memory() - before) >> 20
		if used > holdsMiB {
			t.Errorf("%d holds take %d MiB", n, used)
		}
		t.Logf("%d holds take %d MiB", n, used)
		b.clock.Advance(time.Minute)
		wg.Wait()
		if answered.Load() != n {
			t.Errorf("%d of %d were rejected when nobody answered", answered.Load(), n)
		}
	})
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
