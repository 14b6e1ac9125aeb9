package ber

// Lengths of constructed values are known only when they are complete. Begin
// leaves one octet for the length and End moves the content if that was too
// little: most LDAP elements are shorter than 128 octets, and the move costs
// less than walking everything twice.

// Begin appends a constructed element's tag and room for its length. Hand the
// returned mark to End.
func Begin(b []byte, tag byte) (out []byte, mark int) {
	b = append(b, tag, 0)
	return b, len(b)
}

// End fills in the length of the element that Begin opened.
func End(b []byte, mark int) []byte {
	n := len(b) - mark
	if n < 0x80 {
		b[mark-1] = byte(n)
		return b
	}
	more := lengthOctets(n)
	b = append(b, "\x00\x00\x00\x00"[:more]...)
	copy(b[mark+more:], b[mark:mark+n])
	b[mark-1] = 0x80 | byte(more)
	for i := more - 1; i >= 0; i-- {
		b[mark+i] = byte(n)
		n >>= 8
	}
	return b
}

func lengthOctets(n int) int {
	octets := 1
	for n >>= 8; n > 0; n >>= 8 {
		octets++
	}
	return octets
}

// AppendLength appends minimal length octets.
func AppendLength(b []byte, n int) []byte {
	if n < 0x80 {
		return append(b, byte(n))
	}
	octets := lengthOctets(n)
	b = append(b, 0x80|byte(octets))
	for i := octets - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// AppendString appends a primitive element with the octets of s.
func AppendString[T ~string | ~[]byte](b []byte, tag byte, s T) []byte {
	b = AppendLength(append(b, tag), len(s))
	return append(b, s...)
}

// AppendInt appends an INTEGER or ENUMERATED in the fewest octets.
func AppendInt(b []byte, tag byte, n int64) []byte {
	octets := 1
	for m := n; m > 127 || m < -128; m >>= 8 {
		octets++
	}
	b = append(b, tag, byte(octets))
	for i := octets - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// AppendBool appends a BOOLEAN; true is 0xff (RFC 4511 section 5.1).
func AppendBool(b []byte, tag byte, v bool) []byte {
	if v {
		return append(b, tag, 1, 0xff)
	}
	return append(b, tag, 1, 0)
}
