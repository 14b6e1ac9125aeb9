package vault

import (
	"maps"
	"time"
)

// configure takes the parameters of a mount or tune.
func (m *mount) configure(config fields) (err error) {
	for name, to := range map[string]*time.Duration{"default_lease_ttl": &m.DefaultTTL, "max_lease_ttl": &m.MaxTTL} {
		v, given := config[name]
		if !given || v == "" || v == "system" {
			continue
		}
		if *to, err = lasts(v); err != nil {
			return bad("%s", err)
		}
	}
	if m.MaxTTL > 0 && m.DefaultTTL > m.MaxTTL {
		return bad("backend max lease TTL of %d would be less than backend default lease TTL of %d", int64(m.MaxTTL/time.Second), int64(m.DefaultTTL/time.Second))
	}
	if config.has("listing_visibility") {
		switch v := config.text("listing_visibility"); v {
		case "", "hidden", "unauth":
			m.Visibility = v
		default:
			return bad("invalid listing visibility type")
		}
	}
	if config.has("passthrough_request_headers") {
		m.Passthrough = config.list("passthrough_request_headers")
	}
	if config.has("token_type") {
		m.TokenType = config.text("token_type")
	}
	if m.ForceNoCache, err = config.flag("force_no_cache", m.ForceNoCache); err != nil {
		return err
	}
	if err := m.keepShown(config); err != nil {
		return err
	}
	return m.lockout(config)
}

// keepShown takes the parameters that are kept and shown.
func (m *mount) keepShown(config fields) error {
	shown := maps.Clone(m.Shown)
	set := func(name string, v any, none bool) {
		if shown == nil {
			shown = map[string]any{}
		}
		if delete(shown, name); !none {
			shown[name] = v
		}
	}
	for _, name := range [...]string{"allowed_managed_keys", "allowed_response_headers", "audit_non_hmac_request_keys", "audit_non_hmac_response_keys", "delegated_auth_accessors"} {
		if config.has(name) {
			list := config.list(name)
			set(name, list, len(list) == 0)
		}
	}
	if name := "identity_token_key"; config.has(name) {
		set(name, config.text(name), config.text(name) == "")
	}
	if name := "trim_request_trailing_slashes"; config.has(name) {
		on, err := config.flag(name, false)
		if err != nil {
			return err
		}
		set(name, on, !on)
	}
	m.Shown = shown
	return nil
}

// lockout takes user_lockout_config.
func (m *mount) lockout(config fields) error {
	wish, err := config.mapping("user_lockout_config")
	if err != nil || wish == nil {
		return err
	}
	if !m.isAuth() || m.Type != "userpass" && m.Type != "ldap" && m.Type != "approle" {
		return bad("tuning of user lockout configuration for auth type %q not allowed", m.Type)
	}
	l, f := mountLockout{}, fields(wish)
	if m.Lockout != nil {
		l = *m.Lockout
	}
	if l.Threshold, err = f.number("lockout_threshold", l.Threshold); err != nil {
		return err
	}
	for name, to := range map[string]*time.Duration{"lockout_duration": &l.Duration, "lockout_counter_reset_duration": &l.Window} {
		if f.has(name) {
			if *to, err = f.lasts(name); err != nil {
				return err
			}
		}
	}
	if l.Off, err = f.flag("lockout_disable", l.Off); err != nil {
		return err
	}
	m.Lockout = &l
	return nil
}
