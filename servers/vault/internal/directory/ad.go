package directory

import (
	"fmt"
	"strings"
	"time"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/ldapconfig"
	"counterpart/servers/vault/internal/rotation"
)

// Defaults of the engine ad.
const (
	adLength    = 64 // of a password
	adTolerance = 5  // seconds
)

// adPaths are the paths of the engine ad that the engine ldap has otherwise: a
// role's password changes when it is asked for and its time is over.
func (b *Backend) adPaths() []*core.Path {
	return []*core.Path{
		{Pattern: "config", Name: "config", Ops: map[core.Operation]core.Handler{core.OpRead: getAD, core.OpWrite: putDirectory, core.OpDelete: dropConfig}},
		{Pattern: "roles", Name: "static-role", Ops: map[core.Operation]core.Handler{core.OpList: b.rotation.List}},
		{Pattern: "roles/:role", Name: "static-role", Exists: b.rotation.Exists, Ops: map[core.Operation]core.Handler{core.OpRead: b.getADRole, core.OpWrite: b.putADRole, core.OpDelete: b.dropADRole}},
		{Pattern: "creds/:role", Name: "static-cred", Ops: map[core.Operation]core.Handler{core.OpRead: b.adCreds}},
		{Pattern: "rotate-role/:role", Name: "rotate-role", Ops: map[core.Operation]core.Handler{core.OpWrite: b.rotateADRole}},
	}
}

func getAD(r *core.Request) (*core.Answer, error) {
	c, err := core.Require(r.Ctx, r.Configs, r.Mount.UUID)
	if err != nil {
		return nil, err
	}
	data := map[string]any{"binddn": "", "certificate": "", "formatter": "", "insecure_tls": false, "last_rotation_tolerance": adTolerance,
		"length": adLength, "max_ttl": int64(core.SystemTTL / time.Second), "password_policy": "", "starttls": false, "tls_max_version": "tls12",
		"tls_min_version": "tls12", "ttl": int64(core.SystemTTL / time.Second), "upndomain": "", "url": "ldap://127.0.0.1",
		"use_pre111_group_cn_behavior": false, "userdn": ""}
	ldapconfig.Overlay(data, c)
	return core.OK(data)
}

// adLife is what the configuration says of the life of a password.
func adLife(r *core.Request, name string) (time.Duration, error) {
	c, err := r.Configs.Get(r.Ctx, r.Mount.UUID)
	if err != nil || c == nil || !core.Fields(*c).Has(name) {
		return core.SystemTTL, err
	}
	return core.Fields(*c).Duration(name)
}

func (b *Backend) putADRole(r *core.Request) (*core.Answer, error) {
	c, err := r.Configs.Get(r.Ctx, r.Mount.UUID)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, core.Faulty("the config is currently unset")
	}
	name := r.Text("service_account_name")
	if name == "" {
		return nil, core.Faulty(`"service_account_name" is required`)
	}
	ttl, err := adLife(r, "ttl")
	if err != nil {
		return nil, err
	}
	if r.Has("ttl") {
		if ttl, err = r.Duration("ttl"); err != nil {
			return nil, core.Unframed(err)
		}
	}
	most, err := adLife(r, "max_ttl")
	if err != nil {
		return nil, err
	}
	if ttl > most {
		return nil, core.Faulty(fmt.Sprintf("requested ttl of %d seconds is over the max ttl of %d seconds", int64(ttl/time.Second), int64(most/time.Second)))
	}
	if _, there := rotation.TargetOf(r.Server, name); !there {
		return nil, core.Faulty("unable to find service account named " + name + " in active directory, searches are case sensitive")
	}
	return nil, b.rotation.Statics.Change(r.Ctx, r.RoleKey(), func(v *rotation.StaticRole, found bool) error {
		if !found || v.Username != name {
			*v = rotation.StaticRole{Name: r.Vars["role"], Username: name, Made: r.Clock.Now(), Rotated: v.Rotated}
		}
		v.Period = ttl
		return nil
	})
}

func (b *Backend) dropADRole(r *core.Request) (*core.Answer, error) {
	_, err := b.rotation.Statics.Delete(r.Ctx, r.RoleKey())
	return nil, err
}

func (b *Backend) getADRole(r *core.Request) (*core.Answer, error) {
	role, err := core.Require(r.Ctx, b.rotation.Statics, r.RoleKey())
	if err != nil {
		return nil, err
	}
	data := map[string]any{"password_last_set": core.FormatTime(role.Since()), "service_account_name": role.Username, "ttl": int64(role.Period / time.Second)}
	if !role.Rotated.IsZero() {
		data["last_vault_rotation"] = core.FormatTime(role.Rotated)
	}
	return core.OK(data)
}

func (b *Backend) adCreds(r *core.Request) (*core.Answer, error) {
	if c, err := r.Configs.Get(r.Ctx, r.Mount.UUID); err != nil {
		return nil, err
	} else if c == nil {
		return nil, core.Faulty("the config is currently unset")
	}
	role, err := core.Require(r.Ctx, b.rotation.Statics, r.RoleKey())
	if err != nil {
		return nil, err
	}
	username := role.Username
	role, t, password, err := b.rotation.Credential(r, func(v *rotation.StaticRole) bool { return v.Rotated.IsZero() || rotation.Due(r, v) }) // the first to ask gets the first password
	if err != nil {
		return nil, err
	}
	if t == (rotation.Target{}) {
		return nil, core.Faulty("unable to find service account named " + username + " in active directory, searches are case sensitive")
	}
	r.Call.Object = t.Object()
	name, _, _ := strings.Cut(role.Username, "@")
	data := map[string]any{"current_password": password, "username": name}
	if role.Last != "" {
		data["last_password"] = role.Last
	}
	return core.OK(data)
}

func (b *Backend) rotateADRole(r *core.Request) (*core.Answer, error) {
	role, err := b.rotation.Statics.Get(r.Ctx, r.RoleKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, core.Faulty("role " + r.Vars["role"] + " does not exist")
	}
	return nil, b.rotation.Rotate(r, rotation.Always)
}
