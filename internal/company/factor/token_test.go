package factor_test

import (
	"errors"
	"sync"
	"testing"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
)

// TestTokens: PIN and code are one text, wrong ones are counted in a row, a new PIN is the PIN.
func TestTokens(t *testing.T) {
	b, _ := bench(t, world.Device{Kind: world.TOTP, Secret: []byte("12345678901234567890"), PIN: "1234"})
	ctx := t.Context()
	judged := ""
	judge := func(code string) error {
		if judged = code; code == "right" {
			return nil
		}
		return cause.Because(cause.WrongCode, "wrong")
	}
	say := func(text string, want error, bad int, mode factor.TokenMode) {
		t.Helper()
		before, err := b.Passcode(ctx, "alice", text, judge)
		if !errors.Is(err, want) || before.Bad != bad || before.Mode != mode {
			t.Errorf("%s: %v, %+v", text, err, before)
		}
	}
	say("1234right", nil, 0, factor.TokenNormal)
	say("right", cause.WrongCode, 0, factor.TokenNormal)
	say("1234wrong", cause.WrongCode, 1, factor.TokenNormal)
	if judged != "wrong" {
		t.Errorf("%q was judged", judged)
	}
	say("1234right", nil, 2, factor.TokenNormal)
	if err := b.TokenPassed(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	say("1234right", nil, 0, factor.TokenNormal)
	b.SeedToken("alice", factor.TokenNewPIN) // what has happened since counts
	say("1234right", nil, 0, factor.TokenNormal)
	if err := b.SetPIN(ctx, "alice", "9"); err != nil {
		t.Fatal(err)
	}
	say("1234right", cause.WrongCode, 0, factor.TokenNormal)
	say("9right", nil, 1, factor.TokenNormal)
	b.SeedToken("bob", factor.TokenNextCode)
	if got, err := b.Token(ctx, "bob"); err != nil || got.Mode != factor.TokenNextCode || *got.PIN != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWrongPasscodesAreAllCounted, however many try at once.
func TestWrongPasscodesAreAllCounted(t *testing.T) {
	b, _ := bench(t, world.Device{Kind: world.TOTP, Secret: []byte("12345678901234567890"), PIN: "1234"})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, _ = b.Passcode(t.Context(), "alice", "9999000000", func(string) error { return nil })
		})
	}
	all.Wait()
	if got, err := b.Token(t.Context(), "alice"); err != nil || got.Bad != 20 {
		t.Errorf("%+v, %v", got, err)
	}
}
