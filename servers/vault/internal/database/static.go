package database

import (
	"strings"
	"time"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/rotation"
)

// dynamicExists reports a role of the path whose credentials are made when they are
// asked for.
func (b *Backend) dynamicExists(r *core.Request) (bool, error) {
	role, err := b.dynamics.Get(r.Ctx, r.RoleKey())
	return role != nil, err
}

func (b *Backend) getDatabaseStatic(r *core.Request) (*core.Answer, error) {
	role, err := core.Require(r.Ctx, b.rotation.Statics, r.RoleKey())
	if err != nil {
		return nil, err
	}
	data := map[string]any{"credential_type": "password", "db_name": role.Database, "rotation_period": int64(role.Period / time.Second),
		"rotation_statements": append([]string{}, role.Statements...), "skip_import_rotation": false, "username": role.Username}
	if !role.Rotated.IsZero() {
		data["last_vault_rotation"] = core.FormatTime(role.Rotated)
	}
	return core.OK(data)
}

// putDatabaseStatic makes or changes a static role of the database engine, in that
// engine's order and words (builtin/logical/database, path_roles.go). Schedules are
// not played.
func (b *Backend) putDatabaseStatic(r *core.Request) (*core.Answer, error) {
	if taken, err := b.dynamicExists(r); err != nil {
		return nil, err
	} else if taken {
		return nil, core.BadRequest("Role and Static Role names must be unique")
	}
	was, err := b.rotation.Statics.Get(r.Ctx, r.RoleKey())
	if err != nil {
		return nil, err
	}
	role, err := wantedDatabaseStatic(r, was)
	if err != nil {
		return nil, err
	}
	if was != nil {
		return nil, b.rotation.Statics.Change(r.Ctx, r.RoleKey(), func(v *rotation.StaticRole, found bool) error {
			if !found {
				*v = role
			}
			v.Database, v.Period, v.Statements = role.Database, role.Period, role.Statements
			return nil
		})
	}
	if _, err := usableConnection(r, role.Database, role.Name); err != nil {
		return nil, err
	}
	if _, there := rotation.TargetOf(r.Server, role.Username); !there {
		return nil, core.Faulty("error setting credentials: user does not appear to exist: sql: no rows in result set")
	}
	return nil, b.rotation.Create(r, role, true)
}

// wantedDatabaseStatic reads a role from the request; was is the one that is there.
func wantedDatabaseStatic(r *core.Request, was *rotation.StaticRole) (role rotation.StaticRole, err error) {
	role = rotation.StaticRole{Name: r.Vars["role"]}
	if was != nil {
		role = *was
	}
	if r.Has("db_name") {
		role.Database = r.Text("db_name")
	}
	username := r.Text("username")
	switch {
	case role.Database == "":
		return role, core.BadRequest("database name is a required field")
	case username == "" && was == nil:
		return role, core.BadRequest("username is a required field to create a static account")
	case was != nil && was.Username != username:
		return role, core.BadRequest("cannot update static account username")
	case r.Has("rotation_schedule") && r.Has("rotation_period"):
		return role, core.BadRequest("mutually exclusive fields rotation_period and rotation_schedule were both specified; only one of them can be provided")
	case was == nil && !r.Has("rotation_schedule") && !r.Has("rotation_period"):
		return role, core.BadRequest("one of rotation_schedule or rotation_period must be provided to create a static account")
	}
	role.Username = username
	if r.Has("rotation_period") {
		if role.Period, err = r.Duration("rotation_period"); err != nil {
			return role, err
		}
		switch {
		case role.Period < 5*time.Second:
			return role, core.BadRequest("rotation_period must be 5 seconds or more")
		case r.Has("rotation_window"):
			return role, core.BadRequest("rotation_window is invalid with use of rotation_period")
		}
	}
	if n := len(strings.Fields(r.Text("rotation_schedule"))); r.Has("rotation_schedule") && n != 5 { // the format's slip is the engine's
		return role, core.BadRequest("could not parse rotation_schedule%%!(EXTRA string=error, *errors.errorString=expected exactly 5 fields, found %d: [%s])", n, r.Text("rotation_schedule"))
	}
	if r.Has("rotation_statements") {
		role.Statements = r.List("rotation_statements")
	}
	if err := passwordsOnly(r); err != nil {
		return role, err
	}
	_, err = connection(r, role.Database)
	return role, err
}

// OtherCredentials is the feature of credentials that are no plain passwords.
const OtherCredentials = "database credentials other than plain passwords"

// passwordsOnly refuses credentials of other types than passwords.
func passwordsOnly(r *core.Request) error {
	switch kind := r.Text("credential_type"); kind {
	case "", "password":
		return nil
	case "rsa_private_key", "client_certificate":
		r.Call.NotPlayed(OtherCredentials)
		return core.Forbidden().Because("credentials of type %s are not played here", kind)
	default:
		return core.BadRequest("invalid credential_type %q", kind)
	}
}

// connection is the configuration of a database.
func connection(r *core.Request, name string) (core.Fields, error) {
	c, err := r.Configs.Get(r.Ctx, r.Mount.UUID+"/"+name)
	switch {
	case err != nil:
		return nil, err
	case c == nil && name == seededDatabase:
		return core.Fields{"allowed_roles": "*"}, nil
	case c == nil:
		return nil, core.Faulty("failed to find entry for connection with name: \"" + name + "\"")
	}
	return *c, nil
}

// seededDatabase is the database of seeded roles, whose configuration is not on
// record.
const seededDatabase = "seeded"

// usableConnection is the configuration of a database whose roles include role.
func usableConnection(r *core.Request, name, role string) (core.Fields, error) {
	c, err := connection(r, name)
	if err != nil {
		return nil, err
	}
	for _, g := range c.List("allowed_roles") {
		if g == "*" || core.MatchGlob(g, role) {
			return c, nil
		}
	}
	return nil, core.Faulty("\"" + role + "\" is not an allowed role")
}

// databaseCred is what a static role of a database shows of its account.
func (b *Backend) databaseCred(r *core.Request) (*core.Answer, error) {
	role, err := b.rotation.Statics.Get(r.Ctx, r.RoleKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, core.BadRequest("unknown role: %s", r.Vars["role"])
	}
	if role.Database != "" { // a seeded one has none
		if _, err := usableConnection(r, role.Database, role.Name); err != nil {
			return nil, err
		}
	}
	return b.rotation.Cred(r)
}

func (b *Backend) dropDatabaseStatic(r *core.Request) (*core.Answer, error) {
	_, err := b.rotation.Statics.Delete(r.Ctx, r.RoleKey())
	return nil, err
}
