package attr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"counterpart/internal/face/radius/wire"
)

// Known is an attribute that was found by its name.
type Known struct {
	entry  *entry
	tag    byte
	hasTag bool
}

// Known finds an attribute of the dictionary, with an optional ":<tag>". ErrUnknown: it has
// none of that name.
func (d *Dictionary) Known(name string) (Known, error) {
	base, tag, hasTag := strings.Cut(name, ":")
	e, ok := d.byName[strings.ToLower(base)]
	if !ok {
		return Known{}, fmt.Errorf("%w %q", ErrUnknown, base)
	}
	k := Known{entry: e, hasTag: hasTag}
	if hasTag {
		n, err := strconv.ParseUint(tag, 10, 8)
		if err != nil || n > 31 || !e.tagged {
			return Known{}, fmt.Errorf("%w: tag %q; tunnel attributes take 0 to 31, others none", ErrValue, tag)
		}
		k.tag = byte(n)
	}
	return k, nil
}

// Names are all names of the dictionary, in their order.
func (d *Dictionary) Names() []string {
	var out []string
	for _, e := range d.byName {
		out = append(out, e.name)
	}
	return slices.Sorted(slices.Values(out))
}

// Type is the number of the attribute, or that of those of vendors (RFC 2865 section 5.26).
func (k Known) Type() radius.Type {
	if k.entry.vendor != 0 {
		return rfc2865.VendorSpecific_Type
	}
	return radius.Type(k.entry.typ)
}

// Salted reports a value that is encrypted for each packet.
func (v Value) Salted() bool { return v.clear != nil }

// Value is the attribute with a value, which is written as in a seed. ErrOurs: the protocol
// sets it.
func (k Known) Value(text string) (Value, error) {
	if k.entry.ours {
		return Value{}, ErrOurs
	}
	return k.entry.encode(text, k.tag, k.hasTag)
}

// First is the first value that a packet has of the attribute, as text; what is shown to
// nobody is its octets.
func (k Known) First(d *Dictionary, p wire.Packet) (value string, found bool) {
	for t, v := range p.All() {
		e, v := d.find(t, v)
		if e != k.entry {
			continue
		}
		if e.kind == hidden || e.kind == salted {
			return string(v), true
		}
		return string(e.appendValue(nil, v)), true
	}
	return "", false
}
