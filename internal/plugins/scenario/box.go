package scenario

import (
	"fmt"
	"strconv"
	"strings"

	"counterpart/internal/company/world"
	"counterpart/internal/plugins/pluginhost"
)

// box is the scenario's box in the host's terms.
func (r *run) box() (pluginhost.Box, error) {
	rest, _ := plain(r.Box.REST).(map[string]any)
	b := pluginhost.Box{Hostname: r.Box.Hostname, DNS: r.Box.DNS, Starling: r.Box.Starling, REST: rest, Files: r.Box.Files,
		MemoryCache: r.Box.MemoryCache, TrustedCAs: map[string][]string{}, UserLists: map[string]pluginhost.UserList{},
		LDAP: map[string]pluginhost.LDAPPolicy{}, Redirects: map[string]string{}}
	var err error
	if b.CredentialStores, err = r.credentials(r.Box.Stores); err != nil {
		return b, err
	}
	for name, ca := range r.Box.TrustedCAs {
		b.TrustedCAs[name] = ca.PEM
		if ca.From != "" {
			if err := r.server("box.trusted_cas."+name+".from", ca.From); err != nil {
				return b, err
			}
			b.TrustedCAs[name] = append(b.TrustedCAs[name], string(r.fleet.PKI.PEM()))
		}
	}
	for name, l := range r.Box.UserLists {
		b.UserLists[name] = pluginhost.UserList{Allow: l.Allow, Except: l.Except}
	}
	for name, p := range r.Box.LDAP {
		policy := pluginhost.LDAPPolicy{Users: map[string]map[string]any{}, Groups: p.Groups}
		for user, attributes := range p.Users {
			policy.Users[user], _ = plain(attributes).(map[string]any)
		}
		if p.From != "" {
			if err := r.server("box.ldap."+name+".from", p.From); err != nil {
				return b, err
			}
			policy = directory(r.fleet.World)
		}
		b.LDAP[name] = policy
	}
	for from, to := range r.Box.Redirects {
		if b.Redirects[from], err = r.whereIs(from, to); err != nil {
			return b, err
		}
	}
	if b.Proxy, err = r.proxy(r.Box.Proxy); err != nil {
		return b, err
	}
	switch r.Box.Trust {
	case "inject":
		b.Trust = &pluginhost.Trust{PEM: string(r.fleet.PKI.PEM())}
	case "pinned":
		b.Trust = &pluginhost.Trust{PEM: string(r.fleet.PKI.PEM()), Pinned: true}
	}
	return b, nil
}

// whereIs is the address of a server, of one of its ports, or an address as it is.
func (r *run) whereIs(from, to string) (string, error) {
	if strings.Contains(to, ":") {
		return to, nil
	}
	server, port, _ := strings.Cut(to, "/")
	if err := r.server("box.redirects."+from, server); err != nil {
		return "", err
	}
	path := server + ".address"
	if port != "" {
		path = server + "." + port + ".address"
	}
	address, err := r.fleet.tree.look(path)
	if err != nil {
		return "", r.problem("box.redirects."+from, fmt.Sprintf("the server %q has no port %q", server, port))
	}
	return address, nil
}

// credentials reads stores: a text is a password, a map a key or certificate.
func (r *run) credentials(stores map[string]map[string]map[string]any) (map[string]map[string]map[string]pluginhost.Credential, error) {
	out := map[string]map[string]map[string]pluginhost.Credential{}
	for store, sections := range stores {
		out[store] = map[string]map[string]pluginhost.Credential{}
		for section, options := range sections {
			out[store][section] = map[string]pluginhost.Credential{}
			for option, v := range options {
				c, err := credential(v)
				if err != nil {
					path := fmt.Sprintf("box.credential_stores.%s.%s.%s", store, section, option)
					return nil, r.problem(path, path+": "+err.Error())
				}
				out[store][section][option] = c
			}
		}
	}
	return out, nil
}

func credential(v any) (pluginhost.Credential, error) {
	switch v := v.(type) {
	case string, written:
		return pluginhost.Credential{Password: text(v)}, nil
	case map[string]any:
		var c pluginhost.Credential
		for name, value := range v {
			s, ok := value.(string)
			if w, digits := value.(written); digits {
				s, ok = w.text, true
			}
			field := map[string]*string{"password": &c.Password, "type": &c.Type, "key": &c.Key, "cert": &c.Cert}[name]
			if !ok || field == nil {
				return c, fmt.Errorf("a credential has password, type, key or cert, all texts; not %s", name)
			}
			*field = s
		}
		return c, nil
	}
	return pluginhost.Credential{}, fmt.Errorf("write a password, or a block with type and key")
}

// proxy reads the box's own proxy: server, port, username, password.
func (r *run) proxy(m map[string]any) (*pluginhost.Proxy, error) {
	if len(m) == 0 {
		return nil, nil
	}
	p := &pluginhost.Proxy{Port: 3128}
	for name, v := range m {
		switch name {
		case "server":
			p.Server = text(v)
		case "username":
			p.Username = text(v)
		case "password":
			p.Password = text(v)
		case "port":
			n, err := strconv.Atoi(text(v))
			if err != nil {
				return nil, r.problem("box.proxy.port", fmt.Sprintf("box.proxy.port must be a number, not %s", text(v)))
			}
			p.Port = n
		}
	}
	return p, nil
}

// directory is the fleet's people as an LDAP Server policy finds them.
func directory(w *world.World) pluginhost.LDAPPolicy {
	p := pluginhost.LDAPPolicy{Users: map[string]map[string]any{}, Groups: map[string][]string{}}
	for g := range w.Groups() {
		p.Groups[g.Name] = []string{}
	}
	for u := range w.Users() {
		attributes := map[string]any{"uid": u.Name, "cn": u.DisplayName, "displayName": u.DisplayName, "sAMAccountName": u.Name,
			"givenName": u.GivenName, "sn": u.Surname, "mail": u.Email, "telephoneNumber": u.Phone, "mobile": u.Phone}
		for name, v := range attributes {
			if v == "" {
				delete(attributes, name)
			}
		}
		for name, v := range u.Attributes {
			attributes[name] = v
		}
		p.Users[u.Name] = attributes
		for _, g := range w.GroupsOf(u.ID) {
			p.Groups[g.Name] = append(p.Groups[g.Name], u.Name)
		}
	}
	return p
}
