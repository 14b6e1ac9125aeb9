package state

import (
	"context"
	"time"

	"counterpart/internal/company/clock"
)

// Claims are of things that one owner alone can have: an account of a directory, a
// role ID, the name of an entity. A claim is written before the record of its owner,
// and taken away after it, so that no two owners come to have the same. A failure in
// between leaves a claim behind whose owner does not have the thing; it counts for
// Grace, in case the owner is about to be written.
type Claims struct {
	*Collection[Claim]
	clock clock.Clock
	// has reports whether the owner has the thing of the key.
	has func(ctx context.Context, key, owner string) (bool, error)
}

// Claim is who has something.
type Claim struct {
	Owner string    `json:"owner"`
	At    time.Time `json:"at,omitzero"`
}

// Grace is how long a claim counts whose owner does not have the thing.
const Grace = time.Minute

// NewClaims declares the claims of a name in s.
func NewClaims(s Store, name string, c clock.Clock, has func(ctx context.Context, key, owner string) (bool, error)) *Claims {
	return &Claims{Of[Claim](s, name), c, has}
}

// LeftBehind is the claim on key whose owner does not have it; nil when there is
// none.
func (c *Claims) LeftBehind(ctx context.Context, key string) (*Claim, error) {
	x, err := c.Get(ctx, key)
	if err != nil || x == nil || c.clock.Now().Before(x.At.Add(Grace)) {
		return nil, err
	}
	if has, err := c.has(ctx, key, x.Owner); err != nil || has {
		return nil, err
	}
	return x, nil
}

// Take makes key the owner's, or refuses with taken. fresh is whether it was not
// the owner's before.
func (c *Claims) Take(ctx context.Context, key, owner string, taken error) (fresh bool, err error) {
	left, err := c.LeftBehind(ctx, key)
	if err != nil {
		return false, err
	}
	err = c.Edit(ctx, key, func(v *Claim, found bool) (time.Time, error) {
		fresh = !found || v.Owner != owner
		if found && fresh && (left == nil || v.Owner != left.Owner || !v.At.Equal(left.At)) {
			return time.Time{}, taken
		}
		*v = Claim{owner, c.clock.Now()}
		return time.Time{}, nil
	})
	return fresh, err
}
