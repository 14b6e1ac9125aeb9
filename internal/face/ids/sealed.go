package ids

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"io"
	"strings"
)

// Sealer makes 32 hexadecimal digits of a short name and finds the name in them again,
// without an index and whoever made it: the name enciphered under a key.
type Sealer struct{ block cipher.Block }

// LongestSealed is how long a name may be, in octets.
const LongestSealed = 15

// NewSealer takes 16 octets of r for its key: of World.Derive, so that replicas agree.
func NewSealer(r io.Reader) (*Sealer, error) {
	key := make([]byte, 16)
	if _, err := io.ReadFull(r, key); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	return &Sealer{block}, err
}

// Seal is the identifier of a name of printable ASCII; false for one that is too long,
// empty or has other characters.
func (s *Sealer) Seal(name string) (id string, ok bool) {
	if !sealable(name) {
		return "", false
	}
	var block [16]byte
	copy(block[:], name)
	s.block.Encrypt(block[:], block[:])
	return hex.EncodeToString(block[:]), true
}

// Open is the name of an identifier; false when it can be none of Seal's. Whether the
// thing is there is another question.
func (s *Sealer) Open(id string) (name string, ok bool) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 16 {
		return "", false
	}
	s.block.Decrypt(raw, raw)
	name = strings.TrimRight(string(raw), "\x00")
	return name, sealable(name)
}

func sealable(name string) bool {
	return name != "" && len(name) <= LongestSealed && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}
