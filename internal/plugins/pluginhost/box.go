package pluginhost

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Box is what a box offers to its plugins beside the session's facts.
type Box struct {
	// Hostname is the public name of the box; it also stands in /etc/hostnickname
	// (Creating custom AA plugins), unless Files has another one.
	Hostname string
	// DNS is the reverse table: IP address to names, the first being the primary
	// one. Forward look-ups use it too. A name that neither it nor Redirects
	// knows is not found, at once.
	DNS map[string][]string
	// Redirects leads connections elsewhere: "host:port" to "host:port".
	Redirects map[string]string
	// RealDNS lets unknown names reach the machine's resolver.
	RealDNS bool
	// CredentialStores are the local stores: store, then section (host), then
	// option (user) to credentials.
	CredentialStores map[string]map[string]map[string]Credential
	// TrustedCAs are the trusted CA lists: name to PEM certificates.
	TrustedCAs map[string][]string
	UserLists  map[string]UserList
	LDAP       map[string]LDAPPolicy
	Proxy      *Proxy
	Starling   string // the join's credential string; empty: not joined
	// REST is the configuration tree that plugins may query by path.
	REST map[string]any
	// Files appear under their absolute paths when plugin code opens them.
	Files map[string]string
	// MemoryCache is what the memory cache holds at first.
	MemoryCache map[string]string
	Trust       *Trust
}

// Credential is one entry of a credential store: a password, or a key with its
// type, or a key with a certificate.
type Credential struct {
	Password string `json:"password,omitempty"`
	Type     string `json:"type,omitempty"` // "ssh-rsa", "ssh-dss"; of a certificate: x509v3-sign-rsa
	Key      string `json:"key,omitempty"`
	Cert     string `json:"cert,omitempty"`
}

// UserList is a user list policy.
type UserList struct {
	Allow  string   `json:"allow"` // all_users or no_user
	Except []string `json:"except"`
}

// LDAPPolicy is what an LDAP server policy finds.
type LDAPPolicy struct {
	Users  map[string]map[string]any `json:"users"`  // name to attributes, each a value or a list
	Groups map[string][]string       `json:"groups"` // name to members
}

// Proxy is the box's own HTTP proxy.
type Proxy struct {
	Server             string
	Port               int
	Username, Password string // of a proxy that asks for them
}

// Trust makes plugins that bring no CA of their own trust this one. A box does
// not, so the Result of each session says that it was done.
type Trust struct {
	PEM     string
	Plugins []string // names; empty: all
	// Pinned adds the CA also to every list of CAs that a client loads by itself
	// and would trust alone: vendors' SDKs that bring one.
	Pinned bool
}

// wireBox is the box as the interpreters read it.
type wireBox struct {
	Hostname  string                                 `json:"hostname,omitempty"`
	DNS       map[string][]string                    `json:"dns"`
	Redirects map[string]string                      `json:"redirects"`
	RealDNS   bool                                   `json:"real_dns"`
	Stores    map[string]map[string]map[string][]any `json:"stores"` // store, user, host
	CAs       map[string][]string                    `json:"cas"`
	UserLists map[string]UserList                    `json:"user_lists"`
	LDAP      map[string]LDAPPolicy                  `json:"ldap"`
	Proxy     map[string]any                         `json:"proxy"`
	Starling  *string                                `json:"starling"`
	REST      map[string]any                         `json:"rest"`
	Files     map[string]string                      `json:"files"`  // path on the box to path here
	Cache     string                                 `json:"cache"`  // the memory cache's folder
	Pinned    string                                 `json:"pinned"` // the CA that goes beside lists of a client's own
}

// check looks at the tables that the interpreters rely on.
func (b Box) check() error {
	for from, to := range b.Redirects {
		for _, address := range []string{from, to} {
			host, port, err := net.SplitHostPort(address)
			if n, bad := strconv.Atoi(port); err != nil || bad != nil || host == "" || n < 1 || n > 65535 {
				return fmt.Errorf("%w: redirect %q to %q: write host:port", ErrFacts, from, to)
			}
		}
	}
	for name := range b.Files {
		if !filepath.IsAbs(name) {
			return fmt.Errorf("%w: the box's file %q has no absolute path", ErrFacts, name)
		}
	}
	return nil
}

// install writes the box below dir and returns the file for the interpreters.
func (b Box) install(dir string) (string, error) {
	w := wireBox{
		Hostname: b.Hostname, DNS: orEmpty(b.DNS), Redirects: orEmpty(b.Redirects), RealDNS: b.RealDNS, Stores: b.stores(), CAs: orEmpty(b.TrustedCAs),
		UserLists: b.userLists(), LDAP: orEmpty(b.LDAP), Proxy: b.proxy(), REST: b.REST, Files: map[string]string{}, Cache: filepath.Join(dir, "cache"),
	}
	if b.Starling != "" {
		w.Starling = &b.Starling
	}
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o700); err != nil {
		return "", err
	}
	for name, text := range b.files() {
		here := filepath.Join(dir, "files", strconv.Itoa(len(w.Files)))
		if err := os.WriteFile(here, []byte(text), 0o600); err != nil {
			return "", err
		}
		w.Files[name] = here
	}
	if b.Trust != nil {
		if err := os.WriteFile(filepath.Join(dir, trustFile), []byte(b.Trust.PEM), 0o600); err != nil {
			return "", err
		}
		if b.Trust.Pinned {
			w.Pinned = filepath.Join(dir, trustFile)
		}
	}
	data, err := json.Marshal(w)
	if err != nil {
		return "", fmt.Errorf("%w: the box: %w", ErrFacts, err)
	}
	name := filepath.Join(dir, "box.json")
	return name, os.WriteFile(name, data, 0o600)
}

// nickname is where the box keeps its public name for plugins.
const nickname = "/etc/hostnickname"

// files are the box's files, those that follow from its other facts among them.
func (b Box) files() map[string]string {
	out := maps.Clone(orEmpty(b.Files))
	if _, own := out[nickname]; !own && b.Hostname != "" {
		out[nickname] = b.Hostname + "\n"
	}
	return out
}

// trustFile holds the CA that plugins are made to trust.
const trustFile = "trust.pem"

// trusts reports whether a plugin is made to trust the box's CA.
func (b Box) trusts(plugin string) bool {
	return b.Trust != nil && (len(b.Trust.Plugins) == 0 || slices.Contains(b.Trust.Plugins, plugin))
}

// fillCache writes what the memory cache holds at first: one file per key, in
// the interpreters' format.
func (b Box) fillCache(dir string) error {
	dir = filepath.Join(dir, "cache")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for key, value := range b.MemoryCache {
		head, err := json.Marshal(map[string]any{"key": key, "expires": 0})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%x", sha256.Sum256([]byte(key)))
		if err := os.WriteFile(filepath.Join(dir, name), append(append(head, '\n'), value...), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// userLists gives every list its exceptions, which the SDK expects.
func (b Box) userLists() map[string]UserList {
	out := map[string]UserList{}
	for name, l := range b.UserLists {
		if l.Except == nil {
			l.Except = []string{}
		}
		out[name] = l
	}
	return out
}

// stores turns the credential stores around: the SDK's stand-in asks by user
// first, where a plugin's section is the host and its option the user.
func (b Box) stores() map[string]map[string]map[string][]any {
	out := map[string]map[string]map[string][]any{}
	for store, sections := range b.CredentialStores {
		users := map[string]map[string][]any{}
		for host, options := range sections {
			for user, c := range options {
				if users[user] == nil {
					users[user] = map[string][]any{}
				}
				users[user][host] = c.entries()
			}
		}
		out[store] = users
	}
	return out
}

// entries are what the store holds for one user at one host.
func (c Credential) entries() []any {
	var out []any
	if c.Password != "" || c.Key == "" {
		out = append(out, c.Password)
	}
	switch {
	case c.Key != "" && c.Cert != "":
		out = append(out, map[string]string{"type": cmp.Or(c.Type, "x509v3-sign-rsa"), "key": c.Key, "cert": c.Cert})
	case c.Key != "":
		out = append(out, map[string]string{"type": cmp.Or(c.Type, keyRSA), "key": c.Key})
	}
	return out
}

// proxy is the box's proxy as its REST configuration has it.
func (b Box) proxy() map[string]any {
	p := b.Proxy
	if p == nil {
		return nil
	}
	auth := map[string]any{"selection": "none"}
	if p.Username != "" {
		auth = map[string]any{"selection": "password", "username": p.Username, "password": p.Password}
	}
	return map[string]any{"enabled": true, "server": map[string]any{"selection": "fqdn", "value": p.Server}, "port": p.Port, "authentication": auth}
}
