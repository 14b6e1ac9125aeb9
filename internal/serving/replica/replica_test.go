package replica_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/serving/replica"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// fleet makes replicas over one store.
type fleet struct {
	t     *testing.T
	store state.Store
	n     int
}

func newFleet(t *testing.T) *fleet {
	return &fleet{t: t, store: statetest.Shared(state.NewMemory(clock.Frozen(noon)))}
}

// replica joins the fleet with a clock of its own, on a machine whose time of day is
// wrong by skew.
func (f *fleet) replica(c *clock.Virtual, skew time.Duration) *replica.Group {
	f.t.Helper()
	f.n++
	g := replica.New(replica.Config{ID: fmt.Sprint("r", f.n), Host: "here", Store: f.store, Lasting: !f.store.Shared(), Clock: c,
		Wall: func() time.Time { return time.Now().Add(skew) }, Log: slog.New(slog.DiscardHandler)})
	if err := g.Join(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return g
}

func (f *fleet) move(g *replica.Group, c clock.Change) {
	f.t.Helper()
	if silent, err := g.Move(f.t.Context(), c); err != nil || len(silent) > 0 {
		f.t.Errorf("%+v: %v %v", c, silent, err)
	}
}

var yes, no = true, false

// forward reports a clock that goes back, until stop is called.
func forward(t *testing.T, c *clock.Virtual) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for last := c.Now(); ctx.Err() == nil; {
			now := c.Now()
			if now.Before(last) {
				t.Errorf("time went back from %v to %v", last, now)
			}
			last = now
			select {
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
		}
	})
	return func() { cancel(); running.Wait() }
}

// TestReplicasShowOneTime: whatever their machines show as the time of day, whenever they
// come, and whichever of them is told to move it.
func TestReplicasShowOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		var clocks []*clock.Virtual
		var all []*replica.Group
		for i, skew := range []time.Duration{0, time.Hour, -time.Hour, 3 * time.Second} {
			c := clock.New()
			g := f.replica(c, skew)
			defer g.Leave()
			defer forward(t, c)()
			clocks, all = append(clocks, c), append(all, g)
			f.move(all[i/2], clock.Change{Advance: time.Duration(i+1) * time.Hour})
			time.Sleep(time.Duration(i) * 1300 * time.Millisecond)
		}
		one := func(frozen bool, within time.Duration) (now time.Time) {
			t.Helper()
			now, _ = clocks[0].Shows()
			for i, c := range clocks {
				if x, stands := c.Shows(); stands != frozen || x.Sub(now).Abs() > within {
					t.Errorf("clock %d shows %v, frozen %v; the first one %v", i, x, stands, now)
				}
			}
			return now
		}
		if now := one(false, 10*time.Millisecond); time.Until(now).Round(time.Minute) != 10*time.Hour {
			t.Errorf("the fleet shows %v, the machine %v", now, time.Now())
		}
		for round := range 3 {
			f.move(all[round], clock.Change{Frozen: &yes})
			stood := one(true, 0)
			time.Sleep(time.Minute)
			var woken sync.WaitGroup
			for _, c := range clocks {
				woken.Go(func() { c.Wait(t.Context(), stood.Add(90*time.Second)) })
			}
			f.move(all[(round+1)%4], clock.Change{Advance: 90 * time.Second})
			woken.Wait()
			if now := one(true, 0); now.Sub(stood) != 90*time.Second {
				t.Errorf("advanced by 90 s it went from %v to %v", stood, now)
			}
			to := stood.Add(time.Hour)
			f.move(all[(round+2)%4], clock.Change{To: to, Frozen: &yes})
			if now := one(true, 0); !now.Equal(to) {
				t.Errorf("it stands at %v, not %v", now, to)
			}
			late := clock.New()
			g := f.replica(late, -48*time.Hour)
			if now, frozen := late.Shows(); !frozen || !now.Equal(to) {
				t.Errorf("who comes while time stands shows %v, frozen %v", now, frozen)
			}
			g.Leave()
			f.move(all[(round+3)%4], clock.Change{Frozen: &no})
			one(false, 10*time.Millisecond)
		}
	})
}

// TestAClockThatCountsFasterIsFollowed: nobody stays behind by more than a sign of life
// takes, and nobody goes back.
func TestAClockThatCountsFasterIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		slow, fast := clock.New(), clock.New()
		for _, c := range []*clock.Virtual{slow, fast} {
			defer f.replica(c, 0).Leave()
			defer forward(t, c)()
		}
		for range 10 {
			fast.Advance(300 * time.Millisecond) // by itself
			time.Sleep(5 * time.Second)
			if behind := fast.Now().Sub(slow.Now()).Abs(); behind > time.Second+10*time.Millisecond {
				t.Errorf("they differ by %v", behind)
			}
		}
	})
}

// TestTimeIsNotMovedWhereItCannotBe: nothing has changed then, nowhere.
func TestTimeIsNotMovedWhereItCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		fail := statetest.Crashing(f.store)
		f.store = fail
		a, b := clock.Frozen(noon), clock.New()
		g, h := f.replica(a, 0), f.replica(b, 0)
		defer g.Leave()
		defer h.Leave()
		for want, c := range map[error]clock.Change{clock.ErrPast: {To: noon.Add(-1), Frozen: &no}, clock.ErrTooLate: {Advance: clock.Latest.Sub(noon) + 1, Frozen: &no}} {
			if _, err := g.Move(t.Context(), c); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		synctest.Wait()
		fail.At(1)
		state.Of[int](fail, "x").Put(t.Context(), "x", 1, time.Time{})
		if _, err := h.Move(t.Context(), clock.Change{Advance: time.Hour}); !errors.Is(err, state.ErrUnavailable) {
			t.Errorf("without a store: %v", err)
		}
		for _, c := range []*clock.Virtual{a, b} {
			if now, frozen := c.Shows(); !now.Equal(noon) || !frozen {
				t.Errorf("it shows %v, frozen %v", now, frozen)
			}
		}
		fail.Heal()
		time.Sleep(time.Second)
		f.move(h, clock.Change{Advance: time.Hour})
		if now, _ := a.Shows(); !now.Equal(noon.Add(time.Hour)) {
			t.Errorf("it shows %v", now)
		}
	})
}

// TestWhoDoesNotAnswerIsNamed: and after a while it is lost, and nobody waits for it; who
// has said goodbye is not waited for at all.
func TestWhoDoesNotAnswerIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		a, b, left := f.replica(clock.Frozen(noon), 0), f.replica(clock.New(), 0), f.replica(clock.New(), 0)
		defer a.Leave()
		left.Leave()
		began := time.Now()
		f.move(a, clock.Change{Advance: time.Second})
		b.Die()
		if time.Since(began) > 0 {
			t.Errorf("it took %v", time.Since(began))
		}
		silent, err := a.Move(t.Context(), clock.Change{Advance: time.Second})
		if err != nil || len(silent) != 1 || !strings.Contains(silent[0], "replica r2 of here") || time.Since(began) != 2*time.Second {
			t.Errorf("%v %v after %v", silent, err, time.Since(began))
		}
		time.Sleep(7 * time.Second)
		began = time.Now()
		f.move(a, clock.Change{Advance: time.Second})
		if time.Since(began) > 0 {
			t.Errorf("who is lost is waited for: %v", time.Since(began))
		}
		all, err := a.List(t.Context())
		if err != nil || len(all) != 3 {
			t.Fatalf("%+v %v", all, err)
		}
		for i, want := range []replica.State{replica.Live, replica.Lost, replica.Left} {
			if all[i].State != want || (all[i].Gone.IsZero()) != (want == replica.Live) {
				t.Errorf("%+v is not %s", all[i], want)
			}
		}
		for range 50 { // many come and go
			f.replica(clock.New(), 0).Leave()
		}
		time.Sleep(3 * time.Second)
		if all, err := a.List(t.Context()); err != nil || len(all) > 40 {
			t.Errorf("%d on record, %v", len(all), err)
		}
	})
}

// TestTimeGoesOnAfterARestart: on a store that remembers, whether the process ended well
// or not, and whatever the machine shows.
func TestTimeGoesOnAfterARestart(t *testing.T) {
	for _, died := range []bool{false, true} {
		for _, frozen := range []bool{false, true} {
			for _, skew := range []time.Duration{0, -24 * time.Hour} {
				synctest.Test(t, func(t *testing.T) {
					f := &fleet{t: t, store: state.NewMemory(clock.Frozen(noon))}
					before, after := clock.New(), clock.New()
					g := f.replica(before, 0)
					f.move(g, clock.Change{Advance: 3 * time.Hour, Frozen: &frozen})
					time.Sleep(time.Minute + 7*time.Second)
					shown := before.Now()
					if died {
						g.Die()
					} else {
						g.Leave()
					}
					time.Sleep(time.Hour)
					h := f.replica(after, skew)
					defer h.Leave()
					now, stands := after.Shows()
					want := shown
					if !frozen && skew == 0 {
						want = shown.Add(time.Hour)
					}
					if late := now.Sub(want); stands != frozen || late < 0 || late > 10*time.Second || frozen && late > 0 {
						t.Errorf("died %v, frozen %v, skew %v: it shows %v, frozen %v, not %v", died, frozen, skew, now, stands, want)
					}
				})
			}
		}
	}
}

// TestWhoIsAloneWritesNothing: a store that ends with its process.
func TestWhoIsAloneWritesNothing(t *testing.T) {
	store := state.NewMemory(clock.Frozen(noon))
	c := clock.Frozen(noon)
	g := replica.New(replica.Config{ID: "r", Store: store, Clock: c, Wall: time.Now})
	if err := g.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Move(t.Context(), clock.Change{Advance: time.Hour}); err != nil || !c.Now().Equal(noon.Add(time.Hour)) {
		t.Errorf("%v %v", c.Now(), err)
	}
	if silent, err := g.Sync(t.Context()); err != nil || silent != nil {
		t.Error(silent, err)
	}
	if all, err := g.List(t.Context()); err != nil || len(all) != 1 || all[0].State != replica.Live {
		t.Errorf("%+v %v", all, err)
	}
	if err := g.Leave(); err != nil {
		t.Error(err)
	}
	if names, err := store.Tables(t.Context(), ""); err != nil || len(names) > 0 {
		t.Errorf("it has written to %v, %v", names, err)
	}
}
