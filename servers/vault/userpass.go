package vault

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
)

// userpassEngine is the auth method userpass: names and passwords that the server
// keeps itself. A seeded user without a password has that of the person of the
// same name.
func userpassEngine() *engine {
	e := newEngine("userpass",
		&pathSpec{pattern: "login/:user", name: "login", public: true, login: true, ops: map[operation]handler{opWrite: userpassLogin}},
		&pathSpec{pattern: "login/*user", name: "login", public: true, login: true, ops: map[operation]handler{opWrite: noAlias}},
		&pathSpec{pattern: "users", name: "users", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.users.Names(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "users/:user", name: "users", exists: userExists, ops: map[operation]handler{opRead: getUser, opWrite: putUser, opDelete: dropUser}},
		&pathSpec{pattern: "users/:user/password", name: "users.password", ops: map[operation]handler{opWrite: putPassword}},
		&pathSpec{pattern: "users/:user/policies", name: "users.policies", ops: map[operation]handler{opWrite: putPolicies}},
	)
	e.relogin = func(r *request, m *mount, t *token) (*tokenFields, error) {
		u, err := r.users.Get(r.ctx, m.UUID+"/"+t.Data.Meta["username"])
		if err != nil || u == nil {
			return nil, err
		}
		if wanted := u.policies(); !slices.Equal(wanted, t.Data.Policies) {
			return nil, faulty("failed to renew entry: policies have changed, not renewing")
		}
		return &u.tokenFields, nil
	}
	return e
}

// userKey is the record of the user that the path names.
func (r *request) userKey() string { return r.mount.UUID + "/" + plainLogin(r.vars["user"]) }

// noAlias refuses a login whose name no user can have.
func noAlias(r *request) (*answer, error) {
	if r.flavour.bao {
		return nil, refuse(http.StatusNotFound, "unsupported path")
	}
	refused := refuse(http.StatusInternalServerError, "failed to determine alias name from login request")
	refused.reason = cause.BadInput
	return nil, refused
}

func userpassLogin(r *request) (*answer, error) {
	name := plainLogin(r.vars["user"])
	password := r.text("password")
	if password == "" {
		if r.flavour.bao {
			return nil, refuse(http.StatusInternalServerError, "missing password")
		}
		return nil, bad("invalid credentials")
	}
	return r.guarded(name, func() (*answer, error) {
		u, err := r.users.Get(r.ctx, r.userKey())
		if err != nil {
			return nil, err
		}
		refused := refuse(http.StatusBadRequest, "invalid username or password")
		refused.reason = cause.WrongPassword
		switch {
		case u == nil:
			return nil, &wrongPassword{refused.because("userpass has no user %s", name)}
		case u.Hash != "":
			if bcrypt.CompareHashAndPassword([]byte(u.Hash), []byte(password)) != nil {
				return nil, &wrongPassword{refused.because("wrong password of %s", name)}
			}
		case u.Password == "":
			if _, err := r.Logins.Login(r.ctx, name, password); err != nil {
				return nil, refusedLogin(err, refused)
			}
		case !signin.Same(u.Password, password):
			return nil, &wrongPassword{refused.because("wrong password of %s", name)}
		}
		return r.login(login{alias: name, owner: name, display: strings.Trim(strings.TrimPrefix(r.mount.Path, "auth/"), "/") + "-" + name,
			metadata: map[string]string{"username": name}, token: u.tokenFields})
	})
}

func userExists(r *request) (bool, error) {
	u, err := r.users.Get(r.ctx, r.userKey())
	return u != nil, err
}

func getUser(r *request) (*answer, error) {
	u, err := need(r.ctx, r.users, r.userKey())
	if err != nil {
		return nil, err
	}
	return ok(u.shown(r.flavour.bao))
}

func putUser(r *request) (*answer, error) {
	return nil, r.users.Change(r.ctx, r.userKey(), func(u *authUser, found bool) error {
		if err := r.newPassword(u, !found); err != nil {
			return err
		}
		u.Name = plainLogin(r.vars["user"])
		return u.take(r.fields)
	})
}

// newPassword takes the user's password, or what bcrypt has made of it.
func (r *request) newPassword(u *authUser, must bool) error {
	password, hash := r.text("password"), r.text("password_hash")
	switch {
	case password != "" && hash != "":
		return bad(`"password" and "password_hash" cannot be supplied together`)
	case password == "" && hash == "" && must:
		return bad(`"password" or "password_hash" must be supplied`)
	case password != "":
		u.Password, u.Hash = password, ""
	case hash != "":
		if len(hash) != bcryptLength {
			return faulty("password hash has incorrect length")
		}
		if cost, err := bcrypt.Cost([]byte(hash)); err != nil {
			return faulty(err.Error())
		} else if cost > maxCost {
			return bad("the cost of the hash is %d; more than %d is not computed here", cost, maxCost)
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

func dropUser(r *request) (*answer, error) {
	_, err := r.users.Delete(r.ctx, r.userKey())
	return nil, err
}

// edited changes a user that must be there.
func (r *request) edited(fn func(*authUser) error) (*answer, error) {
	return nil, r.users.Change(r.ctx, r.userKey(), func(u *authUser, found bool) error {
		if !found {
			return faulty("username does not exist")
		}
		return fn(u)
	})
}

func putPassword(r *request) (*answer, error) {
	return r.edited(func(u *authUser) error {
		return r.newPassword(u, true)
	})
}

func putPolicies(r *request) (*answer, error) {
	return r.edited(func(u *authUser) error { return u.take(r.fields) })
}
