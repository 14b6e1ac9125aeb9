package ldap_test

import (
	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

// critical makes a paging control critical, as Keycloak sends it.
type critical struct{ *goldap.ControlPaging }

func (c critical) Encode() *ber.Packet {
	p := c.ControlPaging.Encode()
	out := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "Control")
	out.AppendChild(p.Children[0])
	out.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "Criticality"))
	out.AppendChild(p.Children[1])
	return out
}

// sortBy is a sort request by one key.
type sortBy struct {
	key      string
	reverse  bool
	critical bool
}

func (sortBy) GetControlType() string { return "1.2.840.113556.1.4.473" }
func (s sortBy) String() string       { return "sort by " + s.key }

func (s sortBy) Encode() *ber.Packet {
	key := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	key.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s.key, ""))
	if s.reverse {
		key.AppendChild(ber.NewBoolean(ber.ClassContext, ber.TypePrimitive, 1, true, ""))
	}
	list := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	list.AppendChild(key)
	out := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "Control")
	out.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s.GetControlType(), ""))
	if s.critical {
		out.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, ""))
	}
	out.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(list.Bytes()), ""))
	return out
}
