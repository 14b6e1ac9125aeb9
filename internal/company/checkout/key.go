package checkout

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"sync"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

// keptKeys bounds the cache of generated keys.
const keptKeys = 1024

// key is an account's private key in version n: the seeded one first, then
// keys derived like passwords. slot tells several keys of one account apart.
func (d *Service) key(a world.Account, k world.Key, slot string, n int) (string, error) {
	if n <= 1 && k.PEM != "" {
		return k.PEM, nil
	}
	return d.made(a.ID+"/"+slot, func(id string) (string, error) { return GenerateKey(k.Type, k.Bits, d.World.Derive("key", id)) })
}

// made is the private key of an ID, which is made once. Whoever wants another one
// does not wait for it.
func (d *Service) made(id string, generate func(id string) (string, error)) (string, error) {
	d.mu.Lock()
	k := d.keys[id]
	if k == nil {
		if len(d.keys) >= keptKeys {
			clear(d.keys)
		}
		k = &madeKey{}
		d.keys[id] = k
	}
	d.mu.Unlock()
	k.once.Do(func() { k.text, k.err = generate(id) })
	return k.text, k.err
}

// madeKey is a private key that was made, or is being made.
type madeKey struct {
	once sync.Once
	text string
	err  error
}

// GenerateKey makes the private key that follows from r, as PEM: PKCS#1 for
// ssh-rsa, PKCS#8 for ssh-ed25519, SEC 1 for ecdsa-sha2-nistp256. The standard
// library's generators ignore the reader they are given, so that a repeatable
// key has to be put together here. Such keys are for tests only.
func GenerateKey(kind string, bits int, r io.Reader) (string, error) {
	switch kind {
	case "ssh-rsa":
		k, err := deriveRSA(max(bits, 2048), r)
		if err != nil {
			return "", err
		}
		return block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)), nil
	case "ssh-ed25519":
		seed := make([]byte, ed25519.SeedSize)
		io.ReadFull(r, seed)
		der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
		return block("PRIVATE KEY", der), err
	case "ecdsa-sha2-nistp256":
		k, err := DeriveECDSA(r)
		if err != nil {
			return "", err
		}
		der, err := x509.MarshalECPrivateKey(k)
		return block("EC PRIVATE KEY", der), err
	}
	return "", cause.Because(cause.BadInput, "keys of type %q cannot be generated", kind)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// DeriveECDSA is the P-256 key that follows from r.
func DeriveECDSA(r io.Reader) (*ecdsa.PrivateKey, error) {
	for {
		d := make([]byte, 32)
		if _, err := io.ReadFull(r, d); err != nil {
			return nil, err
		}
		if k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d); err == nil {
			return k, nil // else zero or beyond the order of the curve: draw again
		}
	}
}

// deriveRSA is the RSA key that follows from r.
func deriveRSA(bits int, r io.Reader) (*rsa.PrivateKey, error) {
	e := big.NewInt(65537)
	for {
		p, err := derivePrime(bits/2, r)
		if err != nil {
			return nil, err
		}
		q, err := derivePrime(bits-bits/2, r)
		if err != nil {
			return nil, err
		}
		one := big.NewInt(1)
		n := new(big.Int).Mul(p, q)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if d == nil || p.Cmp(q) == 0 || n.BitLen() != bits {
			continue
		}
		k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 65537}, D: d, Primes: []*big.Int{p, q}}
		k.Precompute()
		return k, k.Validate()
	}
}

// derivePrime is the first prime of exactly bits bits, its two highest set, at
// or above a number drawn from r.
func derivePrime(bits int, r io.Reader) (*big.Int, error) {
	raw := make([]byte, (bits+7)/8)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	p := new(big.Int).SetBytes(raw)
	p.SetBit(p, 0, 1).SetBit(p, bits-1, 1).SetBit(p, bits-2, 1)
	for i := p.BitLen() - 1; i >= bits; i-- {
		p.SetBit(p, i, 0)
	}
	for two := big.NewInt(2); ; p.Add(p, two) {
		if p.ProbablyPrime(20) {
			return p, nil
		}
	}
}
