package auth

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/servers/vault/internal/core"
)

// Userpass is the auth method userpass: names and passwords that the server
// keeps itself. A seeded user without a password has that of the person of the
// same name.
func (b *Backend) Userpass() *core.Engine {
	e := core.NewEngine("userpass",
		&core.Path{Pattern: "login/:user", Name: "login", Public: true, Login: true, Ops: map[core.Operation]core.Handler{core.OpWrite: b.userpassLogin}},
		&core.Path{Pattern: "login/*user", Name: "login", Public: true, Login: true, Ops: map[core.Operation]core.Handler{core.OpWrite: noAlias}},
		&core.Path{Pattern: "users", Name: "users", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) {
			return core.ListKeys(b.users.Names(r.Ctx, r.Mount.UUID+"/"))
		}}},
		&core.Path{Pattern: "users/:user", Name: "users", Exists: b.userExists, Ops: map[core.Operation]core.Handler{core.OpRead: b.getUser, core.OpWrite: b.putUser, core.OpDelete: b.dropUser}},
		&core.Path{Pattern: "users/:user/password", Name: "users.password", Ops: map[core.Operation]core.Handler{core.OpWrite: b.putPassword}},
		&core.Path{Pattern: "users/:user/policies", Name: "users.policies", Ops: map[core.Operation]core.Handler{core.OpWrite: b.putPolicies}},
	)
	e.Relogin = func(r *core.Request, m *core.Mount, t *core.Token) (*core.TokenFields, error) {
		u, err := b.users.Get(r.Ctx, m.UUID+"/"+t.Data.Meta["username"])
		if err != nil || u == nil {
			return nil, err
		}
		if wanted := u.Granted(); !slices.Equal(wanted, t.Data.Policies) {
			return nil, core.Faulty("failed to renew entry: policies have changed, not renewing")
		}
		return &u.TokenFields, nil
	}
	return e
}

// userKey is the record of the user that the path names.
func userKey(r *core.Request) string { return r.Mount.UUID + "/" + plainLogin(r.Vars["user"]) }

// noAlias refuses a login whose name no user can have.
func noAlias(r *core.Request) (*core.Answer, error) {
	if r.Flavour.Bao {
		return nil, core.Refuse(http.StatusNotFound, "unsupported path")
	}
	refused := core.Refuse(http.StatusInternalServerError, "failed to determine alias name from login request")
	refused.Reason = cause.BadInput
	return nil, refused
}

func (b *Backend) userpassLogin(r *core.Request) (*core.Answer, error) {
	name := plainLogin(r.Vars["user"])
	password := r.Text("password")
	if password == "" {
		if r.Flavour.Bao {
			return nil, core.Refuse(http.StatusInternalServerError, "missing password")
		}
		return nil, core.BadRequest("invalid credentials")
	}
	return r.WithLockout(name, func() (*core.Answer, error) {
		u, err := b.users.Get(r.Ctx, userKey(r))
		if err != nil {
			return nil, err
		}
		refused := core.Refuse(http.StatusBadRequest, "invalid username or password")
		refused.Reason = cause.WrongPassword
		switch {
		case u == nil:
			return nil, &core.WrongPassword{Refusal: refused.Because("userpass has no user %s", name)}
		case u.Hash != "":
			if bcrypt.CompareHashAndPassword([]byte(u.Hash), []byte(password)) != nil {
				return nil, &core.WrongPassword{Refusal: refused.Because("wrong password of %s", name)}
			}
		case u.Password == "":
			if _, err := r.Logins.Login(r.Ctx, name, password); err != nil {
				return nil, core.RefusedLogin(err, refused)
			}
		case !signin.Same(u.Password, password):
			return nil, &core.WrongPassword{Refusal: refused.Because("wrong password of %s", name)}
		}
		return r.Login(core.Login{Alias: name, Owner: name, Display: strings.Trim(strings.TrimPrefix(r.Mount.Path, "auth/"), "/") + "-" + name,
			Metadata: map[string]string{"username": name}, Token: u.TokenFields})
	})
}

func (b *Backend) userExists(r *core.Request) (bool, error) {
	u, err := b.users.Get(r.Ctx, userKey(r))
	return u != nil, err
}

func (b *Backend) getUser(r *core.Request) (*core.Answer, error) {
	u, err := core.Require(r.Ctx, b.users, userKey(r))
	if err != nil {
		return nil, err
	}
	return core.OK(u.Shown(r.Flavour.Bao))
}

func (b *Backend) putUser(r *core.Request) (*core.Answer, error) {
	return nil, b.users.Change(r.Ctx, userKey(r), func(u *authUser, found bool) error {
		if err := newPassword(r, u, !found); err != nil {
			return err
		}
		u.Name = plainLogin(r.Vars["user"])
		return u.Take(r.Fields)
	})
}

// newPassword takes the user's password, or what bcrypt has made of it.
func newPassword(r *core.Request, u *authUser, must bool) error {
	password, hash := r.Text("password"), r.Text("password_hash")
	switch {
	case password != "" && hash != "":
		return core.BadRequest(`"password" and "password_hash" cannot be supplied together`)
	case password == "" && hash == "" && must:
		return core.BadRequest(`"password" or "password_hash" must be supplied`)
	case password != "":
		u.Password, u.Hash = password, ""
	case hash != "":
		if len(hash) != bcryptLength {
			return core.Faulty("password hash has incorrect length")
		}
		if cost, err := bcrypt.Cost([]byte(hash)); err != nil {
			return core.Faulty(err.Error())
		} else if cost > maxCost {
			return core.BadRequest("the cost of the hash is %d; more than %d is not computed here", cost, maxCost)
		}
		u.Password, u.Hash = "", hash
	}
	return nil
}

// Of hashes with bcrypt: how long they are, and what a login may cost at most.
const (
	bcryptLength = 60
	maxCost      = 12
)

func (b *Backend) dropUser(r *core.Request) (*core.Answer, error) {
	_, err := b.users.Delete(r.Ctx, userKey(r))
	return nil, err
}

// edited changes a user that must be there.
func (b *Backend) edited(r *core.Request, fn func(*authUser) error) (*core.Answer, error) {
	return nil, b.users.Change(r.Ctx, userKey(r), func(u *authUser, found bool) error {
		if !found {
			return core.Faulty("username does not exist")
		}
		return fn(u)
	})
}

func (b *Backend) putPassword(r *core.Request) (*core.Answer, error) {
	return b.edited(r, func(u *authUser) error {
		return newPassword(r, u, true)
	})
}

func (b *Backend) putPolicies(r *core.Request) (*core.Answer, error) {
	return b.edited(r, func(u *authUser) error { return u.Take(r.Fields) })
}

// authUser is a user of userpass or ldap.
type authUser struct {
	Name     string   `json:"name"`
	Password string   `json:"password,omitempty"` // userpass; empty: the person's of this name
	Hash     string   `json:"hash,omitempty"`     // userpass: of the password, with bcrypt, instead of it
	Groups   []string `json:"groups,omitempty"`
	core.TokenFields
}

// authGroup is a group of ldap.
type authGroup struct {
	Policies []string `json:"policies,omitempty"`
}

// plainLogin folds a login name as userpass does.
func plainLogin(name string) string { return strings.ToLower(name) }
