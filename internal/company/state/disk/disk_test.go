package disk_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/disk"
	"counterpart/internal/company/state/statetest"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, opt disk.Options) *disk.Store {
	t.Helper()
	if opt.Clock == nil {
		opt.Clock = clock.Frozen(noon)
	}
	s, err := disk.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func set(t *testing.T, s state.Store, table, key, value string, expires time.Time) {
	t.Helper()
	if err := put(t.Context(), s, table, key, value, expires); err != nil {
		t.Fatal(err)
	}
}

func put(ctx context.Context, s state.Store, table, key, value string, expires time.Time) error {
	return s.Table(table).Update(ctx, key, func(state.Record) (state.Record, error) {
		return state.Record{Value: []byte(value), Expires: expires}, nil
	})
}

func get(t *testing.T, s state.Store, table, key string) string {
	t.Helper()
	r, err := s.Table(table).Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(r.Value)
}

func closed(t *testing.T, s *disk.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDisk(t *testing.T) {
	for _, sync := range []disk.Sync{disk.Always, disk.Interval, disk.Never} {
		t.Run(string(sync), func(t *testing.T) {
			statetest.Run(t, func(t *testing.T, c clock.Clock) state.Store {
				return open(t, t.TempDir(), disk.Options{Clock: c, Sync: sync, Every: time.Millisecond})
			})
		})
	}
}

// TestRemembers: what was there when a store was closed is there when it is opened again,
// whatever its key looks like, and nothing else is.
func TestRemembers(t *testing.T) {
	dir, c := t.TempDir(), clock.Frozen(noon)
	far := time.Date(9999, 12, 31, 0, 0, 0, 999, time.UTC)
	long := strings.Repeat("long", 20_000)
	s := open(t, dir, disk.Options{Clock: c})
	want := map[string]string{"": "empty key", "a": "1", "h" + strings.Repeat("x", 32): "2", "\x00\xff": "", long: "long", long + "2": strings.Repeat("v", 1<<20)}
	for k, v := range want {
		set(t, s, "t", k, v, time.Time{})
	}
	set(t, s, "t", "far", "far", far)
	set(t, s, "t", "soon", "soon", noon.Add(time.Minute))
	set(t, s, "t", "gone", "x", time.Time{})
	set(t, s, "other", "dropped/1", "x", time.Time{})
	set(t, s, "other", "kept", "x", time.Time{})
	set(t, s, "emptied", "x", "x", time.Time{})
	closed(t, s)
	s = open(t, dir, disk.Options{Clock: c})
	s.Table("t").Update(t.Context(), "gone", func(state.Record) (state.Record, error) { return state.Record{}, nil })
	s.Table("other").Drop(t.Context(), "dropped/")
	s.Table("emptied").Drop(t.Context(), "")
	closed(t, s)
	c.Advance(time.Minute)
	s = open(t, dir, disk.Options{Clock: c})
	for k, v := range want {
		r, err := s.Table("t").Get(t.Context(), k)
		if err != nil || r.Value == nil || string(r.Value) != v || !r.Expires.IsZero() {
			t.Errorf("%.40q is %.40q until %v (%v), want %.40q", k, r.Value, r.Expires, err, v)
		}
	}
	if r, _ := s.Table("t").Get(t.Context(), "far"); string(r.Value) != "far" || !r.Expires.Equal(far) {
		t.Errorf("far is %q until %v", r.Value, r.Expires)
	}
	keys, err := s.Table("t").Keys(t.Context(), state.Range{})
	if err != nil || len(keys) != len(want)+1 {
		t.Errorf("%d keys (%v), want %d", len(keys), err, len(want)+1)
	}
	if names, err := s.Tables(t.Context(), ""); err != nil || strings.Join(names, " ") != "other t" {
		t.Errorf("tables %q, %v", names, err)
	}
	if keys, _ := s.Table("other").Keys(t.Context(), state.Range{}); len(keys) != 1 || keys[0] != "kept" {
		t.Errorf("other has %q", keys)
	}
	if err := state.Reset(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	if s = open(t, dir, disk.Options{Clock: c}); s.Held() != 0 {
		t.Errorf("%d records are in the file after a reset", s.Held())
	}
}

// TestTheDeadLeaveTheFile: as they leave memory, a few with each write.
func TestTheDeadLeaveTheFile(t *testing.T) {
	dir, c := t.TempDir(), clock.Frozen(noon)
	s := open(t, dir, disk.Options{Clock: c, Sync: disk.Never})
	for i := range 50_000 {
		c.Advance(time.Millisecond)
		set(t, s, "t", fmt.Sprint(i), "v", c.Now().Add(time.Second))
	}
	closed(t, s)
	s = open(t, dir, disk.Options{Clock: c, Sync: disk.Never})
	if n := s.Held(); n > 16*600 {
		t.Errorf("%d records are in the file although at most 1000 are alive", n)
	}
	c.Advance(time.Minute)
	s.Sweep()
	closed(t, s)
	if s = open(t, dir, disk.Options{Clock: c}); s.Held() != 0 {
		t.Errorf("%d records are in the file although none is alive", s.Held())
	}
}
