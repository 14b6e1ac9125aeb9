package signin_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func guard(t *testing.T, o world.Organization) (*signin.Authenticator, *clock.Virtual) {
	t.Helper()
	o.Domain, o.NetBIOS = "acme.test", "ACME"
	w, err := world.New(world.Facts{RandomSeed: 1, Organization: o, Users: []world.User{
		{ID: "alice", Name: "alice", Password: "Alice-Pass-1", Status: world.Active},
		{ID: "carol", Name: "carol", Password: "Carol-Pass-1", Status: world.MustChange},
		{ID: "dave", Name: "dave", Password: "Dave-Pass-1", Status: world.Disabled},
		{ID: "eve", Name: "eve", Password: "Eve-Pass-1", Status: world.Locked},
		{ID: "peggy", Name: "peggy", Password: "Peggy-Pass-1", Status: world.Expired},
		{ID: "temp", Name: "temp", Password: "Temp-Pass-1", Status: world.Active, Expires: noon.Add(time.Hour)},
	}, Clients: []world.Client{{ID: "sps", Name: "sps", Secret: "sps-secret"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(noon)
	return signin.New(signin.Config{World: w, Store: state.NewMemory(c), Clock: c, Rand: w.Derive("test")}), c
}

func login(t *testing.T, g *signin.Authenticator, name, password string, want error) {
	t.Helper()
	if _, err := g.Login(t.Context(), name, password); !errors.Is(err, want) {
		t.Errorf("%s with %q: %v, want %v", name, password, err, want)
	}
}

func TestStandingsInActiveDirectorysOrder(t *testing.T) {
	g, c := guard(t, world.Organization{})
	for _, tt := range []struct {
		name, password string
		want           error
	}{
		{"alice", "Alice-Pass-1", nil}, {`ACME\Alice`, "Alice-Pass-1", nil}, {"alice@acme.test", "Alice-Pass-1", nil},
		{"alice", "alice-pass-1", cause.WrongPassword}, {"alice", "", cause.WrongPassword}, {"nobody", "x", cause.UnknownUser},
		{"carol", "Carol-Pass-1", cause.MustChange}, {"carol", "x", cause.WrongPassword},
		{"dave", "Dave-Pass-1", cause.Disabled}, {"dave", "x", cause.WrongPassword},
		{"eve", "Eve-Pass-1", cause.Locked}, {"eve", "x", cause.Locked},
		{"peggy", "Peggy-Pass-1", cause.PasswordExpired}, {"peggy", "x", cause.WrongPassword},
		{"temp", "Temp-Pass-1", nil},
	} {
		login(t, g, tt.name, tt.password, tt.want)
	}
	c.Advance(time.Hour)
	login(t, g, "temp", "Temp-Pass-1", cause.AccountExpired)
}

func TestWrongPasswordsLockAndTheLockEnds(t *testing.T) {
	g, c := guard(t, world.Organization{Lockout: world.Lockout{Threshold: 3, Window: 10 * time.Minute, Duration: 15 * time.Minute}})
	login(t, g, "alice", "x", cause.WrongPassword)
	login(t, g, "alice", "x", cause.WrongPassword)
	c.Advance(11 * time.Minute) // the two are forgotten
	login(t, g, "alice", "x", cause.WrongPassword)
	login(t, g, "alice", "Alice-Pass-1", nil) // and a success forgets the third
	for range 3 {
		login(t, g, "alice", "x", cause.WrongPassword)
	}
	login(t, g, "alice", "Alice-Pass-1", cause.Locked)
	if s, err := g.Standing(t.Context(), "alice"); err != nil || s.Status != world.Locked || s.Failures != 3 || !s.LockedAt.Equal(c.Now()) {
		t.Errorf("standing %+v, %v", s, err)
	}
	c.Advance(15 * time.Minute)
	login(t, g, "alice", "Alice-Pass-1", nil)
	for range 3 {
		login(t, g, "alice", "x", cause.WrongPassword)
	}
	if err := g.Unlock(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	login(t, g, "alice", "Alice-Pass-1", nil)
}

func TestParallelGuessesCannotOutrunTheLockout(t *testing.T) {
	g, _ := guard(t, world.Organization{Lockout: world.Lockout{Threshold: 5}})
	var guessed atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			g.Check(t.Context(), "alice", func(string) bool { guessed.Add(1); return false })
		})
	}
	wg.Wait()
	if n := guessed.Load(); n != 5 {
		t.Errorf("%d guesses were held against the password, want 5", n)
	}
}

func TestAChangedPasswordCountsEverywhere(t *testing.T) {
	g, c := guard(t, world.Organization{Policy: world.PasswordPolicy{MinLength: 8, History: 2, MaxAge: 24 * time.Hour}})
	change := func(user, old, new string, want error) {
		t.Helper()
		if err := g.SetPassword(t.Context(), user, signin.NewPassword{Password: new, Old: &old}); !errors.Is(err, want) {
			t.Errorf("%s from %q to %q: %v, want %v", user, old, new, err, want)
		}
	}
	change("alice", "wrong", "Second-Pass-2", cause.WrongPassword)
	change("alice", "Alice-Pass-1", "short", cause.WeakPassword)
	change("alice", "Alice-Pass-1", "Alice-Pass-1", cause.PasswordInUse)
	change("alice", "Alice-Pass-1", "Second-Pass-2", nil)
	login(t, g, "alice", "Alice-Pass-1", cause.WrongPassword)
	login(t, g, "alice", "Second-Pass-2", nil)
	change("alice", "Second-Pass-2", "Alice-Pass-1", cause.PasswordInUse)
	change("alice", "Second-Pass-2", "Third-Pass-3", nil)
	change("alice", "Third-Pass-3", "Fourth-Pass-4", nil)
	change("alice", "Fourth-Pass-4", "Alice-Pass-1", nil) // two are remembered
	if err := g.SetPassword(t.Context(), "alice", signin.NewPassword{Password: "Fourth-Pass-4", Own: true}); !errors.Is(err, cause.PasswordInUse) {
		t.Errorf("an own change without the old password: %v, want the history to count", err)
	}
	change("carol", "Carol-Pass-1", "Carol-Pass-2", nil) // that is what must-change is for
	login(t, g, "carol", "Carol-Pass-2", nil)
	change("peggy", "Peggy-Pass-1", "Peggy-Pass-2", nil)
	login(t, g, "peggy", "Peggy-Pass-2", nil)
	change("dave", "Dave-Pass-1", "Dave-Pass-2", cause.Disabled)
	change("eve", "Eve-Pass-1", "Eve-Pass-2", cause.Locked)
	if err := g.SetPassword(t.Context(), "alice", signin.NewPassword{Password: "Reset-Pass-1", MustChange: true}); err != nil {
		t.Fatal(err)
	}
	login(t, g, "alice", "Reset-Pass-1", cause.MustChange)
	c.Advance(24 * time.Hour)
	login(t, g, "carol", "Carol-Pass-2", cause.PasswordExpired)
}

func TestOfTwoRacingChangesOneWins(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	old := "Alice-Pass-1"
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if g.SetPassword(context.Background(), "alice", signin.NewPassword{Password: "Next-Pass-1", Old: &old}) == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d changes from the same old password won", won.Load())
	}
}

func TestStatusCanBeSetAndLifted(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	for _, tt := range []struct {
		to   world.Status
		want error
	}{{world.Disabled, cause.Disabled}, {world.Locked, cause.Locked}, {world.Active, nil}} {
		if err := g.SetStatus(t.Context(), "alice", tt.to); err != nil {
			t.Fatal(err)
		}
		login(t, g, "alice", "Alice-Pass-1", tt.want)
	}
	g.SetStatus(t.Context(), "dave", world.Active)
	login(t, g, "dave", "Dave-Pass-1", nil)
	g.Unlock(t.Context(), "eve")
	login(t, g, "eve", "Eve-Pass-1", nil)
	g.SetMustChange(t.Context(), "alice", true)
	login(t, g, "alice", "Alice-Pass-1", cause.MustChange)
	if err := g.SetStatus(t.Context(), "nobody", world.Active); !errors.Is(err, cause.UnknownUser) {
		t.Errorf("nobody: %v", err)
	}
}

func TestAManagedPasswordIsTheAccountsSecret(t *testing.T) {
	secret := "vaulted-1"
	w, err := world.New(world.Facts{Users: []world.User{{ID: "svc", Name: "svc", Password: "ignored"}},
		Accounts: []world.Account{{ID: "svc@acme.test", Name: "svc", UserID: "svc"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(noon)
	g := signin.New(signin.Config{World: w, Store: state.NewMemory(c), Clock: c, Managed: signin.Managed{
		Secret: func(context.Context, string) (string, time.Time, error) { return secret, noon, nil },
		Set:    func(_ context.Context, _ string, _ *string, s string) error { secret = s; return nil },
	}})
	login(t, g, "svc", "ignored", cause.WrongPassword)
	login(t, g, "svc", "vaulted-1", nil)
	if err := g.SetPassword(t.Context(), "svc", signin.NewPassword{Password: "by-ldap-2"}); err != nil || secret != "by-ldap-2" {
		t.Errorf("secret %q, %v", secret, err)
	}
	login(t, g, "svc", "by-ldap-2", nil)
}

// TestC7AFailedChangeHasClearedNothing: the account's record decides about a managed
// password; when it cannot be written, "must change" and the history are as before.
func TestC7AFailedChangeHasClearedNothing(t *testing.T) {
	secret, broken := "vaulted-1", true
	w, err := world.New(world.Facts{Organization: world.Organization{Policy: world.PasswordPolicy{History: 3}},
		Users:    []world.User{{ID: "svc", Name: "svc", Status: world.MustChange}},
		Accounts: []world.Account{{ID: "svc@acme.test", Name: "svc", UserID: "svc"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(noon)
	g := signin.New(signin.Config{World: w, Store: state.NewMemory(c), Clock: c, Managed: signin.Managed{
		Secret: func(context.Context, string) (string, time.Time, error) { return secret, noon, nil },
		Set: func(_ context.Context, _ string, _ *string, s string) error {
			if broken {
				return state.ErrUnavailable
			}
			secret = s
			return nil
		},
	}})
	old := "vaulted-1"
	change := func(to string) error {
		return g.SetPassword(t.Context(), "svc", signin.NewPassword{Password: to, Old: &old, Own: true})
	}
	if err := change("changed-2"); !errors.Is(err, state.ErrUnavailable) {
		t.Fatal(err)
	}
	login(t, g, "svc", "vaulted-1", cause.MustChange)
	broken = false
	if err := change("changed-2"); err != nil { // the one that failed is no part of the history
		t.Fatal(err)
	}
	login(t, g, "svc", "changed-2", nil)
	if old = "changed-2"; !errors.Is(change("vaulted-1"), cause.PasswordInUse) {
		t.Error("the old password is not in the history")
	}
}

func TestClients(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	for _, tt := range []struct {
		name, secret string
		want         error
	}{{"sps", "sps-secret", nil}, {"SPS", "sps-secret", nil}, {"sps", "x", cause.WrongSecret}, {"other", "x", cause.UnknownClient}} {
		if _, err := g.Client(tt.name, tt.secret); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestAStoreThatFailsIsNoRefusal(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	g.Store.Close()
	_, err := g.Login(t.Context(), "alice", "Alice-Pass-1")
	if _, isCause := cause.Of(err); !errors.Is(err, state.ErrUnavailable) || isCause {
		t.Errorf("got %v, want the store's failure", err)
	}
}
