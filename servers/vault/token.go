package vault

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/ids"
)

// token is a live token of this server. What only Vault knows of it stands in the
// metadata of the fleet's record.
type token struct {
	signin.Token
	secret   string // as the client sent it; "" when it was found by its accessor
	policies []string
	identity []string // policies of its entity
	all      []string // both, sorted
	entityID string
	entity   *entity  // nil: it has none
	counted  bool     // its uses are counted
	cidrs    []string // where it can be used; none: anywhere
	// built is what its policies came to when that was last asked.
	built atomic.Pointer[tokenACL]
}

// Names of the metadata.
const (
	metaPolicies = "policies"
	metaPath     = "path"
	metaDisplay  = "display_name"
	metaType     = "type" // service or batch
	metaEntity   = "entity"
	metaParent   = "parent" // accessor; none: an orphan
	metaUser     = "meta"   // JSON
	metaMost     = "explicit_max_ttl"
	metaPeriod   = "period"
	metaTTL      = "creation_ttl"
	metaRole     = "role"
	metaRoleTTL  = "role_ttl" // what a renewal grants by itself; none: the mount's
	metaCIDRs    = "bound_cidrs"
)

// separator stands between the values of one entry; nothing in them has it.
const separator = "\x00"

// with is the token with another record of the fleet's. A token may be shared by
// requests, and is never modified.
func (t *token) with(record signin.Token) *token {
	return &token{Token: record, secret: t.secret, policies: t.policies, identity: t.identity, all: t.all, entityID: t.entityID, entity: t.entity,
		counted: t.counted, cidrs: t.cidrs}
}

// values are the parts of an entry.
func (t *token) values(name string) []string {
	if t.Meta[name] == "" {
		return nil
	}
	return strings.Split(t.Meta[name], separator)
}

// kind keeps the tokens of several servers in a fleet apart.
func (s *Server) kind() string { return "vault:" + s.Name }

// batch reports a token that cannot be renewed, revoked or found.
func (t *token) batch() bool { return t.Meta[metaType] == "batch" }

// isRoot reports the policy root.
func (t *token) isRoot() bool { return slices.Contains(t.policies, "root") }

// accessor is what the token is called in answers.
func (t *token) accessor() string {
	if t.batch() {
		return ""
	}
	return t.ID
}

func (t *token) seconds(name string) int64 {
	n, _ := strconv.ParseInt(t.Meta[name], 10, 64)
	return n
}

// metadata is what its maker said of it; nil when nothing was said.
func (t *token) metadata() map[string]string {
	var m map[string]string
	json.Unmarshal([]byte(t.Meta[metaUser]), &m)
	return m
}

// allPolicies are the token's own and those of its entity, sorted.
func (t *token) allPolicies() []string { return t.all }

// authenticate finds the token of the request and takes one use of it.
func (r *request) authenticate() error {
	if err := r.recognise(); err != nil || !r.token.counted {
		return err
	}
	used, err := r.Logins.Use(r.ctx, r.inRealm(r.token.secret))
	if err != nil {
		return r.badToken(err)
	}
	r.token = r.token.with(used)
	return nil
}

// recognise finds the token of the request; on a path that works without, that is
// no use of it.
func (r *request) recognise() error {
	secret := header(r.http, "X-Vault-Token")
	if secret == "" {
		secret, _ = httpapi.Bearer(r.http.Header, httpapi.SchemeRules{})
	}
	if secret == "" {
		return refuse(http.StatusForbidden, "permission denied").because("the request carries no token")
	}
	t, err := r.look(r.ctx, secret)
	if errors.Is(err, cause.UnknownToken) {
		if _, err := r.take(secret); err == nil { // its one use was to unwrap
			return forbidden().because("the token is a wrapping token, and is used up now")
		}
	}
	if err != nil {
		return r.badToken(err)
	}
	if err := r.barred(t); err != nil {
		return err
	}
	r.token = t
	r.call.Actor = t.Owner
	return nil
}

// barred refuses a token that is alive and cannot be used: from this address, or
// because its entity is gone.
func (r *request) barred(t *token) error {
	switch id := t.entityID; {
	case !r.from(t.cidrs):
		return r.elsewhere(t.cidrs)
	case id != "" && t.entity == nil:
		return refuse(http.StatusForbidden, "permission denied").because("there is no entity %s any more", id)
	case id != "" && t.entity.Disabled:
		return refuse(http.StatusForbidden, "permission denied").because("the entity %s is disabled", t.entity.Name)
	}
	return nil
}

// badToken words a token that is no good. A store that fails is no refusal.
func (r *request) badToken(err error) error {
	if _, known := cause.Of(err); !known {
		return err
	}
	return refuse(http.StatusForbidden, "%s", r.pick("2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n", "permission denied")).
		because("%s", cause.Why(err))
}

// inRealm keeps the tokens of this server apart from those of others.
func (s *Server) inRealm(secret string) string { return signin.InRealm(s.kind(), secret) }

// own makes a token of this server out of the fleet's record.
func (s *Server) own(ctx context.Context, t signin.Token, secret string) (*token, error) {
	if t.Kind != s.kind() {
		return nil, cause.Because(cause.UnknownToken, "the token belongs to %s", t.Kind)
	}
	if parent := t.Meta[metaParent]; parent != "" {
		up, err := s.Logins.Named(ctx, parent)
		if err == nil {
			_, err = s.own(ctx, up, "")
		}
		if err != nil {
			return nil, err
		}
	}
	out := &token{Token: t, secret: secret, counted: t.Uses > 0 || t.Used, entityID: t.Meta[metaEntity]}
	out.policies, out.cidrs = out.values(metaPolicies), out.values(metaCIDRs)
	if id := out.entityID; id != "" {
		e, err := s.entities.get(ctx, id)
		if err != nil {
			return nil, err
		}
		if out.entity = e; e != nil {
			if out.identity, err = s.identityPolicies(ctx, e); err != nil {
				return nil, err
			}
		}
	}
	out.all = out.policies
	if len(out.identity) > 0 {
		out.all = slices.Concat(out.policies, out.identity)
		slices.Sort(out.all)
		out.all = slices.Compact(out.all)
	}
	return out, nil
}

// identityPolicies are those of an entity and of its groups.
func (s *Server) identityPolicies(ctx context.Context, e *entity) ([]string, error) {
	t, err := s.groupsNow(ctx)
	if err != nil {
		return nil, err
	}
	direct, inherited := t.of(e.ID)
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

// byAccessor finds a token by its accessor.
func (s *Server) byAccessor(ctx context.Context, accessor string) (*token, error) {
	t, err := s.Logins.Named(ctx, accessor)
	if err != nil {
		return nil, err
	}
	own, err := s.own(ctx, t, "")
	if err == nil && own.batch() {
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
	meta := map[string]string{metaPolicies: strings.Join(i.policies, separator), metaPath: i.path, metaDisplay: i.display, metaType: "service",
		metaTTL: strconv.FormatInt(int64(i.ttl/time.Second), 10)}
	for name, value := range map[string]string{metaEntity: i.entity, metaParent: i.parent, metaRole: i.role, metaCIDRs: strings.Join(i.cidrs, separator)} {
		if value != "" {
			meta[name] = value
		}
	}
	for name, value := range map[string]time.Duration{metaMost: i.explicit, metaPeriod: i.period, metaRoleTTL: i.roleTTL} {
		if value > 0 {
			meta[name] = strconv.FormatInt(int64(value/time.Second), 10)
		}
	}
	if i.meta != nil {
		raw, _ := json.Marshal(i.meta)
		meta[metaUser] = string(raw)
	}
	if i.batch {
		meta[metaType], i.fixed = "batch", true
	}
	if i.id == "" {
		i.id = s.newToken(i.batch)
	}
	_, t, err := s.Logins.Issue(ctx, signin.IssueToken{Kind: s.kind(), Owner: i.owner, ID: s.alphanumerics(24), Secret: i.id, Realm: s.kind(),
		TTL: i.ttl, MaxTTL: i.max, Uses: i.uses, Seeded: i.seeded, Renewable: !i.fixed && i.ttl > 0, Meta: meta})
	if err != nil {
		return nil, err
	}
	own, err := s.own(ctx, t, i.id)
	if err != nil {
		return nil, err
	}
	return s.block(own, i.ttl), nil
}

// block is the auth block of a token that has been granted so long; 0: it does
// not end.
func (s *Server) block(t *token, granted time.Duration) *authBlock {
	b := &authBlock{ClientToken: t.secret, Accessor: t.accessor(), Policies: append([]string{}, t.allPolicies()...), TokenPolicies: t.policies,
		LeaseDuration:    int64(granted / time.Second),
		IdentityPolicies: t.identity, Metadata: t.metadata(), Renewable: t.Renewable, EntityID: t.Meta[metaEntity],
		TokenType: t.Meta[metaType], Orphan: t.Meta[metaParent] == ""}
	if !s.flavour.old {
		b.newerAuth = &newerAuth{NumUses: t.Uses}
	}
	return b
}

// issueSeeded makes a token that the seed names, when it is first asked for, and
// never again: one that was revoked does not come back when its record dies.
func (r *request) issueSeeded(ctx context.Context, seed SeededToken) error {
	issued, err := r.issuedSeeds.get(ctx, wrapKey(seed.ID))
	if err != nil {
		return err
	}
	if issued != nil {
		return cause.Because(cause.TokenRevoked, "the seeded token has ended")
	}
	lasts := seed.TTL
	if lasts > 0 {
		if lasts -= r.Clock.Now().Sub(r.started); lasts <= 0 {
			return cause.Because(cause.TokenExpired, "the seeded token has expired")
		}
	}
	i := issue{id: seed.ID, seeded: true, owner: "token", path: "auth/token/create", display: "token", policies: withDefault(seed.Policies), ttl: lasts,
		max: lasts, uses: seed.NumUses, fixed: !seed.Renewable, meta: seed.Meta}
	if seed.Renewable {
		i.max = systemTTL
	}
	if slices.Contains(seed.Policies, "root") {
		// As in a development server, where a chosen root token is made by another.
		i.policies, i.owner = []string{"root"}, "root"
	}
	if _, err = r.issue(ctx, i); err != nil && !errors.Is(err, cause.Exists) { // another request was quicker
		return err
	}
	return r.issuedSeeds.put(ctx, wrapKey(seed.ID), true)
}

// withDefault adds the policy default, sorts and folds.
func withDefault(policies []string) []string {
	return sanitized(append(slices.Clone(policies), "default"))
}

// sanitized are policy names as a token keeps them.
func sanitized(policies []string) []string {
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
	if s.flavour.bao || s.flavour.old {
		if batch && s.flavour.bao {
			return s.baoBatch()
		}
		if batch {
			return "b." + s.alphanumerics(24)
		}
		return "s." + s.alphanumerics(24)
	}
	b := make([]byte, 68)
	io.ReadFull(s.Rand, b[4:])
	copy(b, []byte{0x08, 0x01, 0x12, 0x20}) // its head is the same in all of them
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// alphanumerics is n random letters and digits.
func (s *Server) alphanumerics(n int) string { return ids.Text(s.Rand, ids.Alphanumeric, n) }
