package directory

import (
	"slices"
	"time"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/ldapconfig"
	"counterpart/servers/vault/internal/rotation"
)

// Engine is the secrets engine ldap, and its older form ad.
func (b *Backend) Engine(kind string, bao bool) *core.Engine {
	paths := []*core.Path{{Pattern: "rotate-root", Name: "rotate-root", Ops: map[core.Operation]core.Handler{core.OpWrite: b.rotateRoot}}}
	if kind == "ad" {
		paths[0].Ops[core.OpRead] = b.rotateRoot
		paths = append(paths, b.adPaths()...)
	} else {
		paths = append(paths,
			&core.Path{Pattern: "config", Name: "config", Exists: configured, Ops: map[core.Operation]core.Handler{core.OpRead: getDirectory, core.OpWrite: putDirectory, core.OpDelete: dropConfig}},
			&core.Path{Pattern: "static-role", Name: "static-role", Ops: map[core.Operation]core.Handler{core.OpList: b.rotation.List}},
			&core.Path{Pattern: "static-role/:role", Name: "static-role", Exists: b.rotation.Exists, Ops: map[core.Operation]core.Handler{core.OpRead: b.getStatic, core.OpWrite: b.putStatic, core.OpDelete: b.dropStatic}},
			&core.Path{Pattern: "static-role/*role", Name: "static-role", Ops: map[core.Operation]core.Handler{core.OpList: b.rotation.List}},
			&core.Path{Pattern: "static-cred/:role", Name: "static-cred", Ops: map[core.Operation]core.Handler{core.OpRead: b.rotation.Cred}},
			&core.Path{Pattern: "rotate-role/:role", Name: "rotate-role", Ops: map[core.Operation]core.Handler{core.OpWrite: b.rotation.RotateRole}})
	}
	if bao { // which has no folders of roles
		paths = slices.DeleteFunc(paths, func(p *core.Path) bool { return p.Pattern == "static-role/*role" })
	}
	e := core.NewEngine(kind, append(paths, b.libraryPaths(bao || kind == "ad")...)...)
	e.Renew, e.Renewed, e.Revoke = b.libraryRenew, b.libraryRenewed, b.libraryRevoke
	if kind == "ldap" { // once for both
		e.TokenRenewed = b.libraryTokenRenewed
	}
	return e
}

func configured(r *core.Request) (bool, error) {
	c, err := r.Configs.Get(r.Ctx, r.Mount.UUID)
	return c != nil, err
}

func getDirectory(r *core.Request) (*core.Answer, error) {
	c, err := core.Require(r.Ctx, r.Configs, r.Mount.UUID)
	if err != nil {
		return nil, err
	}
	data := ldapconfig.Defaults(r)
	data["schema"], data["skip_static_role_import_rotation"] = "openldap", false
	delete(data, "use_pre111_group_cn_behavior") // of the auth method alone
	switch {
	case r.Flavour.Old:
		data["length"], data["max_ttl"], data["password_policy"], data["ttl"] = 0, 0, "", 0
	case !r.Flavour.Bao:
		data["credential_type"] = "password"
	}
	ldapconfig.Overlay(data, c)
	return core.OK(data)
}

func putDirectory(r *core.Request) (*core.Answer, error) {
	c, err := r.Configs.Get(r.Ctx, r.Mount.UUID)
	if err != nil {
		return nil, err
	}
	if c == nil {
		if r.Text("binddn") == "" {
			return nil, core.Faulty("cannot derive UserBindDN")
		}
	}
	return ldapconfig.Put(r)
}

func dropConfig(r *core.Request) (*core.Answer, error) {
	_, err := r.Configs.Delete(r.Ctx, r.Mount.UUID)
	return nil, err
}

func (b *Backend) getStatic(r *core.Request) (*core.Answer, error) {
	role, err := core.Require(r.Ctx, b.rotation.Statics, r.RoleKey())
	if err != nil {
		return nil, err
	}
	data := map[string]any{"dn": role.DN, "rotation_period": int64(role.Period / time.Second), "username": role.Username}
	if !role.Rotated.IsZero() {
		data["last_vault_rotation"] = core.FormatTime(role.Rotated)
	}
	return core.OK(data)
}

func (b *Backend) putStatic(r *core.Request) (*core.Answer, error) {
	was, err := b.rotation.Statics.Get(r.Ctx, r.RoleKey())
	if err != nil {
		return nil, err
	}
	role, err := b.wantedStatic(r, was)
	if err != nil {
		return nil, err
	}
	if was != nil {
		return nil, b.rotation.Statics.Change(r.Ctx, r.RoleKey(), func(v *rotation.StaticRole, found bool) error {
			if !found {
				*v = role
			}
			v.DN, v.Period = role.DN, role.Period
			return nil
		})
	}
	skip, err := r.Bool("skip_import_rotation", false)
	if err != nil {
		return nil, err
	}
	if config, err := r.Configs.Get(r.Ctx, r.Mount.UUID); err != nil {
		return nil, err
	} else if config == nil && !r.Has("skip_import_rotation") {
		return nil, core.BadRequest("missing LDAP configuration")
	}
	if _, there := rotation.TargetOf(r.Server, role.Username); !there {
		return nil, core.Faulty("expected one matching entry, but received 0")
	}
	if err := b.manage(r, role.Username, staticOwner+role.Name); err != nil {
		return nil, err
	}
	return nil, b.rotation.Create(r, role, !skip)
}

// staticOwner starts what an account belongs to that is a static role's.
const staticOwner = "static-role/"

// wantedStatic reads a role from the request; was is the one that is there.
func (b *Backend) wantedStatic(r *core.Request, was *rotation.StaticRole) (role rotation.StaticRole, err error) {
	role = rotation.StaticRole{Name: r.Vars["role"], Username: r.Text("username")}
	if was != nil {
		role = *was
	}
	owner, err := b.managed.Get(r.Ctx, slotKey(r, role.Username))
	if err != nil {
		return role, err
	}
	left, err := b.managed.LeftBehind(r.Ctx, slotKey(r, role.Username))
	switch {
	case err != nil:
		return role, err
	case was == nil && !r.Has("username"):
		return role, core.BadRequest("username is a required field to manage a static account")
	case r.Has("username") && r.Text("username") == "":
		return role, core.BadRequest("username must not be empty")
	case was == nil && owner != nil && left == nil:
		return role, core.BadRequest("%q is already managed by the secrets engine", role.Username)
	case r.Has("username") && r.Text("username") != role.Username:
		return role, core.BadRequest("cannot update static account username")
	case was != nil && r.Text("dn") != "" && r.Text("dn") != role.DN:
		return role, core.BadRequest("cannot update static account distinguished name (dn)")
	case was == nil && !r.Has("rotation_period"):
		return role, core.BadRequest("rotation_period is required to create static accounts")
	}
	if r.Has("dn") {
		role.DN = r.Text("dn")
	}
	if r.Has("rotation_period") {
		if role.Period, err = r.Duration("rotation_period"); err != nil {
			return role, core.Unframed(err)
		}
	}
	switch {
	case role.Period < 5*time.Second:
		return role, core.BadRequest("rotation_period must be 5 seconds or more")
	case was != nil && r.Has("skip_import_rotation"):
		return role, core.BadRequest("skip_import_rotation has no effect on updates")
	}
	return role, nil
}

func (b *Backend) dropStatic(r *core.Request) (*core.Answer, error) {
	role, err := b.rotation.Statics.Get(r.Ctx, r.RoleKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, core.Faulty("queue is empty") // what the engine finds when it looks for the next rotation
	}
	if _, err := b.rotation.Statics.Delete(r.Ctx, r.RoleKey()); err != nil {
		return nil, err
	}
	_, err = b.managed.Delete(r.Ctx, slotKey(r, role.Username))
	return nil, err
}
