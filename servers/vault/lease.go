package vault

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
)

// lease is what an engine has handed out for a time. It lives no longer than the
// token that it was handed to.
type lease struct {
	ID        string            `json:"id"`    // the request's path and 24 letters and digits
	Token     string            `json:"token"` // accessor
	Mount     string            `json:"mount"` // UUID
	Engine    string            `json:"engine"`
	Issued    time.Time         `json:"issued"`
	Expires   time.Time         `json:"expires"`
	Renewed   time.Time         `json:"renewed,omitzero"`
	TTL       time.Duration     `json:"ttl"`
	Max       time.Duration     `json:"max"`             // counted from Issued
	Usual     time.Duration     `json:"usual,omitempty"` // of a renewal that names no increment, if that is not TTL
	Renewable bool              `json:"renewable,omitempty"`
	Login     bool              `json:"login,omitempty"` // of a login token: its life is the token's
	Revoked   time.Time         `json:"revoked,omitzero"`
	Data      map[string]string `json:"data,omitempty"` // the engine's
}

// alive reports whether a lease can still be used.
func (s *Server) leaseAlive(r *request, l *lease) (bool, error) {
	if l == nil || !l.Revoked.IsZero() || !l.Login && !r.Clock.Now().Before(l.Expires) {
		return false, nil
	}
	_, err := s.byAccessor(r.ctx, l.Token)
	if _, known := cause.Of(err); known {
		return false, nil
	}
	return err == nil, err
}

// leaseOf makes a lease on the answer of an engine.
func (r *request) leaseOf(a *answer, l lease) (*lease, error) {
	byDefault, most := r.mount.lives()
	if l.TTL == 0 {
		l.TTL = byDefault
	}
	if l.Max == 0 {
		l.Max = most
	}
	l.TTL = min(l.TTL, l.Max)
	l.ID = strings.TrimSuffix(r.full, "/") + "/" + r.alphanumerics(24)
	l.Token, l.Mount, l.Engine = r.token.ID, r.mount.UUID, r.mount.engine()
	l.Issued = r.Clock.Now()
	l.Expires = l.Issued.Add(l.TTL)
	if err := r.putLease(l); err != nil {
		return nil, err
	}
	a.lease = leaseInfo{l.ID, l.Renewable, l.TTL}
	return &l, nil
}

// remembered is how long dead leases stay on record.
const remembered = 24 * time.Hour

func (r *request) putLease(l lease) error {
	return r.leases.Edit(r.ctx, l.ID, func(v *lease, _ bool) (time.Time, error) {
		*v = l
		return l.Issued.Add(l.Max + remembered), nil
	})
}

// sweep lets the engines notice leases that have ended with their token.
func (r *request) sweep() error {
	for _, e := range r.engines {
		if e.sweep != nil {
			if err := e.sweep(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func leasePaths() []*pathSpec {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	old := func(h handler) handler { // OpenBao has dropped the legacy paths
		return func(r *request) (*answer, error) {
			if r.flavour.bao {
				return nil, refuse(http.StatusNotFound, "%s", one("unsupported path"))
			}
			return h(r)
		}
	}
	return []*pathSpec{
		{pattern: "leases/lookup", name: "leases.lookup", ops: write(lookupLease)},
		{pattern: "leases/lookup/*prefix", name: "leases.lookup", sudo: true, ops: map[operation]handler{opList: listLeases}},
		{pattern: "leases/renew", name: "leases.renew", ops: write(renewLease)},
		{pattern: "leases/renew/*id", name: "leases.renew", ops: write(renewLease)},
		{pattern: "leases/revoke", name: "leases.revoke", ops: write(revokeLease)},
		{pattern: "leases/revoke/*id", name: "leases.revoke", ops: write(revokeLease)},
		{pattern: "leases/revoke-prefix/*prefix", name: "leases.revoke-prefix", sudo: true, ops: write(revokePrefix)},
		{pattern: "leases/revoke-force/*prefix", name: "leases.revoke-force", sudo: true, ops: write(revokePrefix)},
		{pattern: "leases/tidy", name: "leases.tidy", ops: write(tidyLeases)},
		{pattern: "renew", name: "leases.renew", ops: write(old(renewLease))},
		{pattern: "renew/*id", name: "leases.renew", ops: write(old(renewLease))},
		{pattern: "revoke", name: "leases.revoke", ops: write(old(revokeLease))},
		{pattern: "revoke/*id", name: "leases.revoke", ops: write(old(revokeLease))},
		{pattern: "revoke-prefix/*prefix", name: "leases.revoke-prefix", sudo: true, ops: write(old(revokePrefix))},
	}
}

// leaseID is the lease that the request names.
func (r *request) leaseID() string {
	if id := r.vars["id"]; id != "" {
		return id
	}
	if id := r.text("lease_id"); id != "" {
		return id
	}
	return r.text("url_lease_id")
}

func lookupLease(r *request) (*answer, error) {
	id := r.leaseID()
	if id == "" {
		return nil, bad("lease_id must be specified")
	}
	l, alive, err := r.liveLease(id)
	if err != nil {
		return nil, err
	}
	if !alive {
		return nil, bad("invalid lease")
	}
	var last any
	if !l.Renewed.IsZero() {
		last = stamp(l.Renewed)
	}
	return ok(map[string]any{"expire_time": stamp(l.Expires), "id": l.ID, "issue_time": stamp(l.Issued), "last_renewal": last,
		"renewable": l.Renewable, "ttl": r.Clock.left(l.Expires)})
}

// liveLease is a lease on record, and whether it lives; a login's shows the end
// of its token.
func (r *request) liveLease(id string) (*lease, bool, error) {
	l, err := r.leases.Get(r.ctx, id)
	if err != nil || l == nil {
		return nil, false, err
	}
	alive, err := r.leaseAlive(r, l)
	if alive && l.Login {
		t, err := r.byAccessor(r.ctx, l.Token)
		if err != nil {
			return nil, false, err
		}
		copied := *l
		copied.Expires, copied.Renewed, copied.Renewable = t.Expires, t.Renewed, t.Renewable
		l = &copied
	}
	return l, alive, err
}

func renewLease(r *request) (*answer, error) {
	id := r.leaseID()
	if id == "" {
		return nil, bad("lease_id must be specified")
	}
	by, err := r.lasts("increment")
	if err != nil {
		return nil, err
	}
	l, alive, err := r.liveLease(id)
	switch {
	case err != nil:
		return nil, err
	case !alive:
		return nil, bad("lease not found")
	case l.Login:
		t, err := r.byAccessor(r.ctx, l.Token)
		if err != nil {
			return nil, err
		}
		return r.renewToken(t, false)
	case !l.Renewable:
		return nil, bad("lease is not renewable")
	}
	if e := r.engines[l.Engine]; e != nil && e.renew != nil {
		if err := e.renew(r, l); err != nil {
			return nil, err
		}
	}
	a := &answer{}
	var out lease
	var granted time.Duration
	err = r.leases.Edit(r.ctx, id, func(v *lease, found bool) (time.Time, error) {
		if !found {
			return time.Time{}, bad("lease not found")
		}
		a.warnings = nil
		now := r.Clock.Now()
		lasts := cmp.Or(v.Usual, v.TTL)
		if by > 0 {
			lasts = by
		}
		if most := v.Issued.Truncate(time.Second).Add(v.Max).Sub(now.Truncate(time.Second)); lasts > most {
			a.warnings = []string{capped(lasts, most)}
			lasts = most
		}
		v.Renewed, v.Expires = now, now.Add(lasts)
		out, granted = *v, lasts
		return v.Issued.Add(v.Max + remembered), nil
	})
	if err != nil {
		return nil, err
	}
	if e := r.engines[l.Engine]; e != nil && e.renewed != nil {
		if err := e.renewed(r, &out); err != nil {
			return nil, err
		}
	}
	a.lease = leaseInfo{id, true, granted}
	return a, nil
}

func revokeLease(r *request) (*answer, error) {
	id := r.leaseID()
	if id == "" {
		return nil, bad("lease_id must be specified")
	}
	return nil, r.endLease(id)
}

// endLease revokes one lease; an unknown one is no error.
func (r *request) endLease(id string) error {
	l, err := r.leases.Get(r.ctx, id)
	if err != nil || l == nil || !l.Revoked.IsZero() {
		return err
	}
	if l.Login {
		err := r.tokens.RevokeNamed(r.ctx, l.Token)
		if _, known := cause.Of(err); err != nil && !known {
			return err
		}
		if err := r.forget(l.Token); err != nil {
			return err
		}
	}
	mine := false // of two that revoke one lease, one tells the engine
	err = r.leases.Edit(r.ctx, id, func(v *lease, found bool) (time.Time, error) {
		if mine = found && v.Revoked.IsZero(); !mine {
			return time.Time{}, state.ErrKeep
		}
		v.Revoked = r.Clock.Now()
		return v.Revoked.Add(remembered), nil
	})
	if err != nil || !mine {
		return err
	}
	if e := r.engines[l.Engine]; e != nil && e.revoke != nil {
		return e.revoke(r, l)
	}
	return r.sweep()
}

func revokePrefix(r *request) (*answer, error) {
	prefix := strings.TrimSuffix(r.vars["prefix"], "/") + "/"
	keys, err := r.leases.Names(r.ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := r.endLease(prefix + k); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func listLeases(r *request) (*answer, error) {
	prefix := strings.TrimSuffix(r.vars["prefix"], "/")
	if prefix != "" {
		prefix += "/"
	}
	keys, err := r.leases.Names(r.ctx, prefix)
	if err != nil {
		return nil, err
	}
	live := keys[:0]
	for _, k := range keys {
		_, alive, err := r.liveLease(prefix + k)
		if err != nil {
			return nil, err
		}
		if alive {
			live = append(live, k)
		}
	}
	return listKeys(folders(live), nil)
}

func tidyLeases(r *request) (*answer, error) {
	return &answer{status: http.StatusAccepted, mountType: new(string), warnings: []string{"Tidy operation successfully started. Any information from the operation will be printed to " + r.product() + "'s server logs."}}, nil
}
