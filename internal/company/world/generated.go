package world

import (
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Generated is people, machines and accounts for load tests. They follow from
// their numbers, so that a million of them is a few numbers here: a World makes
// each when somebody asks for it, and a name leads to its number by being read.
type Generated struct {
	Users    int     // user000001, user000002, …, each with a TOTP device user000001-totp
	Groups   int     // how many of Facts.Groups, the last ones, are generated; person n is in group n modulo their number
	Assets   int     // asset000001, … with the addresses from 198.18.0.1 up
	Accounts int     // root@asset000001, root@asset000002, …, then svc2@asset000001, …; none without an asset
	Password string  // of people; {name} stands for the name
	Domain   string  // of e-mail addresses and host names
	UIDs     Numbers // of people
}

// Numbers is an ascending sequence of numbers that leaves some out.
type Numbers struct {
	First int   // the smallest, if it is not left out
	Taken []int // what is left out: ascending, each once, none below First
}

// At is the i-th number, from 0.
func (s Numbers) At(i int) int {
	// Before Taken[j] there are Taken[j]-First-j numbers, which never falls with j.
	skipped := sort.Search(len(s.Taken), func(j int) bool { return s.Taken[j]-s.First-j > i })
	return s.First + i + skipped
}

// Of is the place of a number, and whether it is in the sequence.
func (s Numbers) Of(number int) (i int, ok bool) {
	skipped, taken := slices.BinarySearch(s.Taken, number)
	return number - s.First - skipped, number >= s.First && !taken
}

// benchmark is the network set aside for load tests (RFC 2544).
var benchmark = netip.MustParsePrefix("198.18.0.0/15")

// Numbered is the name of the n-th generated thing: six digits, or more when the
// number has more.
func Numbered(prefix string, n int) string {
	return string(appendNumbered(make([]byte, 0, 24), prefix, n))
}

func appendNumbered(b []byte, prefix string, n int) []byte {
	b = append(b, prefix...)
	for limit := 100_000; n < limit && limit > 1; limit /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// numberOf is the inverse of Numbered, for up to count things, counting from 0.
func numberOf(name, prefix string, count int) (i int, ok bool) {
	digits := len(name) - len(prefix)
	if digits < 6 || digits > 9 || name[:len(prefix)] != prefix || digits > 6 && name[len(prefix)] == '0' {
		return 0, false
	}
	n := 0
	for _, c := range []byte(name[len(prefix):]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n - 1, n >= 1 && n <= count
}

// UserNumber finds a generated person by folded name, counting from 0.
func (g *Generated) UserNumber(name string) (i int, ok bool) { return numberOf(name, "user", g.Users) }

// UserPassword is the password of the i-th generated person.
func (g *Generated) UserPassword(i int) string {
	return strings.ReplaceAll(g.Password, "{name}", Numbered("user", i+1))
}

// GroupNumber finds a generated group by folded name, counting from 0.
func (g *Generated) GroupNumber(name string) (i int, ok bool) {
	return numberOf(name, "group", g.Groups)
}

// DeviceNumber finds the person whose generated device has an ID, counting from 0.
func (g *Generated) DeviceNumber(id string) (i int, ok bool) {
	owner, ok := strings.CutSuffix(id, "-totp")
	if !ok {
		return 0, false
	}
	return g.UserNumber(owner)
}

// MailNumber finds a generated person by folded e-mail address, counting from 0.
func (g *Generated) MailNumber(mail string) (i int, ok bool) {
	owner, domain, ok := strings.Cut(mail, "@")
	if !ok || !strings.EqualFold(domain, g.Domain) {
		return 0, false
	}
	return g.UserNumber(owner)
}

// AssetNumber finds a generated asset by folded name or host name, counting from 0.
func (g *Generated) AssetNumber(name string) (i int, ok bool) {
	host, domain, qualified := strings.Cut(name, ".")
	if qualified && !strings.EqualFold(domain, g.Domain) {
		return 0, false
	}
	return numberOf(host, "asset", g.Assets)
}

// AddressNumber finds a generated asset by address, counting from 0.
func (g *Generated) AddressNumber(a netip.Addr) (i int, ok bool) {
	if !a.Is4() || !benchmark.Contains(a) {
		return 0, false
	}
	b, first := a.As4(), benchmark.Addr().As4()
	n := (int(b[1])-int(first[1]))<<16 + int(b[2])<<8 + int(b[3])
	return n - 1, n >= 1 && n <= g.Assets
}

// Meets reports whether a network may have generated assets in it.
func (g *Generated) Meets(p netip.Prefix) bool {
	return g.Assets > 0 && (p.Contains(g.address(0)) || benchmark.Contains(p.Addr()))
}

// address is that of the i-th generated asset.
func (g *Generated) address(i int) netip.Addr {
	b, n := benchmark.Addr().As4(), i+1
	return netip.AddrFrom4([4]byte{b[0], b[1] + byte(n>>16), byte(n >> 8), byte(n)})
}

// AccountNumber finds a generated account by folded ID, counting from 0.
func (g *Generated) AccountNumber(id string) (i int, ok bool) {
	name, asset, ok := strings.Cut(id, "@")
	if !ok {
		return 0, false
	}
	at, ok := numberOf(asset, "asset", g.Assets)
	if !ok {
		return 0, false
	}
	first, end := g.accountsNamed(name)
	return first + at, first+at < end
}

// accountsNamed is the interval of the generated accounts of a name, one on each asset.
func (g *Generated) accountsNamed(name string) (first, end int) {
	round := 1
	if name != "root" {
		digits, ok := strings.CutPrefix(name, "svc")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || n < 2 || n > g.Accounts || name != accountName(n) {
			return 0, 0
		}
		round = n
	}
	end = min(round*g.Assets, g.Accounts)
	return min((round-1)*g.Assets, end), end
}

// accountName is the n-th account of a generated asset.
func accountName(n int) string {
	if n == 1 {
		return "root"
	}
	return "svc" + strconv.Itoa(n)
}
