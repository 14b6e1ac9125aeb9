package radius

import "time"

// Settings is the block of one RADIUS server in a seed. Everything is optional
// except that somebody must be allowed to ask: clients here, or clients of the
// seed that say where they come from.
type Settings struct {
	Flavour      string `yaml:"flavour" default:"generic" enum:"generic|freeradius|rsa|duo|nps|okta|scripted" doc:"Whose MFA product to play: generic (default), freeradius, rsa, duo, nps, okta or scripted."`
	Listen       string `yaml:"listen" default:":1812" doc:"UDP address for authentication, default \":1812\"."`
	AcctListen   string `yaml:"acct_listen" default:":1813" doc:"UDP address for accounting, default \":1813\"."`
	TCPListen    string `yaml:"tcp_listen" doc:"Address of RADIUS over TCP (RFC 6613); off unless set."`
	RadSecListen string `yaml:"radsec_listen" doc:"Address of RADIUS over TLS (RFC 6614), a client certificate is required; off unless set."`

	Clients []ClientSettings `yaml:"clients" doc:"Who may ask, and with which secret."`
	Flow    string           `yaml:"flow" default:"password" doc:"What a generic or freeradius login consists of, default \"password\": rounds separated by commas; in a round factors typed together joined by + (password+otp), alternatives by | (otp|push). Factors are password, otp, push, call, sms, voice and email."`
	Methods []string         `yaml:"methods" doc:"Allowed password methods among pap, chap, mschap, mschapv2 and eap; the default is what the flavour can do."`

	Challenge    ChallengeSettings `yaml:"challenge" doc:"How Access-Challenge looks and how long it lasts."`
	RejectDelay  *time.Duration    `yaml:"reject_delay" min:"0s" max:"30s" doc:"An Access-Reject leaves no earlier than this after its request; default 0s, 1s for freeradius."`
	HoldMax      time.Duration     `yaml:"hold_max" default:"60s" min:"1s" max:"120s" doc:"How long a push is waited for while the request is held, default 60s, at most 120s."`
	StatusServer string            `yaml:"status_server" default:"yes" doc:"Whether Status-Server (RFC 5997) is answered: yes (default) or no."`
	CacheFor     time.Duration     `yaml:"cache_for" default:"5s" min:"2s" max:"30s" doc:"How long a reply is kept for retransmissions (RFC 5080 section 2.2.2), default 5s, 2s to 30s."`
	MaxRequests  int               `yaml:"max_requests" doc:"How many requests and kept replies there may be at once, default 256 for each client and at least 16384."`

	Attributes AttributeSettings `yaml:"attributes" doc:"Attributes of Access-Accept: user over group over server, per attribute name."`
	EAP        EAPSettings       `yaml:"eap" doc:"EAP over RADIUS (RFC 3579)."`
	Duo        DuoSettings       `yaml:"duo" doc:"What only the duo flavour has."`
	RSA        RSASettings       `yaml:"rsa" doc:"What only the rsa flavour has."`
	NPS        NPSSettings       `yaml:"nps" doc:"What only the nps flavour has."`
	Okta       OktaSettings      `yaml:"okta" doc:"What only the okta flavour has."`
	Scripts    []Script          `yaml:"scripts" doc:"Rounds of the scripted flavour; the first script that fits the user is played."`
}

// ClientSettings is one NAS or proxy, or a network of them.
type ClientSettings struct {
	Name                        string   `yaml:"name" doc:"Name for journal and faults; default is the address."`
	From                        string   `yaml:"from" doc:"Address or CIDR the client sends from; the longest prefix wins."`
	Secret                      string   `yaml:"secret" doc:"Shared secret, as text or as \"hex:\" and octets."`
	RequireMessageAuthenticator string   `yaml:"require_message_authenticator" doc:"yes, no or auto (default): auto learns from the first request (CVE-2024-3596)."`
	LimitProxyState             string   `yaml:"limit_proxy_state" doc:"yes, no or auto (default): whether requests with Proxy-State need a Message-Authenticator."`
	TLSCN                       string   `yaml:"tls_cn" doc:"RadSec: common or alternative name of the client's certificate; looked at before the address."`
	Listeners                   []string `yaml:"listeners" doc:"Limits the entry to auth, acct, tcp or radsec; default is all of them."`
}

// ChallengeSettings is about Access-Challenge.
type ChallengeSettings struct {
	TTL            time.Duration `yaml:"ttl" default:"60s" min:"1s" max:"1h" doc:"How long an answer is awaited, default 60s."`
	SessionTimeout bool          `yaml:"session_timeout" doc:"Whether that time is sent as Session-Timeout."`
	Echo           *bool         `yaml:"echo" doc:"Whether the answer may be shown while it is typed (Prompt); the default depends on the question."`
	Prompt         string        `yaml:"prompt" doc:"The question, in place of the flavour's own."`
}

// AttributeSettings is the reply attributes of the three levels.
type AttributeSettings struct {
	Server map[string][]string            `yaml:"server" doc:"For everybody."`
	Groups map[string]map[string][]string `yaml:"groups" doc:"For members of a group, beside what the seed's group says."`
	Users  map[string]map[string][]string `yaml:"users" doc:"For one user, beside what the seed's user says."`
}

// EAPSettings is about EAP.
type EAPSettings struct {
	Methods []string `yaml:"methods" doc:"Allowed methods in the order in which they are offered: md5, gtc, ttls, peap; default is all of them, md5 first. A user's setting radius.eap_methods limits them further."`
}

// DuoSettings is about the Duo Authentication Proxy.
type DuoSettings struct {
	Mode      string `yaml:"mode" default:"auto" enum:"auto|challenge" doc:"auto (default): password, or password and factor, then a push by itself; challenge: password, then a menu."`
	Delimiter string `yaml:"delimiter" default:"," doc:"What separates password and factor, default \",\"."`
	EnrollURL string `yaml:"enroll_url" doc:"Shown to users without a device; without it they are rejected."`
}

// RSASettings is about RSA Authentication Manager.
type RSASettings struct {
	BadTries int `yaml:"bad_tries" default:"3" min:"1" doc:"After this many wrong passcodes a right one leads to next-tokencode mode, default 3."`
}

// NPSSettings is about Microsoft NPS with the Entra MFA extension.
type NPSSettings struct {
	NumberMatching *bool `yaml:"number_matching" doc:"Whether users with a TOTP device are asked for a code and not for approve/deny, default true."`
}

// OktaSettings is about the Okta RADIUS Server Agent.
type OktaSettings struct {
	Menu      string `yaml:"menu" doc:"First line of the factor list, to paste the real one."`
	Append    bool   `yaml:"append" doc:"Whether a code appended to the password is accepted."`
	Separator string `yaml:"separator" default:"," doc:"What separates password and appended code, default \",\"."`
}

// Script is a conversation written down.
type Script struct {
	User   string        `yaml:"user" ref:"user" doc:"The user it is for; empty is everybody."`
	Group  string        `yaml:"group" ref:"group" doc:"The group it is for; empty is everybody."`
	Rounds []ScriptRound `yaml:"rounds" doc:"What happens round by round."`
}

// ScriptRound is one request and what it is answered with.
type ScriptRound struct {
	Expect     string              `yaml:"expect" doc:"What must be typed: any (default), empty, password, otp, push (anything; a push is held) or = and a literal text."`
	Reply      string              `yaml:"reply" doc:"Reply-Message of the answer."`
	Then       string              `yaml:"then" enum:"challenge|accept|reject" doc:"challenge, accept or reject; default is challenge, and accept in the last round."`
	Otherwise  string              `yaml:"otherwise" doc:"Reply-Message of the reject when something else was typed."`
	Echo       bool                `yaml:"echo" doc:"Whether the answer to a challenge may be shown."`
	Delay      time.Duration       `yaml:"delay" doc:"How long the answer takes."`
	Attributes map[string][]string `yaml:"attributes" doc:"More attributes of the answer."`
}
