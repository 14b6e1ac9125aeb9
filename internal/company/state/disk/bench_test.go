package disk_test

import (
	"fmt"
	"testing"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/disk"
)

// BenchmarkUpdate is a change and a look at it, of one of a thousand records.
func BenchmarkUpdate(b *testing.B) {
	c := clock.New()
	for _, sync := range []disk.Sync{"memory", disk.Interval, disk.Never} {
		b.Run(string(sync), func(b *testing.B) {
			var s state.Store = state.NewMemory(c)
			if sync != "memory" {
				var err error
				if s, err = disk.Open(b.TempDir(), disk.Options{Clock: c, Sync: sync}); err != nil {
					b.Fatal(err)
				}
			}
			defer s.Close()
			t, value := s.Table("t"), make([]byte, 300)
			var keys []string
			for i := range 1000 {
				keys = append(keys, fmt.Sprintf("some/record/%d", i))
			}
			b.RunParallel(func(p *testing.PB) {
				for i := 0; p.Next(); i++ {
					key := keys[i%len(keys)]
					t.Update(b.Context(), key, func(r state.Record) (state.Record, error) { return state.Record{Value: value}, nil })
					t.Get(b.Context(), key)
				}
			})
		})
	}
}
