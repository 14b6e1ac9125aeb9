package journal

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
	"strings"
	"sync"

	"counterpart/internal/company/world"
)

// made knows the secrets of generated people and accounts. There may be a million
// of them, so that they are in no table of texts: passwords of people are read
// back to the person, of the others eight octets each lead to the one that could
// stand in a text, which is then made and compared.
type made struct {
	world     *world.World
	passwords []pattern
	secrets   []uint64 // first 32 bits of a TOTP secret, and whose it is; sorted
	accounts  []uint64 // first four octets of an account's password, and whose; sorted
	heads     []uint64 // bits by the first octets of accounts' passwords
	encodings []encoding
}

// pattern is a form of all people's passwords: what stands around their names.
type pattern []string

func newMade(w *world.World) *made {
	m := &made{world: w, encodings: []encoding{newEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), newEncoding("0123456789abcdef")}}
	g := w.Generated()
	if g.Users > 0 {
		m.passwords = patternsOf(g)
	}
	var side sync.WaitGroup
	side.Go(func() {
		m.secrets = make([]uint64, g.Users)
		var first [4]byte
		for i := range m.secrets {
			w.MadeSecret(i, first[:])
			m.secrets[i] = uint64(binary.BigEndian.Uint32(first[:]))<<32 | uint64(i)
		}
		slices.Sort(m.secrets)
	})
	if m.accounts = make([]uint64, w.MadeAccounts()); len(m.accounts) > 0 {
		m.heads = make([]uint64, 1<<headBits/64)
	}
	for i := range m.accounts {
		first := binary.BigEndian.Uint32([]byte(w.AccountPassword(w.MadeAccount(i))))
		m.accounts[i] = uint64(first)<<32 | uint64(i)
		bucket := headOf(first)
		m.heads[bucket>>6] |= 1 << (bucket & 63)
	}
	slices.Sort(m.accounts)
	side.Wait()
	return m
}

// headBits is the size of the table that rules most texts out: one megabyte.
const headBits = 23

// headOf is the bit that stands for the first four octets of a password
// (multiplicative hashing by the golden ratio).
func headOf(first uint32) uint32 { return first * 2654435769 >> (32 - headBits) }

// patternsOf are the forms of people's passwords, seen in that of one whose name is
// nowhere else in it.
func patternsOf(g *world.Generated) (out []pattern) {
	i := 0
	for strings.Contains(g.Password, world.Numbered("user", i+1)) {
		i++
	}
	for _, f := range formsOf(g.UserPassword(i)) {
		out = append(out, strings.Split(f, world.Numbered("user", i+1)))
	}
	return out
}

// longest is as index.longest for what is generated.
func (m *made) longest(s string, cut bool) (n int, whose string) {
	better := func(k int, name func() string) {
		if k > n {
			n, whose = k, name()
		}
	}
	for _, p := range m.passwords {
		k, i := p.match(s, cut, m.world.Generated())
		better(k, func() string { return "user " + world.Numbered("user", i+1) })
	}
	for i := range m.encodings {
		k, i := m.secret(&m.encodings[i], s, cut)
		better(k, func() string { return "device " + world.Numbered("user", i+1) + "-totp" })
	}
	k, id := m.account(s, cut)
	better(k, func() string { return "account " + id })
	return n, whose
}

// match is how much of s a password is, and whose; with cut also if only its
// beginning is all of s.
func (p pattern) match(s string, cut bool, g *world.Generated) (n, owner int) {
	rest, ok := strings.CutPrefix(s, p[0])
	switch {
	case !ok && cut && strings.HasPrefix(p[0], s):
		return len(s), 0
	case !ok:
		return 0, 0
	case len(p) == 1:
		return len(s) - len(rest), 0
	case cut && len(rest) <= len("user") && strings.HasPrefix("user", rest):
		return len(s), 0
	case !strings.HasPrefix(rest, "user"):
		return 0, 0
	}
	digits := len(rest) - len(strings.TrimLeft(rest[len("user"):], "0123456789")) - len("user")
	if cut && len("user")+digits == len(rest) { // the number may go on
		if i, ok := beginsNumber(rest[len("user"):], g); ok {
			return len(s), i
		}
	}
	for k := min(digits, 9); k >= 6; k-- {
		name := rest[:len("user")+k]
		i, ok := g.UserNumber(name)
		if !ok {
			continue
		}
		if more, ok := p.behind(name, rest[len(name):], cut); ok && len(s)-len(rest)+len(name)+more > n {
			n, owner = len(s)-len(rest)+len(name)+more, i
		}
	}
	return n, owner
}

// behind is how much of s follows the first name of a password.
func (p pattern) behind(name, s string, cut bool) (n int, ok bool) {
	whole := strings.Join(p[1:], name)
	switch {
	case strings.HasPrefix(s, whole):
		return len(whole), true
	case cut && strings.HasPrefix(whole, s):
		return len(s), true
	}
	return 0, false
}

// beginsNumber finds a person whose number has more digits than these, which it
// begins with.
func beginsNumber(digits string, g *world.Generated) (i int, ok bool) {
	for k := max(6-len(digits), 1); len(digits)+k <= 9; k++ {
		for _, fill := range []string{"0", "1"} { // 000000 is nobody
			name := "user" + digits + strings.Repeat("0", k-1) + fill
			if i, ok := g.UserNumber(name); ok {
				return i, true
			}
		}
	}
	return 0, false
}

// encoding is a text form of TOTP secrets.
type encoding struct {
	size   int // characters of a whole secret
	bits   int // that a character stands for
	digits string
	values [256]int8 // of octets; -1: no digit
}

// newEncoding is base32 or hexadecimal, as factor.Secrets has them.
func newEncoding(digits string) encoding {
	e := encoding{bits: bits.Len(uint(len(digits) - 1)), digits: digits}
	e.size = world.SecretSize * 8 / e.bits
	for i := range e.values {
		e.values[i] = int8(strings.IndexByte(digits, byte(i)))
	}
	return e
}

// secret is how much of s a TOTP secret is, and whose.
func (m *made) secret(e *encoding, s string, cut bool) (n, i int) {
	n = min(e.size, len(s))
	if n < e.size && !cut || len(m.secrets) == 0 {
		return 0, 0
	}
	for j := range n {
		if e.values[s[j]] < 0 {
			return 0, 0
		}
	}
	var first uint64
	for j := 0; j < n && (j+1)*e.bits <= 64; j++ {
		first |= uint64(e.values[s[j]]) << (64 - (j+1)*e.bits)
	}
	// The first 32 bits of a whole secret, or as many as s has.
	known := min(n*e.bits, 32)
	lo := first >> (64 - known) << (64 - known)
	at := sort.Search(len(m.secrets), func(j int) bool { return m.secrets[j] >= lo })
	for ; at < len(m.secrets) && m.secrets[at]>>(64-known) == lo>>(64-known); at++ {
		i := int(uint32(m.secrets[at]))
		if n*e.bits <= 32 || m.encoded(e, i)[:n] == s[:n] {
			return n, i
		}
	}
	return 0, 0
}

// encoded is somebody's secret as a text.
func (m *made) encoded(e *encoding, i int) string {
	var secret [world.SecretSize]byte
	m.world.MadeSecret(i, secret[:])
	out := make([]byte, e.size)
	for j := range out {
		at := j * e.bits
		v := uint16(secret[at/8]) << 8
		if at/8+1 < len(secret) {
			v |= uint16(secret[at/8+1])
		}
		out[j] = e.digits[v>>(16-at%8-e.bits)&(1<<e.bits-1)]
	}
	return string(out)
}

// account is how much of s an account's password is, and whose.
func (m *made) account(s string, cut bool) (n int, id string) {
	if len(m.accounts) == 0 {
		return 0, ""
	}
	first := uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
	if bucket := headOf(first); m.heads[bucket>>6]&(1<<(bucket&63)) == 0 {
		return 0, ""
	}
	lo := uint64(first) << 32
	at := sort.Search(len(m.accounts), func(j int) bool { return m.accounts[j] >= lo })
	for ; at < len(m.accounts) && uint32(m.accounts[at]>>32) == first; at++ {
		a := m.world.MadeAccount(int(uint32(m.accounts[at])))
		password := m.world.AccountPassword(a)
		if strings.HasPrefix(s, password) || cut && strings.HasPrefix(password, s) {
			return min(len(s), len(password)), a.ID
		}
	}
	return 0, ""
}
