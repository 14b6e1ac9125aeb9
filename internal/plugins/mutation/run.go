package mutation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"counterpart/internal/plugins/scenario"
)

// Options are how a run is made.
type Options struct {
	Scenario scenario.Options // interpreter, kinds, limits
	Parallel int              // mutants at once that cost processor time; 0: 2
	Patience time.Duration    // how long a hook may take at most; 0: DefaultPatience
	Seed     int              // which of several others an answer is about
	All      bool             // also what another case has had
	Only     []string         // IDs or numbers; none: all
	Earlier  *Report          // outcomes of what has not changed are taken from it
	Version  string

	// Told hears of each outcome as it comes.
	Told func(o Outcome, done, total int)
	// Begun hears how many mutants there are.
	Begun func(total int)
}

// DefaultPatience is how long a hook may take before it is taken to hang: longer than the
// time-outs of a minute that clients have by themselves.
const DefaultPatience = 65 * time.Second

// ErrBaseline means that a case does not do what it expects without any mutant.
var ErrBaseline = errors.New("a case does not do what is expected of it")

// ErrNoMutant means that one is wanted that there is not.
var ErrNoMutant = errors.New("there is no mutant")

// runner is one run.
type runner struct {
	Options
	stages   *stages
	bases    []*baseline
	mutants  []Mutant
	outcomes map[string]Outcome
	again    map[string]Outcome // played once more, with new interpreters
	mu       sync.Mutex
	done     int
}

// Run plays the cases as they are, and then every mutant. When ctx ends, what has been
// seen until then comes back, marked.
func Run(ctx context.Context, cases []scenario.Case, o Options) (*Report, error) {
	if o.Parallel <= 0 {
		o.Parallel = 2
	}
	if o.Patience <= 0 {
		o.Patience = DefaultPatience
	}
	o.Scenario.FindPython(ctx)
	r := &runner{Options: o, stages: &stages{o: o.Scenario, most: o.Patience}, outcomes: map[string]Outcome{}, again: map[string]Outcome{}}
	defer r.stages.close()
	began := time.Now()
	report := &Report{Version: o.Version, Seed: o.Seed}
	problems, err := r.baselines(ctx, cases, report)
	if err != nil {
		return nil, err
	}
	r.list()
	chosen, err := r.chosen()
	if err != nil {
		return nil, err
	}
	if o.Begun != nil {
		o.Begun(len(chosen))
	}
	r.playAll(ctx, chosen)
	r.judgeAll(chosen, report)
	if ctx.Err() == nil {
		r.confirm(ctx, report)
	}
	report.Interrupted = ctx.Err() != nil
	report.Took = time.Since(began)
	report.finish(problems)
	return report, nil
}

// baselines plays each case as it is. One that is not as expected teaches nothing.
func (r *runner) baselines(ctx context.Context, cases []scenario.Case, report *Report) (problems []error, err error) {
	bases := make([]*baseline, len(cases))
	wrong := make([]error, len(cases))
	r.each(len(cases), r.Parallel, func(i int) {
		if ctx.Err() != nil {
			return
		}
		take, st, err := r.stages.play(ctx, cases[i], scenario.WorkerMode, scenario.Twist{Watch: true})
		if err != nil {
			wrong[i] = fmt.Errorf("%s: %w", cases[i].Label(), err)
			return
		}
		bases[i] = &baseline{c: cases[i], take: take, letIn: letIn(take.Played, nil), config: st.Configs(), facts: facts{st.World(), st.Proto, st.KindOf}}
		r.stages.back(st, scenario.WorkerMode)
		if v := take.Result.Verdict; v != scenario.Passed && ctx.Err() == nil {
			wrong[i] = fmt.Errorf("%w: %s: %s", ErrBaseline, cases[i].Label(), firstDifference(take.Result))
		}
	})
	for i, b := range bases {
		if wrong[i] != nil {
			problems = append(problems, wrong[i])
		} else if b != nil {
			r.bases = append(r.bases, b)
			report.Cases = append(report.Cases, caseOf(b))
		}
	}
	if len(r.bases) == 0 && ctx.Err() == nil {
		return nil, errors.Join(problems...)
	}
	return problems, nil
}

func firstDifference(r scenario.Result) string {
	if len(r.Differences) > 0 {
		d := r.Differences[0]
		return fmt.Sprintf("%s: expected %s, happened %s", d.What, d.Want, d.Got)
	}
	return r.Problem
}

// list numbers the mutants of all cases, of those first that let somebody in. What another
// case has had in the same way is left out unless all are wanted.
func (r *runner) list() {
	slices.SortStableFunc(r.bases, func(a, b *baseline) int {
		switch {
		case a.letIn == b.letIn:
			return 0
		case a.letIn:
			return -1
		}
		return 1
	})
	had := map[string]bool{}
	for _, b := range r.bases {
		for _, m := range b.generate(r.Seed) {
			if m.waits && m.Nth > 1 && m.lasts {
				continue // the first one has waited for all of them
			}
			in := b.letIn || m.waits || m.Sense == Detail // once for each is enough
			key := fmt.Sprintf("%s %v %s %s %s %d %s %s %s %s", b.plugin(), in, b.facts.kind(m.Server), m.Port, m.Op, min(m.Nth, 2), m.Hook, m.Group, m.Field, m.As)
			if had[key] && !r.All {
				continue
			}
			had[key] = true
			m.Number = len(r.mutants) + 1
			r.mutants = append(r.mutants, m)
		}
	}
}

// chosen are the mutants that are wanted.
func (r *runner) chosen() ([]Mutant, error) {
	if len(r.Only) == 0 {
		return r.mutants, nil
	}
	var out []Mutant
	for _, want := range r.Only {
		i := slices.IndexFunc(r.mutants, func(m Mutant) bool { return m.ID == want || fmt.Sprint(m.Number) == want })
		if i < 0 {
			return nil, fmt.Errorf("%w %s; there are %d, by their numbers or IDs", ErrNoMutant, want, len(r.mutants))
		}
		out = append(out, r.mutants[i])
	}
	return out, nil
}

// each runs f for 0 to n-1, so many at once.
func (r *runner) each(n, parallel int, f func(i int)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, max(parallel, 1))
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	all.Wait()
}

// mostWaiting mutants at once that mostly wait: for a time-out, or for somebody to press a
// button.
const mostWaiting = 16

// playAll plays what is wanted, and what has to be known to judge it. What only waits
// does so beside the rest.
func (r *runner) playAll(ctx context.Context, chosen []Mutant) {
	var busy, waiting []Mutant
	total := len(chosen)
	for _, m := range r.withProbes(chosen) {
		if o, ok := r.earlier(m); ok {
			r.note(o, total, slices.ContainsFunc(chosen, func(c Mutant) bool { return c.ID == m.ID }))
			continue
		}
		if m.waits || m.base.idles() {
			waiting = append(waiting, m)
		} else {
			busy = append(busy, m)
		}
	}
	var both sync.WaitGroup
	for _, part := range []struct {
		list     []Mutant
		parallel int
	}{{waiting, mostWaiting}, {busy, r.Parallel}} {
		both.Go(func() {
			r.each(len(part.list), part.parallel, func(i int) {
				m := part.list[i]
				if ctx.Err() != nil {
					return
				}
				again := r.startAgain(ctx, m)
				o := r.once(ctx, m, scenario.WorkerMode, true)
				again(slices.Contains(o.all(), Hang))
				if ctx.Err() == nil {
					r.note(o, total, slices.ContainsFunc(chosen, func(c Mutant) bool { return c.ID == m.ID }))
				}
			})
		})
	}
	both.Wait()
}

// suspicious is how long a mutant may take before it is played once more beside.
const suspicious = 20 * time.Second

// startAgain plays a mutant that takes long once more with a new interpreter for each hook,
// so that who has waited for the one need not wait for the other. The function that it
// returns says whether that was needed.
func (r *runner) startAgain(ctx context.Context, m Mutant) (needed func(bool)) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	timer := time.NewTimer(suspicious)
	running.Go(func() {
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if o := r.once(ctx, m, freshMode, true); ctx.Err() == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.again[m.ID] = o
		}
	})
	return func(hangs bool) {
		defer cancel()
		if hangs {
			running.Wait()
			return
		}
		cancel()
		running.Wait()
	}
}

// freshMode is a new interpreter for each hook, as SPS has them.
const freshMode = "fresh"

// once plays a mutant.
func (r *runner) once(ctx context.Context, m Mutant, mode string, decisive bool) Outcome {
	m.twist.Watch = true
	take, st, err := r.stages.play(ctx, m.base.c, mode, m.twist)
	if err != nil {
		return Outcome{Mutant: m, Verdict: Broken, Why: err.Error(), Mode: mode}
	}
	o := judged(m, take, decisive)
	r.stages.back(st, mode)
	return o
}

func (r *runner) note(o Outcome, total int, wanted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[o.ID] = o
	if !wanted {
		return
	}
	r.done++
	if r.Told != nil {
		r.Told(o, r.done, total)
	}
}

// withProbes adds the mutants that tell whether the plugin looks at an operation at all.
func (r *runner) withProbes(chosen []Mutant) []Mutant {
	if len(r.Only) == 0 {
		return chosen
	}
	out := slices.Clone(chosen)
	for _, m := range r.mutants {
		if m.probe && slices.ContainsFunc(chosen, func(c Mutant) bool { return c.base == m.base && sameOp(c.Operation, m.Operation) }) &&
			!slices.ContainsFunc(out, func(c Mutant) bool { return c.ID == m.ID }) {
			out = append(out, m)
		}
	}
	return out
}

func sameOp(a, b Operation) bool { return a.Server == b.Server && a.Port == b.Port && a.Op == b.Op }

// decisive reports whether the plugin's decision hangs on an operation: its answer has a
// verdict, it is all that a hook asks for, or the plugin refuses when it fails.
func (r *runner) decisive(m Mutant) bool {
	if m.Group == TLS {
		return true
	}
	for _, s := range m.base.operations() {
		if sameOp(s.Operation, m.Operation) && (len(affirmative(s.verdicts)) > 0 || m.base.alone(s.Operation)) {
			return true
		}
	}
	for _, p := range r.mutants {
		if o, ok := r.outcomes[p.ID]; ok && p.probe && p.Op == m.Op && p.base.plugin() == m.base.plugin() && (o.Verdict == Closed || slices.Contains(o.Also, Closed)) {
			return true
		}
	}
	return false
}

// judgeAll judges again what turned on whether the plugin looks at an operation.
func (r *runner) judgeAll(chosen []Mutant, report *Report) {
	for _, m := range chosen {
		o, ok := r.outcomes[m.ID]
		if !ok {
			continue // interrupted
		}
		if slices.Contains(o.all(), Open) && !o.Unchanged && !r.decisive(m) {
			o = judged(m, o.take, false)
		}
		report.Mutants = append(report.Mutants, o)
	}
}
