package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"counterpart/internal/company/state"
)

// shared are rules that several processes obey, or that outlive one: the rules in one
// record, and how often each has struck in a record of its own. A rule for which it
// matters how many matches there were before is decided in one change of that record, so
// that "times: 3" is three however many race; the others only add up.
type shared struct {
	books  *state.Collection[book]
	counts *state.Collection[count]
	adding sync.Mutex // held by whoever adds to counts
}

// book is the record of the rules.
type book struct {
	Last   uint64    `json:"last"`             // number given last; no two rules have the same, not even those of a store before it was emptied
	Seeded bool      `json:"seeded,omitempty"` // those of the seed were given
	Rules  []written `json:"rules,omitempty"`
}

type written struct {
	Rule
	Number uint64    `json:"number"`
	Ends   time.Time `json:"ends,omitzero"`
}

// bookKey is the record's.
const bookKey = "rules"

func countKey(number uint64) string { return strconv.FormatUint(number, 10) }

// Share keeps the rules in a store. Before the table is used.
func (t *Table) Share(s state.Store, name string) {
	t.shared = &shared{books: state.Of[book](s, name), counts: state.Of[count](s, name+"/count")}
}

// Seed puts the rules of the seed in force, which have been so since a moment: once for
// all processes that share them, unless it is again, after a reset. wrong has an error for
// each rule that cannot be, and then none is; err is the store's.
func (t *Table) Seed(began time.Time, rules []Rule, again bool) (wrong []error, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wrong = make([]error, len(rules))
	var all []*armed
	refused := false
	for i := range rules {
		next, err := t.arm(all, rules[i:i+1], began)
		if wrong[i] = err; err != nil {
			refused = true
			continue
		}
		all = next
	}
	if refused {
		return wrong, nil
	}
	if t.shared == nil {
		t.store(all)
		return wrong, nil
	}
	ctx := context.Background()
	err = t.shared.books.Change(ctx, bookKey, func(v *book, _ bool) error {
		if v.Seeded && !again {
			return state.ErrKeep
		}
		v.Seeded = true
		v.write(all)
		return nil
	})
	if err != nil {
		return wrong, err
	}
	_, err = t.follow(ctx)
	return wrong, err
}

// write makes rules those of the book; new ones get a number.
func (v *book) write(all []*armed) {
	v.Rules = nil
	if v.Last == 0 {
		v.Last = rand.Uint64() >> 16 // JSON has it exactly
	}
	for _, a := range all {
		n := a.number
		if n == 0 {
			v.Last++
			n = v.Last
		}
		v.Rules = append(v.Rules, written{a.Rule, n, a.ends})
	}
}

// changeShared is change in the store. The lock is held.
func (t *Table) changeShared(keep func(old []*armed) []*armed, rules []Rule, since time.Time) (added []string, err error) {
	ctx := context.Background()
	err = t.shared.books.Change(ctx, bookKey, func(v *book, _ bool) error {
		kept := keep(t.armedOf(v))
		next, err := t.arm(kept, rules, since)
		if err != nil {
			return err
		}
		added = ids(next[len(kept):])
		v.write(next)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err = t.follow(ctx); err != nil {
		return nil, err
	}
	return added, t.tidy(ctx)
}

// tidy forgets the counts of rules that are gone.
func (t *Table) tidy(ctx context.Context) error {
	keys, err := t.shared.counts.Keys(ctx, state.Range{})
	if err != nil {
		return err
	}
	live := map[string]bool{}
	for _, a := range t.inForce() {
		live[countKey(a.number)] = true
	}
	for _, key := range keys {
		if !live[key] {
			if _, err := t.shared.counts.Delete(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// armedOf are the rules of a book; those that are in force here stay what they are.
func (t *Table) armedOf(v *book) []*armed {
	known := map[uint64]*armed{}
	for _, a := range t.inForce() {
		known[a.number] = a
	}
	var out []*armed
	for _, w := range v.Rules {
		a := known[w.Number]
		if a == nil {
			a = &armed{Rule: w.Rule, number: w.Number, ends: w.Ends}
			a.gone, a.lift = context.WithCancel(context.Background())
		}
		out = append(out, a)
	}
	return out
}

// Follow puts in force what other processes have written; changed is closed when there may
// be more.
func (t *Table) Follow(ctx context.Context) (changed <-chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.follow(ctx)
}

func (t *Table) follow(ctx context.Context) (<-chan struct{}, error) {
	v, _, changed, err := t.shared.books.Watch(ctx, bookKey)
	if err != nil {
		return nil, err
	}
	t.store(t.armedOf(&v))
	return changed, nil
}

// decideShared decides about a match in the store. Without one nobody knows whose turn it
// is, and the operation goes on unbroken: it will find by itself that the store is away, and
// say what its system says then.
func (t *Table) decideShared(a *armed) (Rule, bool) {
	var n count
	var draw uint64
	var hit bool
	err := t.shared.counts.Change(context.Background(), countKey(a.number), func(v *count, _ bool) error {
		draw, hit = v.next(a, t.seed)
		n = *v
		return nil
	})
	if err != nil {
		return Rule{}, false
	}
	if n.spent(a.Rule) {
		a.spent.Store(true)
	}
	return a.firing(draw), hit
}

// counted is what the store has of a rule.
func (t *Table) counted(a *armed) (n count, err error) {
	if t.shared == nil {
		return n, nil
	}
	n, _, err = t.shared.counts.Read(context.Background(), countKey(a.number))
	return n, err
}

// HandOver adds what was counted here alone to what all have counted.
func (t *Table) HandOver(ctx context.Context) error {
	if t.shared == nil {
		return nil
	}
	t.shared.adding.Lock()
	defer t.shared.adding.Unlock()
	for _, a := range t.inForce() {
		a.mu.Lock()
		now, more := a.here, count{a.here.Seen - a.handed.Seen, a.here.Fired - a.handed.Fired}
		a.mu.Unlock()
		if more == (count{}) {
			continue
		}
		err := t.shared.counts.Change(ctx, countKey(a.number), func(v *count, _ bool) error {
			v.Seen, v.Fired = v.Seen+more.Seen, v.Fired+more.Fired
			return nil
		})
		if err != nil {
			return fmt.Errorf("fault %s: %w", a.ID, err)
		}
		a.mu.Lock()
		a.handed = now
		a.mu.Unlock()
	}
	return nil
}
