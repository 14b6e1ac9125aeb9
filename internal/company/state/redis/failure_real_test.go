//go:build real

package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/redis"
	"counterpart/internal/steering/dialecttest"
)

// TestRealLostAnswersAreFoundOut cuts connections after a command went to the server
// and before its answer came, again and again while eight clients write.
func TestRealLostAnswersAreFoundOut(t *testing.T) {
	s := dialecttest.Redis(t)
	p := through(t, s.Addr)
	p.treat, p.chance = lose, 0.02
	c := clock.Frozen(day)
	stores := []*redis.Store{open(t, p.url(), c), open(t, p.url(), c), open(t, s.URL(), c)}
	known, unknown := writers(t, stores, 300)
	if p.cuts.Load() < 10 {
		t.Errorf("only %d commands were cut off", p.cuts.Load())
	}
	t.Logf("%d commands were cut off; %d writes were answered, of %d nobody knows", p.cuts.Load(), len(known), len(unknown))
	once(t, stores[2], known, unknown)
}

// TestRealALateCommandHasNoEffect holds a command back until it was called off and the
// write was done by another one.
func TestRealALateCommandHasNoEffect(t *testing.T) {
	s := dialecttest.Redis(t)
	p := through(t, s.Addr)
	var held sync.WaitGroup
	release := make(chan struct{})
	held.Add(1)
	p.treat = func(_ *proxy, c cut, b []byte) {
		c.close()
		defer held.Done()
		<-release
		later, err := net.Dial("tcp", s.Addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer later.Close()
		later.Write(b)
		answer := make([]byte, 1000)
		n, _ := later.Read(answer)
		if string(answer[:n]) != ":2\r\n" {
			t.Errorf("the late command was answered %q", answer[:n])
		}
	}
	c := clock.Frozen(day)
	store, other := open(t, p.url(), c), open(t, s.URL(), c)
	put(t, store, "k", " before")
	p.armed.Store(1)
	if err := add(t.Context(), store, "k", "word"); err != nil {
		t.Fatal(err)
	}
	put(t, other, "k", " before") // what the late command expects stands again, but for its version
	close(release)
	held.Wait()
	if r := get(t, other, "k"); string(r.Value) != " before" {
		t.Errorf("it is %q", r.Value)
	}
}

// TestRealACallThatEndsIsCalledOff: whoever gives a write up is not answered, and once
// the server can be reached the write either was done or never will be.
func TestRealACallThatEndsIsCalledOff(t *testing.T) {
	s := dialecttest.Redis(t)
	store := open(t, s.URL(), clock.Frozen(day))
	other := open(t, s.URL(), clock.Frozen(day))
	put(t, store, "k", "1")
	s.Signal(syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := write(ctx, store, "k", "2")
	if took := time.Since(began); !errors.Is(err, state.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
		t.Errorf("%v after %v", err, took)
	}
	s.Signal(syscall.SIGCONT)
	eventually(t, func() error { return write(t.Context(), store, "k2", "settled") })
	put(t, other, "k", "3")
	becomes(t, store, "k", "3")
}

// becomes waits until a store has heard what another one has written.
func becomes(t testing.TB, s state.Store, key, value string) {
	t.Helper()
	end := time.After(5 * time.Second)
	for {
		r := get(t, s, key)
		if string(r.Value) == value {
			return
		}
		if r.Version == nil {
			continue
		}
		select {
		case <-r.Version.Ended():
		case <-end:
			t.Fatalf("it stays %q", r.Value)
		}
	}
}

// eventually asks again until there is no error.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		if !errors.Is(err, state.ErrUnavailable) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// refuses wants an error of the store with words, within the time that a call may take.
func refuses(t testing.TB, f func() error, words ...string) {
	t.Helper()
	began := time.Now()
	err := f()
	if took := time.Since(began); took > 2500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	if !errors.Is(err, state.ErrUnavailable) {
		t.Fatalf("it is no error of the store: %v", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not said: %v", w, err)
		}
	}
}

// comesToSay wants errors of the store, and words after a while: at first the server is
// still about to end.
func comesToSay(t testing.TB, f func() error, words string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		err := f()
		if !errors.Is(err, state.ErrUnavailable) || time.Now().After(end) {
			t.Fatalf("it does not say %q: %v", words, err)
		}
		if strings.Contains(err.Error(), words) {
			return
		}
	}
}

// TestRealAServerThatStands: what is kept of what was read ends within the bound, calls
// fail in time, and when the server goes on so does the store.
func TestRealAServerThatStands(t *testing.T) {
	s := dialecttest.Redis(t)
	store := open(t, s.URL(), clock.Frozen(day))
	put(t, store, "k", "1")
	r := get(t, store, "k")
	s.Signal(syscall.SIGSTOP)
	began := time.Now()
	select {
	case <-r.Version.Ended():
	case <-time.After(5 * time.Second):
		t.Fatal("what was read is kept for ever")
	}
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("what was read was kept for %v", took)
	}
	read := func() error { _, err := store.Table("t").Get(t.Context(), "k"); return err }
	refuses(t, read)
	refuses(t, func() error { return write(t.Context(), store, "k", "2") }, s.Addr)
	refuses(t, func() error { _, err := store.Table("t").Keys(t.Context(), state.Range{}); return err })
	refuses(t, func() error { return store.Table("t").Drop(t.Context(), "") })
	refuses(t, func() error { _, err := store.Tables(t.Context(), ""); return err })
	if store.Err() == nil {
		t.Error("it says that the server can be used")
	}
	s.Signal(syscall.SIGCONT)
	eventually(t, read)
	if r := get(t, store, "k"); string(r.Value) != "1" {
		t.Errorf("it is %q", r.Value)
	}
	if store.Err() != nil {
		t.Error(store.Err())
	}
}

// TestRealWritersOnAServerThatStandsAgainAndAgain: nothing is written twice.
func TestRealWritersOnAServerThatStandsAgainAndAgain(t *testing.T) {
	s := dialecttest.Redis(t)
	stores := two(t, s.URL())
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, stands := range []time.Duration{100, 700, 1500, 300, 2600} {
			s.Signal(syscall.SIGSTOP)
			wait(ctx, stands*time.Millisecond)
			s.Signal(syscall.SIGCONT)
			wait(ctx, 100*time.Millisecond)
		}
		cancel()
	})
	var known, unknown []string
	for round := 0; ctx.Err() == nil; round++ {
		var mu sync.Mutex
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				word := fmt.Sprint(n, ".", round)
				err := add(t.Context(), stores[n%2], fmt.Sprint("k", n%3), word)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					known = append(known, word)
				} else if unknown = append(unknown, word); !errors.Is(err, state.ErrUnavailable) {
					t.Errorf("%s: %v", word, err)
				}
			})
		}
		all.Wait()
	}
	wg.Wait()
	eventually(t, func() error { return write(t.Context(), stores[0], "other", "v") })
	t.Logf("%d writes were answered, of %d nobody knows", len(known), len(unknown))
	once(t, stores[0], known, unknown)
}

func wait(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

// TestRealAServerThatIsStartedAgain with what it held, and without.
func TestRealAServerThatIsStartedAgain(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		t.Run(fmt.Sprint("keeps=", keeps), func(t *testing.T) {
			args := []string{"--appendonly", "no"}
			if keeps {
				args = []string{"--appendonly", "yes", "--appendfsync", "always"}
			}
			s := dialecttest.Redis(t, args...)
			stores := two(t, s.URL())
			put(t, stores[0], "k", "1")
			r := get(t, stores[1], "k")
			s.Kill()
			read := func() error { _, err := stores[1].Table("t").Get(t.Context(), "k"); return err }
			<-r.Version.Ended()
			comesToSay(t, read, "refused; nothing listens there")
			comesToSay(t, func() error { return write(t.Context(), stores[0], "k", "2") }, "refused")
			s.Start()
			eventually(t, read)
			eventually(t, func() error { _, err := stores[0].Tables(t.Context(), ""); return err })
			want, emptied := "1", 0
			if !keeps {
				want = ""
			}
			for i := range stores {
				if got := get(t, stores[i], "k"); string(got.Value) != want {
					t.Errorf("it is %q", got.Value)
				}
				select {
				case <-stores[i].Emptied():
					emptied++
				default:
				}
			}
			if keeps && emptied > 0 || !keeps && emptied != 2 {
				t.Errorf("%d have heard that it was emptied", emptied)
			}
			put(t, stores[0], "k", "3")
			becomes(t, stores[1], "k", "3")
		})
	}
}

// TestRealAServerThatSomebodyEmpties: an update that was about to write what it has
// decided on what was there decides again.
func TestRealAServerThatSomebodyEmpties(t *testing.T) {
	s := dialecttest.Redis(t)
	stores := two(t, s.URL())
	put(t, stores[0], "k", "1")
	get(t, stores[1], "k")
	var saw []string
	err := stores[1].Table("t").Update(t.Context(), "k", func(r state.Record) (state.Record, error) {
		if saw = append(saw, string(r.Value)); len(saw) == 1 {
			s.CLI("FLUSHALL")
		}
		return state.Record{Value: []byte(string(r.Value) + "+")}, nil
	})
	if err != nil || len(saw) < 2 || saw[len(saw)-1] != "" {
		t.Errorf("%v after %q", err, saw)
	}
	for i := range stores {
		becomes(t, stores[i], "k", "+")
		select {
		case <-stores[i].Emptied():
		case <-time.After(5 * time.Second):
			t.Error("nobody says that it was emptied")
		}
	}
}

// TestRealAFullServer: what would need memory is refused, the rest goes on.
func TestRealAFullServer(t *testing.T) {
	s := dialecttest.Redis(t, "--maxmemory", "8mb", "--maxmemory-policy", "noeviction")
	store := open(t, s.URL(), clock.Frozen(day))
	put(t, store, "k", "1")
	big := strings.Repeat("x", 256<<10)
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		err = write(t.Context(), store, fmt.Sprint("big", n), big)
	}
	refuses(t, func() error { return err }, "OOM", "maxmemory")
	if r := get(t, store, "k"); string(r.Value) != "1" {
		t.Errorf("it is %q", r.Value)
	}
	if r := get(t, store, fmt.Sprint("big", n-1)); r.Value != nil {
		t.Error("what was refused is there")
	}
	if err := store.Table("t").Drop(t.Context(), "big"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return write(t.Context(), store, "k", "2") })
}

// TestRealAReplicaDecidesNothing: a server that becomes a replica is not used, not even
// to read; promoted, it is.
func TestRealAReplicaDecidesNothing(t *testing.T) {
	master, s := dialecttest.Redis(t), dialecttest.Redis(t)
	store := open(t, s.URL(), clock.Frozen(day))
	put(t, store, "k", "1")
	r := get(t, store, "k")
	host, port, _ := strings.Cut(master.Addr, ":")
	s.CLI("REPLICAOF", host, port)
	<-r.Version.Ended()
	refuses(t, func() error { return write(t.Context(), store, "k", "2") }, "replica")
	refuses(t, func() error { _, err := store.Table("t").Get(t.Context(), "k"); return err }, "replica")
	if _, err := redis.Open(t.Context(), s.URL(), redis.Options{Clock: clock.Frozen(day)}); err == nil || !strings.Contains(err.Error(), "read-only replica") {
		t.Errorf("opened on a replica: %v", err)
	}
	s.CLI("REPLICAOF", "NO", "ONE")
	eventually(t, func() error { return write(t.Context(), store, "k", "3") })
}

// TestRealASlowLink: calls take as long as the link does; what takes longer than a call
// may fails.
func TestRealASlowLink(t *testing.T) {
	s := dialecttest.Redis(t)
	p := through(t, s.Addr)
	p.treat = func(_ *proxy, c cut, b []byte) {
		wait(t.Context(), 300*time.Millisecond)
		c.server.Write(b)
	}
	store := open(t, p.url(), clock.Frozen(day))
	p.armed.Store(4)
	for i := range 4 {
		began := time.Now()
		if err := write(t.Context(), store, "k", fmt.Sprint(i)); err != nil || time.Since(began) < 250*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	}
	if r := get(t, store, "k"); string(r.Value) != "3" {
		t.Errorf("it is %q", r.Value)
	}
}

// TestRealRefusals: what a server says at once comes with what to do.
func TestRealRefusals(t *testing.T) {
	locked, cluster := dialecttest.Redis(t, "--requirepass", "right"), dialecttest.Redis(t, "--cluster-enabled", "yes")
	evicts := dialecttest.Redis(t, "--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru")
	free := dialecttest.Redis(t)
	free.Kill()
	opened := func(url string) func() error {
		return func() error {
			s, err := redis.Open(t.Context(), url, redis.Options{Clock: clock.Frozen(day)})
			if err == nil {
				s.Close()
			}
			return err
		}
	}
	refuses(t, opened(locked.URL()), "NOAUTH", "redis://user:password@host")
	refuses(t, opened("redis://:wrong@"+locked.Addr), "WRONGPASS", "user or password")
	if err := opened("redis://:right@" + locked.Addr)(); err != nil {
		t.Error(err)
	}
	refuses(t, opened(locked.URL()+"/99"), "NOAUTH")
	refuses(t, opened("redis://:right@"+locked.Addr+"/99"), "DB index")
	refuses(t, opened("rediss://:right@"+locked.Addr))
	refuses(t, opened(cluster.URL()), "Cluster")
	refuses(t, opened(evicts.URL()), "noeviction")
	refuses(t, opened(free.URL()), "refused", "nothing listens there")
	refuses(t, opened("unix://"+t.TempDir()+"/none"), "nothing listens there")
	refuses(t, opened("redis+sentinel://"+locked.Addr+"/main"))
}
