package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// Params are what an encryption or a decryption is asked with besides the text.
type Params struct {
	Version    int    // of the key; 0: the latest
	Context    []byte // of a derived key
	Nonce      []byte
	Associated []byte
	Padding    string // of RSA: "oaep", which is the default, or "pkcs1v15"
}

// prefix starts what a version has made.
func prefix(n int) string { return "vault:v" + strconv.Itoa(n) + ":" }

// Encrypt makes a ciphertext, and says of which version it is.
func (k *Key) Encrypt(random io.Reader, plain []byte, p Params) (text string, version int, err error) {
	n := p.Version
	switch {
	case !k.Encrypts():
		return "", 0, wrong("message encryption not supported for key type %s", k.Type)
	case n == 0:
		n = k.Latest
	case n < 0:
		return "", 0, wrong("requested version for encryption is negative")
	case n > k.Latest:
		return "", 0, wrong("requested version for encryption is higher than the latest key version")
	case n < k.MinEncrypt:
		return "", 0, wrong("requested version for encryption is less than the minimum encryption key version")
	}
	var sealed []byte
	if k.kind().bits > 0 {
		sealed, err = k.sealRSA(random, n, plain, p.Padding)
	} else {
		sealed, err = k.seal(random, n, plain, p)
	}
	if err != nil {
		return "", 0, err
	}
	return prefix(n) + base64.StdEncoding.EncodeToString(sealed), n, nil
}

// seal encrypts with a symmetric key: the nonce, and then the text with its tag.
func (k *Key) seal(random io.Reader, n int, plain []byte, p Params) ([]byte, error) {
	if len(p.Nonce) > 0 { // only the first form of convergent encryption had it
		return nil, wrong("nonce provided when not allowed")
	}
	size, more := k.kind().octets, 0
	if k.Convergent {
		more = 32
	}
	key, err := k.symmetric(n, p.Context, size+more)
	if err != nil {
		return nil, err
	}
	aead, err := k.aead(key[:size])
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	if k.Convergent { // the same text has the same nonce
		h := hmac.New(sha256.New, key[size:])
		h.Write(plain)
		copy(nonce, h.Sum(nil))
	} else if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, err
	}
	return aead.Seal(nonce, nonce, plain, p.Associated), nil
}

// symmetric is the key of a version, derived if that is how the key works.
func (k *Key) symmetric(n int, context []byte, size int) ([]byte, error) {
	v, err := k.version(n)
	if err != nil || !k.Derived {
		return v.key(), err
	}
	return k.derive(v, context, size)
}

func (v *Version) key() []byte {
	if v == nil {
		return nil
	}
	return v.Key
}

// derive makes a key out of a version's and a context (RFC 5869, without a salt).
func (k *Key) derive(v *Version, context []byte, size int) ([]byte, error) {
	if len(context) == 0 {
		return nil, wrong("missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key")
	}
	return hkdf.Key(sha256.New, v.Key, nil, string(context), size)
}

func (k *Key) aead(key []byte) (cipher.AEAD, error) {
	if k.Type == ChaCha20 {
		return chacha20poly1305.New(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// signer is the key of a version that signs, derived if that is how the key works.
func (k *Key) signer(n int, context []byte) (ed25519.PrivateKey, error) {
	v, err := k.version(n)
	if err != nil || !k.Derived {
		return ed25519.PrivateKey(v.key()), err
	}
	seed, err := k.derive(v, context, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("error deriving key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func (k *Key) sealRSA(random io.Reader, n int, plain []byte, padding string) ([]byte, error) {
	private, err := k.private(n)
	if err != nil {
		return nil, err
	}
	public := private.Public().(*rsa.PublicKey)
	var sealed []byte
	if padding == "pkcs1v15" {
		//lint:ignore SA1019 it is one of Vault's paddings, and insecure there, too
		sealed, err = rsa.EncryptPKCS1v15(random, public, plain)
	} else {
		sealed, err = rsa.EncryptOAEP(sha256.New(), random, public, plain, nil)
	}
	if err != nil {
		err = fmt.Errorf("failed to RSA encrypt the plaintext: %w", err)
	}
	return sealed, err
}

// split takes what a version has made apart.
func (k *Key) split(text, what string) (n int, body string, err error) {
	rest, ok := strings.CutPrefix(text, "vault:v")
	if !ok {
		return 0, "", wrong("invalid %s: no prefix", what)
	}
	number, body, ok := strings.Cut(rest, ":")
	if !ok {
		return 0, "", wrong("invalid %s: wrong number of fields", what)
	}
	n, err = strconv.Atoi(number)
	if n == 0 && err == nil && what == "ciphertext" {
		n = 1
	}
	switch {
	case err != nil:
		return 0, "", wrong("invalid %s: version number could not be decoded", what)
	case n > k.Latest:
		return 0, "", wrong("invalid %s: version is too new", what)
	case n < k.Minimum:
		return 0, "", wrong("ciphertext or signature version is disallowed by policy (too old)")
	}
	return n, body, nil
}

// Decrypt reads a ciphertext.
func (k *Key) Decrypt(random io.Reader, text string, p Params) ([]byte, error) {
	if !k.Encrypts() {
		return nil, wrong("message decryption not supported for key type %s", k.Type)
	}
	n, body, err := k.split(text, "ciphertext")
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil, wrong("invalid ciphertext: could not decode base64")
	}
	if k.kind().bits > 0 {
		return k.openRSA(random, n, raw, p.Padding)
	}
	key, err := k.symmetric(n, p.Context, k.kind().octets)
	if err != nil {
		return nil, err
	}
	aead, err := k.aead(key)
	if err != nil {
		return nil, err
	}
	if len(raw) < aead.NonceSize() {
		return nil, wrong("invalid ciphertext length")
	}
	plain, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], p.Associated)
	if err != nil {
		return nil, wrong("%s", err)
	}
	return plain, nil
}

func (k *Key) openRSA(random io.Reader, n int, raw []byte, padding string) (plain []byte, err error) {
	private, err := k.private(n)
	if err != nil {
		return nil, err
	}
	key, isRSA := private.(*rsa.PrivateKey)
	switch {
	case !isRSA:
		return nil, errors.New("the version has no RSA key")
	case padding == "pkcs1v15":
		//lint:ignore SA1019 it is one of Vault's paddings, and insecure there, too
		plain, err = rsa.DecryptPKCS1v15(random, key, raw)
	default:
		plain, err = rsa.DecryptOAEP(sha256.New(), random, key, raw, nil)
	}
	if err != nil {
		err = fmt.Errorf("failed to RSA decrypt the ciphertext: %w", err)
	}
	return plain, err
}
