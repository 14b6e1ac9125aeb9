package boot_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"counterpart/internal/steering/boot"
)

// TestWhatManyClientsHadIsCollectedWhenTheyLeave, and a few leave unnoticed.
func TestWhatManyClientsHadIsCollectedWhenTheyLeave(t *testing.T) {
	collections := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumForcedGC
	}
	var open, looks atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		boot.LimitMemory(ctx, func() int { looks.Add(1); return int(open.Load()) })
	})
	defer wg.Wait()
	defer stop()
	seen := func(n int64) {
		t.Helper()
		open.Store(n)
		at := looks.Load()
		until(t, "somebody looks", func() bool { return looks.Load() > at+1 })
	}
	seen(3000)
	before := collections()
	seen(2900)
	seen(1600)
	if n := collections(); n != before {
		t.Errorf("%d collections for those who stay", n-before)
	}
	seen(1000)
	if n := collections(); n != before+1 {
		t.Errorf("%d collections for 2,000 that have left", n-before)
	}
	seen(700)
	seen(0)
	if n := collections(); n != before+2 {
		t.Errorf("%d collections in all", n-before)
	}
	seen(400)
	seen(0)
	if n := collections(); n != before+2 {
		t.Errorf("%d collections, the last for 400", n-before)
	}
}
