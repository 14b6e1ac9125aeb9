package attr

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"layeh.com/radius"

	"counterpart/internal/face/radius/wire"
)

// What can be wrong with an attribute of a seed. The errors of Parse wrap one
// of them and say which attribute.
var (
	ErrUnknown = errors.New("unknown attribute")
	ErrValue   = errors.New("bad value")
	ErrTooLong = errors.New("value exceeds 253 octets")
	ErrOurs    = errors.New("the protocol itself sets this attribute")
)

// Dictionary finds attributes by name and number. Make one and share it.
type Dictionary struct {
	byName   map[string]*entry
	standard [256]*entry // every packet is shown, so this one is no map
	byVendor map[key]*entry
	lines    sync.Pool // buffers for Line
}

type key struct {
	vendor uint32
	typ    byte
}

// NewDictionary indexes the built-in table.
func NewDictionary() *Dictionary {
	d := &Dictionary{byName: map[string]*entry{}, byVendor: map[key]*entry{}}
	d.lines.New = func() any { b := make([]byte, 0, 512); return &b }
	for _, e := range entries() {
		d.byName[strings.ToLower(e.name)] = &e
		if e.vendor == 0 {
			d.standard[e.typ] = &e
		} else {
			d.byVendor[key{e.vendor, e.typ}] = &e
		}
	}
	return d
}

// lookup is the entry of an attribute, or a nameless one for octets.
func (d *Dictionary) lookup(k key) *entry {
	e := d.standard[k.typ]
	if k.vendor != 0 {
		e = d.byVendor[k]
	}
	if e == nil {
		e = &entry{vendor: k.vendor, typ: k.typ, kind: octets}
	}
	return e
}

// List is a set of reply attributes in wire order, keyed so that a more
// specific level can replace a name as a whole.
type List []Named

// Named is all values of one attribute.
type Named struct {
	Name   string // as it identifies the attribute: lower case, with tag or number
	Values []Value
}

// Value is one attribute ready to send; a salted one is encrypted per reply.
type Value struct {
	wire.Attribute
	clear []byte // Tunnel-Password: the secret text
	tag   byte
}

// Parse reads one level's attributes: names of the dictionary with an optional
// ":<tag>", or a raw "<type>" or "<vendor>/<type>" whose values are hex, or
// "raw" whose values are "<type>:<hex>" and "<vendor>/<type>:<hex>". All
// mistakes are reported at once; where names the field of the seed.
func (d *Dictionary) Parse(where string, in map[string][]string) (List, error) {
	var out List
	var wrong []error
	for _, name := range sortedKeys(in) {
		n := Named{Name: strings.ToLower(name)}
		for _, text := range in[name] {
			v, err := d.value(name, text)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s.%s: %w", where, name, err))
				continue
			}
			n.Values = append(n.Values, v)
		}
		out = append(out, n)
	}
	return out, errors.Join(wrong...)
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (d *Dictionary) value(name, text string) (Value, error) {
	if strings.EqualFold(name, "raw") {
		number, octets, ok := strings.Cut(text, ":")
		if !ok {
			return Value{}, fmt.Errorf("%w: %q is not <type>:<hex> or <vendor>/<type>:<hex>", ErrValue, text)
		}
		return d.raw(number, octets)
	}
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		return d.raw(name, text)
	}
	k, err := d.Known(name)
	if err != nil {
		return Value{}, err
	}
	return k.Value(text)
}

// raw encodes <type> or <vendor>/<type> with hex octets.
func (d *Dictionary) raw(number, octets string) (Value, error) {
	vendorText, typeText, isVendor := strings.Cut(number, "/")
	if !isVendor {
		vendorText, typeText = "0", number
	}
	vendor, err := strconv.ParseUint(vendorText, 10, 32)
	typ, err2 := strconv.ParseUint(typeText, 10, 8)
	value, err3 := hex.DecodeString(strings.TrimPrefix(octets, "0x"))
	if err != nil || err2 != nil || err3 != nil || typ == 0 || isVendor && vendor == 0 {
		return Value{}, fmt.Errorf("%w: %s:%s is not a number and hex octets", ErrValue, number, octets)
	}
	e := d.lookup(key{uint32(vendor), byte(typ)})
	if e.ours {
		return Value{}, ErrOurs
	}
	return e.pack(value)
}

// encode turns text into octets by the attribute's kind.
func (e *entry) encode(text string, tag byte, hasTag bool) (Value, error) {
	if e.kind == salted {
		if len(text) > 235 { // tag, salt and length fit in, and the text is padded to 16
			return Value{}, ErrTooLong
		}
		return Value{Attribute: wire.Attribute{Type: radius.Type(e.typ)}, clear: []byte(text), tag: tag}, nil
	}
	value, err := e.octets(text)
	if err != nil {
		return Value{}, fmt.Errorf("%w: %w", ErrValue, err)
	}
	switch {
	case e.tagged && e.kind == integer: // the tag takes the first octet (RFC 2868 section 3.1)
		if value[0] != 0 {
			return Value{}, fmt.Errorf("%w: %s has 24 bits", ErrValue, e.name)
		}
		value[0] = tag
	case e.tagged && hasTag:
		value = append([]byte{tag}, value...)
	}
	return e.pack(value)
}

// pack adds the vendor's header and checks the length.
func (e *entry) pack(value []byte) (Value, error) {
	if e.vendor == 0 {
		if len(value) > wire.MaxValue {
			return Value{}, fmt.Errorf("%w: %d", ErrTooLong, len(value))
		}
		return Value{Attribute: wire.Attribute{Type: radius.Type(e.typ), Value: value}}, nil
	}
	if len(value)+6 > wire.MaxValue {
		return Value{}, fmt.Errorf("%w: %d and a vendor header of 6", ErrTooLong, len(value))
	}
	return Value{Attribute: wire.Vendor(e.vendor, e.typ, value)}, nil
}

func (e *entry) octets(text string) ([]byte, error) {
	switch e.kind {
	case integer:
		return e.number(text)
	case octets:
		if rest, ok := strings.CutPrefix(text, "0x"); ok {
			return hex.DecodeString(rest)
		}
	case address, address6:
		a, err := netip.ParseAddr(text)
		if err == nil && a.Is4() != (e.kind == address) {
			err = fmt.Errorf("%s is of the other IP version", text)
		}
		return a.AsSlice(), err
	case prefix6:
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Addr().Is4() {
			return nil, fmt.Errorf("%q is no IPv6 prefix", text)
		}
		whole := p.Masked().Addr().As16()
		return append([]byte{0, byte(p.Bits())}, whole[:(p.Bits()+7)/8]...), nil
	case interfaceID:
		b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
		if err != nil || len(b) != 8 {
			return nil, fmt.Errorf("%q is not eight octets in hex", text)
		}
		return b, nil
	case date:
		t, err := time.Parse(time.RFC3339, text)
		return binary.BigEndian.AppendUint32(nil, uint32(t.Unix())), err
	}
	return []byte(text), nil
}

func (e *entry) number(text string) ([]byte, error) {
	for name, n := range e.values {
		if strings.EqualFold(name, text) {
			return radius.NewInteger(n), nil
		}
	}
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is neither a number nor a known name", text)
	}
	return radius.NewInteger(uint32(n)), nil
}

// Seal gives the attribute to send with one reply: as it is, or for a salted
// one encrypted with a fresh salt of r (RFC 2868 section 3.5).
func (v Value) Seal(s *wire.Secret, requestAuthenticator []byte, r io.Reader) (wire.Attribute, error) {
	if v.clear == nil {
		return v.Attribute, nil
	}
	var salt [2]byte
	if _, err := io.ReadFull(r, salt[:]); err != nil {
		return wire.Attribute{}, err
	}
	salt[0] |= 0x80
	sealed, err := s.SaltHide(v.clear, salt, requestAuthenticator)
	return wire.Attribute{Type: v.Type, Value: append([]byte{v.tag}, sealed...)}, err
}

// Merge lays levels over each other, the most specific first: a name that a
// level has hides all values of that name in later levels.
func Merge(levels ...List) []Value {
	n := 0
	for _, l := range levels {
		n += len(l)
	}
	if n == 0 {
		return nil
	}
	out := make([]Value, 0, n)
	for i, l := range levels {
		for _, named := range l {
			hidden := slices.ContainsFunc(levels[:i], func(over List) bool {
				return slices.ContainsFunc(over, func(o Named) bool { return o.Name == named.Name })
			})
			if !hidden {
				out = append(out, named.Values...)
			}
		}
	}
	return out
}
