package attr

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
)

// Line renders a packet as one line. The text is its only allocation, and it
// keeps off the stack, because each datagram starts on a small one.
func (d *Dictionary) Line(p wire.Packet) string {
	buf := d.lines.Get().(*[]byte)
	*buf = d.Append((*buf)[:0], p)
	line := string(*buf)
	d.lines.Put(buf)
	return line
}

// Append renders a packet as one line, "Access-Request id 7: User-Name = alice,
// User-Password = ***". Nothing that could be a secret is in it.
func (d *Dictionary) Append(dst []byte, p wire.Packet) []byte {
	dst = append(dst, p.Code().String()...)
	dst = append(dst, " id "...)
	dst = strconv.AppendUint(dst, uint64(p.ID()), 10)
	separator := ": "
	for t, v := range p.All() {
		dst = append(dst, separator...)
		dst = d.attribute(dst, t, v)
		separator = ", "
	}
	return dst
}

// Pairs renders a packet's attributes as names and texts, in order.
func (d *Dictionary) Pairs(p wire.Packet) [][2]string {
	var out [][2]string
	for t, v := range p.All() {
		e, value := d.find(t, v)
		out = append(out, [2]string{string(e.appendName(nil)), string(e.appendValue(nil, value))})
	}
	return out
}

func (d *Dictionary) attribute(dst []byte, t radius.Type, v []byte) []byte {
	e, value := d.find(t, v)
	dst = e.appendName(dst)
	dst = append(dst, " = "...)
	return e.appendValue(dst, value)
}

// find looks an attribute up and unwraps a vendor's first sub-attribute.
func (d *Dictionary) find(t radius.Type, v []byte) (*entry, []byte) {
	k := key{typ: byte(t)}
	if t == rfc2865.VendorSpecific_Type && len(v) >= 6 && int(v[5]) >= 2 && int(v[5]) <= len(v)-4 {
		k = key{binary.BigEndian.Uint32(v), v[4]}
		v = v[6 : 4+int(v[5])]
	}
	return d.lookup(k), v
}

func (e *entry) appendName(dst []byte) []byte {
	if e.name != "" {
		return append(dst, e.name...)
	}
	if e.vendor != 0 {
		dst = append(strconv.AppendUint(dst, uint64(e.vendor), 10), '/')
	}
	return strconv.AppendUint(dst, uint64(e.typ), 10)
}

func (e *entry) appendValue(dst, v []byte) []byte {
	switch {
	case e.kind == hidden || e.kind == salted:
		return append(dst, dialect.Hidden...)
	case e.kind == integer && len(v) == 4:
		return e.appendNumber(dst, v)
	case e.kind == date && len(v) == 4:
		return time.Unix(int64(binary.BigEndian.Uint32(v)), 0).UTC().AppendFormat(dst, time.RFC3339)
	case e.kind == address && len(v) == 4, e.kind == address6 && len(v) == 16:
		a, _ := netip.AddrFromSlice(v)
		return a.AppendTo(dst)
	case e.kind == text && e.tagged && len(v) > 0 && v[0] < 0x20: // RFC 2868 section 3.6
		v = v[1:]
	}
	if e.kind != prefix6 && printable(v) {
		return append(dst, v...)
	}
	return hex.AppendEncode(append(dst, "0x"...), v)
}

func (e *entry) appendNumber(dst, v []byte) []byte {
	n := binary.BigEndian.Uint32(v)
	if e.tagged {
		n &= 0xffffff
	}
	for name, known := range e.values {
		if known == n {
			return append(dst, name...)
		}
	}
	return strconv.AppendUint(dst, uint64(n), 10)
}

// printable reports whether v is text that fits on one line.
func printable(v []byte) bool {
	for len(v) > 0 {
		r, n := utf8.DecodeRune(v)
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			return false
		}
		v = v[n:]
	}
	return true
}
