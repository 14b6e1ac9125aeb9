package auth

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/ids"
	"counterpart/servers/vault/internal/core"
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
	Born  string           `json:"born,omitempty"`
	Token core.TokenFields `json:"token"`
}

// AppRole is the auth method approle.
func (b *Backend) AppRole() *core.Engine {
	write := func(h core.Handler) map[core.Operation]core.Handler {
		return map[core.Operation]core.Handler{core.OpWrite: h}
	}
	e := core.NewEngine("approle",
		&core.Path{Pattern: "login", Name: "login", Public: true, Login: true, Ops: write(b.approleLogin)},
		&core.Path{Pattern: "role", Name: "role", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) {
			return core.ListKeys(b.approles.Names(r.Ctx, r.Mount.UUID+"/"))
		}}},
		&core.Path{Pattern: "role/:role", Name: "role", Exists: b.approleExists, Ops: map[core.Operation]core.Handler{core.OpRead: b.getAppRole, core.OpWrite: b.putAppRole, core.OpDelete: b.dropAppRole}},
		&core.Path{Pattern: "role/:role/policies", Name: "role.policies", Ops: map[core.Operation]core.Handler{core.OpRead: b.getAppRolePolicies}},
		&core.Path{Pattern: "role/:role/role-id", Name: "role-id", Ops: map[core.Operation]core.Handler{core.OpRead: b.getRoleID, core.OpWrite: b.putRoleID}},
		&core.Path{Pattern: "role/:role/secret-id", Name: "secret-id", Ops: map[core.Operation]core.Handler{core.OpWrite: b.newSecretID, core.OpList: b.listSecretIDs}},
		&core.Path{Pattern: "role/:role/custom-secret-id", Name: "secret-id", Ops: write(b.newSecretID)},
		&core.Path{Pattern: "role/:role/secret-id/lookup", Name: "secret-id.lookup", Ops: write(b.lookupSecretID)},
		&core.Path{Pattern: "role/:role/secret-id/destroy", Name: "secret-id.destroy", Ops: map[core.Operation]core.Handler{core.OpWrite: b.destroySecretID, core.OpDelete: b.destroySecretID}},
		&core.Path{Pattern: "role/:role/secret-id-accessor/lookup", Name: "secret-id.lookup", Ops: write(b.lookupSecretID)},
		&core.Path{Pattern: "role/:role/secret-id-accessor/destroy", Name: "secret-id.destroy", Ops: map[core.Operation]core.Handler{core.OpWrite: b.destroySecretID, core.OpDelete: b.destroySecretID}},
		&core.Path{Pattern: "tidy/secret-id", Name: "tidy", Ops: write(core.TidyTokens)},
	)
	e.Relogin, e.Accessor = b.reloginRole, "secret_id_accessor"
	return e
}

func appRoleKey(r *core.Request) string { return r.Mount.UUID + "/" + strings.ToLower(r.Vars["role"]) }

func (b *Backend) approleLogin(r *core.Request) (*core.Answer, error) {
	roleID, secret := r.Text("role_id"), r.Text("secret_id")
	if roleID == "" {
		words := r.Pick("failed to determine alias name from login request", "missing role_id")
		refused := core.Refuse(http.StatusInternalServerError, "%s", words)
		refused.Reason = cause.BadInput
		return nil, refused
	}
	refused := core.Refuse(http.StatusBadRequest, "invalid role or secret ID")
	refused.Reason = cause.WrongSecret
	return r.WithLockout(roleID, func() (*core.Answer, error) {
		name, err := b.roleIDs.Get(r.Ctx, r.Mount.UUID+"/"+roleID)
		if err != nil {
			return nil, err
		}
		var role *appRole
		if name != nil {
			if role, err = b.approles.Get(r.Ctx, r.Mount.UUID+"/"+name.Owner); err != nil {
				return nil, err
			}
		}
		if role == nil || role.RoleID != roleID {
			return nil, &core.WrongPassword{Refusal: refused.Because("no role has the role ID")}
		}
		l := core.Login{Alias: roleID, Owner: "approle " + role.Name, Display: strings.Trim(strings.TrimPrefix(r.Mount.Path, "auth/"), "/"),
			Metadata: map[string]string{"role_name": role.Name}, Token: role.Token, CIDRs: role.Token.CIDRs}
		l.Token.CIDRs = nil          // the method lets anybody log in, the token is then no good elsewhere
		if !r.SourceIn(role.CIDRs) { // the format's slip is the server's
			return nil, core.BadRequest("source address %q unauthorized by CIDR restrictions on the role: %%!w(<nil>)", r.Source())
		}
		if role.Bind {
			if secret == "" {
				return nil, core.BadRequest("missing secret_id")
			}
			used, err := b.useSecretID(r, role, secret, refused)
			if err != nil {
				return nil, err
			}
			if len(used.Bound) > 0 { // instead of the role's
				if l.CIDRs, err = core.ParseCIDRs(used.Bound); err != nil {
					return nil, err
				}
			}
			for k, v := range used.Metadata {
				l.Metadata[k] = v
			}
		}
		return r.Login(l)
	})
}

func (b *Backend) approleExists(r *core.Request) (bool, error) {
	role, err := b.approles.Get(r.Ctx, appRoleKey(r))
	return role != nil, err
}

// role is the role of the path; missing words what is answered without one.
func (b *Backend) role(r *core.Request, missing error) (*appRole, error) {
	role, err := b.approles.Get(r.Ctx, appRoleKey(r))
	if err == nil && role == nil {
		err = missing
	}
	return role, err
}

// noRole is the refusal of a role that is not there.
func noRole(r *core.Request) error {
	return core.Refuse(http.StatusNotFound, "role %q does not exist", r.Vars["role"])
}

func (b *Backend) getAppRole(r *core.Request) (*core.Answer, error) {
	role, err := b.role(r, core.ErrNotFound)
	if err != nil {
		return nil, err
	}
	data := role.Token.Shown(r.Flavour.Bao)
	data["bind_secret_id"], data["local_secret_ids"], data["secret_id_bound_cidrs"] = role.Bind, role.Local, nil
	if role.CIDRs != nil {
		data["secret_id_bound_cidrs"] = role.CIDRs
	}
	data["secret_id_num_uses"], data["secret_id_ttl"] = role.NumUses, int64(role.SecretTTL/time.Second)
	return core.OK(data)
}

func (b *Backend) getAppRolePolicies(r *core.Request) (*core.Answer, error) {
	role, err := b.role(r, core.ErrNotFound)
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"token_policies": append([]string{}, role.Token.Policies...)})
}

func (b *Backend) putAppRole(r *core.Request) (*core.Answer, error) {
	name := strings.ToLower(r.Vars["role"])
	was, err := b.approles.Get(r.Ctx, appRoleKey(r))
	if err != nil {
		return nil, err
	}
	born, id := ids.UUID(r.Rand), ids.UUID(r.Rand)
	if was != nil {
		id = was.RoleID
	}
	if wish := r.Text("role_id"); wish != "" {
		id = wish
	}
	mine, err := b.takeRoleID(r, id, name)
	if err != nil {
		return nil, err
	}
	before := id
	err = b.approles.Change(r.Ctx, appRoleKey(r), func(role *appRole, found bool) error {
		if !found {
			*role = appRole{Name: name, RoleID: id, Bind: true, Born: born}
		}
		var err error
		if role.Bind, err = r.Bool("bind_secret_id", role.Bind); err != nil {
			return err
		}
		if role.NumUses, err = r.Int("secret_id_num_uses", role.NumUses); err != nil {
			return err
		}
		if role.NumUses < 0 {
			return core.BadRequest("secret_id_num_uses cannot be negative")
		}
		if r.Has("secret_id_ttl") {
			if role.SecretTTL, err = r.Duration("secret_id_ttl"); err != nil {
				return err
			}
		}
		if role.Local, err = r.Bool("local_secret_ids", role.Local); err != nil {
			return err
		}
		for _, name := range [...]string{"bound_cidr_list", "secret_id_bound_cidrs"} { // the first is the older name
			if r.Has(name) {
				role.CIDRs = r.List(name)
			}
		}
		if r.Has("bound_cidr_list") || r.Has("secret_id_bound_cidrs") {
			if err := core.CheckNetworks(role.CIDRs); err != nil {
				return err
			}
		}
		if !role.Bind && len(role.CIDRs) == 0 && len(role.Token.CIDRs) == 0 && !r.Has("token_bound_cidrs") {
			return core.Faulty("at least one constraint should be enabled on the role")
		}
		before, role.RoleID = role.RoleID, id
		return role.Token.Take(r.Fields)
	})
	if err != nil && mine {
		before = id
	}
	if err == nil && before != id || err != nil && mine { // the ID that the role does not have, or no longer
		if _, err := b.roleIDs.Delete(r.Ctx, r.Mount.UUID+"/"+before); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// takeRoleID reserves a role ID: it belongs to one role.
func (b *Backend) takeRoleID(r *core.Request, id, role string) (fresh bool, err error) {
	return b.roleIDs.Take(r.Ctx, r.Mount.UUID+"/"+id, role, core.Faulty("role_id already in use"))
}

// hasRoleID reports whether a role has the role ID of a claim.
func (b *Backend) hasRoleID(ctx context.Context, key, owner string) (bool, error) {
	mount, id, _ := strings.Cut(key, "/")
	role, err := b.approles.Get(ctx, mount+"/"+owner)
	return role != nil && role.RoleID == id, err
}

func (b *Backend) dropAppRole(r *core.Request) (*core.Answer, error) {
	role, err := b.approles.Get(r.Ctx, appRoleKey(r))
	if err != nil || role == nil {
		return nil, err
	}
	if _, err = b.approles.Delete(r.Ctx, appRoleKey(r)); err != nil {
		return nil, err
	}
	if _, err := b.roleIDs.Delete(r.Ctx, r.Mount.UUID+"/"+role.RoleID); err != nil {
		return nil, err
	}
	return nil, b.dropSecretIDs(r, role.Name) // of a later role with the name they are not
}

func (b *Backend) getRoleID(r *core.Request) (*core.Answer, error) {
	role, err := b.role(r, core.ErrNotFound)
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"role_id": role.RoleID})
}

func (b *Backend) putRoleID(r *core.Request) (*core.Answer, error) {
	id := r.Text("role_id")
	if id == "" {
		return nil, core.BadRequest("missing role_id")
	}
	name := strings.ToLower(r.Vars["role"])
	if _, err := b.role(r, noRole(r)); err != nil {
		return nil, err
	}
	if _, err := b.takeRoleID(r, id, name); err != nil {
		return nil, err
	}
	var old string
	err := b.approles.Change(r.Ctx, appRoleKey(r), func(role *appRole, found bool) error {
		if !found {
			return noRole(r)
		}
		old, role.RoleID = role.RoleID, id
		return nil
	})
	if err != nil {
		return nil, err
	}
	if old != id {
		_, err = b.roleIDs.Delete(r.Ctx, r.Mount.UUID+"/"+old)
	}
	return nil, err
}

// reloginRole lets a role of approle be what it is now.
func (b *Backend) reloginRole(r *core.Request, m *core.Mount, t *core.Token) (*core.TokenFields, error) {
	name := t.Data.Meta["role_name"]
	role, err := b.approles.Get(r.Ctx, m.UUID+"/"+name)
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, core.Faulty(fmt.Sprintf("failed to renew entry: role %q does not exist during renewal", name))
	}
	return &role.Token, nil
}
