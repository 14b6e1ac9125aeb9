package vault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"counterpart/internal/cause"
	"counterpart/internal/state"
	"counterpart/internal/world"
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
	Token     tokenFields   `json:"token"`
}

// secretID is a secret ID of a role; its record is named by its hash.
type secretID struct {
	Role     string            `json:"role"`
	Accessor string            `json:"accessor"`
	Made     time.Time         `json:"made"`
	Updated  time.Time         `json:"updated"`
	Expires  time.Time         `json:"expires,omitzero"`
	Uses     int               `json:"uses"` // left; 0: without limit
	Spent    bool              `json:"spent,omitempty"`
	TTL      time.Duration     `json:"ttl,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	CIDRs    []string          `json:"cidrs,omitempty"`
	Bound    []string          `json:"bound,omitempty"`
}

// approleEngine is the auth method approle.
func approleEngine() *engine {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	e := newEngine("approle",
		&pathSpec{pattern: "login", name: "login", public: true, login: true, ops: write(approleLogin)},
		&pathSpec{pattern: "role", name: "role", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.approles.keys(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "role/:role", name: "role", exists: approleExists, ops: map[operation]handler{opRead: getAppRole, opWrite: putAppRole, opDelete: dropAppRole}},
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
		name, err := r.roleIDs.get(r.ctx, r.mount.UUID+"/"+roleID)
		if err != nil {
			return nil, err
		}
		var role *appRole
		if name != nil {
			if role, err = r.approles.get(r.ctx, r.mount.UUID+"/"+*name); err != nil {
				return nil, err
			}
		}
		if role == nil || role.RoleID != roleID {
			return nil, &wrongPassword{refused.because("no role has the role ID")}
		}
		l := login{alias: roleID, owner: "approle " + role.Name, display: strings.Trim(strings.TrimPrefix(r.mount.Path, "auth/"), "/"),
			metadata: map[string]string{"role_name": role.Name}, token: role.Token}
		if role.Bind {
			if secret == "" {
				return nil, bad("missing secret_id")
			}
			used, err := r.useSecretID(role.Name, secret, refused)
			if err != nil {
				return nil, err
			}
			for k, v := range used.Metadata {
				l.metadata[k] = v
			}
		}
		return r.login(l)
	})
}

// useSecretID takes one use of a secret ID.
func (r *request) useSecretID(role, secret string, refused *refusal) (used secretID, err error) {
	err = r.secrets.editUntil(r.ctx, secretKey(r.mount.UUID, secret), func(s *secretID, found bool) (time.Time, error) {
		switch {
		case !found || s.Role != role:
			return time.Time{}, &wrongPassword{refused.because("role %s has no such secret ID", role)}
		case s.Spent:
			return time.Time{}, &wrongPassword{refused.because("the secret ID has no uses left")}
		case !s.Expires.IsZero() && !r.Clock.Now().Before(s.Expires):
			return time.Time{}, &wrongPassword{refused.because("the secret ID expired at %s", stamp(s.Expires))}
		}
		used = *s
		if s.Uses == 0 {
			return time.Time{}, state.ErrKeep
		}
		if s.Uses--; s.Uses == 0 {
			s.Spent = true
		}
		return s.Expires, nil
	})
	return used, err
}

func approleExists(r *request) (bool, error) {
	role, err := r.approles.get(r.ctx, r.appRoleKey())
	return role != nil, err
}

// role is the role of the path; missing words what is answered without one.
func (r *request) role(missing error) (*appRole, error) {
	role, err := r.approles.get(r.ctx, r.appRoleKey())
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
	data := role.Token.shown()
	data["bind_secret_id"], data["local_secret_ids"], data["secret_id_bound_cidrs"] = role.Bind, role.Local, nil
	if role.CIDRs != nil {
		data["secret_id_bound_cidrs"] = role.CIDRs
	}
	data["secret_id_num_uses"], data["secret_id_ttl"] = role.NumUses, int64(role.SecretTTL/time.Second)
	return ok(data)
}

func putAppRole(r *request) (*answer, error) {
	name := strings.ToLower(r.vars["role"])
	fresh := world.UUID(r.Rand)
	var id string
	err := r.approles.edit(r.ctx, r.appRoleKey(), func(role *appRole, found bool) error {
		if !found {
			*role = appRole{Name: name, RoleID: fresh, Bind: true}
		}
		var err error
		if role.Bind, err = r.flag("bind_secret_id", role.Bind); err != nil {
			return err
		}
		if role.NumUses, err = r.number("secret_id_num_uses", role.NumUses); err != nil {
			return err
		}
		if role.NumUses < 0 {
			return bad("invalid secret_id_num_uses")
		}
		if r.has("secret_id_ttl") {
			if role.SecretTTL, err = r.lasts("secret_id_ttl"); err != nil {
				return err
			}
		}
		if role.Local, err = r.flag("local_secret_ids", role.Local); err != nil {
			return err
		}
		if r.has("secret_id_bound_cidrs") {
			role.CIDRs = r.list("secret_id_bound_cidrs")
		}
		if !role.Bind && len(role.CIDRs) == 0 && len(role.Token.CIDRs) == 0 && !r.has("token_bound_cidrs") {
			return bad("at least one constraint should be enabled on the role")
		}
		if v := r.text("role_id"); v != "" {
			role.RoleID = v
		}
		id = role.RoleID
		return role.Token.take(r.fields)
	})
	if err != nil {
		return nil, err
	}
	return nil, r.roleIDs.put(r.ctx, r.mount.UUID+"/"+id, name)
}

func dropAppRole(r *request) (*answer, error) {
	role, err := r.approles.get(r.ctx, r.appRoleKey())
	if err != nil || role == nil {
		return nil, err
	}
	if _, err := r.roleIDs.drop(r.ctx, r.mount.UUID+"/"+role.RoleID); err != nil {
		return nil, err
	}
	_, err = r.approles.drop(r.ctx, r.appRoleKey())
	return nil, err
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
	var old string
	err := r.approles.edit(r.ctx, r.appRoleKey(), func(role *appRole, found bool) error {
		if !found {
			return r.noRole()
		}
		old, role.RoleID = role.RoleID, id
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := r.roleIDs.drop(r.ctx, r.mount.UUID+"/"+old); err != nil {
		return nil, err
	}
	return nil, r.roleIDs.put(r.ctx, r.mount.UUID+"/"+id, strings.ToLower(r.vars["role"]))
}

func newSecretID(r *request) (*answer, error) {
	role, err := r.role(r.noRole())
	if err != nil {
		return nil, err
	}
	if !role.Bind {
		return nil, bad("bind_secret_id is not set on the role")
	}
	s := secretID{Role: role.Name, Accessor: world.UUID(r.Rand), Made: r.Clock.Now(), Uses: role.NumUses, TTL: role.SecretTTL,
		CIDRs: r.list("cidr_list"), Bound: r.list("token_bound_cidrs")}
	s.Updated = s.Made
	if r.has("ttl") {
		if s.TTL, err = r.lasts("ttl"); err != nil {
			return nil, err
		}
		if role.SecretTTL > 0 && (s.TTL == 0 || s.TTL > role.SecretTTL) {
			return nil, bad("ttl cannot be longer than the role's secret ID TTL")
		}
	}
	if s.Uses, err = r.number("num_uses", s.Uses); err != nil {
		return nil, err
	}
	if s.Uses < 0 || role.NumUses > 0 && (s.Uses == 0 || s.Uses > role.NumUses) {
		return nil, bad("num_uses cannot be higher than the role's secret ID num_uses")
	}
	if text := r.text("metadata"); text != "" {
		if err := json.Unmarshal([]byte(text), &s.Metadata); err != nil {
			return nil, bad("failed to parse metadata: failed to parse the input: invalid <key,value> format")
		}
	}
	if s.TTL > 0 {
		s.Expires = s.Made.Add(s.TTL)
	}
	secret := r.text("secret_id")
	if secret == "" {
		if strings.HasSuffix(r.rest, "custom-secret-id") {
			return nil, bad("missing secret_id")
		}
		secret = world.UUID(r.Rand)
	}
	key := secretKey(r.mount.UUID, secret)
	err = r.secrets.editUntil(r.ctx, key, func(v *secretID, found bool) (time.Time, error) {
		if found {
			return time.Time{}, faulty("failed to store secret_id: SecretID is already registered")
		}
		*v = s
		return s.Expires, nil
	})
	if err != nil {
		return nil, err
	}
	if err := r.secretNames.put(r.ctx, accessorKey(r.mount.UUID, s.Accessor), key); err != nil {
		return nil, err
	}
	data := map[string]any{"secret_id": secret, "secret_id_accessor": s.Accessor}
	if !r.flavour.old {
		data["secret_id_num_uses"], data["secret_id_ttl"] = s.Uses, int64(s.TTL/time.Second)
	}
	return ok(data)
}

// secretNamed is the record of the secret ID that the request names, by itself or
// by its accessor.
func (r *request) secretNamed() (key string, s *secretID, err error) {
	if secret := r.text("secret_id"); secret != "" {
		key = secretKey(r.mount.UUID, secret)
	} else if accessor := r.text("secret_id_accessor"); accessor != "" {
		k, err := r.secretNames.get(r.ctx, accessorKey(r.mount.UUID, accessor))
		if err != nil || k == nil {
			return "", nil, err
		}
		key = *k
	} else {
		what := "secret_id"
		if strings.Contains(r.rest, "secret-id-accessor") {
			what = "secret_id_accessor"
		}
		return "", nil, bad("missing %s", what)
	}
	s, err = r.secrets.get(r.ctx, key)
	if err != nil || s == nil || s.Spent || !strings.EqualFold(s.Role, r.vars["role"]) {
		return key, nil, err
	}
	return key, s, nil
}

func lookupSecretID(r *request) (*answer, error) {
	if _, err := r.role(r.noRole()); err != nil {
		return nil, err
	}
	_, s, err := r.secretNamed()
	if err != nil {
		return nil, err
	}
	if s == nil {
		if strings.Contains(r.rest, "secret-id-accessor") {
			return nil, envelope404(&answer{data: map[string]any{"error": fmt.Sprintf("failed to find accessor entry for secret_id_accessor: %q", r.text("secret_id_accessor"))}})
		}
		return nil, nil
	}
	expires := stamp(time.Time{})
	if !s.Expires.IsZero() {
		expires = stamp(s.Expires)
	}
	metadata := s.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return ok(map[string]any{"cidr_list": append([]string{}, s.CIDRs...), "creation_time": stamp(s.Made), "expiration_time": expires,
		"last_updated_time": stamp(s.Updated), "metadata": metadata, "secret_id_accessor": s.Accessor, "secret_id_num_uses": s.Uses,
		"secret_id_ttl": int64(s.TTL / time.Second), "token_bound_cidrs": append([]string{}, s.Bound...)})
}

func destroySecretID(r *request) (*answer, error) {
	if _, err := r.role(r.noRole()); err != nil {
		return nil, err
	}
	key, s, err := r.secretNamed()
	if err != nil || s == nil {
		return nil, err
	}
	_, err = r.secrets.drop(r.ctx, key)
	return nil, err
}

func listSecretIDs(r *request) (*answer, error) {
	role, err := r.role(r.noRole())
	if err != nil {
		return nil, err
	}
	keys, err := r.secrets.keys(r.ctx, r.mount.UUID+"/")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, k := range keys {
		s, err := r.secrets.get(r.ctx, r.mount.UUID+"/"+k)
		if err != nil {
			return nil, err
		}
		if s != nil && !s.Spent && s.Role == role.Name {
			out = append(out, s.Accessor)
		}
	}
	return listKeys(out, nil)
}
