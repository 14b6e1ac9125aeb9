package vault

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
)

// ldapAuthEngine is the auth method ldap: the company's people, with the passwords
// that the directory has.
func ldapAuthEngine() *engine {
	e := newEngine("ldap",
		&pathSpec{pattern: "login/*user", name: "login", public: true, login: true, ops: map[operation]handler{opWrite: ldapLogin}},
		&pathSpec{pattern: "config", name: "config", ops: map[operation]handler{opRead: getLDAPConfig, opWrite: putLDAPConfig}},
		&pathSpec{pattern: "users", name: "users", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.users.Names(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "users/*user", name: "users", ops: map[operation]handler{opRead: getLDAPUser, opWrite: putLDAPUser, opDelete: dropUser}},
		&pathSpec{pattern: "groups", name: "groups", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.groups.Names(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "groups/*group", name: "groups", ops: map[operation]handler{opRead: getGroup, opWrite: putGroup, opDelete: dropGroup}},
	)
	e.relogin = reloginPerson
	return e
}

// reloginPerson lets somebody of the directory have the policies of now.
func reloginPerson(r *request, m *mount, t *token) (*tokenFields, error) {
	here := r.mount
	defer func() { r.mount = here }()
	r.mount = m
	var l login
	if err := r.ldapPolicies(&l, t.Data.Meta["username"], t.Owner); err != nil {
		return nil, err
	}
	if !slices.Equal(l.token.policies(l.policies...), t.Data.Policies) {
		return nil, faulty("failed to renew entry: policies have changed, not renewing")
	}
	return &l.token, nil
}

// directoryURL is what the mount's configuration calls the directory.
func (r *request) directoryURL() string {
	c, err := r.configs.Get(r.ctx, r.mount.UUID)
	if err == nil && c != nil {
		if url, ok := (*c)["url"].(string); ok && url != "" {
			return url
		}
	}
	return "ldap://127.0.0.1"
}

func ldapLogin(r *request) (*answer, error) {
	typed := r.vars["user"]
	password := r.text("password")
	if password == "" {
		status := http.StatusInternalServerError
		if r.flavour.bao {
			status = http.StatusBadRequest
		}
		refused := refuse(status, "password cannot be of zero length when passwordless binds are being denied")
		refused.reason = cause.BadInput
		return nil, refused
	}
	if _, down := r.call.Fault("directory-down"); down {
		status := http.StatusInternalServerError
		if r.flavour.bao {
			status = http.StatusBadRequest
		}
		host := strings.TrimPrefix(strings.TrimPrefix(r.directoryURL(), "ldap://"), "ldaps://")
		return nil, refuse(status, "%s", one(fmt.Sprintf("error connecting to host %q: LDAP Result Code 200 \"Network Error\": dial tcp %s: connect: connection refused",
			r.directoryURL(), host)))
	}
	return r.guarded(typed, func() (*answer, error) {
		u, err := r.Logins.Login(r.ctx, typed, password)
		if err != nil {
			refused := refuse(http.StatusBadRequest, "%s", r.pick("invalid credentials", "ldap operation failed: failed to bind as user"))
			refused.reason = cause.WrongPassword
			return nil, refusedLogin(err, refused)
		}
		l := login{alias: u.Name, owner: u.ID, display: strings.Trim(strings.TrimPrefix(r.mount.Path, "auth/"), "/") + "-" + typed,
			metadata: map[string]string{"username": typed}, data: map[string]any{}}
		if err := r.ldapPolicies(&l, typed, u.ID); err != nil {
			return nil, err
		}
		return r.login(l)
	})
}

// ldapPolicies adds what the mount's users and groups give.
func (r *request) ldapPolicies(l *login, typed, userID string) error {
	local, err := r.users.Get(r.ctx, r.mount.UUID+"/"+strings.ToLower(typed))
	if err != nil {
		return err
	}
	if l.token, err = r.directoryTokens(); err != nil {
		return err
	}
	var more []string
	if local != nil {
		more = local.Groups
		l.policies = append(l.policies, local.Policies...)
		l.token.TTL, l.token.MaxTTL = cmp.Or(local.TTL, l.token.TTL), cmp.Or(local.MaxTTL, l.token.MaxTTL)
	}
	names, err := r.groups.Names(r.ctx, r.mount.UUID+"/")
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
		g, err := r.groups.Get(r.ctx, r.mount.UUID+"/"+name)
		if err != nil {
			return err
		}
		if g != nil {
			l.policies = append(l.policies, g.Policies...)
		}
	}
	if r.flavour.bao && member == 0 {
		l.warnings = []string{"no LDAP groups found in groupDN \"\"; only policies from locally-defined groups available"}
	}
	return nil
}

func getLDAPConfig(r *request) (*answer, error) {
	c, err := r.configs.Get(r.ctx, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	data := r.ldapDefaults()
	if !r.flavour.old && !r.flavour.bao {
		for k, v := range map[string]any{"password_policy": "", "rotation_url": "", "use_pre111_group_cn_behavior": false} {
			data[k] = v
		}
	}
	overlay(data, c)
	tokens, err := r.directoryTokens()
	if err != nil {
		return nil, err
	}
	for k, v := range tokens.shown(r.flavour.bao) {
		data[k] = v
	}
	return ok(data)
}

// directoryTokens is what the configuration of the mount says of its tokens.
func (r *request) directoryTokens() (t tokenFields, err error) {
	c, err := r.configs.Get(r.ctx, r.mount.UUID)
	if err == nil && c != nil {
		err = t.take(*c)
	}
	return t, err
}

// ldapDefaults is an empty configuration of the auth method and of the engine.
func (r *request) ldapDefaults() map[string]any {
	data := map[string]any{"binddn": "", "case_sensitive_names": false, "certificate": "", "deny_null_bind": true, "discoverdn": false,
		"groupattr": "cn", "groupdn": "", "groupfilter": "(|(memberUid={{.Username}})(member={{.UserDN}})(uniqueMember={{.UserDN}}))",
		"insecure_tls": false, "request_timeout": 90, "starttls": false, "tls_max_version": "tls12", "tls_min_version": "tls12", "upndomain": "",
		"url": "ldap://127.0.0.1", "use_token_groups": false, "userattr": "cn", "userdn": "", "userfilter": "({{.UserAttr}}={{.Username}})",
		"username_as_alias": false}
	if r.flavour.bao {
		data["anonymous_group_search"], data["connection_timeout"], data["dereference_aliases"] = false, 30, "never"
		data["max_page_size"], data["use_pre111_group_cn_behavior"] = 0, false
	}
	if !r.flavour.old && !r.flavour.bao {
		for k, v := range map[string]any{"anonymous_group_search": false, "connection_timeout": 30, "dereference_aliases": "never",
			"disable_automated_rotation": false, "enable_samaccountname_login": false, "max_page_size": 0, "rotation_period": 0,
			"rotation_schedule": "", "rotation_window": 0} {
			data[k] = v
		}
	}
	return data
}

// overlay puts what was configured over an empty configuration. A name that it has
// not is nobody's.
func overlay(data map[string]any, configured *map[string]any) {
	if configured == nil {
		return
	}
	for k := range data {
		if v, given := (*configured)[k]; given {
			data[k] = v
		}
	}
}

func putLDAPConfig(r *request) (*answer, error) {
	if err := (&tokenFields{}).take(r.fields); err != nil {
		return nil, err
	}
	return nil, r.configs.Change(r.ctx, r.mount.UUID, func(c *map[string]any, _ bool) error {
		if *c == nil {
			*c = map[string]any{}
		}
		for k, v := range r.raw {
			(*c)[k] = v
		}
		return nil
	})
}

func getLDAPUser(r *request) (*answer, error) {
	u, err := need(r.ctx, r.users, r.userKey())
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"groups": strings.Join(u.Groups, ","), "policies": append([]string{}, u.Policies...)})
}

func putLDAPUser(r *request) (*answer, error) {
	return nil, r.users.Change(r.ctx, r.userKey(), func(u *authUser, _ bool) error {
		u.Name = strings.ToLower(r.vars["user"])
		if r.has("groups") {
			u.Groups = r.list("groups")
		}
		return u.take(r.fields)
	})
}

func (r *request) groupKey() string { return r.mount.UUID + "/" + strings.ToLower(r.vars["group"]) }

func getGroup(r *request) (*answer, error) {
	g, err := need(r.ctx, r.groups, r.groupKey())
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"policies": append([]string{}, g.Policies...)})
}

func putGroup(r *request) (*answer, error) {
	return nil, r.groups.Put(r.ctx, r.groupKey(), authGroup{sanitized(r.list("policies"))}, time.Time{})
}

func dropGroup(r *request) (*answer, error) {
	_, err := r.groups.Delete(r.ctx, r.groupKey())
	return nil, err
}
