package vault

import (
	"fmt"
)

// renewal is how long a renewal lasts that does not say so: what the method that
// made the token says by now, or else the default of its mount. A method may find
// that its user is gone: then nothing happens.
func (r *request) renewal(t *token) (l life, renewable bool, err error) {
	l = life{byDefault: systemTTL, most: systemTTL, max: t.MaxTTL, ttl: lasting(t.Data.RoleTTL), explicit: lasting(t.Data.Most), period: lasting(t.Data.Period)}
	if !t.login() { // the next one is as long as the last one
		l.ttl = t.granted()
		return l, true, nil
	}
	table, err := r.table()
	if err != nil {
		return l, false, err
	}
	m := table.find(t.Data.Path)
	if m == nil {
		return l, true, nil
	}
	l.byDefault, l.most = m.lives()
	if e := r.engines[m.engine()]; e != nil && e.relogin != nil {
		now, err := e.relogin(r, m, t)
		if err != nil || now == nil {
			return l, false, err
		}
		l.ttl = now.TTL
	}
	return l, true, nil
}

// reloginRole lets a role of approle be what it is now.
func reloginRole(r *request, m *mount, t *token) (*tokenFields, error) {
	name := t.Data.Meta["role_name"]
	role, err := r.approles.Get(r.ctx, m.UUID+"/"+name)
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, faulty(fmt.Sprintf("failed to renew entry: role %q does not exist during renewal", name))
	}
	return &role.Token, nil
}
