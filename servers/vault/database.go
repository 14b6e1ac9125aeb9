package vault

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"
)

// dynamicRole is a role of the database engine whose credentials are made when they
// are asked for. No database of the company is behind them: they open nothing.
type dynamicRole struct {
	Database string        `json:"database"`
	TTL      time.Duration `json:"ttl,omitempty"`
	Max      time.Duration `json:"max,omitempty"`
	Create   []string      `json:"create,omitempty"`
	Revoke   []string      `json:"revoke,omitempty"`
	Rollback []string      `json:"rollback,omitempty"`
	Renew    []string      `json:"renew,omitempty"`
}

// databaseEngine is the secrets engine database, in its shape: connections are kept
// and never opened, static roles change the passwords of the company's accounts.
func databaseEngine() *engine {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	return newEngine("database",
		&pathSpec{pattern: "config", name: "config", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.configs.Names(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "config/:name", name: "config", exists: func(r *request) (bool, error) {
			c, err := r.configs.Get(r.ctx, r.connectionKey())
			return c != nil, err
		}, ops: map[operation]handler{opRead: getConnection, opWrite: putConnection, opDelete: dropConnection}},
		&pathSpec{pattern: "roles", name: "roles", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.dynamics.Names(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "roles/:role", name: "roles", exists: (*request).dynamicExists, ops: map[operation]handler{opRead: getDynamic, opWrite: putDynamic, opDelete: dropDynamic}},
		&pathSpec{pattern: "creds/:role", name: "creds", ops: map[operation]handler{opRead: dynamicCreds}},
		&pathSpec{pattern: "static-roles", name: "static-roles", ops: map[operation]handler{opList: listStatic}},
		&pathSpec{pattern: "static-roles/:role", name: "static-roles", exists: staticExists, ops: map[operation]handler{opRead: getDatabaseStatic, opWrite: putDatabaseStatic, opDelete: dropDatabaseStatic}},
		&pathSpec{pattern: "static-creds/:role", name: "static-creds", ops: map[operation]handler{opRead: databaseCred}},
		&pathSpec{pattern: "rotate-role/:role", name: "rotate-role", ops: write(rotateRole)},
	)
}

func (r *request) connectionKey() string { return r.mount.UUID + "/" + r.vars["name"] }

// ofConnection are the parameters of a connection that are not handed to its plugin.
var ofConnection = []string{"plugin_name", "plugin_version", "allowed_roles", "verify_connection", "root_rotation_statements", "password_policy",
	"rotation_schedule", "rotation_window", "rotation_period", "disable_automated_rotation"}

func getConnection(r *request) (*answer, error) {
	c, err := need(r.ctx, r.configs, r.connectionKey())
	if err != nil {
		return nil, err
	}
	details := map[string]any{}
	for k, v := range *c {
		switch {
		case slices.Contains(ofConnection, k), k == "password", k == "private_key", k == "service_account_json", k == "name":
			continue
		case k == "connection_url":
			if u, err := url.Parse(fmt.Sprint(v)); err == nil {
				v = u.Redacted()
			}
		}
		details[k] = v
	}
	f := fields(*c)
	verify, err := f.flag("verify_connection", true)
	if err != nil {
		return nil, err
	}
	data := map[string]any{"allowed_roles": append([]string{}, f.list("allowed_roles")...), "connection_details": details,
		"password_policy": f.text("password_policy"), "plugin_name": f.text("plugin_name"), "plugin_version": "",
		"root_credentials_rotate_statements": append([]string{}, f.list("root_rotation_statements")...)}
	if !r.flavour.bao && !r.flavour.old {
		data["verify_connection"], data["skip_static_role_import_rotation"] = verify, false
		for _, name := range [...]string{"rotation_period", "rotation_window"} {
			data[name] = 0
		}
		data["rotation_schedule"], data["disable_automated_rotation"] = "", false
	}
	return ok(data)
}

// putConnection keeps a connection; what is not named stays. None is ever opened.
func putConnection(r *request) (*answer, error) {
	var warnings []string
	err := r.configs.Change(r.ctx, r.connectionKey(), func(v *map[string]any, found bool) error {
		fresh := maps.Clone(*v)
		if fresh == nil {
			fresh = map[string]any{}
		}
		maps.Copy(fresh, r.raw)
		switch plugin := fields(fresh).text("plugin_name"); {
		case plugin == "":
			return bad("empty plugin name")
		case !slices.Contains(catalogDB, plugin):
			return bad("error creating database object: invalid database version: 2 errors occurred:\n\t* plugin not found in the catalog: %s\n\t* plugin not found in the catalog: %s\n\n", plugin, plugin)
		}
		if u, err := url.Parse(fields(fresh).text("connection_url")); err == nil && u.User != nil {
			if _, has := u.User.Password(); has {
				warnings = []string{"Password found in connection_url, use a templated url to enable root rotation and prevent read access to password information."}
			}
		}
		*v = fresh
		return nil
	})
	if err != nil || warnings == nil {
		return nil, err
	}
	return &answer{warnings: warnings}, nil
}

func dropConnection(r *request) (*answer, error) {
	_, err := r.configs.Delete(r.ctx, r.connectionKey())
	return nil, err
}

func getDynamic(r *request) (*answer, error) {
	role, err := need(r.ctx, r.dynamics, r.staticKey())
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"creation_statements": append([]string{}, role.Create...), "credential_type": "password", "db_name": role.Database,
		"default_ttl": int64(role.TTL / time.Second), "max_ttl": int64(role.Max / time.Second), "renew_statements": append([]string{}, role.Renew...),
		"revocation_statements": append([]string{}, role.Revoke...), "rollback_statements": append([]string{}, role.Rollback...)})
}

func putDynamic(r *request) (*answer, error) {
	static, err := r.statics.Get(r.ctx, r.staticKey())
	switch {
	case err != nil:
		return nil, err
	case static != nil:
		return nil, bad("Role and Static Role names must be unique")
	}
	return nil, r.dynamics.Change(r.ctx, r.staticKey(), func(role *dynamicRole, _ bool) (err error) {
		if r.has("db_name") {
			role.Database = r.text("db_name")
		}
		if role.Database == "" {
			return bad("database name is required")
		}
		if err := r.passwordsOnly(); err != nil {
			return err
		}
		for name, to := range map[string]*[]string{"creation_statements": &role.Create, "revocation_statements": &role.Revoke,
			"rollback_statements": &role.Rollback, "renew_statements": &role.Renew} {
			if r.has(name) {
				*to = r.strings(name)
			}
		}
		for name, to := range map[string]*time.Duration{"default_ttl": &role.TTL, "max_ttl": &role.Max} {
			if r.has(name) {
				if *to, err = r.lasts(name); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func dropDynamic(r *request) (*answer, error) {
	_, err := r.dynamics.Delete(r.ctx, r.staticKey())
	return nil, err
}

func dynamicCreds(r *request) (*answer, error) {
	role, err := r.dynamics.Get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, bad("unknown role: %s", r.vars["role"])
	}
	if _, err := r.usableConnection(role.Database, r.vars["role"]); err != nil {
		return nil, err
	}
	user := fmt.Sprintf("v-%.8s-%.8s-%s-%d", r.token.Data.Display, r.vars["role"], r.alphanumerics(20), r.Clock.Now().Unix())
	a := &answer{data: map[string]any{"password": r.alphanumerics(19) + "-", "username": user}}
	_, err = r.leaseOf(a, lease{TTL: role.TTL, Max: role.Max, Renewable: true})
	return a, err
}
