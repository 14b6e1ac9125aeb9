package pluginhost

import "encoding/json"

// Box is what a box offers to its plugins beside the session's facts.
type Box struct {
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
}

// wire is the box as runner.py reads it.
type wireBox struct {
	Hostname  string                                         `json:"hostname,omitempty"`
	DNS       map[string][]string                            `json:"dns"`
	Redirects map[string]string                              `json:"redirects"`
	RealDNS   bool                                           `json:"real_dns"`
	Stores    map[string]map[string]map[string][]storedEntry `json:"stores"` // store, user, host
	CAs       map[string][]string                            `json:"cas"`
	UserLists map[string]UserList                            `json:"user_lists"`
	LDAP      map[string]LDAPPolicy                          `json:"ldap"`
	Proxy     map[string]any                                 `json:"proxy"`
	Starling  *string                                        `json:"starling"`
	REST      map[string]any                                 `json:"rest"`
	Files     map[string]string                              `json:"files"` // path on the box to path here
	Cache     string                                         `json:"cache"` // the memory cache's folder
}

// storedEntry is a password, or a mapping with a key.
type storedEntry struct{ v any }

// MarshalJSON implements json.Marshaler.
func (e storedEntry) MarshalJSON() ([]byte, error) { return json.Marshal(e.v) }
