package load

import (
	"context"
	"fmt"
	"time"

	"counterpart/internal/plugins/load/step"
)

// walk takes one person through a journey.
func (e *engine) walk(ctx context.Context, w *step.Walk, next job) {
	j := next.journey
	w.Journey, w.Number, w.Now = j.name, next.number, e.Now
	if j.crowd != nil {
		w.Person, w.Account = j.crowd.next()
	}
	defer w.End()
	began := e.Now()
	counts := !next.intended.Before(e.measured)
	if counts {
		e.begun.Add(1)
	}
	whole := observation{intended: next.intended, sent: began, verdict: step.LetIn}
	at, last := next.intended, step.LetIn
	for i := range j.steps {
		s := &j.steps[i]
		if ctx.Err() != nil {
			break
		}
		if s.Pause > 0 {
			if last == step.LetIn || last == step.Asked {
				at = e.Now().Add(s.Pause)
				e.Wait(ctx, at)
			}
			continue
		}
		if !taken(s.When, last) {
			continue
		}
		a, ok := e.again(ctx, w, s, at)
		if !ok {
			break
		}
		at = a.Answered
		if s.When != "always" || a.Verdict == step.Failed {
			last = a.Verdict
		}
		if whole.verdict == step.LetIn || whole.verdict == step.Asked {
			whole.verdict, whole.reason = last, a.Reason
		}
	}
	if ctx.Err() != nil {
		if counts {
			e.cut.Add(1)
		}
		return
	}
	whole.answered = e.Now()
	if counts {
		j.row.record(next.intended.Sub(e.measured), whole)
	}
}

// taken reports whether a step is taken after a verdict.
func taken(when string, last step.Verdict) bool {
	switch when {
	case "always":
		return true
	case "":
		return last == step.LetIn || last == step.Asked
	}
	return when == last.String()
}

// again does a step, and does it again for as long as the plan says while it is asked to
// come again. ok is false when the run ended meanwhile.
func (e *engine) again(ctx context.Context, w *step.Walk, s *opened, at time.Time) (a step.Answer, ok bool) {
	first := at
	for {
		if a, ok = e.do(ctx, w, s, at); !ok || s.Again == nil || a.Verdict != step.Asked {
			return a, ok
		}
		at = a.Answered.Add(s.Again.Every)
		if at.Sub(first) > s.Again.For {
			return a, true
		}
		if e.Wait(ctx, at) != nil {
			return a, false
		}
	}
}

// do does a step once and counts what came of it.
func (e *engine) do(ctx context.Context, w *step.Walk, s *opened, at time.Time) (step.Answer, bool) {
	w.Shown = w.Shown[:0]
	a, err := s.do.Do(ctx, w)
	if ctx.Err() != nil {
		return a, false
	}
	if err != nil {
		e.wrong(fmt.Errorf("%s: %w", s.Pos, err))
		return a, false
	}
	if a.Answered.IsZero() {
		a.Answered = e.Now()
	}
	if e.Observe != nil {
		e.Observe(w, s.Spec, &a)
	}
	if at.Before(e.measured) {
		return a, true
	}
	for _, part := range a.Parts {
		e.rows.partOf(s.target, part.Operation).record(at.Sub(e.measured), observation{intended: part.Intended, sent: part.Sent, answered: part.Answered, verdict: part.Verdict, reason: part.Reason})
	}
	o := observation{intended: at, sent: a.Sent, answered: a.Answered, verdict: a.Verdict, reason: a.Reason}
	if wrong := unexpected(s.Spec, w, &a); wrong != "" {
		o.unexpected = fmt.Sprintf("%s: journey %s of %s, %.3f s after the start: %s", s.Pos, w.Journey, w.Person.Name, a.Answered.Sub(e.started).Seconds(), wrong)
	}
	e.row(s, a.Operation).record(at.Sub(e.measured), o)
	return a, true
}

// row is the row of an operation. A step has the same one nearly always.
func (e *engine) row(s *opened, operation string) *row {
	name := operation
	if s.Name != "" {
		name = s.Name
	}
	if r := s.fast.Load(); r != nil && r.name == name {
		return r
	}
	if s.Operation != "" {
		operation = s.Operation
	}
	r := e.rows.of(s.target, name, operation)
	s.fast.Store(r)
	return r
}

// unexpected says what is wrong with an answer; empty: it is as the step expects.
func unexpected(s *step.Spec, w *step.Walk, a *step.Answer) string {
	if a.Wrong != "" {
		return a.Wrong
	}
	want := s.Expect.Verdict
	if want == "as_world" {
		switch {
		case w.Fate() == step.MayNot && a.Verdict == step.LetIn:
			return fmt.Sprintf("let in, although the company does not let %s in", w.Person.Name)
		case w.Fate() == step.May && a.Verdict == step.Refused:
			return fmt.Sprintf("refused (%s), although the company lets %s in", a.Reason, w.Person.Name)
		}
		want = ""
	}
	switch {
	case a.Verdict == step.Failed && (want != "" || s.Expect.Status != ""):
		return fmt.Sprintf("failed (%s)", a.Reason)
	case want != "" && a.Verdict.String() != want:
		return fmt.Sprintf("%s (%s), not %s", a.Verdict, a.Reason, want)
	case s.Expect.Status != "" && a.Reason != s.Expect.Status:
		return fmt.Sprintf("%s, not %s", a.Reason, s.Expect.Status)
	}
	return ""
}
