package disk_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/disk"
)

// small is a file with little in it, so that the engine comes to all of it.
func small(f testing.TB, records int) []byte {
	dir := f.TempDir()
	s, err := disk.Open(dir, disk.Options{Clock: clock.Frozen(noon)})
	if err != nil {
		f.Fatal(err)
	}
	for i := range records {
		put(f.Context(), s, "t", strings.Repeat("k", i%50)+string(rune('a'+i%26)), strings.Repeat("v", i), noon.Add(time.Hour))
		put(f.Context(), s, "u", string(rune('a'+i)), "1", time.Time{})
	}
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, disk.File))
	if err != nil {
		f.Fatal(err)
	}
	return text
}

// FuzzOpen: whatever is in the file, it is opened or refused as damaged, with bounded
// memory; and what is opened can be used. With sealed the first pages have the right
// checksums, so that what they say is believed.
func FuzzOpen(f *testing.F) {
	few, many := small(f, 1), small(f, 100)
	for _, text := range [][]byte{few, many, few[:len(few)/2], {}, []byte("text")} {
		f.Add(text, false)
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text []byte, sealed bool) {
		if len(text) > 1<<20 {
			return
		}
		if sealed {
			text = bytes.Clone(text)
			disk.Sealed(text, os.Getpagesize())
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, disk.File), text, 0o600); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, err := disk.Open(dir, disk.Options{Clock: clock.Frozen(noon), Sync: disk.Never})
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20+64*uint64(len(text)) {
			t.Errorf("%d octets of a file took %d", len(text), got)
		}
		if err != nil {
			if !errors.Is(err, disk.ErrDamaged) && !errors.Is(err, disk.ErrNewer) || !strings.Contains(err.Error(), dir) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		names, err := s.Tables(t.Context(), "")
		if err != nil {
			t.Error(err)
		}
		for _, name := range append(names, "fresh") {
			s.Table(name).Keys(t.Context(), state.Range{})
			put(t.Context(), s, name, "fuzz", "x", time.Time{})
		}
		s.Close() // it may fail, but it must end
	})
}
