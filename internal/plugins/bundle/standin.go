package bundle

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"
)

// standIns put other values in the place of secrets: of the same length and the same
// kinds of characters, the same one wherever a secret stands, and without a way back for
// who does not have the key, which is nowhere written down.
type standIns struct {
	key    []byte
	of     map[string]string
	taken  map[string]bool
	public func(value string) bool // names that everybody may know
	sorted []string                // the secrets, longest first; nil: to be sorted
}

func newStandIns(key []byte, public func(string) bool) *standIns {
	return &standIns{key: key, of: map[string]string{}, taken: map[string]bool{}, public: public}
}

// fewest is the length from which a secret is replaced wherever it stands; fewestDigits is
// that of numbers. Shorter ones would replace half of every date; they are replaced at
// their place alone.
const (
	fewest       = 4
	fewestDigits = 6
)

func everywhere(secret string) bool {
	return len(secret) >= fewest && (len(secret) >= fewestDigits || strings.Trim(secret, "0123456789") != "")
}

// standIn is what stands for a secret; it is remembered.
func (s *standIns) standIn(secret string) string {
	if secret == "" {
		return secret
	}
	if known, ok := s.of[secret]; ok {
		return known
	}
	for n := uint64(0); ; n++ {
		other := s.draw(secret, n)
		_, isSecret := s.of[other]
		if other != secret && !isSecret && !s.taken[other] || n > 100 { // of one digit there are only so many
			s.of[secret], s.taken[other], s.sorted = other, true, nil
			return other
		}
	}
}

// The alphabets in which secrets are written as octets.
const (
	hexLower = "0123456789abcdef"
	hexUpper = "0123456789ABCDEF"
	base32   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	digits   = "0123456789"
	lower    = "abcdefghijklmnopqrstuvwxyz"
	upper    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// encoded matches what is written in an encoding: each character may be any of its alphabet.
var encoded = []struct {
	like     *regexp.Regexp
	alphabet string
}{
	{regexp.MustCompile(`^[0-9]+$`), digits},
	{regexp.MustCompile(`^(?:[0-9a-f]{2}){4,}$`), hexLower},
	{regexp.MustCompile(`^(?:[0-9A-F]{2}){4,}$`), hexUpper},
	{regexp.MustCompile(`^[A-Z2-7]{16,}=*$`), base32},
}

// draw is the n-th candidate for a secret.
func (s *standIns) draw(secret string, n uint64) string {
	for _, prefix := range []string{"hex:"} {
		if rest, ok := strings.CutPrefix(secret, prefix); ok && rest != "" {
			return prefix + s.draw(rest, n)
		}
	}
	alphabet := ""
	for _, e := range encoded {
		if e.like.MatchString(secret) {
			alphabet = e.alphabet
			break
		}
	}
	random := s.stream(secret, n)
	end := len(strings.TrimRight(secret, "="))
	out := []byte(secret)
	for i := 0; i < len(out); i++ {
		if name := "{name}"; strings.HasPrefix(secret[i:], name) { // a form of generated passwords
			i += len(name) - 1
			continue
		}
		of := alphabet
		if of == "" {
			of = classOf(out[i])
		}
		if of == "" || !strings.Contains(of, string(out[i])) {
			continue
		}
		out[i] = of[random()%len(of)]
	}
	if end > 0 && alphabet != hexLower && alphabet != hexUpper && (end < len(out) || alphabet == base32 && end%8 != 0) {
		out[end-1] = 'A' // the bits that fill up the last octet are zero
	}
	return string(out)
}

func classOf(c byte) string {
	for _, class := range []string{digits, lower, upper} {
		if strings.IndexByte(class, c) >= 0 {
			return class
		}
	}
	return ""
}

// stream draws numbers that follow from the key, the secret and n.
func (s *standIns) stream(secret string, n uint64) func() int {
	var block []byte
	counter := uint64(0)
	return func() int {
		if len(block) < 2 {
			h := hmac.New(sha256.New, s.key)
			h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, n), counter))
			h.Write([]byte(secret))
			block = h.Sum(nil)
			counter++
		}
		v := int(binary.BigEndian.Uint16(block))
		block = block[2:]
		return v
	}
}

// text is s with its secrets replaced: the longest first, and only where one stands for
// itself, not inside a word.
func (s *standIns) text(in string) string {
	if in == "" || len(s.of) == 0 {
		return in
	}
	if s.sorted == nil {
		for secret := range s.of {
			if everywhere(secret) && !s.public(secret) {
				s.sorted = append(s.sorted, secret)
			}
		}
		slices.SortFunc(s.sorted, func(a, b string) int {
			if d := len(b) - len(a); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
	}
	var b strings.Builder
	for i := 0; i < len(in); {
		secret := s.at(in, i)
		if secret == "" {
			b.WriteByte(in[i])
			i++
			continue
		}
		b.WriteString(s.of[secret])
		i += len(secret)
	}
	return b.String()
}

// at is the secret that stands at a place; "" for none.
func (s *standIns) at(in string, i int) string {
	for _, secret := range s.sorted {
		if strings.HasPrefix(in[i:], secret) && (len(secret) >= 8 || !glued(in, i, i+len(secret))) {
			return secret
		}
	}
	return ""
}

// glued reports that a word goes on before or behind a part of it.
func glued(in string, from, to int) bool {
	return from > 0 && classOf(in[from-1]) != "" && classOf(in[from]) != "" || to < len(in) && classOf(in[to]) != "" && classOf(in[to-1]) != ""
}
