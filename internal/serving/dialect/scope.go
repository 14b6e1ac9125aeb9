package dialect

import (
	"slices"
	"strings"

	"counterpart/internal/serving/redact"
)

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

// Methods are the methods of the routes that a path, escaped as it came, fits best;
// for the header Allow of a refusal with 405. ":x" in a route is any one part.
func Methods(routes []Route, path string) []string {
	got := strings.Split(path, "/")
	var out []string
	best := -1
	for _, r := range routes {
		want, same := strings.Split(r.Path, "/"), 0
		fits := slices.EqualFunc(want, got, func(w, g string) bool {
			if w == g {
				same++
			}
			return w == g || strings.HasPrefix(w, ":") && g != ""
		})
		if !fits || same < best {
			continue
		}
		if same > best {
			out, best = nil, same
		}
		if !slices.Contains(out, r.Method) {
			out = append(out, r.Method)
		}
	}
	slices.Sort(out)
	return out
}

// NotPlayed notes that the caller, whose credentials are good, asked for a feature
// that the real system has and this one does not play. The name is one of the
// server's Scope: it is counted, stands in the journal, and is said once on the
// terminal. Whatever the answer's status, the outcome is Unplayed.
func (c *Call) NotPlayed(feature string) {
	c.Outcome, c.Feature = Unplayed, feature
}

// Place says where in a server's messages a secret stands.
type Place = redact.Place

// Hidden stands in the journal where a secret stood, whoever hides it.
const Hidden = redact.Hidden

// The directions of messages, for Place.In.
const (
	BothSides = redact.Both
	InRequest = redact.Request
	InAnswer  = redact.Answer
)

// Fields are the places of values with these names, anywhere in any message.
func Fields(names ...string) []Place { return redact.Fields(names...) }
