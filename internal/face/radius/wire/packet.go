// Package wire is RADIUS as octets: it checks packets before anything else
// looks at them, proves and verifies authenticators, hides and reveals
// passwords, and encodes replies. It works on the received buffer in place and
// keeps no state. The constants of layeh.com/radius name codes and types.
package wire

import (
	"encoding/binary"
	"errors"
	"iter"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// Limits of a packet (RFC 2865 section 3). MaxAttributes is FreeRADIUS's
// default for max_attributes: a cheap guard against packets that are all work.
const (
	HeaderLength    = 20
	MaxLength       = 4096
	MaxAttributes   = 200
	MaxValue        = 253
	authenticatorAt = 4
)

// What can be wrong with the octets of a packet. All of them mean silence.
var (
	ErrShort      = errors.New("fewer than 20 octets")
	ErrLength     = errors.New("the Length field is outside 20 to 4096")
	ErrTruncated  = errors.New("the Length field exceeds the octets received")
	ErrTiling     = errors.New("attributes do not tile the packet")
	ErrTypeZero   = errors.New("attribute type 0")
	ErrAttributes = errors.New("more than 200 attributes")
)

// Packet is one checked packet: exactly Length octets whose attributes tile it.
type Packet []byte

// Check finds the packet in a datagram. Octets after Length are padding and
// ignored (RFC 2865 section 3).
func Check(b []byte) (Packet, error) {
	if len(b) < HeaderLength {
		return nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(b[2:4]))
	if n < HeaderLength || n > MaxLength {
		return nil, ErrLength
	}
	if n > len(b) {
		return nil, ErrTruncated
	}
	p := Packet(b[:n:n])
	count := 0
	for rest := p[HeaderLength:]; len(rest) > 0; count++ {
		if count == MaxAttributes {
			return nil, ErrAttributes
		}
		if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
			return nil, ErrTiling
		}
		if rest[0] == 0 {
			return nil, ErrTypeZero
		}
		rest = rest[rest[1]:]
	}
	return p, nil
}

// Code is the packet's code.
func (p Packet) Code() radius.Code { return radius.Code(p[0]) }

// ID is the Identifier.
func (p Packet) ID() byte { return p[1] }

// Authenticator is the 16 octets of the Request or Response Authenticator.
func (p Packet) Authenticator() []byte { return p[authenticatorAt:HeaderLength:HeaderLength] }

// All yields the attributes in order. Values share memory with the packet.
func (p Packet) All() iter.Seq2[radius.Type, []byte] {
	return func(yield func(radius.Type, []byte) bool) {
		for rest := p[HeaderLength:]; len(rest) > 0; rest = rest[rest[1]:] {
			if !yield(radius.Type(rest[0]), rest[2:rest[1]:rest[1]]) {
				return
			}
		}
	}
}

// Lookup is the value of the first attribute of type t.
func (p Packet) Lookup(t radius.Type) (value []byte, found bool) {
	for rest := p[HeaderLength:]; len(rest) > 0; rest = rest[rest[1]:] {
		if rest[0] == byte(t) {
			return rest[2:rest[1]:rest[1]], true
		}
	}
	return nil, false
}

// Has reports whether there is an attribute of type t.
func (p Packet) Has(t radius.Type) bool {
	_, found := p.Lookup(t)
	return found
}

// Integer is the value of a four-octet attribute; found is false when it is
// missing or has another length.
func (p Packet) Integer(t radius.Type) (n uint32, found bool) {
	v, found := p.Lookup(t)
	if !found || len(v) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(v), true
}

// Vendor is the first value of a vendor's sub-attribute (RFC 2865 section
// 5.26). A malformed Vendor-Specific attribute is skipped, not an error: its
// inside is the vendor's business.
func (p Packet) Vendor(vendor uint32, t byte) (value []byte, found bool) {
	for typ, v := range p.All() {
		if typ != rfc2865.VendorSpecific_Type || len(v) < 4 || binary.BigEndian.Uint32(v) != vendor {
			continue
		}
		for sub := v[4:]; len(sub) >= 2 && sub[1] >= 2 && int(sub[1]) <= len(sub); sub = sub[sub[1]:] {
			if sub[0] == t {
				return sub[2:sub[1]:sub[1]], true
			}
		}
	}
	return nil, false
}

// Joined concatenates the values of all attributes of type t in order, as
// EAP-Message wants it (RFC 3579 section 3.1).
func (p Packet) Joined(t radius.Type) (value []byte, found bool) {
	for typ, v := range p.All() {
		if typ == t {
			value, found = append(value, v...), true
		}
	}
	return value, found
}
