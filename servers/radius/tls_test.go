package radius_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"
)

// authority is a CA of the tests with one certificate for each side.
type authority struct {
	pool           *x509.CertPool
	server, client tls.Certificate
	pem            []byte
}

var ca = sync.OnceValues(func() (*authority, error) {
	caKey, caCert, err := issue(nil, nil, "Test CA")
	if err != nil {
		return nil, err
	}
	a := &authority{pool: x509.NewCertPool(), pem: caCert.Raw}
	a.pool.AddCert(caCert)
	for cn, into := range map[string]*tls.Certificate{"radius.acme.test": &a.server, "nas1.acme.test": &a.client} {
		key, cert, err := issue(caKey, caCert, cn)
		if err != nil {
			return nil, err
		}
		*into = tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
	}
	return a, nil
})

func issue(caKey *ecdsa.PrivateKey, caCert *x509.Certificate, cn string) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: cn}, DNSNames: []string{cn},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	signer, parent := caKey, caCert
	if caCert == nil {
		template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
		signer, parent = key, template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return key, cert, err
}

func testCA(t testing.TB) *authority {
	t.Helper()
	a, err := ca()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func serverTLS(t testing.TB) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{testCA(t).server}}
}
