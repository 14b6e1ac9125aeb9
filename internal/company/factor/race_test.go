package factor_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
)

// TestC3OneCodeOfTwoDevices: one secret on two devices (enrolled twice, as with two
// servers). Of many who race with one code one wins, whichever device they name.
func TestC3OneCodeOfTwoDevices(t *testing.T) {
	twins := map[string][]world.Device{
		"totp":         {totp(rfc), totp(rfc)},
		"wide window":  {totp(world.Window{}), totp(world.Window{Before: 5, After: 5})},
		"narrow later": {totp(world.Window{Before: 5, After: 5}), totp(world.Window{})},
		"hotp":         {hotp(), hotp()},
		"three":        {totp(rfc), hotp(), totp(rfc)},
	}
	for name, devices := range twins {
		t.Run(name, func(t *testing.T) {
			for round := range 100 {
				b, c := bench(t, append([]world.Device{}, devices...)...)
				now := code(t, devices[0], 3)
				if devices[0].Kind == world.TOTP {
					now = code(t, devices[0], factor.Step(devices[0], c.Now()))
				}
				ways := []func(ctx context.Context) error{
					func(ctx context.Context) error { _, err := b.VerifyUser(ctx, "alice", now); return err },
					func(ctx context.Context) error {
						_, err := b.AcceptUser(ctx, "alice", func(c string) bool { return c == now })
						return err
					},
				}
				for i := range devices {
					if devices[i].Kind == devices[0].Kind {
						ways = append(ways, func(ctx context.Context) error {
							_, err := b.Verify(ctx, fmt.Sprint("alice-", i), now)
							return err
						})
					}
				}
				var won atomic.Int32
				var all sync.WaitGroup
				for i := range 8 {
					all.Go(func() {
						if err := ways[(i+round)%len(ways)](t.Context()); err == nil {
							won.Add(1)
						} else if _, known := cause.Of(err); !known {
							t.Error(err)
						}
					})
				}
				all.Wait()
				if won.Load() != 1 {
					t.Fatalf("round %d: one code was accepted %d times", round, won.Load())
				}
				for i, again := range ways { // also later, as long as a window lets it in
					if again(t.Context()) == nil {
						t.Fatalf("round %d: way %d takes it once more", round, i)
					}
				}
				if c.Advance(30 * time.Second); ways[0](t.Context()) == nil {
					t.Fatalf("round %d: it is taken once more, half a minute later", round)
				}
			}
		})
	}
}

// TestC3ALockedTwinDoesNotSpeak: a device that takes nothing does not stand in the
// way of another one with its secret, and what was accepted stays used when it is
// unlocked.
func TestC3ALockedTwinDoesNotSpeak(t *testing.T) {
	d := totp(rfc)
	d.MaxFail = 1
	b, c := bench(t, d, totp(rfc))
	verify(t, b, "alice-0", "000000", cause.WrongCode)
	right := code(t, d, factor.Step(d, c.Now()))
	if m, err := b.VerifyUser(t.Context(), "alice", right); err != nil || m.Device.ID != "alice-1" {
		t.Fatal(m, err)
	}
	if err := b.Unlock(t.Context(), "alice-0"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.VerifyUser(t.Context(), "alice", right); !errors.Is(err, cause.Replayed) {
		t.Errorf("after the unlock: %v", err)
	}
	if n := failures(t, b, "alice-1"); n == 0 {
		t.Error("the replay was not counted")
	}
}
