package wire

import (
	"crypto/md5"
	"encoding/binary"
	"errors"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

// ErrTooLong means that a reply does not fit into 4096 octets.
var ErrTooLong = errors.New("the reply would be longer than 4096 octets")

// Attribute is one attribute of a reply as it goes on the wire.
type Attribute struct {
	Type  radius.Type
	Value []byte
}

// Text is an attribute with a text; a text beyond 253 octets is cut.
func Text(t radius.Type, text string) Attribute {
	return Attribute{t, []byte(text[:min(len(text), MaxValue)])}
}

// Integer is an attribute with a four-octet number.
func Integer(t radius.Type, n uint32) Attribute { return Attribute{t, radius.NewInteger(n)} }

// Vendor is a Vendor-Specific attribute with one sub-attribute (RFC 2865
// section 5.26).
func Vendor(vendor uint32, t byte, value []byte) Attribute {
	v := make([]byte, 0, 6+len(value))
	v = binary.BigEndian.AppendUint32(v, vendor)
	v = append(v, t, byte(len(value)+2))
	return Attribute{rfc2865.VendorSpecific_Type, append(v, value...)}
}

// Split cuts a long value into attributes of at most 253 octets, as RFC 3579
// section 3.1 wants it of EAP-Message. An empty value is one empty attribute.
func Split(t radius.Type, value []byte) []Attribute {
	out := []Attribute{}
	for {
		n := min(len(value), MaxValue)
		out = append(out, Attribute{t, value[:n]})
		if value = value[n:]; len(value) == 0 {
			return out
		}
	}
}

// Reply is an answer before it is signed.
type Reply struct {
	Code       radius.Code
	Attributes []Attribute
	// Signed puts a Message-Authenticator first: on UDP and TCP in every reply
	// to Access-Request and Status-Server, whether or not the request had one
	// (CVE-2024-3596; draft-ietf-radext-deprecating-radius).
	Signed bool
}

// Encode appends the octets of the reply to request: Message-Authenticator
// first, then the attributes, then the request's Proxy-States unmodified and in
// order (RFC 2865 section 5.33), and signs it.
func (s *Secret) Encode(dst []byte, r Reply, request Packet) ([]byte, error) {
	start := len(dst)
	dst = append(dst, byte(r.Code), request.ID(), 0, 0)
	dst = append(dst, request.Authenticator()...)
	at := -1
	if r.Signed {
		dst = append(dst, byte(rfc2869.MessageAuthenticator_Type), 18)
		at = len(dst) - start
		dst = append(dst, zero[:]...)
	}
	for _, a := range r.Attributes {
		if len(a.Value) > MaxValue {
			return dst[:start], ErrTooLong
		}
		dst = append(dst, byte(a.Type), byte(len(a.Value)+2))
		dst = append(dst, a.Value...)
	}
	for t, v := range request.All() {
		if t == rfc2865.ProxyState_Type {
			dst = append(dst, byte(t), byte(len(v)+2))
			dst = append(dst, v...)
		}
	}
	p := dst[start:]
	if len(p) > MaxLength {
		return dst[:start], ErrTooLong
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	if at >= 0 {
		var buf [md5.Size]byte
		copy(p[at:], s.messageAuthenticator(buf[:0], p, request.Authenticator(), at))
	}
	s.Sign(p)
	return dst, nil
}

// Sign turns the Request Authenticator that stands in p into the Response
// Authenticator: MD5 over header, request authenticator, attributes and secret
// (RFC 2865 section 3). The Message-Authenticator must be in place already.
func (s *Secret) Sign(p []byte) {
	h := md5.New()
	h.Write(p)
	h.Write(s.raw)
	h.Sum(p[authenticatorAt:authenticatorAt])
}

// SignMessage computes the Message-Authenticator whose value stands at offset at
// of a reply, for replies that Encode would not build.
func (s *Secret) SignMessage(p, requestAuthenticator []byte, at int) {
	var buf [md5.Size]byte
	copy(p[at:], s.messageAuthenticator(buf[:0], p, requestAuthenticator, at))
}
