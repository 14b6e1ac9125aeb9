package core

import (
	"net/http"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
)

// TokenEngine is the auth method token. Servers before 1.21, and OpenBao, take a token
// in the path, too.
func TokenEngine(inPath bool) *Engine {
	write := func(h Handler) map[Operation]Handler { return map[Operation]Handler{OpWrite: h} }
	paths := []*Path{
		{Pattern: "create", Name: "create", Ops: write(createToken)},
		{Pattern: "create-orphan", Name: "create", Ops: write(createOrphan)},
		{Pattern: "create/:role", Name: "create", Ops: write(createByRole)},
		{Pattern: "lookup-self", Name: "lookup-self", Ops: map[Operation]Handler{OpRead: lookupSelf, OpWrite: lookupSelf}},
		{Pattern: "lookup", Name: "lookup", Ops: map[Operation]Handler{OpRead: lookupToken, OpWrite: lookupToken}},
		{Pattern: "lookup-accessor", Name: "lookup-accessor", Ops: write(lookupAccessor)},
		{Pattern: "accessors", Name: "accessors", Sudo: true, Ops: map[Operation]Handler{OpList: listAccessors}},
		{Pattern: "renew-self", Name: "renew-self", Ops: write(func(r *Request) (*Answer, error) { return r.renewToken(r.Token, true) })},
		{Pattern: "renew", Name: "renew", Ops: write(renewNamed)},
		{Pattern: "renew-accessor", Name: "renew-accessor", Ops: write(renewAccessor)},
		{Pattern: "revoke-self", Name: "revoke-self", Ops: write(func(r *Request) (*Answer, error) { return r.revokeToken(r.Token) })},
		{Pattern: "revoke", Name: "revoke", Ops: write(revokeNamed)},
		{Pattern: "revoke-accessor", Name: "revoke-accessor", Ops: write(revokeAccessor)},
		{Pattern: "revoke-orphan", Name: "revoke-orphan", Sudo: true, Ops: write(revokeOrphan)},
		{Pattern: "roles", Name: "roles", Ops: map[Operation]Handler{OpList: func(r *Request) (*Answer, error) { return ListKeys(r.roles.Names(r.Ctx, "")) }}},
		{Pattern: "roles/:role", Name: "roles", Exists: roleExists, Ops: map[Operation]Handler{OpRead: getRole, OpWrite: putRole, OpDelete: dropRole}},
		{Pattern: "tidy", Name: "tidy", Ops: write(TidyTokens)},
	}
	if inPath {
		paths = append(paths, &Path{Pattern: "renew/=token", Name: "renew", Ops: write(renewNamed)},
			&Path{Pattern: "revoke/=token", Name: "revoke", Ops: write(revokeNamed)})
	}
	return NewEngine("token", paths...)
}

// ListKeys answers a listing; an empty one is a 404.
func ListKeys(keys []string, err error) (*Answer, error) {
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, ErrNotFound
	}
	return OK(map[string]any{"keys": keys})
}

// shown is what a look-up tells of a token.
func (r *Request) shown(t *Token, id string) map[string]any {
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
		out["issue_time"], out["renewable"] = FormatTime(t.Issued), t.Renewable
	}
	if !t.Expires.IsZero() {
		out["expire_time"] = FormatTime(t.Expires)
		out["ttl"] = r.Clock.left(t.Expires)
	}
	if t.Data.Period > 0 {
		out["period"] = t.Data.Period
	}
	if !t.Renewed.IsZero() {
		out["last_renewal"], out["last_renewal_time"] = FormatTime(t.Renewed), t.Renewed.Unix()
	}
	if t.Data.Role != "" && strings.HasPrefix(t.Data.Path, "auth/token/create/") {
		out["role"] = t.Data.Role
	}
	if len(t.identity) > 0 {
		out["identity_policies"] = t.identity
		if !r.Flavour.Bao && !r.Flavour.Old {
			out["external_namespace_policies"] = map[string]any{}
		}
	}
	if cidrs := t.Data.CIDRs; cidrs != nil {
		out["bound_cidrs"] = cidrs
	}
	return out
}

func lookupSelf(r *Request) (*Answer, error) { return OK(r.shown(r.Token, r.Token.secret)) }

func lookupToken(r *Request) (*Answer, error) {
	secret := r.Text("token")
	if secret == "" {
		return lookupSelf(r)
	}
	t, err := r.LookUp(r.Ctx, secret)
	if _, known := cause.Of(err); known {
		return nil, Refuse(http.StatusForbidden, "bad token")
	}
	if err != nil {
		return nil, err
	}
	return OK(r.shown(t, secret))
}

// accessed finds the token of the parameter accessor.
func (r *Request) accessed() (*Token, error) {
	accessor := r.Text("accessor")
	if accessor == "" {
		return nil, BadRequest("%s", OneError("missing accessor"))
	}
	return r.ByAccessor(r.Ctx, accessor)
}

func lookupAccessor(r *Request) (*Answer, error) {
	t, err := r.accessed()
	if _, known := cause.Of(err); known && r.Text("accessor") != "" {
		return nil, Refuse(http.StatusForbidden, "%s", OneError("invalid accessor")).status400()
	}
	if err != nil {
		return nil, err
	}
	return OK(r.shown(t, ""))
}

// status400 makes a refusal a 400.
func (r *Refusal) status400() *Refusal {
	r.Status, r.Reason = http.StatusBadRequest, cause.BadInput
	return r
}

func listAccessors(r *Request) (*Answer, error) {
	ids, err := r.tokens.IDs(r.Ctx, state.Range{})
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, id := range ids {
		own, err := r.ByAccessor(r.Ctx, id)
		if _, over := cause.Of(err); over {
			continue
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, own.ID)
	}
	return ListKeys(keys, nil)
}

// namedToken is the token that the path or a parameter names.
func (r *Request) namedToken() (string, error) {
	secret := r.Vars["token"]
	if secret == "" {
		secret = r.Text("token")
	}
	if secret == "" {
		return "", BadRequest("missing token ID")
	}
	return secret, nil
}

func renewNamed(r *Request) (*Answer, error) {
	secret, err := r.namedToken()
	if err != nil {
		return nil, err
	}
	t, err := r.LookUp(r.Ctx, secret)
	if _, known := cause.Of(err); known {
		return nil, BadRequest("token not found")
	}
	if err != nil {
		return nil, err
	}
	return r.renewToken(t, true)
}

func renewAccessor(r *Request) (*Answer, error) {
	t, err := r.accessed()
	if _, known := cause.Of(err); known && r.Text("accessor") != "" {
		return nil, BadRequest("%s", OneError("invalid accessor"))
	}
	if err != nil {
		return nil, err
	}
	return r.renewToken(t, false)
}

// renewToken prolongs a token, or shortens it when the increment is smaller than
// what is left.
func (r *Request) renewToken(t *Token, show bool) (*Answer, error) {
	by, err := r.Duration("increment")
	if err != nil {
		return nil, err
	}
	switch {
	case t.Batch():
		return nil, BadRequest("batch tokens cannot be renewed")
	case !t.Renewable:
		return nil, BadRequest("lease is not renewable")
	}
	a := &Answer{}
	now := r.Clock.Now()
	l, renewable, err := r.renewal(t)
	if err != nil || !renewable {
		return nil, err
	}
	by, a.Warnings = l.grant(by, now.Truncate(time.Second).Sub(t.Issued.Truncate(time.Second)))
	renewed, err := r.tokens.RenewNamed(r.Ctx, t.ID, by)
	if _, known := cause.Of(err); known {
		return nil, BadRequest("token not found")
	}
	if err != nil {
		return nil, err
	}
	t = t.with(renewed)
	for _, e := range r.Engines {
		if e.TokenRenewed != nil {
			if err := e.TokenRenewed(r, t); err != nil {
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
func (t *Token) login() bool { return !strings.HasPrefix(t.Data.Path, "auth/token/") }

// granted is how long it was made or renewed for the last time.
func (t *Token) granted() time.Duration {
	from := t.Issued
	if !t.Renewed.IsZero() {
		from = t.Renewed
	}
	return wholeSeconds(t.Expires.Sub(from))
}

// revokeToken ends a token, its children and its leases.
func (r *Request) revokeToken(t *Token) (*Answer, error) {
	if t.Batch() {
		return nil, BadRequest("batch tokens cannot be revoked")
	}
	if err := r.endTokens(t.ID); err != nil || !t.login() {
		return nil, err
	}
	_, err := r.Leases.Delete(r.Ctx, loginLease(t.Data.Path, t.ID))
	return nil, err
}

// endTokens ends the token of an accessor. With it all that descends from it is dead for
// every reader; what they had is done away with after that, one after the other. Of one
// that has ended already, the rest may still be there.
func (r *Request) endTokens(accessor string) error {
	for gone := []string{accessor}; len(gone) > 0; {
		one := gone[0]
		gone = gone[1:]
		err := r.tokens.RevokeNamed(r.Ctx, one)
		if _, known := cause.Of(err); err != nil && !known {
			return err
		}
		if err := r.forget(one); err != nil {
			return err
		}
		for l, err := range r.LeasesOf(one) {
			if err == nil {
				err = r.endLease(l.Key)
			}
			if err != nil {
				return err
			}
		}
		for child, err := range r.tokens.Found(r.Ctx, one) {
			if err != nil {
				return err
			}
			gone = append(gone, child.ID)
		}
	}
	return nil
}

// forget drops what only a token that has ended could read.
func (r *Request) forget(accessor string) error {
	for _, e := range r.Engines {
		if e.TokenRevoked != nil {
			if err := e.TokenRevoked(r, accessor); err != nil {
				return err
			}
		}
	}
	return nil
}

func revokeNamed(r *Request) (*Answer, error) {
	secret, err := r.namedToken()
	if err != nil {
		return nil, err
	}
	t, err := r.LookUp(r.Ctx, secret)
	if _, known := cause.Of(err); known {
		_, err := r.wraps.Delete(r.Ctx, TokenHash(secret))
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return r.revokeToken(t)
}

func revokeAccessor(r *Request) (*Answer, error) {
	t, err := r.accessed()
	if _, known := cause.Of(err); known && r.Text("accessor") != "" {
		return &Answer{Warnings: []string{"No token found with this accessor"}}, nil
	}
	if err != nil {
		return nil, err
	}
	return r.revokeToken(t)
}

// revokeOrphan ends a token and leaves its children alive.
func revokeOrphan(r *Request) (*Answer, error) {
	secret := r.Text("token")
	if secret == "" {
		return nil, BadRequest("missing token ID")
	}
	t, err := r.LookUp(r.Ctx, secret)
	if _, known := cause.Of(err); known {
		return nil, BadRequest("token to revoke not found")
	}
	if err != nil {
		return nil, err
	}
	for child, err := range r.tokens.Found(r.Ctx, t.ID) {
		if err == nil {
			err = r.tokens.EditNamed(r.Ctx, child.ID, func(d *tokenData) { d.Parent = "" })
		}
		if _, over := cause.Of(err); err != nil && !over { // one that has ended meanwhile needs nothing
			return nil, err
		}
	}
	return r.revokeToken(t)
}

// TidyTokens answers a request to tidy up: nothing is left behind that would need it.
func TidyTokens(r *Request) (*Answer, error) {
	return &Answer{status: http.StatusAccepted, MountType: new(string), Warnings: []string{"Tidy operation successfully started. Any information from the operation will be printed to " + r.Product() + "'s server logs."}}, nil
}
