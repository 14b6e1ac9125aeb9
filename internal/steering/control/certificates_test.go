package control_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"
)

// TestL6CertificatesOverTheAPI: every certificate verifies, every bad name is 400
// and says what would do.
func TestL6CertificatesOverTheAPI(t *testing.T) {
	a := client(t)
	for path, use := range map[string]x509.ExtKeyUsage{
		"/ca/client/nas1": x509.ExtKeyUsageClientAuth, "/ca/client/alice%40acme.test": x509.ExtKeyUsageClientAuth, "/ca/client/A2A%20one": x509.ExtKeyUsageClientAuth,
		"/ca/server/radius.acme.test": x509.ExtKeyUsageServerAuth, "/ca/server/radius.acme.test?also=127.0.0.1,*.acme.test": x509.ExtKeyUsageServerAuth,
	} {
		text := a.want(200, "GET", path, "").body
		pair, err := tls.X509KeyPair([]byte(text), []byte(text))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		opts := x509.VerifyOptions{Roots: a.f.PKI.Pool(), KeyUsages: []x509.ExtKeyUsage{use}, CurrentTime: a.f.Clock.Now()}
		if _, err := pair.Leaf.Verify(opts); err != nil || !strings.HasPrefix(text, "-----BEGIN PRIVATE KEY") || !strings.HasSuffix(text, string(a.f.PKI.PEM())) {
			t.Errorf("%s: %v\n%s", path, err, text)
		}
	}
	for query, password := range map[string]string{"": "changeit", "&password=" + url.QueryEscape("Pass wört"): "Pass wört"} {
		file := a.want(200, "GET", "/ca/client/nas1?format=p12"+query, "").body
		if _, leaf, chain, err := pkcs12.DecodeChain([]byte(file), password); err != nil || leaf.Subject.CommonName != "nas1" || len(chain) != 1 {
			t.Errorf("p12%s: %v", query, err)
		}
	}
	for path, want := range map[string]string{
		"/ca/server/www.example.com": "acme.test and names below them", "/ca/client/www.example.com": "acme.test and names below them",
		"/ca/server/8.8.8.8": "192.168.0.0/16", "/ca/server/radius.acme.test?also=8.8.8.8": "192.168.0.0/16", "/ca/client/a%0Ab": "has '\\\\n'",
		"/ca/server/nas1?format=der": "[pem p12]", "/ca/client/nas1?format=p12&password=": "1 to 256", "/ca/client/nas1?password=x": "format=p12",
		"/ca/client/nas1?names=x": "no parameter", "/ca/client/nas1?format=pem&format=p12": "2 times",
		"/ca/client/" + strings.Repeat("x", 65): "65 characters", "/ca/server/acme.test?also=" + strings.Repeat("acme.test,", 20): "not 22",
	} {
		if r := a.want(400, "GET", path, ""); !strings.Contains(r.body, want) {
			t.Errorf("%s: %s, want %s", path, r.body, want)
		}
	}
	for _, path := range []string{"/ca/client/nas1", "/ca/server/radius.acme.test"} {
		for token, want := range map[string]int{"": 401, "wrong": 401, "control-token": 200} {
			if code, body := get(t, a.f, token, "", path); code != want {
				t.Errorf("%s with token %q: %d %s", path, token, code, body)
			}
		}
		if code, _ := get(t, a.f, "control-token", "evil.example", path); code != 403 {
			t.Errorf("%s for a page of elsewhere: %d", path, code)
		}
	}
	a.want(404, "GET", "/ca/client/", "")
	a.want(404, "GET", "/ca/other/nas1", "")
}
