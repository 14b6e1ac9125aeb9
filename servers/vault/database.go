package vault

import (
	"fmt"
	"time"
)

// dynamicRole is a role of the database engine whose credentials are made when they
// are asked for. No database of the company is behind them: they open nothing.
type dynamicRole struct {
	Database string        `json:"database"`
	TTL      time.Duration `json:"ttl,omitempty"`
	Max      time.Duration `json:"max,omitempty"`
	Create   []string      `json:"create,omitempty"`
}

// databaseEngine is the secrets engine database, in its shape: connections are kept
// and never opened, static roles change the passwords of the company's accounts.
func databaseEngine() *engine {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	return newEngine("database",
		&pathSpec{pattern: "config", name: "config", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.configs.keys(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "config/:name", name: "config", exists: func(r *request) (bool, error) {
			c, err := r.configs.get(r.ctx, r.connectionKey())
			return c != nil, err
		}, ops: map[operation]handler{opRead: getConnection, opWrite: putConnection, opDelete: dropConnection}},
		&pathSpec{pattern: "roles", name: "roles", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.dynamics.keys(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "roles/:role", name: "roles", exists: func(r *request) (bool, error) {
			role, err := r.dynamics.get(r.ctx, r.staticKey())
			return role != nil, err
		}, ops: map[operation]handler{opRead: getDynamic, opWrite: putDynamic, opDelete: dropDynamic}},
		&pathSpec{pattern: "creds/:role", name: "creds", ops: map[operation]handler{opRead: dynamicCreds}},
		&pathSpec{pattern: "static-roles", name: "static-roles", ops: map[operation]handler{opList: listStatic}},
		&pathSpec{pattern: "static-roles/:role", name: "static-roles", exists: staticExists, ops: map[operation]handler{opRead: getDatabaseStatic, opWrite: putStatic, opDelete: dropStatic}},
		&pathSpec{pattern: "static-creds/:role", name: "static-creds", ops: map[operation]handler{opRead: staticCred}},
		&pathSpec{pattern: "rotate-role/:role", name: "rotate-role", ops: write(rotateRole)},
	)
}

func (r *request) connectionKey() string { return r.mount.UUID + "/" + r.vars["name"] }

func getConnection(r *request) (*answer, error) {
	c, err := r.configs.need(r.ctx, r.connectionKey())
	if err != nil {
		return nil, err
	}
	details := map[string]any{}
	for k, v := range *c {
		if k != "password" && k != "plugin_name" && k != "allowed_roles" && k != "verify_connection" {
			details[k] = v
		}
	}
	return ok(map[string]any{"allowed_roles": fields(*c).list("allowed_roles"), "connection_details": details, "password_policy": "",
		"plugin_name": fields(*c).text("plugin_name"), "plugin_version": "", "root_credentials_rotate_statements": []string{}})
}

func putConnection(r *request) (*answer, error) {
	if r.text("plugin_name") == "" {
		return nil, bad("empty plugin name")
	}
	return nil, r.configs.put(r.ctx, r.connectionKey(), r.raw)
}

func dropConnection(r *request) (*answer, error) {
	_, err := r.configs.drop(r.ctx, r.connectionKey())
	return nil, err
}

func getDynamic(r *request) (*answer, error) {
	role, err := r.dynamics.need(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"creation_statements": append([]string{}, role.Create...), "credential_type": "password", "db_name": role.Database,
		"default_ttl": int64(role.TTL / time.Second), "max_ttl": int64(role.Max / time.Second), "renew_statements": []string{},
		"revocation_statements": []string{}, "rollback_statements": []string{}})
}

func putDynamic(r *request) (*answer, error) {
	role := dynamicRole{Database: r.text("db_name"), Create: r.list("creation_statements")}
	if role.Database == "" {
		return nil, bad("database name is required")
	}
	var err error
	if role.TTL, err = r.lasts("default_ttl"); err != nil {
		return nil, err
	}
	if role.Max, err = r.lasts("max_ttl"); err != nil {
		return nil, err
	}
	return nil, r.dynamics.put(r.ctx, r.staticKey(), role)
}

func dropDynamic(r *request) (*answer, error) {
	_, err := r.dynamics.drop(r.ctx, r.staticKey())
	return nil, err
}

func dynamicCreds(r *request) (*answer, error) {
	role, err := r.dynamics.get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, bad("unknown role: %s", r.vars["role"])
	}
	user := fmt.Sprintf("v-%.8s-%.8s-%s-%d", r.token.Meta[metaDisplay], r.vars["role"], r.alphanumerics(20), r.Clock.Now().Unix())
	a := &answer{data: map[string]any{"password": r.alphanumerics(19) + "-", "username": user}}
	_, err = r.leaseOf(a, lease{TTL: role.TTL, Max: role.Max, Renewable: true})
	return a, err
}

func getDatabaseStatic(r *request) (*answer, error) {
	role, err := r.statics.need(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"credential_type": "password", "db_name": role.Database, "last_vault_rotation": stamp(role.Rotated),
		"rotation_period": int64(role.Period / time.Second), "rotation_statements": []string{}, "skip_import_rotation": false, "username": role.Username})
}
