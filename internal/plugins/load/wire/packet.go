package wire

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"layeh.com/radius/rfc2759"

	"counterpart/internal/plugins/load/step"
)

// build makes the request. Its authenticator is random (RFC 2865) or a digest (RFC 2866).
func (p *packet) build(b []byte, id byte, w *step.Walk) ([]byte, error) {
	b = append(b, p.code, id, 0, 0)
	b = binary.BigEndian.AppendUint64(b, rand.Uint64())
	b = binary.BigEndian.AppendUint64(b, rand.Uint64())
	if p.code == accountingAsked {
		clear(b[4:20])
	}
	var room [longestAttribute + 1]byte
	var err error
	if p.code != statusServer {
		value, err := p.user.Append(room[:0], w, nil)
		if err != nil {
			return b, err
		}
		if b, err = within(b, userName, value); err != nil {
			return b, err
		}
	}
	if p.password != nil {
		if b, err = p.credential(b, w); err != nil {
			return b, err
		}
	}
	if state, ok := w.Saved(stateName); ok && p.code == accessRequest && state != "" {
		b = with(b, stateAttribute, []byte(state))
	}
	for i := range p.others {
		if b, err = p.others[i].append(b, p, w); err != nil {
			return b, err
		}
	}
	at := 0
	if p.code != accountingAsked { // RFC 3579 section 3.2, and against Blast-RADIUS
		at = len(b) + 2
		b = with(b, messageAuth, make([]byte, 16))
	}
	if len(b) > longestPacket {
		return b, fmt.Errorf("the packet has %d octets, at most %d can be sent", len(b), longestPacket)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if at > 0 {
		p.sign(b[at:at], b)
	} else {
		sum := md5.Sum(append(b, p.secret...))
		copy(b[4:20], sum[:])
	}
	return b, nil
}

// with is a packet with one more attribute.
func with(b []byte, number byte, value []byte) []byte {
	return append(append(b, number, byte(len(value)+2)), value...)
}

// within is with of a value that may be too long for an attribute.
func within(b []byte, number byte, value []byte) ([]byte, error) {
	if len(value) > longestAttribute {
		return b, fmt.Errorf("the value of attribute %d has %d octets, at most %d can be sent", number, len(value), longestAttribute)
	}
	return with(b, number, value), nil
}

// credential adds the password: hidden (RFC 2865 section 5.2), or as CHAP (section 5.3).
func (p *packet) credential(b []byte, w *step.Walk) ([]byte, error) {
	var room [longestPassword * 2]byte
	password, err := p.password.Append(room[:0], w, nil)
	if err != nil {
		return b, err
	}
	if p.spec.RADIUS.Method == "chap" {
		var in [1 + longestPassword*2 + 16]byte
		sum := md5.Sum(append(append(append(in[:0], b[1]), password...), b[4:20]...))
		return with(b, chapPassword, append([]byte{b[1]}, sum[:]...)), nil
	}
	if p.spec.RADIUS.Method == "mschapv2" {
		return p.mschap(b, w, password)
	}
	if len(password) > longestPassword {
		return b, fmt.Errorf("the password has %d octets, at most %d can be sent (RFC 2865 section 5.2)", len(password), longestPassword)
	}
	blocks := max(1, (len(password)+15)/16)
	var hidden [longestPassword]byte
	copy(hidden[:], password)
	before := b[4:20]
	var in [272]byte
	for i := range blocks {
		pad := md5.Sum(append(append(in[:0], p.secret...), before...))
		block := hidden[16*i : 16*i+16]
		for k := range block {
			block[k] ^= pad[k]
		}
		before = block
	}
	return with(b, userPassword, hidden[:16*blocks]), nil
}

// Of Microsoft's attributes (RFC 2548).
const (
	vendorSpecific = 26
	vendorMS       = 311
	msChallenge    = 11
	msResponse     = 25
)

// mschap adds the answer to a challenge of our own (RFC 2759 section 8, RFC 2548 section 2.3).
func (p *packet) mschap(b []byte, w *step.Walk, password []byte) ([]byte, error) {
	user, err := p.user.Append(nil, w, nil)
	if err != nil {
		return b, err
	}
	var random [32]byte
	for i := 0; i < len(random); i += 8 {
		binary.BigEndian.PutUint64(random[i:], rand.Uint64())
	}
	challenge, peer := random[:16], random[16:]
	response, err := rfc2759.GenerateNTResponse(challenge, peer, user, password)
	if err != nil {
		return b, err
	}
	of := func(kind byte, value []byte) []byte {
		return append(append(binary.BigEndian.AppendUint32(nil, vendorMS), kind, byte(len(value)+2)), value...)
	}
	b = with(b, vendorSpecific, of(msChallenge, challenge))
	value := append(append([]byte{b[1], 0}, peer...), make([]byte, 8)...)
	return with(b, vendorSpecific, of(msResponse, append(value, response...))), nil
}

// append adds the attribute to a request that has its authenticator.
func (a *attribute) append(b []byte, p *packet, w *step.Walk) ([]byte, error) {
	if a.fixed != nil {
		return with(b, byte(a.known.Type()), a.fixed), nil
	}
	var room [longestAttribute + 1]byte
	text, err := a.value.Append(room[:0], w, nil)
	if err != nil {
		return b, err
	}
	value, err := a.known.Value(string(text))
	if err != nil {
		return b, fmt.Errorf("attribute %s: %w", a.name, err)
	}
	sealed, err := value.Seal(p.hiding, b[4:20], salts{})
	return with(b, byte(sealed.Type), sealed.Value), err
}

// salts are random octets (RFC 2868 section 3.5 asks for no more than different ones).
type salts struct{}

// Read implements io.Reader.
func (salts) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return len(b), nil
}
