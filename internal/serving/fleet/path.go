package fleet

import (
	"net/url"
	"strings"
)

// evenPath makes two spellings of one path one: an unreserved character (RFC 3986
// 2.3) means the same with and without percent encoding (6.2.2.2), so /%63lock is
// /clock. Whatever else is encoded stays so: %2F is no slash. A segment of encoded
// dots stays, too: as plain dots it would be taken for a step up, and real servers
// tell the two apart.
func evenPath(u *url.URL) {
	if u.RawPath == "" {
		return
	}
	segments := strings.Split(u.RawPath, "/")
	for i, s := range segments {
		if even := evenSegment(s); even != "." && even != ".." {
			segments[i] = even
		}
	}
	u.RawPath = strings.Join(segments, "/")
	if (&url.URL{Path: u.Path}).EscapedPath() == u.RawPath {
		u.RawPath = ""
	}
}

// evenSegment decodes the unreserved characters of a path segment.
func evenSegment(raw string) string {
	var b strings.Builder
	for raw != "" {
		i := strings.IndexByte(raw, '%')
		if i < 0 || i+3 > len(raw) {
			b.WriteString(raw)
			break
		}
		b.WriteString(raw[:i])
		if c := octet(raw[i+1])<<4 | octet(raw[i+2]); unreserved(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(raw[i : i+3])
		}
		raw = raw[i+3:]
	}
	return b.String()
}

// octet is the value of a hexadecimal digit; net/url has seen that it is one.
func octet(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
