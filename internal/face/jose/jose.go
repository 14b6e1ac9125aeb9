// Package jose signs and verifies compact JSON Web Signatures (RFC 7515) over exactly the
// octets that were given or received, with HS256, HS384, HS512 and RS256, and judges the
// claims of JSON Web Tokens (RFC 7519). There is no "none", no encryption, and no key
// that two kinds of algorithms could share.
//
// The signatures themselves are golang-jwt's (v5). Of the two well-kept libraries it is
// the one whose signing methods take octets: go-jose puts headers together anew and
// takes no padded segments, and vendors here have vectors with headers of their own.
package jose

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"counterpart/internal/company/cause"
)

// Why a token is no good, besides cause.TokenExpired and cause.NotYetValid.
const (
	BadSegments   cause.Cause = "token has not three segments"
	BadHeader     cause.Cause = "token header cannot be read"
	BadPayload    cause.Cause = "token payload cannot be read"
	BadAlgorithm  cause.Cause = "token algorithm is not allowed"
	BadSignature  cause.Cause = "token signature is wrong"
	WrongIssuer   cause.Cause = "token is of another issuer"
	WrongSubject  cause.Cause = "token is about another subject"
	WrongAudience cause.Cause = "token is for another audience"
	NoTokenID     cause.Cause = "token has no identifier"
)

// Algorithm is the value of a header's alg (RFC 7518 section 3.1).
type Algorithm string

// The algorithms.
const (
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
	RS256 Algorithm = "RS256"
)

// method is the library's; nil for an algorithm that is none of ours.
func (a Algorithm) method() jwt.SigningMethod {
	switch a {
	case HS256:
		return jwt.SigningMethodHS256
	case HS384:
		return jwt.SigningMethodHS384
	case HS512:
		return jwt.SigningMethodHS512
	case RS256:
		return jwt.SigningMethodRS256
	}
	return nil
}

// Key signs or verifies. Exactly one of Secret, Private and Public is set, which decides
// what algorithms it can have: an RSA key is never taken for an HMAC's secret.
type Key struct {
	ID      string // kid; may be empty
	Secret  []byte
	Private *rsa.PrivateKey
	Public  *rsa.PublicKey // verifies only
}

// sign and verify are the key in the form that the library wants for an algorithm; nil
// when the key is of another kind.
func (k Key) sign(a Algorithm) any {
	switch {
	case a == RS256 && k.Private != nil:
		return k.Private
	case a != RS256 && len(k.Secret) > 0 && k.Private == nil && k.Public == nil:
		return k.Secret
	}
	return nil
}

func (k Key) verify(a Algorithm) any {
	switch {
	case a == RS256 && k.Private != nil:
		return &k.Private.PublicKey
	case a == RS256 && k.Public != nil:
		return k.Public
	case a == RS256:
		return nil
	}
	return k.sign(a)
}

var segment = base64.RawURLEncoding.Strict()

// Sign is the compact form of header and payload as they are: nothing is added to either.
// The header's alg says how.
func Sign(k Key, header, payload []byte) (string, error) {
	h, err := readHeader(header)
	if err != nil {
		return "", err
	}
	key, method := k.sign(h.Algorithm), h.Algorithm.method()
	if method == nil || key == nil {
		return "", cause.Because(BadAlgorithm, "the key cannot sign with %.20q", h.Algorithm)
	}
	signed := segment.EncodeToString(header) + "." + segment.EncodeToString(payload)
	signature, err := method.Sign(signed, key)
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	return signed + "." + segment.EncodeToString(signature), nil
}

// SignClaims is a JSON Web Token of claims, which are put into JSON as they are. Its
// header has alg and typ, and kid if the key has an ID.
func SignClaims(k Key, alg Algorithm, claims any) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm Algorithm `json:"alg"`
		KeyID     string    `json:"kid,omitempty"`
		Type      string    `json:"typ"`
	}{alg, k.ID, "JWT"})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return Sign(k, header, payload)
}

// Header is what the header says that chooses a key. Members of a vendor's own are in
// Token.RawHeader.
type Header struct {
	Algorithm        Algorithm
	KeyID, Type, X5T string // kid, typ, x5t
	JWK              []byte // jwk, as it stands there: an embedded key proves nothing by itself
}

// readHeader takes member names as they are: "ALG" is another one.
func readHeader(text []byte) (Header, error) {
	var members map[string]json.RawMessage
	var h Header
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return h, cause.Because(BadHeader, "it is no JSON object")
	}
	if _, there := members["crit"]; there { // RFC 7515 section 4.1.11
		return h, cause.Because(BadHeader, "it has critical members, and none is understood")
	}
	for name, to := range map[string]*string{"alg": (*string)(&h.Algorithm), "kid": &h.KeyID, "typ": &h.Type, "x5t": &h.X5T} {
		if raw, there := members[name]; there && json.Unmarshal(raw, to) != nil {
			return h, cause.Because(BadHeader, "%s is no text", name)
		}
	}
	h.JWK = members["jwk"]
	return h, nil
}

// Rules loosen what is read. The zero value is RFC 7515.
type Rules struct {
	Padded  bool // segments may have the padding of base64
	Longest int  // octets of a token; 0: 64 KiB
}

// Token is a token that was read and not verified: its header chooses the key.
type Token struct {
	Header             Header
	RawHeader, Payload []byte // as they were before base64

	signed    string // what the signature is about, as received
	signature []byte
}

// Parse reads a compact token. It refuses with BadSegments, BadHeader and BadPayload, and
// with BadSignature where that is no base64.
func Parse(text string, rules Rules) (*Token, error) {
	longest := rules.Longest
	if longest == 0 {
		longest = 64 << 10
	}
	if len(text) > longest {
		return nil, cause.Because(BadSegments, "%d octets, the limit is %d", len(text), longest)
	}
	if strings.Count(text, ".") != 2 {
		return nil, cause.Because(BadSegments, "%d dots, not 2", strings.Count(text, "."))
	}
	last := strings.LastIndexByte(text, '.')
	head, body, _ := strings.Cut(text[:last], ".")
	t := &Token{signed: text[:last]}
	for _, part := range []struct {
		text string
		to   *[]byte
		bad  cause.Cause
	}{{head, &t.RawHeader, BadHeader}, {body, &t.Payload, BadPayload}, {text[last+1:], &t.signature, BadSignature}} {
		raw, err := rules.decode(part.text)
		if err != nil {
			return nil, cause.Because(part.bad, "%v", err)
		}
		*part.to = raw
	}
	var err error
	t.Header, err = readHeader(t.RawHeader)
	return t, err
}

// decode reads a segment. Line ends, which Go's decoder passes over, are refused: one
// token would have many forms.
func (r Rules) decode(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("a line end in base64")
	}
	if r.Padded && len(text)%4 == 0 {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "="), "=")
	}
	return segment.DecodeString(text)
}

// Verify holds the signature against a key. The algorithm is the header's, if it is one
// of those allowed and the key is of its kind; nobody allowed none.
func (t *Token) Verify(k Key, allowed ...Algorithm) error {
	for _, a := range allowed {
		if a != t.Header.Algorithm {
			continue
		}
		key, method := k.verify(a), a.method()
		if method == nil || key == nil {
			break
		}
		if err := method.Verify(t.signed, t.signature, key); err != nil {
			return cause.Because(BadSignature, "%v", err)
		}
		return nil
	}
	return cause.Because(BadAlgorithm, "%.20q is not to be had with this key", t.Header.Algorithm)
}
