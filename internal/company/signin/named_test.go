package signin_test

import (
	"errors"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/world"
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

func TestAnAccessorLivesAsLongAsItsToken(t *testing.T) {
	g, c := guard(t, world.Organization{})
	ctx := t.Context()
	if _, _, err := g.Issue(ctx, signin.IssueToken{Kind: "vault", ID: "periodic", TTL: time.Hour, Renewable: true}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		c.Advance(50 * time.Minute)
		if _, err := g.RenewNamed(ctx, "periodic", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := g.Issue(ctx, signin.IssueToken{Kind: "vault", ID: "revoked", TTL: 1000 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := g.RevokeNamed(ctx, "revoked"); err != nil {
		t.Fatal(err)
	}
	c.Advance(48 * time.Hour)
	if left, err := g.Store.List(ctx, ""); err != nil || len(left) > 0 {
		t.Errorf("of a token that is long dead there is still %q (%v)", left, err)
	}
}

func TestASecretThatIsTakenLeavesNoSecondName(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	ctx := t.Context()
	for _, id := range []string{"first", "second"} {
		g.Issue(ctx, signin.IssueToken{Kind: "vault", ID: id, Secret: "chosen", TTL: time.Hour})
	}
	if _, err := g.Named(ctx, "first"); err != nil {
		t.Error(err)
	}
	if got, err := g.Named(ctx, "second"); !errors.Is(err, cause.UnknownToken) {
		t.Errorf("the second accessor leads to %+v, %v", got, err)
	}
}

func TestRealmsKeepChosenSecretsApart(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	ctx := t.Context()
	for _, realm := range []string{"a", "b"} {
		if _, _, err := g.Issue(ctx, signin.IssueToken{Kind: realm, Realm: realm, Secret: "root"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, realm := range []string{"a", "b"} {
		if got, err := g.Look(ctx, signin.InRealm(realm, "root")); err != nil || got.Kind != realm {
			t.Errorf("%s: %+v, %v", realm, got, err)
		}
	}
	if _, err := g.Look(ctx, "root"); !errors.Is(err, cause.UnknownToken) {
		t.Errorf("without a realm: %v", err)
	}
}
