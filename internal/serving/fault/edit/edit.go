// Package edit changes single parts of an answer: a field of a JSON document, a line of
// text, an attribute of a packet. It knows how answers are written and nothing of what
// they mean, or of why somebody wants another one.
package edit

import "strings"

// Type is what sort of value a part holds.
type Type string

// The types.
const (
	Text    Type = "text"
	Number  Type = "number"
	Boolean Type = "boolean"
	Null    Type = "null"
	List    Type = "list"
	Object  Type = "object"
	Whole   Type = "whole"  // a body as octets
	Sealed  Type = "sealed" // what protects the answer: an authenticator
)

// Field is a part of an answer that can be changed by itself.
type Field struct {
	// Path names it, words with dots between: "status", "header.Set-Cookie", "body",
	// "body.items.0.id", "code", "attribute.State". A dot, a star and a backslash in a
	// name have a backslash before them.
	Path  string
	Type  Type
	Value string // as text; that of a list or an object is empty
}

// How a part can be changed.
const (
	Dropped   = "dropped"    // it is not there
	Nulled    = "null"       // JSON's null
	WrongType = "wrong-type" // a number for a text, a list for an object
	Empty     = "empty"
	Cut       = "cut"     // its first half; of a whole body, and the connection ends in its middle
	Flipped   = "flipped" // true for false, DENY for ALLOW; what protects an answer no longer fits
	Other     = "other"   // another value of the same shape
	Expired   = "expired" // a time that is ten years earlier
	Replaced  = "replaced"
	Forged    = "forged"    // as replaced, and what protects the answer stays as it was
	Malformed = "malformed" // of a whole body: it cannot be read
	HTML      = "html"      // of a whole body: a proxy's page
	Older     = "older"     // of a whole body: what the same operation was answered before
)

// Ways lists them all.
func Ways() []string {
	return []string{Dropped, Nulled, WrongType, Empty, Cut, Flipped, Other, Expired, Replaced, Forged, Malformed, HTML, Older}
}

// Change says what is to become of a part. In its path a star stands for every item of a
// list.
type Change struct {
	Field, As string
	Value     string // of Replaced and Forged
}

// Message is an answer that has not left yet.
type Message interface {
	// Fields are its parts, in their order.
	Fields() []Field
	// Change changes a part; false: it has none of that name, or none that can be changed
	// in that way.
	Change(Change) bool
}

// Join makes a path of names.
func Join(names ...string) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(escape(n))
	}
	return b.String()
}

var escaper = strings.NewReplacer(`\`, `\\`, `.`, `\.`, `*`, `\*`)

func escape(name string) string { return escaper.Replace(name) }

// Under is the path of a part with that of what it is in before it.
func Under(outer, path string) string {
	if outer == "" || path == "" {
		return outer + path
	}
	return outer + "." + path
}

// Cutoff takes the first word off a path: "body.a.b" is body and a.b.
func Cutoff(path string) (first, rest string) {
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '\\':
			i++
		case '.':
			return unescape(path[:i]), path[i+1:]
		}
	}
	return unescape(path), ""
}

func unescape(word string) string {
	if !strings.Contains(word, `\`) {
		return word
	}
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] == '\\' && i+1 < len(word) {
			i++
		}
		b.WriteByte(word[i])
	}
	return b.String()
}

// words splits a path, keeping what is escaped.
func words(path string) (out []string) {
	start := 0
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '\\':
			i++
		case '.':
			out, start = append(out, path[start:i]), i+1
		}
	}
	return append(out, path[start:])
}

// Matches reports whether a path is the one that is meant, in which a star is any item of
// a list.
func Matches(want, path string) bool {
	w, p := words(want), words(path)
	return len(w) == len(p) && matched(w, p)
}

func matched(want, path []string) bool {
	for i := range want {
		if want[i] != path[i] && !(want[i] == "*" && digits(path[i])) {
			return false
		}
	}
	return true
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
