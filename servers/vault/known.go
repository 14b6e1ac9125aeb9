package vault

import (
	"context"
	"errors"

	"counterpart/internal/cause"
	"counterpart/internal/signin"
)

// knownToken is a token that was found before, with the records that it was made
// of: it is good while they are the same.
type knownToken struct {
	record signin.Known
	entity held[entity]
	token  *token
}

// look finds a token without using it up.
func (s *Server) look(ctx context.Context, secret string) (*token, error) {
	known := s.known.Load(secret)
	if known != nil && known.record.Good(s.Clock.Now()) && (known.token.entityID == "" || known.entity.unchanged()) {
		return known.token, nil
	}
	found, err := s.Logins.Know(ctx, s.inRealm(secret))
	if errors.Is(err, cause.UnknownToken) {
		if seed, ok := s.seeded[secret]; ok {
			if err := s.issueSeeded(ctx, seed); err != nil {
				return nil, err
			}
			found, err = s.Logins.Know(ctx, s.inRealm(secret))
		}
	}
	if err != nil {
		return nil, err
	}
	if known != nil && found.Token() == known.record.Token() {
		if e, err := s.entities.hold(ctx, known.token.entityID); err == nil && e.value == known.token.entity { // others of the store have changed
			s.known.Store(secret, &knownToken{found, e, known.token})
			return known.token, nil
		}
	}
	own, err := s.own(ctx, *found.Token(), secret)
	if err != nil || own.counted || own.Meta[metaParent] != "" { // one that may end without its own record being written
		return own, err
	}
	if e, err := s.entities.hold(ctx, own.entityID); err == nil && e.value == own.entity {
		s.known.Store(secret, &knownToken{found, e, own})
	}
	return own, nil
}
