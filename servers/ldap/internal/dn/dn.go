// Package dn parses and writes distinguished names (RFC 4514).
package dn

import (
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"

	"counterpart/servers/ldap/internal/ber"
)

// ErrSyntax says that a string is not a distinguished name.
var ErrSyntax = errors.New("dn: invalid DN")

// maxRDNs bounds how deep a name may be; a real tree has a dozen levels.
const maxRDNs = 256

// AVA is one attribute type and value of an RDN; Value has no escapes.
type AVA struct{ Type, Value string }

// RDN is a relative distinguished name; almost always one AVA.
type RDN []AVA

// DN is a distinguished name, the entry's own RDN first. The empty DN names
// the root.
type DN []RDN

// Parse reads the string form of a DN. Spaces around separators are accepted,
// as RFC 4514 section 2.1 asks of nobody and every server does.
func Parse(s string) (DN, error) {
	if strings.TrimLeft(s, " ") == "" {
		return nil, nil
	}
	d := make(DN, 0, 4)
	all := make([]AVA, 0, 4) // in one piece, of which each RDN is a part
	for {
		from := len(all)
		grown, rest, err := parseRDN(all, s)
		if err != nil {
			return nil, err
		}
		all = grown
		if d = append(d, RDN(all[from:len(all):len(all)])); len(d) > maxRDNs {
			return nil, ErrSyntax
		}
		if rest == "" {
			return d, nil
		}
		s = rest[1:] // a comma or semicolon
	}
}

// ParseRDN reads exactly one RDN.
func ParseRDN(s string) (RDN, error) {
	rdn, rest, err := parseRDN(nil, s)
	if err != nil || rest != "" {
		return nil, ErrSyntax
	}
	return rdn, nil
}

// parseRDN appends the parts of one RDN to all.
func parseRDN(all []AVA, s string) (grown []AVA, rest string, err error) {
	for {
		ava, rest, err := parseAVA(s)
		if err != nil {
			return nil, "", err
		}
		all = append(all, ava)
		if rest == "" || rest[0] != '+' {
			return all, rest, nil
		}
		s = rest[1:]
	}
}

func parseAVA(s string) (AVA, string, error) {
	eq := strings.IndexByte(s, '=')
	if eq < 0 {
		return AVA{}, "", ErrSyntax
	}
	typ := strings.Trim(s[:eq], " ")
	if !validType(typ) {
		return AVA{}, "", ErrSyntax
	}
	s = strings.TrimLeft(s[eq+1:], " ")
	if strings.HasPrefix(s, "#") {
		return parseHex(typ, s[1:])
	}
	end := strings.IndexAny(s, ",+;\\\"<>\x00")
	if end < 0 || s[end] == ',' || s[end] == '+' || s[end] == ';' { // the usual: nothing escaped
		if end < 0 {
			end = len(s)
		}
		v := strings.TrimRight(s[:end], " ")
		if !utf8.ValidString(v) {
			return AVA{}, "", ErrSyntax
		}
		return AVA{typ, v}, s[end:], nil
	}
	return parseEscaped(typ, s)
}

// parseEscaped reads a value with backslashes (RFC 4514 section 3).
func parseEscaped(typ, s string) (AVA, string, error) {
	var v strings.Builder
	keep := 0 // trailing spaces up to here were escaped and belong to the value
	i := 0
loop:
	for i < len(s) {
		switch c := s[i]; c {
		case ',', '+', ';':
			break loop
		case '"', '<', '>', 0:
			return AVA{}, "", ErrSyntax
		case '\\':
			if i+1 >= len(s) {
				return AVA{}, "", ErrSyntax
			}
			if strings.IndexByte(` "#+,;<=>\`, s[i+1]) >= 0 {
				v.WriteByte(s[i+1])
				i += 2
			} else {
				if i+3 > len(s) {
					return AVA{}, "", ErrSyntax
				}
				o, err := hex.DecodeString(s[i+1 : i+3])
				if err != nil {
					return AVA{}, "", ErrSyntax
				}
				v.Write(o)
				i += 3
			}
			keep = v.Len()
		default:
			v.WriteByte(c)
			i++
		}
	}
	value := v.String()
	value = value[:keep] + strings.TrimRight(value[keep:], " ")
	if !utf8.ValidString(value) {
		return AVA{}, "", ErrSyntax
	}
	return AVA{typ, value}, s[i:], nil
}

// parseHex reads "#04024869": the BER encoding of the value.
func parseHex(typ, s string) (AVA, string, error) {
	end := strings.IndexAny(s, ",+; ")
	if end < 0 {
		end = len(s)
	}
	raw, err := hex.DecodeString(s[:end])
	if err != nil {
		return AVA{}, "", ErrSyntax
	}
	_, content, rest, err := ber.Next(raw)
	if err != nil || len(rest) > 0 || !utf8.Valid(content) {
		return AVA{}, "", ErrSyntax
	}
	after := strings.TrimLeft(s[end:], " ")
	if after != "" && strings.IndexByte(",+;", after[0]) < 0 {
		return AVA{}, "", ErrSyntax
	}
	return AVA{typ, string(content)}, after, nil
}

// validType accepts a short name or a dotted OID (RFC 4512 section 1.4).
func validType(s string) bool {
	if s == "" {
		return false
	}
	digit := s[0] >= '0' && s[0] <= '9'
	if !digit && !letter(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		c := s[i]
		isDigit := c >= '0' && c <= '9'
		if digit && !isDigit && c != '.' || !digit && !isDigit && !letter(c) && c != '-' {
			return false
		}
	}
	return !strings.HasSuffix(s, ".") && !strings.Contains(s, "..")
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// Style is how special characters are escaped on output. Both are right;
// clients that compare names as text see the difference.
type Style int

// The styles of the two servers.
const (
	Hex       Style = iota // OpenLDAP: cn=Adams\2C Alice
	Backslash              // Active Directory: CN=Adams\, Alice
)

// Escape writes a value as it stands in a DN.
func Escape(v string, style Style) string {
	if v == "" {
		return ""
	}
	if v[0] != ' ' && v[0] != '#' && v[len(v)-1] != ' ' && !strings.ContainsAny(v, "\",+;<>\\=\x00\n\r") {
		return v
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		c := v[i]
		special := strings.IndexByte("\",+;<>\\", c) >= 0 || c == '#' && i == 0 ||
			c == ' ' && (i == 0 || i == len(v)-1) || c == '=' && style == Hex
		switch {
		case c == 0 || c == '\n' || c == '\r' || special && style == Hex:
			const digits = "0123456789ABCDEF"
			b.Write([]byte{'\\', digits[c>>4], digits[c&15]})
		case special:
			b.Write([]byte{'\\', c})
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// String writes one RDN.
func (r RDN) String(style Style) string {
	if len(r) == 1 {
		return r[0].Type + "=" + Escape(r[0].Value, style)
	}
	parts := make([]string, len(r))
	for i, a := range r {
		parts[i] = a.Type + "=" + Escape(a.Value, style)
	}
	return strings.Join(parts, "+")
}

// String writes the DN.
func (d DN) String(style Style) string {
	parts := make([]string, len(d))
	for i, r := range d {
		parts[i] = r.String(style)
	}
	return strings.Join(parts, ",")
}

// Parent is the DN without its first RDN.
func (d DN) Parent() DN {
	if len(d) == 0 {
		return nil
	}
	return d[1:]
}
