package world

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
)

// Derive is an endless stream of octets that depends only on the random seed
// and the parts, so that the same seed gives the same identifiers, passwords
// and keys in every run and on every replica.
func Derive(randomSeed uint64, parts ...string) io.Reader {
	return &stream{mac: hmac.New(sha256.New, deriveKey(randomSeed, parts...))}
}

// deriveKey is the key of the stream that parts name.
func deriveKey(randomSeed uint64, parts ...string) []byte {
	key := binary.BigEndian.AppendUint64(nil, randomSeed)
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		io.WriteString(mac, p)
	}
	return mac.Sum(nil)
}

// Derive is the package's Derive with this world's random seed.
func (w *World) Derive(parts ...string) io.Reader { return Derive(w.facts.RandomSeed, parts...) }

// UUID is a stable version 8 UUID (RFC 9562 section 5.8) for the thing that
// parts name: "user", "alice".
func (w *World) UUID(parts ...string) string { return UUID(w.Derive(parts...)) }

// UUID formats 16 octets of r as a version 8 UUID.
func UUID(r io.Reader) string {
	var b [16]byte
	io.ReadFull(r, b[:])
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// Password alphabets. Look-alikes are left out, and every symbol survives
// shells, URLs and INI files unquoted.
const (
	lower   = "abcdefghijkmnopqrstuvwxyz"
	upper   = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	digits  = "23456789"
	symbols = "-_.+"
)

// Password is n characters (at least 4) of r with a lower-case letter, a
// capital, a digit and a symbol among them.
func Password(r io.Reader, n int) string {
	classes := []string{lower, upper, digits, symbols}
	n = max(n, len(classes))
	out := make([]byte, n, n+1)
	octet := out[n : n+1] // to read into
	for i := range out {
		set := lower + upper + digits
		if i < len(classes) {
			set = classes[i]
		}
		out[i] = set[number(r, octet, len(set))]
	}
	for i := n - 1; i > 1; i-- { // Fisher–Yates; the first stays a letter
		j := 1 + number(r, octet, i)
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

// number is uniform in [0, n), n ≤ 256. It reads octets into b.
func number(r io.Reader, b []byte, n int) int {
	for limit := 256 - 256%n; ; {
		if _, err := io.ReadFull(r, b); err != nil || int(b[0]) < limit {
			return int(b[0]) % n
		}
	}
}

// stream is HMAC-SHA-256 in counter mode.
type stream struct {
	mac  hash.Hash
	n    uint64
	left []byte
	sum  [sha256.Size]byte
}

func (s *stream) Read(p []byte) (int, error) {
	for done := 0; done < len(p); {
		if len(s.left) == 0 {
			s.mac.Reset()
			var n [8]byte
			binary.BigEndian.PutUint64(n[:], s.n)
			s.mac.Write(n[:])
			s.left, s.n = s.mac.Sum(s.sum[:0]), s.n+1
		}
		c := copy(p[done:], s.left)
		s.left, done = s.left[c:], done+c
	}
	return len(p), nil
}
