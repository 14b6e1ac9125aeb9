package disk_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/disk"
)

// disc is what a store writes to: it can be full, before anything is written or after
// everything is, and it can take its time.
type disc struct {
	full, late atomic.Bool
	hold       atomic.Pointer[chan struct{}] // nil: it does not wait
	reached    chan struct{}
}

func breakable(s *disk.Store) *disc {
	d := &disc{reached: make(chan struct{}, 1000)}
	s.Breaking(func(write func() error) error {
		select {
		case d.reached <- struct{}{}:
		default:
		}
		if h := d.hold.Load(); h != nil {
			<-*h
		}
		if d.full.Load() {
			return syscall.ENOSPC
		}
		err := write()
		if err == nil && d.late.Load() {
			err = syscall.EIO
		}
		return err
	})
	return d
}

// TestAFullDiskAlways: what cannot be written is refused and has not happened; everything
// else can be read; and when there is room again, all is as before.
func TestAFullDiskAlways(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("after the last octet: %v", late), func(t *testing.T) {
			dir := t.TempDir()
			c := clock.Frozen(noon)
			s := open(t, dir, disk.Options{Clock: c, Sync: disk.Always})
			d := breakable(s)
			set(t, s, "t", "k", "old", noon.Add(time.Hour))
			set(t, s, "t", "dropped/1", "1", time.Time{})
			d.full.Store(!late)
			d.late.Store(late)
			for range 2 {
				if err := put(t.Context(), s, "t", "k", "new", time.Time{}); !errors.Is(err, state.ErrUnavailable) {
					t.Errorf("a write: %v", err)
				}
				if err := put(t.Context(), s, "u", "fresh", "new", time.Time{}); !errors.Is(err, state.ErrUnavailable) {
					t.Errorf("a new record: %v", err)
				}
				if err := s.Table("t").Drop(t.Context(), "dropped/"); !errors.Is(err, state.ErrUnavailable) {
					t.Errorf("Drop: %v", err)
				}
				wantOld(t, s)
			}
			d.full.Store(false)
			d.late.Store(false)
			set(t, s, "v", "k", "works", time.Time{})
			wantOld(t, s)
			closed(t, s)
			s = open(t, dir, disk.Options{Clock: c})
			wantOld(t, s)
			if get(t, s, "v", "k") != "works" {
				t.Error("what was written afterwards is gone")
			}
		})
	}
}

func wantOld(t *testing.T, s state.Store) {
	t.Helper()
	r, err := s.Table("t").Get(t.Context(), "k")
	if err != nil || string(r.Value) != "old" || !r.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("k is %q until %v, %v", r.Value, r.Expires, err)
	}
	if got := get(t, s, "t", "dropped/1"); got != "1" {
		t.Errorf("what Drop could not drop is %q", got)
	}
	if keys, err := s.Table("u").Keys(t.Context(), state.Range{}); err != nil || len(keys) != 0 {
		t.Errorf("what could not be made: %q, %v", keys, err)
	}
}

// lines is a log.
type lines struct{ c chan string }

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.c <- string(p)
	return len(p), nil
}

func (l *lines) wait(t *testing.T, text string) {
	t.Helper()
	select {
	case line := <-l.c:
		if !strings.Contains(line, text) {
			t.Errorf("it says %s", line)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("it never says %s", text)
	}
}

// TestAFullDiskInterval: what was answered stays and is written when there is room again;
// until then nothing else is accepted.
func TestAFullDiskInterval(t *testing.T) {
	dir := t.TempDir()
	says := &lines{make(chan string, 10)}
	s := open(t, dir, disk.Options{Every: time.Millisecond, Log: slog.New(slog.NewTextHandler(says, nil))})
	d := breakable(s)
	set(t, s, "t", "a", "1", time.Time{})
	d.full.Store(true)
	set(t, s, "t", "b", "2", time.Time{}) // this one finds out
	says.wait(t, "cannot be written")
	err := put(t.Context(), s, "t", "c", "3", time.Time{})
	if !errors.Is(err, state.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a write: %v", err)
	}
	if get(t, s, "t", "a") != "1" || get(t, s, "t", "b") != "2" {
		t.Error("what was answered cannot be read")
	}
	d.full.Store(false)
	says.wait(t, "can be written again")
	set(t, s, "t", "d", "4", time.Time{})
	closed(t, s)
	s = open(t, dir, disk.Options{})
	for k, want := range map[string]string{"a": "1", "b": "2", "d": "4"} {
		if got := get(t, s, "t", k); got != want {
			t.Errorf("%s is %q", k, got)
		}
	}
}

// TestCloseSaysWhatIsLost: the last changes cannot be written.
func TestCloseSaysWhatIsLost(t *testing.T) {
	s := open(t, t.TempDir(), disk.Options{Every: time.Hour})
	breakable(s).full.Store(true)
	set(t, s, "t", "k", "v", time.Time{})
	if err := s.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
}

// TestNothingIsAnsweredThatACrashTakesBack: while a change is being written, whoever asks
// for what it changes waits, be it to read, to list, or to be refused because of it; if it
// fails, the answer is the one from before. Everybody else is answered.
func TestNothingIsAnsweredThatACrashTakesBack(t *testing.T) {
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprintf("it fails: %v", fails), func(t *testing.T) {
			s := open(t, t.TempDir(), disk.Options{Sync: disk.Always})
			d := breakable(s)
			set(t, s, "t", "k", "old", time.Time{})
			set(t, s, "u", "other", "old", time.Time{})
			for len(d.reached) > 0 {
				<-d.reached
			}
			hold := make(chan struct{})
			d.hold.Store(&hold)
			var all sync.WaitGroup
			var answered atomic.Int32
			ask := func(what string, f func() (got, wrong string)) {
				all.Go(func() {
					got, wrong := f()
					answered.Add(1)
					if got == wrong {
						t.Errorf("%s: %s", what, got)
					}
				})
			}
			want := map[bool]string{false: "old", true: "new"}[fails] // the wrong one
			var wrote error
			all.Go(func() { wrote = put(t.Context(), s, "t", "k", "new", time.Time{}) })
			<-d.reached
			taken := errors.New("taken")
			ask("Get", func() (string, string) { return get(t, s, "t", "k"), want })
			ask("Update", func() (string, string) {
				seen := ""
				s.Table("t").Update(t.Context(), "k", func(r state.Record) (state.Record, error) { seen = string(r.Value); return r, taken })
				return seen, want
			})
			ask("GetMany", func() (string, string) {
				r, err := s.Table("t").GetMany(t.Context(), []string{"x", "k"})
				if err != nil {
					return err.Error(), err.Error()
				}
				return string(r[1].Value), want
			})
			ask("Keys", func() (string, string) {
				s.Table("t").Keys(t.Context(), state.Range{})
				return "", "-"
			})
			ask("Tables", func() (string, string) {
				s.Tables(t.Context(), "")
				return "", "-"
			})
			if get(t, s, "u", "other") != "old" {
				t.Error("somebody else is not answered")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			if _, err := s.Table("t").Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("whoever cannot wait is told %v", err)
			}
			if n := answered.Load(); n > 0 {
				t.Errorf("%d were answered", n)
			}
			d.hold.Store(nil)
			d.full.Store(fails)
			close(hold)
			all.Wait()
			if errors.Is(wrote, state.ErrUnavailable) != fails {
				t.Errorf("the writer is told %v", wrote)
			}
		})
	}
}

// TestRacesOnAFailingDisk: counters under racing writers are never less than what was
// acknowledged, and never more than that and what was not.
func TestRacesOnAFailingDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.Options{Sync: disk.Always})
	d := breakable(s)
	var acked, unsure [4]atomic.Int64
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 200 {
				k := (w + i) % 4
				d.full.Store(i%7 == 3)
				d.late.Store(i%11 == 5)
				err := s.Table("t").Update(t.Context(), fmt.Sprint(k), func(r state.Record) (state.Record, error) {
					return state.Record{Value: append(r.Value[:len(r.Value):len(r.Value)], '.')}, nil
				})
				if err == nil {
					acked[k].Add(1)
				} else {
					unsure[k].Add(1)
				}
			}
		})
	}
	all.Wait()
	d.full.Store(false)
	d.late.Store(false)
	set(t, s, "t", "last", "x", time.Time{})
	check := func(s state.Store) {
		t.Helper()
		for k := range 4 {
			if n := int64(len(get(t, s, "t", fmt.Sprint(k)))); n != acked[k].Load() {
				t.Errorf("counter %d is %d after %d acknowledged and %d refused", k, n, acked[k].Load(), unsure[k].Load())
			}
		}
	}
	check(s)
	closed(t, s)
	check(open(t, dir, disk.Options{}))
}

// TestAFileThatGoesAway: somebody cuts the file off while it is in use. What is known can
// be read, nothing is accepted any more, and the process goes on and ends.
func TestAFileThatGoesAway(t *testing.T) {
	for _, sync := range []disk.Sync{disk.Always, disk.Interval} {
		t.Run(string(sync), func(t *testing.T) {
			dir, _ := full(t)
			says := &lines{make(chan string, 100)}
			s := open(t, dir, disk.Options{Sync: sync, Every: time.Millisecond, Log: slog.New(slog.NewTextHandler(says, nil))})
			path := filepath.Join(dir, disk.File)
			if err := os.Truncate(path, int64(2*os.Getpagesize())); err != nil {
				t.Fatal(err)
			}
			put(t.Context(), s, "a", "one", "2", time.Time{})
			says.wait(t, "cannot be written")
			for range 2 {
				if err := put(t.Context(), s, "a", "two", "2", time.Time{}); !errors.Is(err, state.ErrUnavailable) {
					t.Errorf("a write: %v", err)
				}
			}
			if got := get(t, s, "many", "key 1"); got != strings.Repeat("v", 40) {
				t.Errorf("a read: %q", got)
			}
			if err := s.Close(); err == nil {
				t.Errorf("Close: %v", err)
			}
			refused(t, dir, disk.ErrDamaged)
		})
	}
}

// TestASlowDisk: what waits to be written is bounded. Whoever wants to change more waits,
// as long as it can, and goes on when there is room.
func TestASlowDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.Options{})
	d := breakable(s)
	hold := make(chan struct{})
	d.hold.Store(&hold)
	value := strings.Repeat("v", 1<<20)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	n := 0
	var err error
	for ; n < 200; n++ {
		if err = put(ctx, s, "t", fmt.Sprint(n), value, time.Time{}); err != nil {
			break
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) || n > 100 {
		t.Errorf("after %d MiB: %v", n, err)
	}
	if got := get(t, s, "t", "0"); got != value {
		t.Error("a read does not go on")
	}
	d.hold.Store(nil)
	close(hold)
	set(t, s, "t", "last", value, time.Time{})
	closed(t, s)
	s = open(t, dir, disk.Options{})
	if keys, err := s.Table("t").Keys(t.Context(), state.Range{}); err != nil || len(keys) != n+1 {
		t.Errorf("%d records are there of %d, %v", len(keys), n+1, err)
	}
}
