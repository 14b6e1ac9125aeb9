package signin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"counterpart/internal/cause"
	"counterpart/internal/state"
	"counterpart/internal/world"
)

// Token is something that stands for an earlier login: a session, a bearer
// token, a Vault token.
type Token struct {
	ID        string            `json:"id"` // an accessor: safe to show, cannot be used to log in
	Kind      string            `json:"kind"`
	Owner     string            `json:"owner"` // user or client ID
	Issued    time.Time         `json:"issued"`
	Expires   time.Time         `json:"expires,omitzero"` // zero: never
	MaxTTL    time.Duration     `json:"max_ttl,omitzero"` // renewals end this long after Issued; 0: no end
	Renewable bool              `json:"renewable,omitempty"`
	Uses      int               `json:"uses,omitempty"` // left; 0 means unlimited
	Revoked   time.Time         `json:"revoked,omitzero"`
	Meta      map[string]string `json:"meta,omitempty"`
	Used      bool              `json:"used_up,omitempty"`
	Renewed   time.Time         `json:"renewed,omitzero"` // the last renewal
}

// IssueToken describes a token to be made.
type IssueToken struct {
	Kind, Owner string
	TTL, MaxTTL time.Duration // TTL 0: lives until revoked
	Uses        int           // 0: unlimited
	Renewable   bool
	Meta        map[string]string
	Secret      string // a wanted secret, in the vendor's format; empty: 32 octets in base64url
	Seeded      bool   // the secret stands in the seed: no news to the audit of secrets
	// Realm keeps secrets that are chosen rather than drawn apart: two servers may
	// both have a token "root". Such a token is looked up by InRealm.
	Realm string
	// ID is a wanted accessor, in the vendor's format; the token can then be found
	// by it (Named, RenewNamed, RevokeNamed). Empty: a UUID, which finds nothing.
	ID string
}

// InRealm is what a token of a realm is looked up, used, renewed and revoked by.
func InRealm(realm, secret string) string {
	if realm == "" {
		return secret
	}
	return realm + "\x00" + secret
}

// dead tokens stay on record for a while, so that a refusal can say why.
const remembered = 24 * time.Hour

// keyOf is tokenKey, remembered for tokens that are used again and again.
func (g *Guard) keyOf(secret string) string {
	if key := g.keys.Load(secret); key != nil {
		return *key
	}
	key := tokenKey(secret)
	if len(secret) <= 256 { // what is longer is nobody's token: what strangers send is not kept
		g.keys.Store(secret, &key)
	}
	return key
}

func tokenKey(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	var key [len("token/") + 2*len(sum)]byte
	return string(hex.AppendEncode(append(key[:0], "token/"...), sum[:]))
}

// Issue makes a token and returns its secret, which is not stored anywhere.
func (g *Guard) Issue(ctx context.Context, t IssueToken) (secret string, issued Token, err error) {
	if secret = t.Secret; secret == "" {
		b := make([]byte, 32)
		if _, err := io.ReadFull(g.Rand, b); err != nil {
			return "", Token{}, err
		}
		secret = base64.RawURLEncoding.EncodeToString(b)
	}
	if !t.Seeded {
		g.told("token of "+t.Owner, secret)
	}
	key := tokenKey(InRealm(t.Realm, secret))
	isNamed := t.ID != ""
	if !isNamed {
		t.ID = world.UUID(g.Rand)
	}
	issued = Token{ID: t.ID, Kind: t.Kind, Owner: t.Owner, Issued: g.Clock.Now(), MaxTTL: t.MaxTTL,
		Renewable: t.Renewable, Uses: t.Uses, Meta: t.Meta}
	if t.TTL > 0 {
		issued.Expires = issued.Issued.Add(t.TTL)
	}
	fresh := false
	if isNamed {
		if fresh, err = g.name(ctx, issued, key); err != nil {
			return "", Token{}, err
		}
	}
	err = state.Edit(ctx, g.Store, key, func(v *Token, found bool) (time.Time, error) {
		if found {
			return time.Time{}, cause.Because(cause.Exists, "that token exists")
		}
		*v = issued
		return v.forgotten(), nil
	})
	if fresh && errors.Is(err, cause.Exists) { // the name must not lead to somebody else's
		if err := state.Delete(ctx, g.Store, nameKey(t.ID)); err != nil {
			return "", Token{}, err
		}
	}
	return secret, issued, err
}

func (t *Token) forgotten() time.Time {
	switch {
	case !t.Revoked.IsZero():
		return t.Revoked.Add(remembered)
	case !t.Expires.IsZero():
		return t.Expires.Add(remembered)
	}
	return time.Time{}
}

// alive is the reason why t cannot be used at now.
func (t *Token) alive(now time.Time) error {
	switch {
	case !t.Revoked.IsZero():
		return cause.Because(cause.TokenRevoked, "token %s was revoked at %s", t.ID, t.Revoked.Format(time.RFC3339))
	case t.Used:
		return cause.Because(cause.TokenUsedUp, "token %s has no uses left", t.ID)
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return cause.Because(cause.TokenExpired, "token %s expired at %s", t.ID, t.Expires.Format(time.RFC3339))
	}
	return nil
}

// Look returns a live token without using it up.
func (g *Guard) Look(ctx context.Context, secret string) (Token, error) {
	return g.look(ctx, g.keyOf(secret))
}

func (g *Guard) look(ctx context.Context, key string) (Token, error) {
	k, err := g.know(ctx, key)
	if k.held == nil {
		return Token{}, err
	}
	return *k.Token(), err
}

// Known is a token that somebody keeps, to ask whether it is still good.
type Known struct{ held *state.Held[Token] }

// Token is what it was when it was found; it must not be modified.
func (k Known) Token() *Token { return k.held.Value() }

// Good reports at now that Look would give the same token. False means no more
// than that it has to be asked.
func (k Known) Good(now time.Time) bool {
	return k.held.Unchanged(now) && k.held.Value() != nil && k.held.Value().alive(now) == nil
}

// Know is Look for somebody who keeps the token.
func (g *Guard) Know(ctx context.Context, secret string) (Known, error) {
	return g.know(ctx, g.keyOf(secret))
}

func (g *Guard) know(ctx context.Context, key string) (Known, error) {
	now := g.Clock.Now()
	held, err := g.tokens.Hold(ctx, g.Store, key, now)
	if err != nil {
		return Known{}, err
	}
	if held.Value() == nil {
		return Known{}, cause.Because(cause.UnknownToken, "no such token was issued")
	}
	return Known{held}, held.Value().alive(now)
}

// Use is Look that takes one use of a token whose uses are counted.
func (g *Guard) Use(ctx context.Context, secret string) (Token, error) {
	t, err := g.Look(ctx, secret)
	if err != nil || t.Uses == 0 {
		return t, err
	}
	return g.editToken(ctx, tokenKey(secret), func(v *Token) error {
		if v.Uses--; v.Uses == 0 {
			v.Used = true
		}
		return nil
	})
}

// Renew moves the end of a renewable token to now plus ttl, but never past its
// MaxTTL.
func (g *Guard) Renew(ctx context.Context, secret string, ttl time.Duration) (Token, error) {
	return g.renew(ctx, tokenKey(secret), ttl)
}

func (g *Guard) renew(ctx context.Context, key string, ttl time.Duration) (Token, error) {
	about, err := g.look(ctx, key)
	if err != nil {
		return Token{}, err
	}
	if err := about.renew(g.Clock.Now(), ttl); err != nil {
		return Token{}, err
	}
	if err := g.keepName(ctx, about); err != nil {
		return Token{}, err
	}
	renewed, err := g.editToken(ctx, key, func(t *Token) error { return t.renew(g.Clock.Now(), ttl) })
	if err != nil {
		return Token{}, err
	}
	return renewed, nil
}

// renew moves the end to now plus ttl, as far as MaxTTL allows.
func (t *Token) renew(now time.Time, ttl time.Duration) error {
	if !t.Renewable {
		return cause.Because(cause.NotRenewable, "token %s is not renewable", t.ID)
	}
	t.Renewed, t.Expires = now, now.Add(ttl)
	if end := t.Issued.Add(t.MaxTTL); t.MaxTTL > 0 && t.Expires.After(end) {
		t.Expires = end
	}
	return nil
}

// Revoke ends a token at once.
func (g *Guard) Revoke(ctx context.Context, secret string) error {
	return g.revoke(ctx, tokenKey(secret))
}

func (g *Guard) revoke(ctx context.Context, key string) error {
	t, err := g.editToken(ctx, key, func(t *Token) error { t.Revoked = g.Clock.Now(); return nil })
	if err != nil {
		return err
	}
	return g.endName(ctx, t)
}

func (g *Guard) editToken(ctx context.Context, key string, f func(*Token) error) (Token, error) {
	var out Token
	err := state.Edit(ctx, g.Store, key, func(t *Token, found bool) (time.Time, error) {
		if !found {
			return time.Time{}, cause.Because(cause.UnknownToken, "no such token was issued")
		}
		if err := t.alive(g.Clock.Now()); err != nil {
			return time.Time{}, err
		}
		if err := f(t); err != nil {
			return time.Time{}, err
		}
		out = *t
		return t.forgotten(), nil
	})
	return out, err
}

// Alive returns the tokens that can be used now, without their secrets.
func (g *Guard) Alive(ctx context.Context) ([]Token, error) {
	keys, err := g.Store.List(ctx, "token/")
	if err != nil {
		return nil, err
	}
	var out []Token
	for _, k := range keys {
		t, found, err := state.Read[Token](ctx, g.Store, k)
		if err != nil {
			return nil, err
		}
		if found && t.alive(g.Clock.Now()) == nil {
			out = append(out, t)
		}
	}
	return out, nil
}
