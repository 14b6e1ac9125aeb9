package egress_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/steering/dialecttest"
)

// choosy is a port that asks some of its hosts for a certificate.
type choosy struct{ dialect.Port }

func (choosy) Faults() []string { return nil }

func (c choosy) Ports() []dialect.Port {
	p := c.Port
	p.Name, p.Listen, p.TLS = "https", ":443", true
	p.HTTP = &dialect.HTTP{
		Routes: []dialect.Route{{Method: "GET", Path: "/", Do: func(c echo.Context) error {
			who := "nobody"
			if certs := c.Request().TLS.PeerCertificates; len(certs) > 0 {
				who = certs[0].Subject.CommonName
			}
			return c.String(200, fmt.Sprint(who, " ", c.Request().TLS.DidResume))
		}}},
		NotFound: func(c echo.Context) error { return c.NoContent(404) },
		Error:    func(_ error, c echo.Context) { c.NoContent(500) },
	}
	return []dialect.Port{p}
}

func choosyFleet(t *testing.T, p dialect.Port) *dialecttest.Fleet {
	t.Helper()
	return dialecttest.Run(t, []dialect.Kind{{Name: "vendor", New: func(dialect.Env) (dialect.Server, error) { return choosy{p}, nil }, Settings: struct{}{}}},
		"version: 1\nservers: [{kind: vendor}]\n")
}

// TestCertificatesPerHostName: a client is asked for a certificate by the host that it
// greets, directly and through the proxy, and by no other host of the port.
func TestCertificatesPerHostName(t *testing.T) {
	f := choosyFleet(t, dialect.Port{Hosts: []string{"www.vendor.example", "api.vendor.example", "any.vendor.example", "*.tenants.example"},
		Certs: map[string]dialect.Cert{"api.vendor.example": dialect.WantCert, "any.vendor.example": dialect.UnverifiedOK, "*.safe.tenants.example": dialect.RequireCert, "off.safe.tenants.example": dialect.NoCert}})
	cert, err := f.PKI.Client("sps")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := choosyFleetCert(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		host   string
		cert   *tls.Certificate // nil: the client has none
		asked  bool
		answer string // "": no handshake
	}{
		{"www.vendor.example", cert, false, "nobody"},
		{"api.vendor.example", cert, true, "sps"},
		{"API.vendor.example", cert, true, "sps"},
		{"api.vendor.example", nil, true, "nobody"},
		{"any.vendor.example", foreign, true, "stranger"},
		{"api.vendor.example", foreign, true, ""},
		{"one.tenants.example", cert, false, "nobody"},
		{"one.safe.tenants.example", cert, true, "sps"},
		{"one.safe.tenants.example", nil, true, ""},
		{"off.safe.tenants.example", cert, false, "nobody"},
		{"", cert, false, "nobody"},
	} {
		for way, proxy := range map[string]func(*http.Request) (*url.URL, error){"directly": nil, "through the proxy": http.ProxyURL(&url.URL{Scheme: "http", Host: f.Addr("egress/proxy")})} {
			if row.host == "" && proxy != nil {
				continue
			}
			asked := false
			config := &tls.Config{RootCAs: f.PKI.Pool(), Time: f.Clock.Now, ServerName: row.host, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if asked = true; row.cert == nil {
					return &tls.Certificate{}, nil
				}
				return row.cert, nil
			}}
			target := "https://" + row.host + "/"
			if proxy == nil {
				target = "https://" + f.Addr("vendor/https") + "/"
			}
			c := &http.Client{Transport: &http.Transport{Proxy: proxy, TLSClientConfig: config, DisableKeepAlives: true}, Timeout: 20 * time.Second}
			got, err := get(t, c, target)
			if who, _, _ := strings.Cut(got, " "); who != row.answer || asked != row.asked || (err == nil) != (row.answer != "") {
				t.Errorf("%q %s: %q, asked %v, %v", row.host, way, got, asked, err)
			}
		}
	}
}

// choosyFleetCert is a client's certificate of somebody else's authority.
func choosyFleetCert(t *testing.T) (*tls.Certificate, error) {
	other := dialecttest.Run(t, nil, "version: 1\nrandom_seed: 2\norganization: {name: Other, domain: other.test, netbios: OTHER}\n")
	return other.PKI.Client("stranger")
}

// TestASessionOfOneHostIsNoneOfAnother: whoever has spoken to a host that asks for nothing
// resumes no session with one that does.
func TestASessionOfOneHostIsNoneOfAnother(t *testing.T) {
	f := choosyFleet(t, dialect.Port{Hosts: []string{"www.vendor.example", "api.vendor.example"}, Certs: map[string]dialect.Cert{"api.vendor.example": dialect.WantCert}})
	cert, err := f.PKI.Client("sps")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cache := &oneSession{}
		for host, want := range map[string]string{"www.vendor.example": "nobody true", "api.vendor.example": "sps false"} {
			for i, name := range []string{"www.vendor.example", host} {
				c, err := tls.Dial("tcp", f.Addr("vendor/https"), &tls.Config{RootCAs: f.PKI.Pool(), Time: f.Clock.Now, ServerName: name, MaxVersion: version,
					ClientSessionCache: cache, Certificates: []tls.Certificate{*cert}})
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name)
				said, err := io.ReadAll(c)
				c.Close()
				if i == 1 && (err != nil || !strings.HasSuffix(string(said), want)) {
					t.Errorf("TLS %x, %s: %q, %v; want %s", version, name, said, err, want)
				}
			}
		}
	}
}

// oneSession is a cache that offers every host the last session, of whichever host.
type oneSession struct{ s *tls.ClientSessionState }

func (c *oneSession) Get(string) (*tls.ClientSessionState, bool) { return c.s, c.s != nil }

func (c *oneSession) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.s = s
	}
}

// TestFaultsOfTLSAskAsTheHostDoes: a broken certificate of the server's changes nothing
// about whom it asks for one.
func TestFaultsOfTLSAskAsTheHostDoes(t *testing.T) {
	f := choosyFleet(t, dialect.Port{Hosts: []string{"www.vendor.example", "api.vendor.example"}, Certs: map[string]dialect.Cert{"api.vendor.example": dialect.WantCert}})
	if err := f.Faults.Set([]fault.Rule{{Kind: fault.TLS, Args: map[string]string{"as": "unknown-ca"}}}); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{"www.vendor.example": false, "api.vendor.example": true} {
		asked := false
		c, err := tls.Dial("tcp", f.Addr("vendor/https"), &tls.Config{InsecureSkipVerify: true, ServerName: host, MaxVersion: tls.VersionTLS12,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &tls.Certificate{}, nil
			}})
		if err != nil || asked != want {
			t.Errorf("%s: asked %v, %v", host, asked, err)
			continue
		}
		c.Close()
	}
}
