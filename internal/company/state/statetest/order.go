package statetest

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

func remove(t *testing.T, s state.Table, key string) error {
	return s.Update(t.Context(), key, func(state.Record) (state.Record, error) { return state.Record{}, nil })
}

func wantKeys(t *testing.T, s state.Table, r state.Range, want ...string) {
	t.Helper()
	got, err := s.Keys(t.Context(), r)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("Keys(%+v) = %q, %v; want %q", r, got, err, want)
	}
}

func lists(t *testing.T, s state.Table, _ *clock.Virtual) {
	for _, k := range []string{"b/2", "a", "b/10", "b", "b/1", "c*", "b[x]", "ü"} {
		set(t, s, k, "v", time.Time{})
	}
	wantKeys(t, s, state.Range{Prefix: "b/"}, "b/1", "b/10", "b/2")
	wantKeys(t, s, state.Range{Prefix: "c*"}, "c*")
	wantKeys(t, s, state.Range{Prefix: "b["}, "b[x]")
	wantKeys(t, s, state.Range{Prefix: "zz"})
	wantKeys(t, s, state.Range{}, "a", "b", "b/1", "b/10", "b/2", "b[x]", "c*", "ü")
}

func pages(t *testing.T, s state.Table, c *clock.Virtual) {
	var all []string
	for i := range 1500 {
		key := fmt.Sprintf("k/%04d", i)
		expires := time.Time{}
		if i%3 == 1 {
			expires = c.Now().Add(time.Second)
		} else {
			all = append(all, key)
		}
		set(t, s, key, "v", expires)
	}
	set(t, s, "k", "v", time.Time{})
	set(t, s, "l", "v", time.Time{})
	c.Advance(time.Second)
	for _, size := range []int{1, 7, 999, 1000, 1001} {
		var got []string
		for after := ""; ; {
			one, err := s.Keys(t.Context(), state.Range{Prefix: "k/", After: after, Limit: size})
			if err != nil || len(one) > size {
				t.Fatalf("a page of %d has %d, %v", size, len(one), err)
			}
			if got = append(got, one...); len(one) < size {
				break
			}
			after = one[len(one)-1]
		}
		if !slices.Equal(got, all) {
			t.Errorf("in pages of %d there are %d keys, want %d", size, len(got), len(all))
		}
	}
	wantKeys(t, s, state.Range{Prefix: "k/", After: "k/1498"}, "k/1499")
	wantKeys(t, s, state.Range{Prefix: "k/", After: "k/1498x"}, "k/1499")
	wantKeys(t, s, state.Range{Prefix: "k/", After: "k/1499"})
	wantKeys(t, s, state.Range{Prefix: "k/", After: "a", Limit: 1}, "k/0000")
	wantKeys(t, s, state.Range{Prefix: "k/", After: "z"})
}

func follows(t *testing.T, s state.Table, c *clock.Virtual) {
	wantKeys(t, s, state.Range{})
	set(t, s, "b", "1", time.Time{})
	set(t, s, "a", "1", c.Now().Add(time.Second))
	wantKeys(t, s, state.Range{}, "a", "b")
	set(t, s, "b", "2", time.Time{})
	wantKeys(t, s, state.Range{}, "a", "b")
	c.Advance(time.Second)
	wantKeys(t, s, state.Range{}, "b")
	set(t, s, "a", "2", time.Time{}) // it comes again before anybody has swept it away
	wantKeys(t, s, state.Range{}, "a", "b")
	remove(t, s, "b")
	wantKeys(t, s, state.Range{}, "a")
	s.Drop(t.Context(), "")
	wantKeys(t, s, state.Range{})
	set(t, s, "c", "1", time.Time{})
	wantKeys(t, s, state.Range{}, "c")
}

func many(t *testing.T, s state.Table, c *clock.Virtual) {
	set(t, s, "a", "1", time.Time{})
	set(t, s, "b", "2", c.Now().Add(time.Second))
	set(t, s, "c", "3", time.Time{})
	c.Advance(time.Second)
	got, err := s.GetMany(t.Context(), []string{"c", "nothing", "b", "a", "c"})
	if err != nil || len(got) != 5 {
		t.Fatalf("%v, %v", got, err)
	}
	for i, want := range []string{"3", "", "", "1", "3"} {
		if string(got[i].Value) != want || want == "" && got[i].Value != nil {
			t.Errorf("record %d is %q, want %q", i, got[i].Value, want)
		}
	}
	if none, err := s.GetMany(t.Context(), nil); err != nil || len(none) != 0 {
		t.Errorf("of no keys: %v, %v", none, err)
	}
}

func drops(t *testing.T, s state.Table, _ *clock.Virtual) {
	for range 2 { // the second time around the order is known
		for _, k := range []string{"a/1", "a/2", "a", "a*", "b/1"} {
			set(t, s, k, "v", time.Time{})
		}
		if err := s.Drop(t.Context(), "a/"); err != nil {
			t.Fatal(err)
		}
		want(t, s, "a/1", "")
		want(t, s, "a", "v")
		wantKeys(t, s, state.Range{}, "a", "a*", "b/1")
	}
	if err := s.Drop(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, s, state.Range{})
	want(t, s, "b/1", "")
}

// versions: whoever keeps a record hears of each change to it, and of no other, as far
// as the store can tell at all.
func versions(t *testing.T, s state.Table, c *clock.Virtual) {
	read := func(key string) state.Record {
		r, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	set(t, s, "a", "1", time.Time{})
	set(t, s, "m", "1", c.Now().Add(time.Minute))
	a, m := read("a"), read("m")
	if a.Version == nil {
		return
	}
	same := func(what string, r state.Record, want bool) {
		t.Helper()
		if got := r.Unchanged(c.Now()); got != want {
			t.Errorf("%s: unchanged is %v", what, got)
		}
	}
	set(t, s, "b", "1", time.Time{})
	remove(t, s, "b")
	s.Drop(t.Context(), "b")
	none := read("none")
	same("others came and went", a, true)
	same("others came and went", m, true)
	same("nothing has come", none, true)
	set(t, s, "none", "1", time.Time{})
	same("it has come", none, false)
	set(t, s, "a", "2", time.Time{})
	same("it was written", a, false)
	a = read("a")
	remove(t, s, "a")
	same("it was deleted", a, false)
	set(t, s, "a", "3", time.Time{})
	a = read("a")
	s.Drop(t.Context(), "a")
	same("it was dropped", a, false)
	none = read("a")
	same("it is gone", none, true)
	set(t, s, "a", "4", time.Time{})
	same("it came again", none, false)
	same("another one", m, true)
	c.Advance(time.Minute)
	same("it has died", m, false)
}

// orderUnderRaces lists while others make, change and drop records.
func orderUnderRaces(t *testing.T, s state.Table, _ *clock.Virtual) {
	race(8, func(i int) {
		for n := range 200 {
			key := fmt.Sprintf("%d/%03d", i%4, n)
			switch {
			case i < 4:
				if err := s.Update(t.Context(), key, func(state.Record) (state.Record, error) { return state.Record{Value: []byte("v")}, nil }); err != nil {
					t.Error(err)
				}
			case i == 4 && n%20 == 0:
				s.Drop(t.Context(), "3/")
			default:
				keys, err := s.Keys(t.Context(), state.Range{Prefix: strconv.Itoa(i % 4), Limit: 50})
				if err != nil || !slices.IsSorted(keys) || len(slices.Compact(keys)) != len(keys) {
					t.Errorf("%q, %v", keys, err)
				}
			}
		}
	})
	for i := range 3 {
		keys, err := s.Keys(t.Context(), state.Range{Prefix: strconv.Itoa(i) + "/"})
		if err != nil || len(keys) != 200 {
			t.Errorf("of 200 keys there are %d, %v", len(keys), err)
		}
	}
	keys, err := s.Keys(t.Context(), state.Range{})
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.GetMany(t.Context(), keys)
	for i, r := range records {
		if r.Value == nil {
			t.Errorf("%s is listed and not there", keys[i])
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func counts(t *testing.T, s state.Table, _ *clock.Virtual) {
	const n = 64
	race(n, func(int) {
		err := s.Update(t.Context(), "n", func(r state.Record) (state.Record, error) {
			v, _ := strconv.Atoi(string(r.Value))
			return state.Record{Value: strconv.AppendInt(nil, int64(v+1), 10)}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	want(t, s, "n", strconv.Itoa(n))
}
