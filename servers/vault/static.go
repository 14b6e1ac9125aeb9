package vault

import (
	"slices"
	"time"
)

// staticRole is an account whose password an engine rotates.
type staticRole struct {
	Name     string `json:"name"`
	DN       string `json:"dn,omitempty"`
	Username string `json:"username"`
	Database string `json:"database,omitempty"`
	// Statements are what the database engine rotates with; they are only kept.
	Statements []string      `json:"statements,omitempty"`
	Period     time.Duration `json:"period"`
	Made       time.Time     `json:"made,omitzero"`
	Rotated    time.Time     `json:"rotated,omitzero"` // zero: the engine has not set a password yet
	Last       string        `json:"last,omitempty"`   // the password before, if the engine had set it
	Next       *rotation     `json:"next,omitempty"`   // decided and not over
}

// since is when the current period began.
func (s *staticRole) since() time.Time {
	if s.Rotated.IsZero() {
		return s.Made
	}
	return s.Rotated
}

// directoryEngine is the secrets engine ldap, and its older form ad.
func directoryEngine(kind string, bao bool) *engine {
	paths := []*pathSpec{{pattern: "rotate-root", name: "rotate-root", ops: map[operation]handler{opWrite: rotateRoot}}}
	if kind == "ad" {
		paths[0].ops[opRead] = rotateRoot
		paths = append(paths, adPaths()...)
	} else {
		paths = append(paths,
			&pathSpec{pattern: "config", name: "config", exists: configured, ops: map[operation]handler{opRead: getDirectory, opWrite: putDirectory, opDelete: dropConfig}},
			&pathSpec{pattern: "static-role", name: "static-role", ops: map[operation]handler{opList: listStatic}},
			&pathSpec{pattern: "static-role/:role", name: "static-role", exists: staticExists, ops: map[operation]handler{opRead: getStatic, opWrite: putStatic, opDelete: dropStatic}},
			&pathSpec{pattern: "static-role/*role", name: "static-role", ops: map[operation]handler{opList: listStatic}},
			&pathSpec{pattern: "static-cred/:role", name: "static-cred", ops: map[operation]handler{opRead: staticCred}},
			&pathSpec{pattern: "rotate-role/:role", name: "rotate-role", ops: map[operation]handler{opWrite: rotateRole}})
	}
	if bao { // which has no folders of roles
		paths = slices.DeleteFunc(paths, func(p *pathSpec) bool { return p.pattern == "static-role/*role" })
	}
	e := newEngine(kind, append(paths, libraryPaths(bao || kind == "ad")...)...)
	e.renew, e.renewed, e.revoke = libraryRenew, libraryRenewed, libraryRevoke
	if kind == "ldap" { // once for both
		e.sweep, e.tokenRenewed = librarySweep, libraryTokenRenewed
	}
	return e
}

func configured(r *request) (bool, error) {
	c, err := r.configs.Get(r.ctx, r.mount.UUID)
	return c != nil, err
}

func (r *request) staticKey() string { return r.mount.UUID + "/" + r.vars["role"] }

func getDirectory(r *request) (*answer, error) {
	c, err := need(r.ctx, r.configs, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	data := r.ldapDefaults()
	data["schema"], data["skip_static_role_import_rotation"] = "openldap", false
	delete(data, "use_pre111_group_cn_behavior") // of the auth method alone
	switch {
	case r.flavour.old:
		data["length"], data["max_ttl"], data["password_policy"], data["ttl"] = 0, 0, "", 0
	case !r.flavour.bao:
		data["credential_type"] = "password"
	}
	overlay(data, c)
	return ok(data)
}

func putDirectory(r *request) (*answer, error) {
	c, err := r.configs.Get(r.ctx, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	if c == nil {
		if r.text("binddn") == "" {
			return nil, faulty("cannot derive UserBindDN")
		}
	}
	return putLDAPConfig(r)
}

func dropConfig(r *request) (*answer, error) {
	_, err := r.configs.Delete(r.ctx, r.mount.UUID)
	return nil, err
}

func listStatic(r *request) (*answer, error) {
	return listKeys(r.statics.Names(r.ctx, r.mount.UUID+"/"))
}

func staticExists(r *request) (bool, error) {
	role, err := r.statics.Get(r.ctx, r.staticKey())
	return role != nil, err
}

func getStatic(r *request) (*answer, error) {
	role, err := need(r.ctx, r.statics, r.staticKey())
	if err != nil {
		return nil, err
	}
	data := map[string]any{"dn": role.DN, "rotation_period": int64(role.Period / time.Second), "username": role.Username}
	if !role.Rotated.IsZero() {
		data["last_vault_rotation"] = stamp(role.Rotated)
	}
	return ok(data)
}

func putStatic(r *request) (*answer, error) {
	was, err := r.statics.Get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	role, err := r.wantedStatic(was)
	if err != nil {
		return nil, err
	}
	if was != nil {
		return nil, r.statics.Change(r.ctx, r.staticKey(), func(v *staticRole, found bool) error {
			if !found {
				*v = role
			}
			v.DN, v.Period = role.DN, role.Period
			return nil
		})
	}
	skip, err := r.flag("skip_import_rotation", false)
	if err != nil {
		return nil, err
	}
	if config, err := r.configs.Get(r.ctx, r.mount.UUID); err != nil {
		return nil, err
	} else if config == nil && !r.has("skip_import_rotation") {
		return nil, bad("missing LDAP configuration")
	}
	if _, there := r.targetOf(role.Username); !there {
		return nil, faulty("expected one matching entry, but received 0")
	}
	if err := r.manage(role.Username, staticOwner+role.Name); err != nil {
		return nil, err
	}
	return nil, r.newStatic(role, !skip)
}

// staticOwner starts what an account belongs to that is a static role's.
const staticOwner = "static-role/"

// wantedStatic reads a role from the request; was is the one that is there.
func (r *request) wantedStatic(was *staticRole) (role staticRole, err error) {
	role = staticRole{Name: r.vars["role"], Username: r.text("username")}
	if was != nil {
		role = *was
	}
	owner, err := r.managed.Get(r.ctx, r.slotKey(role.Username))
	if err != nil {
		return role, err
	}
	left, err := r.managed.LeftBehind(r.ctx, r.slotKey(role.Username))
	switch {
	case err != nil:
		return role, err
	case was == nil && !r.has("username"):
		return role, bad("username is a required field to manage a static account")
	case r.has("username") && r.text("username") == "":
		return role, bad("username must not be empty")
	case was == nil && owner != nil && left == nil:
		return role, bad("%q is already managed by the secrets engine", role.Username)
	case r.has("username") && r.text("username") != role.Username:
		return role, bad("cannot update static account username")
	case was != nil && r.text("dn") != "" && r.text("dn") != role.DN:
		return role, bad("cannot update static account distinguished name (dn)")
	case was == nil && !r.has("rotation_period"):
		return role, bad("rotation_period is required to create static accounts")
	}
	if r.has("dn") {
		role.DN = r.text("dn")
	}
	if r.has("rotation_period") {
		if role.Period, err = r.lasts("rotation_period"); err != nil {
			return role, unframed(err)
		}
	}
	switch {
	case role.Period < 5*time.Second:
		return role, bad("rotation_period must be 5 seconds or more")
	case was != nil && r.has("skip_import_rotation"):
		return role, bad("skip_import_rotation has no effect on updates")
	}
	return role, nil
}

func dropStatic(r *request) (*answer, error) {
	role, err := r.statics.Get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, faulty("queue is empty") // what the engine finds when it looks for the next rotation
	}
	if _, err := r.statics.Delete(r.ctx, r.staticKey()); err != nil {
		return nil, err
	}
	_, err = r.managed.Delete(r.ctx, r.slotKey(role.Username))
	return nil, err
}

// errRotation is what is said when a new password is not taken.
func (r *request) errRotation() error {
	if r.mount.Type == "database" {
		return faulty("unable to finish rotating credentials; retries will continue in the background but it is also safe to retry manually: " +
			"error setting credentials: permission denied")
	}
	return faulty("unable to rotate the password: LDAP Result Code 53 \"Unwilling To Perform\"")
}

func staticCred(r *request) (*answer, error) {
	if role, err := r.statics.Get(r.ctx, r.staticKey()); err != nil {
		return nil, err
	} else if role == nil {
		return nil, bad("unknown role: %s", r.vars["role"])
	}
	role, t, password, err := r.credential(r.due)
	switch {
	case err != nil || role == nil:
		return nil, err
	case t == target{}:
		return nil, faulty("expected one matching entry, but received 0")
	case role.Rotated.IsZero(): // what the engine has not set it does not know
		password = ""
	}
	r.call.Object = t.object()
	left := max(role.since().Add(role.Period).Sub(r.Clock.Now()).Round(time.Second), 0)
	if role.Rotated.IsZero() && r.flavour.bao {
		left = 0
	}
	data := map[string]any{"password": password, "rotation_period": int64(role.Period / time.Second), "ttl": int64(left / time.Second),
		"username": role.Username}
	if r.mount.Type != "database" || !role.Rotated.IsZero() {
		data["last_vault_rotation"] = stamp(role.Rotated)
	}
	if r.mount.Type != "database" {
		data["dn"], data["last_password"] = role.DN, role.Last
	}
	return ok(data)
}

func rotateRole(r *request) (*answer, error) {
	role, err := r.statics.Get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		if r.mount.Type == "database" {
			return nil, bad("no static role found for role name")
		}
		return nil, bad("role doesn't exist: %s", r.vars["role"])
	}
	return nil, r.rotate(always)
}
