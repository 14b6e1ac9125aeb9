// Package ldapconfig is the configuration of a directory, which the auth method and the
// secrets engine ldap have alike.
package ldapconfig

import (
	"counterpart/servers/vault/internal/core"
)

// Defaults is an empty configuration of the auth method and of the engine.
func Defaults(r *core.Request) map[string]any {
	data := map[string]any{"binddn": "", "case_sensitive_names": false, "certificate": "", "deny_null_bind": true, "discoverdn": false,
		"groupattr": "cn", "groupdn": "", "groupfilter": "(|(memberUid={{.Username}})(member={{.UserDN}})(uniqueMember={{.UserDN}}))",
		"insecure_tls": false, "request_timeout": 90, "starttls": false, "tls_max_version": "tls12", "tls_min_version": "tls12", "upndomain": "",
		"url": "ldap://127.0.0.1", "use_token_groups": false, "userattr": "cn", "userdn": "", "userfilter": "({{.UserAttr}}={{.Username}})",
		"username_as_alias": false}
	if r.Flavour.Bao {
		data["anonymous_group_search"], data["connection_timeout"], data["dereference_aliases"] = false, 30, "never"
		data["max_page_size"], data["use_pre111_group_cn_behavior"] = 0, false
	}
	if !r.Flavour.Old && !r.Flavour.Bao {
		for k, v := range map[string]any{"anonymous_group_search": false, "connection_timeout": 30, "dereference_aliases": "never",
			"disable_automated_rotation": false, "enable_samaccountname_login": false, "max_page_size": 0, "rotation_period": 0,
			"rotation_schedule": "", "rotation_window": 0} {
			data[k] = v
		}
	}
	return data
}

// Overlay puts what was configured over an empty configuration. A name that it has
// not is nobody's.
func Overlay(data map[string]any, configured *map[string]any) {
	if configured == nil {
		return
	}
	for k := range data {
		if v, given := (*configured)[k]; given {
			data[k] = v
		}
	}
}

// Put keeps what a request configures.
func Put(r *core.Request) (*core.Answer, error) {
	if err := (&core.TokenFields{}).Take(r.Fields); err != nil {
		return nil, err
	}
	return nil, r.Configs.Change(r.Ctx, r.Mount.UUID, func(c *map[string]any, _ bool) error {
		if *c == nil {
			*c = map[string]any{}
		}
		for k, v := range r.Raw {
			(*c)[k] = v
		}
		return nil
	})
}
