package wire

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"

	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc3079"
)

// Microsoft's vendor number and the sub-attributes used here (RFC 2548).
const (
	Microsoft = 311

	MSCHAPResponse       = 1
	MSCHAPError          = 2
	MPPEEncryptionPolicy = 7
	MPPEEncryptionTypes  = 8
	MSCHAPChallenge      = 11
	MSCHAPMPPEKeys       = 12
	MPPESendKey          = 16
	MPPERecvKey          = 17
	MSCHAP2Response      = 25
	MSCHAP2Success       = 26
)

// MSCHAP is one MS-CHAP answer of a peer, version 1 or 2.
type MSCHAP struct {
	Version   int
	Ident     byte
	Challenge []byte // the authenticator's: 8 octets in version 1, 16 in version 2
	Peer      []byte // version 2: the peer's 16 octets
	Response  []byte // 24 octets
	User      []byte // version 2: as it enters the hash, without a domain
}

// FindMSCHAP takes the MS-CHAP answer out of a request. found tells whether one
// was tried, ok whether all lengths are right (RFC 2548 section 2).
func FindMSCHAP(p Packet, userName string) (m MSCHAP, found, ok bool) {
	challenge, _ := p.Vendor(Microsoft, MSCHAPChallenge)
	if v, is := p.Vendor(Microsoft, MSCHAP2Response); is {
		if len(v) != 50 || len(challenge) != 16 {
			return m, true, false
		}
		return MSCHAP{Version: 2, Ident: v[0], Challenge: challenge, Peer: v[2:18], Response: v[26:50],
			User: WithoutDomain([]byte(userName))}, true, true
	}
	if v, is := p.Vendor(Microsoft, MSCHAPResponse); is {
		// Flag 1 says that the NT response is the one to use; LAN Manager's is
		// not supported, as nowhere any more.
		if len(v) != 50 || len(challenge) != 8 || v[1] != 1 {
			return m, true, false
		}
		return MSCHAP{Version: 1, Ident: v[0], Challenge: challenge, Response: v[26:50]}, true, true
	}
	return m, false, false
}

// WithoutDomain drops DOMAIN\ from a user name: the hash of RFC 2759 section 8.2
// does not cover it.
func WithoutDomain(name []byte) []byte { return name[bytes.LastIndexByte(name, '\\')+1:] }

// Matches reports whether the response proves knowledge of password.
func (m MSCHAP) Matches(password string) bool {
	challenge := m.Challenge
	if m.Version == 2 {
		challenge = rfc2759.ChallengeHash(m.Peer, m.Challenge, m.User)
	}
	hash, err := ntHash(password)
	if err != nil {
		return false
	}
	return subtle.ConstantTimeCompare(rfc2759.ChallengeResponse(challenge, hash), m.Response) == 1
}

func ntHash(password string) ([]byte, error) {
	utf16, err := rfc2759.ToUTF16([]byte(password))
	if err != nil {
		return nil, err
	}
	return rfc2759.NTPasswordHash(utf16), nil
}

// Success is the text that proves to a version 2 peer that the server knows the
// password too: "S=" and 40 hexadecimal capitals (RFC 2759 section 5).
func (m MSCHAP) Success(password string) (string, error) {
	return rfc2759.GenerateAuthenticatorResponse(m.Challenge, m.Peer, m.Response, m.User, []byte(password))
}

// Keys are the session keys that follow from a successful answer: for version 1
// the 32 octets of MS-CHAP-MPPE-Keys in send, for version 2 the two MPPE keys.
func (m MSCHAP) Keys(password string) (send, receive []byte, err error) {
	if m.Version == 1 {
		hash, err := ntHash(password)
		if err != nil {
			return nil, nil, err
		}
		keys := make([]byte, 32) // 8 LM, 16 NT, 8 zero (RFC 2548 section 2.4.1)
		copy(keys[8:], rfc2759.NTPasswordHash(hash))
		return keys, nil, nil
	}
	if send, err = rfc3079.MakeKey(m.Response, []byte(password), true); err != nil {
		return nil, nil, err
	}
	receive, err = rfc3079.MakeKey(m.Response, []byte(password), false)
	return send, receive, err
}

// Failure is the text of MS-CHAP-Error (RFC 2548 section 2.1.5, RFC 2759
// section 6): the code, whether a retry is allowed, a fresh challenge, the
// version of password change, and for version 2 a message.
func (m MSCHAP) Failure(code int, fresh []byte, message string) string {
	c := strings.ToUpper(hex.EncodeToString(fresh))
	if m.Version == 2 {
		return fmt.Sprintf("E=%d R=1 C=%s V=3 M=%s", code, c, message)
	}
	return fmt.Sprintf("E=%d R=1 C=%s V=2", code, c)
}
