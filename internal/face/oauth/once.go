package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/face/jose"
)

// digest is what a secret is kept under: the store has no secrets.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Codes are secrets that are good once, each with what it stands for: authorization
// codes, one-time session tokens. A code that is over is remembered for a while, so that
// an expired one is told from one that never was.
type Codes[T any] struct {
	codes    *state.Collection[code[T]]
	clock    clock.Clock
	remember time.Duration
}

type code[T any] struct {
	Value T         `json:"value"`
	Ends  time.Time `json:"ends"`
	Used  bool      `json:"used,omitempty"`
}

// NewCodes keeps codes in a collection of s; remember is for how long after its end a code
// is refused with ExpiredCode or UsedCode rather than UnknownCode.
func NewCodes[T any](s state.Store, name string, c clock.Clock, remember time.Duration) *Codes[T] {
	return &Codes[T]{state.Of[code[T]](s, name), c, remember}
}

// Issue keeps what a secret of the vendor's form stands for. The same secret twice is
// cause.Exists.
func (c *Codes[T]) Issue(ctx context.Context, secret string, v T, lifetime time.Duration) error {
	return c.codes.Edit(ctx, digest(secret), func(x *code[T], found bool) (time.Time, error) {
		if found {
			return time.Time{}, cause.Because(cause.Exists, "that code exists")
		}
		*x = code[T]{Value: v, Ends: c.clock.Now().Add(lifetime)}
		return x.Ends.Add(c.remember), nil
	})
}

// Redeem uses a code up and is what it stands for: of racing callers one gets it. fits may
// refuse (another client, a wrong verifier), and then the code is not used. It refuses
// with UnknownCode, ExpiredCode and UsedCode.
func (c *Codes[T]) Redeem(ctx context.Context, secret string, fits func(T) error) (v T, err error) {
	err = c.codes.Edit(ctx, digest(secret), func(x *code[T], found bool) (time.Time, error) {
		switch {
		case !found:
			return time.Time{}, cause.Because(UnknownCode, "no such code was issued")
		case x.Used:
			return time.Time{}, cause.Because(UsedCode, "the code was redeemed before")
		case !c.clock.Now().Before(x.Ends):
			return time.Time{}, cause.Because(ExpiredCode, "the code ended at %s", x.Ends.Format(time.RFC3339))
		}
		if fits != nil {
			if err := fits(x.Value); err != nil {
				return time.Time{}, err
			}
		}
		x.Used, v = true, x.Value
		return x.Ends.Add(c.remember), nil
	})
	return v, err
}

// Seen remembers identifiers that are good once: the jti of assertions and of proofs of
// possession.
type Seen struct {
	ids   *state.Collection[bool]
	clock clock.Clock
}

// NewSeen keeps them in a collection of s.
func NewSeen(s state.Store, name string, c clock.Clock) *Seen {
	return &Seen{state.Of[bool](s, name), c}
}

// Once notes an identifier of an issuer, until the token that carries it has ended; the
// second time it refuses with cause.Replayed.
func (s *Seen) Once(ctx context.Context, issuer, id string, until time.Time) error {
	return s.ids.Edit(ctx, digest(issuer+"\x00"+id), func(seen *bool, found bool) (time.Time, error) {
		if found {
			return time.Time{}, cause.Because(cause.Replayed, "%.80q was used before", id)
		}
		*seen = true
		return until, nil
	})
}

// Assertion judges the signed token of a client (RFC 7523 section 3): signature, claims,
// and then that it is shown for the first time, so that nobody else can spend its
// identifier. The policy names issuer, subject and audience; an end and an identifier are
// always demanded.
func (s *Seen) Assertion(ctx context.Context, t *jose.Token, k jose.Key, p jose.Policy) (jose.Claims, error) {
	if err := t.Verify(k, jose.RS256, jose.HS256, jose.HS384, jose.HS512); err != nil { // which of them, the key says
		return jose.Claims{}, err
	}
	claims, err := t.Claims()
	if err != nil {
		return claims, err
	}
	p.Now, p.NeedExpiry, p.NeedID = s.clock.Now(), true, true
	if err := p.Check(claims); err != nil {
		return claims, err
	}
	return claims, s.Once(ctx, claims.Issuer, claims.ID, claims.Expires.Add(p.Leeway))
}
