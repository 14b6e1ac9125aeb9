package system

import (
	"net/http"
	"strings"

	"counterpart/servers/vault/internal/core"
)

// visibleMounts is the preflight's list: what the token can reach, and without one
// what was made visible to all.
func visibleMounts(r *core.Request) (*core.Answer, error) {
	if err := r.Caller(); err != nil {
		return nil, err
	}
	t, err := r.MountTable()
	if err != nil {
		return nil, err
	}
	auth, secret := map[string]any{}, map[string]any{}
	for _, m := range t.List {
		if m.Visibility != "unauth" {
			if r.Token == nil {
				continue
			}
			acl, err := r.ACL(r.Token)
			if err != nil {
				return nil, err
			}
			if !acl.Near(m.Path) {
				continue
			}
		}
		shown := shownMount(r.Server, m, !r.Flavour.Bao)
		if r.Token == nil {
			shown = map[string]any{"description": m.Description, "options": shown["options"], "type": m.Type}
		}
		if m.IsAuth() {
			auth[strings.TrimPrefix(m.Path, "auth/")] = shown
		} else {
			secret[m.Path] = shown
		}
	}
	none := ""
	return &core.Answer{MountType: &none, Data: map[string]any{"auth": auth, "secret": secret}}, nil
}

// preflight tells the mount of a path to who can reach something below it.
func preflight(r *core.Request) (*core.Answer, error) {
	if err := r.Recognise(); err != nil {
		return nil, err
	}
	acl, err := r.ACL(r.Token)
	if err != nil {
		return nil, err
	}
	t, err := r.MountTable()
	if err != nil {
		return nil, err
	}
	path := strings.TrimSuffix(r.Vars["path"], "/") + "/"
	m := t.Find(path)
	if m == nil || !acl.Near(m.Path) {
		return nil, core.Refuse(http.StatusForbidden, "preflight capability check returned 403, please ensure client's policies grant access to path %q", path)
	}
	shown := shownMount(r.Server, m, !r.Flavour.Bao)
	shown["path"] = m.Path
	none := ""
	return &core.Answer{MountType: &none, Data: shown}, nil
}
