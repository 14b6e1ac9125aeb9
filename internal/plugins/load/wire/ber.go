package wire

import (
	"encoding/binary"
	"math/bits"
)

// Tags of LDAP (RFC 4511 section 4 and appendix B).
const (
	berBoolean  = 0x01
	berInteger  = 0x02
	berOctets   = 0x04
	berEnum     = 0x0a
	berSequence = 0x30

	bindRequest        = 0x60
	bindResponse       = 0x61
	searchRequest      = 0x63
	searchEntry        = 0x64
	searchDone         = 0x65
	searchReference    = 0x73
	extendedResponse   = 0x78
	simplePassword     = 0x80
	berConstructed     = 0x20
	deepestFilter      = 64
	octetsOfLongLength = 4
)

// begin appends the tag of an element whose length end writes.
func begin(b []byte, tag byte) (_ []byte, at int) { return append(b, tag, 0), len(b) + 2 }

// end writes the length of what stands from at on, in as few octets as it needs.
func end(b []byte, at int) []byte {
	n := len(b) - at
	if n < 0x80 {
		b[at-1] = byte(n)
		return b
	}
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(n))
	octets := length[8-(bits.Len(uint(n))+7)/8:]
	b = append(b, octets...)
	copy(b[at+len(octets):], b[at:at+n])
	copy(b[at:], octets)
	b[at-1] = 0x80 | byte(len(octets))
	return b
}

// octets appends an element that holds a text.
func octets[T string | []byte](b []byte, tag byte, value T) []byte {
	b, at := begin(b, tag)
	return end(append(b, value...), at)
}

// element takes the first element of b apart. An indefinite length, which LDAP does not have
// (RFC 4511 section 5.1), or one that reaches beyond b is none.
func element(b []byte) (tag byte, body, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	n, at := int(b[1]), 2
	if n >= 0x80 {
		k := n & 0x7f
		if k == 0 || k > octetsOfLongLength || len(b) < at+k {
			return 0, nil, nil, false
		}
		n = 0
		for _, x := range b[at : at+k] {
			n = n<<8 | int(x)
		}
		at += k
	}
	if n < 0 || n > len(b)-at {
		return 0, nil, nil, false
	}
	return b[0], b[at : at+n], b[at+n:], true
}

// message reads the next LDAPMessage into the connection's memory, and returns what is in it.
// begun: some of it had come before it could not be read.
func (c *conn) message() (body []byte, begun bool, err error) {
	tag, err := c.in.ReadByte()
	if err != nil {
		return nil, false, err
	}
	first, err := c.in.ReadByte()
	if err != nil || tag != berSequence {
		return nil, true, orMalformed(err)
	}
	n := int(first)
	if n >= 0x80 {
		k := n & 0x7f
		if k == 0 || k > octetsOfLongLength {
			return nil, true, errMalformed
		}
		n = 0
		for range k {
			x, err := c.in.ReadByte()
			if err != nil {
				return nil, true, err
			}
			n = n<<8 | int(x)
		}
	}
	if n > mostBody {
		return nil, true, errMalformed
	}
	c.body = c.body[:0]
	body, err = c.take(n)
	return body, true, err
}
