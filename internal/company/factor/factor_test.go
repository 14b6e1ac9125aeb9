package factor_test

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/steering/dialecttest"
)

var (
	noon  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	rfc20 = []byte("12345678901234567890")
	rfc   = world.Window{Before: 1, After: 1}
)

// bench returns a Service whose one person, alice, has the given devices.
func bench(t *testing.T, devices ...world.Device) (*factor.Service, *clock.Virtual) {
	t.Helper()
	for i := range devices {
		devices[i].UserID = "alice"
		if devices[i].ID == "" {
			devices[i].ID = fmt.Sprintf("alice-%d", i)
		}
	}
	w, err := world.New(world.Facts{RandomSeed: 1, Users: []world.User{{ID: "alice", Name: "alice", Devices: devices}, {ID: "bob", Name: "bob"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(noon)
	return factor.New(factor.Config{World: w, Store: state.NewMemory(c), Clock: c, Rand: w.Derive("test")}), c
}

func totp(w world.Window) world.Device {
	return world.Device{Kind: world.TOTP, Secret: rfc20, Window: w}
}

func hotp() world.Device {
	return world.Device{Kind: world.HOTP, Secret: rfc20, Window: world.Window{After: 10}}
}

func code(t *testing.T, d world.Device, counter int64) string {
	t.Helper()
	c, err := factor.CodeAt(d, uint64(counter))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// verify demands a certain end of one attempt; want nil is success.
func verify(t *testing.T, b *factor.Service, device, code string, want error) {
	t.Helper()
	if _, err := b.Verify(t.Context(), device, code); !errors.Is(err, want) {
		t.Errorf("code %q on %s: %v, want %v", code, device, err, want)
	}
}

func failures(t *testing.T, b *factor.Service, device string) int {
	t.Helper()
	d, err := b.Find(t.Context(), device)
	if err != nil {
		t.Fatal(err)
	}
	return d.Failures
}

// TestConformance walks the checklist of the contract of one-time passwords.
func TestConformance(t *testing.T) {
	list := dialecttest.Checklist(t, "testdata/checklist.txt")
	list.Run("1 appendix D values", func(t *testing.T) {
		want := strings.Fields("755224 287082 359152 969429 338314 254676 287922 162583 399871 520489 403154 481090")
		for c, w := range want {
			if got := code(t, hotp(), int64(c)); got != w {
				t.Errorf("C=%d: %s, want %s", c, got, w)
			}
		}
	})
	list.Run("2 appendix B values", appendixB)
	list.Run("4 an accepted code is rejected in the same step and counted", func(t *testing.T) {
		d := totp(rfc)
		b, c := bench(t, d)
		now := code(t, d, factor.Step(d, c.Now()))
		verify(t, b, "alice-0", now, nil)
		verify(t, b, "alice-0", now, cause.Replayed)
		if n := failures(t, b, "alice-0"); n != 1 {
			t.Errorf("%d failures counted, want 1", n)
		}
	})
	list.Run("5 the step before an accepted one is dead", func(t *testing.T) {
		d := totp(rfc)
		b, c := bench(t, d)
		s := factor.Step(d, c.Now())
		verify(t, b, "alice-0", code(t, d, s), nil)
		verify(t, b, "alice-0", code(t, d, s-1), cause.Replayed)
		verify(t, b, "alice-0", code(t, d, s+1), nil)
	})
	list.Run("6 window rfc", func(t *testing.T) { window(t, rfc, -1, 1) })
	list.Run("7 window privacyidea", func(t *testing.T) { window(t, world.Window{Before: 6, After: 5}, -6, 5) })
	list.Run("8 HOTP look-ahead", func(t *testing.T) {
		b, _ := bench(t, hotp())
		verify(t, b, "alice-0", code(t, hotp(), 10), cause.WrongCode)
		verify(t, b, "alice-0", code(t, hotp(), 9), nil)
		for c := range int64(9) {
			verify(t, b, "alice-0", code(t, hotp(), c), cause.WrongCode)
		}
		verify(t, b, "alice-0", code(t, hotp(), 9), cause.Replayed)
		b.Unlock(t.Context(), "alice-0")
		verify(t, b, "alice-0", code(t, hotp(), 10), nil)
	})
	list.Run("9 of a hundred racing callers one wins", race)
	list.Run("10 lock and recovery", lock)
	list.Run("11 a success resets the failures", func(t *testing.T) {
		d := totp(rfc)
		b, c := bench(t, d)
		verify(t, b, "alice-0", "000000", cause.WrongCode)
		verify(t, b, "alice-0", code(t, d, factor.Step(d, c.Now())), nil)
		if n := failures(t, b, "alice-0"); n != 0 {
			t.Errorf("%d failures left", n)
		}
	})
	list.Run("12 malformed input changes nothing but the count", func(t *testing.T) {
		d := totp(rfc)
		b, c := bench(t, d)
		bad := []string{"", "12345", "1234567", "abcdef", "12 456", "１２３４５６", "-12345", "12345\x00"}
		for _, s := range bad {
			verify(t, b, "alice-0", s, cause.Malformed)
		}
		if n := failures(t, b, "alice-0"); n != len(bad) {
			t.Errorf("%d failures counted, want %d", n, len(bad))
		}
		verify(t, b, "alice-0", " "+code(t, d, factor.Step(d, c.Now()))+" ", nil)
	})
	list.Run("13 resynchronisation", resync)
	list.Run("14 step 0 is usable once", func(t *testing.T) {
		d := totp(rfc)
		b, c := bench(t, d)
		epoch := clock.Frozen(time.Unix(0, 0))
		b.Clock = epoch
		_ = c
		verify(t, b, "alice-0", code(t, d, 0), nil)
		verify(t, b, "alice-0", code(t, d, 0), cause.Replayed)
	})
	list.Run("15 URI", uri)
	list.Run("16 QR", func(t *testing.T) {
		text, _ := factor.URI(totp(rfc), "Acme & Söhne", "alice@acme.test", 0)
		raw, err := factor.QR(text)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		bits, err := gozxing.NewBinaryBitmapFromImage(img)
		if err != nil {
			t.Fatal(err)
		}
		got, err := qrcode.NewQRCodeReader().Decode(bits, nil)
		if err != nil || got.GetText() != text {
			t.Errorf("read back %v, %v; want %q", got, err, text)
		}
		if _, err := factor.QR(strings.Repeat("x", 5000)); !errors.Is(err, cause.BadInput) {
			t.Errorf("5000 octets: %v", err)
		}
	})
	list.Run("17 a used code stays used for the next who reads the store", func(t *testing.T) {
		d := totp(rfc)
		d.ID, d.UserID = "alice-0", "alice"
		w, err := world.New(world.Facts{RandomSeed: 1, Users: []world.User{{ID: "alice", Name: "alice", Devices: []world.Device{d}}}})
		if err != nil {
			t.Fatal(err)
		}
		c := clock.Frozen(noon)
		store := state.NewMemory(c)
		one := code(t, d, factor.Step(d, c.Now()))
		for i, want := range []error{nil, cause.Replayed} {
			b := factor.New(factor.Config{World: w, Store: store, Clock: c, Rand: w.Derive("test")})
			if verify(t, b, d.ID, one, want); failures(t, b, d.ID) != i {
				t.Errorf("process %d counts %d failures", i, failures(t, b, d.ID))
			}
		}
	})
	list.Run("19 approval policies", policies)
	list.Run("20 approve_if", func(t *testing.T) {
		for ip, want := range map[string]factor.ApprovalState{"10.0.0.1": factor.Approved, "10.0.0.2": factor.Denied, "": factor.Denied} {
			b, _ := bench(t, push(world.Approval{Policy: "approve_if", When: map[string]string{"details.ip": "10.0.0.1"}}))
			a, err := b.Ask(t.Context(), factor.Ask{UserID: "alice", Details: map[string]string{"ip": ip}})
			if err != nil {
				t.Fatal(err)
			}
			if a, _ = b.Approval(t.Context(), a.ID); a.State != want {
				t.Errorf("ip %q: %s, want %s", ip, a.State, want)
			}
		}
	})
}

func appendixB(t *testing.T) {
	secrets := map[string][]byte{"SHA1": rfc20, "SHA256": []byte("12345678901234567890123456789012"),
		"SHA512": []byte("1234567890123456789012345678901234567890123456789012345678901234")}
	for _, row := range []struct {
		unix int64
		want [3]string
	}{
		{59, [3]string{"94287082", "46119246", "90693936"}},
		{1111111109, [3]string{"07081804", "68084774", "25091201"}},
		{1111111111, [3]string{"14050471", "67062674", "99943326"}},
		{1234567890, [3]string{"89005924", "91819424", "93441116"}},
		{2000000000, [3]string{"69279037", "90698825", "38618901"}},
		{20000000000, [3]string{"65353130", "77737706", "47863826"}},
	} {
		for i, alg := range []string{"SHA1", "SHA256", "SHA512"} {
			d := world.Device{Kind: world.TOTP, Secret: secrets[alg], Algorithm: alg, Digits: 8}
			if got := code(t, d, factor.Step(d, time.Unix(row.unix, 0))); got != row.want[i] {
				t.Errorf("%s at %d: %s, want %s", alg, row.unix, got, row.want[i])
			}
		}
	}
}

func window(t *testing.T, w world.Window, from, to int64) {
	for off := from - 1; off <= to+1; off++ {
		d := totp(w)
		b, c := bench(t, d)
		want := error(nil)
		if off < from || off > to {
			want = cause.WrongCode
		}
		verify(t, b, "alice-0", code(t, d, factor.Step(d, c.Now())+off), want)
	}
}

func race(t *testing.T) {
	backup := world.Device{Kind: world.Static, Codes: []string{"one-two"}}
	sms := world.Device{ID: "sms", Kind: world.SMS, Address: "+1", MaxTries: 1000}
	b, c := bench(t, totp(rfc), hotp(), backup, sms)
	if err := b.Send(t.Context(), "sms", "test"); err != nil {
		t.Fatal(err)
	}
	delivered, _, err := b.Current(t.Context(), "sms")
	if err != nil {
		t.Fatal(err)
	}
	for device, once := range map[string]string{
		"alice-0": code(t, totp(rfc), factor.Step(totp(rfc), c.Now())), "alice-1": code(t, hotp(), 0), "alice-2": "one-two", "sms": delivered,
	} {
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = b.Verify(t.Context(), device, once)
				} else {
					_, err = b.VerifyUser(t.Context(), "alice", once)
				}
				if err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: %d callers won with one code", device, won.Load())
		}
		for _, d := range []string{"alice-0", "alice-1", "alice-2", "sms"} {
			b.Unlock(t.Context(), d)
		}
	}
}

func lock(t *testing.T) {
	d := totp(rfc)
	d.MaxFail, d.LockReset = 3, time.Hour
	forever := d
	forever.LockReset = 0
	b, c := bench(t, d, forever)
	for _, id := range []string{"alice-0", "alice-1"} {
		for range 3 {
			verify(t, b, id, "000000", cause.WrongCode)
		}
		verify(t, b, id, code(t, d, factor.Step(d, c.Now())), cause.DeviceLocked)
	}
	c.Advance(time.Hour)
	right := code(t, d, factor.Step(d, c.Now()))
	verify(t, b, "alice-0", right, nil)
	verify(t, b, "alice-1", right, cause.DeviceLocked)
	if err := b.Unlock(t.Context(), "alice-1"); err != nil {
		t.Fatal(err)
	}
	verify(t, b, "alice-1", right, cause.Replayed) // the same secret: the first phone has had this one
	c.Advance(30 * time.Second)
	verify(t, b, "alice-1", code(t, d, factor.Step(d, c.Now())), nil)
}

func TestAResyncAfterALockCountsFromOne(t *testing.T) {
	d := hotp()
	d.MaxFail, d.LockReset = 2, time.Hour
	b, c := bench(t, d)
	verify(t, b, "alice-0", "000000", cause.WrongCode)
	verify(t, b, "alice-0", "000000", cause.WrongCode)
	c.Advance(time.Hour)
	if _, err := b.Resync(t.Context(), "alice-0", "000000", "000001"); !errors.Is(err, cause.WrongCode) {
		t.Fatal(err)
	}
	if n := failures(t, b, "alice-0"); n != 1 {
		t.Errorf("%d failures after one attempt", n)
	}
	verify(t, b, "alice-0", code(t, d, 3), nil)
	if x, err := b.Find(t.Context(), "alice-0"); err != nil || x.Next != 4 {
		t.Errorf("the next counter is %d, %v", x.Next, err)
	}
}

func resync(t *testing.T) {
	b, c := bench(t, totp(rfc), hotp())
	step := factor.Step(totp(rfc), c.Now())
	for _, tt := range []struct {
		device string
		d      world.Device
		at     int64
	}{{"alice-0", totp(rfc), step + 500}, {"alice-1", hotp(), 500}} {
		apart := code(t, tt.d, tt.at+2)
		if _, err := b.Resync(t.Context(), tt.device, code(t, tt.d, tt.at), apart); !errors.Is(err, cause.WrongCode) {
			t.Errorf("%s: two codes that do not follow each other: %v", tt.device, err)
		}
		if _, err := b.Resync(t.Context(), tt.device, code(t, tt.d, tt.at), code(t, tt.d, tt.at+1)); err != nil {
			t.Errorf("%s: %v", tt.device, err)
		}
		verify(t, b, tt.device, code(t, tt.d, tt.at+1), cause.Replayed)
		verify(t, b, tt.device, code(t, tt.d, tt.at+2), nil)
	}
	c.Advance(30 * time.Second) // the drift stays with the device
	verify(t, b, "alice-0", code(t, totp(rfc), step+503), nil)
	if shown, _, _ := b.Current(t.Context(), "alice-0"); shown != code(t, totp(rfc), step+502) {
		t.Errorf("the drifting device shows %s", shown)
	}
}

func uri(t *testing.T) {
	d := world.Device{Kind: world.TOTP, Secret: rfc20, Digits: 8, Period: time.Minute, Algorithm: "SHA256"}
	text, err := factor.URI(d, "Acme Inc: West", "alice", 0)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Acme Inc  West:alice" {
		t.Fatalf("%s parses to %+v, %v", text, u, err)
	}
	want := url.Values{"secret": {"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}, "issuer": {"Acme Inc  West"}, "algorithm": {"SHA256"}, "digits": {"8"}, "period": {"60"}}
	if got := u.Query(); got.Encode() != want.Encode() {
		t.Errorf("parameters %v, want %v", got, want)
	}
	if strings.Contains(text, "+") {
		t.Errorf("a space must be %%20: %s", text)
	}
	plain, _ := factor.URI(totp(rfc), "Acme", "alice", 0)
	if want := "otpauth://totp/Acme:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme"; plain != want {
		t.Errorf("defaults are left out: %s, want %s", plain, want)
	}
	counted, _ := factor.URI(hotp(), "Acme", "alice", 7)
	if !strings.HasSuffix(counted, "&counter=7") {
		t.Errorf("a hotp URI needs its counter: %s", counted)
	}
	if _, err := factor.URI(world.Device{Kind: world.Push}, "Acme", "alice", 0); !errors.Is(err, cause.WrongKind) {
		t.Errorf("push: %v", err)
	}
}

func push(a world.Approval) world.Device { return world.Device{Kind: world.Push, Approval: &a} }

func policies(t *testing.T) {
	for _, tt := range []struct {
		policy world.Approval
		at     time.Duration
		want   []factor.ApprovalState // just before and at that moment
		fraud  bool
	}{
		{world.Approval{Policy: "approve", Delay: 2 * time.Second}, 2 * time.Second, []factor.ApprovalState{"pending", "approved"}, false},
		{world.Approval{Policy: "deny", Delay: time.Second}, time.Second, []factor.ApprovalState{"pending", "denied"}, false},
		{world.Approval{Policy: "fraud", Delay: time.Second}, time.Second, []factor.ApprovalState{"pending", "denied"}, true},
		{world.Approval{Policy: "timeout"}, time.Minute, []factor.ApprovalState{"pending", "expired"}, false},
		{world.Approval{Policy: "interactive", TTL: 5 * time.Second}, 5 * time.Second, []factor.ApprovalState{"pending", "expired"}, false},
		{world.Approval{Policy: "approve", Delay: time.Hour}, time.Minute, []factor.ApprovalState{"pending", "expired"}, false},
	} {
		b, c := bench(t, push(tt.policy))
		a, err := b.Ask(t.Context(), factor.Ask{UserID: "alice", System: "test"})
		if err != nil {
			t.Fatal(err)
		}
		c.Advance(tt.at - time.Nanosecond)
		before, _ := b.Approval(t.Context(), a.ID)
		c.Advance(time.Nanosecond)
		after, _ := b.Approval(t.Context(), a.ID)
		if before.State != tt.want[0] || after.State != tt.want[1] || after.Fraud != tt.fraud {
			t.Errorf("%+v: %s then %s, fraud %v", tt.policy, before.State, after.State, after.Fraud)
		}
		if _, err := b.Decide(t.Context(), a.ID, factor.Verdict{State: factor.Approved}); !errors.Is(err, cause.Decided) {
			t.Errorf("%s: a decision after the end: %v", tt.policy.Policy, err)
		}
	}
	b, _ := bench(t, push(world.Approval{Policy: "sequence", Sequence: []world.Approval{{Policy: "deny"}, {Policy: "approve"}}}))
	for i, want := range []factor.ApprovalState{"denied", "approved", "approved"} {
		a, err := b.Ask(t.Context(), factor.Ask{UserID: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		if a, _ = b.Approval(t.Context(), a.ID); a.State != want {
			t.Errorf("request %d of the sequence: %s, want %s", i, a.State, want)
		}
	}
}

func TestAPersonDecidesAndTheWaitingCallerWakes(t *testing.T) {
	b, _ := bench(t, push(world.Approval{Policy: "interactive"}))
	a, err := b.Ask(t.Context(), factor.Ask{UserID: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan factor.Approval, 2)
	for range 2 {
		go func() {
			a, err := b.Await(t.Context(), a.ID)
			if err != nil {
				t.Error(err)
			}
			got <- a
		}()
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for _, s := range []factor.ApprovalState{factor.Approved, factor.Denied} { // two people click at once
		wg.Go(func() {
			if _, err := b.Decide(t.Context(), a.ID, factor.Verdict{State: s, By: "console"}); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	x, y := <-got, <-got
	if won.Load() != 1 || x.State == factor.Pending || x.State != y.State {
		t.Errorf("%d decisions won, the callers saw %s and %s", won.Load(), x.State, y.State)
	}
}

func TestACodeFitsOneOfSeveralDevices(t *testing.T) {
	other := totp(rfc)
	other.Secret = []byte("09876543210987654321")
	b, c := bench(t, totp(rfc), other)
	m, err := b.VerifyUser(t.Context(), "alice", code(t, other, factor.Step(other, c.Now())))
	if err != nil || m.Device.ID != "alice-1" {
		t.Fatalf("%v, %v", m, err)
	}
	if n := failures(t, b, "alice-0"); n != 0 {
		t.Errorf("the device that did not fit counted %d failures on a success", n)
	}
	if _, err := b.VerifyUser(t.Context(), "alice", code(t, other, factor.Step(other, c.Now()))); !errors.Is(err, cause.Replayed) {
		t.Errorf("again: %v", err)
	}
	twin, c := bench(t, totp(rfc), totp(rfc)) // one secret on two phones
	once := code(t, totp(rfc), factor.Step(totp(rfc), c.Now()))
	for _, want := range []error{nil, cause.Replayed} {
		if _, err := twin.VerifyUser(t.Context(), "alice", once); !errors.Is(err, want) {
			t.Errorf("a code that fits two devices: %v, want %v", err, want)
		}
	}
	if _, err := b.VerifyUser(t.Context(), "alice", "000000", world.HOTP); !errors.Is(err, cause.NoDevice) {
		t.Errorf("no device of that kind: %v", err)
	}
	if _, err := b.VerifyUser(t.Context(), "bob", "000000"); !errors.Is(err, cause.NoDevice) {
		t.Errorf("no device at all: %v", err)
	}
}

func TestDeliveredCodes(t *testing.T) {
	b, c := bench(t, world.Device{ID: "sms", Kind: world.SMS, Address: "+15550100", MaxTries: 2})
	verify(t, b, "sms", "123456", cause.NoneDelivered)
	send := func() string {
		t.Helper()
		if err := b.Send(t.Context(), "sms", "radius"); err != nil {
			t.Fatal(err)
		}
		box, err := b.Outbox(t.Context(), "alice")
		if err != nil || len(box) == 0 {
			t.Fatalf("outbox %v, %v", box, err)
		}
		last := box[len(box)-1]
		if last.To != "+15550100" || last.System != "radius" || len(last.Code) != 6 {
			t.Fatalf("delivered %+v", last)
		}
		return last.Code
	}
	one := send()
	two := send()
	if one == two {
		t.Fatal("the second code is the first")
	}
	verify(t, b, "sms", one, cause.WrongCode) // superseded
	verify(t, b, "sms", two, nil)
	verify(t, b, "sms", two, cause.Replayed)
	three := send()
	c.Advance(5 * time.Minute)
	verify(t, b, "sms", three, cause.Expired)
	four := send()
	verify(t, b, "sms", "nope", cause.WrongCode)
	verify(t, b, "sms", "nope", cause.WrongCode)
	verify(t, b, "sms", four, cause.NoneDelivered) // two attempts were all it had
}

func TestEnrolledDevicesWorkAndGo(t *testing.T) {
	b, c := bench(t)
	d, err := b.Enrol(t.Context(), "alice", world.Device{Kind: world.TOTP})
	if err != nil {
		t.Fatal(err)
	}
	verify(t, b, d.ID, code(t, d.Device, factor.Step(d.Device, c.Now())), nil)
	if list, _ := b.Devices(t.Context(), "alice"); len(list) != 1 || !list[0].Enrolled {
		t.Errorf("devices %+v", list)
	}
	if err := b.Disable(t.Context(), d.ID, true); err != nil {
		t.Fatal(err)
	}
	verify(t, b, d.ID, "000000", cause.DeviceOff)
	if err := b.Remove(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	verify(t, b, d.ID, "000000", cause.NoDevice)
	for _, bad := range []world.Device{{Kind: "abacus"}, {Kind: world.TOTP, Digits: 5}, {Kind: world.TOTP, Algorithm: "MD5"}, {Kind: world.SMS}} {
		if _, err := b.Enrol(t.Context(), "alice", bad); !errors.Is(err, cause.BadInput) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := b.Enrol(t.Context(), "nobody", world.Device{Kind: world.TOTP}); !errors.Is(err, cause.UnknownUser) {
		t.Errorf("nobody: %v", err)
	}
}

func TestDevicesOutsideTheirTime(t *testing.T) {
	early, late := totp(rfc), totp(rfc)
	early.NotBefore, late.NotAfter = noon.Add(time.Second), noon
	b, _ := bench(t, early, late)
	verify(t, b, "alice-0", "000000", cause.NotYetValid)
	verify(t, b, "alice-1", "000000", cause.Expired)
}

func FuzzVerify(f *testing.F) {
	for _, s := range []string{"", "755224", " 755224 ", "７５５２２４", "-1", "\xff\xfe", "999999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, _ := bench(t, totp(rfc), hotp(), world.Device{Kind: world.Static, Codes: []string{"one-two"}})
		for _, id := range []string{"alice-0", "alice-1", "alice-2"} {
			_, err := b.Verify(t.Context(), id, s)
			if _, ok := cause.Of(err); err != nil && !ok {
				t.Fatalf("%q: %v is no cause", s, err)
			}
		}
	})
}
