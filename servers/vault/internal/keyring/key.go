// Package keyring has the keys of the secrets engine transit: what they can do, how
// keys are derived from them, and the forms of what they make (sdk/helper/keysutil).
package keyring

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Key is a key with all its versions.
type Key struct {
	Type       string        `json:"type"`
	Size       int           `json:"size,omitempty"` // of an hmac key, in octets
	Derived    bool          `json:"derived,omitempty"`
	Convergent bool          `json:"convergent,omitempty"`
	Exportable bool          `json:"exportable,omitempty"`
	Backup     bool          `json:"backup,omitempty"` // allow_plaintext_backup
	Deletable  bool          `json:"deletable,omitempty"`
	AutoRotate time.Duration `json:"auto_rotate,omitempty"`
	Latest     int           `json:"latest"`
	Minimum    int           `json:"minimum"`                // min_decryption_version
	MinEncrypt int           `json:"min_encrypt,omitempty"`  // min_encryption_version; 0: the latest
	Available  int           `json:"available,omitempty"`    // min_available_version
	BackedUp   time.Time     `json:"backed_up,omitzero"`     // the last backup
	BackedUpAt int           `json:"backed_up_at,omitempty"` // the version that was the latest then
	Restored   time.Time     `json:"restored,omitzero"`
	RestoredAt int           `json:"restored_at,omitempty"`
	Versions   []Version     `json:"versions"` // from 1; what was trimmed has no keys
}

// Version is one version of a key.
type Version struct {
	Key  []byte    `json:"key,omitempty"`  // symmetric, 64 octets of ed25519, or PKCS #8
	HMAC []byte    `json:"hmac,omitempty"` // for hmac with a key of another type
	Made time.Time `json:"made"`
}

// kind is what a type of key can do.
type kind struct {
	octets                                   int // of a symmetric key
	curve                                    elliptic.Curve
	curveName                                string
	bits                                     int // of an RSA key
	encrypts, signs, derives, hashes, isAEAD bool
}

// Types of keys, in the order of the documentation.
const (
	AES128   = "aes128-gcm96"
	AES256   = "aes256-gcm96"
	ChaCha20 = "chacha20-poly1305"
	Ed25519  = "ed25519"
	HMAC     = "hmac"
)

// kindOf is what a type can do; false for one that is not known.
func kindOf(name string) (kind, bool) {
	switch name {
	case AES128:
		return kind{octets: 16, encrypts: true, derives: true, isAEAD: true}, true
	case AES256, ChaCha20:
		return kind{octets: 32, encrypts: true, derives: true, isAEAD: true}, true
	case Ed25519:
		return kind{signs: true, derives: true}, true
	case "ecdsa-p256":
		return kind{curve: elliptic.P256(), curveName: "P-256", signs: true, hashes: true}, true
	case "ecdsa-p384":
		return kind{curve: elliptic.P384(), curveName: "P-384", signs: true, hashes: true}, true
	case "ecdsa-p521":
		return kind{curve: elliptic.P521(), curveName: "P-521", signs: true, hashes: true}, true
	case "rsa-2048":
		return kind{bits: 2048, encrypts: true, signs: true, hashes: true}, true
	case "rsa-3072":
		return kind{bits: 3072, encrypts: true, signs: true, hashes: true}, true
	case "rsa-4096":
		return kind{bits: 4096, encrypts: true, signs: true, hashes: true}, true
	case HMAC:
		return kind{}, true
	}
	return kind{}, false
}

// Enterprise reports a type that only the enterprise edition has.
func Enterprise(name string) bool {
	return slices.Contains([]string{"managed_key", "aes128-cmac", "aes192-cmac", "aes256-cmac", "ml-dsa", "hybrid", "slh-dsa", "aes128-cbc", "aes256-cbc"}, name)
}

// Known reports a type of key.
func Known(name string) bool { _, known := kindOf(name); return known }

func (k *Key) kind() kind { x, _ := kindOf(k.Type); return x }

// Encrypts reports a key that encrypts and decrypts.
func (k *Key) Encrypts() bool { return k.kind().encrypts }

// Signs reports a key that signs.
func (k *Key) Signs() bool { return k.kind().signs }

// Derives reports a key from which others can be derived.
func (k *Key) Derives() bool { return k.kind().derives }

// IsAEAD reports a key whose encryption takes associated data.
func (k *Key) IsAEAD() bool { return k.kind().isAEAD }

// Hashes reports a key whose signature is of a hash.
func (k *Key) Hashes() bool { return k.kind().hashes }

// Wrong is what a caller did wrong, in the server's words.
type Wrong string

// Error implements error.
func (w Wrong) Error() string { return string(w) }

func wrong(format string, args ...any) error { return Wrong(fmt.Sprintf(format, args...)) }

// Check judges what is asked of a new key. Its words are those of a failure of the
// server's own.
func (k *Key) Check() error {
	switch kind := k.kind(); {
	case kind.encrypts && kind.derives && k.Convergent && !k.Derived:
		return fmt.Errorf("convergent encryption requires derivation to be enabled")
	case k.Type == Ed25519 && k.Convergent:
		return fmt.Errorf("convergent encryption not supported for keys of type %s", k.Type)
	case !kind.derives && (k.Derived || k.Convergent):
		return fmt.Errorf("key derivation and convergent encryption not supported for keys of type %s", k.Type)
	case k.Type == HMAC && (k.Size < 32 || k.Size > 512):
		return fmt.Errorf("invalid key size for HMAC key, must be between 32 and 512 bytes")
	}
	return nil
}

// Usable reports a key that is whole: its versions have what its type works with, and
// its numbers are about them. What came from outside is asked this before it is kept.
func (k *Key) Usable() bool {
	if !Known(k.Type) || k.Check() != nil || k.Latest < 1 || k.Latest != len(k.Versions) || k.Minimum < 1 || k.Minimum > k.Latest ||
		k.MinEncrypt < 0 || k.MinEncrypt > k.Latest || k.Available < 0 || k.Available > k.Minimum {
		return false
	}
	for n := range k.Versions {
		if n+1 >= max(k.Available, 1) && !k.fits(&k.Versions[n]) {
			return false
		}
	}
	return true
}

// fits reports whether a version's keys are of the key's type.
func (k *Key) fits(v *Version) bool {
	kind := k.kind()
	switch {
	case kind.octets > 0:
		return len(v.Key) == kind.octets
	case k.Type == HMAC:
		return len(v.Key) == k.Size
	case k.Type == Ed25519:
		return len(v.Key) == ed25519.PrivateKeySize && bytes.Equal(v.Key, ed25519.NewKeyFromSeed(v.Key[:ed25519.SeedSize]))
	}
	private, err := x509.ParsePKCS8PrivateKey(v.Key)
	switch private := private.(type) {
	case *rsa.PrivateKey:
		return err == nil && private.N.BitLen() == kind.bits
	case *ecdsa.PrivateKey:
		return err == nil && private.Curve == kind.curve
	}
	return false
}

// Fresh makes a version for the key; it may take a while.
func (k *Key) Fresh(random io.Reader, now time.Time) (v Version, err error) {
	v.Made = now
	read := func(n int) []byte {
		b := make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(random, b)
		}
		return b
	}
	kind := k.kind()
	var private any
	switch {
	case kind.octets > 0:
		v.Key = read(kind.octets)
	case k.Type == HMAC:
		v.Key = read(k.Size)
		return v, err
	case k.Type == Ed25519:
		v.Key = ed25519.NewKeyFromSeed(read(ed25519.SeedSize))
	case kind.curve != nil:
		private, err = ecdsa.GenerateKey(kind.curve, random)
	case kind.bits > 0:
		private, err = rsa.GenerateKey(random, kind.bits)
	}
	if err == nil && private != nil {
		v.Key, err = x509.MarshalPKCS8PrivateKey(private)
	}
	v.HMAC = read(32)
	return v, err
}

// Add makes v the latest version.
func (k *Key) Add(v Version) {
	k.Versions = append(k.Versions, v)
	k.Latest = len(k.Versions)
	k.Minimum = max(k.Minimum, 1)
}

// Trim forgets the versions before n.
func (k *Key) Trim(n int) {
	k.Available = n
	for i := range min(n-1, len(k.Versions)) {
		k.Versions[i] = Version{Made: k.Versions[i].Made}
	}
}

// private is the asymmetric key of a version.
func (k *Key) private(n int) (crypto.Signer, error) {
	v, err := k.version(n)
	if err != nil {
		return nil, err
	}
	if k.Type == Ed25519 {
		return ed25519.PrivateKey(v.Key), nil
	}
	private, err := x509.ParsePKCS8PrivateKey(v.Key)
	if err != nil {
		return nil, err
	}
	return private.(crypto.Signer), nil
}

// version is the version n, which must have its keys.
func (k *Key) version(n int) (*Version, error) {
	if n < 1 || n > len(k.Versions) || k.Versions[n-1].Key == nil {
		return nil, wrong("no such key version")
	}
	return &k.Versions[n-1], nil
}

// PublicKey is the public key of a version, as answers show it: Base64 of ed25519,
// PEM of all others. context derives it from a key that derives; without one it is
// empty.
func (k *Key) PublicKey(n int, context []byte) (string, error) {
	if k.Type == Ed25519 {
		if k.Derived && len(context) == 0 {
			return "", nil
		}
		private, err := k.signer(n, context)
		if err != nil {
			return "", err
		}
		return base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey)), nil
	}
	private, err := k.private(n)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return "", err
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if k.kind().bits == 0 {
		text = strings.TrimSpace(text)
	}
	return text, nil
}

// Curve is the name of an asymmetric key's kind, as answers show it.
func (k *Key) Curve() string {
	if kind := k.kind(); kind.curveName != "" {
		return kind.curveName
	}
	return k.Type
}

// Symmetric reports a key that has no public part.
func (k *Key) Symmetric() bool { return k.kind().octets > 0 }

// Export is the key of a version for what: encryption-key, signing-key, hmac-key or
// public-key.
func (k *Key) Export(n int, what string) (string, error) {
	v, err := k.version(n)
	if err != nil {
		return "", err
	}
	kind := k.kind()
	switch {
	case what == "hmac-key" && k.Type == HMAC:
		return base64.StdEncoding.EncodeToString(v.Key), nil
	case what == "hmac-key":
		return base64.StdEncoding.EncodeToString(v.HMAC), nil
	case what == "encryption-key" && kind.octets > 0, what == "signing-key" && k.Type == Ed25519:
		return base64.StdEncoding.EncodeToString(v.Key), nil
	case what == "public-key" && (kind.signs || kind.bits > 0):
		return k.PublicKey(n, nil)
	case what != "encryption-key" && what != "signing-key" || kind.bits == 0 && kind.curve == nil:
		return "", fmt.Errorf("unknown key type %s for export type %s", k.Type, what)
	}
	private, err := x509.ParsePKCS8PrivateKey(v.Key)
	if err != nil {
		return "", err
	}
	switch private := private.(type) {
	case *rsa.PrivateKey:
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})), nil
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(private)
		return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))), err
	}
	return "", fmt.Errorf("unknown key type %s for export type %s", k.Type, what)
}
