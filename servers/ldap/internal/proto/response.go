package proto

import "counterpart/servers/ldap/internal/ber"

// Result is an LDAPResult (RFC 4511 section 4.1.9).
type Result struct {
	Code      uint16
	Matched   string // DN
	Text      string // diagnosticMessage
	Referrals []string
	Controls  []Control

	Name     string // extended: responseName
	Value    []byte // extended: responseValue
	HasValue bool
}

// AppendResult appends a whole message with a result of the given tag.
func AppendResult(b []byte, id int64, tag byte, r Result) []byte {
	b, msg := ber.Begin(b, ber.Sequence)
	b = ber.AppendInt(b, ber.Integer, id)
	b, op := ber.Begin(b, tag)
	b = ber.AppendInt(b, ber.Enumerated, int64(r.Code))
	b = ber.AppendString(b, ber.OctetString, r.Matched)
	b = ber.AppendString(b, ber.OctetString, r.Text)
	if len(r.Referrals) > 0 {
		var refs int
		b, refs = ber.Begin(b, 0xa3)
		for _, u := range r.Referrals {
			b = ber.AppendString(b, ber.OctetString, u)
		}
		b = ber.End(b, refs)
	}
	if r.Name != "" {
		b = ber.AppendString(b, 0x8a, r.Name)
	}
	if r.HasValue {
		b = ber.AppendString(b, 0x8b, r.Value)
	}
	b = ber.End(b, op)
	b = appendControls(b, r.Controls)
	return ber.End(b, msg)
}

func appendControls(b []byte, controls []Control) []byte {
	if len(controls) == 0 {
		return b
	}
	b, list := ber.Begin(b, 0xa0)
	for _, c := range controls {
		var one int
		b, one = ber.Begin(b, ber.Sequence)
		b = ber.AppendString(b, ber.OctetString, c.OID)
		if c.Critical {
			b = ber.AppendBool(b, ber.Boolean, true)
		}
		if c.HasValue {
			b = ber.AppendString(b, ber.OctetString, c.Value)
		}
		b = ber.End(b, one)
	}
	return ber.End(b, list)
}

// Entry builds one SearchResultEntry at the end of a buffer.
type Entry struct {
	b               []byte
	msg, op, list   int
	attr, valueList int
}

// BeginEntry starts an entry message.
func BeginEntry(b []byte, id int64, dn string) Entry {
	var e Entry
	e.b, e.msg = ber.Begin(b, ber.Sequence)
	e.b = ber.AppendInt(e.b, ber.Integer, id)
	e.b, e.op = ber.Begin(e.b, SearchEntry)
	e.b = ber.AppendString(e.b, ber.OctetString, dn)
	e.b, e.list = ber.Begin(e.b, ber.Sequence)
	return e
}

// Attribute appends an attribute with its values; typesOnly leaves the set empty.
func (e *Entry) Attribute(desc string, values []string, typesOnly bool) {
	e.b, e.attr = ber.Begin(e.b, ber.Sequence)
	e.b = ber.AppendString(e.b, ber.OctetString, desc)
	e.b, e.valueList = ber.Begin(e.b, ber.Set)
	if !typesOnly {
		for _, v := range values {
			e.b = ber.AppendString(e.b, ber.OctetString, v)
		}
	}
	e.b = ber.End(ber.End(e.b, e.valueList), e.attr)
}

// End finishes the entry and returns the buffer.
func (e *Entry) End() []byte { return ber.End(ber.End(ber.End(e.b, e.list), e.op), e.msg) }

// AppendReference appends a SearchResultReference message.
func AppendReference(b []byte, id int64, uris []string) []byte {
	b, msg := ber.Begin(b, ber.Sequence)
	b = ber.AppendInt(b, ber.Integer, id)
	b, op := ber.Begin(b, SearchReference)
	for _, u := range uris {
		b = ber.AppendString(b, ber.OctetString, u)
	}
	return ber.End(ber.End(b, op), msg)
}
