package dialect

import "strings"

// Scope is what a kind of server plays of the real system, and what that has
// besides. docs/servers.md, the journal and the metrics speak in its words.
type Scope struct {
	Plays    []string  // operations by the names they have in the journal
	Unplayed []Feature // known, and not played
}

// Feature is a part of the real system that is known here and not played: an
// operation, a parameter, a way of working. A client that asks for it gets what
// the vendor says to a caller without the right or the feature, once its
// credentials are good, and the call is marked with Call.NotPlayed.
type Feature struct {
	Name string // as the vendor's documentation calls it: "sys/quotas"
	Doc  string // what it is for, in one sentence; may be empty
}

// Names are the names of routes, for Scope.Plays.
func Names(routes []Route) []string {
	out := make([]string, len(routes))
	for i, r := range routes {
		out[i] = r.Name()
	}
	return out
}

// NotPlayed notes that the caller, whose credentials are good, asked for a feature
// that the real system has and this one does not play. The name is one of the
// server's Scope: it is counted, stands in the journal, and is said once on the
// terminal. Whatever the answer's status, the outcome is Unplayed.
func (c *Call) NotPlayed(feature string) {
	c.Outcome, c.Feature = Unplayed, feature
}

// Place says where in a server's messages a secret stands. What stands there is
// hidden in the journal, whatever it looks like, with all that is below it, and
// the secrets audit knows its value.
type Place struct {
	// Op chooses operations by their names; "*" stands for anything, and empty for
	// all of them: "kv.*", "POST /auth/*".
	Op string
	In Side // zero: requests and answers
	// Path leads there, with dots between its elements: members of a JSON document,
	// XML elements, parameters of a form or a query. "*" is any one element (an item
	// of a list has none of its own), "**" any number of them, and a whole message is
	// "**" alone. Names are compared without regard to case: "data.data",
	// "**.password", "keys.*".
	Path string
}

// Side is a direction of a message.
type Side int

// The directions of messages.
const (
	BothSides Side = iota
	InRequest
	InAnswer
)

// Fields are the places of values with these names, anywhere in any message.
func Fields(names ...string) []Place {
	out := make([]Place, len(names))
	for i, n := range names {
		out[i] = Place{Path: "**." + strings.ToLower(n)}
	}
	return out
}
