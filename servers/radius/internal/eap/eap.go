// Package eap is EAP as octets (RFC 3748): packets, the tunnel of TTLS and PEAP
// with its fragments (RFC 5281, RFC 5216), and what is said inside of it.
package eap

import (
	"encoding/binary"
	"errors"
)

// Codes of an EAP packet.
const (
	Request  = 1
	Response = 2
	Success  = 3
	Failure  = 4
)

// Types of a request or response.
const (
	Identity  = 1
	Nak       = 3
	MD5       = 4
	GTC       = 6
	TTLS      = 21
	PEAP      = 25
	MSCHAPv2  = 26
	Extension = 33 // the result TLVs at the end of PEAP
)

// ErrMalformed means that octets are no EAP packet.
var ErrMalformed = errors.New("malformed EAP packet")

// Packet is one EAP packet. Success and Failure have neither Type nor Data.
type Packet struct {
	Code, ID, Type byte
	Data           []byte
}

// Parse reads a packet. Octets after its Length are padding (RFC 3748 section
// 4.1); Data shares memory with b.
func Parse(b []byte) (Packet, error) {
	if len(b) < 4 {
		return Packet{}, ErrMalformed
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < 4 || n > len(b) {
		return Packet{}, ErrMalformed
	}
	p := Packet{Code: b[0], ID: b[1]}
	switch p.Code {
	case Success, Failure:
		return p, nil
	case Request, Response:
		if n < 5 {
			return Packet{}, ErrMalformed
		}
		p.Type, p.Data = b[4], b[5:n]
		return p, nil
	}
	return Packet{}, ErrMalformed
}

// Bytes encodes a packet.
func (p Packet) Bytes() []byte {
	if p.Code == Success || p.Code == Failure {
		return []byte{p.Code, p.ID, 0, 4}
	}
	b := make([]byte, 0, 5+len(p.Data))
	b = append(b, p.Code, p.ID)
	b = binary.BigEndian.AppendUint16(b, uint16(5+len(p.Data)))
	return append(append(b, p.Type), p.Data...)
}

// MD5Value is the hash in an MD5-Challenge response: a size, the value, a name
// that nobody needs (RFC 3748 section 5.4, RFC 1994 section 4.1).
func MD5Value(data []byte) ([]byte, error) {
	if len(data) < 17 || data[0] != 16 {
		return nil, ErrMalformed
	}
	return data[1:17], nil
}

// AVP is one attribute inside a TTLS tunnel, encoded as in Diameter.
type AVP struct {
	Code, Vendor uint32
	Value        []byte
}

// AVPs takes apart what a TTLS peer sent through the tunnel (RFC 5281 section
// 10.1): code, flags, a length that counts the header, an optional vendor, the
// value, padding to four octets.
func AVPs(b []byte) ([]AVP, error) {
	const vendorFlag = 0x80
	var out []AVP
	for len(b) > 0 {
		if len(b) < 8 || len(out) == 100 {
			return nil, ErrMalformed
		}
		a := AVP{Code: binary.BigEndian.Uint32(b)}
		flags, n, head := b[4], int(binary.BigEndian.Uint32(b[4:])&0xffffff), 8
		if flags&vendorFlag != 0 {
			head = 12
		}
		if n < head || n > len(b) {
			return nil, ErrMalformed
		}
		if head == 12 {
			a.Vendor = binary.BigEndian.Uint32(b[8:])
		}
		a.Value = b[head:n]
		out = append(out, a)
		b = b[min(len(b), (n+3)&^3):]
	}
	return out, nil
}

// MSCHAPv2Challenge is a challenge in EAP-MSCHAPv2: operation, identifier,
// length, and a value with its size (draft-kamath-pppext-eap-mschapv2 section 2.1).
func MSCHAPv2Challenge(id byte, challenge []byte, name string) []byte {
	b := append(mschapHead(1, id, 5+len(challenge)+len(name)), byte(len(challenge)))
	return append(append(b, challenge...), name...)
}

// MSCHAPv2Success and MSCHAPv2Failure carry the texts of RFC 2759.
func MSCHAPv2Success(id byte, text string) []byte {
	return append(mschapHead(3, id, 4+len(text)), text...)
}

// MSCHAPv2Failure is MSCHAPv2Success for the opposite.
func MSCHAPv2Failure(id byte, text string) []byte {
	return append(mschapHead(4, id, 4+len(text)), text...)
}

func mschapHead(op, id byte, length int) []byte {
	return binary.BigEndian.AppendUint16([]byte{op, id}, uint16(length))
}

// MSCHAPv2Answer is a peer's response: 16 octets of peer challenge, 8 of zeros,
// 24 of NT response, flags, and the name.
func MSCHAPv2Answer(data []byte) (peer, response, name []byte, err error) {
	if len(data) < 54 || data[0] != 2 || data[4] != 49 {
		return nil, nil, nil, ErrMalformed
	}
	return data[5:21], data[29:53], data[54:], nil
}

// Result is the TLV with which PEAPv0 ends: 1 is success, 2 failure. PEAP leaves
// out the header of inner packets, but not of this one.
func Result(id byte, ok bool) []byte {
	status := byte(2)
	if ok {
		status = 1
	}
	return Packet{Code: Request, ID: id, Type: Extension, Data: []byte{0x80, 3, 0, 2, 0, status}}.Bytes()
}
