// Package proto decodes LDAP requests and encodes responses (RFC 4511 section
// 4). It knows the shape of messages and nothing of their meaning.
package proto

import (
	"counterpart/servers/ldap/internal/ber"
)

// Application tags of requests.
const (
	BindRequest     = 0x60
	UnbindRequest   = 0x42
	SearchRequest   = 0x63
	ModifyRequest   = 0x66
	AddRequest      = 0x68
	DeleteRequest   = 0x4a
	ModifyDNRequest = 0x6c
	CompareRequest  = 0x6e
	AbandonRequest  = 0x50
	ExtendedRequest = 0x77
)

// Application tags of responses.
const (
	BindResponse     = 0x61
	SearchEntry      = 0x64
	SearchDone       = 0x65
	SearchReference  = 0x73
	ModifyResponse   = 0x67
	AddResponse      = 0x69
	DeleteResponse   = 0x6b
	ModifyDNResponse = 0x6d
	CompareResponse  = 0x6f
	ExtendedResponse = 0x78
)

// Message is the envelope of one request. Its slices point into the buffer it
// was read from.
type Message struct {
	ID       int64
	Op       byte
	Body     []byte
	Controls []Control
}

// Control is one control of a request or a response (RFC 4511 section 4.1.11).
type Control struct {
	OID      string
	Critical bool
	Value    []byte
	HasValue bool
}

// maxControls bounds what one message can carry.
const maxControls = 64

// ParseMessage decodes the content of an LDAPMessage.
func ParseMessage(content []byte) (Message, error) {
	c := ber.Over(content)
	m := Message{ID: c.Int(ber.Integer)}
	m.Op, m.Body = c.Any()
	if list, ok := c.Optional(0xa0); ok {
		seq := ber.Over(list)
		for seq.More() {
			m.Controls = append(m.Controls, parseControl(seq.Take(ber.Sequence), &seq))
			if len(m.Controls) > maxControls {
				seq.Fail(ber.ErrValue)
			}
		}
		if err := seq.Err(); err != nil {
			return m, err
		}
	}
	return m, c.Err()
}

func parseControl(content []byte, outer *ber.Cursor) Control {
	c := ber.Over(content)
	x := Control{OID: c.String()}
	if c.Peek() == ber.Boolean {
		x.Critical = c.Bool(ber.Boolean)
	}
	if v, ok := c.Optional(ber.OctetString); ok {
		x.Value, x.HasValue = v, true
	}
	if err := c.Err(); err != nil {
		outer.Fail(err)
	}
	return x
}

// Bind is a bind request (section 4.2).
type Bind struct {
	Version  int64
	Name     string
	Simple   bool
	Password []byte
	SASL     string // mechanism
	Creds    []byte
	HasCreds bool
	Unknown  bool // neither simple nor SASL
}

// ParseBind decodes a bind request.
func ParseBind(body []byte) (Bind, error) {
	c := ber.Over(body)
	b := Bind{Version: c.Int(ber.Integer), Name: c.String()}
	tag, content := c.Any()
	switch {
	case c.Err() != nil:
	case tag == 0x80:
		b.Simple, b.Password = true, content
	case tag == 0xa3:
		s := ber.Over(content)
		b.SASL = s.String()
		b.Creds, b.HasCreds = s.Optional(ber.OctetString)
		return b, s.Err()
	default:
		b.Unknown = true
	}
	return b, c.Err()
}

// Search is a search request (section 4.5.1). The filter follows in Filter and
// what comes after it in Attributes, both still encoded.
type Search struct {
	Base                 string
	Scope, Deref         int64
	SizeLimit, TimeLimit int64
	TypesOnly            bool
	Rest                 []byte // the filter and the attribute list
}

// ParseSearch decodes a search request up to its filter.
func ParseSearch(body []byte) (Search, error) {
	c := ber.Over(body)
	s := Search{Base: c.String(), Scope: c.Int(ber.Enumerated), Deref: c.Int(ber.Enumerated), SizeLimit: c.Int(ber.Integer),
		TimeLimit: c.Int(ber.Integer), TypesOnly: c.Bool(ber.Boolean)}
	s.Rest = c.Rest()
	return s, c.Err()
}

// ParseStrings decodes a SEQUENCE OF OCTET STRING, such as an attribute
// selection, from the front of b.
func ParseStrings(b []byte) ([]string, error) {
	c := ber.Over(b)
	list := ber.Over(c.Take(ber.Sequence))
	var out []string
	for list.More() {
		out = append(out, list.String())
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	return out, list.Err()
}

// Attribute is an attribute description with values.
type Attribute struct {
	Desc   string
	Values []string
}

// Change is one modification (section 4.6).
type Change struct {
	Op int64
	Attribute
}

// The modification operations; Increment is RFC 4525.
const (
	ModAdd = iota
	ModDelete
	ModReplace
	ModIncrement
)

func parseAttribute(c *ber.Cursor) Attribute {
	a := Attribute{Desc: c.String()}
	set := ber.Over(c.Take(ber.Set))
	for set.More() {
		a.Values = append(a.Values, set.String())
	}
	if err := set.Err(); err != nil {
		c.Fail(err)
	}
	return a
}

// ParseModify decodes a modify request.
func ParseModify(body []byte) (name string, changes []Change, err error) {
	c := ber.Over(body)
	name = c.String()
	list := ber.Over(c.Take(ber.Sequence))
	for list.More() {
		one := ber.Over(list.Take(ber.Sequence))
		m := Change{Op: one.Int(ber.Enumerated)}
		part := ber.Over(one.Take(ber.Sequence))
		m.Attribute = parseAttribute(&part)
		for _, e := range []error{one.Err(), part.Err()} {
			if e != nil {
				list.Fail(e)
			}
		}
		changes = append(changes, m)
	}
	if err := c.Err(); err != nil {
		return "", nil, err
	}
	return name, changes, list.Err()
}

// ParseAdd decodes an add request (section 4.7).
func ParseAdd(body []byte) (name string, attributes []Attribute, err error) {
	c := ber.Over(body)
	name = c.String()
	list := ber.Over(c.Take(ber.Sequence))
	for list.More() {
		one := ber.Over(list.Take(ber.Sequence))
		attributes = append(attributes, parseAttribute(&one))
		if err := one.Err(); err != nil {
			list.Fail(err)
		}
	}
	if err := c.Err(); err != nil {
		return "", nil, err
	}
	return name, attributes, list.Err()
}

// ModifyDN is a request to rename or move an entry (section 4.9).
type ModifyDN struct {
	Name, NewRDN string
	DeleteOld    bool
	Superior     string
	HasSuperior  bool
}

// ParseModifyDN decodes a modify DN request.
func ParseModifyDN(body []byte) (ModifyDN, error) {
	c := ber.Over(body)
	m := ModifyDN{Name: c.String(), NewRDN: c.String(), DeleteOld: c.Bool(ber.Boolean)}
	if v, ok := c.Optional(0x80); ok {
		m.Superior, m.HasSuperior = string(v), true
	}
	return m, c.Err()
}

// Compare is a compare request (section 4.10).
type Compare struct{ Name, Desc, Value string }

// ParseCompare decodes a compare request.
func ParseCompare(body []byte) (Compare, error) {
	c := ber.Over(body)
	x := Compare{Name: c.String()}
	ava := ber.Over(c.Take(ber.Sequence))
	x.Desc, x.Value = ava.String(), ava.String()
	if err := c.Err(); err != nil {
		return x, err
	}
	return x, ava.Err()
}

// Extended is an extended request (section 4.12).
type Extended struct {
	OID      string
	Value    []byte
	HasValue bool
}

// ParseExtended decodes an extended request.
func ParseExtended(body []byte) (Extended, error) {
	c := ber.Over(body)
	x := Extended{OID: string(c.Take(0x80))}
	x.Value, x.HasValue = c.Optional(0x81)
	return x, c.Err()
}

// Passwd is the value of a Password Modify request (RFC 3062 section 2).
type Passwd struct {
	Identity, Old, New       string
	HasIdentity, HasOld, Has bool
}

// ParsePasswd decodes a Password Modify value; none is the empty request.
func ParsePasswd(value []byte) (Passwd, error) {
	var p Passwd
	if len(value) == 0 {
		return p, nil
	}
	outer := ber.Over(value)
	c := ber.Over(outer.Take(ber.Sequence))
	if v, ok := c.Optional(0x80); ok {
		p.Identity, p.HasIdentity = string(v), true
	}
	if v, ok := c.Optional(0x81); ok {
		p.Old, p.HasOld = string(v), true
	}
	if v, ok := c.Optional(0x82); ok {
		p.New, p.Has = string(v), true
	}
	if err := outer.Err(); err != nil {
		return p, err
	}
	return p, c.Err()
}
