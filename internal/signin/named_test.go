package signin_test

import (
	"errors"
	"testing"
	"time"

	"counterpart/internal/cause"
	"counterpart/internal/signin"
	"counterpart/internal/world"
)

func TestATokenIsFoundByItsAccessor(t *testing.T) {
	g, c := guard(t, world.Organization{})
	ctx := t.Context()
	secret, _, err := g.Issue(ctx, signin.IssueToken{Kind: "vault", Owner: "alice", ID: "acc1", TTL: time.Hour, MaxTTL: 2 * time.Hour, Renewable: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := g.Named(ctx, "acc1"); err != nil || got.Owner != "alice" {
		t.Fatal(got, err)
	}
	c.Advance(30 * time.Minute)
	got, err := g.RenewNamed(ctx, "acc1", 3*time.Hour)
	if want := c.Now().Add(90 * time.Minute); err != nil || !got.Expires.Equal(want) || !got.Renewed.Equal(c.Now()) {
		t.Fatalf("renewed to %v (want %v), noted at %v, %v", got.Expires, want, got.Renewed, err)
	}
	if _, _, err := g.Issue(ctx, signin.IssueToken{Kind: "vault", Owner: "bob", ID: "acc1", TTL: time.Hour}); !errors.Is(err, cause.Exists) {
		t.Errorf("a second token with the accessor: %v", err)
	}
	if err := g.RevokeNamed(ctx, "acc1"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Look(ctx, secret); !errors.Is(err, cause.TokenRevoked) {
		t.Errorf("after the revocation: %v", err)
	}
	if _, err := g.Named(ctx, "nobody"); !errors.Is(err, cause.UnknownToken) {
		t.Errorf("an unknown accessor: %v", err)
	}
}
