package vault

import (
	"net/http"
	"strings"
)

// caller is the token of a path that works without, if there is one.
func (r *request) caller() error {
	if r.http.Header.Get("X-Vault-Token") == "" && r.http.Header.Get("Authorization") == "" {
		return nil
	}
	return r.recognise()
}

// visibleMounts is the preflight's list: what the token can reach, and without one
// what was made visible to all.
func visibleMounts(r *request) (*answer, error) {
	if err := r.caller(); err != nil {
		return nil, err
	}
	t, err := r.table()
	if err != nil {
		return nil, err
	}
	auth, secret := map[string]any{}, map[string]any{}
	for _, m := range t.List {
		if m.Visibility != "unauth" {
			if r.token == nil {
				continue
			}
			acl, err := r.acl(r.token)
			if err != nil {
				return nil, err
			}
			if !acl.Near(m.Path) {
				continue
			}
		}
		shown := r.shownMount(m, !r.flavour.bao)
		if r.token == nil {
			shown = map[string]any{"description": m.Description, "options": shown["options"], "type": m.Type}
		}
		if m.isAuth() {
			auth[strings.TrimPrefix(m.Path, "auth/")] = shown
		} else {
			secret[m.Path] = shown
		}
	}
	none := ""
	return &answer{mountType: &none, data: map[string]any{"auth": auth, "secret": secret}}, nil
}

// preflight tells the mount of a path to who can reach something below it.
func preflight(r *request) (*answer, error) {
	if err := r.recognise(); err != nil {
		return nil, err
	}
	acl, err := r.acl(r.token)
	if err != nil {
		return nil, err
	}
	t, err := r.table()
	if err != nil {
		return nil, err
	}
	path := strings.TrimSuffix(r.vars["path"], "/") + "/"
	m := t.find(path)
	if m == nil || !acl.Near(m.Path) {
		return nil, refuse(http.StatusForbidden, "preflight capability check returned 403, please ensure client's policies grant access to path %q", path)
	}
	shown := r.shownMount(m, !r.flavour.bao)
	shown["path"] = m.Path
	none := ""
	return &answer{mountType: &none, data: shown}, nil
}
