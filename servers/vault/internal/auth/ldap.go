package auth

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/ldapconfig"
)

// LDAP is the auth method ldap: the company's people, with the passwords
// that the directory has.
func (b *Backend) LDAP() *core.Engine {
	e := core.NewEngine("ldap",
		&core.Path{Pattern: "login/*user", Name: "login", Public: true, Login: true, Ops: map[core.Operation]core.Handler{core.OpWrite: b.ldapLogin}},
		&core.Path{Pattern: "config", Name: "config", Ops: map[core.Operation]core.Handler{core.OpRead: getLDAPConfig, core.OpWrite: ldapconfig.Put}},
		&core.Path{Pattern: "users", Name: "users", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) {
			return core.ListKeys(b.users.Names(r.Ctx, r.Mount.UUID+"/"))
		}}},
		&core.Path{Pattern: "users/*user", Name: "users", Ops: map[core.Operation]core.Handler{core.OpRead: b.getLDAPUser, core.OpWrite: b.putLDAPUser, core.OpDelete: b.dropUser}},
		&core.Path{Pattern: "groups", Name: "groups", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) {
			return core.ListKeys(b.groups.Names(r.Ctx, r.Mount.UUID+"/"))
		}}},
		&core.Path{Pattern: "groups/*group", Name: "groups", Ops: map[core.Operation]core.Handler{core.OpRead: b.getGroup, core.OpWrite: b.putGroup, core.OpDelete: b.dropGroup}},
	)
	e.Relogin = b.reloginPerson
	return e
}

// reloginPerson lets somebody of the directory have the policies of now.
func (b *Backend) reloginPerson(r *core.Request, m *core.Mount, t *core.Token) (*core.TokenFields, error) {
	here := r.Mount
	defer func() { r.Mount = here }()
	r.Mount = m
	var l core.Login
	if err := b.ldapPolicies(r, &l, t.Data.Meta["username"], t.Owner); err != nil {
		return nil, err
	}
	if !slices.Equal(l.Token.Granted(l.Policies...), t.Data.Policies) {
		return nil, core.Faulty("failed to renew entry: policies have changed, not renewing")
	}
	return &l.Token, nil
}

// directoryURL is what the mount's configuration calls the directory.
func directoryURL(r *core.Request) string {
	c, err := r.Configs.Get(r.Ctx, r.Mount.UUID)
	if err == nil && c != nil {
		if url, ok := (*c)["url"].(string); ok && url != "" {
			return url
		}
	}
	return "ldap://127.0.0.1"
}

func (b *Backend) ldapLogin(r *core.Request) (*core.Answer, error) {
	typed := r.Vars["user"]
	password := r.Text("password")
	if password == "" {
		status := http.StatusInternalServerError
		if r.Flavour.Bao {
			status = http.StatusBadRequest
		}
		refused := core.Refuse(status, "password cannot be of zero length when passwordless binds are being denied")
		refused.Reason = cause.BadInput
		return nil, refused
	}
	if _, down := r.Call.Fault("directory-down"); down {
		status := http.StatusInternalServerError
		if r.Flavour.Bao {
			status = http.StatusBadRequest
		}
		host := strings.TrimPrefix(strings.TrimPrefix(directoryURL(r), "ldap://"), "ldaps://")
		return nil, core.Refuse(status, "%s", core.OneError(fmt.Sprintf("error connecting to host %q: LDAP Result Code 200 \"Network Error\": dial tcp %s: connect: connection refused",
			directoryURL(r), host)))
	}
	return r.WithLockout(typed, func() (*core.Answer, error) {
		u, err := r.Logins.Login(r.Ctx, typed, password)
		if err != nil {
			refused := core.Refuse(http.StatusBadRequest, "%s", r.Pick("invalid credentials", "ldap operation failed: failed to bind as user"))
			refused.Reason = cause.WrongPassword
			return nil, core.RefusedLogin(err, refused)
		}
		l := core.Login{Alias: u.Name, Owner: u.ID, Display: strings.Trim(strings.TrimPrefix(r.Mount.Path, "auth/"), "/") + "-" + typed,
			Metadata: map[string]string{"username": typed}, Data: map[string]any{}}
		if err := b.ldapPolicies(r, &l, typed, u.ID); err != nil {
			return nil, err
		}
		return r.Login(l)
	})
}

// ldapPolicies adds what the mount's users and groups give.
func (b *Backend) ldapPolicies(r *core.Request, l *core.Login, typed, userID string) error {
	local, err := b.users.Get(r.Ctx, r.Mount.UUID+"/"+strings.ToLower(typed))
	if err != nil {
		return err
	}
	if l.Token, err = directoryTokens(r); err != nil {
		return err
	}
	var more []string
	if local != nil {
		more = local.Groups
		l.Policies = append(l.Policies, local.Policies...)
		l.Token.TTL, l.Token.MaxTTL = cmp.Or(local.TTL, l.Token.TTL), cmp.Or(local.MaxTTL, l.Token.MaxTTL)
	}
	names, err := b.groups.Names(r.Ctx, r.Mount.UUID+"/")
	if err != nil {
		return err
	}
	member := 0
	for _, name := range names {
		inDirectory := r.World.InAnyGroup(userID, []string{name})
		if inDirectory {
			member++
		}
		if !inDirectory && !slices.ContainsFunc(more, func(g string) bool { return strings.EqualFold(g, name) }) {
			continue
		}
		g, err := b.groups.Get(r.Ctx, r.Mount.UUID+"/"+name)
		if err != nil {
			return err
		}
		if g != nil {
			l.Policies = append(l.Policies, g.Policies...)
		}
	}
	if r.Flavour.Bao && member == 0 {
		l.Warnings = []string{"no LDAP groups found in groupDN \"\"; only policies from locally-defined groups available"}
	}
	return nil
}

func getLDAPConfig(r *core.Request) (*core.Answer, error) {
	c, err := r.Configs.Get(r.Ctx, r.Mount.UUID)
	if err != nil {
		return nil, err
	}
	data := ldapconfig.Defaults(r)
	if !r.Flavour.Old && !r.Flavour.Bao {
		for k, v := range map[string]any{"password_policy": "", "rotation_url": "", "use_pre111_group_cn_behavior": false} {
			data[k] = v
		}
	}
	ldapconfig.Overlay(data, c)
	tokens, err := directoryTokens(r)
	if err != nil {
		return nil, err
	}
	for k, v := range tokens.Shown(r.Flavour.Bao) {
		data[k] = v
	}
	return core.OK(data)
}

// directoryTokens is what the configuration of the mount says of its tokens.
func directoryTokens(r *core.Request) (t core.TokenFields, err error) {
	c, err := r.Configs.Get(r.Ctx, r.Mount.UUID)
	if err == nil && c != nil {
		err = t.Take(*c)
	}
	return t, err
}

func (b *Backend) getLDAPUser(r *core.Request) (*core.Answer, error) {
	u, err := core.Require(r.Ctx, b.users, userKey(r))
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"groups": strings.Join(u.Groups, ","), "policies": append([]string{}, u.Policies...)})
}

func (b *Backend) putLDAPUser(r *core.Request) (*core.Answer, error) {
	return nil, b.users.Change(r.Ctx, userKey(r), func(u *authUser, _ bool) error {
		u.Name = strings.ToLower(r.Vars["user"])
		if r.Has("groups") {
			u.Groups = r.List("groups")
		}
		return u.Take(r.Fields)
	})
}

func groupKey(r *core.Request) string { return r.Mount.UUID + "/" + strings.ToLower(r.Vars["group"]) }

func (b *Backend) getGroup(r *core.Request) (*core.Answer, error) {
	g, err := core.Require(r.Ctx, b.groups, groupKey(r))
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"policies": append([]string{}, g.Policies...)})
}

func (b *Backend) putGroup(r *core.Request) (*core.Answer, error) {
	return nil, b.groups.Put(r.Ctx, groupKey(r), authGroup{core.SanitizePolicies(r.List("policies"))}, time.Time{})
}

func (b *Backend) dropGroup(r *core.Request) (*core.Answer, error) {
	_, err := b.groups.Delete(r.Ctx, groupKey(r))
	return nil, err
}
