package journal

import (
	"encoding/json"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync"

	"counterpart/internal/company/world"
)

// Secrets are the values that must not be shown: those that the world knows,
// those that were issued since, and those that clients brought. The world's are
// gathered when somebody first reads, and all are searched for at once, so that
// recording costs nothing. A nil Secrets knows none.
type Secrets struct {
	load func(add func(whose, secret string))
	once sync.Once
	base index // of the world's
	made *made // the world's that are generated; nil: there are none

	issued   *remembered
	issuedTo func(whose, secret string) // tells other replicas; nil: there are none
	brought  *remembered
	// Public reports names that anybody may read, whatever they are used for: they
	// are not learned as secrets; nil knows none. It is set before the first use.
	Public func(value string) bool
	// Generated is the world whose generated people's and accounts' secrets are known,
	// besides those that load adds; nil is none. It is set before the first use.
	Generated *world.World
}

// How much is remembered of what was issued, many times what a journal holds, and
// of what clients brought.
const (
	keptIssued  = 100_000
	keptBrought = 20_000
)

// shortest is the length from which a value is hidden wherever it stands; below
// it is only hidden in fields whose names say what they hold. Short numbers (a
// PIN) would hide half of every date.
const (
	shortest       = 4
	shortestDigits = 6
)

// NewSecrets returns the secrets that load adds, once somebody needs them.
func NewSecrets(load func(add func(whose, secret string))) *Secrets {
	return &Secrets{load: load, issued: remember(keptIssued), brought: remember(keptBrought)}
}

// Issue adds a secret that was made at run time: a token, a rotated password.
func (s *Secrets) Issue(whose, secret string) {
	if s != nil && hideable(secret) {
		s.issued.add(whose, secret)
		if s.issuedTo != nil {
			s.issuedTo(whose, secret)
		}
	}
}

// Lengths of values that are learned from the places where clients brought them. A
// shorter one would hide words everywhere.
const (
	fewestBrought = 8
	mostBrought   = 8 << 10
)

// Bring adds a value that a client put where secrets stand, at a server. What
// everybody may know (a person's name), numbers and times are hidden at their
// place only.
func (s *Secrets) Bring(server, value string) {
	if s == nil || len(value) < fewestBrought || len(value) > mostBrought || strings.Trim(value, "0123456789.:-TZ") == "" || s.Public != nil && s.Public(value) {
		return
	}
	if n, _ := s.known(value, false); n == len(value) {
		return
	}
	if !s.issued.knows(value) {
		s.brought.add("value "+server, value)
	}
}

func hideable(secret string) bool {
	return len(secret) >= shortest && (len(secret) >= shortestDigits || strings.Trim(secret, "0123456789") != "")
}

// known is how much of the text's beginning is a secret of the world, and whose.
func (s *Secrets) known(text string, cut bool) (n int, whose string) {
	s.gather()
	return s.longest(text, cut)
}

// longest is known once the secrets are gathered.
func (s *Secrets) longest(text string, cut bool) (n int, whose string) {
	n, whose = s.base.longest(text, cut)
	if s.made != nil {
		if k, w := s.made.longest(text, cut); k > n {
			n, whose = k, w
		}
	}
	return n, whose
}

// gather finds the secrets that the world knows, once.
func (s *Secrets) gather() {
	s.once.Do(func() {
		var b builder
		if s.load != nil {
			s.load(b.add)
		}
		s.base = b.build()
		if w := s.Generated; w != nil && (w.Generated().Users > 0 || w.MadeAccounts() > 0) {
			s.made = newMade(w)
		}
	})
}

// Hide is text with every known secret replaced. cut says that the text was
// shortened, so that its end may be the beginning of a secret.
func (s *Secrets) Hide(text string, cut bool) string {
	if s == nil || len(text) < shortest {
		return text
	}
	var out strings.Builder
	from := 0
	s.each(text, cut, func(i, n int, _ string) {
		out.WriteString(text[from:i])
		out.WriteString(hidden)
		from = i + n
	})
	if from == 0 {
		return text
	}
	out.WriteString(text[from:])
	return out.String()
}

// Sighting is a known secret somewhere in a text.
type Sighting struct {
	Whose string `json:"whose"`
	At    int    `json:"at"` // octet
}

// Find tells whose secrets stand in text.
func (s *Secrets) Find(text string) (out []Sighting) {
	if s != nil {
		s.each(text, false, func(i, _ int, whose string) { out = append(out, Sighting{whose, i}) })
	}
	return out
}

func (s *Secrets) each(text string, cut bool, found func(i, n int, whose string)) {
	s.gather()
	s.issued.mu.RLock()
	defer s.issued.mu.RUnlock()
	s.brought.mu.RLock()
	defer s.brought.mu.RUnlock()
	for i := 0; i+shortest <= len(text); i++ {
		rest := text[i:]
		best, whose := s.longest(rest, cut)
		for _, r := range [...]*remembered{s.issued, s.brought} {
			if n, w := r.longest(rest, cut); n > best {
				best, whose = n, w
			}
		}
		if best > 0 {
			found(i, best, whose)
			i += best - 1
		}
	}
}

// index finds which of many texts stands at a position: they are sorted, and
// their first octets lead to the few that could.
type index struct {
	texts []string
	whose []string
	heads map[string]span // by the first octets
}

type span struct{ lo, hi int }

type builder struct{ all map[string]string }

// add adds a secret in the forms in which it travels.
func (b *builder) add(whose, secret string) {
	if b.all == nil {
		b.all = map[string]string{}
	}
	for _, f := range formsOf(secret) {
		if _, known := b.all[f]; !known {
			b.all[f] = whose
		}
	}
}

// formsOf are the forms in which a secret travels: as it is, in JSON, in a URL, and
// line by line if it has lines.
func formsOf(secret string) (forms []string) {
	add := func(f string) {
		if hideable(f) && !slices.Contains(forms, f) {
			forms = append(forms, f)
		}
	}
	if strings.Contains(secret, "\n") {
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") {
				add(line)
			}
		}
		return forms
	}
	add(secret)
	if strings.Trim(secret, plainly) == "" {
		return forms // the same everywhere
	}
	escaped, _ := json.Marshal(secret)
	add(strings.Trim(string(escaped), `"`))
	add(url.QueryEscape(secret))
	add(url.PathEscape(secret))
	return forms
}

// plainly are octets that are escaped nowhere.
const plainly = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

func (b *builder) build() index {
	x := index{heads: map[string]span{}}
	for t := range b.all {
		x.texts = append(x.texts, t)
	}
	slices.Sort(x.texts)
	for i, t := range x.texts {
		x.whose = append(x.whose, b.all[t])
		h := x.heads[t[:shortest]]
		if h.hi == 0 {
			h.lo = i
		}
		h.hi = i + 1
		x.heads[t[:shortest]] = h
	}
	return x
}

// longest is the length of the longest known text that s starts with, 0 for
// none; with cut also that of all of s when a known text goes on from it.
func (x *index) longest(s string, cut bool) (n int, whose string) {
	h, ok := x.heads[s[:shortest]]
	if !ok {
		return 0, ""
	}
	lo, hi := h.lo, h.hi
	for depth := shortest; lo < hi; depth++ {
		if len(x.texts[lo]) == depth {
			n, whose = depth, x.whose[lo]
			lo++
		}
		if depth == len(s) {
			if cut && lo < hi {
				return depth, x.whose[lo]
			}
			break
		}
		c := s[depth]
		texts := x.texts[lo:hi]
		from := sort.Search(len(texts), func(i int) bool { return texts[i][depth] >= c })
		to := from + sort.Search(len(texts)-from, func(i int) bool { return texts[from+i][depth] > c })
		lo, hi = lo+from, lo+to
	}
	return n, whose
}
