package signin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/company/world"
)

// TestC7WhatIsReplacedIsInTheHistory: a managed password that changes between the
// look at it and the change of it is still one that was used before.
func TestC7WhatIsReplacedIsInTheHistory(t *testing.T) {
	secret, meanwhile := "vaulted-1", "rotated-2"
	w, err := world.New(world.Facts{Organization: world.Organization{Policy: world.PasswordPolicy{History: 3}},
		Users: []world.User{{ID: "svc", Name: "svc", Status: world.Active}}, Accounts: []world.Account{{ID: "svc@acme.test", Name: "svc", UserID: "svc"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(noon)
	g := signin.New(signin.Config{World: w, Store: state.NewMemory(c), Clock: c, Managed: signin.Managed{
		Secret: func(context.Context, string) (string, time.Time, error) { return secret, noon, nil },
		Set: func(_ context.Context, _ string, was *string, s string) error {
			if meanwhile != "" { // a rotation comes first
				secret, meanwhile = meanwhile, ""
			}
			if was != nil && *was != secret {
				return cause.Because(cause.WrongPassword, "it is another")
			}
			secret = s
			return nil
		},
	}})
	if err := g.SetPassword(t.Context(), "svc", signin.NewPassword{Password: "reset-3"}); err != nil || secret != "reset-3" {
		t.Fatal(secret, err)
	}
	for _, used := range []string{"rotated-2", "reset-3"} {
		if err := g.SetPassword(t.Context(), "svc", signin.NewPassword{Password: used, Own: true}); !errors.Is(err, cause.PasswordInUse) {
			t.Errorf("%s was used before: %v", used, err)
		}
	}
	meanwhile = "rotated-4"
	was := "reset-3"
	if err := g.SetPassword(t.Context(), "svc", signin.NewPassword{Password: "reset-5", Was: &was}); !errors.Is(err, cause.WrongPassword) || secret != "rotated-4" {
		t.Errorf("a change that must not undo another: %s, %v", secret, err)
	}
}

// TestC7ARenewedTokenHasItsName: wherever a renewal breaks off, a token can be
// revoked by its accessor as long as it lives.
func TestC7ARenewedTokenHasItsName(t *testing.T) {
	for n := 1; ; n++ {
		g, c := guard(t, world.Organization{})
		store := statetest.Failing(g.Store)
		g.Store = store
		s := signin.NewSessions(g, signin.Kind[facts]{Realm: "a"})
		ctx := t.Context()
		secret, _, err := s.Issue(ctx, issue{ID: "acc", TTL: time.Hour, Renewable: true})
		if err != nil {
			t.Fatal(err)
		}
		store.At(n)
		_, err = s.Renew(ctx, secret, 100*time.Hour)
		if !store.Heal() {
			break
		}
		if !errors.Is(err, state.ErrUnavailable) {
			t.Fatal(err)
		}
		for _, later := range []time.Duration{0, 50 * time.Hour} {
			c.Advance(later)
			_, alive := s.Look(ctx, secret)
			if _, named := s.Named(ctx, "acc"); (alive == nil) != (named == nil) {
				t.Errorf("a renewal that broke off at its write %d: by its secret %v, by its accessor %v", n, alive, named)
			}
		}
	}
}
