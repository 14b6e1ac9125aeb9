package database

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"counterpart/servers/vault/internal/catalog"
	"counterpart/servers/vault/internal/core"
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

// Engine is the secrets engine database, in its shape: connections are kept
// and never opened, static roles change the passwords of the company's accounts.
func (b *Backend) Engine() *core.Engine {
	write := func(h core.Handler) map[core.Operation]core.Handler {
		return map[core.Operation]core.Handler{core.OpWrite: h}
	}
	return core.NewEngine("database",
		&core.Path{Pattern: "config", Name: "config", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) {
			return core.ListKeys(r.Configs.Names(r.Ctx, r.Mount.UUID+"/"))
		}}},
		&core.Path{Pattern: "config/:name", Name: "config", Exists: func(r *core.Request) (bool, error) {
			c, err := r.Configs.Get(r.Ctx, r.NameKey())
			return c != nil, err
		}, Ops: map[core.Operation]core.Handler{core.OpRead: getConnection, core.OpWrite: putConnection, core.OpDelete: dropConnection}},
		&core.Path{Pattern: "roles", Name: "roles", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) {
			return core.ListKeys(b.dynamics.Names(r.Ctx, r.Mount.UUID+"/"))
		}}},
		&core.Path{Pattern: "roles/:role", Name: "roles", Exists: func(r *core.Request) (bool, error) { return b.dynamicExists(r) }, Ops: map[core.Operation]core.Handler{core.OpRead: b.getDynamic, core.OpWrite: b.putDynamic, core.OpDelete: b.dropDynamic}},
		&core.Path{Pattern: "creds/:role", Name: "creds", Ops: map[core.Operation]core.Handler{core.OpRead: b.dynamicCreds}},
		&core.Path{Pattern: "static-roles", Name: "static-roles", Ops: map[core.Operation]core.Handler{core.OpList: b.rotation.List}},
		&core.Path{Pattern: "static-roles/:role", Name: "static-roles", Exists: b.rotation.Exists, Ops: map[core.Operation]core.Handler{core.OpRead: b.getDatabaseStatic, core.OpWrite: b.putDatabaseStatic, core.OpDelete: b.dropDatabaseStatic}},
		&core.Path{Pattern: "static-creds/:role", Name: "static-creds", Ops: map[core.Operation]core.Handler{core.OpRead: b.databaseCred}},
		&core.Path{Pattern: "rotate-role/:role", Name: "rotate-role", Ops: write(b.rotation.RotateRole)},
	)
}

// ofConnection are the parameters of a connection that are not handed to its plugin.
var ofConnection = []string{"plugin_name", "plugin_version", "allowed_roles", "verify_connection", "root_rotation_statements", "password_policy",
	"rotation_schedule", "rotation_window", "rotation_period", "disable_automated_rotation"}

func getConnection(r *core.Request) (*core.Answer, error) {
	c, err := core.Require(r.Ctx, r.Configs, r.NameKey())
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
	f := core.Fields(*c)
	verify, err := f.Bool("verify_connection", true)
	if err != nil {
		return nil, err
	}
	data := map[string]any{"allowed_roles": append([]string{}, f.List("allowed_roles")...), "connection_details": details,
		"password_policy": f.Text("password_policy"), "plugin_name": f.Text("plugin_name"), "plugin_version": "",
		"root_credentials_rotate_statements": append([]string{}, f.List("root_rotation_statements")...)}
	if !r.Flavour.Bao && !r.Flavour.Old {
		data["verify_connection"], data["skip_static_role_import_rotation"] = verify, false
		for _, name := range [...]string{"rotation_period", "rotation_window"} {
			data[name] = 0
		}
		data["rotation_schedule"], data["disable_automated_rotation"] = "", false
	}
	return core.OK(data)
}

// putConnection keeps a connection; what is not named stays. None is ever opened.
func putConnection(r *core.Request) (*core.Answer, error) {
	var warnings []string
	err := r.Configs.Change(r.Ctx, r.NameKey(), func(v *map[string]any, found bool) error {
		fresh := maps.Clone(*v)
		if fresh == nil {
			fresh = map[string]any{}
		}
		maps.Copy(fresh, r.Raw)
		switch plugin := core.Fields(fresh).Text("plugin_name"); {
		case plugin == "":
			return core.BadRequest("empty plugin name")
		case !slices.Contains(catalog.Databases, plugin):
			return core.BadRequest("error creating database object: invalid database version: 2 errors occurred:\n\t* plugin not found in the catalog: %s\n\t* plugin not found in the catalog: %s\n\n", plugin, plugin)
		}
		if u, err := url.Parse(core.Fields(fresh).Text("connection_url")); err == nil && u.User != nil {
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
	return &core.Answer{Warnings: warnings}, nil
}

func dropConnection(r *core.Request) (*core.Answer, error) {
	_, err := r.Configs.Delete(r.Ctx, r.NameKey())
	return nil, err
}

func (b *Backend) getDynamic(r *core.Request) (*core.Answer, error) {
	role, err := core.Require(r.Ctx, b.dynamics, r.RoleKey())
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"creation_statements": append([]string{}, role.Create...), "credential_type": "password", "db_name": role.Database,
		"default_ttl": int64(role.TTL / time.Second), "max_ttl": int64(role.Max / time.Second), "renew_statements": append([]string{}, role.Renew...),
		"revocation_statements": append([]string{}, role.Revoke...), "rollback_statements": append([]string{}, role.Rollback...)})
}

func (b *Backend) putDynamic(r *core.Request) (*core.Answer, error) {
	static, err := b.rotation.Statics.Get(r.Ctx, r.RoleKey())
	switch {
	case err != nil:
		return nil, err
	case static != nil:
		return nil, core.BadRequest("Role and Static Role names must be unique")
	}
	return nil, b.dynamics.Change(r.Ctx, r.RoleKey(), func(role *dynamicRole, _ bool) (err error) {
		if r.Has("db_name") {
			role.Database = r.Text("db_name")
		}
		if role.Database == "" {
			return core.BadRequest("database name is required")
		}
		if err := passwordsOnly(r); err != nil {
			return err
		}
		for name, to := range map[string]*[]string{"creation_statements": &role.Create, "revocation_statements": &role.Revoke,
			"rollback_statements": &role.Rollback, "renew_statements": &role.Renew} {
			if r.Has(name) {
				*to = r.Strings(name)
			}
		}
		for name, to := range map[string]*time.Duration{"default_ttl": &role.TTL, "max_ttl": &role.Max} {
			if r.Has(name) {
				if *to, err = r.Duration(name); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (b *Backend) dropDynamic(r *core.Request) (*core.Answer, error) {
	_, err := b.dynamics.Delete(r.Ctx, r.RoleKey())
	return nil, err
}

func (b *Backend) dynamicCreds(r *core.Request) (*core.Answer, error) {
	role, err := b.dynamics.Get(r.Ctx, r.RoleKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, core.BadRequest("unknown role: %s", r.Vars["role"])
	}
	if _, err := usableConnection(r, role.Database, r.Vars["role"]); err != nil {
		return nil, err
	}
	user := fmt.Sprintf("v-%.8s-%.8s-%s-%d", r.Token.Data.Display, r.Vars["role"], r.Alphanumerics(20), r.Clock.Now().Unix())
	a := &core.Answer{Data: map[string]any{"password": r.Alphanumerics(19) + "-", "username": user}}
	_, err = r.LeaseOf(a, core.Lease{TTL: role.TTL, Max: role.Max, Renewable: true})
	return a, err
}
