package oauth

import (
	"context"
	"errors"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// RefreshRules say how a vendor's refresh tokens live.
type RefreshRules struct {
	Lifetime time.Duration // of each token
	Most     int           // how often one login can be refreshed; 0: any number of times
	// ReuseEnds: whoever shows a token that was spent ends the family, because one of
	// two has stolen it (RFC 9700 section 2.2.2).
	ReuseEnds bool
	// Remember is for how long after its end a token is refused with ExpiredCode,
	// UsedCode or RevokedCode rather than UnknownCode.
	Remember time.Duration
}

// Families are logins that can be refreshed with rotating tokens (RFC 6749 section 6).
// All that one login ever got is one record, which alone decides; besides it each token
// leads there. T is what the vendor keeps with a login: client, owner, scope, the access
// token that the next refresh ends.
//
// A new token's way is written before the family says that it is the current one: a
// crash in between leaves a way for a token that nobody was given, and that is refused.
type Families[T any] struct {
	families *state.Collection[family[T]]
	ways     *state.Collection[string] // digest of a token → the family
	clock    clock.Clock
	rules    RefreshRules
}

type family[T any] struct {
	Value   T         `json:"value"`
	Current string    `json:"current"` // digest of the token that is good
	Count   int       `json:"count,omitempty"`
	Ends    time.Time `json:"ends"`
	Revoked bool      `json:"revoked,omitempty"`
}

// NewFamilies keeps logins in collections of s whose names start with name.
func NewFamilies[T any](s state.Store, name string, c clock.Clock, rules RefreshRules) *Families[T] {
	return &Families[T]{state.Of[family[T]](s, name), state.Of[string](s, name+" tokens"), c, rules}
}

// Start begins a family for a login, under an identifier that is new, with its first token.
func (f *Families[T]) Start(ctx context.Context, id, token string, v T) error {
	ends := f.clock.Now().Add(f.rules.Lifetime)
	if err := f.way(ctx, id, token, ends); err != nil {
		return err
	}
	return f.families.Put(ctx, id, family[T]{Value: v, Current: digest(token), Ends: ends}, ends.Add(f.rules.Remember))
}

func (f *Families[T]) way(ctx context.Context, id, token string, ends time.Time) error {
	return f.ways.Edit(ctx, digest(token), func(to *string, found bool) (time.Time, error) {
		if found && *to != id {
			return time.Time{}, cause.Because(cause.Exists, "that token exists")
		}
		*to = id
		return ends.Add(f.rules.Remember), nil
	})
}

// Rotate spends a token and makes next, which is drawn anew for each call, the current
// one. change sees what the vendor keeps and may change it, or refuse: another client's
// token, a person who has been disabled; then nothing is spent. It may run again. It
// refuses with UnknownCode, ExpiredCode, RevokedCode and UsedCode, the last for a token
// that was spent or has no refresh left. Of racing callers with one token one wins.
func (f *Families[T]) Rotate(ctx context.Context, token, next string, change func(v *T) error) (v T, err error) {
	id, err := f.judge(ctx, token)
	if err != nil {
		return v, err
	}
	ends := f.clock.Now().Add(f.rules.Lifetime)
	if err := f.way(ctx, id, next, ends); err != nil {
		return v, err
	}
	err = f.families.Edit(ctx, id, func(x *family[T], found bool) (time.Time, error) {
		if err := f.good(x, found, digest(token), true); err != nil {
			return time.Time{}, err
		}
		if change != nil {
			if err := change(&x.Value); err != nil {
				return time.Time{}, err
			}
		}
		x.Current, x.Ends, v = digest(next), ends, x.Value
		x.Count++
		return ends.Add(f.rules.Remember), nil
	})
	return v, err
}

// judge is the family of a token that could be spent now, so that nothing is written for
// others; the one write is that of a family which ends because a token was used again.
func (f *Families[T]) judge(ctx context.Context, token string) (id string, err error) {
	if id, err = f.family(ctx, token); err != nil {
		return "", err
	}
	var reused error
	err = f.families.Edit(ctx, id, func(x *family[T], found bool) (time.Time, error) {
		reused = nil
		err := f.good(x, found, digest(token), true)
		switch {
		case err == nil:
			return time.Time{}, state.ErrKeep
		case !f.rules.ReuseEnds || !found || x.Revoked || x.Current == digest(token):
			return time.Time{}, err
		}
		x.Revoked, reused = true, err
		return x.Ends.Add(f.rules.Remember), nil
	})
	if err == nil {
		err = reused
	}
	return id, err
}

// family is where a token leads, by what the store says at this moment: another replica
// may have made the token.
func (f *Families[T]) family(ctx context.Context, token string) (id string, err error) {
	err = f.ways.Edit(ctx, digest(token), func(to *string, found bool) (time.Time, error) {
		if !found {
			return time.Time{}, cause.Because(UnknownCode, "no such token was issued")
		}
		id = *to
		return time.Time{}, state.ErrKeep
	})
	return id, err
}

// good is why a token cannot be used; spend asks whether it can be spent, too.
func (f *Families[T]) good(x *family[T], found bool, token string, spend bool) error {
	switch {
	case !found:
		return cause.Because(UnknownCode, "the login is forgotten")
	case x.Revoked:
		return cause.Because(RevokedCode, "the login was revoked")
	case x.Current != token:
		return cause.Because(UsedCode, "the token was spent before")
	case !f.clock.Now().Before(x.Ends):
		return cause.Because(ExpiredCode, "the token ended at %s", x.Ends.Format(time.RFC3339))
	case spend && f.rules.Most > 0 && x.Count >= f.rules.Most:
		return cause.Because(UsedCode, "the login was refreshed %d times", x.Count)
	}
	return nil
}

// Look is what stands behind a token that could be spent now, except for its count.
func (f *Families[T]) Look(ctx context.Context, token string) (v T, err error) {
	id, err := f.family(ctx, token)
	if err != nil {
		return v, err
	}
	err = f.families.Edit(ctx, id, func(x *family[T], found bool) (time.Time, error) {
		if err := f.good(x, found, digest(token), false); err != nil {
			return time.Time{}, err
		}
		v = x.Value
		return time.Time{}, state.ErrKeep
	})
	return v, err
}

// Revoke ends a login by its identifier: all its tokens are refused with RevokedCode. That
// there is none is no error (RFC 7009 section 2.2).
func (f *Families[T]) Revoke(ctx context.Context, id string) error {
	return f.families.Edit(ctx, id, func(x *family[T], found bool) (time.Time, error) {
		if !found || x.Revoked {
			return time.Time{}, state.ErrKeep
		}
		x.Revoked = true
		return x.Ends.Add(f.rules.Remember), nil
	})
}

// RevokeToken is Revoke by one of the login's tokens, current or spent.
func (f *Families[T]) RevokeToken(ctx context.Context, token string) error {
	id, err := f.family(ctx, token)
	if errors.Is(err, UnknownCode) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Revoke(ctx, id)
}
