package proto

import "counterpart/servers/ldap/internal/ber"

// Paged is the value of the simple paged results control (RFC 2696).
type Paged struct {
	Size   int64
	Cookie []byte
}

// ParsePaged decodes a paged results value.
func ParsePaged(value []byte) (Paged, error) {
	outer := ber.Over(value)
	c := ber.Over(outer.Take(ber.Sequence))
	p := Paged{Size: c.Int(ber.Integer), Cookie: c.Take(ber.OctetString)}
	if err := outer.Err(); err != nil {
		return p, err
	}
	if p.Size < 0 || p.Size > 1<<31-1 {
		c.Fail(ber.ErrValue)
	}
	return p, c.Err()
}

// AppendPaged encodes a paged results value.
func AppendPaged(b []byte, p Paged) []byte {
	b, mark := ber.Begin(b, ber.Sequence)
	b = ber.AppendInt(b, ber.Integer, p.Size)
	return ber.End(ber.AppendString(b, ber.OctetString, p.Cookie), mark)
}

// ParseFlags decodes a value that is a sequence of one number: the controls for
// search options and security descriptors (MS-ADTS 3.1.1.3.4.1.11 and .12).
func ParseFlags(value []byte) (int64, error) {
	outer := ber.Over(value)
	c := ber.Over(outer.Take(ber.Sequence))
	n := c.Int(ber.Integer)
	if err := outer.Err(); err != nil {
		return 0, err
	}
	return n, c.Err()
}

// SortKey is one key of the server side sorting control (RFC 2891).
type SortKey struct {
	Attr, Rule string
	Reverse    bool
}

// maxSortKeys bounds a sort request.
const maxSortKeys = 16

// ParseSort decodes a sort request value.
func ParseSort(value []byte) ([]SortKey, error) {
	outer := ber.Over(value)
	list := ber.Over(outer.Take(ber.Sequence))
	var keys []SortKey
	for list.More() {
		c := ber.Over(list.Take(ber.Sequence))
		k := SortKey{Attr: c.String()}
		if v, ok := c.Optional(0x80); ok {
			k.Rule = string(v)
		}
		if c.Peek() == 0x81 {
			k.Reverse = c.Bool(0x81)
		}
		if err := c.Err(); err != nil {
			list.Fail(err)
		}
		if keys = append(keys, k); len(keys) > maxSortKeys {
			list.Fail(ber.ErrValue)
		}
	}
	if len(keys) == 0 {
		list.Fail(ber.ErrValue)
	}
	if err := outer.Err(); err != nil {
		return nil, err
	}
	return keys, list.Err()
}

// AppendSortResult encodes the value of a sort response control.
func AppendSortResult(b []byte, code int64, attr string) []byte {
	b, mark := ber.Begin(b, ber.Sequence)
	b = ber.AppendInt(b, ber.Enumerated, code)
	if attr != "" {
		b = ber.AppendString(b, 0x80, attr)
	}
	return ber.End(b, mark)
}

// Policy is the value of a password policy response control
// (draft-behera-ldap-password-policy section 6.2).
type Policy struct {
	Expires  int64 // seconds until expiration; with HasExpires
	Grace    int64 // logins left; with HasGrace
	Error    int64 // with HasError
	HasError bool
	HasGrace bool
	HasTime  bool
}

// AppendPolicy encodes a password policy response value.
func AppendPolicy(b []byte, p Policy) []byte {
	b, mark := ber.Begin(b, ber.Sequence)
	if p.HasTime || p.HasGrace {
		var warning int
		b, warning = ber.Begin(b, 0xa0)
		if p.HasTime {
			b = ber.AppendInt(b, 0x80, p.Expires)
		} else {
			b = ber.AppendInt(b, 0x81, p.Grace)
		}
		b = ber.End(b, warning)
	}
	if p.HasError {
		b = ber.AppendInt(b, 0x81, p.Error)
	}
	return ber.End(b, mark)
}

// AppendGenerated encodes the value of a Password Modify response with a
// generated password (RFC 3062 section 2).
func AppendGenerated(b []byte, password string) []byte {
	b, mark := ber.Begin(b, ber.Sequence)
	return ber.End(ber.AppendString(b, 0x80, password), mark)
}
