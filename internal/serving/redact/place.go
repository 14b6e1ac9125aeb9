// Package redact hides what is secret by where it stands: the journal shows
// messages of many systems, and a value that a client brings ("the secret that
// alice keeps in kv") is known as a secret by nothing but its place.
package redact

import (
	"path"
	"slices"
	"strings"
	"sync"
)

// Hidden stands where a secret stood.
const Hidden = "***"

// Place says where in a server's messages a secret stands. What stands there is
// hidden in the journal, whatever it looks like, with all that is below it, and
// the secrets audit knows its value. The names of members stay, as in the audit
// logs of real vaults.
type Place struct {
	// Op chooses operations by their names; "*" stands for anything, and empty for
	// all of them: "kv.*", "POST /auth/*".
	Op string
	In Side // zero: requests and answers
	// Path leads there, with dots between its elements: members of a JSON document,
	// elements and attributes of XML, parameters of a form or a query. "*" is any one
	// element (an item of a list has none of its own), "**" any number of them, and
	// "**" alone is the whole message. Names are compared without regard to case:
	// "data.data", "**.password", "keys.*".
	Path string
}

// Side is a direction of messages.
type Side int

// The directions.
const (
	Both Side = iota
	Request
	Answer
)

// Fields are the places of values with these names, anywhere in any message.
func Fields(names ...string) []Place {
	out := make([]Place, len(names))
	for i, n := range names {
		out[i] = Place{Path: "**." + n}
	}
	return out
}

// Rules are the places of one kind of server, ready for use. Nil Rules have none.
type Rules struct {
	places []Place

	mu    sync.RWMutex
	known map[question]*rules
}

// question is what the rules of a message depend on.
type question struct {
	op   string
	side Side
}

// mostKnown bounds what is kept: an operation's name can be a client's invention.
const mostKnown = 1000

// New returns the rules for places.
func New(places []Place) *Rules {
	return &Rules{places: places, known: map[question]*rules{}}
}

// rules are the places of one operation's requests or answers.
type rules struct {
	names map[string]bool // of "**.name"
	paths [][]string      // of all others
	own   bool            // there are places for this operation, not for all alone
}

// of are the rules for messages of an operation.
func (r *Rules) of(op string, side Side) *rules {
	if r == nil {
		return &rules{}
	}
	q := question{op, side}
	r.mu.RLock()
	found := r.known[q]
	r.mu.RUnlock()
	if found != nil {
		return found
	}
	found = &rules{names: map[string]bool{}}
	for _, p := range r.places {
		if p.In != Both && p.In != side || !fits(p.Op, op) {
			continue
		}
		found.own = found.own || p.Op != ""
		parts := strings.Split(strings.ToLower(p.Path), ".")
		if len(parts) == 2 && parts[0] == "**" && !strings.Contains(parts[1], "*") {
			found.names[parts[1]] = true
		} else {
			found.paths = append(found.paths, parts)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) < mostKnown {
		r.known[q] = found
	}
	return found
}

// fits compares an operation's name with a pattern.
func fits(pattern, op string) bool {
	if pattern == "" || strings.EqualFold(pattern, op) {
		return true
	}
	flat := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "/", "\x00") }
	ok, _ := path.Match(strings.NewReplacer("[", "\\[", "?", "\\?").Replace(flat(pattern)), flat(op))
	return ok
}

// secret reports whether the value at a path is one, or is below one.
func (r *rules) secret(at []string) bool {
	if len(at) > 0 && r.names[at[len(at)-1]] {
		return true
	}
	return slices.ContainsFunc(r.paths, func(p []string) bool { return leads(p, at) })
}

// leads reports whether a pattern matches a path.
func leads(pattern, at []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			if len(pattern) == 1 {
				return true
			}
			for i := range len(at) + 1 {
				if leads(pattern[1:], at[i:]) {
					return true
				}
			}
			return false
		}
		if len(at) == 0 {
			return false
		}
		if ok, _ := path.Match(pattern[0], at[0]); !ok {
			return false
		}
		pattern, at = pattern[1:], at[1:]
	}
	return len(at) == 0
}

// whole reports that all of a message is secret.
func (r *rules) whole() bool {
	return slices.ContainsFunc(r.paths, func(p []string) bool { return len(p) == 1 && p[0] == "**" })
}
