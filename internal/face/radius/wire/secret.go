package wire

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/subtle"
	"errors"
	"hash"
	"sync"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

// What can be wrong with a packet's Message-Authenticator (RFC 3579 section
// 3.2) or Request Authenticator (RFC 2866 section 3).
var (
	ErrTwoAuthenticators    = errors.New("more than one Message-Authenticator")
	ErrAuthenticatorLength  = errors.New("a Message-Authenticator that is not 18 octets long")
	ErrMessageAuthenticator = errors.New("the Message-Authenticator does not verify: wrong secret?")
	ErrRequestAuthenticator = errors.New("the Request Authenticator does not verify: wrong secret?")
)

// Secret is the secret shared with one client. It keeps prepared HMAC states,
// so that verifying costs no set-up; it is safe for concurrent use.
type Secret struct {
	raw  []byte
	macs sync.Pool
}

// NewSecret prepares a secret. Secrets are octets: nothing is trimmed.
func NewSecret(raw []byte) *Secret {
	s := &Secret{raw: raw}
	s.macs.New = func() any { return hmac.New(md5.New, s.raw) }
	return s
}

// Bytes is the secret itself, for the codec's hiding functions.
func (s *Secret) Bytes() []byte { return s.raw }

// zero stands in for the sixteen octets that are being computed.
var zero [16]byte

// messageAuthenticator is HMAC-MD5 over packet with the value at offset taken
// as zero and auth in the place of the authenticator field.
func (s *Secret) messageAuthenticator(dst, packet, auth []byte, at int) []byte {
	mac := s.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(packet[:authenticatorAt])
	mac.Write(auth)
	mac.Write(packet[HeaderLength:at])
	mac.Write(zero[:])
	mac.Write(packet[at+md5.Size:])
	dst = mac.Sum(dst)
	s.macs.Put(mac)
	return dst
}

// VerifyMessage checks the Message-Authenticator of a request. present is false,
// and err nil, when there is none. In Access-Request and Status-Server it covers
// the Request Authenticator as sent; in Accounting-Request that field counts as
// zero, because it is itself computed over the result.
func (s *Secret) VerifyMessage(p Packet) (present bool, err error) {
	at, found := 0, 0
	for i := HeaderLength; i < len(p); i += int(p[i+1]) {
		if radius.Type(p[i]) != rfc2869.MessageAuthenticator_Type {
			continue
		}
		if at, found = i+2, found+1; p[i+1] != 18 {
			return true, ErrAuthenticatorLength
		}
	}
	switch {
	case found == 0:
		return false, nil
	case found > 1:
		return true, ErrTwoAuthenticators
	}
	auth := p.Authenticator()
	if p.Code() == radius.CodeAccountingRequest {
		auth = zero[:]
	}
	var buf [md5.Size]byte
	if subtle.ConstantTimeCompare(s.messageAuthenticator(buf[:0], p, auth, at), p[at:at+md5.Size]) != 1 {
		return true, ErrMessageAuthenticator
	}
	return true, nil
}

// VerifyAccounting checks the Request Authenticator of an Accounting-Request,
// which is a keyed hash over exactly Length octets (RFC 2866 section 3).
func (s *Secret) VerifyAccounting(p Packet) error {
	h := md5.New()
	h.Write(p[:authenticatorAt])
	h.Write(zero[:])
	h.Write(p[HeaderLength:])
	h.Write(s.raw)
	var buf [md5.Size]byte
	if subtle.ConstantTimeCompare(h.Sum(buf[:0]), p.Authenticator()) != 1 {
		return ErrRequestAuthenticator
	}
	return nil
}

// What can be wrong with a hidden User-Password.
var ErrPasswordLength = errors.New("a User-Password that is not a multiple of 16 octets up to 240")

// maxPassword is what pyrad sends at most; RFC 2865 stops at 128.
const maxPassword = 240

// Reveal appends the clear text of a User-Password (RFC 2865 section 5.2) to
// dst. Zero octets are an empty password, as pyrad sends it; trailing NULs are
// padding, NULs inside belong to the password.
func (s *Secret) Reveal(dst, hidden, requestAuthenticator []byte) ([]byte, error) {
	if len(hidden)%md5.Size != 0 || len(hidden) > maxPassword {
		return dst, ErrPasswordLength
	}
	start := len(dst)
	var work [96]byte
	last := requestAuthenticator
	for i := 0; i < len(hidden); i += md5.Size {
		pad := md5.Sum(append(append(work[:0], s.raw...), last...))
		last = hidden[i : i+md5.Size]
		for j, c := range last {
			dst = append(dst, c^pad[j])
		}
	}
	for len(dst) > start && dst[len(dst)-1] == 0 {
		dst = dst[:len(dst)-1]
	}
	return dst, nil
}

// Hide is the inverse of Reveal, for MS-CHAP-MPPE-Keys and for tests. An empty
// text becomes 16 octets, as pam_radius_auth sends it.
func (s *Secret) Hide(clear, requestAuthenticator []byte) []byte {
	n := max(md5.Size, (len(clear)+md5.Size-1)/md5.Size*md5.Size)
	out := make([]byte, n)
	copy(out, clear)
	last := requestAuthenticator
	for i := 0; i < n; i += md5.Size {
		h := md5.New()
		h.Write(s.raw)
		h.Write(last)
		last = out[i : i+md5.Size]
		subtle.XORBytes(last, last, h.Sum(nil))
	}
	return out
}

// SaltHide is the salt encryption of RFC 2868 section 3.5, which
// MS-MPPE-Send-Key and -Recv-Key use as well. salt's top bit must be set.
func (s *Secret) SaltHide(clear []byte, salt [2]byte, requestAuthenticator []byte) ([]byte, error) {
	return radius.NewTunnelPassword(clear, salt[:], s.raw, requestAuthenticator)
}

// CHAPMatches checks a CHAP-Password (RFC 2865 section 5.3, RFC 1994) against a
// clear password. The challenge is CHAP-Challenge or the Request Authenticator.
func CHAPMatches(chapPassword, challenge, clear []byte) bool {
	if len(chapPassword) != 17 {
		return false
	}
	h := md5.New()
	h.Write(chapPassword[:1])
	h.Write(clear)
	h.Write(challenge)
	var buf [md5.Size]byte
	return subtle.ConstantTimeCompare(h.Sum(buf[:0]), chapPassword[1:]) == 1
}

// CHAPChallenge is the challenge that a CHAP-Password of p answers.
func CHAPChallenge(p Packet) []byte {
	if c, found := p.Lookup(rfc2865.CHAPChallenge_Type); found {
		return c
	}
	return p.Authenticator()
}
