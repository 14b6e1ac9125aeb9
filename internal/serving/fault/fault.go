// Package fault decides when an operation is to be broken, and how. A rule has
// a matcher, a "when" and an effect; the same seed number and the same sequence
// of operations give the same breakages.
package fault

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The effects that the fleet plays for every server.
const (
	Delay     = "delay"     // args: for, spread, shape
	Status    = "status"    // HTTP; args: code, body, type
	Body      = "body"      // HTTP; args: as, field
	Edit      = "edit"      // one part of the answer; args: field, as, value
	Slow      = "slow"      // HTTP; args: rate
	Reset     = "reset"     // close the connection without an answer
	Hang      = "hang"      // no answer until the client gives up
	TLS       = "tls"       // args: as
	Drop      = "drop"      // datagrams: silence
	Duplicate = "duplicate" // datagrams: answer twice
	Reorder   = "reorder"   // datagrams: answer after the next answer; args: for
)

// Kinds lists them all.
func Kinds() []string {
	return []string{Delay, Status, Body, Edit, Slow, Reset, Hang, TLS, Drop, Duplicate, Reorder}
}

// Moment is when in an operation a rule strikes, which says whether the change
// that the operation was to make has happened.
type Moment string

// The moments. A rule that chooses none strikes before the operation as far as
// what it matches is known by then, and after it otherwise.
const (
	Before Moment = "before" // nothing was changed
	After  Moment = "after"  // the change stands, only the answer is broken
)

// Rule is one thing that goes wrong.
type Rule struct {
	ID     string            `json:"id"`
	Server string            `json:"server,omitempty"` // instance name; empty or "*" is any
	Port   string            `json:"port,omitempty"`   // of the server: "http"; empty or "*" is any
	Op     string            `json:"op,omitempty"`     // operation, with * as a wildcard; empty is any
	Actor  string            `json:"actor,omitempty"`
	Object string            `json:"object,omitempty"`
	Kind   string            `json:"kind"`
	Moment Moment            `json:"moment,omitempty"`
	Args   map[string]string `json:"args,omitempty"`
	// When: of the matching operations spare the first Skip, of the others take
	// every Every-th (0 and 1 mean each) or the Nth alone, of those break Percent
	// (0 means all), at most Times (0 means for ever), for as long as Lasts says.
	Percent int    `json:"percent,omitempty"`
	Skip    int    `json:"skip,omitempty"`
	Times   int    `json:"times,omitempty"`
	Every   int    `json:"every,omitempty"`
	Nth     int    `json:"nth,omitempty"`
	Lasts   string `json:"lasts,omitempty"` // a duration on the fleet's clock from when the rule is set

	draw   uint64 // what this firing drew, for effects that vary
	lifted context.Context
}

// Lifted ends when the rule is taken away: what it holds back goes on.
func (r Rule) Lifted() context.Context {
	if r.lifted == nil {
		return context.Background()
	}
	return r.lifted
}

// Subject is the operation that a rule is held against.
type Subject struct {
	Server, Port, Op, Actor, Object string
	Started                         time.Time // by the fleet's clock; no rule looks at it
}

// State is a rule with what it has done.
type State struct {
	Rule
	Seen  int       `json:"seen"`  // operations that it matched
	Fired int       `json:"fired"` // of them, broken
	Ends  time.Time `json:"ends,omitzero"`
}

// Table is the set of rules in force. Its zero value is not usable; see New.
type Table struct {
	// Now is the fleet's time, for rules that last a while. Set it before use;
	// nil is real time.
	Now func() time.Time

	seed   uint64
	kinds  []string
	rules  atomic.Pointer[[]*armed] // nil: nothing is broken, and looking costs one load
	watch  atomic.Pointer[Watcher]
	mu     sync.Mutex
	shared *shared // nil: nobody else has these rules
}

type armed struct {
	Rule
	number uint64    // of all rules there ever were, when it is shared
	ends   time.Time // zero: never
	gone   context.Context
	lift   context.CancelFunc
	mu     sync.Mutex
	here   count       // what was counted in this process
	handed count       // of that, what was added to the store's
	spent  atomic.Bool // the store's count says that it strikes no more
	last   []byte      // body that the last operation which matched was answered with; under mu
}

// New returns an empty table. seed makes the draws of Percent repeatable; kinds
// are the fault kinds that servers add to the fleet's own.
func New(seed uint64, kinds ...string) *Table {
	t := &Table{seed: seed, kinds: append(Kinds(), kinds...)}
	slices.Sort(t.kinds)
	t.kinds = slices.Compact(t.kinds)
	return t
}

// Kinds lists the kinds that a rule can have: the fleet's and the servers' own.
func (t *Table) Kinds() []string { return slices.Clone(t.kinds) }

func (t *Table) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

// Set replaces all rules, or none of them: the error names every mistake, or is the
// store's.
func (t *Table) Set(rules []Rule) error {
	_, err := t.change(func([]*armed) []*armed { return nil }, rules, t.now())
	return err
}

// Add puts rules behind those in force, all or none. It returns their IDs.
func (t *Table) Add(rules ...Rule) ([]string, error) { return t.AddSince(t.now(), rules...) }

// AddSince is Add for rules that have been in force since a moment: what lasts for a
// time does so from there.
func (t *Table) AddSince(since time.Time, rules ...Rule) ([]string, error) {
	return t.change(func(old []*armed) []*armed { return old }, rules, since)
}

// Remove takes one rule away; was reports whether there was one.
func (t *Table) Remove(id string) (was bool, err error) {
	_, err = t.change(func(old []*armed) []*armed {
		next := slices.DeleteFunc(slices.Clone(old), func(a *armed) bool { return a.ID == id })
		was = len(next) < len(old)
		return next
	}, nil, time.Time{})
	return was && err == nil, err
}

// change keeps some of the rules in force and puts others behind them, whose IDs it
// returns.
func (t *Table) change(keep func(old []*armed) []*armed, rules []Rule, since time.Time) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shared != nil {
		return t.changeShared(keep, rules, since)
	}
	kept := keep(t.inForce())
	next, err := t.arm(kept, rules, since)
	if err != nil {
		return nil, err
	}
	t.store(next)
	return ids(next[len(kept):]), nil
}

func ids(of []*armed) []string {
	out := []string{}
	for _, a := range of {
		out = append(out, a.ID)
	}
	return out
}

func (t *Table) inForce() []*armed {
	if p := t.rules.Load(); p != nil {
		return *p
	}
	return nil
}

func (t *Table) store(next []*armed) {
	if old := t.rules.Load(); old != nil {
		for _, a := range *old {
			if !slices.Contains(next, a) {
				defer a.lift()
			}
		}
	}
	if len(next) == 0 {
		t.rules.Store(nil)
		return
	}
	t.rules.Store(&next)
}

// Rules is what Set was given, for showing.
func (t *Table) Rules() []Rule {
	out := []Rule{}
	for _, s := range t.States() {
		out = append(out, s.Rule)
	}
	return out
}

// States are the rules in force with what each has done, at all processes that share
// them as far as these have handed it over.
func (t *Table) States() []State {
	out := []State{}
	for _, a := range t.inForce() {
		n, _ := t.counted(a) // without a store it is what happened here
		a.mu.Lock()
		out = append(out, State{a.Rule, n.Seen + a.here.Seen - a.handed.Seen, n.Fired + a.here.Fired - a.handed.Fired, a.ends})
		a.mu.Unlock()
	}
	return out
}

// Idle reports whether there is no rule at all, and nobody who watches.
func (t *Table) Idle() bool { return t.rules.Load() == nil && t.watch.Load() == nil }

// Hit reports whether a rule of one of kinds fires for s, and counts that it
// looked. The first rule in the order of Set wins.
func (t *Table) Hit(s Subject, kinds ...string) (Rule, bool) {
	p := t.rules.Load()
	if p == nil {
		return Rule{}, false
	}
	for _, a := range *p {
		if slices.Contains(kinds, a.Kind) && a.matches(s) {
			if r, hit := a.fires(t); hit {
				t.tell(r, s)
				return r, true
			}
		}
	}
	return Rule{}, false
}

// Checked remembers which rules one operation has been held against, so that it
// may be held against them again once more is known about it.
type Checked struct{ done []*armed }

// Judge is Hit for one moment of an operation: each rule that matches draws once
// per Checked, however often it is asked.
func (t *Table) Judge(l *Checked, s Subject, m Moment, kinds ...string) (Rule, bool) {
	p := t.rules.Load()
	if p == nil {
		return Rule{}, false
	}
	for _, a := range *p {
		if !slices.Contains(kinds, a.Kind) || !a.at(m) || !a.matches(s) || slices.Contains(l.done, a) {
			continue
		}
		l.done = append(l.done, a)
		if r, hit := a.fires(t); hit {
			t.tell(r, s)
			return r, true
		}
	}
	return Rule{}, false
}

// Later reports whether a rule could still strike an operation of s after it
// ran, whatever it will then be about.
func (t *Table) Later(s Subject) bool {
	p := t.rules.Load()
	return t.watch.Load() != nil || p != nil && slices.ContainsFunc(*p, func(a *armed) bool {
		return a.at(After) && is(a.Server, s.Server) && is(a.Port, s.Port) && a.Kind != TLS
	})
}

// at reports whether the rule may strike at m.
func (r Rule) at(m Moment) bool {
	if r.Moment != "" {
		return r.Moment == m
	}
	return m == After || !shapes(r.Kind) // what was not known before is known after
}

// shapes reports a kind that needs an answer to spoil.
func shapes(kind string) bool {
	return slices.Contains([]string{Body, Edit, Slow, Duplicate, Reorder}, kind)
}

func is(want, got string) bool { return want == "" || want == "*" || strings.EqualFold(want, got) }

func (r Rule) matches(s Subject) bool {
	if !is(r.Server, s.Server) || !is(r.Port, s.Port) || !is(r.Actor, s.Actor) || !is(r.Object, s.Object) {
		return false
	}
	if r.Op == "" {
		return true
	}
	ok, _ := path.Match(glob(r.Op), glob(s.Op))
	return ok
}

// glob makes "*" match slashes too: operations contain paths.
func glob(op string) string { return strings.ReplaceAll(op, "/", "\x00") }

// fires decides about a match. What it returns is for whoever plays the rule.
func (a *armed) fires(t *Table) (Rule, bool) {
	if !a.ends.IsZero() && !t.now().Before(a.ends) {
		return Rule{}, false
	}
	if t.shared != nil && a.counts() && !a.spent.Load() {
		return t.decideShared(a)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spent.Load() {
		a.here.Seen++
		return Rule{}, false
	}
	draw, hit := a.here.next(a, t.seed)
	return a.firing(draw), hit
}

// firing is the rule as whoever plays it gets it.
func (a *armed) firing(draw uint64) Rule {
	r := a.Rule
	r.draw, r.lifted = draw, a.gone
	return r
}

// count is how often a rule has matched and fired.
type count struct {
	Seen  int `json:"seen"`
	Fired int `json:"fired"`
}

// next decides about the n-th match: it depends on seed, rule and n.
func (c *count) next(a *armed, seed uint64) (draw uint64, hit bool) {
	n := c.Seen
	c.Seen++
	draw = a.drawn(seed, n)
	switch turn := n - a.Skip; {
	case turn < 0, a.Times > 0 && c.Fired >= a.Times:
		return draw, false
	case a.Every > 1 && (turn+1)%a.Every != 0, a.Nth > 0 && turn+1 != a.Nth:
		return draw, false
	case a.Percent > 0 && a.Percent < 100 && int(draw%100) >= a.Percent:
		return draw, false
	}
	c.Fired++
	return draw, true
}

// spent reports that a rule will never fire again.
func (c count) spent(r Rule) bool {
	return r.Times > 0 && c.Fired >= r.Times || r.Nth > 0 && c.Seen-r.Skip >= r.Nth
}

// counts reports a rule for which it matters how many matches there were before.
func (r Rule) counts() bool {
	return r.Skip > 0 || r.Times > 0 || r.Every > 1 || r.Nth > 0 || r.Percent > 0 && r.Percent < 100
}

// drawn is what the n-th match draws.
func (a *armed) drawn(seed uint64, n int) uint64 {
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte(a.ID), seed), uint64(n)))
	return mix(h.Sum64())
}

// mix spreads FNV's weak low bits (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
