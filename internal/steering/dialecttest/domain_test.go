package dialecttest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/steering/dialecttest"
)

// rules are the company of these tests: two devices with one secret, and a person whose
// password is an account's.
const rules = `{version: 1, organization: {name: Acme, domain: acme.test, netbios: ACME, password_policy: {history: 3}, lockout: {threshold: 9}},
	users: [{name: alice, password: Alice-Pass-1, phone: "+15550101", devices: [{id: one, kind: hotp, secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ},
			{id: two, kind: hotp, secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ}, {id: sms, kind: sms}, {id: phone, kind: push}]},
		{name: svc, password: Svc-Pass-1}],
	assets: [{name: db01, address: 10.0.0.5}],
	accounts: [{name: root, asset: db01, password: r, checkout: {exclusive: true, rotate: on_checkin}, access: {users: [alice]}}, {name: svc, user: svc, access: {users: [alice]}}]}`

// TestFailureBetweenWrites lets each write of the rules that servers share fail.
func TestFailureBetweenWrites(t *testing.T) {
	p := checkout.Principal{UserID: "alice"}
	none := func(*testing.T, *dialecttest.Fleet) error { return nil }
	for _, op := range []struct {
		name  string
		ready func(*testing.T, *dialecttest.Fleet) error
		do    func(context.Context, *dialecttest.Fleet) error
		done  cause.Cause                                // of the second try: the first one has done it
		after func(*testing.T, *dialecttest.Fleet, bool) // told whether a try succeeded
	}{
		{"code of two devices", none, func(ctx context.Context, f *dialecttest.Fleet) error {
			_, err := f.Factors.Verify(ctx, "two", "755224")
			return err
		}, cause.Replayed, goneEverywhere},
		{"code of somebody", none, func(ctx context.Context, f *dialecttest.Fleet) error {
			_, err := f.Factors.VerifyUser(ctx, "alice", "755224")
			return err
		}, cause.Replayed, goneEverywhere},
		{"message", none, func(ctx context.Context, f *dialecttest.Fleet) error { return f.Factors.Send(ctx, "sms", "x") }, "", lastMessageWorks},
		{"batch", none, func(ctx context.Context, f *dialecttest.Fleet) error {
			return f.Factors.SendBatch(ctx, "sms", "x", 3)
		}, "", nil},
		{"device", none, func(ctx context.Context, f *dialecttest.Fleet) error {
			_, err := f.Factors.Enrol(ctx, "alice", world.Device{Kind: world.TOTP})
			return err
		}, "", everyDeviceIsFound},
		{"approval", none, func(ctx context.Context, f *dialecttest.Fleet) error {
			_, err := f.Factors.Ask(ctx, factor.Ask{System: "x", UserID: "alice"})
			return err
		}, "", nil},
		{"unlocking", failOnce, func(ctx context.Context, f *dialecttest.Fleet) error { return f.Factors.UnlockUser(ctx, "alice") }, "", nobodyFailed},
		{"check-out", none, func(ctx context.Context, f *dialecttest.Fleet) error {
			_, err := f.Accounts.Checkout(ctx, p, checkout.Take{AccountID: "root@db01"})
			return err
		}, cause.CheckedOut, nil},
		{"check-in", func(t *testing.T, f *dialecttest.Fleet) error {
			_, err := f.Accounts.Checkout(t.Context(), p, checkout.Take{AccountID: "root@db01"})
			return err
		}, func(ctx context.Context, f *dialecttest.Fleet) error {
			_, err := f.Accounts.Checkin(ctx, p, "lease-1.root@db01")
			return err
		}, cause.LeaseReturned, nil},
		{"marked check-in", func(t *testing.T, f *dialecttest.Fleet) error {
			_, err := f.Accounts.Checkout(t.Context(), p, checkout.Take{AccountID: "root@db01"})
			return err
		}, func(ctx context.Context, f *dialecttest.Fleet) error {
			_, err := f.Accounts.Checkin(state.WithMark(ctx, "m"), p, "lease-1.root@db01")
			return err
		}, "", nil},
		{"own password", none, func(ctx context.Context, f *dialecttest.Fleet) error {
			old := "Alice-Pass-1"
			return f.Logins.SetPassword(ctx, "alice", signin.NewPassword{Password: "Alice-Pass-2", Old: &old})
		}, cause.WrongPassword, passwordIs("alice", "Alice-Pass-2", "Alice-Pass-1")},
		{"managed password", none, func(ctx context.Context, f *dialecttest.Fleet) error {
			old := "Svc-Pass-1"
			return f.Logins.SetPassword(ctx, "svc", signin.NewPassword{Password: "Svc-Pass-2", Old: &old})
		}, cause.WrongPassword, passwordIs("svc", "Svc-Pass-2", "Svc-Pass-1")},
		{"reset of a managed password", none, func(ctx context.Context, f *dialecttest.Fleet) error {
			return f.Logins.SetPassword(ctx, "svc", signin.NewPassword{Password: "Svc-Pass-2"})
		}, "", passwordIs("svc", "Svc-Pass-2", "Svc-Pass-1")},
	} {
		dialecttest.Unlucky(t, op.name, dialecttest.Setup{Seed: rules}, func(t *testing.T, f *dialecttest.Fleet) dialecttest.Attempt {
			if err := op.ready(t, f); err != nil {
				t.Error(err)
			}
			succeeded := false
			try := func() error {
				err := op.do(t.Context(), f)
				succeeded = succeeded || err == nil
				if err != nil && !errors.Is(err, state.ErrUnavailable) {
					t.Error(err)
				}
				return err
			}
			return dialecttest.Attempt{
				Do: func() bool { return try() != nil },
				Again: func() {
					err := op.do(t.Context(), f)
					if succeeded = succeeded || err == nil; err != nil && (op.done == "" || !errors.Is(err, op.done)) {
						t.Errorf("again: %v", err)
					}
				},
				After: func() {
					if op.after != nil {
						op.after(t, f, succeeded)
					}
				},
			}
		})
	}
}

// goneEverywhere: a code is taken once in all, by whichever device.
func goneEverywhere(t *testing.T, f *dialecttest.Fleet, taken bool) {
	t.Helper()
	for _, id := range []string{"one", "two", "one"} {
		_, err := f.Factors.Verify(t.Context(), id, "755224")
		if err == nil && taken || err != nil && !errors.Is(err, cause.Replayed) && !errors.Is(err, cause.WrongCode) {
			t.Errorf("%s: %v, taken before: %v", id, err, taken)
		}
		taken = taken || err == nil
	}
}

// lastMessageWorks: the code that came last is the one that is good.
func lastMessageWorks(t *testing.T, f *dialecttest.Fleet, _ bool) {
	t.Helper()
	all, err := f.Factors.Outbox(t.Context(), "alice")
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, %v", all, err)
	}
	if _, err := f.Factors.Verify(t.Context(), "sms", all[len(all)-1].Code); err != nil {
		t.Error(err)
	}
}

func everyDeviceIsFound(t *testing.T, f *dialecttest.Fleet, _ bool) {
	t.Helper()
	all, err := f.Factors.Devices(t.Context(), "alice")
	if err != nil || len(all) < 5 {
		t.Errorf("%d devices, %v", len(all), err)
	}
}

func failOnce(t *testing.T, f *dialecttest.Fleet) error {
	_, err := f.Factors.VerifyUser(t.Context(), "alice", "000000")
	if errors.Is(err, cause.WrongCode) {
		return nil
	}
	return errors.New("a wrong code is taken")
}

func nobodyFailed(t *testing.T, f *dialecttest.Fleet, _ bool) {
	t.Helper()
	all, err := f.Factors.Devices(t.Context(), "alice")
	for _, d := range all {
		if d.Failures > 0 || err != nil {
			t.Errorf("%s has %d failures, %v", d.ID, d.Failures, err)
		}
	}
}

// passwordIs: the new password is good, the old one is not, and is remembered as one that
// somebody has had.
func passwordIs(user, now, was string) func(*testing.T, *dialecttest.Fleet, bool) {
	return func(t *testing.T, f *dialecttest.Fleet, _ bool) {
		t.Helper()
		if _, err := f.Logins.Login(t.Context(), user, was); !errors.Is(err, cause.WrongPassword) {
			t.Errorf("the old password: %v", err)
		}
		if _, err := f.Logins.Login(t.Context(), user, now); err != nil {
			t.Errorf("the new password: %v", err)
		}
		f.Clock.Advance(time.Minute)
		for _, next := range []string{was, now} {
			if err := f.Logins.SetPassword(t.Context(), user, signin.NewPassword{Password: next, Old: &now}); !errors.Is(err, cause.PasswordInUse) {
				t.Errorf("%s again: %v", next, err)
			}
		}
	}
}
