package core

import (
	"cmp"
	"iter"
	"net/http"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
)

// Lease is what an engine has handed out for a time. It lives no longer than the
// token that it was handed to.
type Lease struct {
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
func (s *Server) leaseAlive(r *Request, l *Lease) (bool, error) {
	if l == nil || !l.Revoked.IsZero() || !l.Login && !r.Clock.Now().Before(l.Expires) {
		return false, nil
	}
	_, err := s.ByAccessor(r.Ctx, l.Token)
	if _, known := cause.Of(err); known {
		return false, nil
	}
	return err == nil, err
}

// LeaseOf makes a lease on the answer of an engine.
func (r *Request) LeaseOf(a *Answer, l Lease) (*Lease, error) {
	byDefault, most := r.Mount.Lives()
	if l.TTL == 0 {
		l.TTL = byDefault
	}
	if l.Max == 0 {
		l.Max = most
	}
	l.TTL = min(l.TTL, l.Max)
	l.ID = strings.TrimSuffix(r.full, "/") + "/" + r.Alphanumerics(24)
	l.Token, l.Mount, l.Engine = r.Token.ID, r.Mount.UUID, r.EngineKey(r.Mount)
	l.Issued = r.Clock.Now()
	l.Expires = l.Issued.Add(l.TTL)
	if err := r.putLease(l); err != nil {
		return nil, err
	}
	a.Lease = LeaseInfo{l.ID, l.Renewable, l.TTL}
	return &l, nil
}

// Remembered is how long dead leases stay on record.
const Remembered = 24 * time.Hour

func (r *Request) putLease(l Lease) error {
	return r.Leases.Edit(r.Ctx, l.ID, func(v *Lease, _ bool) (time.Time, error) {
		*v = l
		return l.Issued.Add(l.Max + Remembered), nil
	})
}

// LeasePaths are the paths about leases below sys/.
func LeasePaths() []*Path {
	write := func(h Handler) map[Operation]Handler { return map[Operation]Handler{OpWrite: h} }
	old := func(h Handler) Handler { // OpenBao has dropped the legacy paths
		return func(r *Request) (*Answer, error) {
			if r.Flavour.Bao {
				return nil, Refuse(http.StatusNotFound, "%s", OneError("unsupported path"))
			}
			return h(r)
		}
	}
	return []*Path{
		{Pattern: "leases/lookup", Name: "leases.lookup", Ops: write(lookupLease)},
		{Pattern: "leases/lookup/*prefix", Name: "leases.lookup", Sudo: true, Ops: map[Operation]Handler{OpList: listLeases}},
		{Pattern: "leases/renew", Name: "leases.renew", Ops: write(renewLease)},
		{Pattern: "leases/renew/*id", Name: "leases.renew", Ops: write(renewLease)},
		{Pattern: "leases/revoke", Name: "leases.revoke", Ops: write(revokeLease)},
		{Pattern: "leases/revoke/*id", Name: "leases.revoke", Ops: write(revokeLease)},
		{Pattern: "leases/revoke-prefix/*prefix", Name: "leases.revoke-prefix", Sudo: true, Ops: write(RevokePrefix)},
		{Pattern: "leases/revoke-force/*prefix", Name: "leases.revoke-force", Sudo: true, Ops: write(RevokePrefix)},
		{Pattern: "leases/tidy", Name: "leases.tidy", Ops: write(tidyLeases)},
		{Pattern: "renew", Name: "leases.renew", Ops: write(old(renewLease))},
		{Pattern: "renew/*id", Name: "leases.renew", Ops: write(old(renewLease))},
		{Pattern: "revoke", Name: "leases.revoke", Ops: write(old(revokeLease))},
		{Pattern: "revoke/*id", Name: "leases.revoke", Ops: write(old(revokeLease))},
		{Pattern: "revoke-prefix/*prefix", Name: "leases.revoke-prefix", Sudo: true, Ops: write(old(RevokePrefix))},
	}
}

// leaseID is the lease that the request names.
func (r *Request) leaseID() string {
	if id := r.Vars["id"]; id != "" {
		return id
	}
	if id := r.Text("lease_id"); id != "" {
		return id
	}
	return r.Text("url_lease_id")
}

func lookupLease(r *Request) (*Answer, error) {
	id := r.leaseID()
	if id == "" {
		return nil, BadRequest("lease_id must be specified")
	}
	l, alive, err := r.LiveLease(id)
	if err != nil {
		return nil, err
	}
	if !alive {
		return nil, BadRequest("invalid lease")
	}
	var last any
	if !l.Renewed.IsZero() {
		last = FormatTime(l.Renewed)
	}
	return OK(map[string]any{"expire_time": FormatTime(l.Expires), "id": l.ID, "issue_time": FormatTime(l.Issued), "last_renewal": last,
		"renewable": l.Renewable, "ttl": r.Clock.left(l.Expires)})
}

// LiveLease is a lease on record, and whether it lives; a login's shows the end
// of its token.
func (r *Request) LiveLease(id string) (*Lease, bool, error) {
	l, err := r.Leases.Get(r.Ctx, id)
	if err != nil || l == nil {
		return nil, false, err
	}
	alive, err := r.leaseAlive(r, l)
	if alive && l.Login {
		t, err := r.ByAccessor(r.Ctx, l.Token)
		if err != nil {
			return nil, false, err
		}
		copied := *l
		copied.Expires, copied.Renewed, copied.Renewable = t.Expires, t.Renewed, t.Renewable
		l = &copied
	}
	return l, alive, err
}

func renewLease(r *Request) (*Answer, error) {
	id := r.leaseID()
	if id == "" {
		return nil, BadRequest("lease_id must be specified")
	}
	by, err := r.Duration("increment")
	if err != nil {
		return nil, err
	}
	l, alive, err := r.LiveLease(id)
	switch {
	case err != nil:
		return nil, err
	case !alive:
		return nil, BadRequest("lease not found")
	case l.Login:
		t, err := r.ByAccessor(r.Ctx, l.Token)
		if err != nil {
			return nil, err
		}
		return r.renewToken(t, false)
	case !l.Renewable:
		return nil, BadRequest("lease is not renewable")
	}
	if e := r.Engines[l.Engine]; e != nil && e.Renew != nil {
		if err := e.Renew(r, l); err != nil {
			return nil, err
		}
	}
	a := &Answer{}
	var out Lease
	var granted time.Duration
	err = r.Leases.Edit(r.Ctx, id, func(v *Lease, found bool) (time.Time, error) {
		if !found {
			return time.Time{}, BadRequest("lease not found")
		}
		a.Warnings = nil
		now := r.Clock.Now()
		lasts := cmp.Or(v.Usual, v.TTL)
		if by > 0 {
			lasts = by
		}
		if most := v.Issued.Truncate(time.Second).Add(v.Max).Sub(now.Truncate(time.Second)); lasts > most {
			a.Warnings = []string{Capped(lasts, most)}
			lasts = most
		}
		v.Renewed, v.Expires = now, now.Add(lasts)
		out, granted = *v, lasts
		return v.Issued.Add(v.Max + Remembered), nil
	})
	if err != nil {
		return nil, err
	}
	if e := r.Engines[l.Engine]; e != nil && e.Renewed != nil {
		if err := e.Renewed(r, &out); err != nil {
			return nil, err
		}
	}
	a.Lease = LeaseInfo{id, true, granted}
	return a, nil
}

func revokeLease(r *Request) (*Answer, error) {
	id := r.leaseID()
	if id == "" {
		return nil, BadRequest("lease_id must be specified")
	}
	return nil, r.endLease(id)
}

// endLease revokes one lease; an unknown one is no error.
func (r *Request) endLease(id string) error {
	l, err := r.Leases.Get(r.Ctx, id)
	if err != nil || l == nil || !l.Revoked.IsZero() {
		return err
	}
	if l.Login {
		if err := r.endTokens(l.Token); err != nil {
			return err
		}
	}
	mine := false // of two that revoke one lease, one tells the engine
	err = r.Leases.Edit(r.Ctx, id, func(v *Lease, found bool) (time.Time, error) {
		if mine = found && v.Revoked.IsZero(); !mine {
			return time.Time{}, state.ErrKeep
		}
		v.Revoked = r.Clock.Now()
		return v.Revoked.Add(Remembered), nil
	})
	if err != nil || !mine {
		return err
	}
	if e := r.Engines[l.Engine]; e != nil && e.Revoke != nil {
		return e.Revoke(r, l)
	}
	return nil
}

// LeasesOf yields the leases on record that were handed to the token of an accessor.
func (r *Request) LeasesOf(accessor string) iter.Seq2[state.Entry[Lease], error] {
	return r.leasesOf.All(r.Ctx, accessor, "")
}

// RevokePrefix revokes all leases below the path of the variable prefix.
func RevokePrefix(r *Request) (*Answer, error) {
	prefix := strings.TrimSuffix(r.Vars["prefix"], "/") + "/"
	keys, err := r.Leases.Names(r.Ctx, prefix)
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

func listLeases(r *Request) (*Answer, error) {
	prefix := strings.TrimSuffix(r.Vars["prefix"], "/")
	if prefix != "" {
		prefix += "/"
	}
	keys, err := r.Leases.Names(r.Ctx, prefix)
	if err != nil {
		return nil, err
	}
	live := keys[:0]
	for _, k := range keys {
		_, alive, err := r.LiveLease(prefix + k)
		if err != nil {
			return nil, err
		}
		if alive {
			live = append(live, k)
		}
	}
	return ListKeys(Folders(live), nil)
}

func tidyLeases(r *Request) (*Answer, error) {
	return &Answer{status: http.StatusAccepted, MountType: new(string), Warnings: []string{"Tidy operation successfully started. Any information from the operation will be printed to " + r.Product() + "'s server logs."}}, nil
}
