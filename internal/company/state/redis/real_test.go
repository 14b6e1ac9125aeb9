//go:build real

package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/redis"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/steering/dialecttest"
)

// TestRealRedis: the suite passes, with what was read kept until the server tells that it
// has changed.
func TestRealRedis(t *testing.T) {
	s := dialecttest.Redis(t)
	n := 0
	statetest.Run(t, func(t *testing.T, c clock.Clock) state.Store {
		n++
		return open(t, s.URL()+"?prefix=suite-"+fmt.Sprint(n), c)
	})
}

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// two are the stores of two processes on one server.
func two(t *testing.T, url string) [2]*redis.Store {
	c := clock.Frozen(day)
	return [2]*redis.Store{open(t, url, c), open(t, url, c)}
}

func put(t testing.TB, s state.Store, key, value string) {
	t.Helper()
	if err := write(t.Context(), s, key, value); err != nil {
		t.Fatal(err)
	}
}

func write(ctx context.Context, s state.Store, key, value string) error {
	return s.Table("t").Update(ctx, key, func(state.Record) (state.Record, error) { return state.Record{Value: []byte(value)}, nil })
}

func get(t testing.TB, s state.Store, key string) state.Record {
	t.Helper()
	r, err := s.Table("t").Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// add appends a word to a record of words, which must not be there yet.
func add(ctx context.Context, s state.Store, key, word string) error {
	return s.Table("t").Update(ctx, key, func(r state.Record) (state.Record, error) {
		if strings.Contains(string(r.Value)+" ", " "+word+" ") {
			return state.Record{}, errTwice
		}
		return state.Record{Value: []byte(string(r.Value) + " " + word)}, nil
	})
}

var errTwice = errors.New("it was written before")

// writers add words to records through several stores at once. It returns those that
// were answered, and those that nobody knows of.
func writers(t *testing.T, stores []*redis.Store, each int) (known, unknown []string) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range each {
				word := fmt.Sprintf("%d.%d", n, i)
				err := add(t.Context(), stores[n%len(stores)], fmt.Sprint("k", i%3), word)
				mu.Lock()
				switch {
				case err == nil:
					known = append(known, word)
				case errors.Is(err, state.ErrUnavailable):
					unknown = append(unknown, word)
				default:
					t.Errorf("%s: %v", word, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return known, unknown
}

// once holds what stands against what writers were told.
func once(t *testing.T, s *redis.Store, known, unknown []string) {
	t.Helper()
	stands := map[string]int{}
	for _, key := range []string{"k0", "k1", "k2"} {
		for _, word := range strings.Fields(string(get(t, s, key).Value)) {
			stands[word]++
		}
	}
	for _, word := range known {
		if stands[word] != 1 {
			t.Errorf("%s was written %d times", word, stands[word])
		}
		delete(stands, word)
	}
	for _, word := range unknown {
		if stands[word] > 1 {
			t.Errorf("%s, of which nobody knew, was written %d times", word, stands[word])
		}
		delete(stands, word)
	}
	for word := range stands {
		t.Errorf("%s was not written by anybody", word)
	}
}

func TestRealOfTwoProcessesEachWriteIsThereOnce(t *testing.T) {
	s := dialecttest.Redis(t)
	stores := two(t, s.URL())
	known, unknown := writers(t, stores[:], 500)
	if len(unknown) > 0 || len(known) != 4000 {
		t.Errorf("%d were written, of %d nobody knows", len(known), len(unknown))
	}
	once(t, stores[0], known, unknown)
}

// TestRealWhatOneReadsEndsWhenTheOtherWrites: also of what is not there yet, what was
// deleted and what was dropped.
func TestRealWhatOneReadsEndsWhenTheOtherWrites(t *testing.T) {
	s := dialecttest.Redis(t)
	stores := two(t, s.URL())
	ended := func(what string, change func()) {
		t.Helper()
		r := get(t, stores[0], "k")
		if r.Version == nil || !r.Unchanged(day) {
			t.Fatalf("%s: it has no version that lasts", what)
		}
		change()
		select {
		case <-r.Version.Ended():
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nobody has said so", what)
		}
	}
	ended("made", func() { put(t, stores[1], "k", "1") })
	ended("written", func() { put(t, stores[1], "k", "2") })
	ended("written by itself", func() { put(t, stores[0], "k", "3") })
	ended("written after it has written", func() { put(t, stores[1], "k", "4") })
	ended("deleted", func() {
		if err := stores[1].Table("t").Update(t.Context(), "k", func(state.Record) (state.Record, error) { return state.Record{}, nil }); err != nil {
			t.Fatal(err)
		}
	})
	ended("made again", func() { put(t, stores[1], "k", "5") })
	ended("dropped", func() { stores[1].Table("t").Drop(t.Context(), "") })
	ended("after a drop", func() { put(t, stores[1], "k", "6") })
	ended("emptied", func() { s.CLI("FLUSHALL") })
}

// TestRealFreshReadsAskTheServer: past what is kept, and past what a collection remembers.
func TestRealFreshReadsAskTheServer(t *testing.T) {
	s := dialecttest.Redis(t)
	store, err := redis.Open(t.Context(), s.URL(), redis.Options{Clock: clock.Frozen(day), Bound: time.Hour}) // nobody else asks
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	type word struct{ Text string }
	words := state.Of[word](store, "t")
	if err := words.Put(t.Context(), "k", word{"1"}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	table := store.Table("t")
	for name, read := range map[string]func(ctx context.Context) error{
		"Get":      func(ctx context.Context) error { _, err := table.Get(ctx, "k"); return err },
		"GetMany":  func(ctx context.Context) error { _, err := table.GetMany(ctx, []string{"k"}); return err },
		"of words": func(ctx context.Context) error { _, err := words.Get(ctx, "k"); return err },
	} {
		asked := func(ctx context.Context) (n int) {
			t.Helper()
			s.CLI("CONFIG", "RESETSTAT")
			if err := read(ctx); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(s.CLI("INFO", "commandstats")) {
				var calls int
				if line = strings.Replace(line, "mget", "get", 1); strings.HasPrefix(line, "cmdstat_get:") {
					fmt.Sscanf(line, "cmdstat_get:calls=%d", &calls)
				}
				n += calls
			}
			return n
		}
		asked(t.Context())
		known, fresh := asked(t.Context()), asked(state.Fresh(t.Context()))
		if fresh <= known {
			t.Errorf("%s asks %d times for what is known, and %d times when it is to be fresh", name, known, fresh)
		}
	}
}

// TestRealWaitersOverTwoStoresHearOfEachChange: as in the suite, from one process to the
// other.
func TestRealWaitersOverTwoStoresHearOfEachChange(t *testing.T) {
	s := dialecttest.Redis(t)
	stores := two(t, s.URL())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	var waited atomic.Int64
	for range 8 {
		wg.Go(func() {
			for {
				r, err := stores[0].Table("t").Get(ctx, "k")
				if err != nil {
					t.Error(err)
					return
				}
				if string(r.Value) == "300" {
					return
				}
				if r.Version == nil {
					continue
				}
				waited.Add(1)
				select {
				case <-r.Version.Ended():
				case <-ctx.Done():
					t.Errorf("nobody said that %q is over", r.Value)
					return
				}
			}
		})
	}
	for i := range 300 {
		put(t, stores[1], "k", fmt.Sprint(i+1))
	}
	wg.Wait()
	if waited.Load() == 0 {
		t.Error("nobody has waited")
	}
}
