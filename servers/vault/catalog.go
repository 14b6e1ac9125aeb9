package vault

import (
	"slices"
	"strings"
)

// Engines, auth methods and database plugins that a real server has built in, besides
// those that are played.
var (
	catalogAuth = strings.Fields("alicloud approle aws azure cert cf gcp github jwt kerberos kubernetes ldap oci oidc okta pcf radius userpass")
	catalogDB   = strings.Fields("cassandra-database-plugin couchbase-database-plugin elasticsearch-database-plugin hana-database-plugin influxdb-database-plugin " +
		"mongodb-database-plugin mongodbatlas-database-plugin mssql-database-plugin mysql-aurora-database-plugin mysql-database-plugin mysql-legacy-database-plugin " +
		"mysql-rds-database-plugin postgresql-database-plugin redis-database-plugin redis-elasticache-database-plugin redshift-database-plugin snowflake-database-plugin")
	catalogSecret = strings.Fields("ad alicloud aws azure consul gcp gcpkms kubernetes kv ldap mongodbatlas nomad openldap pki rabbitmq ssh terraform totp transit")
)

// unplayedEngines are the types of the catalogue that cannot be mounted here, as
// features.
func unplayedEngines() (out []string) {
	played := strings.Fields("ad approle cert kv ldap openldap ssh totp transit userpass")
	for at, names := range map[string][]string{"secrets engine ": catalogSecret, "auth method ": catalogAuth} {
		for _, name := range names {
			if !slices.Contains(played, name) {
				out = append(out, at+name)
			}
		}
	}
	return out
}

// unmountable refuses a type that a real server has built in and this one does not
// play.
func (r *request) unmountable(kind string, auth bool) error {
	at, names := "secrets engine ", catalogSecret
	if auth {
		at, names = "auth method ", catalogAuth
	}
	if r.flavour.old || r.flavour.bao || !slices.Contains(names, kind) {
		return nil
	}
	r.call.NotPlayed(at + kind)
	return forbidden().because("the %s%s is not played here", at, kind)
}

// catalogVersions are the versions of plugins that are released on their own.
var catalogVersions = map[string]string{"kv": "v0.25.0+builtin", "ad": "v0.21.0+builtin", "openldap": "v0.17.0+builtin", "ldap": "v0.17.0+builtin"}

// catalogued is a plugin as the catalogue shows it.
func (r *request) catalogued(kind, name string) map[string]any {
	version := "v" + r.flavour.version + "+builtin.vault"
	if v := catalogVersions[name]; v != "" && kind == "secret" {
		version = v
	}
	status := "supported"
	if kind == "secret" && name == "ad" {
		status = "deprecated"
	}
	return map[string]any{"builtin": true, "deprecation_status": status, "name": name, "version": version}
}

// catalogOf are the names of a kind of plugins.
func catalogOf(kind string) []string {
	return map[string][]string{"auth": catalogAuth, "database": catalogDB, "secret": catalogSecret}[kind]
}

func catalogPaths() []*pathSpec {
	return []*pathSpec{
		{pattern: "plugins/catalog", name: "plugins.catalog", ops: map[operation]handler{opRead: vaultOnly(func(r *request) (*answer, error) {
			detailed := []any{}
			data := map[string]any{}
			for _, kind := range []string{"auth", "database", "secret"} {
				data[kind] = catalogOf(kind)
				for _, name := range catalogOf(kind) {
					x := r.catalogued(kind, name)
					x["type"] = kind
					detailed = append(detailed, x)
				}
			}
			data["detailed"] = detailed
			return ok(data)
		})}},
		{pattern: "plugins/catalog/:type", name: "plugins.catalog", sudo: true, ops: map[operation]handler{opRead: vaultOnly(func(r *request) (*answer, error) {
			return &answer{warnings: []string{deprecatedCatalog(r.vars["type"])}}, nil
		}), opWrite: vaultOnly(noPlugins), opDelete: vaultOnly(func(*request) (*answer, error) { return nil, nil }), opList: vaultOnly(func(r *request) (*answer, error) {
			names := catalogOf(r.vars["type"])
			if names == nil {
				return nil, unsupported()
			}
			return ok(map[string]any{"keys": names})
		})}},
		{pattern: "plugins/catalog/:type/:name", name: "plugins.catalog", sudo: true, ops: map[operation]handler{opRead: vaultOnly(func(r *request) (*answer, error) {
			kind, name := r.vars["type"], r.vars["name"]
			if catalogOf(kind) == nil {
				return &answer{warnings: []string{deprecatedCatalog(kind + "/" + name)}}, nil
			}
			if !slices.Contains(catalogOf(kind), name) {
				return nil, errMissing
			}
			x := r.catalogued(kind, name)
			x["args"], x["command"], x["sha256"] = nil, "", ""
			return ok(x)
		}), opWrite: vaultOnly(noPlugins), opDelete: vaultOnly(func(*request) (*answer, error) { return nil, nil })}},
		{pattern: "host-info", name: "host-info", ops: map[operation]handler{opRead: vaultOnly(hostInfo)}},
	}
}

// deprecatedCatalog is the warning about a plugin that is asked for in an older way.
func deprecatedCatalog(name string) string {
	return `Deprecated API endpoint, cannot read plugin information from catalog for "` + name + `"`
}

// noPlugins refuses to register a plugin.
func noPlugins(*request) (*answer, error) {
	return nil, faulty("could not set plugin, plugin directory is not configured")
}

// hostInfo tells of a machine that does not exist.
func hostInfo(r *request) (*answer, error) {
	const total = 8 << 30
	return ok(map[string]any{
		"cpu":       []any{map[string]any{"cpu": 0, "vendorId": "", "family": "", "model": "", "stepping": 0, "physicalId": "0", "coreId": "0", "cores": 1, "modelName": "", "mhz": 0, "cacheSize": 0, "flags": []any{}, "microcode": ""}},
		"cpu_times": []any{}, "disk": []any{},
		"host": map[string]any{"bootTime": r.started.Unix(), "hostId": r.derivedID("host"), "hostname": r.settings.ClusterName, "kernelArch": "x86_64",
			"kernelVersion": "", "os": "linux", "platform": "", "platformFamily": "", "platformVersion": "", "procs": 1,
			"uptime": int64(r.Clock.Now().Sub(r.started).Seconds()), "virtualizationRole": "guest", "virtualizationSystem": ""},
		"memory":    map[string]any{"total": total, "available": total / 2, "used": total / 2, "usedPercent": 50, "free": total / 2},
		"timestamp": stamp(r.Clock.Now()),
	})
}
