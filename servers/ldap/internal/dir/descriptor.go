package dir

import (
	"encoding/binary"
)

// Parts of a security descriptor (MS-ADTS 3.1.1.3.4.1.11).
const (
	partOwner = 1 << iota
	partGroup
	partDACL
	partSACL
	allParts = partOwner | partGroup | partDACL | partSACL
)

// Descriptor is the security descriptor of an entry in self-relative form
// (MS-DTYP 2.4.6) with the parts that flags name, 0 for all. Every entry has the
// same: Domain Admins own it and may do everything, so may SYSTEM, and who has
// authenticated may read; what Everyone fails to do is audited. The audit list is
// for administrators; others who ask for it get nothing (ok is false).
func (b *Base) Descriptor(flags int64, admin bool) (sd string, ok bool) {
	if flags &= allParts; flags == 0 {
		flags = allParts
	}
	if flags&partSACL != 0 && !admin {
		return "", false
	}
	const (
		selfRelative, daclThere, saclThere = 0x8000, 0x0004, 0x0010
		everything, read, system           = 0x000f01ff, 0x00020094, 0x00040000 // Windows' generic rights, spelled out
	)
	admins := b.SID(builtinRIDs["domain admins"])
	head := make([]byte, 20)
	control := uint16(selfRelative)
	body := []byte{}
	part := func(at int, v []byte) {
		binary.LittleEndian.PutUint32(head[at:], uint32(len(head)+len(body)))
		body = append(body, v...)
	}
	if flags&partOwner != 0 {
		part(4, []byte(admins))
	}
	if flags&partGroup != 0 {
		part(8, []byte(admins))
	}
	if flags&partSACL != 0 {
		control |= saclThere
		part(12, list(ace(2, 0x80, system|read, "\x01\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00")))
	}
	if flags&partDACL != 0 {
		control |= daclThere
		part(16, list(ace(0, 0, everything, admins), ace(0, 0, everything, "\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00"),
			ace(0, 0, read, "\x01\x01\x00\x00\x00\x00\x00\x05\x0b\x00\x00\x00")))
	}
	head[0] = 1
	binary.LittleEndian.PutUint16(head[2:], control)
	return string(head) + string(body), true
}

// ace is one access control entry (MS-DTYP 2.4.4).
func ace(kind, flags byte, mask uint32, sid string) []byte {
	b := []byte{kind, flags, 0, 0}
	b = append(binary.LittleEndian.AppendUint32(b, mask), sid...)
	binary.LittleEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// list is an access control list (MS-DTYP 2.4.5), revision 4 as in a directory.
func list(aces ...[]byte) []byte {
	b := []byte{4, 0, 0, 0, byte(len(aces)), 0, 0, 0}
	for _, a := range aces {
		b = append(b, a...)
	}
	binary.LittleEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}
