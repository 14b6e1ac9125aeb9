package signin

import (
	"context"
	"time"

	"counterpart/internal/cause"
	"counterpart/internal/state"
)

// nameKey is the record that leads from an accessor to its token's.
func nameKey(id string) string { return "accessor/" + id }

// name takes an accessor for a token. It comes before the token itself: a name
// that leads nowhere harms nobody. It lives as long as the token's record. fresh
// is whether the token did not have it before.
func (g *Guard) name(ctx context.Context, t Token, key string) (fresh bool, err error) {
	err = state.Edit(ctx, g.Store, nameKey(t.ID), func(v *string, found bool) (time.Time, error) {
		if found && *v != key {
			return time.Time{}, cause.Because(cause.Exists, "a token with the accessor %s exists", t.ID)
		}
		fresh, *v = !found, key
		return t.forgotten(), nil
	})
	return fresh, err
}

// keepName lets an accessor live as long as its token is about to. It comes before
// the renewal: a token whose name had died could not be revoked by it. It is never
// cut short, so of two renewals at once the longer counts.
func (g *Guard) keepName(ctx context.Context, t Token) error {
	return g.Store.Update(ctx, nameKey(t.ID), func(r state.Record) (state.Record, error) {
		if until := t.forgotten(); r.Value != nil && !r.Expires.IsZero() && until.After(r.Expires) {
			r.Expires = until
		}
		return r, nil
	})
}

// endName lets an accessor die with its token's record after a revocation, after
// which nothing prolongs it.
func (g *Guard) endName(ctx context.Context, t Token) error {
	return g.Store.Update(ctx, nameKey(t.ID), func(r state.Record) (state.Record, error) {
		r.Expires = t.forgotten()
		return r, nil
	})
}

func (g *Guard) named(ctx context.Context, id string) (key string, err error) {
	key, found, err := state.Read[string](ctx, g.Store, nameKey(id))
	if err == nil && !found {
		err = cause.Because(cause.UnknownToken, "no token has the accessor %s", id)
	}
	return key, err
}

// Named is Look by the accessor that the token was issued with.
func (g *Guard) Named(ctx context.Context, id string) (Token, error) {
	key, err := g.named(ctx, id)
	if err != nil {
		return Token{}, err
	}
	return g.look(ctx, key)
}

// RenewNamed is Renew by the accessor that the token was issued with.
func (g *Guard) RenewNamed(ctx context.Context, id string, ttl time.Duration) (Token, error) {
	key, err := g.named(ctx, id)
	if err != nil {
		return Token{}, err
	}
	return g.renew(ctx, key, ttl)
}

// RevokeNamed is Revoke by the accessor that the token was issued with.
func (g *Guard) RevokeNamed(ctx context.Context, id string) error {
	key, err := g.named(ctx, id)
	if err != nil {
		return err
	}
	return g.revoke(ctx, key)
}

// EditMeta changes what a server knows of a live token, by its accessor.
func (g *Guard) EditMeta(ctx context.Context, id string, fn func(meta map[string]string)) error {
	key, err := g.named(ctx, id)
	if err != nil {
		return err
	}
	_, err = g.editToken(ctx, key, func(t *Token) error {
		if t.Meta == nil {
			t.Meta = map[string]string{}
		}
		fn(t.Meta)
		return nil
	})
	return err
}
