package rotation

import (
	"time"

	"counterpart/servers/vault/internal/core"
)

// StaticRole is an account whose password an engine rotates.
type StaticRole struct {
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
	Next       *Pending      `json:"next,omitempty"`   // decided and not over
}

// Since is when the current period began.
func (s *StaticRole) Since() time.Time {
	if s.Rotated.IsZero() {
		return s.Made
	}
	return s.Rotated
}

// List answers a list of a mount's roles.
func (b *Backend) List(r *core.Request) (*core.Answer, error) {
	return core.ListKeys(b.Statics.Names(r.Ctx, r.Mount.UUID+"/"))
}

// Exists reports whether the role of the path is there.
func (b *Backend) Exists(r *core.Request) (bool, error) {
	role, err := b.Statics.Get(r.Ctx, r.RoleKey())
	return role != nil, err
}

// Failed is what is said when a new password is not taken.
func Failed(r *core.Request) error {
	if r.Mount.Type == "database" {
		return core.Faulty("unable to finish rotating credentials; retries will continue in the background but it is also safe to retry manually: " +
			"error setting credentials: permission denied")
	}
	return core.Faulty("unable to rotate the password: LDAP Result Code 53 \"Unwilling To Perform\"")
}

// Cred answers with the password of a role's account.
func (b *Backend) Cred(r *core.Request) (*core.Answer, error) {
	if role, err := b.Statics.Get(r.Ctx, r.RoleKey()); err != nil {
		return nil, err
	} else if role == nil {
		return nil, core.BadRequest("unknown role: %s", r.Vars["role"])
	}
	role, t, password, err := b.Credential(r, func(v *StaticRole) bool { return Due(r, v) })
	switch {
	case err != nil || role == nil:
		return nil, err
	case t == Target{}:
		return nil, core.Faulty("expected one matching entry, but received 0")
	case role.Rotated.IsZero(): // what the engine has not set it does not know
		password = ""
	}
	r.Call.Object = t.Object()
	left := max(role.Since().Add(role.Period).Sub(r.Clock.Now()).Round(time.Second), 0)
	if role.Rotated.IsZero() && r.Flavour.Bao {
		left = 0
	}
	data := map[string]any{"password": password, "rotation_period": int64(role.Period / time.Second), "ttl": int64(left / time.Second),
		"username": role.Username}
	if r.Mount.Type != "database" || !role.Rotated.IsZero() {
		data["last_vault_rotation"] = core.FormatTime(role.Rotated)
	}
	if r.Mount.Type != "database" {
		data["dn"], data["last_password"] = role.DN, role.Last
	}
	return core.OK(data)
}

// RotateRole rotates the password of a role's account at once.
func (b *Backend) RotateRole(r *core.Request) (*core.Answer, error) {
	role, err := b.Statics.Get(r.Ctx, r.RoleKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		if r.Mount.Type == "database" {
			return nil, core.BadRequest("no static role found for role name")
		}
		return nil, core.BadRequest("role doesn't exist: %s", r.Vars["role"])
	}
	return nil, b.Rotate(r, Always)
}
