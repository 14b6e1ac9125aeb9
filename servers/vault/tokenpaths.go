package vault

import (
	"net/http"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
)

// tokenEngine is the auth method token. Servers before 1.21, and OpenBao, take a token
// in the path, too.
func tokenEngine(inPath bool) *engine {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	paths := []*pathSpec{
		{pattern: "create", name: "create", ops: write(createToken)},
		{pattern: "create-orphan", name: "create", ops: write(createOrphan)},
		{pattern: "create/:role", name: "create", ops: write(createByRole)},
		{pattern: "lookup-self", name: "lookup-self", ops: map[operation]handler{opRead: lookupSelf, opWrite: lookupSelf}},
		{pattern: "lookup", name: "lookup", ops: map[operation]handler{opRead: lookupToken, opWrite: lookupToken}},
		{pattern: "lookup-accessor", name: "lookup-accessor", ops: write(lookupAccessor)},
		{pattern: "accessors", name: "accessors", sudo: true, ops: map[operation]handler{opList: listAccessors}},
		{pattern: "renew-self", name: "renew-self", ops: write(func(r *request) (*answer, error) { return r.renewToken(r.token, true) })},
		{pattern: "renew", name: "renew", ops: write(renewNamed)},
		{pattern: "renew-accessor", name: "renew-accessor", ops: write(renewAccessor)},
		{pattern: "revoke-self", name: "revoke-self", ops: write(func(r *request) (*answer, error) { return r.revokeToken(r.token) })},
		{pattern: "revoke", name: "revoke", ops: write(revokeNamed)},
		{pattern: "revoke-accessor", name: "revoke-accessor", ops: write(revokeAccessor)},
		{pattern: "revoke-orphan", name: "revoke-orphan", sudo: true, ops: write(revokeOrphan)},
		{pattern: "roles", name: "roles", ops: map[operation]handler{opList: func(r *request) (*answer, error) { return listKeys(r.roles.Names(r.ctx, "")) }}},
		{pattern: "roles/:role", name: "roles", exists: roleExists, ops: map[operation]handler{opRead: getRole, opWrite: putRole, opDelete: dropRole}},
		{pattern: "tidy", name: "tidy", ops: write(tidyTokens)},
	}
	if inPath {
		paths = append(paths, &pathSpec{pattern: "renew/=token", name: "renew", ops: write(renewNamed)},
			&pathSpec{pattern: "revoke/=token", name: "revoke", ops: write(revokeNamed)})
	}
	return newEngine("token", paths...)
}

// listKeys answers a listing; an empty one is a 404.
func listKeys(keys []string, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errMissing
	}
	return ok(map[string]any{"keys": keys})
}

// shown is what a look-up tells of a token.
func (r *request) shown(t *token, id string) map[string]any {
	var meta any
	if m := t.Data.Meta; m != nil {
		meta = m
	}
	uses := t.Uses
	if t.Used {
		uses = -1
	}
	out := map[string]any{"accessor": t.accessor(), "creation_time": t.Issued.Unix(), "creation_ttl": t.Data.TTL, "display_name": t.Data.Display,
		"entity_id": t.Data.Entity, "expire_time": nil, "explicit_max_ttl": t.Data.Most, "id": id, "meta": meta, "num_uses": uses,
		"orphan": t.Data.Parent == "", "path": t.Data.Path, "policies": append([]string{}, t.Data.Policies...), "ttl": 0, "type": t.Data.Type}
	if t.Data.Path != "auth/token/root" {
		out["issue_time"], out["renewable"] = stamp(t.Issued), t.Renewable
	}
	if !t.Expires.IsZero() {
		out["expire_time"] = stamp(t.Expires)
		out["ttl"] = r.Clock.left(t.Expires)
	}
	if t.Data.Period > 0 {
		out["period"] = t.Data.Period
	}
	if !t.Renewed.IsZero() {
		out["last_renewal"], out["last_renewal_time"] = stamp(t.Renewed), t.Renewed.Unix()
	}
	if t.Data.Role != "" && strings.HasPrefix(t.Data.Path, "auth/token/create/") {
		out["role"] = t.Data.Role
	}
	if len(t.identity) > 0 {
		out["identity_policies"] = t.identity
		if !r.flavour.bao && !r.flavour.old {
			out["external_namespace_policies"] = map[string]any{}
		}
	}
	if cidrs := t.Data.CIDRs; cidrs != nil {
		out["bound_cidrs"] = cidrs
	}
	return out
}

func lookupSelf(r *request) (*answer, error) { return ok(r.shown(r.token, r.token.secret)) }

func lookupToken(r *request) (*answer, error) {
	secret := r.text("token")
	if secret == "" {
		return lookupSelf(r)
	}
	t, err := r.look(r.ctx, secret)
	if _, known := cause.Of(err); known {
		return nil, refuse(http.StatusForbidden, "bad token")
	}
	if err != nil {
		return nil, err
	}
	return ok(r.shown(t, secret))
}

// accessed finds the token of the parameter accessor.
func (r *request) accessed() (*token, error) {
	accessor := r.text("accessor")
	if accessor == "" {
		return nil, bad("%s", one("missing accessor"))
	}
	return r.byAccessor(r.ctx, accessor)
}

func lookupAccessor(r *request) (*answer, error) {
	t, err := r.accessed()
	if _, known := cause.Of(err); known && r.text("accessor") != "" {
		return nil, refuse(http.StatusForbidden, "%s", one("invalid accessor")).status400()
	}
	if err != nil {
		return nil, err
	}
	return ok(r.shown(t, ""))
}

// status400 makes a refusal a 400.
func (r *refusal) status400() *refusal {
	r.status, r.reason = http.StatusBadRequest, cause.BadInput
	return r
}

func listAccessors(r *request) (*answer, error) {
	ids, err := r.tokens.IDs(r.ctx, state.Range{})
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, id := range ids {
		own, err := r.byAccessor(r.ctx, id)
		if _, over := cause.Of(err); over {
			continue
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, own.ID)
	}
	return listKeys(keys, nil)
}

// namedToken is the token that the path or a parameter names.
func (r *request) namedToken() (string, error) {
	secret := r.vars["token"]
	if secret == "" {
		secret = r.text("token")
	}
	if secret == "" {
		return "", bad("missing token ID")
	}
	return secret, nil
}

func renewNamed(r *request) (*answer, error) {
	secret, err := r.namedToken()
	if err != nil {
		return nil, err
	}
	t, err := r.look(r.ctx, secret)
	if _, known := cause.Of(err); known {
		return nil, bad("token not found")
	}
	if err != nil {
		return nil, err
	}
	return r.renewToken(t, true)
}

func renewAccessor(r *request) (*answer, error) {
	t, err := r.accessed()
	if _, known := cause.Of(err); known && r.text("accessor") != "" {
		return nil, bad("%s", one("invalid accessor"))
	}
	if err != nil {
		return nil, err
	}
	return r.renewToken(t, false)
}

// renewToken prolongs a token, or shortens it when the increment is smaller than
// what is left.
func (r *request) renewToken(t *token, show bool) (*answer, error) {
	by, err := r.lasts("increment")
	if err != nil {
		return nil, err
	}
	switch {
	case t.batch():
		return nil, bad("batch tokens cannot be renewed")
	case !t.Renewable:
		return nil, bad("lease is not renewable")
	}
	a := &answer{}
	now := r.Clock.Now()
	l, renewable, err := r.renewal(t)
	if err != nil || !renewable {
		return nil, err
	}
	by, a.warnings = l.grant(by, now.Truncate(time.Second).Sub(t.Issued.Truncate(time.Second)))
	renewed, err := r.tokens.RenewNamed(r.ctx, t.ID, by)
	if _, known := cause.Of(err); known {
		return nil, bad("token not found")
	}
	if err != nil {
		return nil, err
	}
	t = t.with(renewed)
	for _, e := range r.engines {
		if e.tokenRenewed != nil {
			if err := e.tokenRenewed(r, t); err != nil {
				return nil, err
			}
		}
	}
	a.auth = r.block(t, by)
	if !show {
		a.auth.ClientToken = ""
	}
	return a, nil
}

// login reports a token that a login has made.
func (t *token) login() bool { return !strings.HasPrefix(t.Data.Path, "auth/token/") }

// granted is how long it was made or renewed for the last time.
func (t *token) granted() time.Duration {
	from := t.Issued
	if !t.Renewed.IsZero() {
		from = t.Renewed
	}
	return wholeSeconds(t.Expires.Sub(from))
}

// revokeToken ends a token, its children and its leases.
func (r *request) revokeToken(t *token) (*answer, error) {
	if t.batch() {
		return nil, bad("batch tokens cannot be revoked")
	}
	if err := r.tokens.RevokeNamed(r.ctx, t.ID); err != nil {
		return nil, err
	}
	if err := r.forget(t.ID); err != nil {
		return nil, err
	}
	if t.login() {
		if _, err := r.leases.Delete(r.ctx, loginLease(t.Data.Path, t.ID)); err != nil {
			return nil, err
		}
	}
	return nil, r.sweep()
}

// forget drops what only a token that has ended could read.
func (r *request) forget(accessor string) error {
	return r.kv1.Drop(r.ctx, cubbyhole(accessor))
}

func revokeNamed(r *request) (*answer, error) {
	secret, err := r.namedToken()
	if err != nil {
		return nil, err
	}
	t, err := r.look(r.ctx, secret)
	if _, known := cause.Of(err); known {
		_, err := r.wraps.Delete(r.ctx, wrapKey(secret))
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return r.revokeToken(t)
}

func revokeAccessor(r *request) (*answer, error) {
	t, err := r.accessed()
	if _, known := cause.Of(err); known && r.text("accessor") != "" {
		return &answer{warnings: []string{"No token found with this accessor"}}, nil
	}
	if err != nil {
		return nil, err
	}
	return r.revokeToken(t)
}

// revokeOrphan ends a token and leaves its children alive.
func revokeOrphan(r *request) (*answer, error) {
	secret := r.text("token")
	if secret == "" {
		return nil, bad("missing token ID")
	}
	t, err := r.look(r.ctx, secret)
	if _, known := cause.Of(err); known {
		return nil, bad("token to revoke not found")
	}
	if err != nil {
		return nil, err
	}
	for child, err := range r.tokens.Found(r.ctx, t.ID) {
		if err == nil {
			err = r.tokens.EditNamed(r.ctx, child.ID, func(d *tokenData) { d.Parent = "" })
		}
		if _, over := cause.Of(err); err != nil && !over { // one that has ended meanwhile needs nothing
			return nil, err
		}
	}
	return r.revokeToken(t)
}

func tidyTokens(r *request) (*answer, error) {
	return &answer{status: http.StatusAccepted, mountType: new(string), warnings: []string{"Tidy operation successfully started. Any information from the operation will be printed to " + r.product() + "'s server logs."}}, nil
}
