// Package fault decides when an operation is to be broken, and how. A rule has
// a matcher, a "when" and an effect; the same seed number and the same sequence
// of operations give the same breakages.
package fault

import (
	"encoding/binary"
	"fmt"
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
	Delay     = "delay"     // args: for
	Status    = "status"    // HTTP; args: code, body
	Reset     = "reset"     // close the connection without an answer
	Hang      = "hang"      // no answer until the client gives up
	Drop      = "drop"      // datagrams: silence
	Duplicate = "duplicate" // datagrams: answer twice
)

// Rule is one thing that goes wrong.
type Rule struct {
	ID     string            `json:"id"`
	Server string            `json:"server,omitempty"` // instance name; empty or "*" is any
	Op     string            `json:"op,omitempty"`     // operation, with * as a wildcard; empty is any
	Actor  string            `json:"actor,omitempty"`
	Object string            `json:"object,omitempty"`
	Kind   string            `json:"kind"`
	Args   map[string]string `json:"args,omitempty"`
	// When: of the matching operations spare the first Skip, then break Percent
	// of them (0 means all), at most Times (0 means for ever).
	Percent int `json:"percent,omitempty"`
	Skip    int `json:"skip,omitempty"`
	Times   int `json:"times,omitempty"`
}

// Subject is the operation that a rule is held against.
type Subject struct{ Server, Op, Actor, Object string }

// Table is the set of rules in force. Its zero value is not usable; see New.
type Table struct {
	seed  uint64
	kinds map[string]bool
	rules atomic.Pointer[[]*armed] // nil: nothing is broken, and looking costs one load
	mu    sync.Mutex
}

type armed struct {
	Rule
	mu          sync.Mutex
	seen, fired int
}

// New returns an empty table. seed makes the draws of Percent repeatable; kinds
// are the fault kinds that servers add to the fleet's own.
func New(seed uint64, kinds ...string) *Table {
	t := &Table{seed: seed, kinds: map[string]bool{}}
	for _, k := range append([]string{Delay, Status, Reset, Hang, Drop, Duplicate}, kinds...) {
		t.kinds[k] = true
	}
	return t
}

// Set replaces all rules, or none of them: the error names every mistake.
func (t *Table) Set(rules []Rule) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var wrong []string
	ids := map[string]bool{}
	next := make([]*armed, 0, len(rules))
	for i, r := range rules {
		if r.ID == "" {
			r.ID = fmt.Sprintf("rule-%d", i+1)
		}
		for _, complaint := range t.check(r, ids) {
			wrong = append(wrong, fmt.Sprintf("fault %q: %s", r.ID, complaint))
		}
		ids[r.ID] = true
		next = append(next, &armed{Rule: r})
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "\n"))
	}
	if len(next) == 0 {
		t.rules.Store(nil)
		return nil
	}
	t.rules.Store(&next)
	return nil
}

func (t *Table) check(r Rule, ids map[string]bool) (wrong []string) {
	if ids[r.ID] {
		wrong = append(wrong, "the id is taken")
	}
	if !t.kinds[r.Kind] {
		known := make([]string, 0, len(t.kinds))
		for k := range t.kinds {
			known = append(known, k)
		}
		slices.Sort(known)
		wrong = append(wrong, fmt.Sprintf("unknown kind %q; known are %s", r.Kind, strings.Join(known, ", ")))
	}
	if _, err := path.Match(glob(r.Op), ""); err != nil {
		wrong = append(wrong, fmt.Sprintf("op %q is no pattern", r.Op))
	}
	if r.Percent < 0 || r.Percent > 100 || r.Skip < 0 || r.Times < 0 {
		wrong = append(wrong, "percent must be 0 to 100, skip and times at least 0")
	}
	if r.Kind == Delay {
		if d, err := time.ParseDuration(r.Args["for"]); err != nil || d <= 0 {
			wrong = append(wrong, fmt.Sprintf("delay needs args.for, a duration above zero, not %q", r.Args["for"]))
		}
	}
	return wrong
}

// glob makes "*" match slashes too: operations contain paths.
func glob(op string) string { return strings.ReplaceAll(op, "/", "\x00") }

// Rules is what Set was given, for showing.
func (t *Table) Rules() []Rule {
	p := t.rules.Load()
	if p == nil {
		return nil
	}
	out := make([]Rule, len(*p))
	for i, a := range *p {
		out[i] = a.Rule
	}
	return out
}

// Idle reports whether there is no rule at all.
func (t *Table) Idle() bool { return t.rules.Load() == nil }

// Hit reports whether a rule of one of kinds fires for s, and counts that it
// looked. The first rule in the order of Set wins.
func (t *Table) Hit(s Subject, kinds ...string) (Rule, bool) {
	p := t.rules.Load()
	if p == nil {
		return Rule{}, false
	}
	for _, a := range *p {
		if slices.Contains(kinds, a.Kind) && a.matches(s) && a.fires(t.seed) {
			return a.Rule, true
		}
	}
	return Rule{}, false
}

func (r Rule) matches(s Subject) bool {
	is := func(want, got string) bool { return want == "" || want == "*" || strings.EqualFold(want, got) }
	if !is(r.Server, s.Server) || !is(r.Actor, s.Actor) || !is(r.Object, s.Object) {
		return false
	}
	if r.Op == "" {
		return true
	}
	ok, _ := path.Match(glob(r.Op), glob(s.Op))
	return ok
}

// fires draws for the n-th match: the draw depends on seed, rule and n only.
func (a *armed) fires(seed uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.seen
	a.seen++
	if n < a.Skip || a.Times > 0 && a.fired >= a.Times {
		return false
	}
	if a.Percent > 0 && a.Percent < 100 {
		h := fnv.New64a()
		h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte(a.ID), seed), uint64(n)))
		if int(mix(h.Sum64())%100) >= a.Percent {
			return false
		}
	}
	a.fired++
	return true
}

// mix spreads FNV's weak low bits (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
