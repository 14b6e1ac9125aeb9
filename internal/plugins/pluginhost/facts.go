package pluginhost

import (
	"context"
	"time"
)

// Session is everything about one session that is known before it starts.
type Session struct {
	ID              string // empty: a new one per leg
	Connection      Connection
	AA              *Use
	CredentialStore *Use
	Target          *Target // nil: no server-side login, hence no credential hooks
	During          []Step  // what happens between login and end
	Legs            int     // proxy sessions of one RDP session, which share the session cookie; 0 is 1
	MaxPrompts      int     // 0: DefaultPrompts
	EndAlways       bool    // call a credential store's session_ended even if none of its hooks ran
	EndAAFirst      bool    // the other order of the two session_ended
	LogLimit        int     // bytes of log lines kept in the Result, half of them the first ones and half the last; 0: 8 MiB

	Prompter  Prompter                                         // nil: every prompt is hung up on
	Wait      func(ctx context.Context, d time.Duration) error // of "wait" steps; nil: real time
	RemoteApp RemoteAppInfo                                    // nil: the step's own Account and Asset
	Event     func(Event)                                      // nil: nobody listens; never called twice at once
	Kill      <-chan struct{}                                  // each value ends the process of the hook that runs, as a box short of memory might
}

// Use is a plugin together with the configuration text of a policy.
type Use struct {
	Plugin *Plugin
	Config string
}

// Connection is what the box knows about a connection.
type Connection struct {
	Protocol  string // ssh, telnet, rdp, http, ica, vnc, mssql, tsg
	Policy    string // the connection policy's name
	Client    Endpoint
	Login     string    // the user name as typed; see ParseLogin
	KeyValues KeyValues // further key_value_pairs, as if they were typed
	Gateway   Gateway
	Server    Server

	UserMapping bool // a usermapping policy lets the gateway user become another one
}

// Endpoint is the client's end.
type Endpoint struct {
	IP       string
	Port     int
	Hostname string // empty: reverse DNS fails
}

// Gateway is what the box's own gateway authentication found out. Without a
// User there was none (yet).
type Gateway struct {
	User, Password, Domain string
	Groups                 []string // nil is None, empty is an empty list
	Web                    bool     // web-based, which runs after AA plugins and excludes them
}

// Server is the server's end.
type Server struct {
	User, Domain string
	IP           string
	Port         int
	Hostname     string // empty: reverse DNS fails
}

// Target is the target server, reduced to the secrets it accepts.
type Target struct {
	Offers    []Method // empty: keys and passwords on SSH, passwords elsewhere
	Passwords []string
	Keys      []string // PEM private keys, or fingerprints SHA256:…
	Anything  bool     // accepts whatever it is given
}

// Method is a way to log in to the target.
type Method string

// The methods.
const (
	PublicKey Method = "publickey"
	Password  Method = "password"
)

// Step is one thing that happens while a session runs. Exactly one of its
// fields is set.
type Step struct {
	RemoteApp *RemoteApp
	TOTP      bool
	Wait      time.Duration
}

// RemoteApp is an application that asks for credentials.
type RemoteApp struct {
	Asset   string // what the application names; may be empty
	Account string // what the user answers when the plugin needs to know
	Answer  string // the asset that the user answers
}

// RemoteAppInfo is asked when a plugin needs to know an account or an asset;
// false hangs up.
type RemoteAppInfo func(ctx context.Context, ask RemoteAppAsk) (account, asset string, ok bool)

// RemoteAppAsk is what a plugin knows so far.
type RemoteAppAsk struct {
	SessionID      string
	App            RemoteApp
	Account, Asset string // empty where unknown
	Number         int    // of this question, from 1
}

// Ask is one prompt.
type Ask struct {
	SessionID string `json:"session_id"`
	Hook      Hook   `json:"hook"`
	Key       string `json:"key"`
	Text      string `json:"text"`
	Hidden    bool   `json:"hidden"`
	Number    int    `json:"number"` // in the session, from 1
}

// Answer is what the user did at a prompt.
type Answer struct {
	Text   string `json:"text"`
	HangUp bool   `json:"hangup,omitempty"`
}

// Prompter answers a prompt.
type Prompter func(ctx context.Context, ask Ask) Answer
