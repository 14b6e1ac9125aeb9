package clock_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"counterpart/internal/company/clock"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestFrozenClockMovesOnlyByAdvance(t *testing.T) {
	c := clock.Frozen(noon)
	if got := c.Now(); !got.Equal(noon) {
		t.Fatalf("frozen at %v, shows %v", noon, got)
	}
	c.Advance(90 * time.Second)
	c.Advance(-time.Hour)
	if got, want := c.Now(), noon.Add(90*time.Second); !got.Equal(want) {
		t.Fatalf("after Advance: %v, want %v (a negative step must not count)", got, want)
	}
	if !c.IsFrozen() {
		t.Fatal("Advance must not thaw the clock")
	}
}

// TestS6AClockIsNotMovedPastWhatCanBeWrittenDown: it stays where it is, and whoever
// is within the limit moves on.
func TestS6AClockIsNotMovedPastWhatCanBeWrittenDown(t *testing.T) {
	for _, c := range []*clock.Virtual{clock.Frozen(noon), clock.New()} {
		before := c.Now()
		for _, d := range []time.Duration{clock.Latest.Sub(before) + time.Minute, math.MaxInt64} {
			if err := c.Advance(d); !errors.Is(err, clock.ErrTooLate) || c.Now().Sub(before) > time.Minute {
				t.Errorf("by %v: %v, it shows %v", d, err, c.Now())
			}
		}
		if err := c.Advance(clock.Latest.Sub(before) - time.Minute); err != nil {
			t.Error(err)
		}
		if now := c.Now(); now.Year() != 2199 || time.Unix(0, now.UnixNano()).UTC() != now {
			t.Errorf("it shows %v", now)
		}
	}
}

func TestAdvanceWakesThoseWhoseMomentHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.Frozen(noon)
		var woken sync.Map
		for _, s := range []int{10, 20, 30} {
			go func() {
				if err := c.Wait(t.Context(), noon.Add(time.Duration(s)*time.Second)); err == nil {
					woken.Store(s, true)
				}
			}()
		}
		synctest.Wait()
		c.Advance(20 * time.Second)
		synctest.Wait()
		for s, want := range map[int]bool{10: true, 20: true, 30: false} {
			if _, got := woken.Load(s); got != want {
				t.Errorf("waiter for +%ds woken = %v, want %v", s, got, want)
			}
		}
		c.Advance(time.Hour)
		synctest.Wait()
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := clock.Frozen(noon)
	if err := c.Wait(ctx, noon.Add(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	if err := c.Wait(ctx, noon); err != nil {
		t.Fatalf("a moment that has come needs no waiting, got %v", err)
	}
}

func TestResumeRunsOnFromWhereTheClockStood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.Frozen(noon)
		time.Sleep(time.Hour) // synthetic time of the test's bubble
		c.Resume()
		time.Sleep(5 * time.Second)
		if got, want := c.Now(), noon.Add(5*time.Second); !got.Equal(want) {
			t.Fatalf("resumed clock shows %v, want %v", got, want)
		}
		c.Freeze()
		time.Sleep(time.Hour)
		if got, want := c.Now(), noon.Add(5*time.Second); !got.Equal(want) {
			t.Fatalf("frozen again it shows %v, want %v", got, want)
		}
	})
}

// TestTimeNeverGoesBack: readers race with somebody who stops, moves and starts
// the clock, and none of them ever sees an earlier time than anybody saw before.
func TestTimeNeverGoesBack(t *testing.T) {
	c := clock.New()
	var latest atomic.Int64
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				before := latest.Load()
				now := c.Now().UnixNano()
				if now < before {
					t.Errorf("the time went back by %d ns", before-now)
					return
				}
				for old := before; now > old && !latest.CompareAndSwap(old, now); {
					old = latest.Load()
				}
			}
		})
	}
	for range 2_000 {
		c.Freeze()
		c.Advance(1)
		c.Resume()
	}
	close(done)
	all.Wait()
}

// TestBothShowsTwoTimes: the real time goes on while the fleet's stands, and is
// not moved by Advance.
func TestBothShowsTwoTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.Frozen(noon)
		time.Sleep(time.Second)
		c.Advance(time.Hour)
		if now, real := c.Both(); !now.Equal(noon.Add(time.Hour)) || real != time.Second {
			t.Errorf("got %v and %v, want %v and 1s", now, real, noon.Add(time.Hour))
		}
	})
}

// TestWaitForReturnsWhenSomethingHasChanged: also while time stands, and by real time
// where nobody can tell.
func TestWaitForReturnsWhenSomethingHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []*clock.Virtual{clock.Frozen(noon), clock.New()} {
			began, changed, done := time.Now(), make(chan struct{}), make(chan error, 1)
			go func() { done <- c.WaitFor(t.Context(), c.Now().Add(time.Hour), changed) }()
			synctest.Wait()
			if len(done) > 0 {
				t.Error("it returned before anything had changed")
			}
			close(changed)
			if err := <-done; err != nil || time.Since(began) > 0 {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			if err := c.WaitFor(t.Context(), c.Now().Add(time.Hour), nil); err != nil || time.Since(began) != clock.Unsure {
				t.Errorf("where nobody can tell: %v after %v", err, time.Since(began))
			}
			if err := c.WaitFor(t.Context(), c.Now(), make(chan struct{})); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestAlignNeverGoesBack: whoever follows others moves forward, or stays.
func TestAlignNeverGoesBack(t *testing.T) {
	c := clock.Frozen(noon)
	for _, step := range []struct {
		to     time.Duration
		frozen bool
		want   time.Duration
	}{{time.Hour, true, time.Hour}, {time.Minute, true, time.Hour}, {2 * time.Hour, true, 2 * time.Hour}} {
		c.Align(noon.Add(step.to), step.frozen)
		if now, frozen := c.Shows(); !now.Equal(noon.Add(step.want)) || frozen != step.frozen {
			t.Errorf("%+v: %v %v", step, now, frozen)
		}
	}
	c.Align(noon, false)
	if now, frozen := c.Shows(); now.Before(noon.Add(2*time.Hour)) || frozen {
		t.Errorf("it shows %v, frozen %v", now, frozen)
	}
}

// TestMoveIsOneChange: what it refuses has changed nothing.
func TestMoveIsOneChange(t *testing.T) {
	c, yes, no := clock.Frozen(noon), true, false
	for _, wrong := range []clock.Change{{To: noon.Add(-time.Second), Frozen: &no}, {Advance: math.MaxInt64, Frozen: &no}, {To: clock.Latest.Add(1), Frozen: &no}} {
		if err := c.Move(wrong); !errors.Is(err, clock.ErrPast) && !errors.Is(err, clock.ErrTooLate) {
			t.Errorf("%+v: %v", wrong, err)
		}
		if now, frozen := c.Shows(); !now.Equal(noon) || !frozen {
			t.Errorf("%+v: it shows %v, frozen %v", wrong, now, frozen)
		}
	}
	for _, right := range []clock.Change{{To: noon.Add(time.Hour)}, {Advance: time.Hour}, {Frozen: &no}, {Frozen: &yes}, {Frozen: &yes}} {
		if err := c.Move(right); err != nil {
			t.Errorf("%+v: %v", right, err)
		}
	}
	if now, frozen := c.Shows(); now.Before(noon.Add(2*time.Hour)) || now.After(noon.Add(2*time.Hour+time.Minute)) || !frozen {
		t.Errorf("it shows %v, frozen %v", now, frozen)
	}
}
