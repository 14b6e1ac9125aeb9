package vault

import (
	"strings"
	"time"
)

// dynamicExists reports a role of the path whose credentials are made when they are
// asked for.
func (r *request) dynamicExists() (bool, error) {
	role, err := r.dynamics.Get(r.ctx, r.staticKey())
	return role != nil, err
}

func getDatabaseStatic(r *request) (*answer, error) {
	role, err := need(r.ctx, r.statics, r.staticKey())
	if err != nil {
		return nil, err
	}
	data := map[string]any{"credential_type": "password", "db_name": role.Database, "rotation_period": int64(role.Period / time.Second),
		"rotation_statements": append([]string{}, role.Statements...), "skip_import_rotation": false, "username": role.Username}
	if !role.Rotated.IsZero() {
		data["last_vault_rotation"] = stamp(role.Rotated)
	}
	return ok(data)
}

// putDatabaseStatic makes or changes a static role of the database engine, in that
// engine's order and words (builtin/logical/database, path_roles.go). Schedules are
// not played.
func putDatabaseStatic(r *request) (*answer, error) {
	if taken, err := r.dynamicExists(); err != nil {
		return nil, err
	} else if taken {
		return nil, bad("Role and Static Role names must be unique")
	}
	was, err := r.statics.Get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	role, err := r.wantedDatabaseStatic(was)
	if err != nil {
		return nil, err
	}
	if was != nil {
		return nil, r.statics.Change(r.ctx, r.staticKey(), func(v *staticRole, found bool) error {
			if !found {
				*v = role
			}
			v.Database, v.Period, v.Statements = role.Database, role.Period, role.Statements
			return nil
		})
	}
	if _, err := r.usableConnection(role.Database, role.Name); err != nil {
		return nil, err
	}
	if _, there := r.targetOf(role.Username); !there {
		return nil, faulty("error setting credentials: user does not appear to exist: sql: no rows in result set")
	}
	return nil, r.newStatic(role, true)
}

// wantedDatabaseStatic reads a role from the request; was is the one that is there.
func (r *request) wantedDatabaseStatic(was *staticRole) (role staticRole, err error) {
	role = staticRole{Name: r.vars["role"]}
	if was != nil {
		role = *was
	}
	if r.has("db_name") {
		role.Database = r.text("db_name")
	}
	username := r.text("username")
	switch {
	case role.Database == "":
		return role, bad("database name is a required field")
	case username == "" && was == nil:
		return role, bad("username is a required field to create a static account")
	case was != nil && was.Username != username:
		return role, bad("cannot update static account username")
	case r.has("rotation_schedule") && r.has("rotation_period"):
		return role, bad("mutually exclusive fields rotation_period and rotation_schedule were both specified; only one of them can be provided")
	case was == nil && !r.has("rotation_schedule") && !r.has("rotation_period"):
		return role, bad("one of rotation_schedule or rotation_period must be provided to create a static account")
	}
	role.Username = username
	if r.has("rotation_period") {
		if role.Period, err = r.lasts("rotation_period"); err != nil {
			return role, err
		}
		switch {
		case role.Period < 5*time.Second:
			return role, bad("rotation_period must be 5 seconds or more")
		case r.has("rotation_window"):
			return role, bad("rotation_window is invalid with use of rotation_period")
		}
	}
	if n := len(strings.Fields(r.text("rotation_schedule"))); r.has("rotation_schedule") && n != 5 { // the format's slip is the engine's
		return role, bad("could not parse rotation_schedule%%!(EXTRA string=error, *errors.errorString=expected exactly 5 fields, found %d: [%s])", n, r.text("rotation_schedule"))
	}
	if r.has("rotation_statements") {
		role.Statements = r.list("rotation_statements")
	}
	if err := r.passwordsOnly(); err != nil {
		return role, err
	}
	_, err = r.connection(role.Database)
	return role, err
}

// otherCredentials is the feature of credentials that are no plain passwords.
const otherCredentials = "database credentials other than plain passwords"

// passwordsOnly refuses credentials of other types than passwords.
func (r *request) passwordsOnly() error {
	switch kind := r.text("credential_type"); kind {
	case "", "password":
		return nil
	case "rsa_private_key", "client_certificate":
		r.call.NotPlayed(otherCredentials)
		return forbidden().because("credentials of type %s are not played here", kind)
	default:
		return bad("invalid credential_type %q", kind)
	}
}

// connection is the configuration of a database.
func (r *request) connection(name string) (fields, error) {
	c, err := r.configs.Get(r.ctx, r.mount.UUID+"/"+name)
	switch {
	case err != nil:
		return nil, err
	case c == nil && name == seededDatabase:
		return fields{"allowed_roles": "*"}, nil
	case c == nil:
		return nil, faulty("failed to find entry for connection with name: \"" + name + "\"")
	}
	return *c, nil
}

// seededDatabase is the database of seeded roles, whose configuration is not on
// record.
const seededDatabase = "seeded"

// usableConnection is the configuration of a database whose roles include role.
func (r *request) usableConnection(name, role string) (fields, error) {
	c, err := r.connection(name)
	if err != nil {
		return nil, err
	}
	for _, g := range c.list("allowed_roles") {
		if g == "*" || globbed(g, role) {
			return c, nil
		}
	}
	return nil, faulty("\"" + role + "\" is not an allowed role")
}

// databaseCred is what a static role of a database shows of its account.
func databaseCred(r *request) (*answer, error) {
	role, err := r.statics.Get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, bad("unknown role: %s", r.vars["role"])
	}
	if role.Database != "" { // a seeded one has none
		if _, err := r.usableConnection(role.Database, role.Name); err != nil {
			return nil, err
		}
	}
	return staticCred(r)
}

func dropDatabaseStatic(r *request) (*answer, error) {
	_, err := r.statics.Delete(r.ctx, r.staticKey())
	return nil, err
}
