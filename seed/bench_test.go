package seed_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"counterpart/internal/company/world"
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

// BenchmarkLoadHandWritten is the load of seeds in which every person is
// written out, of 1, 2, 4, 8 and 12 MB.
func BenchmarkLoadHandWritten(b *testing.B) {
	for _, mb := range []int{1, 2, 4, 8, 12} {
		src := handWritten(mb * 1_000_000)
		b.Run(strconv.Itoa(mb)+"MB", func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if _, err := seed.Load("x.yaml", src, seed.Options{Now: now}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// handWritten is a seed of about so many octets.
func handWritten(size int) []byte {
	var b bytes.Buffer
	b.WriteString("version: 1\norganization: {name: Acme, domain: acme.test, netbios: ACME}\ngroups:\n  - name: staff\n  - name: vpn\nusers:\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `  - name: user%06d
    display_name: User Number %d
    email: user%06d@acme.test
    phone: "+1555%07d"
    password: Secret-%d
    groups: [staff, vpn]
    devices:
      - {id: u%d-totp, kind: totp, secret: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP, digits: 6, period: 30s}
      - {id: u%d-push, kind: push, approval: {policy: approve, delay: 1s}}
`, i, i, i, i, i, i, i)
	}
	return b.Bytes()
}
