// Package ids makes identifiers in the forms that vendors use, out of a stream of
// octets: World.Derive(kind, instance, name…) for what must be the same in every run
// and on every replica, Env.Rand for what nobody may guess.
package ids

import (
	"encoding/hex"
	"io"
	"strings"

	"counterpart/internal/company/world"
)

// Alphabets of identifiers.
const (
	Decimal      = "0123456789"
	Capitals     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	Alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// UUID is 16 octets of r as a version 8 UUID (RFC 9562 section 5.8), in lower case.
func UUID(r io.Reader) string { return world.UUID(r) }

// RandomUUID is 16 octets of r as a version 4 UUID (RFC 9562 section 5.4), for vendors
// whose clients look at the version.
func RandomUUID(r io.Reader) string {
	var b [16]byte
	io.ReadFull(r, b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	return string(dashed(text[:0], b))
}

// dashed appends the text of a UUID.
func dashed(to []byte, id [16]byte) []byte {
	for i, x := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			to = append(to, '-')
		}
		to = append(to, hexDigits[x>>4], hexDigits[x&15])
	}
	return to
}

const hexDigits = "0123456789abcdef"

// Hex is n hexadecimal digits of r in lower case; n is even.
func Hex(r io.Reader, n int) string {
	raw := make([]byte, n/2)
	io.ReadFull(r, raw)
	return hex.EncodeToString(raw)
}

// Text is n letters of an alphabet of at most 256, none likelier than another. It reads
// r in blocks of 32 octets. The readers of a fleet do not fail.
func Text(r io.Reader, alphabet string, n int) string {
	out := make([]byte, n)
	fair := 256 - 256%len(alphabet)
	var block [32]byte
	for i := 0; i < n; {
		if _, err := io.ReadFull(r, block[:]); err != nil {
			return ""
		}
		for _, x := range block {
			if int(x) < fair && i < n {
				out[i] = alphabet[int(x)%len(alphabet)]
				i++
			}
		}
	}
	return string(out)
}

// Remainders is n letters of an alphabet, each the remainder of one octet of r: the
// first letters are a little likelier. It stays for identifiers that were always made
// so and must not change with a release; new ones are made with Text.
func Remainders(r io.Reader, alphabet string, n int) string {
	raw := make([]byte, n)
	io.ReadFull(r, raw)
	for i, x := range raw {
		raw[i] = alphabet[int(x)%len(alphabet)]
	}
	return string(raw)
}

// Grouped parts a text into groups of a size: a code that people type (RFC 8628 section
// 6.1).
func Grouped(text string, size int, separator string) string {
	var b strings.Builder
	for i := range len(text) {
		if i > 0 && i%size == 0 {
			b.WriteString(separator)
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
