package eap_test

import (
	"crypto/tls"
	"errors"
)

// noCertificate is enough to read what a peer sends first.
func noCertificate() *tls.Config {
	return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }}
}
