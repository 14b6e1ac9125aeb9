package signin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"iter"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Session is something that stands for an earlier login: a bearer token, a Vault
// token, a cookie. T is what its server knows of it besides.
type Session[T any] struct {
	ID        string        `json:"id"` // an accessor: safe to show, cannot be used to log in
	Kind      string        `json:"kind"`
	Owner     string        `json:"owner"` // user or client ID
	Issued    time.Time     `json:"issued"`
	Expires   time.Time     `json:"expires,omitzero"` // zero: never
	MaxTTL    time.Duration `json:"max_ttl,omitzero"` // renewals end this long after Issued; 0: no end
	Renewable bool          `json:"renewable,omitempty"`
	Uses      int           `json:"uses,omitempty"` // left; 0 means unlimited
	Revoked   time.Time     `json:"revoked,omitzero"`
	Data      T             `json:"meta,omitempty"`
	Used      bool          `json:"used_up,omitempty"`
	Renewed   time.Time     `json:"renewed,omitzero"` // the last renewal
	Touched   time.Time     `json:"touched,omitzero"` // the last use that counted, of a kind with an idle lifetime
}

// Kind is what the sessions of one realm have in common.
type Kind[T any] struct {
	// Realm names them, in listings too, and keeps secrets that are chosen rather than
	// drawn apart: two servers may both have a token "root". No two kinds have the same.
	Realm string
	// Idle ends a session that nobody has used for so long; 0: there is no such end. A
	// use counts when the last one that did is a sixteenth of it ago, so a session may
	// end that much earlier after its last use, and never later.
	Idle time.Duration
	// Remember is how long one that is over is known as such, for systems that tell an
	// expired, revoked or used up session from one that never was. 0: it is gone at
	// once and leaves nothing behind.
	Remember time.Duration
	// By lists what sessions are found by, besides their ID: their owner, their
	// parent. What is in it stands with a session from the beginning; it can become
	// less. nil: nothing.
	By func(*Session[T]) []string
}

// Issue describes a session to be made.
type Issue[T any] struct {
	Owner       string
	TTL, MaxTTL time.Duration // TTL 0: lives until revoked
	Uses        int           // 0: unlimited
	Renewable   bool
	Data        T
	Secret      string // a wanted secret, in the vendor's format; empty: 32 octets in base64url
	Seeded      bool   // the secret stands in the seed: no news to the audit of secrets
	ID          string // a wanted accessor, in the vendor's format; empty: a UUID
}

// Sessions are those of one kind.
type Sessions[T any] struct {
	kind    Kind[T]
	guard   *Authenticator
	records *state.Collection[Session[T]] // by the digest of the secret, see digest
	ids     *state.Index[Session[T]]
	found   *state.Index[Session[T]] // by what Kind.By lists; nil: nothing
	digests state.Hot[string]        // secret → digest
}

// NewSessions declares the sessions of a kind. A server does that once, in its New.
func NewSessions[T any](g *Authenticator, k Kind[T]) *Sessions[T] {
	name := "session/" + k.Realm
	s := &Sessions[T]{kind: k, guard: g, records: state.Of[Session[T]](g.Store, name)}
	s.ids = s.records.By(g.Store, "id", cause.Because(cause.Exists, "a session with that accessor exists"),
		func(v *Session[T]) []string { return []string{v.ID} })
	if k.By != nil {
		s.found = s.records.By(g.Store, "what", nil, k.By)
	}
	g.realms = append(g.realms, s.shown)
	return s
}

// digest is the key of a session's record, 128 bits of SHA-256 in hexadecimal digits:
// nobody can read a secret out of the store, and no two secrets meet there.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	var key [len(sum)]byte
	return string(hex.AppendEncode(key[:0], sum[:len(sum)/2]))
}

// key is digest, remembered for secrets that are used again and again.
func (s *Sessions[T]) key(secret string) string {
	if key := s.digests.Load(secret); key != nil {
		return *key
	}
	key := digest(secret)
	if len(secret) <= 256 { // what is longer is nobody's: what strangers send is not kept
		s.digests.Store(secret, &key)
	}
	return key
}

// Issue makes a session and returns its secret, which is not stored anywhere. A secret
// or an ID that exists is cause.Exists.
func (s *Sessions[T]) Issue(ctx context.Context, i Issue[T]) (secret string, issued Session[T], err error) {
	if secret = i.Secret; secret == "" {
		b := make([]byte, 32)
		if _, err := io.ReadFull(s.guard.Rand, b); err != nil {
			return "", issued, err
		}
		secret = base64.RawURLEncoding.EncodeToString(b)
	}
	if !i.Seeded {
		s.guard.report("token of "+i.Owner, secret)
	}
	if i.ID == "" {
		i.ID = world.UUID(s.guard.Rand)
	}
	issued = Session[T]{ID: i.ID, Kind: s.kind.Realm, Owner: i.Owner, Issued: s.guard.Clock.Now(), MaxTTL: i.MaxTTL,
		Renewable: i.Renewable, Uses: i.Uses, Data: i.Data}
	if i.TTL > 0 {
		issued.Expires = issued.Issued.Add(i.TTL)
	}
	if s.kind.Idle > 0 {
		issued.Touched = issued.Issued
	}
	err = s.records.Edit(ctx, digest(secret), func(v *Session[T], found bool) (time.Time, error) {
		if found {
			return time.Time{}, cause.Because(cause.Exists, "that token exists")
		}
		*v = issued
		return s.forgotten(v), nil
	})
	return secret, issued, err
}

// End is when the session ends by itself if nobody does anything; zero: never.
func (s *Sessions[T]) End(v *Session[T]) time.Time {
	end := v.Expires
	if s.kind.Idle > 0 {
		if idle := v.Touched.Add(s.kind.Idle); end.IsZero() || idle.Before(end) {
			end = idle
		}
	}
	return end
}

// forgotten is when nothing is known of the session any more; zero: never.
func (s *Sessions[T]) forgotten(v *Session[T]) time.Time {
	end := s.End(v)
	if !v.Revoked.IsZero() {
		end = v.Revoked
	}
	if end.IsZero() {
		return end
	}
	return end.Add(s.kind.Remember)
}

// Alive is the reason why the session cannot be used at now; nil: it can.
func (s *Sessions[T]) Alive(v *Session[T], now time.Time) error {
	end := s.End(v)
	switch {
	case !v.Revoked.IsZero():
		return cause.Because(cause.TokenRevoked, "token %s was revoked at %s", v.ID, v.Revoked.Format(time.RFC3339))
	case v.Used:
		return cause.Because(cause.TokenUsedUp, "token %s has no uses left", v.ID)
	case !end.IsZero() && !now.Before(end):
		return cause.Because(cause.TokenExpired, "token %s expired at %s", v.ID, end.Format(time.RFC3339))
	}
	return nil
}

// Known is a session that somebody keeps, to ask whether it is still good.
type Known[T any] struct {
	of   *Sessions[T]
	held *state.Held[Session[T]]
}

// Session is what it was when it was found; it must not be modified.
func (k Known[T]) Session() *Session[T] { return k.held.Value() }

// Good reports at now that Look would give the same session. False means no more
// than that it has to be asked.
func (k Known[T]) Good(now time.Time) bool {
	v := k.held.Value()
	return v != nil && k.held.Unchanged(now) && k.of.Alive(v, now) == nil && !k.of.stale(v, now)
}

// stale reports that a use at now counts against the idle lifetime.
func (s *Sessions[T]) stale(v *Session[T], now time.Time) bool {
	return s.kind.Idle > 0 && now.Sub(v.Touched) >= s.kind.Idle/16
}

// Look returns a session that is alive, without using it up.
func (s *Sessions[T]) Look(ctx context.Context, secret string) (Session[T], error) {
	k, err := s.Know(ctx, secret)
	if err != nil {
		return Session[T]{}, err
	}
	return *k.Session(), nil
}

// Know is Look for somebody who keeps the session.
func (s *Sessions[T]) Know(ctx context.Context, secret string) (Known[T], error) {
	return s.know(ctx, s.key(secret))
}

func (s *Sessions[T]) know(ctx context.Context, key string) (Known[T], error) {
	now := s.guard.Clock.Now()
	held, err := s.records.Hold(ctx, key, now)
	if err != nil {
		return Known[T]{}, err
	}
	v := held.Value()
	if v == nil {
		return Known[T]{}, cause.Because(cause.UnknownToken, "no such token is known: none was issued, or it is over")
	}
	if err := s.Alive(v, now); err != nil {
		return Known[T]{}, err
	}
	if s.stale(v, now) {
		if _, err := s.edit(ctx, key, func(*Session[T]) error { return nil }); err != nil {
			return Known[T]{}, err
		}
		return s.know(ctx, key)
	}
	return Known[T]{s, held}, nil
}

// Use is Look that takes one use of a session whose uses are counted.
func (s *Sessions[T]) Use(ctx context.Context, secret string) (Session[T], error) {
	v, err := s.Look(ctx, secret)
	if err != nil || v.Uses == 0 {
		return v, err
	}
	return s.edit(ctx, s.key(secret), func(v *Session[T]) error {
		if v.Uses--; v.Uses > 0 {
			return nil
		}
		if v.Used = true; s.kind.Remember == 0 {
			return state.ErrDelete
		}
		return nil
	})
}

// edit changes a session that is alive; a change is a use.
func (s *Sessions[T]) edit(ctx context.Context, key string, f func(*Session[T]) error) (out Session[T], err error) {
	err = s.records.Edit(ctx, key, func(v *Session[T], found bool) (time.Time, error) {
		if !found {
			return time.Time{}, cause.Because(cause.UnknownToken, "no such token is known: none was issued, or it is over")
		}
		now := s.guard.Clock.Now()
		if err := s.Alive(v, now); err != nil {
			return time.Time{}, err
		}
		if s.kind.Idle > 0 {
			v.Touched = now
		}
		err := f(v)
		out = *v
		return s.forgotten(v), err
	})
	return out, err
}

// shown lists the sessions that can be used now, for people.
func (s *Sessions[T]) shown(ctx context.Context) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		for v, err := range s.All(ctx) {
			if err != nil {
				yield(Token{}, err)
				return
			}
			data, err := json.Marshal(v.Data)
			if !yield(Token{ID: v.ID, Kind: v.Kind, Owner: v.Owner, Issued: v.Issued, Expires: v.Expires, MaxTTL: v.MaxTTL, Renewable: v.Renewable,
				Uses: v.Uses, Used: v.Used, Renewed: v.Renewed, Touched: v.Touched, Data: data}, err) {
				return
			}
		}
	}
}

// Token is a session as people are shown it, whatever its server knows of it.
type Token = Session[json.RawMessage]

// Alive returns the sessions of all kinds that can be used now, without their
// secrets.
func (g *Authenticator) Alive(ctx context.Context) ([]Token, error) {
	var out []Token
	for _, realm := range g.realms {
		for t, err := range realm(ctx) {
			if err != nil {
				return nil, err
			}
			out = append(out, t)
		}
	}
	return out, nil
}
