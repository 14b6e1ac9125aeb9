package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state/disk"
)

// full is a folder whose file has some pages of everything: several tables, long and
// short values, free pages, deep enough to branch.
func full(t testing.TB) (dir string, text []byte) {
	dir = t.TempDir()
	for range 2 {
		s, err := disk.Open(dir, disk.Options{Clock: clock.Frozen(noon)})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 600 {
			put(t.Context(), s, "many", fmt.Sprintf("key %d", i), strings.Repeat("v", 40), time.Time{})
		}
		for _, name := range []string{"a", "b", "c"} {
			put(t.Context(), s, name, "one", "1", time.Time{})
			put(t.Context(), s, name, strings.Repeat("long", 1000), strings.Repeat("v", 20_000), noon.Add(time.Hour))
		}
		s.Table("b").Drop(t.Context(), "")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, disk.File))
	if err != nil {
		t.Fatal(err)
	}
	return dir, text
}

// refused wants an error that names the file and, when there is one, wraps another.
func refused(t *testing.T, dir string, want error) {
	t.Helper()
	s, err := disk.Open(dir, disk.Options{Clock: clock.Frozen(noon)})
	if err == nil {
		s.Close()
		t.Fatal("it opens")
	}
	if want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v, want %v and the name of the file", err, want)
	}
}

func TestDamagedFiles(t *testing.T) {
	dir, good := full(t)
	path := filepath.Join(dir, disk.File)
	page := os.Getpagesize()
	for name, bad := range map[string][]byte{
		"empty":                 {},
		"text":                  []byte("this is no data file\n"),
		"zeros":                 make([]byte, len(good)),
		"cut in the first page": good[:100],
		"cut after a page":      good[:page],
		"cut after two pages":   good[:2*page],
		"cut in the middle":     good[:len(good)/2],
		"no first pages":        append(make([]byte, 2*page), good[2*page:]...),
		"all else zeros":        append(bytes.Clone(good[:2*page]), make([]byte, len(good)-2*page)...),
		"all else ones":         append(bytes.Clone(good[:2*page]), bytes.Repeat([]byte{255}, len(good)-2*page)...),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, disk.ErrDamaged)
			if now, _ := os.ReadFile(path); !bytes.Equal(now, bad) {
				t.Error("the file was changed")
			}
		})
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	closed(t, open(t, dir, disk.Options{}))
}

// TestOverwrittenPages: of a file in which pages were swapped, copied, or filled with
// noise, either nothing that counts was hit, or it is refused.
func TestOverwrittenPages(t *testing.T) {
	dir, good := full(t)
	path := filepath.Join(dir, disk.File)
	page := os.Getpagesize()
	pages := len(good) / page
	r := rand.New(rand.NewPCG(12, 1))
	opened := 0
	const rounds = 400
	for n := range rounds {
		bad := bytes.Clone(good)
		a, b := r.IntN(pages), r.IntN(pages)
		switch n % 4 {
		case 0:
			copy(bad[a*page:(a+1)*page], good[b*page:])
		case 1:
			for i := range page {
				bad[a*page+i] = byte(r.Uint32())
			}
		case 2:
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		case 3:
			bad[a*page+r.IntN(200)] = byte(r.Uint32())
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := disk.Open(dir, disk.Options{Clock: clock.Frozen(noon), Sync: disk.Never})
		if err != nil {
			if !errors.Is(err, disk.ErrDamaged) {
				t.Fatal(err)
			}
			continue
		}
		opened++
		for i := range 600 {
			if got := get(t, s, "many", fmt.Sprintf("key %d", i)); got != strings.Repeat("v", 40) {
				t.Fatalf("round %d: a record is %q", n, got)
			}
		}
		set(t, s, "many", "another", "x", time.Time{})
		closed(t, s)
	}
	t.Logf("%d of %d opened", opened, rounds)
	if opened == 0 || opened == rounds {
		t.Error("either all or none of them was refused")
	}
}

// TestOddPlaces: what is no file, and what may not be touched.
func TestOddPlaces(t *testing.T) {
	t.Run("a folder in its place", func(t *testing.T) {
		dir := t.TempDir()
		os.Mkdir(filepath.Join(dir, disk.File), 0o700)
		refused(t, dir, nil)
	})
	t.Run("a pipe in its place", func(t *testing.T) {
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, disk.File), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, nil)
	})
	t.Run("a file in place of the folder", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "f")
		os.WriteFile(dir, nil, 0o600)
		refused(t, dir, syscall.ENOTDIR)
	})
	t.Run("no permission", func(t *testing.T) {
		dir, _ := full(t)
		if err := os.Chmod(filepath.Join(dir, disk.File), 0); err != nil {
			t.Fatal(err)
		}
		asNobody(t, func() { refused(t, dir, fs.ErrPermission) })
	})
	t.Run("a folder of its own", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a", "b")
		closed(t, open(t, dir, disk.Options{}))
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 1 {
			t.Errorf("it has %v, %v", left, err)
		}
		if info, _ := os.Stat(filepath.Join(dir, disk.File)); info.Mode().Perm() != 0o600 {
			t.Errorf("others can read it: %v", info.Mode())
		}
	})
}

func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.Options{})
	refused(t, dir, disk.ErrInUse)
	if _, err := disk.Open(dir, disk.Options{Clock: clock.Frozen(noon)}); !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("%v does not say by whom", err)
	}
	set(t, s, "t", "k", "v", time.Time{})
	closed(t, s)
	if s = open(t, dir, disk.Options{}); get(t, s, "t", "k") != "v" {
		t.Error("it is gone")
	}
}

// TestFormats: a newer one is refused, and an older one is brought to that of today in
// one step, or not at all.
func TestFormats(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.Options{})
	set(t, s, "t", "k", "v", time.Time{})
	closed(t, s)
	rename := func(from, to string) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			tables := tx.Bucket([]byte("tables"))
			old := tables.Bucket([]byte("t" + from))
			next, err := tables.CreateBucket([]byte("t" + to))
			if err != nil {
				return err
			}
			next.Put([]byte("k"), nil)
			next.Delete([]byte("k"))
			if err := old.ForEach(func(k, v []byte) error { return nil }); err != nil {
				return err
			}
			return tables.DeleteBucket([]byte("t" + from))
		}
	}
	opt := disk.Options{Clock: clock.Frozen(noon)}
	no := errors.New("no")
	if _, err := disk.OpenChain(dir, opt, rename("t", "u"), func(*bolt.Tx) error { return no }); !errors.Is(err, no) || !strings.Contains(err.Error(), dir) {
		t.Fatal(err)
	}
	if s = open(t, dir, opt); get(t, s, "t", "k") != "v" {
		t.Error("an upgrade that failed has left something behind")
	}
	closed(t, s)
	ran := ""
	up := func(name string) func(*bolt.Tx) error { return func(*bolt.Tx) error { ran += name; return nil } }
	for _, steps := range []int{1, 3, 3} {
		chain := []func(*bolt.Tx) error{up("1"), up("2"), up("3")}[:steps]
		s, err := disk.OpenChain(dir, opt, chain...)
		if err != nil || get(t, s, "t", "k") != "v" {
			t.Fatal(err)
		}
		closed(t, s)
	}
	if ran != "123" {
		t.Errorf("steps ran: %s", ran)
	}
	refused(t, dir, disk.ErrNewer)
}
