package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"counterpart/internal/company/cause"
)

// unreserved are the characters of a code verifier.
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// VerifyS256 holds a code verifier against the challenge of its code (RFC 7636 section
// 4.6). The method "plain" does not exist here. It refuses with BadVerifier.
func VerifyS256(challenge, verifier string) error {
	if n := len(verifier); n < 43 || n > 128 || strings.Trim(verifier, unreserved) != "" {
		return cause.Because(BadVerifier, "a verifier of %d characters", n)
	}
	sum := sha256.Sum256([]byte(verifier))
	want := base64.RawURLEncoding.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(want), []byte(challenge)) != 1 {
		return cause.Because(BadVerifier, "it is not what the challenge was made of")
	}
	return nil
}
