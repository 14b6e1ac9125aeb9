package wire

import (
	"strings"
)

// literal changes what stands between the holes of a text.
func literal(text string, change func(string) string) string {
	var b strings.Builder
	for text != "" {
		before, after, hole := strings.Cut(text, "{{")
		b.WriteString(change(before))
		if !hole {
			break
		}
		name, rest, _ := strings.Cut(after, "}}")
		b.WriteString("{{" + name + "}}")
		text = rest
	}
	return b.String()
}

// token reports a character of a method or a header's name (RFC 9110 section 5.6.2).
func token(c rune) bool {
	return c > 0x20 && c < 0x7f && !strings.ContainsRune("\"(),/:;<=>?@[\\]{}", c)
}

// printable escapes what cannot stand in a request line; what a plan has escaped stays as it is.
func printable(text string) string {
	var b []byte
	for i := range len(text) {
		if c := text[i]; c <= 0x20 || c >= 0x7f || c == '#' {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

// escapePath is for values in paths, queries and forms: all but what is unreserved (RFC 3986
// section 2.3).
func escapePath(dst []byte, value string) []byte {
	for i := range len(value) {
		b := value[i]
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '.', b == '~':
			dst = append(dst, b)
		default:
			dst = append(dst, '%', upperHex[b>>4], upperHex[b&15])
		}
	}
	return dst
}

func escaped(s string) string { return string(escapePath(nil, s)) }

// escapeJSON is for values within a JSON text.
func escapeJSON(dst []byte, value string) []byte {
	for i := range len(value) {
		switch b := value[i]; {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', upperHex[b>>4], upperHex[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// escapeLine is for values of headers: what would end the line is left out.
func escapeLine(dst []byte, value string) []byte {
	for i := range len(value) {
		if b := value[i]; b >= 0x20 && b != 0x7f || b == '\t' {
			dst = append(dst, b)
		}
	}
	return dst
}
