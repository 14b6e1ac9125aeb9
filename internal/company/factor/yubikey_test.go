package factor_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/company/world"
)

// golden is the key of ykksm's own self-test.
func golden() world.Device {
	octets := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	return world.Device{ID: "alice-yubi", UserID: "alice", Kind: world.Yubikey, PublicID: "idkfefrdhtru",
		PrivateID: octets("609963eae7b5"), AESKey: octets("c68c9df8cbfe7d2f994cb904046c7218")}
}

func service(t *testing.T, d world.Device, wrap func(state.Store) state.Store) (*factor.Service, *clock.Virtual) {
	t.Helper()
	c := clock.Frozen(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	w, err := world.New(world.Facts{RandomSeed: 7, Users: []world.User{{ID: "alice", Name: "alice", Devices: []world.Device{d}}}})
	if err != nil {
		t.Fatal(err)
	}
	return factor.New(factor.Config{World: w, Store: wrap(state.NewMemory(c)), Clock: c, Rand: w.Derive("test")}), c
}

func plain(s state.Store) state.Store { return s }

func otp(t *testing.T, text string) factor.OTP {
	t.Helper()
	o, err := factor.ParseOTP(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestGoldenOTPs decrypts what ykksm's self-test has.
func TestGoldenOTPs(t *testing.T) {
	for text, want := range map[string]factor.Keystroke{
		"idkfefrdhtrutjduvtcjbfeuvhehdvjjlbchtlenfgku": {Session: 1, Timestamp: 0x0f8d40, Use: 0, Random: 0x5447},
		"idkfefrdhtrulltfdldtugukdleibbbtdudblctjvikv": {Session: 1, Timestamp: 0x0f8d48, Use: 1, Random: 0x1234},
		"idkfefrdhtruughbgugddclgchhkdfkfcjufjgbvtivi": {Session: 2, Timestamp: 0x10, Use: 0, Random: 0xbeef},
	} {
		k, err := otp(t, text).Open(golden())
		want.PrivateID = [6]byte(golden().PrivateID)
		if text[12] == 'l' {
			want.Random = k.Random // the contract does not name it
		}
		if err != nil || k != want {
			t.Errorf("%s is %+v, %v", text, k, err)
		}
	}
}

// TestPressedAndTouched: what the virtual key types is accepted once, in its order.
func TestPressedAndTouched(t *testing.T) {
	b, c := service(t, golden(), plain)
	ctx := t.Context()
	press := func(policy string) string {
		t.Helper()
		text, err := b.Press(ctx, "alice-yubi", policy)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	touch := func(text, mark string, want error) factor.Touched {
		t.Helper()
		x, err := b.Touch(ctx, golden(), otp(t, text), mark)
		if !errors.Is(err, want) {
			t.Fatalf("%s: %v, want %v", text, err, want)
		}
		return x
	}
	first := press("")
	if x := touch(first, "m", nil); x.Session != 1 || x.Use != 0 || x.Before.Session != -1 {
		t.Errorf("%+v", x)
	}
	c.Advance(time.Second)
	second := press("next")
	if x := touch(second, "n", nil); x.Use != 1 || x.Timestamp-uint32(x.Before.High<<16|x.Before.Low) != 8 {
		t.Errorf("a second later: %+v", x)
	}
	if x := touch(second, "n", cause.Replayed); !x.Repeated {
		t.Error("the same request again is not told apart")
	}
	if x := touch(second, "m", cause.Replayed); x.Repeated {
		t.Error("another mark is the same request")
	}
	if x := touch(first, "m", cause.Replayed); x.Repeated {
		t.Error("an older one with its own mark is the same request")
	}
	for _, policy := range []string{factor.PressCorruptCRC, factor.PressWrongPrivateID, factor.PressWrongAES} {
		touch(press(policy), "m", cause.WrongCode)
	}
	touch(press(factor.PressOldSession), "m", cause.Replayed)
	third := press("")
	touch(third, "m", nil)
	if press(factor.PressReplayLast) != third {
		t.Error("replay_last is not what came last")
	}
	if _, err := b.PowerCycle(ctx, "alice-yubi"); err != nil {
		t.Fatal(err)
	}
	if x := touch(press(""), "m", nil); x.Session != 2 || x.Use != 0 {
		t.Errorf("after the power cycle: %+v", x)
	}
	if _, err := b.Press(ctx, "alice-yubi", "sideways"); !errors.Is(err, cause.BadInput) {
		t.Error(err)
	}
}

// TestUseWrapsIntoTheNextSession, and a counter at its end types nothing any more.
func TestUseWrapsIntoTheNextSession(t *testing.T) {
	d := golden()
	d.Counter, d.FirstUse = 0x7ffe, 254
	b, _ := service(t, d, plain)
	for i, want := range [][2]int{{0x7ffe, 254}, {0x7ffe, 255}, {0x7fff, 0}} {
		text, err := b.Press(t.Context(), d.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		k, err := otp(t, text).Open(d)
		if err != nil || int(k.Session) != want[0] || int(k.Use) != want[1] {
			t.Errorf("press %d: %+v %v", i, k, err)
		}
	}
	if _, err := b.PowerCycle(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	if text, err := b.Press(t.Context(), d.ID, ""); !errors.Is(err, cause.Expired) {
		t.Errorf("at its end it types %q, %v", text, err)
	}
}

// TestASequenceOfPresses ends with its last policy.
func TestASequenceOfPresses(t *testing.T) {
	d := golden()
	d.Presses = []string{factor.PressCorruptCRC, factor.PressNext, factor.PressWrongAES}
	b, _ := service(t, d, plain)
	for i, want := range []error{cause.WrongCode, nil, cause.WrongCode, cause.WrongCode} {
		text, err := b.Press(t.Context(), d.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Touch(t.Context(), d, otp(t, text), "m"); !errors.Is(err, want) {
			t.Errorf("press %d: %v", i, err)
		}
	}
}

// TestOneOTPOfManyCallers: one is accepted, whatever the store does.
func TestOneOTPOfManyCallers(t *testing.T) {
	for name, wrap := range map[string]func(state.Store) state.Store{"memory": plain, "twice": statetest.Twice} {
		for _, same := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " same mark ", same), func(t *testing.T) {
				b, _ := service(t, golden(), wrap)
				text, err := b.Press(t.Context(), "alice-yubi", "")
				if err != nil {
					t.Fatal(err)
				}
				o := otp(t, text)
				var mu sync.Mutex
				var won, repeated int
				var all sync.WaitGroup
				for i := range 50 {
					all.Go(func() {
						mark := "same"
						if !same {
							mark = fmt.Sprint(i)
						}
						x, err := b.Touch(t.Context(), golden(), o, mark)
						mu.Lock()
						defer mu.Unlock()
						switch {
						case err == nil:
							won++
						case !errors.Is(err, cause.Replayed):
							t.Error(err)
						case x.Repeated:
							repeated++
						}
					})
				}
				all.Wait()
				if won != 1 || same && repeated != 49 || !same && repeated != 0 {
					t.Errorf("accepted %d times, repeated %d", won, repeated)
				}
			})
		}
	}
}

// TestACrashLeavesNoOTPUsableTwice stops the store at every write.
func TestACrashLeavesNoOTPUsableTwice(t *testing.T) {
	for at := 1; at < 6; at++ {
		var store *statetest.Crash
		b, _ := service(t, golden(), func(s state.Store) state.Store { store = statetest.Crashing(s); return store })
		ctx := context.Background()
		accepted := map[string]int{}
		store.At(at)
		for range 4 {
			text, err := b.Press(ctx, "alice-yubi", "")
			if err != nil {
				store.Heal()
				continue
			}
			if accepted[text] > 0 {
				t.Fatalf("write %d: typed twice: %s", at, text)
			}
			for range 3 {
				if _, err := b.Touch(ctx, golden(), otp(t, text), "m"); err == nil {
					accepted[text]++
				} else if _, refused := cause.Of(err); !refused {
					store.Heal()
				}
			}
			if accepted[text] > 1 {
				t.Errorf("write %d: %s was accepted %d times", at, text, accepted[text])
			}
		}
	}
}

// TestTwoServersDescribeAKeyAlike: two servers that list one key describe it alike.
func TestTwoServersDescribeAKeyAlike(t *testing.T) {
	b, _ := service(t, golden(), plain)
	d := golden()
	d.ID, d.PublicID = "yubikey:cccc", "cccc"
	if err := errors.Join(b.Register(d), b.Register(d)); err != nil {
		t.Fatal(err)
	}
	if found, err := b.FindYubikey(t.Context(), "0000"); err != nil || found.ID != d.ID {
		t.Error(found.ID, err)
	}
	if found, err := b.FindYubikey(t.Context(), "alice-yubi"); err != nil || found.PublicID != "idkfefrdhtru" {
		t.Error(found.ID, err)
	}
	if d.AESKey = make([]byte, 16); b.Register(d) == nil {
		t.Error("another AES key is taken")
	}
}

// FuzzParseOTP: whatever is read can be opened without a panic, and is what a key could type.
func FuzzParseOTP(f *testing.F) {
	f.Add("idkfefrdhtrutjduvtcjbfeuvhehdvjjlbchtlenfgku")
	f.Add("cccccccccccccccccccccccccccccccc")
	f.Add("jxe.uidchtnbpygk")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := factor.ParseOTP(factor.FromDvorak(text))
		if err != nil {
			if !errors.Is(err, cause.Malformed) {
				t.Error(err)
			}
			return
		}
		if k, err := o.Open(golden()); err == nil && k.PrivateID != [6]byte(golden().PrivateID) {
			t.Errorf("%q: %+v", text, k)
		}
	})
}
