package seed_test

import (
	"runtime"
	"testing"

	"counterpart/internal/world"
	"counterpart/seed"
	"counterpart/seed/worlds"
)

// BenchmarkLoad100k is the load of a hundred thousand generated people, and what
// the index over them adds.
func BenchmarkLoad100k(b *testing.B) {
	src := open(b, "load")
	opt := seed.Options{Now: now, FS: worlds.FS}
	b.Run("load", func(b *testing.B) {
		var s *seed.Seed
		before := heap()
		for b.Loop() {
			s, _ = seed.Load("load.yaml", src, opt)
		}
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB-live")
		runtime.KeepAlive(s)
	})
	b.Run("load+index", func(b *testing.B) {
		var w *world.World
		before := heap()
		for b.Loop() {
			s, err := seed.Load("load.yaml", src, opt)
			if err != nil {
				b.Fatal(err)
			}
			if w, err = world.New(s.Facts); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB-live")
		runtime.KeepAlive(w)
	})
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
