package fault

import (
	"bytes"
	"slices"

	"counterpart/internal/serving/fault/edit"
)

// Watcher hears what could be broken, and what was. Its functions are called by whoever
// answers an operation, many at once, and must not wait.
type Watcher struct {
	Answered func(Seen)          // before anything is changed
	Struck   func(Rule, Subject) // a rule fires; the operation goes on when this returns
}

// Seen is an operation with the answer that is about to leave.
type Seen struct {
	Subject
	Request string
	Fields  []edit.Field // parts of the answer, as edit rules name them
}

// Watch has somebody hear of all operations from now on; nil ends it. It costs every
// answer to be held and taken apart.
func (t *Table) Watch(w *Watcher) { t.watch.Store(w) }

// Watched reports that somebody wants to hear of answers.
func (t *Table) Watched() bool {
	w := t.watch.Load()
	return w != nil && w.Answered != nil
}

// Tell says what an operation is answered, if somebody watches.
func (t *Table) Tell(s Seen) {
	if w := t.watch.Load(); w != nil && w.Answered != nil {
		w.Answered(s)
	}
}

func (t *Table) tell(r Rule, s Subject) {
	if w := t.watch.Load(); w != nil && w.Struck != nil {
		w.Struck(r, s)
	}
}

// Edits are the edit rules that fire for an operation whose body, as it is about to leave,
// is given; nil for a protocol without one. A rule whose answer is to be an older one says
// with which it is to be replaced: the one before, in this process. There is none for the
// first operation, and then the rule stays what it was.
func (t *Table) Edits(l *Checked, s Subject, body []byte) (out []Rule) {
	p := t.rules.Load()
	if p == nil {
		return nil
	}
	for _, a := range *p {
		if a.Kind != Edit || !a.matches(s) || slices.Contains(l.done, a) {
			continue
		}
		l.done = append(l.done, a)
		older, found := a.remember(body)
		r, hit := a.fires(t)
		if !hit {
			continue
		}
		if found {
			r.Args = map[string]string{"field": r.Args["field"], "as": edit.Replaced, "value": string(older)}
		}
		t.tell(r, s)
		out = append(out, r)
	}
	return out
}

// remember keeps a body for a rule that answers with older ones, and returns the one
// before.
func (a *armed) remember(body []byte) (older []byte, found bool) {
	if a.Args["as"] != edit.Older || body == nil {
		return nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	older = a.last
	a.last = bytes.Clone(body)
	return older, older != nil
}
