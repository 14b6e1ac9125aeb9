package system

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"counterpart/servers/vault/internal/core"
)

func (b *Backend) mountPaths() []*core.Path {
	of := func(auth bool, h func(*core.Request, bool) (*core.Answer, error)) core.Handler {
		return func(r *core.Request) (*core.Answer, error) { return h(r, auth) }
	}
	var out []*core.Path
	for _, auth := range []bool{false, true} {
		at := "mounts"
		if auth {
			at = "auth"
		}
		out = append(out,
			&core.Path{Pattern: at, Name: at, Ops: map[core.Operation]core.Handler{core.OpRead: of(auth, listMounts)}},
			&core.Path{Pattern: at + "/*path/tune", Name: at + ".tune", Sudo: auth, Ops: map[core.Operation]core.Handler{core.OpRead: of(auth, getTune), core.OpWrite: of(auth, putTune)}},
			&core.Path{Pattern: at + "/*path", Name: at, Sudo: auth, Ops: map[core.Operation]core.Handler{core.OpRead: of(auth, getMount), core.OpWrite: of(auth, putMount), core.OpDelete: of(auth, dropMount)}},
		)
	}
	return append(out, &core.Path{Pattern: "remount", Name: "remount", Sudo: true, Ops: map[core.Operation]core.Handler{core.OpWrite: b.remount}},
		&core.Path{Pattern: "remount/status/:id", Name: "remount.status", Ops: map[core.Operation]core.Handler{core.OpRead: b.remountStatus}})
}

// shown is a mount as answers show it; effective: lifetimes as they hold, not as
// they were configured.
func shownMount(s *core.Server, m *core.Mount, effective bool) map[string]any {
	byDefault, most := m.DefaultTTL, m.MaxTTL
	if effective {
		byDefault, most = m.Lives()
	}
	var options any
	if m.Options != nil {
		options = m.Options
	}
	out := map[string]any{"accessor": m.Accessor, "config": shownConfig(s, m, byDefault, most), "description": m.Description,
		"external_entropy_access": false, "local": m.Local, "options": options, "plugin_version": "",
		"running_plugin_version": pluginVersion(s, m), "running_sha256": "", "seal_wrap": m.SealWrap, "type": m.Type, "uuid": m.UUID}
	if d := deprecation(m); d != "" {
		out["deprecation_status"] = d
	}
	return out
}

// pluginVersion is the version of a mount's engine: some are released on their own.
func pluginVersion(s *core.Server, m *core.Mount) string {
	switch {
	case s.Flavour.Bao:
		return "v" + s.Release() + "+builtin.bao"
	case m.Type == "kv":
		return "v0.25.0+builtin"
	case m.Type == "ad":
		return "v0.21.0+builtin"
	case (m.Type == "ldap" || m.Type == "openldap") && !m.IsAuth():
		return "v0.17.0+builtin"
	}
	return "v" + s.Flavour.Version + "+builtin.vault"
}

func shownConfig(s *core.Server, m *core.Mount, byDefault, most time.Duration) map[string]any {
	c := map[string]any{"default_lease_ttl": int64(byDefault / time.Second), "force_no_cache": m.ForceNoCache, "max_lease_ttl": int64(most / time.Second)}
	if m.IsAuth() {
		c["token_type"] = cmp.Or(m.TokenType, "default-service")
	}
	if m.Visibility != "" {
		c["listing_visibility"] = m.Visibility
	}
	if m.Passthrough != nil {
		c["passthrough_request_headers"] = m.Passthrough
	}
	maps.Copy(c, m.Shown)
	if l := m.Lockout; l != nil {
		c["user_lockout_threshold"], c["user_lockout_disable"] = l.Threshold, l.Off
		c["user_lockout_duration"], c["user_lockout_counter_reset_duration"] = int64(l.Duration/time.Second), int64(l.Window/time.Second)
	}
	return c
}

func deprecation(m *core.Mount) string {
	switch m.Type {
	case "ad":
		return "deprecated"
	case "system", "identity", "cubbyhole", "token":
		return ""
	}
	return "supported"
}

func listMounts(r *core.Request, auth bool) (*core.Answer, error) {
	t, err := r.MountTable()
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, m := range t.List {
		if m.IsAuth() == auth {
			out[strings.TrimPrefix(m.Path, "auth/")] = shownMount(r.Server, m, false)
		}
	}
	return &core.Answer{Twin: true, Data: out}, nil
}

func getMount(r *core.Request, auth bool) (*core.Answer, error) {
	m, err := mountNamed(r, auth)
	if err != nil {
		return nil, err
	}
	if m == nil {
		what := "secret engine mount"
		if auth {
			what = "auth engine"
		}
		return nil, core.BadRequest("No %s at %s/", what, strings.Trim(r.Vars["path"], "/"))
	}
	return &core.Answer{Twin: true, Data: shownMount(r.Server, m, false)}, nil
}

func getTune(r *core.Request, auth bool) (*core.Answer, error) {
	m, err := mountNamed(r, auth)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, core.BadRequest("cannot fetch sysview for path %q", core.MountPath(r.Vars["path"], auth))
	}
	byDefault, most := m.Lives()
	data := shownConfig(r.Server, m, byDefault, most)
	delete(data, "delegated_auth_accessors") // shown by the mount alone
	data["description"] = m.Description
	if len(m.Options) > 0 {
		data["options"] = m.Options
	}
	return &core.Answer{Twin: true, Data: data}, nil
}

// kinds are the types that can be mounted, with what they are stored as.
func mountKind(r *core.Request, kind string, auth bool) (stored string, known bool) {
	if auth {
		return kind, r.Engines["auth/"+kind] != nil && kind != "token"
	}
	switch kind {
	case "kv-v2", "generic", "kv-v1":
		return "kv", true
	case "system", "identity", "cubbyhole", "kv2":
		return kind, false
	case "openldap":
		return kind, r.Engines["ldap"] != nil
	}
	return kind, r.Engines[kind] != nil && !strings.HasPrefix(kind, "auth/")
}

func putMount(r *core.Request, auth bool) (*core.Answer, error) {
	path := core.MountPath(r.Vars["path"], auth)
	if !auth && reserved(path) {
		return nil, core.BadRequest("cannot mount %q", path)
	}
	kind := r.Text("type")
	if kind == "" {
		return nil, core.BadRequest("backend type must be specified as a string")
	}
	stored, known := mountKind(r, kind, auth)
	if !known {
		if err := unmountable(r, kind, auth); err != nil {
			return nil, err
		}
		return nil, core.BadRequest("plugin not found in the catalog: %s", kind)
	}
	m := core.NewMount(stored, path, r.Rand)
	m.Description = r.Text("description")
	var err error
	if m.Options, err = r.KeyValues("options"); err != nil {
		return nil, err
	}
	if m.Options == nil && !r.Has("options") {
		m.Options = map[string]string{}
	}
	if stored == "kv" && m.Options["version"] == "" {
		version := "1"
		if kind == "kv-v2" {
			version = "2"
		}
		if kind != "kv" || r.Has("options") {
			m.Options = map[string]string{"version": version}
		}
	}
	if stored == "kv" && m.Options["version"] != "" && m.Options["version"] != "1" && m.Options["version"] != "2" {
		return nil, core.BadRequest("invalid version %q", m.Options["version"])
	}
	if m.Local, err = r.Bool("local", false); err != nil {
		return nil, err
	}
	if m.SealWrap, err = r.Bool("seal_wrap", false); err != nil {
		return nil, err
	}
	if config, ok := r.Fields["config"].(map[string]any); ok {
		if err := configure(m, config); err != nil {
			return nil, err
		}
	}
	err = r.EditMounts(func(t *core.Mounts) error {
		if x := t.Conflict(path); x != nil {
			return core.BadRequest("path is already in use at %s", strings.TrimPrefix(x.Path, "auth/"))
		}
		if len(t.List) >= maxMounts {
			return core.BadRequest("there are %d mounts, which is all that are kept", len(t.List))
		}
		t.List = append(t.List, m)
		return nil
	})
	if err != nil || deprecation(m) != "deprecated" || r.Flavour.Old || r.Flavour.Bao {
		return nil, err
	}
	return &core.Answer{Warnings: []string{"mount entry associated with deprecated builtin"}}, nil
}

func putTune(r *core.Request, auth bool) (*core.Answer, error) {
	path := core.MountPath(r.Vars["path"], auth)
	options, err := r.KeyValues("options")
	if err != nil {
		return nil, err
	}
	if options["version"] == "2" {
		if err := r.Engines["kv"].Upgrade(r, path, false); err != nil {
			return nil, err
		}
	}
	var warnings []string
	err = r.EditMounts(func(t *core.Mounts) error {
		warnings = nil
		m := t.At(path)
		if m == nil {
			return core.BadRequest("tune of path %q failed: no mount entry found", path)
		}
		if r.Has("description") {
			m.Description = r.Text("description")
		}
		if options["version"] == "2" && m.Type == "kv" && m.Options["version"] != "2" {
			warnings = []string{fmt.Sprintf("Upgrading mount from version %s to version 2. This mount will be unavailable for a brief period and will resume service shortly.",
				cmp.Or(m.Options["version"], "0"))}
			m.Options = map[string]string{"version": "2"}
		} else if options["version"] == "1" && m.Options["version"] == "2" {
			return core.BadRequest("cannot downgrade mount from version 2")
		}
		return configure(m, r.Fields)
	})
	if err != nil || warnings == nil {
		return nil, err
	}
	if err := r.Engines["kv"].Upgrade(r, path, true); err != nil {
		return nil, err
	}
	return &core.Answer{Warnings: warnings}, nil
}

func dropMount(r *core.Request, auth bool) (*core.Answer, error) {
	path := core.MountPath(r.Vars["path"], auth)
	switch path {
	case "sys/", "cubbyhole/", "identity/", "auth/token/":
		if auth {
			return nil, core.BadRequest("token credential backend cannot be disabled")
		}
		return nil, core.BadRequest("cannot unmount %q", path)
	}
	uuid := ""
	err := r.EditMounts(func(t *core.Mounts) error {
		t.List = slices.DeleteFunc(t.List, func(m *core.Mount) bool {
			if m.Path == path {
				uuid = m.UUID
			}
			return m.Path == path
		})
		return nil
	})
	if err != nil || uuid == "" {
		return nil, err
	}
	r.Vars = map[string]string{"prefix": path}
	if _, err := core.RevokePrefix(r); err != nil { // what it has handed out ends with it
		return nil, err
	}
	for _, c := range r.OfMounts {
		if err := c.Drop(r.Ctx, uuid); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// reserved reports a path where no secrets engine can be mounted.
func reserved(path string) bool {
	for _, prefix := range [...]string{"auth/", "cubbyhole/", "identity/", "sys/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// maxMounts is how many mounts there can be.
const maxMounts = 2000

// mountNamed is the mount of the request's path.
func mountNamed(r *core.Request, auth bool) (*core.Mount, error) {
	t, err := r.MountTable()
	if err != nil {
		return nil, err
	}
	return t.At(core.MountPath(r.Vars["path"], auth)), nil
}
