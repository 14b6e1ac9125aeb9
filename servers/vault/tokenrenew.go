package vault

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/cause"
)

func renewNamed(r *request) (*answer, error) {
	secret := r.vars["token"]
	if secret == "" {
		secret = r.text("token")
	}
	if secret == "" {
		return nil, bad("missing token ID")
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
	usual, renewable, err := r.renewal(t)
	if err != nil || !renewable {
		return nil, err
	}
	if period := t.seconds(metaPeriod); period > 0 {
		by = time.Duration(period) * time.Second
	} else {
		by = cmp.Or(by, usual)
		if most := t.Issued.Truncate(time.Second).Add(t.MaxTTL).Sub(now.Truncate(time.Second)); t.MaxTTL > 0 && by > most {
			a.warnings = append(a.warnings, capped(by, most))
			by = most
		}
	}
	renewed, err := r.Logins.RenewNamed(r.ctx, t.ID, by)
	if _, known := cause.Of(err); known {
		return nil, bad("token not found")
	}
	if err != nil {
		return nil, err
	}
	t.Token = renewed
	if strings.HasPrefix(t.Meta[metaPath], "auth/token/") { // the next one is as long as this one
		if err := r.Logins.EditMeta(r.ctx, t.ID, func(m map[string]string) { m[metaRenewal] = strconv.FormatInt(int64(by/time.Second), 10) }); err != nil {
			return nil, err
		}
	}
	for _, e := range r.engines {
		if e.tokenRenewed != nil {
			if err := e.tokenRenewed(r, t); err != nil {
				return nil, err
			}
		}
	}
	a.auth = r.block(t)
	if !show {
		a.auth.ClientToken = ""
	}
	return a, nil
}

// renewal is how long a renewal lasts that does not say so: what the method that
// made the token says by now, or else the default of its mount. A method may find
// that its user is gone: then nothing happens.
func (r *request) renewal(t *token) (usual time.Duration, renewable bool, err error) {
	usual = time.Duration(t.seconds(metaRenewal)) * time.Second
	table, err := r.table()
	if err != nil {
		return 0, false, err
	}
	m := table.find(t.Meta[metaPath])
	if m == nil {
		return cmp.Or(usual, systemTTL), true, nil
	}
	if e := r.engines[m.engine()]; e != nil && e.relogin != nil {
		now, err := e.relogin(r, m, t)
		if err != nil || now == nil {
			return 0, false, err
		}
		usual = now.TTL
	}
	byDefault, _ := m.lives()
	return cmp.Or(usual, byDefault), true, nil
}

// reloginRole lets a role of approle be what it is now.
func reloginRole(r *request, m *mount, t *token) (*tokenFields, error) {
	name := t.metadata()["role_name"]
	role, err := r.approles.get(r.ctx, m.UUID+"/"+name)
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, faulty(fmt.Sprintf("failed to renew entry: role %q does not exist during renewal", name))
	}
	return &role.Token, nil
}
