package jose

import (
	"crypto/rsa"
	"encoding/json"
	"math/big"

	"counterpart/internal/company/cause"
)

// JWK is a public RSA key as others read it (RFC 7517 section 4, RFC 7518 section 6.3.1).
type JWK struct {
	Type      string    `json:"kty"`
	Use       string    `json:"use,omitempty"`
	KeyID     string    `json:"kid,omitempty"`
	Algorithm Algorithm `json:"alg,omitempty"`
	N         string    `json:"n"`
	E         string    `json:"e"`
}

// Set is a JWK Set (RFC 7517 section 5).
type Set struct {
	Keys []JWK `json:"keys"`
}

// PublicSet shows the public half of RSA keys. Secrets are left out.
func PublicSet(keys ...Key) Set {
	out := Set{Keys: []JWK{}}
	for _, k := range keys {
		public, ok := k.verify(RS256).(*rsa.PublicKey)
		if !ok {
			continue
		}
		out.Keys = append(out.Keys, JWK{Type: "RSA", Use: "sig", KeyID: k.ID, Algorithm: RS256,
			N: segment.EncodeToString(public.N.Bytes()), E: segment.EncodeToString(big.NewInt(int64(public.E)).Bytes())})
	}
	return out
}

// Bounds of RSA keys that others bring, in bits: what is shorter proves nothing, and
// what is longer costs too much.
const (
	shortestRSA = 2048
	longestRSA  = 8192
)

// ParseJWK reads a public RSA key: one that the seed registers for a client, or that a
// proof of possession carries. It refuses with cause.BadInput.
func ParseJWK(text []byte) (Key, error) {
	var j JWK
	if err := json.Unmarshal(text, &j); err != nil || j.Type != "RSA" {
		return Key{}, cause.Because(cause.BadInput, "no public RSA key in JSON")
	}
	n, err := segment.DecodeString(j.N)
	e, wrong := segment.DecodeString(j.E)
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if err != nil || wrong != nil || len(e) > 4 || exponent.Int64() < 3 || exponent.Int64() > 1<<31-1 || exponent.Bit(0) == 0 || modulus.Bit(0) == 0 {
		return Key{}, cause.Because(cause.BadInput, "n and e are no RSA key")
	}
	if bits := modulus.BitLen(); bits < shortestRSA || bits > longestRSA {
		return Key{}, cause.Because(cause.BadInput, "an RSA key of %d bits, not %d to %d", bits, shortestRSA, longestRSA)
	}
	return Key{ID: j.KeyID, Public: &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}}, nil
}
