// Package pluginhost runs plugins of One Identity Safeguard for Privileged
// Sessions hook by hook, as SPS does: it checks a package as an upload would,
// starts a Python interpreter for each hook, plays whole sessions with prompts,
// cookies, credentials and time-outs, and stands in for what a box offers to
// its plugins. It proxies nothing: the target server is reduced to the secrets
// that it would accept.
package pluginhost

import "time"

// Mode is how plugin code is run.
type Mode string

// The modes.
const (
	Fresh  Mode = "fresh"  // a new interpreter for every hook, as SPS does
	Worker Mode = "worker" // long-lived interpreters, a new Plugin object per hook
)

// Hook is one of the methods that SPS calls on a plugin.
type Hook string

// The hooks, in the order in which a session can reach them.
const (
	Authenticate            Hook = "authenticate"
	Authorize               Hook = "authorize"
	GetPrivateKeyList       Hook = "get_private_key_list"
	GetPasswordList         Hook = "get_password_list"
	AuthenticationCompleted Hook = "authentication_completed"
	GetRemoteAppCredentials Hook = "get_remote_app_credentials"
	GetTOTPCodes            Hook = "get_totp_codes"
	SessionEnded            Hook = "session_ended"
)

// Hooks are all of them.
func Hooks() []Hook {
	return []Hook{Authenticate, Authorize, GetPrivateKeyList, GetPasswordList, AuthenticationCompleted, GetRemoteAppCredentials, GetTOTPCodes, SessionEnded}
}

// The defaults and bounds of a session.
const (
	DefaultProxyTimeout = 600 * time.Second // a hook may take half of it
	DefaultPrompts      = 20
	maxCookie           = 1 << 20 // bytes of JSON; the box's own limit is not documented
	largeCookie         = 64 << 10
)

// unverified lists what no source settles and what this package therefore
// decided. Everything else follows a guide, the SDK or a published plugin.
var unverified = []struct{ What, Decision string }{
	{"order of the two session_ended", "credential store first: its partner may have written what AA reads there"},
	{"session_ended of a credential store none of whose hooks ran", "skipped; Session.EndAlways calls it"},
	{"one of gateway_user and gateway_groups alone", "changes nothing, warns"},
	{"additional_metadata of both AA hooks", "kept per hook"},
	{"NEEDINFO from authorize", "asked from API 1.6 on, flagged as not portable; an error before"},
	{"what calls get_totp_codes", "the caller, as a step during the session"},
	{"a malformed private key", "that key is refused, the others are tried"},
	{"size of cookies", "1 MiB, a warning from 64 KiB on"},
	{"format of session ids and of log prefixes", "svc/<22 letters>/<policy>:<n>/<protocol>"},
	{"log texts of failed hooks other than authorize", "worded after authorize's"},
	{"working directory of a hook", "its private home directory"},
	{"a hook that returned in a process that does not end", "a time-out"},
	{"time-out over all calls or per call", "per call"},
	{"who answers a remote application's need_info", "the launcher, through session_cookie"},
	{"protocol value of MS SQL", "mssql"},
}

// Unverified lists the decisions that no source backs, for reports.
func Unverified() []string {
	out := make([]string, len(unverified))
	for i, u := range unverified {
		out[i] = u.What + ": " + u.Decision
	}
	return out
}
