package edit

import "strings"

// opposites are words of verdicts in pairs, the one that says yes first. Real systems
// say them in any case.
var opposites = [][2]string{
	{"allow", "deny"}, {"allowed", "denied"}, {"accept", "reject"}, {"accepted", "rejected"}, {"approve", "deny"}, {"approved", "denied"},
	{"grant", "deny"}, {"granted", "denied"}, {"success", "failure"}, {"successful", "failed"}, {"succeeded", "failed"}, {"ok", "error"},
	{"true", "false"}, {"yes", "no"}, {"valid", "invalid"}, {"pass", "fail"}, {"passed", "failed"}, {"authenticated", "unauthenticated"},
	{"authorized", "unauthorized"}, {"verified", "unverified"}, {"confirmed", "declined"}, {"permit", "forbid"}, {"permitted", "forbidden"},
	{"authentication_ok", "authentication_failed"}, {"access-accept", "access-reject"}, {"active", "inactive"}, {"enabled", "disabled"},
	{"unlocked", "locked"}, {"auth", "deny"}, {"approval", "rejection"},
}

// Opposite is the word that says the contrary of another, in its case. In pairs that
// share a word the first one counts.
func Opposite(word string) (string, bool) {
	folded := strings.ToLower(word)
	for _, p := range opposites {
		switch folded {
		case p[0]:
			return inCaseOf(word, p[1]), true
		case p[1]:
			return inCaseOf(word, p[0]), true
		}
	}
	return "", false
}

// Says reports whether a word says yes or no; ok is false for a word that says neither.
func Says(word string) (yes, ok bool) {
	folded := strings.ToLower(word)
	for _, p := range opposites {
		if folded == p[0] || folded == p[1] {
			return folded == p[0], true
		}
	}
	return false, false
}

// inCaseOf writes a word as another is written: DENY, Deny, deny, Access-Reject.
func inCaseOf(model, word string) string {
	switch {
	case model == strings.ToUpper(model):
		return strings.ToUpper(word)
	case model[:1] == strings.ToUpper(model[:1]):
		parts := strings.Split(word, "-")
		for i, p := range parts {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
		return strings.Join(parts, "-")
	}
	return word
}

// another is a value of the same shape that is not the same: each third letter or digit
// becomes the next one, the last always.
func another(value string) string {
	out := []byte(value)
	n, last := 0, -1
	for i, c := range out {
		if next(c) == c {
			continue
		}
		if last = i; n%3 == 0 {
			out[i] = next(c)
		}
		n++
	}
	if last < 0 {
		return value + "-2"
	}
	out[last] = next(value[last])
	return string(out)
}

func next(c byte) byte {
	switch {
	case c == '9':
		return '0'
	case c == 'z', c == 'Z', c == 'f', c == 'F': // hexadecimal stays hexadecimal
		return c - 1
	case c >= '0' && c < '9', c >= 'a' && c < 'z', c >= 'A' && c < 'Z':
		return c + 1
	}
	return c
}
