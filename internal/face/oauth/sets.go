package oauth

import (
	"context"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// Set says which access and refresh token are the current ones of one client for one
// owner, by number: vendors that hand out the same tokens until they expire derive the
// tokens from the numbers, and store none.
type Set struct {
	Access  int       `json:"access"`
	Expires time.Time `json:"expires"` // of the access token
	Refresh int       `json:"refresh"`
	Until   time.Time `json:"until"` // of the refresh token
}

// SetRules say how long the tokens of a set live.
type SetRules struct {
	Access, Refresh time.Duration
}

// Sets are the current token sets of a server.
type Sets struct {
	sets  *state.Collection[Set]
	clock clock.Clock
	rules SetRules
}

// NewSets keeps them in a collection of s.
func NewSets(s state.Store, name string, c clock.Clock, rules SetRules) *Sets {
	return &Sets{state.Of[Set](s, name), c, rules}
}

// Issue is the current set of a client and an owner, or a new one: one decision, so that
// all who ask at once get the same. Numbers never begin again.
func (s *Sets) Issue(ctx context.Context, key string) (set Set, err error) {
	err = s.sets.Edit(ctx, key, func(v *Set, _ bool) (time.Time, error) {
		set = s.next(v, false, false)
		return time.Time{}, nil
	})
	return set, err
}

// Refresh makes a new access token for whoever shows the refresh token of a number; the
// old one is for the vendor to end. With rotate the refresh token is new, too, and the
// old one spent. It refuses with UsedCode when the number is not the current one: of
// racing callers that rotate one wins.
func (s *Sets) Refresh(ctx context.Context, key string, number int, rotate bool) (set Set, err error) {
	err = s.sets.Edit(ctx, key, func(v *Set, _ bool) (time.Time, error) {
		if number != v.Refresh {
			return time.Time{}, cause.Because(UsedCode, "refresh token %d is not the current one, %d is", number, v.Refresh)
		}
		set = s.next(v, true, rotate)
		return time.Time{}, nil
	})
	return set, err
}

// next makes anew what has expired, and what is asked for.
func (s *Sets) next(v *Set, access, refresh bool) Set {
	now := s.clock.Now()
	if access || !now.Before(v.Expires) {
		v.Access++
		v.Expires = now.Add(s.rules.Access)
	}
	if refresh || !now.Before(v.Until) {
		v.Refresh++
		v.Until = now.Add(s.rules.Refresh)
	}
	return *v
}

// End lets the current set of a client and an owner be the last one with its tokens: the
// next Issue makes others, and no refresh comes back to it.
func (s *Sets) End(ctx context.Context, key string) error {
	return s.sets.Edit(ctx, key, func(v *Set, found bool) (time.Time, error) {
		if !found {
			return time.Time{}, state.ErrKeep
		}
		v.Refresh++ // nobody is given this one
		v.Expires, v.Until = time.Time{}, time.Time{}
		return time.Time{}, nil
	})
}
