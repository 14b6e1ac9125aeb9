package vault

import (
	"context"
	"net/http"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/ids"
)

// appRole is a role of the method approle.
type appRole struct {
	Name      string        `json:"name"`
	RoleID    string        `json:"role_id"`
	Bind      bool          `json:"bind"`
	NumUses   int           `json:"num_uses,omitempty"`
	SecretTTL time.Duration `json:"secret_ttl,omitempty"`
	Local     bool          `json:"local,omitempty"`
	CIDRs     []string      `json:"secret_cidrs,omitempty"`
	// Born tells a role from an earlier one with its name, whose secret IDs are not its.
	Born  string      `json:"born,omitempty"`
	Token tokenFields `json:"token"`
}

// approleEngine is the auth method approle.
func approleEngine() *engine {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	e := newEngine("approle",
		&pathSpec{pattern: "login", name: "login", public: true, login: true, ops: write(approleLogin)},
		&pathSpec{pattern: "role", name: "role", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.approles.Names(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "role/:role", name: "role", exists: approleExists, ops: map[operation]handler{opRead: getAppRole, opWrite: putAppRole, opDelete: dropAppRole}},
		&pathSpec{pattern: "role/:role/policies", name: "role.policies", ops: map[operation]handler{opRead: getAppRolePolicies}},
		&pathSpec{pattern: "role/:role/role-id", name: "role-id", ops: map[operation]handler{opRead: getRoleID, opWrite: putRoleID}},
		&pathSpec{pattern: "role/:role/secret-id", name: "secret-id", ops: map[operation]handler{opWrite: newSecretID, opList: listSecretIDs}},
		&pathSpec{pattern: "role/:role/custom-secret-id", name: "secret-id", ops: write(newSecretID)},
		&pathSpec{pattern: "role/:role/secret-id/lookup", name: "secret-id.lookup", ops: write(lookupSecretID)},
		&pathSpec{pattern: "role/:role/secret-id/destroy", name: "secret-id.destroy", ops: map[operation]handler{opWrite: destroySecretID, opDelete: destroySecretID}},
		&pathSpec{pattern: "role/:role/secret-id-accessor/lookup", name: "secret-id.lookup", ops: write(lookupSecretID)},
		&pathSpec{pattern: "role/:role/secret-id-accessor/destroy", name: "secret-id.destroy", ops: map[operation]handler{opWrite: destroySecretID, opDelete: destroySecretID}},
		&pathSpec{pattern: "tidy/secret-id", name: "tidy", ops: write(tidyTokens)},
	)
	e.relogin = reloginRole
	return e
}

func (r *request) appRoleKey() string { return r.mount.UUID + "/" + strings.ToLower(r.vars["role"]) }

func approleLogin(r *request) (*answer, error) {
	roleID, secret := r.text("role_id"), r.text("secret_id")
	if roleID == "" {
		words := r.pick("failed to determine alias name from login request", "missing role_id")
		refused := refuse(http.StatusInternalServerError, "%s", words)
		refused.reason = cause.BadInput
		return nil, refused
	}
	refused := refuse(http.StatusBadRequest, "invalid role or secret ID")
	refused.reason = cause.WrongSecret
	return r.guarded(roleID, func() (*answer, error) {
		name, err := r.roleIDs.Get(r.ctx, r.mount.UUID+"/"+roleID)
		if err != nil {
			return nil, err
		}
		var role *appRole
		if name != nil {
			if role, err = r.approles.Get(r.ctx, r.mount.UUID+"/"+name.Owner); err != nil {
				return nil, err
			}
		}
		if role == nil || role.RoleID != roleID {
			return nil, &wrongPassword{refused.because("no role has the role ID")}
		}
		l := login{alias: roleID, owner: "approle " + role.Name, display: strings.Trim(strings.TrimPrefix(r.mount.Path, "auth/"), "/"),
			metadata: map[string]string{"role_name": role.Name}, token: role.Token, cidrs: role.Token.CIDRs}
		l.token.CIDRs = nil      // the method lets anybody log in, the token is then no good elsewhere
		if !r.from(role.CIDRs) { // the format's slip is the server's
			return nil, bad("source address %q unauthorized by CIDR restrictions on the role: %%!w(<nil>)", r.source())
		}
		if role.Bind {
			if secret == "" {
				return nil, bad("missing secret_id")
			}
			used, err := r.useSecretID(role, secret, refused)
			if err != nil {
				return nil, err
			}
			if len(used.Bound) > 0 { // instead of the role's
				if l.cidrs, err = addresses(used.Bound); err != nil {
					return nil, err
				}
			}
			for k, v := range used.Metadata {
				l.metadata[k] = v
			}
		}
		return r.login(l)
	})
}

func approleExists(r *request) (bool, error) {
	role, err := r.approles.Get(r.ctx, r.appRoleKey())
	return role != nil, err
}

// role is the role of the path; missing words what is answered without one.
func (r *request) role(missing error) (*appRole, error) {
	role, err := r.approles.Get(r.ctx, r.appRoleKey())
	if err == nil && role == nil {
		err = missing
	}
	return role, err
}

// noRole is the refusal of a role that is not there.
func (r *request) noRole() error {
	return refuse(http.StatusNotFound, "role %q does not exist", r.vars["role"])
}

func getAppRole(r *request) (*answer, error) {
	role, err := r.role(errMissing)
	if err != nil {
		return nil, err
	}
	data := role.Token.shown(r.flavour.bao)
	data["bind_secret_id"], data["local_secret_ids"], data["secret_id_bound_cidrs"] = role.Bind, role.Local, nil
	if role.CIDRs != nil {
		data["secret_id_bound_cidrs"] = role.CIDRs
	}
	data["secret_id_num_uses"], data["secret_id_ttl"] = role.NumUses, int64(role.SecretTTL/time.Second)
	return ok(data)
}

func getAppRolePolicies(r *request) (*answer, error) {
	role, err := r.role(errMissing)
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"token_policies": append([]string{}, role.Token.Policies...)})
}

func putAppRole(r *request) (*answer, error) {
	name := strings.ToLower(r.vars["role"])
	was, err := r.approles.Get(r.ctx, r.appRoleKey())
	if err != nil {
		return nil, err
	}
	born, id := ids.UUID(r.Rand), ids.UUID(r.Rand)
	if was != nil {
		id = was.RoleID
	}
	if wish := r.text("role_id"); wish != "" {
		id = wish
	}
	mine, err := r.takeRoleID(id, name)
	if err != nil {
		return nil, err
	}
	before := id
	err = r.approles.Change(r.ctx, r.appRoleKey(), func(role *appRole, found bool) error {
		if !found {
			*role = appRole{Name: name, RoleID: id, Bind: true, Born: born}
		}
		var err error
		if role.Bind, err = r.flag("bind_secret_id", role.Bind); err != nil {
			return err
		}
		if role.NumUses, err = r.number("secret_id_num_uses", role.NumUses); err != nil {
			return err
		}
		if role.NumUses < 0 {
			return bad("secret_id_num_uses cannot be negative")
		}
		if r.has("secret_id_ttl") {
			if role.SecretTTL, err = r.lasts("secret_id_ttl"); err != nil {
				return err
			}
		}
		if role.Local, err = r.flag("local_secret_ids", role.Local); err != nil {
			return err
		}
		for _, name := range [...]string{"bound_cidr_list", "secret_id_bound_cidrs"} { // the first is the older name
			if r.has(name) {
				role.CIDRs = r.list(name)
			}
		}
		if r.has("bound_cidr_list") || r.has("secret_id_bound_cidrs") {
			if err := networks(role.CIDRs); err != nil {
				return err
			}
		}
		if !role.Bind && len(role.CIDRs) == 0 && len(role.Token.CIDRs) == 0 && !r.has("token_bound_cidrs") {
			return faulty("at least one constraint should be enabled on the role")
		}
		before, role.RoleID = role.RoleID, id
		return role.Token.take(r.fields)
	})
	if err != nil && mine {
		before = id
	}
	if err == nil && before != id || err != nil && mine { // the ID that the role does not have, or no longer
		if _, err := r.roleIDs.Delete(r.ctx, r.mount.UUID+"/"+before); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// takeRoleID reserves a role ID: it belongs to one role.
func (r *request) takeRoleID(id, role string) (fresh bool, err error) {
	return r.roleIDs.Take(r.ctx, r.mount.UUID+"/"+id, role, faulty("role_id already in use"))
}

// hasRoleID reports whether a role has the role ID of a claim.
func (s *Server) hasRoleID(ctx context.Context, key, owner string) (bool, error) {
	mount, id, _ := strings.Cut(key, "/")
	role, err := s.approles.Get(ctx, mount+"/"+owner)
	return role != nil && role.RoleID == id, err
}

func dropAppRole(r *request) (*answer, error) {
	role, err := r.approles.Get(r.ctx, r.appRoleKey())
	if err != nil || role == nil {
		return nil, err
	}
	if _, err = r.approles.Delete(r.ctx, r.appRoleKey()); err != nil {
		return nil, err
	}
	if _, err := r.roleIDs.Delete(r.ctx, r.mount.UUID+"/"+role.RoleID); err != nil {
		return nil, err
	}
	return nil, r.dropSecretIDs(role.Name) // of a later role with the name they are not
}

func getRoleID(r *request) (*answer, error) {
	role, err := r.role(errMissing)
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"role_id": role.RoleID})
}

func putRoleID(r *request) (*answer, error) {
	id := r.text("role_id")
	if id == "" {
		return nil, bad("missing role_id")
	}
	name := strings.ToLower(r.vars["role"])
	if _, err := r.role(r.noRole()); err != nil {
		return nil, err
	}
	if _, err := r.takeRoleID(id, name); err != nil {
		return nil, err
	}
	var old string
	err := r.approles.Change(r.ctx, r.appRoleKey(), func(role *appRole, found bool) error {
		if !found {
			return r.noRole()
		}
		old, role.RoleID = role.RoleID, id
		return nil
	})
	if err != nil {
		return nil, err
	}
	if old != id {
		_, err = r.roleIDs.Delete(r.ctx, r.mount.UUID+"/"+old)
	}
	return nil, err
}
