package core

// renewal is how long a renewal lasts that does not say so: what the method that
// made the token says by now, or else the default of its mount. A method may find
// that its user is gone: then nothing happens.
func (r *Request) renewal(t *Token) (l life, renewable bool, err error) {
	l = life{byDefault: SystemTTL, most: SystemTTL, max: t.MaxTTL, ttl: lasting(t.Data.RoleTTL), explicit: lasting(t.Data.Most), period: lasting(t.Data.Period)}
	if !t.login() { // the next one is as long as the last one
		l.ttl = t.granted()
		return l, true, nil
	}
	table, err := r.MountTable()
	if err != nil {
		return l, false, err
	}
	m := table.Find(t.Data.Path)
	if m == nil {
		return l, true, nil
	}
	l.byDefault, l.most = m.Lives()
	if e := r.engineOf(m); e != nil && e.Relogin != nil {
		now, err := e.Relogin(r, m, t)
		if err != nil || now == nil {
			return l, false, err
		}
		l.ttl = now.TTL
	}
	return l, true, nil
}
