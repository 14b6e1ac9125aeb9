package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha1" // hashes that crypto.Hash is asked for
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"

	_ "golang.org/x/crypto/sha3" // registers SHA-3
)

// hashes are the algorithms by the names that the engine has for them.
var hashes = map[string]crypto.Hash{"sha1": crypto.SHA1, "sha2-224": crypto.SHA224, "sha2-256": crypto.SHA256, "sha2-384": crypto.SHA384,
	"sha2-512": crypto.SHA512, "sha3-224": crypto.SHA3_224, "sha3-256": crypto.SHA3_256, "sha3-384": crypto.SHA3_384, "sha3-512": crypto.SHA3_512, "none": 0}

// Hash is an algorithm by its name: "sha2-256"; "none" is 0.
func Hash(name string) (crypto.Hash, bool) { h, known := hashes[name]; return h, known }

// Signing is how something is signed.
type Signing struct {
	Version   int // of the key; 0: the latest
	Context   []byte
	Hash      crypto.Hash
	Prehashed bool
	JWS       bool   // the signature's form: two numbers in Base64 for URLs, rather than ASN.1
	Algorithm string // of RSA: "pss", which is the default, or "pkcs1v15"
	Salt      int    // of PSS, as rsa.PSSOptions
}

// hashed is what is signed.
func (k *Key) hashed(input []byte, s Signing) []byte {
	if !k.Hashes() || s.Prehashed || s.Hash == 0 {
		return input
	}
	h := s.Hash.New()
	h.Write(input)
	return h.Sum(nil)
}

func (s Signing) encoding() *base64.Encoding {
	if s.JWS {
		return base64.RawURLEncoding
	}
	return base64.StdEncoding
}

// Signed is a signature.
type Signed struct {
	Text    string
	Version int
	Public  []byte // of a derived key
}

// Sign signs.
func (k *Key) Sign(random io.Reader, input []byte, s Signing) (Signed, error) {
	n := s.Version
	switch {
	case n == 0:
		n = k.Latest
	case n < 0:
		return Signed{}, wrong("requested version for signing is negative")
	case n > k.Latest:
		return Signed{}, wrong("requested version for signing is higher than the latest key version")
	case n < k.MinEncrypt:
		return Signed{}, wrong("requested version for signing is less than the minimum encryption key version")
	}
	out := Signed{Version: n}
	var raw []byte
	if k.Type == Ed25519 {
		private, err := k.signer(n, s.Context)
		if err != nil {
			return out, err
		}
		if k.Derived {
			out.Public = private.Public().(ed25519.PublicKey)
		}
		raw = ed25519.Sign(private, input)
	} else {
		private, err := k.private(n)
		if err != nil {
			return out, err
		}
		if raw, err = signWith(random, private, k.hashed(input, s), s); err != nil {
			return out, err
		}
	}
	out.Text = prefix(n) + s.encoding().EncodeToString(raw)
	return out, nil
}

func signWith(random io.Reader, private crypto.Signer, digest []byte, s Signing) ([]byte, error) {
	switch private := private.(type) {
	case *ecdsa.PrivateKey:
		return signEC(random, private, digest, s.JWS)
	case *rsa.PrivateKey:
		switch s.Algorithm {
		case "", "pss":
			if !s.saltFits(&private.PublicKey) {
				return nil, wrong("requested salt length %d is invalid", s.Salt)
			}
			return rsa.SignPSS(random, private, s.Hash, digest, &rsa.PSSOptions{SaltLength: s.Salt})
		case "pkcs1v15":
			return rsa.SignPKCS1v15(random, private, s.Hash, digest)
		}
		return nil, fmt.Errorf("unsupported rsa signature algorithm %s", s.Algorithm)
	}
	return nil, errors.New("the key does not sign")
}

// saltFits bounds the salt of PSS (RFC 8017, section 9.1.1).
func (s Signing) saltFits(public *rsa.PublicKey) bool {
	size := 0
	if s.Hash != 0 {
		size = s.Hash.Size()
	}
	return s.Salt >= rsa.PSSSaltLengthEqualsHash && s.Salt <= (public.N.BitLen()-1+7)/8-2-size
}

// signEC signs with a curve; jws: the two numbers one after the other.
func signEC(random io.Reader, private *ecdsa.PrivateKey, digest []byte, jws bool) ([]byte, error) {
	sig, err := ecdsa.SignASN1(random, private, digest)
	if err != nil || !jws {
		return sig, err
	}
	var x struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &x); err != nil {
		return nil, err
	}
	size := (private.Curve.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	x.R.FillBytes(out[:size])
	x.S.FillBytes(out[size:])
	return out, nil
}

// Verify reports whether a signature is one of input.
func (k *Key) Verify(input []byte, text string, s Signing) (bool, error) {
	n, body, err := k.split(text, "signature")
	if err != nil {
		return false, err
	}
	raw, err := s.encoding().DecodeString(body)
	if err != nil {
		return false, wrong("invalid base64 signature value")
	}
	if k.Type == Ed25519 {
		private, err := k.signer(n, s.Context)
		if err != nil {
			return false, err
		}
		return ed25519.Verify(private.Public().(ed25519.PublicKey), input, raw), nil
	}
	private, err := k.private(n)
	if err != nil {
		return false, err
	}
	digest := k.hashed(input, s)
	switch public := private.Public().(type) {
	case *ecdsa.PublicKey:
		return verifyEC(public, digest, raw, s.JWS)
	case *rsa.PublicKey:
		switch s.Algorithm {
		case "", "pss":
			if !s.saltFits(public) {
				return false, wrong("requested salt length %d is invalid", s.Salt)
			}
			return rsa.VerifyPSS(public, s.Hash, digest, raw, &rsa.PSSOptions{SaltLength: s.Salt}) == nil, nil
		case "pkcs1v15":
			return rsa.VerifyPKCS1v15(public, s.Hash, digest, raw) == nil, nil
		}
		return false, fmt.Errorf("unsupported rsa signature algorithm %s", s.Algorithm)
	}
	return false, errors.New("the key does not sign")
}

func verifyEC(public *ecdsa.PublicKey, digest, raw []byte, jws bool) (bool, error) {
	if jws {
		size := (public.Curve.Params().BitSize + 7) / 8
		if len(raw) != 2*size {
			return false, nil
		}
		var err error
		if raw, err = asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:size]), new(big.Int).SetBytes(raw[size:])}); err != nil {
			return false, err
		}
	} else if rest, err := asn1.Unmarshal(raw, &struct{ R, S *big.Int }{}); err != nil || len(rest) > 0 {
		return false, wrong("supplied signature is invalid")
	}
	return ecdsa.VerifyASN1(public, digest, raw), nil
}

// MAC is the HMAC of input by a version.
func (k *Key) MAC(n int, hash crypto.Hash, input []byte) ([]byte, error) {
	switch {
	case n < 0:
		return nil, wrong("key version does not exist (cannot be negative)")
	case n > k.Latest:
		return nil, wrong("key version does not exist; latest key version is %d", k.Latest)
	}
	v, err := k.version(n)
	if err != nil {
		return nil, err
	}
	key := v.HMAC
	if k.Type == HMAC {
		key = v.Key
	}
	if key == nil {
		return nil, wrong("no HMAC key exists for that key version")
	}
	h := hmac.New(hash.New, key)
	h.Write(input)
	return h.Sum(nil), nil
}

// MACText is what a version's HMAC is called in answers.
func (k *Key) MACText(n int, mac []byte) string {
	return prefix(n) + base64.StdEncoding.EncodeToString(mac)
}

// SplitMAC takes an HMAC apart as it is called in requests.
func (k *Key) SplitMAC(text string) (n int, mac []byte, err error) {
	n, body, err := k.split(text, "HMAC")
	var w Wrong
	switch {
	case errors.As(err, &w) && w == "invalid HMAC: no prefix":
		return 0, nil, wrong("invalid HMAC to verify: no prefix")
	case errors.As(err, &w) && w[0] == 'c':
		return 0, nil, wrong("cannot verify HMAC: version is too old (disallowed by policy)")
	case err != nil:
		return 0, nil, err
	}
	if mac, err = base64.StdEncoding.DecodeString(body); err != nil {
		return 0, nil, wrong("unable to decode verification HMAC as base64: %s", err)
	}
	return n, mac, nil
}
