package factor_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

func TestABatchOfCodes(t *testing.T) {
	b, _ := bench(t, world.Device{Kind: world.SMS, Address: "+15550100", Digits: 7})
	ctx := t.Context()
	send := func() []string {
		t.Helper()
		if err := b.SendBatch(ctx, "alice-0", "duo", 10); err != nil {
			t.Fatal(err)
		}
		all, err := b.Outbox(ctx, "alice")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(all[len(all)-1].Code)
	}
	old, codes := send(), send()
	for i, c := range codes {
		if len(codes) != 10 || len(c) != 7 || c[0] != "1234567890"[i] {
			t.Fatalf("%v", codes)
		}
	}
	verify(t, b, "alice-0", old[4], cause.WrongCode) // superseded
	verify(t, b, "alice-0", codes[3], nil)
	verify(t, b, "alice-0", codes[3], cause.Replayed)
	if now, _, err := b.Current(ctx, "alice-0"); err != nil || now != codes[0] {
		t.Errorf("the next one is %s, %v", now, err)
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := b.Verify(ctx, "alice-0", codes[0]); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("one code was good %d times", won.Load())
	}
	if err := b.UnlockUser(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{1, 2, 4, 5, 6, 7, 8, 9} {
		verify(t, b, "alice-0", codes[i], nil)
	}
	verify(t, b, "alice-0", codes[9], cause.Replayed)
}

func TestGuestsHaveDevices(t *testing.T) {
	b, _ := bench(t)
	ctx := t.Context()
	d, err := b.EnrolGuest(ctx, "duo/zoe", world.Device{Kind: world.TOTP})
	if err != nil {
		t.Fatal(err)
	}
	code, _, err := b.Current(ctx, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := b.VerifyUser(ctx, "duo/zoe", code); err != nil || m.Device.ID != d.ID {
		t.Errorf("%v, %v", m, err)
	}
	for _, id := range []string{"alice", "", "a:b"} {
		if _, err := b.EnrolGuest(ctx, id, world.Device{Kind: world.TOTP}); err == nil {
			t.Errorf("%q is a guest", id)
		}
	}
}
