// Package mutation asks what a plugin does when the systems behind it lie, stall, break
// off or answer for somebody else. It plays a case as it is, and then once for each way in
// which each answer that it saw could have been another one. What the plugin makes of
// that is held against what the answer had come to mean.
package mutation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/fault"
)

// Verdict is what a plugin made of a mutant.
type Verdict string

// The verdicts, the worst first.
const (
	Open         Verdict = "open"               // let in although the world says no, or although the proof never arrived
	Hang         Verdict = "hang"               // no answer in time
	Leak         Verdict = "leak"               // right, with an account, a token or a secret left behind
	Crash        Verdict = "crash"              // a hook ended in an error
	Broken       Verdict = "broken"             // the mutant could not be played
	AsConfigured Verdict = "open-as-configured" // let in, as scenario or configuration say
	Closed       Verdict = "closed"             // refused
	Same         Verdict = "same"               // never noticed, and nothing that decides had changed
)

// Verdicts are all of them, in that order.
func Verdicts() []Verdict {
	return []Verdict{Open, Hang, Leak, Crash, Broken, AsConfigured, Closed, Same}
}

// Finding reports a verdict that no plugin should have.
func (v Verdict) Finding() bool {
	return v == Open || v == Hang || v == Leak || v == Crash
}

// Meaning is what has become of an answer's sense.
type Meaning string

// The meanings.
const (
	Refuses Meaning = "refuses" // it says no
	Foreign Meaning = "foreign" // it is about somebody or something else
	Lost    Meaning = "lost"    // it proves nothing: there is none, or it cannot be read
	Detail  Meaning = "detail"  // nothing that decides has changed
)

// Group is a column of the matrix: operators of one sort.
type Group string

// The groups, in the order of the columns.
const (
	Fields    Group = "part" // a part is missing, null, of another type, empty, cut
	Flips     Group = "flip" // the verdict is the opposite
	Strangers Group = "who"  // another user, account, transaction
	Old       Group = "old"  // an expired or an older answer
	Bodies    Group = "body" // the whole is empty, cut, malformed, a proxy's page
	Statuses  Group = "code" // a status, a code of the protocol
	Headers   Group = "head"
	Network   Group = "net" // reset, hang, slow, lost, doubled, forged
	TLS       Group = "tls"
	Kills     Group = "kill" // the hook's process dies
	Jumps     Group = "time" // the clock jumps
)

// Groups are all of them.
func Groups() []Group {
	return []Group{Fields, Flips, Strangers, Old, Bodies, Statuses, Headers, Network, TLS, Kills, Jumps}
}

// Operation is one that the baseline saw.
type Operation struct {
	Server string          `json:"server"`
	Port   string          `json:"port,omitempty"`
	Op     string          `json:"op"`
	Nth    int             `json:"nth"` // of that name in the session, from 1 on
	Hook   pluginhost.Hook `json:"hook,omitempty"`

	call int
}

// Name is the operation as a person reads it.
func (o Operation) Name() string {
	if o.Server == "" {
		return o.Op
	}
	if o.Nth > 1 {
		return fmt.Sprintf("%s %s (%d)", o.Server, o.Op, o.Nth)
	}
	return o.Server + " " + o.Op
}

// Mutant is one way in which one answer is wrong.
type Mutant struct {
	Number int    `json:"number"` // in this list, from 1 on
	ID     string `json:"id"`     // the same whenever the case and the mutant are the same
	Case   string `json:"case"`   // label of the scenario's case
	Operation
	Group  Group   `json:"group"`
	Field  string  `json:"field,omitempty"`
	As     string  `json:"as"`
	Sense  Meaning `json:"meaning"`
	Detail string  `json:"detail"` // "body.valid flipped"
	// Unreachable: to the plugin it is as if the system were away.
	Unreachable bool `json:"unreachable,omitempty"`

	twist  scenario.Twist
	waits  bool // it costs time, and hardly any processor time
	probe  bool // it tells whether the plugin looks at the operation at all
	lasts  bool // every further operation of the name is broken, too
	base   *baseline
	issues bool // the operation gives a token out
	always bool // no operation: nothing need strike
}

// Outcome is a mutant with what the plugin made of it.
type Outcome struct {
	Mutant
	Verdict Verdict       `json:"verdict"`
	Also    []Verdict     `json:"also,omitempty"` // worse than none, less bad than the verdict
	Why     string        `json:"why"`
	Line    string        `json:"line,omitempty"` // of the exception: "main.py:45 in call"
	InHook  string        `json:"in_hook,omitempty"`
	Took    time.Duration `json:"took_ns"`
	Mode    string        `json:"mode"`
	// Unchanged: it is that of an earlier report.
	Unchanged bool `json:"unchanged,omitempty"`

	take scenario.Take
}

// all are the verdicts of an outcome.
func (o Outcome) all() []Verdict { return append([]Verdict{o.Verdict}, o.Also...) }

// identify gives a mutant the name that it has in every run. What its answer says instead
// is not part of it: identifiers may be drawn anew.
func (m *Mutant) identify() {
	h := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %d %q %q %q", m.base.name(), m.Server, m.Port, m.Op, m.Nth, m.Group, m.Field, m.As))
	m.ID = hex.EncodeToString(h[:4])
}

// rule is a fault rule for an operation alone.
func (o Operation) rule(kind string, args map[string]string) fault.Rule {
	return fault.Rule{Server: o.Server, Port: o.Port, Op: literal(o.Op), Kind: kind, Args: args, Nth: o.Nth}
}

// lasting is a rule for an operation and all that follow of its name.
func (o Operation) lasting(kind string, args map[string]string) fault.Rule {
	r := o.rule(kind, args)
	r.Nth, r.Skip = 0, o.Nth-1
	return r
}

// literal is a pattern that stands for a text alone.
func literal(op string) string {
	var out []byte
	for i := range len(op) {
		switch op[i] {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, op[i])
	}
	return string(out)
}
