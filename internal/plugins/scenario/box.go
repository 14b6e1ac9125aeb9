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
	b := pluginhost.Box{Hostname: r.Box.Hostname, DNS: r.Box.DNS, Starling: r.Box.Starling, REST: r.Box.REST, Files: r.Box.Files,
		MemoryCache: r.Box.MemoryCache, TrustedCAs: map[string][]string{}, UserLists: map[string]pluginhost.UserList{},
		LDAP: map[string]pluginhost.LDAPPolicy{}, Redirects: map[string]string{}}
	var err error
	if b.CredentialStores, err = credentials(r.Box.Stores); err != nil {
		return b, err
	}
	for name, ca := range r.Box.TrustedCAs {
		b.TrustedCAs[name] = ca.PEM
		if ca.From != "" {
			if err := r.known("box.trusted_cas."+name, ca.From); err != nil {
				return b, err
			}
			b.TrustedCAs[name] = append(b.TrustedCAs[name], string(r.fleet.PKI.PEM()))
		}
	}
	for name, l := range r.Box.UserLists {
		b.UserLists[name] = pluginhost.UserList{Allow: l.Allow, Except: l.Except}
	}
	for name, p := range r.Box.LDAP {
		policy := pluginhost.LDAPPolicy{Users: p.Users, Groups: p.Groups}
		if p.From != "" {
			if err := r.known("box.ldap."+name, p.From); err != nil {
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
	if b.Proxy, err = proxy(r.Box.Proxy); err != nil {
		return b, err
	}
	switch r.Box.Trust {
	case "":
	case "inject":
		b.Trust = &pluginhost.Trust{PEM: string(r.fleet.PKI.PEM())}
	case "pinned":
		b.Trust = &pluginhost.Trust{PEM: string(r.fleet.PKI.PEM()), Pinned: true}
	default:
		return b, fmt.Errorf("box.trust must be inject or pinned, not %q", r.Box.Trust)
	}
	return b, nil
}

// known refuses a server that the fleet does not have.
func (r *run) known(what, server string) error {
	if _, ok := r.fleet.kind[server]; !ok {
		return fmt.Errorf("%s: there is no server %q", what, server)
	}
	return nil
}

// whereIs is the address of a server, of one of its ports, or an address as it is.
func (r *run) whereIs(from, to string) (string, error) {
	if strings.Contains(to, ":") {
		return to, nil
	}
	server, port, _ := strings.Cut(to, "/")
	if err := r.known("box.redirects."+from, server); err != nil {
		return "", err
	}
	path := server + ".address"
	if port != "" {
		path = server + "." + port + ".address"
	}
	return r.fleet.tree.look(path)
}

// credentials reads stores: a text is a password, a map a key or certificate.
func credentials(stores map[string]map[string]map[string]any) (map[string]map[string]map[string]pluginhost.Credential, error) {
	out := map[string]map[string]map[string]pluginhost.Credential{}
	for store, sections := range stores {
		out[store] = map[string]map[string]pluginhost.Credential{}
		for section, options := range sections {
			out[store][section] = map[string]pluginhost.Credential{}
			for option, v := range options {
				c, err := credential(v)
				if err != nil {
					return nil, fmt.Errorf("box.credential_stores.%s.%s.%s: %w", store, section, option, err)
				}
				out[store][section][option] = c
			}
		}
	}
	return out, nil
}

func credential(v any) (pluginhost.Credential, error) {
	switch v := v.(type) {
	case string:
		return pluginhost.Credential{Password: v}, nil
	case map[string]any:
		var c pluginhost.Credential
		for name, value := range v {
			s, ok := value.(string)
			field := map[string]*string{"password": &c.Password, "type": &c.Type, "key": &c.Key, "cert": &c.Cert}[name]
			if !ok || field == nil {
				return c, fmt.Errorf("a credential has password, type, key or cert, all texts; not %s", name)
			}
			*field = s
		}
		return c, nil
	}
	return pluginhost.Credential{}, fmt.Errorf("write a password in quotes, or a map with type and key")
}

// proxy reads the box's own proxy: server, port, username, password.
func proxy(m map[string]any) (*pluginhost.Proxy, error) {
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
				return nil, fmt.Errorf("box.proxy.port must be a number, not %s", text(v))
			}
			p.Port = n
		default:
			return nil, fmt.Errorf("box.proxy has server, port, username and password, not %s", name)
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
