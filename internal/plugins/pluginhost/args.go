package pluginhost

import (
	"encoding/json"
	"slices"
)

// identity is who the session's user is to the box, at the moment.
type identity struct {
	user, password, domain string
	groups                 []string // nil is None
}

// column is one argument and the hooks that it is offered to.
type column struct {
	name  string
	hooks []Hook
	value func(v view) any
	api   API // from which on
}

// view is what arguments are made of.
type view struct {
	id     string
	hook   Hook
	conn   Connection
	who    identity
	kv     KeyValues
	known  bool // the server's user is known
	asset  string
	cookie json.RawMessage
	shared json.RawMessage
}

// maybe is None for an empty text.
func maybe(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// maybePort is None for no port.
func maybePort(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// maybeList keeps None and the empty list apart.
func maybeList(l []string) any {
	if l == nil {
		return nil
	}
	return slices.Clone(l)
}

var (
	inAll   = []Hook{Authenticate, Authorize, GetPasswordList, GetPrivateKeyList, GetTOTPCodes, GetRemoteAppCredentials, AuthenticationCompleted, SessionEnded}
	inBoth  = []Hook{Authenticate, Authorize}
	inFetch = []Hook{GetPasswordList, GetPrivateKeyList, GetTOTPCodes, GetRemoteAppCredentials}
	inMost  = append(slices.Clone(inBoth), inFetch...)
	afterA  = append([]Hook{Authorize}, inFetch...)
	inApp   = []Hook{GetRemoteAppCredentials}
	inNamed = append(slices.Clone(inBoth), GetRemoteAppCredentials)
)

// servers are the arguments that came with API 1.5. Before it there was only
// target_*; since then both are sent.
var servers = API{Major: 1, Minor: 5}

// columns says which argument goes to which hooks.
var columns = []column{
	{name: "session_id", hooks: inAll, value: func(v view) any { return v.id }},
	{name: "cookie", hooks: inAll, value: func(v view) any { return v.cookie }},
	{name: "session_cookie", hooks: inAll, value: func(v view) any { return v.shared }},
	{name: "protocol", hooks: inMost, value: func(v view) any { return v.conn.Protocol }},
	{name: "connection_name", hooks: inNamed, value: func(v view) any { return v.conn.Policy }},
	{name: "client_ip", hooks: inMost, value: func(v view) any { return v.conn.Client.IP }},
	{name: "client_port", hooks: inBoth, value: func(v view) any { return v.conn.Client.Port }},
	{name: "client_hostname", hooks: inMost, value: func(v view) any { return maybe(v.conn.Client.Hostname) }, api: servers},
	{name: "gateway_user", hooks: inBoth, value: func(v view) any { return maybe(v.who.user) }},
	{name: "gateway_username", hooks: inFetch, value: func(v view) any { return maybe(v.who.user) }},
	{name: "gateway_password", hooks: inFetch, value: func(v view) any { return v.who.password }},
	{name: "gateway_domain", hooks: inMost, value: func(v view) any { return maybe(v.who.domain) }},
	{name: "gateway_groups", hooks: afterA, value: func(v view) any { return maybeList(v.who.groups) }},
	{name: "key_value_pairs", hooks: inBoth, value: func(v view) any { return v.kv }},
	{name: "server_username", hooks: inMost, value: serverUser, api: servers},
	{name: "server_domain", hooks: inMost, value: func(v view) any { return maybe(v.conn.Server.Domain) }, api: servers},
	{name: "server_ip", hooks: afterA, value: func(v view) any { return maybe(v.conn.Server.IP) }, api: servers},
	{name: "server_port", hooks: afterA, value: serverPort, api: servers},
	{name: "server_hostname", hooks: afterA, value: func(v view) any { return maybe(v.conn.Server.Hostname) }, api: servers},
	{name: "asset", hooks: inApp, value: func(v view) any { return maybe(v.asset) }},
	{name: "target_username", hooks: inMost, value: serverUser},
	{name: "target_server", hooks: []Hook{Authorize}, value: serverHost},
	{name: "target_host", hooks: inFetch, value: serverHost},
	{name: "target_port", hooks: afterA, value: serverPort},
	{name: "target_domain", hooks: inFetch, value: func(v view) any { return maybe(v.conn.Server.Domain) }},
}

func serverUser(v view) any {
	if !v.known {
		return nil
	}
	return maybe(v.conn.Server.User)
}

func serverPort(v view) any { return maybePort(v.conn.Server.Port) }

func serverHost(v view) any {
	if v.conn.Server.Hostname != "" {
		return v.conn.Server.Hostname
	}
	return maybe(v.conn.Server.IP)
}

// offer is every argument that a release has for a hook.
func offer(api API, v view) map[string]any {
	args := map[string]any{}
	for _, c := range columns {
		if slices.Contains(c.hooks, v.hook) && api.AtLeast(c.api.Major, c.api.Minor) {
			args[c.name] = c.value(v)
		}
	}
	return args
}

// hooksOf are the hooks of a plugin type that a release knows.
func hooksOf(kind string, api API) []Hook {
	if kind == AA {
		return []Hook{Authenticate, Authorize, SessionEnded}
	}
	hooks := []Hook{GetPasswordList, GetPrivateKeyList, AuthenticationCompleted, SessionEnded}
	for _, late := range []Hook{GetRemoteAppCredentials, GetTOTPCodes} {
		if available(late, api) {
			hooks = append(hooks, late)
		}
	}
	return hooks
}

// available reports whether a release calls a hook at all.
func available(h Hook, api API) bool {
	switch h {
	case GetRemoteAppCredentials:
		return api.AtLeast(1, 7)
	case GetTOTPCodes:
		return api.AtLeast(1, 9)
	}
	return true
}
