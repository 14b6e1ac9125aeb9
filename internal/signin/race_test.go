package signin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"counterpart/internal/cause"
	"counterpart/internal/clock"
	"counterpart/internal/signin"
	"counterpart/internal/state"
	"counterpart/internal/world"
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

// refusing is a store that refuses updates of keys that begin so.
type refusing struct {
	state.Store
	prefix string
}

// Update implements state.Store.
func (r *refusing) Update(ctx context.Context, key string, fn func(state.Record) (state.Record, error)) error {
	if r.prefix != "" && strings.HasPrefix(key, r.prefix) {
		return state.ErrUnavailable
	}
	return r.Store.Update(ctx, key, fn)
}

// TestC7ARenewedTokenHasItsName: wherever a renewal breaks off, a token can be
// revoked by its accessor as long as it lives.
func TestC7ARenewedTokenHasItsName(t *testing.T) {
	for _, breaks := range []string{"accessor/", "token/"} {
		g, c := guard(t, world.Organization{})
		store := &refusing{Store: g.Store}
		g.Store = store
		ctx := t.Context()
		secret, _, err := g.Issue(ctx, signin.IssueToken{Kind: "vault", ID: "acc", TTL: time.Hour, Renewable: true})
		if err != nil {
			t.Fatal(err)
		}
		store.prefix = breaks
		if _, err := g.Renew(ctx, secret, 100*time.Hour); !errors.Is(err, state.ErrUnavailable) {
			t.Fatal(err)
		}
		store.prefix = ""
		c.Advance(50 * time.Hour)
		if _, err := g.Look(ctx, secret); err == nil {
			if err := g.RevokeNamed(ctx, "acc"); err != nil {
				t.Errorf("a renewal that broke off at %s: the token lives, and cannot be revoked: %v", breaks, err)
			}
		}
	}
}

// TestMetaOfATokenWithoutAny can be edited like that of others.
func TestMetaOfATokenWithoutAny(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	if _, _, err := g.Issue(t.Context(), signin.IssueToken{Kind: "vault", ID: "acc"}); err != nil {
		t.Fatal(err)
	}
	if err := g.EditMeta(t.Context(), "acc", func(m map[string]string) { m["a"] = "b" }); err != nil {
		t.Fatal(err)
	}
	if got, err := g.Named(t.Context(), "acc"); err != nil || got.Meta["a"] != "b" {
		t.Error(got, err)
	}
}
