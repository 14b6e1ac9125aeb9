package factor_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
)

func TestFailuresInARowLockOut(t *testing.T) {
	b, c := bench(t, totp(rfc))
	ctx := t.Context()
	who := factor.Tally{System: "duo", UserID: "alice", Threshold: 3, Reset: time.Hour}
	fail := func(last bool, want error) {
		t.Helper()
		if got, err := b.Attempt(ctx, who); got != last || !errors.Is(err, want) {
			t.Fatalf("last %v, %v; want %v, %v", got, err, last, want)
		}
	}
	fail(false, nil)
	fail(false, nil)
	if err := b.Passed(ctx, who); err != nil {
		t.Fatal(err)
	}
	fail(false, nil)
	fail(false, nil)
	fail(true, nil)
	fail(false, cause.Locked)
	if err := b.LockedOut(ctx, factor.Tally{System: "okta", UserID: "alice", Threshold: 3}); err != nil {
		t.Errorf("another system: %v", err)
	}
	c.Advance(time.Hour)
	fail(false, nil)
	fail(false, nil)
	fail(true, nil)
	if err := b.UnlockUser(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	if err := b.LockedOut(ctx, who); err != nil {
		t.Errorf("unlocked: %v", err)
	}
	who.Seeded = true
	if err := b.LockedOut(ctx, who); err != nil {
		t.Errorf("a seeded lock that was lifted: %v", err)
	}
	who.UserID = "bob"
	fail(false, cause.Locked)
}

func TestAPardonTakesOneAttemptBack(t *testing.T) {
	b, _ := bench(t, totp(rfc))
	who := factor.Tally{System: "duo", UserID: "alice", Threshold: 1}
	if last, err := b.Attempt(t.Context(), who); !last || err != nil {
		t.Fatal(last, err)
	}
	if err := b.Pardon(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	if err := b.LockedOut(t.Context(), who); err != nil {
		t.Error(err)
	}
}

func TestParallelGuessesCannotOutrunTheLockout(t *testing.T) {
	b, _ := bench(t, totp(rfc))
	who := factor.Tally{System: "duo", UserID: "alice", Threshold: 5}
	var in, lasts atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			last, err := b.Attempt(t.Context(), who)
			if err == nil {
				in.Add(1)
			} else if !errors.Is(err, cause.Locked) {
				t.Error(err)
			}
			if last {
				lasts.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 5 || lasts.Load() != 1 {
		t.Errorf("%d attempts were let in, %d of them the last", in.Load(), lasts.Load())
	}
}

func TestUnlockingAPersonUnlocksTheDevices(t *testing.T) {
	d := totp(rfc)
	d.MaxFail = 1
	b, _ := bench(t, d)
	verify(t, b, "alice-0", "000000", cause.WrongCode)
	verify(t, b, "alice-0", code(t, d, factor.Step(d, noon)), cause.DeviceLocked)
	if err := b.UnlockUser(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	verify(t, b, "alice-0", code(t, d, factor.Step(d, noon)), nil)
}
