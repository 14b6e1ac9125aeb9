// Package laws holds what a load test sees against what must be true whatever the rate: what
// is taken is given back or out, nothing exclusive has two holders, a code is accepted once,
// and nobody is let in whom the company does not let in.
package laws

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"counterpart/internal/plugins/load/report"
	"counterpart/internal/plugins/load/step"
)

// most things that are remembered of each kind. A run that has more of them alive at once is
// told that its law was not watched to the end.
const most = 500_000

// recent are the last of a law's things: at least so many as most/2, and at most most.
type recent struct{ now, before map[key]bool }

func (r *recent) has(k key) bool { return r.now[k] || r.before[k] }

func (r *recent) add(k key) {
	if len(r.now) >= most/2 {
		r.now, r.before = nil, r.now
	}
	if r.now == nil {
		r.now = map[key]bool{}
	}
	r.now[k] = true
}

// Book watches over the laws of one run. It is safe for concurrent use.
type Book struct {
	started time.Time
	seed    maphash.Seed

	mu       sync.Mutex
	held     map[key]holding    // what is taken and not given back
	claims   map[key][]conflict // of things that seem to have two holders
	alive    map[key]bool       // tokens
	accepted recent             // codes: one that is accepted again later than that is not noticed
	kinds    map[string]*count  // by what it is
	broken   map[string]*report.Law
	full     bool
}

// key is a digest of what a thing is and which one: it may be a secret.
type key uint64

type count struct{ taken, given, issued, revoked int }

// holding is who has something, and since when for certain.
type holding struct {
	by    string
	walk  uint64
	since time.Time
	only  bool // nobody else may have it
}

// conflict is a grant of something that somebody else had not given back, as far as it was
// seen then: the answer to giving it back may still have been on its way.
type conflict struct {
	holding
	sent time.Time
	id   string
	over bool // it was given back
}

// New is a book of a run that starts.
func New(started time.Time) *Book {
	return &Book{started: started, seed: maphash.MakeSeed(), held: map[key]holding{}, claims: map[key][]conflict{}, alive: map[key]bool{},
		kinds: map[string]*count{}, broken: map[string]*report.Law{}}
}

// The names of the laws.
const (
	exclusive = "what is exclusive has one holder"
	balance   = "what is given back was taken, and once"
	unique    = "a token is issued once, and revoked only if it was"
	once      = "a code is accepted once"
	world     = "nobody is let in whom the company does not let in"
)

// Observe takes an answer into account.
func (b *Book) Observe(w *step.Walk, s *step.Spec, a *step.Answer) {
	let := a.Verdict == step.LetIn
	if len(a.Facts) == 0 && (len(w.Shown) == 0 || !let) && !(let && s.Expect.Verdict == "as_world" && w.Fate() == step.MayNot) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if let && s.Expect.Verdict == "as_world" {
		b.count(world, w.Fate() == step.MayNot, func() string { return b.who(w, s, a) + " was let in" })
	}
	for _, f := range a.Facts {
		b.fact(w, s, a, f)
	}
	if let {
		for _, code := range shown(w, a) {
			b.once(w, s, a, code)
		}
	}
}

// shown are the codes of an operation, each once: those that were drawn, and what the plan
// says was shown, which may be one of them.
func shown(w *step.Walk, a *step.Answer) []string {
	out := w.Shown
	for _, f := range a.Facts {
		if f.Kind == step.Shows {
			out = append(slices.Clip(out), f.ID)
		}
	}
	if len(out) > 1 {
		out = slices.Clone(out)
		slices.Sort(out)
		out = slices.Compact(out)
	}
	return out
}

// who is an operation in words.
func (b *Book) who(w *step.Walk, s *step.Spec, a *step.Answer) string {
	out := fmt.Sprintf("%s (step %d of journey %s", a.Operation, s.Number+1, w.Journey)
	if w.Person.Name != "" {
		out += ", " + w.Person.Name
	}
	return fmt.Sprintf("%s, walk %d, %.3f s after the start)", out, w.Number, a.Answered.Sub(b.started).Seconds())
}

// count notes a law that was watched, and that it was broken.
func (b *Book) count(law string, wrong bool, first func() string) {
	l := b.broken[law]
	if l == nil {
		l = &report.Law{Name: law}
		b.broken[law] = l
	}
	if wrong {
		if l.Broken++; l.Broken == 1 {
			l.First = first()
		}
	}
}

func (b *Book) key(parts ...string) key {
	return key(maphash.String(b.seed, strings.Join(parts, "\x00")))
}

func (b *Book) kind(what string) *count {
	c := b.kinds[what]
	if c == nil {
		c = &count{}
		b.kinds[what] = c
	}
	return c
}

func (b *Book) fact(w *step.Walk, s *step.Spec, a *step.Answer, f step.Fact) {
	k, c := b.key(f.What, f.ID), b.kind(f.What)
	switch f.Kind {
	case step.Takes:
		c.taken++
		b.take(w, s, a, taking{f, k})
	case step.GivesBack:
		c.given++
		b.give(w, s, a, taking{f, k})
	case step.Issues:
		c.issued++
		b.count(unique, b.alive[k], func() string { return b.who(w, s, a) + " issued a " + f.What + " that was alive" })
		b.remember(b.alive, k)
	case step.Revokes:
		c.revoked++
		b.count(unique, !b.alive[k] && !b.full, func() string { return b.who(w, s, a) + " revoked a " + f.What + " that was not alive" })
		delete(b.alive, k)
	}
}

func (b *Book) remember(in map[key]bool, k key) {
	if len(in) >= most {
		b.full = true
		return
	}
	in[k] = true
}

// taking is a fact about something that is held.
type taking struct {
	step.Fact
	key key
}

func (b *Book) take(w *step.Walk, s *step.Spec, a *step.Answer, f taking) {
	only := s.Takes != nil && s.Takes.Exclusive
	before, held := b.held[f.key]
	if only || held && before.only {
		b.count(exclusive, false, nil)
		if held && before.walk != w.Number {
			b.claims[f.key] = append(b.claims[f.key], conflict{holding{b.who(w, s, a), w.Number, a.Answered, true}, a.Sent, f.ID, false})
			return // whose it is shows when the first one gives it back
		}
	}
	if len(b.held) >= most {
		b.full = true
		return
	}
	b.held[f.key] = holding{b.who(w, s, a), w.Number, a.Answered, only}
}

// give settles who had what. Somebody had it for certain from when they were told so until
// they began to give it back; who was granted it within that time had it as well.
func (b *Book) give(w *step.Walk, s *step.Spec, a *step.Answer, f taking) {
	had, held := b.held[f.key]
	claims := b.claims[f.key]
	if held && had.walk != w.Number {
		if i := slices.IndexFunc(claims, func(c conflict) bool { return c.walk == w.Number && !c.over }); i >= 0 {
			claims[i].over = true // the first holder's end has not been seen yet
			return
		}
	}
	b.count(balance, !held && !b.full, func() string { return b.who(w, s, a) + " gave back " + f.ID + ", which nobody had" })
	delete(b.held, f.key)
	delete(b.claims, f.key)
	for _, c := range claims {
		b.overlap(had, c, a.Sent)
		if !c.over { // the last one has it now
			b.held[f.key] = c.holding
		}
	}
}

// overlap notes that somebody was granted what another one had for certain.
func (b *Book) overlap(first holding, c conflict, until time.Time) {
	wrong := !c.sent.Before(first.since) && !c.since.After(until)
	b.count(exclusive, wrong, func() string { return c.by + " got " + c.id + ", which " + first.by + " had" })
}

func (b *Book) once(w *step.Walk, s *step.Spec, a *step.Answer, code string) {
	k := b.key(w.Person.ID, code)
	b.count(once, b.accepted.has(k), func() string { return b.who(w, s, a) + " accepted a code again" })
	b.accepted.add(k)
}

// Laws are all that were watched, with what was counted, at the end of a run.
func (b *Book) Laws() []report.Law {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, claims := range b.claims { // the first holder never gave it back
		for _, c := range claims {
			b.overlap(b.held[k], c, c.since)
		}
	}
	clear(b.claims)
	var out []report.Law
	for _, name := range []string{exclusive, balance, unique, once, world} {
		if l := b.broken[name]; l != nil {
			law := *l
			law.Said = b.said(name)
			out = append(out, law)
		}
	}
	return out
}

func (b *Book) said(law string) string {
	var out []string
	names := make([]string, 0, len(b.kinds))
	for what := range b.kinds {
		names = append(names, what)
	}
	slices.Sort(names)
	for _, what := range names {
		switch c := b.kinds[what]; {
		case law == balance && c.taken > 0:
			out = append(out, fmt.Sprintf("%s: %d taken = %d given back + %d out", what, c.taken, c.given, c.taken-c.given))
		case law == unique && c.issued > 0:
			out = append(out, fmt.Sprintf("%s: %d issued = %d revoked + %d alive", what, c.issued, c.revoked, c.issued-c.revoked))
		}
	}
	if b.full {
		out = append(out, fmt.Sprintf("more than %d at once: not watched to the end", most))
	}
	return strings.Join(out, "; ")
}
