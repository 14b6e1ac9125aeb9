// Package pki is the fleet's own certificate authority: one CA that follows
// from the random seed and a leaf per host name, made when first asked for.
//
// Everybody who knows the seed knows the CA's private key, so the certificate
// itself forbids what it could be abused for: name constraints (RFC 5280
// section 4.2.1.10) limit it to names reserved for tests, the organization's
// own domain, the vendor names that the seed redirects, loopback and private
// addresses.
package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/world"
)

// Config is what an Authority stands on.
type Config struct {
	RandomSeed   uint64
	Organization world.Organization
	Hosts        []string // further names that leaves may carry: vendor host names
	Clock        clock.Clock
}

// Authority issues certificates.
type Authority struct {
	config Config
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	pool   *x509.CertPool

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// keptLeaves bounds the cache: a client may ask for any name by SNI.
const keptLeaves = 256

// Fixed dates make the CA the same in every run; leaves start with it, because
// a fleet's clock may stand anywhere after.
var (
	caFrom  = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	caUntil = time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC)
)

// reserved are the names of RFC 6761 and RFC 9476 plus those that containers use.
var reserved = []string{"localhost", "test", "example", "invalid", "internal", "counterpart"}

// New makes the CA that follows from c.
func New(c Config) (*Authority, error) {
	key, err := checkout.DeriveECDSA(world.Derive(c.RandomSeed, "pki", "ca"))
	if err != nil {
		return nil, err
	}
	permitted := slices.Clone(reserved)
	for _, name := range append([]string{c.Organization.Domain}, c.Hosts...) {
		if name = strings.TrimPrefix(world.Fold(name), "*."); name != "" && !slices.Contains(permitted, name) {
			permitted = append(permitted, name)
		}
	}
	template := &x509.Certificate{
		SerialNumber: serial(c.RandomSeed, "ca"), NotBefore: caFrom, NotAfter: caUntil,
		Subject:  pkix.Name{CommonName: "Counterpart test CA", Organization: []string{name(c.Organization)}},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: permitted, PermittedIPRanges: privateRanges(),
	}
	// Signing without randomness is deterministic (RFC 6979), so the certificate
	// is the same octets in every run.
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), deterministic{key})
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	a := &Authority{config: c, key: key, cert: cert, pool: x509.NewCertPool(), leaves: map[string]*tls.Certificate{}}
	a.pool.AddCert(cert)
	return a, nil
}

func name(o world.Organization) string {
	if o.Name == "" {
		return "Counterpart"
	}
	return o.Name + " (a fictitious company)"
}

func privateRanges() (out []*net.IPNet) {
	for _, s := range []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"} {
		p := netip.MustParsePrefix(s)
		out = append(out, &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
	}
	return out
}

func serial(seed uint64, parts ...string) *big.Int {
	raw := make([]byte, 16)
	world.Derive(seed, append([]string{"pki", "serial"}, parts...)...).Read(raw)
	raw[0] &= 0x7f
	return new(big.Int).SetBytes(raw)
}

// PEM is the CA's certificate for clients to trust.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Pool holds the CA alone.
func (a *Authority) Pool() *x509.CertPool { return a.pool }

// Leaf is a server certificate for names and addresses, the first of which is
// its subject. It is made once.
func (a *Authority) Leaf(names ...string) (*tls.Certificate, error) {
	id := strings.Join(names, ",")
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.leaves[id]; ok {
		return c, nil
	}
	c, err := a.issue(x509.ExtKeyUsageServerAuth, names)
	if err != nil {
		return nil, err
	}
	if len(a.leaves) >= keptLeaves {
		clear(a.leaves)
	}
	a.leaves[id] = c
	return c, nil
}

// Client is a client certificate whose common name is name.
func (a *Authority) Client(name string) (*tls.Certificate, error) {
	return a.issue(x509.ExtKeyUsageClientAuth, []string{name})
}

// Unsound is a server certificate that no careful client accepts: "expired", for
// a "wrong-name", or of an "unknown-ca".
func (a *Authority) Unsound(way string, names ...string) (*tls.Certificate, error) {
	switch way {
	case "expired":
		return a.issueUntil(x509.ExtKeyUsageServerAuth, names, caFrom.AddDate(1, 0, 0))
	case "wrong-name":
		return a.Leaf("somebody-else.invalid")
	}
	stranger := a.config
	stranger.RandomSeed = ^stranger.RandomSeed
	other, err := New(stranger)
	if err != nil {
		return nil, err
	}
	return other.Leaf(names...)
}

func (a *Authority) issue(use x509.ExtKeyUsage, names []string) (*tls.Certificate, error) {
	return a.issueUntil(use, names, caUntil.AddDate(-1, 0, 0))
}

func (a *Authority) issueUntil(use x509.ExtKeyUsage, names []string, until time.Time) (*tls.Certificate, error) {
	id := strings.Join(append([]string{fmt.Sprint(use)}, names...), ",")
	key, err := checkout.DeriveECDSA(world.Derive(a.config.RandomSeed, "pki", "leaf", id))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(a.config.RandomSeed, id), NotBefore: caFrom, NotAfter: until,
		Subject:  pkix.Name{CommonName: names[0]},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use}, BasicConstraintsValid: true,
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if use == x509.ExtKeyUsageServerAuth || strings.Contains(n, ".") && a.vouchesFor(n) && hostname(n) == "" {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(nil, template, a.cert, key.Public(), deterministic{a.key})
	if err != nil {
		return nil, fmt.Errorf("pki: certificate for %s: %w", id, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// Server is the TLS side of a port: the leaf that the client asks for by SNI if
// the CA may vouch for it, else the one for everywhere the fleet is reached by
// default.
func (a *Authority) Server(hosts []string) *tls.Config {
	usual := append([]string{"localhost"}, hosts...)
	if d := a.config.Organization.Domain; d != "" {
		usual = append(usual, d, "*."+d)
	}
	usual = append(usual, "counterpart", "127.0.0.1", "::1")
	return &tls.Config{MinVersion: tls.VersionTLS12, ClientCAs: a.pool, Time: a.config.Clock.Now,
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			names := slices.Clone(usual)
			if sni := world.Fold(h.ServerName); sni != "" && len(sni) < 254 && a.vouchesFor(sni) && !slices.Contains(names, sni) {
				names = slices.Insert(names, 0, sni)
			}
			if at, ok := h.Conn.LocalAddr().(*net.TCPAddr); ok && at.IP.IsPrivate() {
				names = append(names, at.IP.String())
			}
			return a.Leaf(names...)
		}}
}

func (a *Authority) vouchesFor(host string) bool {
	return slices.ContainsFunc(a.cert.PermittedDNSDomains, func(d string) bool {
		return host == d || strings.HasSuffix(host, "."+d)
	})
}

// Fingerprint is the CA's SHA-256 fingerprint in hexadecimal.
func (a *Authority) Fingerprint() string { return fmt.Sprintf("%x", sha256.Sum256(a.cert.Raw)) }

// Equal reports whether both have the same CA certificate.
func (a *Authority) Equal(b *Authority) bool { return bytes.Equal(a.cert.Raw, b.cert.Raw) }
