package vault

import (
	"fmt"
	"strings"
	"time"
)

// Defaults of the engine ad.
const (
	adLength    = 64 // of a password
	adTolerance = 5  // seconds
)

// adPaths are the paths of the engine ad that the engine ldap has otherwise: a
// role's password changes when it is asked for and its time is over.
func adPaths() []*pathSpec {
	return []*pathSpec{
		{pattern: "config", name: "config", ops: map[operation]handler{opRead: getAD, opWrite: putDirectory, opDelete: dropConfig}},
		{pattern: "roles", name: "static-role", ops: map[operation]handler{opList: listStatic}},
		{pattern: "roles/:role", name: "static-role", exists: staticExists, ops: map[operation]handler{opRead: getADRole, opWrite: putADRole, opDelete: dropADRole}},
		{pattern: "creds/:role", name: "static-cred", ops: map[operation]handler{opRead: adCreds}},
		{pattern: "rotate-role/:role", name: "rotate-role", ops: map[operation]handler{opWrite: rotateADRole}},
	}
}

func getAD(r *request) (*answer, error) {
	c, err := need(r.ctx, r.configs, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	data := map[string]any{"binddn": "", "certificate": "", "formatter": "", "insecure_tls": false, "last_rotation_tolerance": adTolerance,
		"length": adLength, "max_ttl": int64(systemTTL / time.Second), "password_policy": "", "starttls": false, "tls_max_version": "tls12",
		"tls_min_version": "tls12", "ttl": int64(systemTTL / time.Second), "upndomain": "", "url": "ldap://127.0.0.1",
		"use_pre111_group_cn_behavior": false, "userdn": ""}
	overlay(data, c)
	return ok(data)
}

// adLife is what the configuration says of the life of a password.
func (r *request) adLife(name string) (time.Duration, error) {
	c, err := r.configs.Get(r.ctx, r.mount.UUID)
	if err != nil || c == nil || !fields(*c).has(name) {
		return systemTTL, err
	}
	return fields(*c).lasts(name)
}

func putADRole(r *request) (*answer, error) {
	c, err := r.configs.Get(r.ctx, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, faulty("the config is currently unset")
	}
	name := r.text("service_account_name")
	if name == "" {
		return nil, faulty(`"service_account_name" is required`)
	}
	ttl, err := r.adLife("ttl")
	if err != nil {
		return nil, err
	}
	if r.has("ttl") {
		if ttl, err = r.lasts("ttl"); err != nil {
			return nil, unframed(err)
		}
	}
	most, err := r.adLife("max_ttl")
	if err != nil {
		return nil, err
	}
	if ttl > most {
		return nil, faulty(fmt.Sprintf("requested ttl of %d seconds is over the max ttl of %d seconds", int64(ttl/time.Second), int64(most/time.Second)))
	}
	if _, there := r.targetOf(name); !there {
		return nil, faulty("unable to find service account named " + name + " in active directory, searches are case sensitive")
	}
	return nil, r.statics.Change(r.ctx, r.staticKey(), func(v *staticRole, found bool) error {
		if !found || v.Username != name {
			*v = staticRole{Name: r.vars["role"], Username: name, Made: r.Clock.Now(), Rotated: v.Rotated}
		}
		v.Period = ttl
		return nil
	})
}

func dropADRole(r *request) (*answer, error) {
	_, err := r.statics.Delete(r.ctx, r.staticKey())
	return nil, err
}

func getADRole(r *request) (*answer, error) {
	role, err := need(r.ctx, r.statics, r.staticKey())
	if err != nil {
		return nil, err
	}
	data := map[string]any{"password_last_set": stamp(role.since()), "service_account_name": role.Username, "ttl": int64(role.Period / time.Second)}
	if !role.Rotated.IsZero() {
		data["last_vault_rotation"] = stamp(role.Rotated)
	}
	return ok(data)
}

func adCreds(r *request) (*answer, error) {
	if c, err := r.configs.Get(r.ctx, r.mount.UUID); err != nil {
		return nil, err
	} else if c == nil {
		return nil, faulty("the config is currently unset")
	}
	role, err := need(r.ctx, r.statics, r.staticKey())
	if err != nil {
		return nil, err
	}
	username := role.Username
	role, t, password, err := r.credential(func(v *staticRole) bool { return v.Rotated.IsZero() || r.due(v) }) // the first to ask gets the first password
	if err != nil {
		return nil, err
	}
	if t == (target{}) {
		return nil, faulty("unable to find service account named " + username + " in active directory, searches are case sensitive")
	}
	r.call.Object = t.object()
	name, _, _ := strings.Cut(role.Username, "@")
	data := map[string]any{"current_password": password, "username": name}
	if role.Last != "" {
		data["last_password"] = role.Last
	}
	return ok(data)
}

func rotateADRole(r *request) (*answer, error) {
	role, err := r.statics.Get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, faulty("role " + r.vars["role"] + " does not exist")
	}
	return nil, r.rotate(always)
}
