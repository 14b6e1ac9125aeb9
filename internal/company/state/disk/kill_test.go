package disk_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/disk"
)

// child is the variable with which the test binary becomes the process that is killed.
const child = "COUNTERPART_TEST_DISK_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(child); dir != "" {
		if err := writeForEver(dir, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// session is what the child keeps in a collection, found by its owner and by its number,
// which one alone can have.
type session struct {
	Owner  string
	Number string
}

// domain is what the child writes to, and the parent looks at.
type domain struct {
	counters state.Table
	dropped  state.Table
	sessions *state.Collection[session]
	byOwner  *state.Index[session]
	byNumber *state.Index[session]
	names    *state.Claims
	owners   *state.Collection[session]
}

var errNumber = errors.New("the number is taken")

func domainOf(s state.Store, c clock.Clock) *domain {
	d := &domain{counters: s.Table("counter"), dropped: s.Table("dropped"), sessions: state.Of[session](s, "session"), owners: state.Of[session](s, "owner")}
	d.byOwner = d.sessions.By(s, "owner", nil, func(v *session) []string { return []string{v.Owner} })
	d.byNumber = d.sessions.By(s, "number", errNumber, func(v *session) []string { return []string{v.Number} })
	d.names = state.NewClaims(s, "name", c, func(ctx context.Context, key, owner string) (bool, error) {
		v, err := d.owners.Get(ctx, owner)
		return v != nil && v.Number == key, err
	})
	return d
}

const writers = 6

// writeForEver has racing writers, each of which says what it was answered: one line that
// is whole, or nothing.
func writeForEver(dir string, out io.Writer) error {
	c := clock.Frozen(noon)
	s, err := disk.Open(dir, disk.Options{Clock: c, Sync: disk.Always})
	if err != nil {
		return err
	}
	d := domainOf(s, c)
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, format+"\n", args...)
	}
	say("open")
	failed := make(chan error)
	for w := range writers {
		go func() {
			for i := 0; ; i++ {
				if err := d.step(w, i, say); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// step is one of the things that are done, and that can be cut off anywhere.
func (d *domain) step(w, i int, say func(string, ...any)) error {
	ctx, me := context.Background(), fmt.Sprintf("w%d-%d-%d", w, os.Getpid(), i)
	switch i % 6 {
	case 0, 1: // a counter that all share; what is read of it counts as an answer, too
		n := 0
		err := d.counters.Update(ctx, "n", func(r state.Record) (state.Record, error) {
			n = len(r.Value) + 1
			return state.Record{Value: append(r.Value[:len(r.Value):len(r.Value)], '.')}, nil
		})
		if err != nil {
			return err
		}
		say("counted %d", n)
	case 2:
		r, err := d.counters.Get(ctx, "n")
		if err != nil {
			return err
		}
		say("counted %d", len(r.Value))
	case 3: // several records: entries, session
		number := fmt.Sprint(rand.IntN(2000))
		err := d.sessions.Put(ctx, me, session{fmt.Sprint("owner", w), number}, noon.Add(time.Hour))
		if errors.Is(err, errNumber) {
			return nil
		}
		if err != nil {
			return err
		}
		say("session %s %s", me, number)
	case 4: // one of one's own sessions ends
		for e, err := range d.byOwner.All(ctx, fmt.Sprint("owner", w), "") {
			if err != nil {
				return err
			}
			say("ending %s", e.Key)
			if _, err := d.sessions.Delete(ctx, e.Key); err != nil {
				return err
			}
			say("ended %s", e.Key)
			break
		}
	case 5: // a claim and its owner's record; and a Drop
		name := fmt.Sprint("name", rand.IntN(100_000))
		if fresh, err := d.names.Take(ctx, name, me, errNumber); err != nil || !fresh {
			if errors.Is(err, errNumber) {
				return nil
			}
			return err
		}
		if err := d.owners.Put(ctx, me, session{me, name}, time.Time{}); err != nil {
			return err
		}
		say("named %s %s", me, name)
		if err := d.dropped.Update(ctx, me, func(state.Record) (state.Record, error) { return state.Record{Value: []byte("x")}, nil }); err != nil {
			return err
		}
		if err := d.dropped.Drop(ctx, me); err != nil {
			return err
		}
		say("dropped %s", me)
	}
	return nil
}

// heard is what was answered before the process was killed.
type heard struct {
	counted int
	has     map[string]string // session → number
	unsure  map[string]bool   // sessions whose end was begun
	named   map[string]string
	dropped []string
}

func (h *heard) line(text string) {
	var a, b string
	switch n, _ := fmt.Sscanf(text, "counted %s", &a); {
	case n == 1:
		v := 0
		fmt.Sscan(a, &v)
		h.counted = max(h.counted, v)
		return
	}
	if n, _ := fmt.Sscanf(text, "session %s %s", &a, &b); n == 2 {
		h.has[a] = b
	} else if n, _ := fmt.Sscanf(text, "ending %s", &a); n == 1 {
		h.unsure[a] = true
	} else if n, _ := fmt.Sscanf(text, "ended %s", &a); n == 1 {
		delete(h.has, a)
	} else if n, _ := fmt.Sscanf(text, "named %s %s", &a, &b); n == 2 {
		h.named[a] = b
	} else if n, _ := fmt.Sscanf(text, "dropped %s", &a); n == 1 {
		h.dropped = append(h.dropped, a)
	}
}

// TestKilledAtAnyMoment: what was answered is there, to writers and to readers, what was
// not is there as a whole or not at all, and indexes lead to what they say.
func TestKilledAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(9, 9))
	h := &heard{has: map[string]string{}, unsure: map[string]bool{}, named: map[string]string{}}
	began, rounds := time.Now(), 0
	for ; rounds < 40 && time.Since(began) < 15*time.Second; rounds++ {
		killAfter(t, dir, time.Duration(r.IntN(150))*time.Millisecond, h)
		s := open(t, dir, disk.Options{Sync: disk.Always})
		h.check(t, domainOf(s, clock.Frozen(noon)))
		closed(t, s)
		if t.Failed() {
			t.Fatalf("in round %d", rounds)
		}
	}
	t.Logf("%d rounds: counted %d, %d sessions, %d names, %d drops", rounds, h.counted, len(h.has), len(h.named), len(h.dropped))
	if rounds < 5 || h.counted == 0 || len(h.named) == 0 {
		t.Error("too little has happened")
	}
}

// killAfter runs the child for a while from when it has opened the store.
func killAfter(t *testing.T, dir string, d time.Duration, h *heard) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+dir)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for n := 0; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil { // what is cut off was not said
			break
		}
		if n == 0 {
			time.AfterFunc(d, func() { cmd.Process.Kill() })
		}
		h.line(line)
	}
	if err := cmd.Wait(); cmd.ProcessState.Exited() {
		t.Fatalf("it ended by itself: %v %s", err, errs.String())
	}
}

func (h *heard) check(t *testing.T, d *domain) {
	t.Helper()
	ctx := t.Context()
	if r, err := d.counters.Get(ctx, "n"); err != nil || len(r.Value) < h.counted || strings.Trim(string(r.Value), ".") != "" {
		t.Errorf("the counter is %d (%v), and %d was answered", len(r.Value), err, h.counted)
	} else if len(r.Value) > h.counted+writers {
		t.Errorf("the counter is %d after %d and %d writers", len(r.Value), h.counted, writers)
	} else {
		h.counted = len(r.Value)
	}
	numbers := map[string]string{}
	for e, err := range d.sessions.All(ctx, state.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		if other, twice := numbers[e.Value.Number]; twice {
			// Both may stand for a moment before one takes its record back, but a look-up leads to one.
			t.Logf("%s and %s stand with the number %s", other, e.Key, e.Value.Number)
		}
		numbers[e.Value.Number] = e.Key
		found := false
		for o, err := range d.byOwner.All(ctx, e.Value.Owner, "") {
			found = found || err == nil && o.Key == e.Key
		}
		if !found {
			t.Errorf("session %s is not found by its owner", e.Key)
		}
	}
	for key, number := range h.has {
		v, err := d.sessions.Get(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if v == nil && h.unsure[key] {
			delete(h.has, key)
			continue
		}
		if one, err := d.byNumber.One(ctx, number); v == nil || v.Number != number || err != nil || one.Key != key {
			t.Errorf("session %s with number %s is %+v, by its number %+v, %v", key, number, v, one, err)
		}
	}
	for owner, name := range h.named {
		v, err := d.owners.Get(ctx, owner)
		claim, err2 := d.names.Get(ctx, name)
		if err != nil || err2 != nil || v == nil || claim == nil || v.Number != name || claim.Owner != owner {
			t.Errorf("%s was named %s and is %+v; the claim is %+v (%v, %v)", owner, name, v, claim, err, err2)
		}
	}
	for _, key := range h.dropped {
		if r, err := d.dropped.Get(ctx, key); err != nil || r.Value != nil {
			t.Errorf("%s was dropped and is %q, %v", key, r.Value, err)
		}
	}
}
