package system

import (
	"maps"
	"time"

	"counterpart/servers/vault/internal/core"
)

// configure takes the parameters of a mount or tune.
func configure(m *core.Mount, config core.Fields) (err error) {
	for name, to := range map[string]*time.Duration{"default_lease_ttl": &m.DefaultTTL, "max_lease_ttl": &m.MaxTTL} {
		v, given := config[name]
		if !given || v == "" || v == "system" {
			continue
		}
		if *to, err = core.ParseDuration(v); err != nil {
			return core.BadRequest("%s", err)
		}
	}
	if m.MaxTTL > 0 && m.DefaultTTL > m.MaxTTL {
		return core.BadRequest("backend max lease TTL of %d would be less than backend default lease TTL of %d", int64(m.MaxTTL/time.Second), int64(m.DefaultTTL/time.Second))
	}
	if config.Has("listing_visibility") {
		switch v := config.Text("listing_visibility"); v {
		case "", "hidden", "unauth":
			m.Visibility = v
		default:
			return core.BadRequest("invalid listing visibility type")
		}
	}
	if config.Has("passthrough_request_headers") {
		m.Passthrough = config.List("passthrough_request_headers")
	}
	if config.Has("token_type") {
		m.TokenType = config.Text("token_type")
	}
	if m.ForceNoCache, err = config.Bool("force_no_cache", m.ForceNoCache); err != nil {
		return err
	}
	if err := keepShown(m, config); err != nil {
		return err
	}
	return lockout(m, config)
}

// keepShown takes the parameters that are kept and shown.
func keepShown(m *core.Mount, config core.Fields) error {
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
		if config.Has(name) {
			list := config.List(name)
			set(name, list, len(list) == 0)
		}
	}
	if name := "identity_token_key"; config.Has(name) {
		set(name, config.Text(name), config.Text(name) == "")
	}
	if name := "trim_request_trailing_slashes"; config.Has(name) {
		on, err := config.Bool(name, false)
		if err != nil {
			return err
		}
		set(name, on, !on)
	}
	m.Shown = shown
	return nil
}

// lockout takes user_lockout_config.
func lockout(m *core.Mount, config core.Fields) error {
	wish, err := config.Object("user_lockout_config")
	if err != nil || wish == nil {
		return err
	}
	if !m.IsAuth() || m.Type != "userpass" && m.Type != "ldap" && m.Type != "approle" {
		return core.BadRequest("tuning of user lockout configuration for auth type %q not allowed", m.Type)
	}
	l, f := core.MountLockout{}, core.Fields(wish)
	if m.Lockout != nil {
		l = *m.Lockout
	}
	if l.Threshold, err = f.Int("lockout_threshold", l.Threshold); err != nil {
		return err
	}
	for name, to := range map[string]*time.Duration{"lockout_duration": &l.Duration, "lockout_counter_reset_duration": &l.Window} {
		if f.Has(name) {
			if *to, err = f.Duration(name); err != nil {
				return err
			}
		}
	}
	if l.Off, err = f.Bool("lockout_disable", l.Off); err != nil {
		return err
	}
	m.Lockout = &l
	return nil
}
