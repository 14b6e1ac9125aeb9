package journal

import (
	"strings"
	"sync"
)

// remembered are secrets that came to be known while the fleet ran, the oldest
// giving way to the newest. Adding one costs the same however many there are, and
// readers hold the lock for one text only: whoever issues a token never waits for
// an index to be built.
//
// A text is searched by the first octets of secrets, and below them by length; of
// a long secret the first reach octets are looked up and the rest is compared.
type remembered struct {
	most int // secrets

	mu    sync.RWMutex
	order []string // of secrets as they came, a ring
	next  int
	whose map[string]string           // by each form of a secret that is not long
	long  map[string][]form           // by the first reach octets of those that are
	heads map[[shortest]byte]*lengths // by the first octets of all forms
}

// reach is the length up to which forms are looked up as a whole.
const reach = 64

// crowd bounds the long forms that begin with the same octets and are compared one
// by one; of more than that, the word is hidden which begins like them.
const crowd = 32

// form is a long form of a secret.
type form struct{ text, whose string }

// lengths are those of the forms that begin with the same octets: bit n-1 is set
// for n octets, the highest also for all that are longer.
type lengths struct {
	bits  uint64
	forms int
}

func remember(most int) *remembered {
	return &remembered{most: most, whose: map[string]string{}, long: map[string][]form{}, heads: map[[shortest]byte]*lengths{}}
}

// add remembers a secret; false: it was known.
func (r *remembered) add(whose, secret string) bool {
	forms := formsOf(secret)
	if len(forms) == 0 || r.knows(forms[0]) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.has(forms[0]) {
		return false
	}
	if len(r.order) < r.most {
		r.order = append(r.order, secret)
	} else {
		for _, f := range formsOf(r.order[r.next]) {
			r.drop(f)
		}
		r.order[r.next] = secret
		r.next = (r.next + 1) % r.most
	}
	for _, f := range forms {
		r.put(f, whose)
	}
	return true
}

// knows reports whether a form is known.
func (r *remembered) knows(text string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.has(text)
}

// has is knows for somebody who holds the lock.
func (r *remembered) has(text string) bool {
	if len(text) <= reach {
		_, known := r.whose[text]
		return known
	}
	for _, f := range r.long[text[:reach]] {
		if f.text == text {
			return true
		}
	}
	return false
}

func (r *remembered) put(text, whose string) {
	if _, known := r.whose[text]; known {
		return
	}
	n := min(len(text), reach)
	if len(text) > reach {
		same := r.long[text[:reach]]
		if len(same) >= crowd {
			return
		}
		r.long[text[:reach]] = append(same, form{text, whose})
	} else {
		r.whose[text] = whose
	}
	head := [shortest]byte([]byte(text[:shortest]))
	l := r.heads[head]
	if l == nil {
		l = &lengths{}
		r.heads[head] = l
	}
	l.bits |= 1 << (n - 1)
	l.forms++
}

func (r *remembered) drop(text string) {
	if len(text) > reach {
		same := r.long[text[:reach]]
		for i, f := range same {
			if f.text == text {
				same = append(same[:i:i], same[i+1:]...)
				r.gone(text)
				break
			}
		}
		if r.long[text[:reach]] = same; len(same) == 0 {
			delete(r.long, text[:reach])
		}
		return
	}
	if _, known := r.whose[text]; known {
		delete(r.whose, text)
		r.gone(text)
	}
}

func (r *remembered) gone(text string) {
	head := [shortest]byte([]byte(text[:shortest]))
	if l := r.heads[head]; l != nil {
		if l.forms--; l.forms <= 0 {
			delete(r.heads, head)
		}
	}
}

// longest is the length of the longest known form that s starts with, 0 for none.
// With cut it is that of all of s when a form could go on from it. The lock is held.
func (r *remembered) longest(s string, cut bool) (n int, whose string) {
	l := r.heads[[shortest]byte([]byte(s[:shortest]))]
	if l == nil {
		return 0, ""
	}
	if cut && len(s) < reach && l.bits>>len(s) != 0 {
		return len(s), ""
	}
	if len(s) > reach {
		same := r.long[s[:reach]]
		for _, f := range same {
			switch {
			case len(f.text) > n && strings.HasPrefix(s, f.text), cut && strings.HasPrefix(f.text, s):
				n, whose = min(len(f.text), len(s)), f.whose
			}
		}
		if len(same) >= crowd {
			n = max(n, reach+strings.IndexAny(s[reach:]+" ", " \t\r\n\"'<>&,;"))
		}
		if n > 0 {
			return n, whose
		}
	}
	for n = min(len(s), reach); n >= shortest; n-- {
		if l.bits&(1<<(n-1)) == 0 {
			continue
		}
		if whose, known := r.whose[s[:n]]; known {
			return n, whose
		}
	}
	return 0, ""
}
