package pluginhost

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// State is how a session went.
type State string

// The states.
const (
	Connected    State = "connected"
	Denied       State = "denied"       // by a verdict
	Failed       State = "failed"       // no credential was accepted
	Disconnected State = "disconnected" // the user hung up at a prompt
	Errored      State = "error"
)

// States are all of them.
func States() []State { return []State{Connected, Denied, Failed, Disconnected, Errored} }

// Kind is what went wrong in a hook, or in what the box made of its answer.
type Kind string

// The kinds.
const (
	Exception    Kind = "exception"
	NoResult     Kind = "no-result" // the process ended without an answer
	BadResult    Kind = "bad-result"
	NotJSON      Kind = "not-json"
	TimedOut     Kind = "timeout"
	MissingHook  Kind = "missing-hook"
	CannotPrompt Kind = "cannot-prompt"
	UserMapping  Kind = "usermapping"
)

// Kinds are all of them.
func Kinds() []Kind {
	return []Kind{Exception, NoResult, BadResult, NotJSON, TimedOut, MissingHook, CannotPrompt, UserMapping}
}

// HookError is why a hook failed.
type HookError struct {
	Kind      Kind   `json:"kind"`
	Type      string `json:"type,omitempty"` // of the exception
	Text      string `json:"text"`
	Traceback string `json:"traceback,omitempty"`
	Hint      string `json:"hint,omitempty"`
}

// Error implements error.
func (e *HookError) Error() string {
	if e.Type != "" {
		return fmt.Sprintf("%s: %s: %s", e.Kind, e.Type, e.Text)
	}
	return fmt.Sprintf("%s: %s", e.Kind, e.Text)
}

// Outcome is how a session ended.
type Outcome struct {
	State  State      `json:"state"`
	Hook   Hook       `json:"hook,omitempty"`   // that denied or failed
	Plugin string     `json:"plugin,omitempty"` // aa or credentialstore
	Reason string     `json:"reason,omitempty"` // that the user sees with a denial
	Err    *HookError `json:"error,omitempty"`
}

// String is "denied by authorize: reason".
func (o Outcome) String() string {
	switch {
	case o.Err != nil:
		return fmt.Sprintf("%s in %s: %v", o.State, o.Hook, o.Err)
	case o.State == Denied && o.Reason != "":
		return fmt.Sprintf("%s by %s: %s", o.State, o.Hook, o.Reason)
	case o.State == Denied:
		return fmt.Sprintf("%s by %s", o.State, o.Hook)
	case o.State == Failed:
		return "failed: no credential accepted"
	}
	return string(o.State)
}

// Call is one call of a hook.
type Call struct {
	Number    int    `json:"number"` // in the session, from 1
	Leg       int    `json:"leg"`    // from 1
	SessionID string `json:"session_id"`
	Plugin    string `json:"plugin"` // aa or credentialstore
	Hook      Hook   `json:"hook"`

	Offered map[string]any `json:"offered"`          // every argument that SPS has for this hook
	Passed  []string       `json:"passed,omitempty"` // those that the hook's signature takes

	Result json.RawMessage `json:"result,omitempty"` // as returned; "null" for None
	Err    *HookError      `json:"error,omitempty"`

	Verdict  string `json:"verdict,omitempty"`             // ACCEPT, DENY, NEEDINFO, NONE
	Reason   string `json:"reason,omitempty"`              // that the user sees
	Metadata string `json:"additional_metadata,omitempty"` // text, often JSON

	GatewayUser   string   `json:"gateway_user,omitempty"`
	GatewayGroups []string `json:"gateway_groups,omitempty"`

	NonPortable bool          `json:"nonportable,omitempty"` // works here, not known to work on a box
	Mode        Mode          `json:"mode"`
	Started     time.Time     `json:"started"`
	Took        time.Duration `json:"took"`
	Limit       time.Duration `json:"limit"` // of the time it may take
	Split       Split         `json:"split"`
}

// Split says where the time of a call went. In worker mode start and import
// are paid once, by the call that found no idle worker.
type Split struct {
	Start     time.Duration `json:"start"` // of the interpreter and the box
	Import    time.Duration `json:"import"`
	Construct time.Duration `json:"construct"`
	Hook      time.Duration `json:"hook"`
}

// Line is one line of a plugin's output, or of the box's own log.
type Line struct {
	At        time.Time `json:"at"`
	SessionID string    `json:"session_id"`
	Leg       int       `json:"leg"`
	Plugin    string    `json:"plugin"`
	Hook      Hook      `json:"hook"`
	Text      string    `json:"text"`
	Box       bool      `json:"box,omitempty"`  // written by the box, not by the plugin
	More      bool      `json:"more,omitempty"` // a long line goes on in the next one
}

// String is the line as the box logs it, with the session's id in front.
func (l Line) String() string { return l.SessionID + ": " + l.Text }

// Key is a private key that a plugin returned.
type Key struct {
	Type        string `json:"type"`
	PEM         string `json:"pem"`
	Fingerprint string `json:"fingerprint,omitempty"` // SHA256:…, of a valid key
	Refused     string `json:"refused,omitempty"`     // why the box does not use it
}

// Attempt is one secret tried on the target.
type Attempt struct {
	Method   Method `json:"method"`
	Secret   string `json:"secret"` // the password, or the key's fingerprint
	Accepted bool   `json:"accepted"`
}

// TOTP is one code for the target.
type TOTP struct {
	UnixTime int64  `json:"unix_time"`
	Period   int64  `json:"period"`
	Code     string `json:"code"`
}

// AppCredentials is what a remote application got.
type AppCredentials struct {
	Account, Asset string
	Passwords      []string
	Launch         []string        // launch_information
	Additional     json.RawMessage // additional_information
	Unsupported    bool            // the plugin has no such hook, or the box has not
}

// Prompt is one prompt and what the user did.
type Prompt struct {
	Ask    Ask    `json:"ask"`
	Answer Answer `json:"answer"`
}

// Result is what happened in a session, over all its legs.
type Result struct {
	SessionID string   `json:"session_id"` // of the last leg
	Outcome   Outcome  `json:"outcome"`
	Calls     []Call   `json:"calls"`
	Prompts   []Prompt `json:"prompts,omitempty"`

	Passwords []string         `json:"passwords,omitempty"` // of all calls, in order
	Keys      []Key            `json:"keys,omitempty"`
	Attempts  []Attempt        `json:"attempts,omitempty"`
	Apps      []AppCredentials `json:"apps,omitempty"`
	TOTP      []TOTP           `json:"totp,omitempty"`

	Cookies       map[string]json.RawMessage `json:"cookies"` // by plugin type; the last stored ones
	SessionCookie json.RawMessage            `json:"session_cookie"`
	KeyValues     KeyValues                  `json:"key_values"`
	GatewayUser   string                     `json:"gateway_user,omitempty"` // at the end
	GatewayGroups []string                   `json:"gateway_groups"`

	Log        []Line   `json:"log"`
	LogDropped int      `json:"log_dropped,omitempty"` // lines that are missing: the log keeps its beginning and its end
	LogHead    int      `json:"log_head,omitempty"`    // behind how many lines they are missing
	Warnings   []string `json:"warnings,omitempty"`
	Notes      []string `json:"notes,omitempty"` // what the host did that a box does not
}

// CallsOf returns the calls of a hook in the plugin of that type; an empty type
// means both.
func (r *Result) CallsOf(plugin string, h Hook) []Call {
	var out []Call
	for _, c := range r.Calls {
		if c.Hook == h && (plugin == "" || c.Plugin == plugin) {
			out = append(out, c)
		}
	}
	return out
}

// warn notes a warning once.
func (r *Result) warn(format string, args ...any) {
	if w := fmt.Sprintf(format, args...); !slices.Contains(r.Warnings, w) {
		r.Warnings = append(r.Warnings, w)
	}
}

// EventKind is what an Event tells.
type EventKind string

// The kinds of events.
const (
	LegStarted  EventKind = "leg"
	HookStarted EventKind = "hook"
	HookEnded   EventKind = "hook-ended"
	Logged      EventKind = "log"
	Prompted    EventKind = "prompt"
	Answered    EventKind = "answer"
	Warned      EventKind = "warning"
	Ended       EventKind = "ended"
)

// Event is one thing that happens in a session, told while it happens.
type Event struct {
	At        time.Time `json:"at"`
	Kind      EventKind `json:"kind"`
	SessionID string    `json:"session_id"`
	Leg       int       `json:"leg"`
	Call      *Call     `json:"call,omitempty"`    // hook, hook-ended
	Line      *Line     `json:"line,omitempty"`    // log
	Ask       *Ask      `json:"ask,omitempty"`     // prompt, answer
	Answer    *Answer   `json:"answer,omitempty"`  // answer
	Text      string    `json:"text,omitempty"`    // warning
	Outcome   *Outcome  `json:"outcome,omitempty"` // ended
}
