package httpapi

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// Presence tells a credential that is not there from one that cannot be read: vendors
// answer them differently, or take the second for the first.
type Presence int

// What there is of a credential.
const (
	Absent    Presence = iota
	Malformed          // the place or scheme is there, and nothing that can be read in it
	Present
)

// SchemeRules loosen how a scheme is recognised. The zero value: in the case in which it
// is named, with at least one blank behind it.
type SchemeRules struct {
	AnyCase bool // RFC 9110 section 11.1
	Glued   bool // no blank is needed: "SSWSabc", "bearer:abc"
}

// Scheme is what follows a scheme in a header, without blanks around it: a token, a key,
// a list of parameters. Another scheme is Absent; one without anything is Malformed.
func Scheme(h http.Header, header, scheme string, rules SchemeRules) (value string, p Presence) {
	text := headerValue(h, header)
	if len(text) < len(scheme) {
		return "", Absent
	}
	head, rest := text[:len(scheme)], text[len(scheme):]
	if head != scheme && !(rules.AnyCase && strings.EqualFold(head, scheme)) {
		return "", Absent
	}
	value = strings.Trim(rest, " \t")
	switch {
	case value == "":
		return "", Malformed
	case rest[0] != ' ' && !rules.Glued:
		return "", Absent // the beginning of another scheme's name
	}
	return value, Present
}

// Bearer is the token of Authorization: Bearer (RFC 6750 section 2.1).
func Bearer(h http.Header, rules SchemeRules) (token string, p Presence) {
	return Scheme(h, "Authorization", "Bearer", rules)
}

// Basic are name and secret of Authorization: Basic (RFC 7617), as they stand there.
func Basic(h http.Header) (name, secret string, p Presence) {
	encoded, p := Scheme(h, "Authorization", "Basic", SchemeRules{AnyCase: true})
	if p != Present {
		return "", "", p
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	name, secret, cut := strings.Cut(string(raw), ":")
	if err != nil || !cut {
		return "", "", Malformed
	}
	return name, secret, Present
}

// BasicEscaped is Basic of an OAuth client, whose parts are encoded like a form (RFC 6749
// section 2.3.1). A part that is not stands for itself.
func BasicEscaped(h http.Header) (id, secret string, p Presence) {
	id, secret, p = Basic(h)
	return unescaped(id), unescaped(secret), p
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// HasScheme reports an Authorization header of any scheme.
func HasScheme(h http.Header) bool { return headerValue(h, "Authorization") != "" }

// Key is the first of the headers that has something in it: X-API-Key and the like.
func Key(h http.Header, headers ...string) (key string, p Presence) {
	for _, name := range headers {
		if v := headerValue(h, name); v != "" {
			return v, Present
		}
		if _, there := h[http.CanonicalHeaderKey(name)]; there {
			p = Malformed
		}
	}
	return "", p
}

// Cookie is the value of a cookie.
func Cookie(r *http.Request, name string) (value string, p Presence) {
	c, err := r.Cookie(name)
	switch {
	case err != nil:
		return "", Absent
	case c.Value == "":
		return "", Malformed
	}
	return c.Value, Present
}

// headerValue is the first value of a header. The usual one is looked up as it is: a
// request that is asked most needs no canonical form made of it.
func headerValue(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return h.Get(name)
}
