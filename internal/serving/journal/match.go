package journal

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Match chooses entries; empty fields choose all. Op may hold "*" for anything.
type Match struct {
	Server  string `json:"server,omitempty"`
	Port    string `json:"port,omitempty"`
	Op      string `json:"op,omitempty"`
	Actor   string `json:"actor,omitempty"`
	Object  string `json:"object,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	Status  string `json:"status,omitempty"`
	Fault   string `json:"fault,omitempty"` // ID of a rule that fired
	Why     string `json:"why,omitempty"`   // part of it
	Session string `json:"session,omitempty"`
	Person  string `json:"person,omitempty"` // whose session it is
}

// MaxCriterion is the length in octets of what a field of a Match can be: each entry is
// held against it.
const MaxCriterion = 400

// Mistakes names the fields that are too long to be looked for.
func (m Match) Mistakes() (out []string) {
	for _, c := range m.criteria(&Entry{}) {
		if len(c.want) > MaxCriterion {
			out = append(out, fmt.Sprintf("%s is longer than %d octets", c.name, MaxCriterion))
		}
	}
	return out
}

// criterion is one field of a Match that is set.
type criterion struct {
	name, want, got string
	fits            bool
}

func (m Match) criteria(e *Entry) []criterion {
	all := []criterion{
		{"server", m.Server, e.Server, strings.EqualFold(m.Server, e.Server)},
		{"port", m.Port, e.Port, strings.EqualFold(m.Port, e.Port)},
		{"op", m.Op, e.Op, wild(m.Op, e.Op)},
		{"actor", m.Actor, e.Actor, strings.EqualFold(m.Actor, e.Actor)},
		{"object", m.Object, e.Object, strings.EqualFold(m.Object, e.Object)},
		{"outcome", m.Outcome, e.Outcome, strings.EqualFold(m.Outcome, e.Outcome)},
		{"status", m.Status, e.Status, strings.EqualFold(m.Status, e.Status)},
		{"fault", m.Fault, strings.Join(e.Faults, " "), slices.Contains(e.Faults, m.Fault)},
		{"why", m.Why, e.Why, strings.Contains(strings.ToLower(e.Why), strings.ToLower(m.Why))},
		{"session", m.Session, e.Session, strings.EqualFold(m.Session, e.Session)},
		{"person", m.Person, e.Person, strings.EqualFold(m.Person, e.Person)},
	}
	return slices.DeleteFunc(all, func(c criterion) bool { return c.want == "" })
}

func (m Match) fits(e *Entry) bool {
	is := func(want, got string) bool { return want == "" || strings.EqualFold(want, got) }
	return is(m.Server, e.Server) && is(m.Port, e.Port) && is(m.Actor, e.Actor) && is(m.Object, e.Object) && is(m.Outcome, e.Outcome) &&
		is(m.Status, e.Status) && is(m.Session, e.Session) && is(m.Person, e.Person) && (m.Op == "" || wild(m.Op, e.Op)) && (m.Fault == "" || slices.Contains(e.Faults, m.Fault)) &&
		(m.Why == "" || strings.Contains(strings.ToLower(e.Why), strings.ToLower(m.Why)))
}

// needsSession reports a match for which the session of entries must be known.
func (m Match) needsSession() bool { return m.Session != "" || m.Person != "" }

// flat makes a pattern in which "*" alone is special, and stands for slashes, too.
var flat = strings.NewReplacer("/", "\x00", "[", "\\[", "?", "\\?")

// wild compares an operation's name, in which "*" stands for anything.
func wild(pattern, op string) bool {
	if !strings.Contains(pattern, "*") {
		return strings.EqualFold(pattern, op)
	}
	ok, _ := path.Match(flat.Replace(strings.ToLower(pattern)), strings.ReplaceAll(strings.ToLower(op), "/", "\x00"))
	return ok
}

// differences are the fields in which an entry is not what m wants.
func (m Match) differences(e *Entry) []string {
	out := []string{}
	for _, c := range m.criteria(e) {
		if !c.fits {
			out = append(out, fmt.Sprintf("%s is %s, not %s", c.name, orNothing(c.got), c.want))
		}
	}
	return out
}

func orNothing(s string) string {
	if s == "" {
		return "empty"
	}
	return s
}

// String is the match in words.
func (m Match) String() string {
	var out []string
	for _, c := range m.criteria(&Entry{}) {
		out = append(out, c.name+" "+c.want)
	}
	if len(out) == 0 {
		return "anything"
	}
	return strings.Join(out, ", ")
}
