package radius

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"unicode/utf8"

	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/radius/wire"
)

// proof is what a peer brought to show that it knows something: the text itself
// (PAP and its kin), or a hash of it that can be held against candidates.
type proof struct {
	method string // "PAP", "CHAP", "MS-CHAP", "MS-CHAPv2", "EAP-MD5", …
	text   []byte // what was typed, if shown
	shown  bool
	fits   func(clear []byte) bool // when not shown
	mschap *wire.MSCHAP
	fitted string // the candidate that fitted last: MS-CHAP's keys follow from it
}

// matches reports whether the proof is about this clear text. Passwords are
// octets and are compared as UTF-8; older clients send Latin-1, and the SPS
// plugin does so for CHAP only, so that reading is tried second.
func (p *proof) matches(clear string) bool {
	ok := p.octetsMatch([]byte(clear))
	if !ok && !p.shown {
		if latin, is := toLatin1(clear); is {
			ok = p.octetsMatch(latin)
		}
	}
	if ok {
		p.fitted = clear
	}
	return ok
}

func (p *proof) octetsMatch(clear []byte) bool {
	if !p.shown {
		return p.fits != nil && p.fits(clear)
	}
	if subtle.ConstantTimeCompare(p.text, clear) == 1 {
		return true
	}
	return !utf8.Valid(p.text) && subtle.ConstantTimeCompare(fromLatin1(p.text), clear) == 1
}

// empty reports whether nothing was typed.
func (p *proof) empty() bool {
	if p.shown {
		return len(p.text) == 0
	}
	return p.matches("")
}

// typed is a proof that shows its text.
func typed(method string, text []byte) proof { return proof{method: method, text: text, shown: true} }

// fromLatin1 reads octets as ISO 8859-1. The result is composed (NFC), because
// Latin-1 has composed characters only.
func fromLatin1(b []byte) []byte {
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// toLatin1 writes a text in ISO 8859-1; is reports whether that differs from
// UTF-8 and is possible at all.
func toLatin1(s string) (out []byte, is bool) {
	for _, r := range s {
		if r > 0xff {
			return nil, false
		}
		is = is || r > 0x7f
		out = append(out, byte(r))
	}
	return out, is
}

// proofOf takes the password attribute out of an Access-Request without EAP.
// Which attribute it is decides the method. Of several the flavour chooses: a
// FreeRADIUS sets Auth-Type in the order of its modules, chap and mschap before pap
// (its default site; the oracle test asks it). A method that is not done here is not
// looked for where there is another.
func (s *server) proofOf(x *exchange, name string) (proof, error) {
	order := [...]string{"pap", "chap", "mschap"}
	if s.set.Flavour == "freeradius" {
		order = [...]string{"chap", "mschap", "pap"}
	}
	var refused error
	for _, kind := range order {
		p, found, err := s.proofBy(kind, x, name)
		switch {
		case found && err == nil:
			return p, nil
		case found && !errors.Is(err, cause.NotAllowed):
			return proof{}, err
		case found && refused == nil:
			refused = err
		}
	}
	if refused != nil {
		return proof{}, refused
	}
	if x.packet.Has(rfc2869.ARAPPassword_Type) {
		x.call.NotPlayed(arap.Name)
	}
	return proof{}, cause.Because(cause.BadInput, "no password attribute: %s", s.lacks(x.packet))
}

// proofBy reads the attribute of one kind of proof; found is false when there is none.
func (s *server) proofBy(kind string, x *exchange, name string) (p proof, found bool, err error) {
	switch kind {
	case "pap":
		return s.papProof(x)
	case "chap":
		return s.chapProof(x)
	}
	return s.mschapProofOf(x, name)
}

// papProof reads User-Password.
func (s *server) papProof(x *exchange) (p proof, found bool, err error) {
	hidden, found := x.packet.Lookup(rfc2865.UserPassword_Type)
	if !found {
		return proof{}, false, nil
	}
	if err := s.allow("pap"); err != nil {
		return proof{}, true, err
	}
	if s.set.Flavour == "freeradius" && len(hidden) > rfcPassword {
		hidden = hidden[:rfcPassword] // so it does: a longer password never fits
	}
	text, err := x.secret.Reveal(make([]byte, 0, 64), hidden, x.packet.Authenticator())
	if err != nil {
		return proof{}, true, cause.Because(cause.BadInput, "%v", err)
	}
	return typed("PAP", text), true, nil
}

// chapProof reads CHAP-Password.
func (s *server) chapProof(x *exchange) (p proof, found bool, err error) {
	v, found := x.packet.Lookup(rfc2865.CHAPPassword_Type)
	if !found {
		return proof{}, false, nil
	}
	if err := s.allow("chap"); err != nil {
		return proof{}, true, err
	}
	if len(v) != 17 {
		return proof{}, true, cause.Because(cause.BadInput, "CHAP-Password has %d octets instead of 17", len(v))
	}
	challenge := wire.CHAPChallenge(x.packet)
	return proof{method: "CHAP", fits: func(clear []byte) bool { return wire.CHAPMatches(v, challenge, clear) }}, true, nil
}

// mschapProofOf reads MS-CHAP-Response or MS-CHAP2-Response.
func (s *server) mschapProofOf(x *exchange, name string) (p proof, found bool, err error) {
	m, found, ok := wire.FindMSCHAP(x.packet, name)
	if !found {
		return proof{}, false, nil
	}
	method, switched := "MS-CHAP", "mschap"
	if _, two := x.packet.Vendor(wire.Microsoft, wire.MSCHAP2Response); two {
		method, switched = "MS-CHAPv2", "mschapv2"
	}
	if err := s.allow(switched); err != nil {
		return proof{}, true, err
	}
	if !ok {
		return proof{}, true, cause.Because(cause.BadInput, "MS-CHAP attributes are missing or of the wrong length")
	}
	return mschapProof(method, m), true, nil
}

func mschapProof(method string, m wire.MSCHAP) proof {
	return proof{method: method, mschap: &m, fits: func(clear []byte) bool { return m.Matches(string(clear)) }}
}

func (s *server) lacks(p wire.Packet) string {
	if p.Has(rfc2869.ARAPPassword_Type) {
		return "ARAP is not supported"
	}
	if p.Has(rfc2865.State_Type) {
		return "a State alone proves nothing"
	}
	return "the request proves nothing"
}

// rfcPassword is the longest User-Password of RFC 2865 section 5.2.
const rfcPassword = 128

// allow is the refusal of a method that this server does not do.
func (s *server) allow(method string) error {
	if s.methods[method] {
		return nil
	}
	return cause.Because(cause.NotAllowed, "this server does not do %s", method)
}

// wrongSecretHint tells an operator why a password that everybody knows to be
// right is wrong: with another secret it decrypts to noise.
func (p *proof) wrongSecretHint(signed bool) string {
	if p.shown && !signed && len(p.text) > 0 && (!utf8.Valid(p.text) || bytes.ContainsFunc(p.text, isControl)) {
		return "; the password decrypts to noise: wrong secret?"
	}
	return ""
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
