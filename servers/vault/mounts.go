package vault

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

func mountPaths() []*pathSpec {
	of := func(auth bool, h func(*request, bool) (*answer, error)) handler {
		return func(r *request) (*answer, error) { return h(r, auth) }
	}
	var out []*pathSpec
	for _, auth := range []bool{false, true} {
		at := "mounts"
		if auth {
			at = "auth"
		}
		out = append(out,
			&pathSpec{pattern: at, name: at, ops: map[operation]handler{opRead: of(auth, listMounts)}},
			&pathSpec{pattern: at + "/*path/tune", name: at + ".tune", sudo: auth, ops: map[operation]handler{opRead: of(auth, getTune), opWrite: of(auth, putTune)}},
			&pathSpec{pattern: at + "/*path", name: at, sudo: auth, ops: map[operation]handler{opRead: of(auth, getMount), opWrite: of(auth, putMount), opDelete: of(auth, dropMount)}},
		)
	}
	return append(out, &pathSpec{pattern: "remount", name: "remount", sudo: true, ops: map[operation]handler{opWrite: remount}},
		&pathSpec{pattern: "remount/status/:id", name: "remount.status", ops: map[operation]handler{opRead: remountStatus}})
}

// shown is a mount as answers show it; effective: lifetimes as they hold, not as
// they were configured.
func (s *Server) shownMount(m *mount, effective bool) map[string]any {
	byDefault, most := m.DefaultTTL, m.MaxTTL
	if effective {
		byDefault, most = m.lives()
	}
	var options any
	if m.Options != nil {
		options = m.Options
	}
	out := map[string]any{"accessor": m.Accessor, "config": s.shownConfig(m, byDefault, most), "description": m.Description,
		"external_entropy_access": false, "local": m.Local, "options": options, "plugin_version": "",
		"running_plugin_version": s.pluginVersion(m), "running_sha256": "", "seal_wrap": m.SealWrap, "type": m.Type, "uuid": m.UUID}
	if d := deprecation(m); d != "" {
		out["deprecation_status"] = d
	}
	return out
}

// pluginVersion is the version of a mount's engine: some are released on their own.
func (s *Server) pluginVersion(m *mount) string {
	switch {
	case s.flavour.bao:
		return "v" + s.release() + "+builtin.bao"
	case m.Type == "kv":
		return "v0.25.0+builtin"
	case m.Type == "ad":
		return "v0.21.0+builtin"
	case (m.Type == "ldap" || m.Type == "openldap") && !m.isAuth():
		return "v0.17.0+builtin"
	}
	return "v" + s.flavour.version + "+builtin.vault"
}

func (s *Server) shownConfig(m *mount, byDefault, most time.Duration) map[string]any {
	c := map[string]any{"default_lease_ttl": int64(byDefault / time.Second), "force_no_cache": m.ForceNoCache, "max_lease_ttl": int64(most / time.Second)}
	if m.isAuth() {
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

func deprecation(m *mount) string {
	switch m.Type {
	case "ad":
		return "deprecated"
	case "system", "identity", "cubbyhole", "token":
		return ""
	}
	return "supported"
}

// mountPath is the path of the request as the table has it.
func mountPath(path string, auth bool) string {
	path = strings.Trim(path, "/") + "/"
	if auth {
		path = "auth/" + path
	}
	return path
}

func listMounts(r *request, auth bool) (*answer, error) {
	t, err := r.table()
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, m := range t.List {
		if m.isAuth() == auth {
			out[strings.TrimPrefix(m.Path, "auth/")] = r.shownMount(m, false)
		}
	}
	return &answer{twin: true, data: out}, nil
}

// mountNamed is the mount of the request's path.
func (r *request) mountNamed(auth bool) (*mount, error) {
	t, err := r.table()
	if err != nil {
		return nil, err
	}
	return t.at(mountPath(r.vars["path"], auth)), nil
}

func getMount(r *request, auth bool) (*answer, error) {
	m, err := r.mountNamed(auth)
	if err != nil {
		return nil, err
	}
	if m == nil {
		what := "secret engine mount"
		if auth {
			what = "auth engine"
		}
		return nil, bad("No %s at %s/", what, strings.Trim(r.vars["path"], "/"))
	}
	return &answer{twin: true, data: r.shownMount(m, false)}, nil
}

func getTune(r *request, auth bool) (*answer, error) {
	m, err := r.mountNamed(auth)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, bad("cannot fetch sysview for path %q", mountPath(r.vars["path"], auth))
	}
	byDefault, most := m.lives()
	data := r.shownConfig(m, byDefault, most)
	delete(data, "delegated_auth_accessors") // shown by the mount alone
	data["description"] = m.Description
	if len(m.Options) > 0 {
		data["options"] = m.Options
	}
	return &answer{twin: true, data: data}, nil
}

// kinds are the types that can be mounted, with what they are stored as.
func (r *request) mountKind(kind string, auth bool) (stored string, known bool) {
	if auth {
		return kind, r.engines["auth/"+kind] != nil && kind != "token"
	}
	switch kind {
	case "kv-v2", "generic", "kv-v1":
		return "kv", true
	case "system", "identity", "cubbyhole", "kv2":
		return kind, false
	case "openldap":
		return kind, r.engines["ldap"] != nil
	}
	return kind, r.engines[kind] != nil && !strings.HasPrefix(kind, "auth/")
}

func putMount(r *request, auth bool) (*answer, error) {
	path := mountPath(r.vars["path"], auth)
	if !auth && reserved(path) {
		return nil, bad("cannot mount %q", path)
	}
	kind := r.text("type")
	if kind == "" {
		return nil, bad("backend type must be specified as a string")
	}
	stored, known := r.mountKind(kind, auth)
	if !known {
		if err := r.unmountable(kind, auth); err != nil {
			return nil, err
		}
		return nil, bad("plugin not found in the catalog: %s", kind)
	}
	m := newMount(stored, path, r.Rand)
	m.Description = r.text("description")
	var err error
	if m.Options, err = r.pairs("options"); err != nil {
		return nil, err
	}
	if m.Options == nil && !r.has("options") {
		m.Options = map[string]string{}
	}
	if stored == "kv" && m.Options["version"] == "" {
		version := "1"
		if kind == "kv-v2" {
			version = "2"
		}
		if kind != "kv" || r.has("options") {
			m.Options = map[string]string{"version": version}
		}
	}
	if stored == "kv" && m.Options["version"] != "" && m.Options["version"] != "1" && m.Options["version"] != "2" {
		return nil, bad("invalid version %q", m.Options["version"])
	}
	if m.Local, err = r.flag("local", false); err != nil {
		return nil, err
	}
	if m.SealWrap, err = r.flag("seal_wrap", false); err != nil {
		return nil, err
	}
	if config, ok := r.fields["config"].(map[string]any); ok {
		if err := m.configure(config); err != nil {
			return nil, err
		}
	}
	err = r.editMounts(func(t *mounts) error {
		if x := t.conflict(path); x != nil {
			return bad("path is already in use at %s", strings.TrimPrefix(x.Path, "auth/"))
		}
		if len(t.List) >= maxMounts {
			return bad("there are %d mounts, which is all that are kept", len(t.List))
		}
		t.List = append(t.List, m)
		return nil
	})
	if err != nil || deprecation(m) != "deprecated" || r.flavour.old || r.flavour.bao {
		return nil, err
	}
	return &answer{warnings: []string{"mount entry associated with deprecated builtin"}}, nil
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

func putTune(r *request, auth bool) (*answer, error) {
	path := mountPath(r.vars["path"], auth)
	options, err := r.pairs("options")
	if err != nil {
		return nil, err
	}
	if options["version"] == "2" {
		if err := r.upgrade(path, false); err != nil {
			return nil, err
		}
	}
	var warnings []string
	err = r.editMounts(func(t *mounts) error {
		warnings = nil
		m := t.at(path)
		if m == nil {
			return bad("tune of path %q failed: no mount entry found", path)
		}
		if r.has("description") {
			m.Description = r.text("description")
		}
		if options["version"] == "2" && m.Type == "kv" && m.Options["version"] != "2" {
			warnings = []string{fmt.Sprintf("Upgrading mount from version %s to version 2. This mount will be unavailable for a brief period and will resume service shortly.",
				cmp.Or(m.Options["version"], "0"))}
			m.Options = map[string]string{"version": "2"}
		} else if options["version"] == "1" && m.Options["version"] == "2" {
			return bad("cannot downgrade mount from version 2")
		}
		return m.configure(r.fields)
	})
	if err != nil || warnings == nil {
		return nil, err
	}
	if err := r.upgrade(path, true); err != nil {
		return nil, err
	}
	return &answer{warnings: warnings}, nil
}

func dropMount(r *request, auth bool) (*answer, error) {
	path := mountPath(r.vars["path"], auth)
	switch path {
	case "sys/", "cubbyhole/", "identity/", "auth/token/":
		if auth {
			return nil, bad("token credential backend cannot be disabled")
		}
		return nil, bad("cannot unmount %q", path)
	}
	uuid := ""
	err := r.editMounts(func(t *mounts) error {
		t.List = slices.DeleteFunc(t.List, func(m *mount) bool {
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
	r.vars = map[string]string{"prefix": path}
	if _, err := revokePrefix(r); err != nil { // what it has handed out ends with it
		return nil, err
	}
	for _, c := range r.ofMounts {
		if err := c.Drop(r.ctx, uuid); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
