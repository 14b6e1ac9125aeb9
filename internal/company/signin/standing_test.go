package signin_test

import (
	"context"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

func TestAPasswordCanExpireAfterItWasChanged(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	if err := g.SetPassword(t.Context(), "alice", signin.NewPassword{Password: "Alice-Pass-2"}); err != nil {
		t.Fatal(err)
	}
	if err := g.SetStatus(t.Context(), "alice", world.Expired); err != nil {
		t.Fatal(err)
	}
	login(t, g, "alice", "Alice-Pass-2", cause.PasswordExpired)
	if err := g.SetPassword(t.Context(), "alice", signin.NewPassword{Password: "Alice-Pass-3"}); err != nil {
		t.Fatal(err)
	}
	login(t, g, "alice", "Alice-Pass-3", nil)
}

func TestALoginAfterTheLockForgetsTheFailures(t *testing.T) {
	g, c := guard(t, world.Organization{Lockout: world.Lockout{Threshold: 2, Window: time.Hour, Duration: time.Minute}})
	login(t, g, "alice", "x", cause.WrongPassword)
	login(t, g, "alice", "x", cause.WrongPassword)
	c.Advance(time.Minute)
	login(t, g, "alice", "Alice-Pass-1", nil)
	if s, err := g.Standing(t.Context(), "alice"); err != nil || s.Failures != 0 || !s.LockedAt.IsZero() {
		t.Errorf("standing %+v, %v", s, err)
	}
}

func TestARotationMakesAManagedPasswordYoung(t *testing.T) {
	w, err := world.New(world.Facts{Organization: world.Organization{Policy: world.PasswordPolicy{MaxAge: 24 * time.Hour}},
		Users:    []world.User{{ID: "svc", Name: "svc"}},
		Accounts: []world.Account{{ID: "svc@acme.test", Name: "svc", UserID: "svc"}}})
	if err != nil {
		t.Fatal(err)
	}
	c, rotated := clock.Frozen(noon), noon
	g := signin.New(signin.Config{World: w, Store: state.NewMemory(c), Clock: c, Managed: signin.Managed{
		Secret: func(context.Context, string) (string, time.Time, error) { return "vaulted", rotated, nil }}})
	c.Advance(24 * time.Hour)
	login(t, g, "svc", "vaulted", cause.PasswordExpired)
	rotated = c.Now()
	login(t, g, "svc", "vaulted", nil)
	if s, err := g.Standing(t.Context(), "svc"); err != nil || s.Status != world.Active {
		t.Errorf("standing %+v, %v", s, err)
	}
}
