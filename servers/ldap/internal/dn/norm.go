package dn

import (
	"slices"
	"strings"
)

// Rules says how names are compared: Type gives an attribute type's one
// spelling ("commonName" and "2.5.4.3" are both "cn") or ok false for a type
// that the server does not know; Value folds a value by its matching rule.
type Rules struct {
	Type  func(string) (canonical string, ok bool)
	Value func(typ, value string) string
}

// Norm is the form in which two DNs are equal exactly when they name the same
// entry (RFC 4517 section 4.2.15). It fails for an unknown attribute type.
func (d DN) Norm(rules Rules) (string, error) {
	var b strings.Builder
	for i, r := range d {
		if i == 0 {
			b.Grow(32 * len(d)) // most are shorter
		} else {
			b.WriteByte(',')
		}
		s, err := r.Norm(rules)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// Norm is the comparable form of one RDN; the order of its parts is immaterial.
func (r RDN) Norm(rules Rules) (string, error) {
	if len(r) == 1 {
		return normAVA(r[0], rules)
	}
	parts := make([]string, len(r))
	for i, a := range r {
		s, err := normAVA(a, rules)
		if err != nil {
			return "", err
		}
		parts[i] = s
	}
	slices.Sort(parts)
	return strings.Join(parts, "+"), nil
}

func normAVA(a AVA, rules Rules) (string, error) {
	typ, ok := rules.Type(a.Type)
	if !ok {
		return "", ErrSyntax
	}
	return typ + "=" + Escape(rules.Value(typ, a.Value), Hex), nil
}
