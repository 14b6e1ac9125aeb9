package vault

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
)

// lock counts the failed logins of one name at one mount.
type lock struct {
	Failures int       `json:"failures"`
	Last     time.Time `json:"last"`
	Until    time.Time `json:"until,omitzero"` // locked until
}

// tokenFields are what users and roles of all methods say about their tokens.
type tokenFields struct {
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

// take reads them from a request; what it does not name stays.
func (t *tokenFields) take(f fields) (err error) {
	for _, d := range []struct {
		name string
		to   *time.Duration
	}{{"lease", &t.TTL}, {"ttl", &t.TTL}, {"max_ttl", &t.MaxTTL}, {"period", &t.Period}, {"token_ttl", &t.TTL}, {"token_max_ttl", &t.MaxTTL},
		{"token_explicit_max_ttl", &t.ExplicitMax}, {"token_period", &t.Period}} {
		if f.has(d.name) {
			if *d.to, err = f.lasts(d.name); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"policies", "token_policies"} {
		if f.has(name) {
			t.Policies, t.Legacy = sanitized(f.list(name)), name == "policies"
		}
	}
	if t.NumUses, err = f.number("token_num_uses", t.NumUses); err != nil {
		return err
	}
	if t.NumUses < 0 {
		return bad("'token_num_uses' cannot be negative")
	}
	if t.MaxTTL > 0 && t.TTL > t.MaxTTL {
		return bad("'token_ttl' cannot be greater than 'token_max_ttl'")
	}
	for _, name := range [...]string{"bound_cidrs", "token_bound_cidrs"} { // the first is the older name
		if f.has(name) {
			if t.CIDRs, err = addresses(f.list(name)); err != nil {
				return bad("%s", err)
			}
			t.LegacyCIDRs = name == "bound_cidrs"
		}
	}
	if f.has("token_type") {
		switch v := f.text("token_type"); v {
		case "", "default", "service", "batch", "default-service", "default-batch":
			t.Type = v
		default:
			return bad("invalid 'token_type' value %q", v)
		}
	}
	if t.Type == "batch" || t.Type == "default-batch" {
		switch {
		case t.NumUses > 0:
			return bad("'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count")
		case t.Period > 0:
			return bad("'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens")
		}
	}
	t.NoDefault, err = f.flag("token_no_default_policy", t.NoDefault)
	return err
}

// shown are the fields as answers show them.
func (t *tokenFields) shown(bao bool) map[string]any {
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

// policies are those that a token gets, with more.
func (t *tokenFields) policies(more ...string) []string {
	all := slices.Concat(t.Policies, more)
	if t.NoDefault {
		return sanitized(all)
	}
	return withDefault(all)
}

// login is a login that succeeded.
type login struct {
	alias    string // the name at the mount
	owner    string // for the journal
	display  string
	metadata map[string]string
	token    tokenFields
	policies []string // besides those of token
	cidrs    []string // what the token is bound to besides those of token, which bind the login, too
	data     any      // what the method puts into the answer
	warnings []string
}

// login issues the token of a successful login, with its lease.
func (r *request) login(l login) (*answer, error) {
	if !r.from(l.token.CIDRs) {
		return nil, r.elsewhere(l.token.CIDRs)
	}
	i := issue{owner: l.owner, path: r.full, display: l.display, meta: l.metadata, ttl: l.token.TTL, explicit: l.token.ExplicitMax,
		period: l.token.Period, uses: l.token.NumUses, max: l.token.MaxTTL, cidrs: slices.Concat(l.token.CIDRs, l.cidrs)}
	policies := slices.Concat(l.token.Policies, l.policies)
	if i.policies = sanitized(policies); !l.token.NoDefault {
		i.policies = withDefault(policies)
	}
	if slices.Contains(i.policies, "root") {
		return nil, bad("auth methods cannot create root tokens")
	}
	i.batch = l.token.Type == "batch" || l.token.Type == "default-batch"
	late := i.bound(r.mount)
	var err error
	if i.entity, err = r.entityOf(r.ctx, r.mount, l.alias); err != nil {
		return nil, err
	}
	if e, err := r.entities.Get(r.ctx, i.entity); err != nil {
		return nil, err
	} else if e != nil && e.Disabled {
		return nil, refuse(http.StatusForbidden, "permission denied").because("the entity %s is disabled", e.Name)
	}
	none := ""
	a := &answer{data: l.data, warnings: l.warnings, late: late, mountType: &none}
	if a.auth, err = r.issue(r.ctx, i); err != nil {
		return nil, err
	}
	r.call.Actor = l.owner
	if i.batch {
		return a, nil
	}
	now := r.Clock.Now()
	return a, r.putLease(lease{ID: loginLease(r.full, a.auth.Accessor), Token: a.auth.Accessor, Mount: r.mount.UUID, Engine: r.mount.engine(),
		Issued: now, Expires: now.Add(time.Duration(a.auth.LeaseDuration) * time.Second), Max: max(i.max, i.ttl), Login: true, Renewable: true})
}

// loginLease is the lease of a login's token.
func loginLease(path, accessor string) string { return path + "/h" + wrapKey(accessor) }

// errLockedOut is what a locked login name hears, with the right password too.
func errLockedOut() error {
	return refuse(http.StatusForbidden, "permission denied").because("too many wrong passwords have locked the login name")
}

// longestAlias is the longest login name whose failures are kept under itself.
const longestAlias = 256

// guarded runs an attempt of a login name under the server's lock-out. A refusal
// that the method marks as a wrong password counts.
func (r *request) guarded(alias string, attempt func() (*answer, error)) (*answer, error) {
	limit := r.settings.Lockout
	if l := r.mount.Lockout; l != nil {
		limit = Lockout{Threshold: cmp.Or(l.Threshold, limit.Threshold), Duration: cmp.Or(l.Duration, limit.Duration), Window: cmp.Or(l.Window, limit.Window)}
		if l.Off {
			limit.Threshold = 0
		}
	}
	if limit.Threshold == 0 {
		return attempt()
	}
	if len(alias) > longestAlias {
		alias = wrapKey(alias)
	}
	key := r.mount.Accessor + "/" + alias
	l, err := r.locks.Get(r.ctx, key)
	if err != nil {
		return nil, err
	}
	now := r.Clock.Now()
	if l != nil && now.Before(l.Until) {
		return nil, errLockedOut()
	}
	a, err := attempt()
	var wrong *wrongPassword
	switch {
	case errors.As(err, &wrong):
		failed := r.locks.Edit(r.ctx, key, func(v *lock, _ bool) (time.Time, error) {
			if now.Sub(v.Last) > limit.Window || !v.Until.IsZero() && !now.Before(v.Until) {
				*v = lock{}
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
		return nil, wrong.refusal
	case err == nil && l != nil:
		if _, err := r.locks.Delete(r.ctx, key); err != nil {
			return nil, err
		}
	}
	return a, err
}

// wrongPassword is a refusal that counts towards the lock-out.
type wrongPassword struct{ *refusal }

func (w *wrongPassword) Unwrap() error { return w.refusal }

// refusedLogin words a refusal of the domain: all of them sound the same.
func refusedLogin(err error, r *refusal) error {
	if _, known := cause.Of(err); !known {
		return err
	}
	return &wrongPassword{r.because("%s", cause.Why(err))}
}

// authUser is a user of userpass or ldap.
type authUser struct {
	Name     string   `json:"name"`
	Password string   `json:"password,omitempty"` // userpass; empty: the person's of this name
	Hash     string   `json:"hash,omitempty"`     // userpass: of the password, with bcrypt, instead of it
	Groups   []string `json:"groups,omitempty"`
	tokenFields
}

// authGroup is a group of ldap.
type authGroup struct {
	Policies []string `json:"policies,omitempty"`
}

// plainLogin folds a login name as userpass does.
func plainLogin(name string) string { return strings.ToLower(name) }
