package statetest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/state"
)

func tables(t *testing.T, s state.Store) {
	a, b := s.Table("a"), s.Table("a/b")
	if names, err := s.Tables(t.Context(), ""); err != nil || len(names) != 0 {
		t.Errorf("an empty store has tables %q, %v", names, err)
	}
	set(t, a, "b/k", "1", time.Time{})
	set(t, b, "k", "2", time.Time{})
	want(t, a, "b/k", "1")
	want(t, a, "k", "")
	want(t, s.Table("a/b"), "k", "2")
	if names, err := s.Tables(t.Context(), "a/"); err != nil || !reflect.DeepEqual(names, []string{"a/b"}) {
		t.Errorf("tables %q, %v", names, err)
	}
	a.Drop(t.Context(), "")
	want(t, b, "k", "2")
	if err := state.Reset(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	want(t, b, "k", "")
}

func under(t *testing.T, s state.Store) {
	one, two := state.Under(s, "one/"), state.Under(state.Under(s, "two/"), "deep/")
	set(t, one.Table("t"), "k", "1", time.Time{})
	set(t, two.Table("t"), "k", "2", time.Time{})
	want(t, one.Table("t"), "k", "1")
	want(t, s.Table("two/deep/t"), "k", "2")
	if names, err := two.Tables(t.Context(), ""); err != nil || !reflect.DeepEqual(names, []string{"t"}) {
		t.Errorf("under two/deep/ there are %q, %v", names, err)
	}
	if err := state.Reset(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	want(t, one.Table("t"), "k", "")
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, two.Table("t"), "k", "2") // closing a part must not close the whole
}

func broken(t *testing.T, s state.Store) {
	set(t, s.Table("n"), "k", "{", time.Time{})
	c := state.Of[int](s, "n")
	if _, _, err := c.Read(t.Context(), "k"); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Read: %v", err)
	}
	if _, err := c.Get(t.Context(), "k"); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Get: %v", err)
	}
	err := c.Edit(t.Context(), "k", func(*int, bool) (time.Time, error) { t.Error("the function must not run"); return time.Time{}, nil })
	if !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Edit: %v", err)
	}
}

func closed(t *testing.T, s state.Store) {
	tab := s.Table("t")
	set(t, tab, "k", "v", time.Time{})
	held, _ := tab.Get(t.Context(), "k")
	none, _ := tab.Get(t.Context(), "none")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tab.Get(t.Context(), "k"); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Get of a closed store: %v", err)
	}
	if err := take(t.Context(), tab, "other", 1); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Update of a closed store: %v", err)
	}
	if _, err := tab.Keys(t.Context(), state.Range{}); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Keys of a closed store: %v", err)
	}
	if _, err := s.Tables(t.Context(), ""); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("Tables of a closed store: %v", err)
	}
	if held.Unchanged(time.Time{}) || none.Unchanged(time.Time{}) {
		t.Error("what was read is still good after the store was closed")
	}
}

type pair struct {
	A int    `json:"a"`
	B string `json:"b"`
}

func collections(t *testing.T, s state.Store) {
	ctx := t.Context()
	c := state.Of[pair](s, "pairs")
	if v, found, err := c.Read(ctx, "k"); found || err != nil || v != (pair{}) {
		t.Errorf("nothing is %v, %v, %v", v, found, err)
	}
	for range 2 {
		err := c.Edit(ctx, "k", func(p *pair, found bool) (time.Time, error) {
			if found != (p.A > 0) {
				t.Errorf("found is %v for %+v", found, p)
			}
			p.A++
			return time.Time{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	first, err := c.Get(ctx, "k")
	if err != nil || *first != (pair{2, ""}) {
		t.Errorf("%v, %v", first, err)
	}
	no := errors.New("no")
	for want, give := range map[error]error{nil: state.ErrKeep, no: no} {
		err := c.Edit(ctx, "k", func(p *pair, _ bool) (time.Time, error) { p.A = 9; return time.Time{}, give })
		if err != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if again, _ := c.Get(ctx, "k"); again.A != 2 {
		t.Errorf("an edit that was refused is there: %v", again)
	}
	for i := range 600 {
		if err := c.Put(ctx, fmt.Sprintf("n/%03d", i), pair{A: i}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{0, 1, 256, 300} {
		n := 0
		for e, err := range c.All(ctx, state.Range{Prefix: "n/", Limit: limit}) {
			if err != nil || e.Key != fmt.Sprintf("n/%03d", n) || e.Value.A != n {
				t.Fatalf("%d: %v, %v", n, e, err)
			}
			n++
		}
		if want := limit; want == 0 && n != 600 || want > 0 && n != want {
			t.Errorf("of a limit of %d came %d", limit, n)
		}
	}
	if was, err := c.DeleteIf(ctx, "k", func(*pair) error { return no }); was || err != no {
		t.Errorf("a refused deletion: %v, %v", was, err)
	}
	for _, want := range []bool{true, false} {
		if was, err := c.Delete(ctx, "k"); was != want || err != nil {
			t.Errorf("deleted: %v, %v", was, err)
		}
	}
	if err := c.Drop(ctx, "n/"); err != nil {
		t.Fatal(err)
	}
	if keys, err := c.Keys(ctx, state.Range{}); err != nil || len(keys) != 0 {
		t.Errorf("%q, %v", keys, err)
	}
}

func seeded(t *testing.T, s state.Store) {
	ctx := t.Context()
	seeds := &state.SeedMap[pair]{}
	for _, k := range []string{"b", "d/1", "d/2", "a"} {
		seeds.Set(k, &pair{1, k})
	}
	c := state.Of[pair](s, "pairs").Seeded(seeds)
	keys := func(r state.Range, want string) {
		t.Helper()
		got, err := c.Keys(ctx, r)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("keys of %+v are %q, %v; want %q", r, got, err, want)
		}
	}
	add := func(key string) {
		t.Helper()
		err := c.Edit(ctx, key, func(p *pair, _ bool) (time.Time, error) { p.A++; return time.Time{}, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(key string, want pair, found bool) {
		t.Helper()
		got, ok, err := c.Read(ctx, key)
		shared, err2 := c.Get(ctx, key)
		if got != want || ok != found || err != nil || err2 != nil || found && *shared != want || !found && shared != nil {
			t.Errorf("%s is %v %v %v (%v %v), want %v %v", key, got, ok, err, shared, err2, want, found)
		}
	}
	keys(state.Range{}, "a b d/1 d/2")
	is("b", pair{1, "b"}, true)
	add("b")
	add("c")
	is("b", pair{2, "b"}, true)
	if seeds.Get("b").A != 1 {
		t.Error("the seed was changed")
	}
	is("c", pair{1, ""}, true)
	keys(state.Range{}, "a b c d/1 d/2")
	keys(state.Range{After: "b", Limit: 2}, "c d/1")
	keys(state.Range{Prefix: "d/", After: "d/1"}, "d/2")
	for _, k := range []string{"a", "b", "c"} {
		if was, err := c.Delete(ctx, k); !was || err != nil {
			t.Errorf("deleting %s: %v, %v", k, was, err)
		}
		is(k, pair{}, false)
		if was, err := c.Delete(ctx, k); was || err != nil {
			t.Errorf("deleting %s again: %v, %v", k, was, err)
		}
	}
	keys(state.Range{}, "d/1 d/2")
	add("a") // made anew, it knows nothing of the seed
	is("a", pair{1, ""}, true)
	if err := c.Drop(ctx, "d/"); err != nil {
		t.Fatal(err)
	}
	keys(state.Range{}, "a")
	found, err := c.GetMany(ctx, []string{"a", "b", "d/1"})
	if err != nil || found[0] == nil || found[1] != nil || found[2] != nil {
		t.Errorf("%v, %v", found, err)
	}
}
