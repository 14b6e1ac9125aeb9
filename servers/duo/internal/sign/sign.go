// Package sign verifies the signatures of Duo's API clients: versions 1, 2, 4
// and 5, which differ in the lines that are signed. The format follows RFC 5849
// section 3.4.1.3.2 for parameters and Duo's public clients for the rest.
package sign

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"counterpart/internal/face/httpapi"
)

// Version says which lines are signed.
type Version int

// The versions. Clients refuse to make a version 3.
const (
	V1 Version = 1 // method, host, path, parameters
	V2 Version = 2 // the date before them
	V4 Version = 4 // a hash of the body behind them
	V5 Version = 5 // a hash of the X-Duo headers behind that
)

// Request is what a signature is about.
type Request struct {
	Method, Host, Path string
	Query              string // raw, without "?"
	Form               string // the body, if it is a form; empty otherwise
	Body               []byte // as received
	Date               string // the header's literal text
	Header             http.Header
}

// inBody reports whether a method's parameters are in its body.
func inBody(method string) bool { return method == "POST" || method == "PUT" || method == "PATCH" }

// Text is what is signed in a version; an error means that the parameters
// cannot be read.
func (r Request) Text(v Version) (string, error) {
	source := r.Query
	if inBody(r.Method) {
		source = r.Form
		if v >= V4 {
			source = ""
		}
	}
	params, err := httpapi.ParseForm(source, httpapi.FormRules{})
	if err != nil {
		return "", err
	}
	var lines []string
	if v >= V2 {
		lines = append(lines, r.Date)
	}
	lines = append(lines, strings.ToUpper(r.Method), strings.ToLower(r.Host), r.Path, Canonical(params))
	if v >= V4 {
		body := r.Body
		if !inBody(r.Method) {
			body = nil
		}
		lines = append(lines, digest(body))
	}
	if v >= V5 {
		lines = append(lines, digest([]byte(extra(r.Header))))
	}
	return strings.Join(lines, "\n"), nil
}

func digest(b []byte) string {
	sum := sha512.Sum512(b)
	return hex.EncodeToString(sum[:])
}

// extra joins the X-Duo headers: names in lower case, sorted, everything parted
// by NUL.
func extra(h http.Header) string {
	own := map[string]string{}
	for name, values := range h {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-duo-") && len(values) > 0 {
			own[name] = values[0]
		}
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(own)) {
		parts = append(parts, name, own[name])
	}
	return strings.Join(parts, "\x00")
}

// leavesOut reports a version that would not sign everything there is to read: a
// body that is no form, or a header's second value.
func (r Request) leavesOut(v Version) bool {
	if v < V4 {
		return inBody(r.Method) && r.Form == "" && len(r.Body) > 0
	}
	for name, values := range r.Header {
		if v >= V5 && len(values) > 1 && strings.HasPrefix(strings.ToLower(name), "x-duo-") {
			return true
		}
	}
	return false
}

// Verify reports the version in which mac, a lower-case hexadecimal HMAC, is
// the signature of r. Its length tells the digest: 40 is SHA-1, which only
// versions 1 and 2 use, 128 is SHA-512. The host counts as received and without
// its port. Version 1, which carries no date, is tried only when legacy is set.
// A version that leaves out something of the request is never its version.
func Verify(r Request, key []byte, mac string, legacy bool) (Version, bool) {
	var algorithm func() hash.Hash
	versions := []Version{V5, V4, V2}
	switch len(mac) {
	case 2 * sha1.Size:
		algorithm, versions = sha1.New, []Version{V2}
	case 2 * sha512.Size:
		algorithm = sha512.New
	default:
		return 0, false
	}
	if r.Date == "" {
		versions = nil
	}
	if legacy {
		versions = append(versions, V1)
	}
	versions = slices.DeleteFunc(versions, r.leavesOut)
	hosts := []string{r.Host}
	if bare, _, err := net.SplitHostPort(r.Host); err == nil {
		hosts = append(hosts, bare)
	}
	for _, v := range versions {
		for _, r.Host = range hosts {
			text, err := r.Text(v)
			if err != nil {
				continue
			}
			m := hmac.New(algorithm, key)
			m.Write([]byte(text))
			if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(m.Sum(nil))), []byte(mac)) == 1 {
				return v, true
			}
		}
	}
	return 0, false
}

// Canonical is the parameters line: each name and value escaped, sorted by
// escaped name, then by escaped value. Repeated names keep every value.
func Canonical(params httpapi.Form) string {
	type pair struct{ Name, Value string }
	escaped := make([]pair, len(params))
	for i, p := range params {
		escaped[i] = pair{Escape(p.Name), Escape(p.Value)}
	}
	slices.SortFunc(escaped, func(a, b pair) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value)) })
	var b strings.Builder
	for i, p := range escaped {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.Name + "=" + p.Value)
	}
	return b.String()
}

// Escape is percent encoding by RFC 3986: everything but letters, digits, "-",
// ".", "_" and "~", in upper-case hexadecimal.
func Escape(s string) string {
	const unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(unreserved, s[i]) >= 0 {
			b.WriteByte(s[i])
			continue
		}
		b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{s[i]})))
	}
	return b.String()
}
