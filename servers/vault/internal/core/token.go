package core

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/ids"
	"counterpart/servers/vault/internal/settings"
)

// Token is a live token of this server.
type Token struct {
	session
	secret   string   // as the client sent it; "" when it was found by its accessor
	identity []string // policies of its entity
	all      []string // its own and those, sorted
	entity   *Entity  // nil: it has none
	counted  bool     // its uses are counted
	// built is what its policies came to when that was last asked.
	built atomic.Pointer[tokenACL]
}

// session is the fleet's record of a token.
type session = signin.Session[tokenData]

// tokenData is what only Vault knows of a token.
type tokenData struct {
	Policies []string          `json:"policies,omitempty"` // sorted
	Path     string            `json:"path"`               // where it was made
	Display  string            `json:"display_name,omitempty"`
	Type     string            `json:"type"` // service or batch
	Entity   string            `json:"entity,omitempty"`
	Parent   string            `json:"parent,omitempty"` // accessor; none: an orphan
	Role     string            `json:"role,omitempty"`
	Meta     map[string]string `json:"meta"`                  // what its maker said of it; nil when nothing was said
	CIDRs    []string          `json:"bound_cidrs,omitempty"` // where it can be used; none: anywhere
	TTL      int64             `json:"creation_ttl"`          // seconds, like the others
	Most     int64             `json:"explicit_max_ttl,omitempty"`
	Period   int64             `json:"period,omitempty"`
	RoleTTL  int64             `json:"role_ttl,omitempty"` // what a renewal grants by itself; none: the mount's
}

// seconds are how a record has lengths of time.
func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// lasting is the length of time that a record has as seconds.
func lasting(seconds int64) time.Duration { return time.Duration(seconds) * time.Second }

// parentOf is what tokens are found by, so that the children of one need no search.
func parentOf(s *session) []string {
	if s.Data.Parent == "" {
		return nil
	}
	return []string{s.Data.Parent}
}

// separator stands between names that are put together into one key; no name has it.
const separator = "\x00"

// with is the token with another record of the fleet's. A token may be shared by
// requests, and is never modified.
func (t *Token) with(record session) *Token {
	return &Token{session: record, secret: t.secret, identity: t.identity, all: t.all, entity: t.entity, counted: t.counted}
}

// Batch reports a token that cannot be renewed, revoked or found.
func (t *Token) Batch() bool { return t.Data.Type == "batch" }

// isRoot reports the policy root.
func (t *Token) isRoot() bool { return slices.Contains(t.Data.Policies, "root") }

// accessor is what the token is called in answers.
func (t *Token) accessor() string {
	if t.Batch() {
		return ""
	}
	return t.ID
}

// allPolicies are the token's own and those of its entity, sorted.
func (t *Token) allPolicies() []string { return t.all }

// authenticate finds the token of the request and takes one use of it.
func (r *Request) authenticate() error {
	if err := r.Recognise(); err != nil || !r.Token.counted {
		return err
	}
	used, err := r.tokens.Use(r.Ctx, r.Token.secret)
	if err != nil {
		return r.badToken(err)
	}
	r.Token = r.Token.with(used)
	return nil
}

// Recognise finds the token of the request; on a path that works without, that is
// no use of it.
func (r *Request) Recognise() error {
	secret := header(r.HTTP, "X-Vault-Token")
	if secret == "" {
		secret, _ = httpapi.Bearer(r.HTTP.Header, httpapi.SchemeRules{})
	}
	if secret == "" {
		return Refuse(http.StatusForbidden, "permission denied").Because("the request carries no token")
	}
	t, err := r.LookUp(r.Ctx, secret)
	if errors.Is(err, cause.UnknownToken) {
		if _, err := r.take(secret); err == nil { // its one use was to unwrap
			return Forbidden().Because("the token is a wrapping token, and is used up now")
		}
	}
	if err != nil {
		return r.badToken(err)
	}
	if err := r.barred(t); err != nil {
		return err
	}
	r.Token = t
	r.Call.Actor = t.Owner
	return nil
}

// barred refuses a token that is alive and cannot be used: from this address, or
// because its entity is gone.
func (r *Request) barred(t *Token) error {
	switch id := t.Data.Entity; {
	case !r.SourceIn(t.Data.CIDRs):
		return r.elsewhere(t.Data.CIDRs)
	case id != "" && t.entity == nil:
		return Refuse(http.StatusForbidden, "permission denied").Because("there is no entity %s any more", id)
	case id != "" && t.entity.Disabled:
		return Refuse(http.StatusForbidden, "permission denied").Because("the entity %s is disabled", t.entity.Name)
	}
	return nil
}

// badToken words a token that is no good. A store that fails is no refusal.
func (r *Request) badToken(err error) error {
	if _, known := cause.Of(err); !known {
		return err
	}
	return Refuse(http.StatusForbidden, "%s", r.Pick("2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n", "permission denied")).For(err)
}

// own makes a token of the fleet's record.
func (s *Server) own(ctx context.Context, v session, secret string) (*Token, error) {
	if parent := v.Data.Parent; parent != "" {
		up, err := s.tokens.Named(ctx, parent)
		if err == nil {
			_, err = s.own(ctx, up, "")
		}
		if err != nil {
			return nil, err
		}
	}
	out := &Token{session: v, secret: secret, counted: v.Uses > 0 || v.Used}
	if id := v.Data.Entity; id != "" {
		e, err := s.Entities.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		if out.entity = e; e != nil {
			if out.identity, err = s.identityPolicies(ctx, e); err != nil {
				return nil, err
			}
		}
	}
	out.all = v.Data.Policies
	if len(out.identity) > 0 {
		out.all = slices.Concat(v.Data.Policies, out.identity)
		slices.Sort(out.all)
		out.all = slices.Compact(out.all)
	}
	return out, nil
}

// identityPolicies are those of an entity and of its groups.
func (s *Server) identityPolicies(ctx context.Context, e *Entity) ([]string, error) {
	t, err := s.GroupsNow(ctx)
	if err != nil {
		return nil, err
	}
	direct, inherited := t.Of(e.ID)
	if len(direct) == 0 {
		return e.Policies, nil
	}
	out := slices.Clone(e.Policies)
	for _, g := range slices.Concat(direct, inherited) {
		out = append(out, g.Policies...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// ByAccessor finds a token by its accessor.
func (s *Server) ByAccessor(ctx context.Context, accessor string) (*Token, error) {
	t, err := s.tokens.Named(ctx, accessor)
	if err != nil {
		return nil, err
	}
	own, err := s.own(ctx, t, "")
	if err == nil && own.Batch() {
		return nil, cause.Because(cause.UnknownToken, "batch tokens have no accessor")
	}
	return own, err
}

// issue describes a token to be made.
type issue struct {
	id       string // a wanted token
	owner    string // who it stands for, for the journal
	path     string
	display  string
	policies []string      // sorted, with default
	ttl, max time.Duration // max: after which no renewal helps
	explicit time.Duration // explicit_max_ttl
	period   time.Duration
	roleTTL  time.Duration // what a renewal grants by itself; 0: the mount's default
	isRoot   bool
	cidrs    []string
	uses     int
	seeded   bool
	fixed    bool // not renewable
	batch    bool
	parent   string
	entity   string
	role     string
	meta     map[string]string
}

// issue makes the token and returns its auth block.
func (s *Server) issue(ctx context.Context, i issue) (*authBlock, error) {
	data := tokenData{Policies: i.policies, Path: i.path, Display: i.display, Type: "service", Entity: i.entity, Parent: i.parent, Role: i.role, Meta: i.meta,
		CIDRs: i.cidrs, TTL: seconds(i.ttl), Most: seconds(i.explicit), Period: seconds(i.period), RoleTTL: seconds(i.roleTTL)}
	if i.batch {
		data.Type, i.fixed = "batch", true
	}
	if i.id == "" {
		i.id = s.newToken(i.batch)
	}
	_, v, err := s.tokens.Issue(ctx, signin.Issue[tokenData]{Owner: i.owner, ID: s.Alphanumerics(24), Secret: i.id,
		TTL: i.ttl, MaxTTL: i.max, Uses: i.uses, Seeded: i.seeded, Renewable: !i.fixed && i.ttl > 0, Data: data})
	if err != nil {
		return nil, err
	}
	own, err := s.own(ctx, v, i.id)
	if err != nil {
		return nil, err
	}
	return s.block(own, i.ttl), nil
}

// block is the auth block of a token that has been granted so long; 0: it does
// not end.
func (s *Server) block(t *Token, granted time.Duration) *authBlock {
	b := &authBlock{ClientToken: t.secret, Accessor: t.accessor(), Policies: append([]string{}, t.allPolicies()...), TokenPolicies: t.Data.Policies,
		LeaseDuration:    int64(granted / time.Second),
		IdentityPolicies: t.identity, Metadata: t.Data.Meta, Renewable: t.Renewable, EntityID: t.Data.Entity,
		TokenType: t.Data.Type, Orphan: t.Data.Parent == ""}
	if !s.Flavour.Old {
		b.newerAuth = &newerAuth{NumUses: t.Uses}
	}
	return b
}

// issueSeeded makes a token that the seed names, when it is first asked for, and
// never again: one that was revoked does not come back. That it is being made is noted
// before, and that it was made after; whoever finds the token, and only the first of
// the two, notes the second.
func (r *Request) issueSeeded(ctx context.Context, seed settings.SeededToken, there bool) error {
	key := TokenHash(seed.ID)
	made, err := r.issuedSeeds.Get(ctx, key)
	switch {
	case err != nil:
		return err
	case there && made != nil && *made:
		return nil
	case there:
		return r.issuedSeeds.Put(ctx, key, true, time.Time{})
	case made != nil && *made:
		return cause.Because(cause.TokenRevoked, "the seeded token has ended")
	}
	lasts := seed.TTL
	if lasts > 0 {
		if lasts -= r.Clock.Now().Sub(r.Started); lasts <= 0 {
			return cause.Because(cause.TokenExpired, "the seeded token has expired")
		}
	}
	i := issue{id: seed.ID, seeded: true, owner: "token", path: "auth/token/create", display: "token", policies: withDefault(seed.Policies), ttl: lasts,
		max: lasts, uses: seed.NumUses, fixed: !seed.Renewable, meta: seed.Meta}
	if seed.Renewable {
		i.max = SystemTTL
	}
	if slices.Contains(seed.Policies, "root") {
		// As in a development server, where a chosen root token is made by another.
		i.policies, i.owner = []string{"root"}, "root"
	}
	if made == nil {
		if err := r.issuedSeeds.Put(ctx, key, false, time.Time{}); err != nil {
			return err
		}
	}
	if _, err = r.issue(ctx, i); err != nil && !errors.Is(err, cause.Exists) { // another request was quicker
		return err
	}
	return r.issuedSeeds.Put(ctx, key, true, time.Time{})
}

// withDefault adds the policy default, sorts and folds.
func withDefault(policies []string) []string {
	return SanitizePolicies(append(slices.Clone(policies), "default"))
}

// SanitizePolicies are policy names as a token keeps them.
func SanitizePolicies(policies []string) []string {
	out := make([]string, 0, len(policies))
	for _, p := range policies {
		if p = strings.ToLower(strings.TrimSpace(p)); p != "" && !strings.Contains(p, separator) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// newToken is a fresh token in the flavour's format.
func (s *Server) newToken(batch bool) string {
	prefix := "hvs."
	if batch {
		prefix = "hvb."
	}
	if s.Flavour.Bao || s.Flavour.Old {
		if batch && s.Flavour.Bao {
			return s.baoBatch()
		}
		if batch {
			return "b." + s.Alphanumerics(24)
		}
		return "s." + s.Alphanumerics(24)
	}
	b := make([]byte, 68)
	io.ReadFull(s.Rand, b[4:])
	copy(b, []byte{0x08, 0x01, 0x12, 0x20}) // its head is the same in all of them
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// Alphanumerics is n random letters and digits.
func (s *Server) Alphanumerics(n int) string { return ids.Text(s.Rand, ids.Alphanumeric, n) }

// Caller is the token of a path that works without, if there is one.
func (r *Request) Caller() error {
	if r.HTTP.Header.Get("X-Vault-Token") == "" && r.HTTP.Header.Get("Authorization") == "" {
		return nil
	}
	return r.Recognise()
}
