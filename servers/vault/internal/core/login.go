package core

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/servers/vault/internal/settings"
)

// Lock counts the failed logins of one name at one mount.
type Lock struct {
	Failures int       `json:"failures"`
	Last     time.Time `json:"last"`
	Until    time.Time `json:"until,omitzero"` // locked until
}

// TokenFields are what users and roles of all methods say about their tokens.
type TokenFields struct {
	Policies    []string      `json:"policies,omitempty"`
	TTL         time.Duration `json:"ttl,omitempty"`
	MaxTTL      time.Duration `json:"max_ttl,omitempty"`
	ExplicitMax time.Duration `json:"explicit_max,omitempty"`
	Period      time.Duration `json:"period,omitempty"`
	NumUses     int           `json:"num_uses,omitempty"`
	NoDefault   bool          `json:"no_default,omitempty"`
	Type        string        `json:"type,omitempty"`
	CIDRs       []string      `json:"cidrs,omitempty"`
	// Legacy: the policies were given under their old name, under which answers
	// show them as well.
	Legacy bool `json:"legacy,omitempty"`
	// LegacyCIDRs is that for bound_cidrs.
	LegacyCIDRs bool `json:"legacy_cidrs,omitempty"`
}

// Take reads them from a request; what it does not name stays.
func (t *TokenFields) Take(f Fields) (err error) {
	for _, d := range []struct {
		name string
		to   *time.Duration
	}{{"lease", &t.TTL}, {"ttl", &t.TTL}, {"max_ttl", &t.MaxTTL}, {"period", &t.Period}, {"token_ttl", &t.TTL}, {"token_max_ttl", &t.MaxTTL},
		{"token_explicit_max_ttl", &t.ExplicitMax}, {"token_period", &t.Period}} {
		if f.Has(d.name) {
			if *d.to, err = f.Duration(d.name); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"policies", "token_policies"} {
		if f.Has(name) {
			t.Policies, t.Legacy = SanitizePolicies(f.List(name)), name == "policies"
		}
	}
	if t.NumUses, err = f.Int("token_num_uses", t.NumUses); err != nil {
		return err
	}
	if t.NumUses < 0 {
		return BadRequest("'token_num_uses' cannot be negative")
	}
	if t.MaxTTL > 0 && t.TTL > t.MaxTTL {
		return BadRequest("'token_ttl' cannot be greater than 'token_max_ttl'")
	}
	for _, name := range [...]string{"bound_cidrs", "token_bound_cidrs"} { // the first is the older name
		if f.Has(name) {
			if t.CIDRs, err = ParseCIDRs(f.List(name)); err != nil {
				return BadRequest("%s", err)
			}
			t.LegacyCIDRs = name == "bound_cidrs"
		}
	}
	if f.Has("token_type") {
		switch v := f.Text("token_type"); v {
		case "", "default", "service", "batch", "default-service", "default-batch":
			t.Type = v
		default:
			return BadRequest("invalid 'token_type' value %q", v)
		}
	}
	if t.Type == "batch" || t.Type == "default-batch" {
		switch {
		case t.NumUses > 0:
			return BadRequest("'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count")
		case t.Period > 0:
			return BadRequest("'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens")
		}
	}
	t.NoDefault, err = f.Bool("token_no_default_policy", t.NoDefault)
	return err
}

// Shown are the fields as answers show them.
func (t *TokenFields) Shown(bao bool) map[string]any {
	kind := t.Type
	if kind == "" {
		kind = "default"
	}
	data := map[string]any{"token_bound_cidrs": append([]string{}, t.CIDRs...), "token_explicit_max_ttl": int64(t.ExplicitMax / time.Second),
		"token_max_ttl": int64(t.MaxTTL / time.Second), "token_no_default_policy": t.NoDefault, "token_num_uses": t.NumUses,
		"token_period": int64(t.Period / time.Second), "token_policies": append([]string{}, t.Policies...), "token_ttl": int64(t.TTL / time.Second),
		"token_type": kind}
	if bao {
		data["token_strictly_bind_ip"] = false
	}
	if t.Legacy && len(t.Policies) > 0 {
		data["policies"] = t.Policies
	}
	if t.LegacyCIDRs && len(t.CIDRs) > 0 {
		data["bound_cidrs"] = t.CIDRs
	}
	return data
}

// Granted are those that a token gets, with more.
func (t *TokenFields) Granted(more ...string) []string {
	all := slices.Concat(t.Policies, more)
	if t.NoDefault {
		return SanitizePolicies(all)
	}
	return withDefault(all)
}

// Login is a login that succeeded.
type Login struct {
	Alias    string            // the name at the mount
	Owner    string            // for the journal
	Display  string            // display_name of the token
	Metadata map[string]string // of the token
	Token    TokenFields       // what the user or role says of its tokens
	Policies []string          // besides those of token
	CIDRs    []string          // what the token is bound to besides those of token, which bind the login, too
	Data     any               // what the method puts into the answer
	Warnings []string          // of the answer
}

// Login issues the token of a successful login, with its lease.
func (r *Request) Login(l Login) (*Answer, error) {
	if !r.SourceIn(l.Token.CIDRs) {
		return nil, r.elsewhere(l.Token.CIDRs)
	}
	i := issue{owner: l.Owner, path: r.full, display: l.Display, meta: l.Metadata, ttl: l.Token.TTL, explicit: l.Token.ExplicitMax,
		period: l.Token.Period, uses: l.Token.NumUses, max: l.Token.MaxTTL, cidrs: slices.Concat(l.Token.CIDRs, l.CIDRs)}
	policies := slices.Concat(l.Token.Policies, l.Policies)
	if i.policies = SanitizePolicies(policies); !l.Token.NoDefault {
		i.policies = withDefault(policies)
	}
	if slices.Contains(i.policies, "root") {
		return nil, BadRequest("auth methods cannot create root tokens")
	}
	i.batch = l.Token.Type == "batch" || l.Token.Type == "default-batch"
	late := i.bound(r.Mount)
	var err error
	if i.entity, err = r.EntityOf(r.Ctx, r.Mount, l.Alias); err != nil {
		return nil, err
	}
	if e, err := r.Entities.Get(r.Ctx, i.entity); err != nil {
		return nil, err
	} else if e != nil && e.Disabled {
		return nil, Refuse(http.StatusForbidden, "permission denied").Because("the entity %s is disabled", e.Name)
	}
	none := ""
	a := &Answer{Data: l.Data, Warnings: l.Warnings, Late: late, MountType: &none}
	if a.auth, err = r.issue(r.Ctx, i); err != nil {
		return nil, err
	}
	r.Call.Actor = l.Owner
	if i.batch {
		return a, nil
	}
	now := r.Clock.Now()
	return a, r.putLease(Lease{ID: loginLease(r.full, a.auth.Accessor), Token: a.auth.Accessor, Mount: r.Mount.UUID, Engine: r.EngineKey(r.Mount),
		Issued: now, Expires: now.Add(time.Duration(a.auth.LeaseDuration) * time.Second), Max: max(i.max, i.ttl), Login: true, Renewable: true})
}

// loginLease is the lease of a login's token.
func loginLease(path, accessor string) string { return path + "/h" + TokenHash(accessor) }

// errLockedOut is what a locked login name hears, with the right password too.
func errLockedOut() error {
	return Refuse(http.StatusForbidden, "permission denied").Because("too many wrong passwords have locked the login name")
}

// longestAlias is the longest login name whose failures are kept under itself.
const longestAlias = 256

// WithLockout runs an attempt of a login name under the server's lock-out. A refusal
// that the method marks as a wrong password counts.
func (r *Request) WithLockout(alias string, attempt func() (*Answer, error)) (*Answer, error) {
	limit := r.Settings.Lockout
	if l := r.Mount.Lockout; l != nil {
		limit = settings.Lockout{Threshold: cmp.Or(l.Threshold, limit.Threshold), Duration: cmp.Or(l.Duration, limit.Duration), Window: cmp.Or(l.Window, limit.Window)}
		if l.Off {
			limit.Threshold = 0
		}
	}
	if limit.Threshold == 0 {
		return attempt()
	}
	if len(alias) > longestAlias {
		alias = TokenHash(alias)
	}
	key := r.Mount.Accessor + "/" + alias
	l, err := r.Locks.Get(r.Ctx, key)
	if err != nil {
		return nil, err
	}
	now := r.Clock.Now()
	if l != nil && now.Before(l.Until) {
		return nil, errLockedOut()
	}
	a, err := attempt()
	var wrong *WrongPassword
	switch {
	case errors.As(err, &wrong):
		failed := r.Locks.Edit(r.Ctx, key, func(v *Lock, _ bool) (time.Time, error) {
			if now.Sub(v.Last) > limit.Window || !v.Until.IsZero() && !now.Before(v.Until) {
				*v = Lock{}
			}
			v.Failures++
			v.Last = now
			if v.Failures >= limit.Threshold {
				v.Until = now.Add(limit.Duration)
			}
			return now.Add(max(limit.Duration, limit.Window)), nil
		})
		if failed != nil {
			return nil, failed
		}
		return nil, wrong.Refusal
	case err == nil && l != nil:
		if _, err := r.Locks.Delete(r.Ctx, key); err != nil {
			return nil, err
		}
	}
	return a, err
}

// WrongPassword is a refusal that counts towards the lock-out.
type WrongPassword struct{ *Refusal }

// Unwrap is the refusal as the client hears it.
func (w *WrongPassword) Unwrap() error { return w.Refusal }

// RefusedLogin words a refusal of the domain: all of them sound the same.
func RefusedLogin(err error, r *Refusal) error {
	if _, known := cause.Of(err); !known {
		return err
	}
	return &WrongPassword{r.For(err)}
}
