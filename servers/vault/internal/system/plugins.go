package system

import (
	"slices"

	"counterpart/servers/vault/internal/catalog"
	"counterpart/servers/vault/internal/core"
)

// unmountable refuses a type that a real server has built in and this one does not
// play.
func unmountable(r *core.Request, kind string, auth bool) error {
	at, names := "secrets engine ", catalog.Secrets
	if auth {
		at, names = "auth method ", catalog.Auth
	}
	if r.Flavour.Old || r.Flavour.Bao || !slices.Contains(names, kind) {
		return nil
	}
	r.Call.NotPlayed(at + kind)
	return core.Forbidden().Because("the %s%s is not played here", at, kind)
}

// catalogVersions are the versions of plugins that are released on their own.
var catalogVersions = map[string]string{"kv": "v0.25.0+builtin", "ad": "v0.21.0+builtin", "openldap": "v0.17.0+builtin", "ldap": "v0.17.0+builtin"}

// catalogued is a plugin as the catalogue shows it.
func catalogued(r *core.Request, kind, name string) map[string]any {
	version := "v" + r.Flavour.Version + "+builtin.vault"
	if v := catalogVersions[name]; v != "" && kind == "secret" {
		version = v
	}
	status := "supported"
	if kind == "secret" && name == "ad" {
		status = "deprecated"
	}
	return map[string]any{"builtin": true, "deprecation_status": status, "name": name, "version": version}
}

func catalogPaths() []*core.Path {
	return []*core.Path{
		{Pattern: "plugins/catalog", Name: "plugins.catalog", Ops: map[core.Operation]core.Handler{core.OpRead: core.VaultOnly(func(r *core.Request) (*core.Answer, error) {
			detailed := []any{}
			data := map[string]any{}
			for _, kind := range []string{"auth", "database", "secret"} {
				data[kind] = catalog.Of(kind)
				for _, name := range catalog.Of(kind) {
					x := catalogued(r, kind, name)
					x["type"] = kind
					detailed = append(detailed, x)
				}
			}
			data["detailed"] = detailed
			return core.OK(data)
		})}},
		{Pattern: "plugins/catalog/:type", Name: "plugins.catalog", Sudo: true, Ops: map[core.Operation]core.Handler{core.OpRead: core.VaultOnly(func(r *core.Request) (*core.Answer, error) {
			return &core.Answer{Warnings: []string{deprecatedCatalog(r.Vars["type"])}}, nil
		}), core.OpWrite: core.VaultOnly(noPlugins), core.OpDelete: core.VaultOnly(func(*core.Request) (*core.Answer, error) { return nil, nil }), core.OpList: core.VaultOnly(func(r *core.Request) (*core.Answer, error) {
			names := catalog.Of(r.Vars["type"])
			if names == nil {
				return nil, core.Unsupported()
			}
			return core.OK(map[string]any{"keys": names})
		})}},
		{Pattern: "plugins/catalog/:type/:name", Name: "plugins.catalog", Sudo: true, Ops: map[core.Operation]core.Handler{core.OpRead: core.VaultOnly(func(r *core.Request) (*core.Answer, error) {
			kind, name := r.Vars["type"], r.Vars["name"]
			if catalog.Of(kind) == nil {
				return &core.Answer{Warnings: []string{deprecatedCatalog(kind + "/" + name)}}, nil
			}
			if !slices.Contains(catalog.Of(kind), name) {
				return nil, core.ErrNotFound
			}
			x := catalogued(r, kind, name)
			x["args"], x["command"], x["sha256"] = nil, "", ""
			return core.OK(x)
		}), core.OpWrite: core.VaultOnly(noPlugins), core.OpDelete: core.VaultOnly(func(*core.Request) (*core.Answer, error) { return nil, nil })}},
		{Pattern: "host-info", Name: "host-info", Ops: map[core.Operation]core.Handler{core.OpRead: core.VaultOnly(hostInfo)}},
	}
}

// deprecatedCatalog is the warning about a plugin that is asked for in an older way.
func deprecatedCatalog(name string) string {
	return `Deprecated API endpoint, cannot read plugin information from catalog for "` + name + `"`
}

// noPlugins refuses to register a plugin.
func noPlugins(*core.Request) (*core.Answer, error) {
	return nil, core.Faulty("could not set plugin, plugin directory is not configured")
}

// hostInfo tells of a machine that does not exist.
func hostInfo(r *core.Request) (*core.Answer, error) {
	const total = 8 << 30
	return core.OK(map[string]any{
		"cpu":       []any{map[string]any{"cpu": 0, "vendorId": "", "family": "", "model": "", "stepping": 0, "physicalId": "0", "coreId": "0", "cores": 1, "modelName": "", "mhz": 0, "cacheSize": 0, "flags": []any{}, "microcode": ""}},
		"cpu_times": []any{}, "disk": []any{},
		"host": map[string]any{"bootTime": r.Started.Unix(), "hostId": r.DerivedID("host"), "hostname": r.Settings.ClusterName, "kernelArch": "x86_64",
			"kernelVersion": "", "os": "linux", "platform": "", "platformFamily": "", "platformVersion": "", "procs": 1,
			"uptime": int64(r.Clock.Now().Sub(r.Started).Seconds()), "virtualizationRole": "guest", "virtualizationSystem": ""},
		"memory":    map[string]any{"total": total, "available": total / 2, "used": total / 2, "usedPercent": 50, "free": total / 2},
		"timestamp": core.FormatTime(r.Clock.Now()),
	})
}
