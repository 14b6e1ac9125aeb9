package world

import (
	"slices"
	"strconv"
	"strings"
)

// Page is a part of what was searched for: numbers of people or accounts in the seed's
// order.
type Page struct {
	Found []int
	Next  int  // where to go on
	More  bool // there may be more from there on
}

// Bounds are those of one look through the company.
type Bounds struct {
	From int // the number to begin with
	Most int // that are found
}

// looks is how many of those that a seed writes out one Page looks at: what a page costs
// does not grow with the company.
const looks = 2000

// SearchUsers finds people. Those that are written fit when a name, an alias, the e-mail
// address, the telephone number or a group has the text in it; generated ones when their
// name, e-mail address or display name begins with it, or when it is their number. An
// empty text is everybody.
func (w *World) SearchUsers(text string, b Bounds) Page {
	text = Fold(text)
	return search(len(w.people), b, func(i int) bool { return text == "" || w.people[i].has(text) }, w.made.usersLike(text))
}

func (u *User) has(text string) bool {
	for _, s := range append([]string{u.ID, u.DisplayName, u.Email, u.Phone}, append(u.Aliases, u.Groups...)...) {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	return false
}

// SearchAccounts finds accounts. Those that are written fit when their ID, or their
// machine's name, address or a host name has the text in it; generated ones when their
// machine's name, or their own with all of "name@" before it, begins with it, or it is all
// of their name. An empty text is all.
func (w *World) SearchAccounts(text string, b Bounds) Page {
	text = Fold(text)
	return search(len(w.facts.Accounts), b, func(i int) bool { return text == "" || w.accountHas(w.facts.Accounts[i], text) }, w.made.accountsLike(text))
}

func (w *World) accountHas(a Account, text string) bool {
	if strings.Contains(a.ID, text) {
		return true
	}
	m, ok := w.Asset(a.AssetID)
	return ok && (strings.Contains(m.Address.String(), text) || slices.ContainsFunc(m.Hostnames, func(h string) bool { return strings.Contains(strings.ToLower(h), text) }))
}

// AccountAt is the account of a number below AccountCount, in the seed's order.
func (w *World) AccountAt(i int) Account {
	if i < len(w.facts.Accounts) {
		return w.facts.Accounts[i]
	}
	return w.made.account(i - len(w.facts.Accounts))
}

// span are the numbers from lo up to, but not, hi.
type span struct{ lo, hi int }

// search looks through what is written, one by one, and then takes what the spans of the
// generated things say.
func search(written int, b Bounds, fits func(i int) bool, made []span) Page {
	p := Page{}
	looked := 0
	for i := b.From; i < written; i++ {
		if len(p.Found) == b.Most || looked == looks {
			p.Next, p.More = i, true
			return p
		}
		if looked++; fits(i) {
			p.Found = append(p.Found, i)
		}
	}
	for _, s := range made {
		for i := max(s.lo+written, b.From); i < s.hi+written; i++ {
			if len(p.Found) == b.Most {
				p.Next, p.More = i, true
				return p
			}
			p.Found = append(p.Found, i)
		}
	}
	return p
}

// usersLike are the generated people whom a folded text fits.
func (g *Generated) usersLike(text string) []span {
	if text == "" {
		return []span{{0, g.Users}}
	}
	name, domain, mail := strings.Cut(text, "@")
	if mail {
		if i, ok := g.UserNumber(name); ok && strings.HasPrefix(strings.ToLower(g.Domain), domain) {
			return []span{{i, i + 1}}
		}
		return nil
	}
	if display, is := strings.CutPrefix(text, "user "); is {
		text = "user" + strings.TrimSpace(display)
	}
	return numberedLike("user", text, g.Users)
}

// accountsLike are the generated accounts that a folded text fits.
func (g *Generated) accountsLike(text string) (out []span) {
	if text == "" {
		return []span{{0, g.Accounts}}
	}
	name, asset, whole := strings.Cut(text, "@")
	if !whole {
		if first, end := g.accountsNamed(text); end > first {
			return []span{{first, end}}
		}
		asset = text
	}
	assets := []span{{0, g.Assets}}
	if asset != "" {
		assets = numberedLike("asset", asset, g.Assets)
	}
	for first := 0; g.Assets > 0 && first < g.Accounts; first += g.Assets { // the first accounts of all assets, then the second ones
		if at, end := g.accountsNamed(name); whole && (first != at || end == at) {
			continue
		}
		for _, s := range assets {
			if lo, hi := first+s.lo, min(first+s.hi, g.Accounts); lo < hi {
				out = append(out, span{lo, hi})
			}
		}
	}
	return out
}

// numberedLike are the numbers, from 0, of those among count numbered things whose name
// begins with a text; a text of digits alone is a number.
func numberedLike(prefix, text string, count int) (out []span) {
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= count && text[0] != '+' {
		return []span{{n - 1, n}}
	}
	if strings.HasPrefix(prefix, text) {
		return []span{{0, count}}
	}
	digits, is := strings.CutPrefix(text, prefix)
	if !is || strings.Trim(digits, "0123456789") != "" || len(digits) > 9 {
		return nil
	}
	start, _ := strconv.Atoi(digits)
	for width := max(6, len(digits)); width <= 9; width++ {
		if width > 6 && digits[0] == '0' { // only short numbers are filled up
			break
		}
		scale := 1
		for range width - len(digits) {
			scale *= 10
		}
		lo, hi := start*scale, (start+1)*scale
		if width > 6 {
			lo = max(lo, pow10(width-1))
		}
		if lo, hi = max(lo, 1), min(hi, count+1); lo < hi {
			out = append(out, span{lo - 1, hi - 1})
		}
	}
	return out
}

func pow10(n int) int {
	out := 1
	for range n {
		out *= 10
	}
	return out
}
