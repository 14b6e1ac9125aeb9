package fault

import (
	"errors"
	"fmt"
)

// Trial is rules that are held against operations which are over, each by itself: nothing
// is broken by it, and the rules in force know nothing of it.
type Trial struct {
	seed  uint64
	rules []*armed
}

// MostTried is how many rules one trial has at most: each operation is held against all.
const MostTried = 20

// Try checks rules as Set would, and readies them for operations that are over.
func (t *Table) Try(rules []Rule) (*Trial, error) {
	if len(rules) > MostTried {
		return nil, fmt.Errorf("%d rules can be tried at once, not %d", MostTried, len(rules))
	}
	if len(rules) == 0 {
		return nil, errors.New("rules is empty; give at least one")
	}
	armed, err := t.arm(nil, rules, t.now())
	if err != nil {
		return nil, err
	}
	for _, a := range armed {
		a.lift() // it holds nothing back
	}
	return &Trial{t.seed, armed}, nil
}

// See holds an operation, which comes after those before it, against the rules; it returns
// those that would have struck, by their places.
func (r *Trial) See(s Subject) (struck []int) {
	for i, a := range r.rules {
		if !a.matches(s) {
			continue
		}
		if _, hit := a.here.next(a, r.seed); hit {
			struck = append(struck, i)
		}
	}
	return struck
}

// States are the rules with what they would have done.
func (r *Trial) States() []State {
	out := make([]State, len(r.rules))
	for i, a := range r.rules {
		out[i] = State{Rule: a.Rule, Seen: a.here.Seen, Fired: a.here.Fired}
	}
	return out
}
