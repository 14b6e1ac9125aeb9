package pki

import (
	"crypto"
	"crypto/ecdsa"
	"io"
)

// deterministic signs after RFC 6979, whatever randomness it is offered.
type deterministic struct{ *ecdsa.PrivateKey }

// Sign implements crypto.Signer.
func (d deterministic) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return d.PrivateKey.Sign(nil, digest, opts)
}
