package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"software.sslmate.com/src/go-pkcs12"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

// Request is a certificate that somebody outside the fleet wants.
type Request struct {
	// Names are what the certificate is for, the first as its subject. Host names
	// and addresses are alternative names as well; a client may have any name
	// without dots, and any that nobody takes for a host's.
	Names  []string
	Client bool // a client certificate; otherwise one of a server
}

// Bounds of a Request. A common name has at most 64 characters (RFC 5280 appendix
// A.1, ub-common-name), a host name 253 (RFC 1035 section 2.3.4, without the
// length octets).
const (
	mostNames   = 20
	longestName = 64
	longestHost = 253
)

// Password is that of PKCS#12 files for which nobody chose one: what Java and
// the tools around it take for granted.
const Password = pkcs12.DefaultPassword

// Issued is a certificate with its key and the CA behind it.
type Issued struct {
	*tls.Certificate
	random func(password string) *pkcs12.Encoder
}

// Issue makes the certificate of a request: the same one whenever the same names
// are asked for. Names that the CA's name constraints rule out, or that are
// malformed, are cause.BadInput, with what would be allowed.
func (a *Authority) Issue(r Request) (*Issued, error) {
	if len(r.Names) == 0 || len(r.Names) > mostNames {
		return nil, cause.Because(cause.BadInput, "a certificate has one to %d names, not %d", mostNames, len(r.Names))
	}
	var names []string
	for i, n := range r.Names {
		n, err := a.admit(n, r.Client && i == 0)
		if err != nil {
			return nil, err
		}
		if i == 0 && utf8.RuneCountInString(n) > longestName {
			return nil, cause.Because(cause.BadInput, "%q has %d characters; the first name, which is the subject, has at most %d", n, utf8.RuneCountInString(n), longestName)
		}
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	use := x509.ExtKeyUsageServerAuth
	if r.Client {
		use = x509.ExtKeyUsageClientAuth
	}
	c, err := a.issue(use, names)
	if err != nil {
		return nil, err
	}
	return &Issued{Certificate: c, random: func(password string) *pkcs12.Encoder {
		of := append([]string{"pki", "pkcs12", fmt.Sprint(use), password}, names...)
		return pkcs12.Modern2023.WithRand(world.Derive(a.config.RandomSeed, of...))
	}}, nil
}

// admit is a name as the certificate carries it; free, when it may be that of a
// client that is no host.
func (a *Authority) admit(n string, free bool) (string, error) {
	if ip, err := netip.ParseAddr(n); err == nil {
		if ip = ip.Unmap(); ip.Zone() != "" || !slices.ContainsFunc(privateRanges(), func(p *net.IPNet) bool { return p.Contains(ip.AsSlice()) }) {
			return "", a.outside(n)
		}
		return ip.String(), nil
	}
	host := strings.TrimSuffix(world.Fold(n), ".")
	if free && !strings.Contains(n, ".") || free && strings.ContainsFunc(n, notOfHosts) {
		return n, plain(n)
	}
	switch problem := hostname(host); {
	case problem != "":
		return "", cause.Because(cause.BadInput, "%.300q is no host name: %s", n, problem)
	case !a.vouchesFor(host):
		return "", a.outside(n)
	}
	return host, nil
}

// plain refuses a client's name that gets lost on its way through files, headers
// and directories.
func plain(n string) error {
	bad := strings.IndexFunc(n, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" ._-@+$:()'&", r)
	})
	switch {
	case !utf8.ValidString(n):
		return cause.Because(cause.BadInput, "%.300q is not in UTF-8", n)
	case n == "" || n != strings.TrimSpace(n) || strings.HasPrefix(n, "."):
		return cause.Because(cause.BadInput, "%.300q is no name: it is empty, or begins or ends with a blank, or begins with a dot", n)
	case bad >= 0:
		r, _ := utf8.DecodeRuneInString(n[bad:])
		return cause.Because(cause.BadInput, "%.300q is no name: it has %q; letters, digits, blanks and any of ._-@+$:()'& will do", n, r)
	}
	return nil
}

// notOfHosts are the characters that make OpenSSL and Java read a common name as
// no host name; what they read as one they hold against the name constraints.
func notOfHosts(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._*", r)
}

// hostname says what is wrong with a host name (RFC 1123 section 2.1), the first
// label of which may be a star.
func hostname(host string) string {
	if host == "" || len(host) > longestHost {
		return fmt.Sprintf("it has %d characters, and 1 to %d are possible", len(host), longestHost)
	}
	for i, label := range strings.Split(host, ".") {
		bad := strings.IndexFunc(label, func(r rune) bool { return notOfHosts(r) || r == '.' || r == '*' })
		switch {
		case i == 0 && label == "*" && len(host) > 1:
		case label == "" || len(label) > 63:
			return fmt.Sprintf("the part %.80q has %d characters, and 1 to 63 are possible", label, len(label))
		case bad >= 0:
			r, _ := utf8.DecodeRuneInString(label[bad:])
			return fmt.Sprintf("it has %q; letters, digits and hyphens will do (other alphabets as xn--…), and a first part that is a star", r)
		case label[0] == '-' || label[len(label)-1] == '-':
			return fmt.Sprintf("the part %q begins or ends with a hyphen", label)
		}
	}
	return ""
}

// outside refuses a name and says which ones there could be.
func (a *Authority) outside(n string) error {
	ranges := make([]string, 0, len(a.cert.PermittedIPRanges))
	for _, p := range a.cert.PermittedIPRanges {
		ranges = append(ranges, p.String())
	}
	return cause.Because(cause.BadInput, "the CA may not vouch for %q; it may for %s and names below them, and for addresses of %s",
		n, strings.Join(a.cert.PermittedDNSDomains, ", "), strings.Join(ranges, ", "))
}

// Key is the private key as PEM (PKCS#8).
func (i *Issued) Key() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(i.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Chain is the certificate and behind it the CA's, as PEM.
func (i *Issued) Chain() (out []byte) {
	for _, der := range i.Certificate.Certificate {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}

// PKCS12 is key, certificate and CA in one file (RFC 7292) that the password
// opens: AES-256 and HMAC-SHA-256, which OpenSSL 1.1, Java 8u301 and all later
// ones read.
func (i *Issued) PKCS12(password string) ([]byte, error) {
	if n := utf8.RuneCountInString(password); n == 0 || n > 256 || !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl) {
		return nil, cause.Because(cause.BadInput, "the password of a PKCS#12 file has 1 to 256 characters and no control characters")
	}
	ca, err := x509.ParseCertificate(i.Certificate.Certificate[1])
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	out, err := i.random(password).Encode(i.PrivateKey, i.Leaf, []*x509.Certificate{ca}, password)
	if err != nil { // characters beyond the first plane, which the format has not
		return nil, cause.Because(cause.BadInput, "the password of a PKCS#12 file: %v", err)
	}
	return out, nil
}
