package vault

import (
	"time"

	"counterpart/internal/state"
)

// staticRole is an account whose password an engine rotates.
type staticRole struct {
	Name     string        `json:"name"`
	DN       string        `json:"dn,omitempty"`
	Username string        `json:"username"`
	Database string        `json:"database,omitempty"`
	Period   time.Duration `json:"period"`
	Rotated  time.Time     `json:"rotated"`
	Last     string        `json:"last,omitempty"` // the password before
}

// directoryEngine is the secrets engine ldap, and its older form ad.
func directoryEngine(kind string) *engine {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	paths := []*pathSpec{
		{pattern: "config", name: "config", exists: configured, ops: map[operation]handler{opRead: getDirectory, opWrite: putDirectory, opDelete: dropConfig}},
		{pattern: "rotate-root", name: "rotate-root", ops: map[operation]handler{opWrite: rotateRoot, opRead: rotateRoot}},
	}
	role, cred := "static-role", "static-cred"
	if kind == "ad" {
		role, cred = "roles", "creds"
		paths[0].exists = nil
	}
	paths = append(paths,
		&pathSpec{pattern: role, name: "static-role", ops: map[operation]handler{opList: listStatic}},
		&pathSpec{pattern: role + "/:role", name: "static-role", exists: staticExists, ops: map[operation]handler{opRead: getStatic, opWrite: putStatic, opDelete: dropStatic}},
		&pathSpec{pattern: role + "/*role", name: "static-role", ops: map[operation]handler{opList: listStatic}},
		&pathSpec{pattern: cred + "/:role", name: "static-cred", ops: map[operation]handler{opRead: staticCred}},
		&pathSpec{pattern: "rotate-role/:role", name: "rotate-role", ops: write(rotateRole)})
	e := newEngine(kind, append(paths, libraryPaths()...)...)
	e.renew, e.renewed, e.revoke = libraryRenew, libraryRenewed, libraryRevoke
	if kind == "ldap" { // once for both
		e.sweep, e.tokenRenewed = librarySweep, libraryTokenRenewed
	}
	return e
}

func configured(r *request) (bool, error) {
	c, err := r.configs.get(r.ctx, r.mount.UUID)
	return c != nil, err
}

func (r *request) staticKey() string { return r.mount.UUID + "/" + r.vars["role"] }

func getDirectory(r *request) (*answer, error) {
	c, err := r.configs.get(r.ctx, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, errMissing
	}
	data := map[string]any{"binddn": "", "certificate": "", "insecure_tls": false, "length": 0, "max_ttl": 0, "password_policy": "", "request_timeout": 90,
		"schema": "openldap", "skip_static_role_import_rotation": false, "starttls": false, "tls_max_version": "tls12", "tls_min_version": "tls12",
		"ttl": 0, "upndomain": "", "url": "ldap://127.0.0.1", "userattr": "cn", "userdn": ""}
	for k, v := range *c {
		if k != "bindpass" {
			data[k] = v
		}
	}
	return ok(data)
}

func putDirectory(r *request) (*answer, error) {
	c, err := r.configs.get(r.ctx, r.mount.UUID)
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
	_, err := r.configs.drop(r.ctx, r.mount.UUID)
	return nil, err
}

// rotateRoot changes what nobody but the engine knows.
func rotateRoot(r *request) (*answer, error) {
	c, err := r.configs.get(r.ctx, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, faulty("the config is currently unset")
	}
	return nil, nil
}

func listStatic(r *request) (*answer, error) {
	return listKeys(r.statics.keys(r.ctx, r.mount.UUID+"/"))
}

func staticExists(r *request) (bool, error) {
	role, err := r.statics.get(r.ctx, r.staticKey())
	return role != nil, err
}

func getStatic(r *request) (*answer, error) {
	role, err := r.statics.get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, errMissing
	}
	if r.mount.Type == "ad" {
		return ok(map[string]any{"last_vault_rotation": stamp(role.Rotated), "password_last_set": stamp(role.Rotated),
			"service_account_name": role.Username, "ttl": int64(role.Period / time.Second)})
	}
	return ok(map[string]any{"dn": role.DN, "last_vault_rotation": stamp(role.Rotated), "rotation_period": int64(role.Period / time.Second), "username": role.Username})
}

func putStatic(r *request) (*answer, error) {
	isAD := r.mount.Type == "ad"
	username, periodField := r.text("username"), "rotation_period"
	if isAD {
		username, periodField = r.text("service_account_name"), "ttl"
	}
	was, err := r.statics.get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	role := staticRole{Name: r.vars["role"]}
	if was != nil {
		role = *was
	}
	switch {
	case was == nil && username == "":
		return nil, bad("username is a required field to manage a static account")
	case was != nil && username != "" && username != was.Username:
		return nil, bad("cannot update static account username")
	case was == nil && !isAD && !r.has(periodField):
		return nil, bad("rotation_period is required to create static accounts")
	}
	if username != "" {
		role.Username = username
	}
	if r.has("dn") {
		role.DN = r.text("dn")
	}
	if r.has(periodField) {
		if role.Period, err = r.lasts(periodField); err != nil {
			return nil, err
		}
	}
	if !isAD && role.Period < 5*time.Second {
		return nil, bad("rotation_period must be 5 seconds or more")
	}
	if _, there := r.targetOf(role.Username); !there {
		return nil, faulty("expected one matching entry, but received 0")
	}
	skip, err := r.flag("skip_import_rotation", false)
	if err != nil {
		return nil, err
	}
	if was == nil {
		role.Rotated = r.Clock.Now()
	}
	if err := r.statics.put(r.ctx, r.staticKey(), role); err != nil {
		return nil, err
	}
	if was == nil && !skip && !isAD {
		return nil, r.rotate(0)
	}
	return nil, nil
}

func dropStatic(r *request) (*answer, error) {
	_, err := r.statics.drop(r.ctx, r.staticKey())
	return nil, err
}

// errRotation is what a directory says that takes no new password.
func errRotation() error {
	return faulty("unable to rotate the password: LDAP Result Code 53 \"Unwilling To Perform\"")
}

// rotate gives the role's account a new password. due: only if that long has gone
// by since the last one; of two who notice one does it.
func (r *request) rotate(due time.Duration) error {
	role, err := r.statics.get(r.ctx, r.staticKey())
	if err != nil || role == nil {
		return err
	}
	now := r.Clock.Now()
	t, there := r.targetOf(role.Username)
	if !there || due > 0 && now.Before(role.Rotated.Add(due)) {
		return nil
	}
	if _, fails := r.call.Fault("rotation-fails"); fails {
		return errRotation()
	}
	last, err := r.password(r.ctx, t)
	if err != nil {
		return err
	}
	mine := false
	err = r.statics.edit(r.ctx, r.staticKey(), func(v *staticRole, found bool) error {
		if mine = found && (due == 0 || !now.Before(v.Rotated.Add(due))); !mine {
			return state.ErrKeep
		}
		v.Rotated, v.Last = now, last
		return nil
	})
	if err != nil || !mine {
		return err
	}
	r.call.Object = t.object()
	return r.setPassword(r.ctx, t, r.alphanumerics(64), "rotated by vault "+r.Name)
}

func staticCred(r *request) (*answer, error) {
	role, err := r.statics.get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role == nil && r.mount.Type == "ad" {
		return nil, errMissing
	}
	if role == nil {
		return nil, bad("unknown role: %s", r.vars["role"])
	}
	if role.Period > 0 {
		if err := r.rotate(role.Period); err != nil {
			return nil, err
		}
		if role, err = r.statics.get(r.ctx, r.staticKey()); err != nil || role == nil {
			return nil, err
		}
	}
	t, there := r.targetOf(role.Username)
	if !there {
		return nil, faulty("expected one matching entry, but received 0")
	}
	r.call.Object = t.object()
	password, err := r.password(r.ctx, t)
	if err != nil {
		return nil, err
	}
	if r.mount.Type == "ad" {
		return ok(map[string]any{"current_password": password, "last_password": role.Last, "username": role.Username})
	}
	left := role.Rotated.Add(role.Period).Sub(r.Clock.Now())
	data := map[string]any{"last_vault_rotation": stamp(role.Rotated), "password": password,
		"rotation_period": int64(role.Period / time.Second), "ttl": int64(left / time.Second), "username": role.Username}
	if r.mount.Type != "database" {
		data["dn"], data["last_password"] = role.DN, role.Last
	}
	return ok(data)
}

func rotateRole(r *request) (*answer, error) {
	role, err := r.statics.get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		if r.mount.Type == "database" {
			return nil, bad("no static role found for role name")
		}
		return nil, bad("role doesn't exist: %s", r.vars["role"])
	}
	return nil, r.rotate(0)
}
