package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/pki"
)

func authority(t testing.TB, seed uint64, hosts ...string) *pki.Authority {
	t.Helper()
	a, err := pki.New(pki.Config{RandomSeed: seed, Organization: world.Organization{Name: "Acme", Domain: "acme.test"}, Hosts: hosts,
		Clock: clock.Frozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheSameSeedGivesTheSameAuthority(t *testing.T) {
	if a, b := authority(t, 1), authority(t, 1); string(a.PEM()) != string(b.PEM()) {
		t.Error("two runs, two certificates")
	}
	if authority(t, 1).Equal(authority(t, 2)) {
		t.Error("another seed, the same certificate")
	}
}

// handshake dials a TLS server of a and returns the client's verdict.
func handshake(t *testing.T, a *pki.Authority, serverName string, hosts ...string) error {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", a.Server(hosts))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: a.Pool(), ServerName: serverName,
		Time: func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }})
	if err == nil {
		c.Close()
	}
	return err
}

func TestClientsThatTrustTheCAAcceptItsLeaves(t *testing.T) {
	a := authority(t, 1, "*.service-now.com", "api.example.net")
	for _, name := range []string{"127.0.0.1", "localhost", "vault.acme.test", "acme.test", "anything.test", "dev1.service-now.com", "api.example.net", "counterpart"} {
		if err := handshake(t, a, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := handshake(t, a, "www.example.com"); err == nil {
		t.Error("a name outside the constraints was accepted")
	}
}

func TestTheCACannotVouchForTheWorld(t *testing.T) {
	a := authority(t, 1)
	for _, name := range []string{"www.example.com", "8.8.8.8", "testament.org"} {
		leaf, err := a.Leaf(name)
		if err != nil {
			t.Fatal(err)
		}
		opts := x509.VerifyOptions{Roots: a.Pool(), CurrentTime: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		if net.ParseIP(name) == nil {
			opts.DNSName = name
		}
		if _, err := leaf.Leaf.Verify(opts); err == nil {
			t.Errorf("a leaf for %s verifies", name)
		}
	}
}

func TestClientCertificatesCarryTheirName(t *testing.T) {
	a := authority(t, 1)
	c, err := a.Client("nas1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		CurrentTime: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}); err != nil || c.Leaf.Subject.CommonName != "nas1" {
		t.Errorf("%s: %v", c.Leaf.Subject, err)
	}
	if b, _ := pem.Decode(a.PEM()); b == nil || b.Type != "CERTIFICATE" {
		t.Errorf("no certificate in %s", a.PEM())
	}
}
