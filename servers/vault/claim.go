package vault

import (
	"time"
)

// claim is who has something that one alone can have: an account of a directory, a
// role ID, the name of an entity. It is written before the record of its owner, and
// taken away after it, so that no two owners come to have the same. A failure in
// between leaves a claim behind whose owner does not have the thing; it counts for a
// while, in case the owner is about to be written.
type claim struct {
	Owner string    `json:"owner"`
	At    time.Time `json:"at,omitzero"`
}

// claimed is how long a claim counts whose owner does not have the thing.
const claimed = time.Minute

// claims are claims of one kind.
type claims struct {
	*shelf[claim]
	// has reports whether the owner has the thing of the key.
	has func(r *request, key, owner string) (bool, error)
}

// leftBehind is the claim on key whose owner does not have it; nil when there is
// none.
func (c *claims) leftBehind(r *request, key string) (*claim, error) {
	x, err := c.get(r.ctx, key)
	if err != nil || x == nil || r.Clock.Now().Before(x.At.Add(claimed)) {
		return nil, err
	}
	if has, err := c.has(r, key, x.Owner); err != nil || has {
		return nil, err
	}
	return x, nil
}

// take makes key the owner's, or refuses with taken. fresh is whether it was not
// the owner's before.
func (c *claims) take(r *request, key, owner string, taken error) (fresh bool, err error) {
	left, err := c.leftBehind(r, key)
	if err != nil {
		return false, err
	}
	err = c.edit(r.ctx, key, func(v *claim, found bool) error {
		fresh = !found || v.Owner != owner
		if found && fresh && (left == nil || v.Owner != left.Owner || !v.At.Equal(left.At)) {
			return taken
		}
		*v = claim{owner, r.Clock.Now()}
		return nil
	})
	return fresh, err
}
