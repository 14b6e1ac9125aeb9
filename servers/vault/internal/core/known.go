package core

import (
	"context"
	"errors"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
)

// knownToken is a token that was found before, with the records that it was made
// of: it is good while they are the same.
type knownToken struct {
	record signin.Known[tokenData]
	entity *state.Held[Entity]
	groups *state.Held[GroupTable]
	token  *Token
}

// LookUp finds a token without using it up.
func (r *Request) LookUp(ctx context.Context, secret string) (*Token, error) {
	known := r.known.Load(secret)
	if known != nil && known.record.Good(r.Clock.Now()) && (known.token.Data.Entity == "" || known.entity.Unchanged(time.Time{}) && known.groups.Unchanged(time.Time{})) {
		return known.token, nil
	}
	found, err := r.tokens.Know(ctx, secret)
	if seed, ok := r.seeded[secret]; ok && (err == nil || errors.Is(err, cause.UnknownToken)) {
		ended := r.issueSeeded(ctx, seed, err == nil)
		if ended != nil && !errors.Is(ended, cause.TokenRevoked) {
			return nil, ended
		}
		// Another request may have made it since we looked.
		if found, err = r.tokens.Know(ctx, secret); err != nil && ended != nil {
			return nil, ended
		}
	}
	if err != nil {
		return nil, err
	}
	groups, err := r.heldGroups(ctx)
	if err != nil {
		return nil, err
	}
	if known != nil && found.Session() == known.record.Session() && (known.groups == groups || known.groups.Value() == groups.Value()) {
		if e, err := r.Entities.Hold(ctx, known.token.Data.Entity, time.Time{}); err == nil && e.Value() == known.token.entity { // others of the store have changed
			r.known.Store(secret, &knownToken{found, e, groups, known.token})
			return known.token, nil
		}
	}
	own, err := r.own(ctx, *found.Session(), secret)
	if err != nil || own.counted || own.Data.Parent != "" { // one that may end without its own record being written
		return own, err
	}
	if e, err := r.Entities.Hold(ctx, own.Data.Entity, time.Time{}); err == nil && e.Value() == own.entity {
		r.known.Store(secret, &knownToken{found, e, groups, own})
	}
	return own, nil
}
