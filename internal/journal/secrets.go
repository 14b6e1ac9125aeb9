package journal

import (
	"encoding/json"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Secrets are the values that must not be shown: those that the world knows and
// those that were issued since. They are gathered when somebody first reads, and
// searched for all at once, so that recording costs nothing. A nil Secrets knows
// none.
type Secrets struct {
	load func(add func(whose, secret string))

	mu      sync.RWMutex
	loaded  bool
	base    index
	extra   index // rebuilt from issued when it has grown
	issued  map[string]string
	order   []string // of issued, oldest first
	pending bool
}

// keptIssued bounds what is remembered of what was issued: many times what a
// journal holds.
const keptIssued = 100_000

// shortest is the length from which a value is hidden wherever it stands; below
// it is only hidden in fields whose names say what they hold. Short numbers (a
// PIN) would hide half of every date.
const (
	shortest       = 4
	shortestDigits = 6
)

// NewSecrets returns the secrets that load adds, once somebody needs them.
func NewSecrets(load func(add func(whose, secret string))) *Secrets {
	return &Secrets{load: load, issued: map[string]string{}}
}

// Issue adds a secret that was made at run time: a token, a rotated password.
func (s *Secrets) Issue(whose, secret string) {
	if s == nil || !hideable(secret) {
		return
	}
	s.mu.RLock()
	_, known := s.issued[secret]
	s.mu.RUnlock()
	if known {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.issued[secret]; known {
		return
	}
	if len(s.order) >= keptIssued { // forget the older half
		for _, old := range s.order[:keptIssued/2] {
			delete(s.issued, old)
		}
		s.order = slices.Clone(s.order[keptIssued/2:])
	}
	s.issued[secret] = whose
	s.order = append(s.order, secret)
	s.pending = true
}

func hideable(secret string) bool {
	return len(secret) >= shortest && (len(secret) >= shortestDigits || strings.Trim(secret, "0123456789") != "")
}

// indexes are the two indexes as they stand.
func (s *Secrets) indexes() [2]*index {
	s.mu.RLock()
	if s.loaded && !s.pending {
		defer s.mu.RUnlock()
		base, extra := s.base, s.extra
		return [2]*index{&base, &extra}
	}
	s.mu.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.loaded {
		var b builder
		if s.load != nil {
			s.load(b.add)
		}
		s.base, s.loaded = b.build(), true
	}
	if s.pending {
		var b builder
		for secret, whose := range s.issued {
			b.add(whose, secret)
		}
		s.extra, s.pending = b.build(), false
	}
	base, extra := s.base, s.extra
	return [2]*index{&base, &extra}
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
	both := s.indexes()
	for i := 0; i+shortest <= len(text); i++ {
		best, whose := 0, ""
		for _, x := range both {
			if n, w := x.longest(text[i:], cut); n > best {
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

// add adds a secret in the forms in which it travels: as it is, in JSON, in a
// URL, and line by line if it has lines.
func (b *builder) add(whose, secret string) {
	if b.all == nil {
		b.all = map[string]string{}
	}
	escaped, _ := json.Marshal(secret)
	forms := []string{secret, strings.Trim(string(escaped), `"`), url.QueryEscape(secret), url.PathEscape(secret)}
	if strings.Contains(secret, "\n") {
		forms = forms[:0]
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") {
				forms = append(forms, line)
			}
		}
	}
	for _, f := range forms {
		if _, known := b.all[f]; !known && hideable(f) {
			b.all[f] = whose
		}
	}
}

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
