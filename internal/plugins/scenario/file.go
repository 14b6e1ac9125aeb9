// Package scenario runs scenario files: one behaviour of a plugin per file, each
// case against a fresh fleet of its own, with what is expected of hooks, log
// and backends. The format is the plugin host contract's section 11.
package scenario

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"

	"counterpart/internal/serving/strictyaml"
)

// File is one scenario file, or one case of it with the case's own values
// merged over the file's.
type File struct {
	Title        string     `yaml:"scenario"`
	SPS          string     `yaml:"sps"`
	Mode         string     `yaml:"mode"`
	ProxyTimeout float64    `yaml:"proxy_timeout"` // seconds
	Python       string     `yaml:"python"`
	Fleet        Fleet      `yaml:"fleet"`
	Plugins      Plugins    `yaml:"plugins"`
	Limits       Limits     `yaml:"limits"`
	Box          Box        `yaml:"box"`
	Connection   Connection `yaml:"connection"`
	Prompts      []Prompt   `yaml:"prompts"`
	Target       *Target    `yaml:"target"`
	During       []Step     `yaml:"during"`
	Legs         int        `yaml:"legs"`
	SessionEnded string     `yaml:"session_ended"` // "always": also for a store that was never asked
	AllowOpen    []string   `yaml:"allow_open"`    // when plugin mutate may see a user let in: "unreachable"
	Expect       Expect     `yaml:"expect"`
}

// Fleet says which company the plugin talks to.
type Fleet struct {
	Seed  string         `yaml:"seed"`  // file beside the scenario, or demo, minimal, …; default demo
	Off   []string       `yaml:"off"`   // servers that are down
	Merge map[string]any `yaml:"merge"` // laid over the seed
}

// Plugins are the plugins of the connection policy.
type Plugins struct {
	AA    *Plugin `yaml:"aa"`
	Store *Plugin `yaml:"credentialstore"`
}

// Plugin is one uploaded plugin with its configuration.
type Plugin struct {
	Package    string `yaml:"package"` // zip or folder
	Deps       string `yaml:"deps"`    // extra site directory
	Config     string `yaml:"config"`
	ConfigFile string `yaml:"config_file"`
}

// Box is what SPS itself offers plugins.
type Box struct {
	Hostname    string                               `yaml:"hostname"`
	DNS         map[string][]string                  `yaml:"dns"`
	Stores      map[string]map[string]map[string]any `yaml:"credential_stores"`
	TrustedCAs  map[string]TrustedCA                 `yaml:"trusted_cas"`
	UserLists   map[string]UserList                  `yaml:"user_lists"`
	LDAP        map[string]LDAPPolicy                `yaml:"ldap"`
	Proxy       map[string]any                       `yaml:"proxy"`
	Starling    string                               `yaml:"starling"`
	REST        map[string]any                       `yaml:"rest"`
	Files       map[string]string                    `yaml:"files"`
	MemoryCache map[string]string                    `yaml:"memory_cache"`
	Redirects   map[string]string                    `yaml:"redirects"` // host:port → server, or server/port
	Trust       string                               `yaml:"trust"`     // "inject": the plugin trusts the fleet's CA; "pinned": an SDK with CAs of its own does, too
}

// TrustedCA is a list of certificates: of a server of the fleet, or PEM texts.
type TrustedCA struct {
	From string   `yaml:"from"`
	PEM  []string `yaml:"pem"`
}

// UserList is a User List policy.
type UserList struct {
	Allow  string   `yaml:"allow"` // no_user, all_users
	Except []string `yaml:"except"`
}

// LDAPPolicy is an LDAP Server policy: the fleet's people, or people of its own.
type LDAPPolicy struct {
	From   string                    `yaml:"from"` // any server of the fleet: its people and groups
	Users  map[string]map[string]any `yaml:"users"`
	Groups map[string][]string       `yaml:"groups"`
}

// Connection is what SPS knows of the user's connection.
type Connection struct {
	Protocol  string            `yaml:"protocol"`
	Policy    string            `yaml:"policy"`
	Client    Endpoint          `yaml:"client"`
	Login     string            `yaml:"login"`
	KeyValues map[string]string `yaml:"key_values"`
	Gateway   Gateway           `yaml:"gateway"`
	Server    Endpoint          `yaml:"server"`
	Mapping   *bool             `yaml:"usermapping"`
}

// Endpoint is one end of a connection.
type Endpoint struct {
	User     string `yaml:"user"`
	IP       string `yaml:"ip"`
	Port     int    `yaml:"port"`
	Hostname string `yaml:"hostname"`
	Domain   string `yaml:"domain"`
}

// Gateway is who authenticated on the gateway.
type Gateway struct {
	User     string   `yaml:"user"`
	Password string   `yaml:"password"`
	Groups   []string `yaml:"groups"`
	Domain   string   `yaml:"domain"`
}

// Prompt is one question that the plugin asks and what the person does.
type Prompt struct {
	Ask    *Question `yaml:"ask"`
	Answer string    `yaml:"answer"`
	Hangup bool      `yaml:"hangup"`
	Wait   string    `yaml:"wait"` // fleet time that passes before the answer
}

// Question is what is expected of a prompt; what is absent is not looked at.
type Question struct {
	Key    any `yaml:"key"`
	Text   any `yaml:"text"`
	Hidden any `yaml:"hidden"`
}

// Target says which secrets the target accepts.
type Target struct {
	Offers  []string `yaml:"offers"`
	Accepts Accepts  `yaml:"accepts"`
}

// Accepts is the right secret.
type Accepts struct {
	Password string `yaml:"password"`
	Key      string `yaml:"key"`
}

// Step is something that happens while the session runs.
type Step struct {
	RemoteApp *struct {
		Asset string `yaml:"asset"`
	} `yaml:"remote_app"`
	TOTP bool   `yaml:"totp"`
	Wait string `yaml:"wait"`
}

// Expect is what must be true at the end; absent parts are not looked at.
type Expect struct {
	Outcome       any              `yaml:"outcome"`
	Error         any              `yaml:"error"` // the kind, with outcome error
	Authenticate  map[string]any   `yaml:"authenticate"`
	Authorize     map[string]any   `yaml:"authorize"`
	SessionEnded  map[string]any   `yaml:"session_ended"`
	Passwords     map[string]any   `yaml:"get_password_list"`
	Keys          map[string]any   `yaml:"get_private_key_list"`
	Completed     map[string]any   `yaml:"authentication_completed"`
	RemoteApp     map[string]any   `yaml:"get_remote_app_credentials"`
	TOTP          map[string]any   `yaml:"get_totp_codes"`
	PasswordList  []any            `yaml:"passwords"`
	KeyList       []map[string]any `yaml:"keys"`
	Cookie        Cookies          `yaml:"cookie"`
	SessionCookie any              `yaml:"session_cookie"`
	Log           []any            `yaml:"log"`
	NoLog         []any            `yaml:"no_log"`
	Backend       []map[string]any `yaml:"backend"`
	BackendExact  bool             `yaml:"backend_exact"`
	Review        []any            `yaml:"review"` // remarks that are expected
}

// Cookies are the plugins' own cookies.
type Cookies struct {
	AA    any `yaml:"aa"`
	Store any `yaml:"credentialstore"`
}

// Case is one test: a file, or one entry of its cases.
type Case struct {
	File
	Path string // of the scenario file
	Name string // of the case; empty for a file without cases
	// Given tells which lists of expect are there at all: an empty list says
	// "none", an absent one "do not look".
	Given map[string]bool

	raw  map[string]any // as written, merged, with its holes
	size int            // of that as a text, in octets
}

// Label names the case for people: file and case.
func (c Case) Label() string {
	if c.Name == "" {
		return c.Path
	}
	return c.Path + ": " + c.Name
}

// decode turns merged values into a case and checks what must be there.
func decode(path, name string, m map[string]any) (Case, error) {
	c := Case{Path: path, Name: name, Given: map[string]bool{}, raw: m}
	where := Case{Path: path, Name: name}.Label()
	text, err := yaml.Marshal(m)
	if err != nil {
		return c, fmt.Errorf("%s: %w", where, err)
	}
	c.size = len(text)
	if _, err := strictyaml.Decode(context.Background(), text, config(8), &c.File); err != nil {
		return c, named(where, err)
	}
	if expect, ok := m["expect"].(map[string]any); ok {
		for k := range expect {
			c.Given[k] = true
		}
	}
	for _, part := range []string{"expect", "prompts"} {
		if err := expressions(part, m[part]); err != nil {
			return c, fmt.Errorf("%s: %w", where, err)
		}
	}
	if err := c.Expect.known(); err != nil {
		return c, fmt.Errorf("%s: %w", where, err)
	}
	if err := c.Limits.Check(); err != nil {
		return c, fmt.Errorf("%s: %w", where, err)
	}
	return c, c.check(where)
}

// hookKeys and keyKeys are what a hook and a private key may be expected to be.
var (
	hookKeys = []string{"calls", "error", "gateway_groups", "gateway_user", "max_ms", "metadata", "reason", "verdict"}
	keyKeys  = []string{"fingerprint", "pem", "refused", "type"}
)

// known refuses keys that nothing has: `absent` would be true of them whatever
// happens.
func (e Expect) known() error {
	for name, keys := range map[string]map[string]any{"authenticate": e.Authenticate, "authorize": e.Authorize, "session_ended": e.SessionEnded,
		"get_password_list": e.Passwords, "get_private_key_list": e.Keys, "authentication_completed": e.Completed,
		"get_remote_app_credentials": e.RemoteApp, "get_totp_codes": e.TOTP} {
		if err := among("expect."+name, keys, hookKeys); err != nil {
			return err
		}
		if limit, ok := keys["max_ms"]; ok && number(limit) == nil {
			return fmt.Errorf("expect.%s.max_ms: %s is no number of milliseconds", name, shown(limit))
		}
	}
	for i, k := range e.KeyList {
		if err := among(fmt.Sprintf("expect.keys[%d]", i), k, keyKeys); err != nil {
			return err
		}
	}
	return nil
}

// among refuses a key that is none of the known ones.
func among(where string, keys map[string]any, known []string) error {
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if slices.Contains(known, k) {
			continue
		}
		hint := strictyaml.DidYouMean(k, known)
		return fmt.Errorf("%s: unknown key `%s`, %s", where, strictyaml.Short(k), hint)
	}
	return nil
}

// expressions refuses a /…/ that is no regular expression: it would fit nothing.
func expressions(where string, v any) error {
	switch v := v.(type) {
	case string:
		if len(v) > 2 && v[0] == '/' && v[len(v)-1] == '/' {
			if _, err := regexp.Compile(v[1 : len(v)-1]); err != nil {
				return fmt.Errorf("%s: %s: %w", where, v, err)
			}
		}
	case map[string]any:
		for k, e := range v {
			if err := expressions(where+"."+k, e); err != nil {
				return err
			}
		}
	case []any:
		for i, e := range v {
			if err := expressions(fmt.Sprintf("%s[%d]", where, i), e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Case) check(where string) error {
	switch {
	case c.Title == "":
		return fmt.Errorf("%s: `scenario`, the title, is missing", where)
	case c.Plugins.AA == nil && c.Plugins.Store == nil:
		return fmt.Errorf("%s: `plugins` needs an `aa` or a `credentialstore` plugin", where)
	case c.Mode != "" && c.Mode != "fresh" && c.Mode != "worker":
		return fmt.Errorf("%s: mode must be fresh or worker, not %q", where, c.Mode)
	case c.Connection.Protocol == "":
		return fmt.Errorf("%s: `connection.protocol` is missing: ssh, rdp, telnet, …", where)
	case c.Connection.Login != "" && c.Connection.KeyValues != nil:
		return fmt.Errorf("%s: give either `connection.login` or `connection.key_values`", where)
	}
	for _, when := range c.AllowOpen {
		if when != "unreachable" {
			return fmt.Errorf("%s: allow_open knows unreachable, not %q", where, when)
		}
	}
	for _, p := range []*Plugin{c.Plugins.AA, c.Plugins.Store} {
		if p != nil && p.Package == "" {
			return fmt.Errorf("%s: a plugin has no `package`", where)
		}
		if p != nil && p.Config != "" && p.ConfigFile != "" {
			return fmt.Errorf("%s: give either `config` or `config_file`", where)
		}
	}
	return nil
}
