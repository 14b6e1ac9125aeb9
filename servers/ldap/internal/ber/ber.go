// Package ber reads and writes the subset of the Basic Encoding Rules that LDAP
// permits (RFC 4511 section 5.1): definite lengths, single-octet tags, primitive
// strings. Reading is a cursor over one slice and builds no tree, so that depth
// and size of hostile input cost nothing; writing appends to a slice.
package ber

import (
	"errors"
	"fmt"
)

// Universal tags that LDAP uses.
const (
	Boolean     = 0x01
	Integer     = 0x02
	OctetString = 0x04
	Null        = 0x05
	Enumerated  = 0x0a
	Sequence    = 0x30
	Set         = 0x31
)

// Class and form bits of an identifier octet.
const (
	Constructed = 0x20
	Application = 0x40
	Context     = 0x80
)

// ErrMalformed is wrapped by every error of this package.
var ErrMalformed = errors.New("ber: malformed")

// Errors that a caller may want to tell apart.
var (
	ErrTruncated  = fmt.Errorf("%w: truncated element", ErrMalformed)
	ErrIndefinite = fmt.Errorf("%w: indefinite length", ErrMalformed)
	ErrLength     = fmt.Errorf("%w: length of more than four octets", ErrMalformed)
	ErrTag        = fmt.Errorf("%w: unexpected tag", ErrMalformed)
	ErrValue      = fmt.Errorf("%w: value does not fit its type", ErrMalformed)
)

// Next splits the first element off b. Non-minimal lengths of up to four octets
// are accepted (RFC 4511 section 5.1 restricts only what is sent).
func Next(b []byte) (tag byte, content, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, nil, ErrTruncated
	}
	tag = b[0]
	if tag&0x1f == 0x1f { // LDAP has no tag number above 30
		return 0, nil, nil, ErrTag
	}
	n, head, err := Length(b[1:])
	if err != nil {
		return 0, nil, nil, err
	}
	b = b[1+head:]
	if n > len(b) {
		return 0, nil, nil, ErrTruncated
	}
	return tag, b[:n:n], b[n:], nil
}

// Length reads the length octets at the start of b and says how many they are.
func Length(b []byte) (n, octets int, err error) {
	if len(b) == 0 {
		return 0, 0, ErrTruncated
	}
	first := b[0]
	switch {
	case first < 0x80:
		return int(first), 1, nil
	case first == 0x80:
		return 0, 0, ErrIndefinite
	case first > 0x84:
		return 0, 0, ErrLength
	}
	octets = int(first & 0x7f)
	if len(b) < 1+octets {
		return 0, 0, ErrTruncated
	}
	for _, o := range b[1 : 1+octets] {
		n = n<<8 | int(o)
	}
	return n, 1 + octets, nil
}

// Cursor walks through the elements of one constructed value. After the first
// error every method returns zero values, so that a decoder checks once.
type Cursor struct {
	rest []byte
	err  error
}

// Over is a cursor over the content octets of a constructed element.
func Over(content []byte) Cursor { return Cursor{rest: content} }

// Err is the first error met.
func (c *Cursor) Err() error { return c.err }

// More reports whether another element follows.
func (c *Cursor) More() bool { return c.err == nil && len(c.rest) > 0 }

// Rest is what has not been read yet.
func (c *Cursor) Rest() []byte { return c.rest }

// Peek is the tag of the next element, 0 when there is none.
func (c *Cursor) Peek() byte {
	if !c.More() {
		return 0
	}
	return c.rest[0]
}

// Any reads the next element, whatever its tag.
func (c *Cursor) Any() (tag byte, content []byte) {
	if c.err != nil {
		return 0, nil
	}
	tag, content, rest, err := Next(c.rest)
	if err != nil {
		c.err = err
		return 0, nil
	}
	c.rest = rest
	return tag, content
}

// Take reads the next element, which must have the given tag.
func (c *Cursor) Take(want byte) []byte {
	tag, content := c.Any()
	if c.err == nil && tag != want {
		c.err = ErrTag
		return nil
	}
	return content
}

// Optional reads the next element if it has the given tag.
func (c *Cursor) Optional(want byte) (content []byte, ok bool) {
	if c.Peek() != want || c.err != nil {
		return nil, false
	}
	content = c.Take(want)
	return content, c.err == nil
}

// String reads an OCTET STRING.
func (c *Cursor) String() string { return string(c.Take(OctetString)) }

// Int reads an INTEGER, or with the tag ENUMERATED an enumerated value.
func (c *Cursor) Int(tag byte) int64 {
	content := c.Take(tag)
	if c.err != nil {
		return 0
	}
	n, err := ParseInt(content)
	if err != nil {
		c.err = err
	}
	return n
}

// Bool reads a BOOLEAN.
func (c *Cursor) Bool(tag byte) bool {
	content := c.Take(tag)
	if c.err == nil && len(content) != 1 {
		c.err = ErrValue
	}
	return c.err == nil && content[0] != 0
}

// Fail makes the cursor return err from now on, if it has no error yet.
func (c *Cursor) Fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// ParseInt decodes the content octets of an INTEGER of up to eight octets.
func ParseInt(content []byte) (int64, error) {
	if len(content) == 0 || len(content) > 8 {
		return 0, ErrValue
	}
	n := int64(int8(content[0]))
	for _, o := range content[1:] {
		n = n<<8 | int64(o)
	}
	return n, nil
}
