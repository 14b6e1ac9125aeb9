package signin

import (
	"context"
	"iter"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
)

// Renew moves the end of a renewable session to now plus ttl, but never past its
// MaxTTL.
func (s *Sessions[T]) Renew(ctx context.Context, secret string, ttl time.Duration) (Session[T], error) {
	return s.renew(ctx, s.key(secret), ttl)
}

func (s *Sessions[T]) renew(ctx context.Context, key string, ttl time.Duration) (Session[T], error) {
	return s.edit(ctx, key, func(v *Session[T]) error {
		if !v.Renewable {
			return cause.Because(cause.NotRenewable, "token %s is not renewable", v.ID)
		}
		v.Renewed = s.guard.Clock.Now()
		v.Expires = v.Renewed.Add(ttl)
		if end := v.Issued.Add(v.MaxTTL); v.MaxTTL > 0 && v.Expires.After(end) {
			v.Expires = end
		}
		return nil
	})
}

// Revoke ends a session at once.
func (s *Sessions[T]) Revoke(ctx context.Context, secret string) error {
	return s.revoke(ctx, s.key(secret))
}

// revoke ends one session. Of two callers at once one is told that it is over.
func (s *Sessions[T]) revoke(ctx context.Context, key string) error {
	if s.kind.Remember > 0 {
		_, err := s.edit(ctx, key, func(v *Session[T]) error { v.Revoked = s.guard.Clock.Now(); return nil })
		return err
	}
	was, err := s.records.DeleteIf(ctx, key, func(v *Session[T]) error { return s.Alive(v, s.guard.Clock.Now()) })
	if err == nil && !was {
		err = cause.Because(cause.UnknownToken, "no such token is known: none was issued, or it is over")
	}
	return err
}

// keyOf is the key of the session with an accessor.
func (s *Sessions[T]) keyOf(ctx context.Context, id string) (string, error) {
	e, err := s.ids.One(ctx, id)
	if err == nil && e.Value == nil {
		err = cause.Because(cause.UnknownToken, "no token has the accessor %s", id)
	}
	return e.Key, err
}

// Named is Look by the session's ID.
func (s *Sessions[T]) Named(ctx context.Context, id string) (Session[T], error) {
	key, err := s.keyOf(ctx, id)
	if err != nil {
		return Session[T]{}, err
	}
	k, err := s.know(ctx, key)
	if err != nil {
		return Session[T]{}, err
	}
	return *k.Session(), nil
}

// RenewNamed is Renew by the session's ID.
func (s *Sessions[T]) RenewNamed(ctx context.Context, id string, ttl time.Duration) (Session[T], error) {
	key, err := s.keyOf(ctx, id)
	if err != nil {
		return Session[T]{}, err
	}
	return s.renew(ctx, key, ttl)
}

// RevokeNamed is Revoke by the session's ID.
func (s *Sessions[T]) RevokeNamed(ctx context.Context, id string) error {
	key, err := s.keyOf(ctx, id)
	if err != nil {
		return err
	}
	return s.revoke(ctx, key)
}

// EditNamed changes what a server knows of a session that is alive, by its ID.
func (s *Sessions[T]) EditNamed(ctx context.Context, id string, fn func(data *T)) error {
	key, err := s.keyOf(ctx, id)
	if err != nil {
		return err
	}
	_, err = s.edit(ctx, key, func(v *Session[T]) error { fn(&v.Data); return nil })
	return err
}

// Found yields the sessions that are alive and that Kind.By has listed under what.
func (s *Sessions[T]) Found(ctx context.Context, what string) iter.Seq2[*Session[T], error] {
	return s.living(s.found.All(ctx, what, ""))
}

// All yields the sessions of the kind that are alive.
func (s *Sessions[T]) All(ctx context.Context) iter.Seq2[*Session[T], error] {
	return s.living(s.records.All(ctx, state.Range{}))
}

// IDs returns the accessors of a range in their order; some may be of sessions that
// are over.
func (s *Sessions[T]) IDs(ctx context.Context, r state.Range) ([]string, error) {
	return s.ids.Values(ctx, r)
}

func (s *Sessions[T]) living(of iter.Seq2[state.Entry[Session[T]], error]) iter.Seq2[*Session[T], error] {
	return func(yield func(*Session[T], error) bool) {
		for e, err := range of {
			if err != nil {
				yield(nil, err)
				return
			}
			if s.Alive(e.Value, s.guard.Clock.Now()) == nil && !yield(e.Value, nil) {
				return
			}
		}
	}
}

// RevokeFound ends the sessions that Kind.By has listed under what: all of a user, say.
// One that is issued meanwhile may live.
func (s *Sessions[T]) RevokeFound(ctx context.Context, what string) error {
	for e, err := range s.found.All(ctx, what, "") {
		if err != nil {
			return err
		}
		if err := s.revoke(ctx, e.Key); err != nil {
			if _, over := cause.Of(err); !over {
				return err
			}
		}
	}
	return nil
}
