package mutation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Finding is what several mutants have shown in the same way.
type Finding struct {
	Verdict Verdict  `json:"verdict"`
	Hook    string   `json:"hook,omitempty"`
	Line    string   `json:"line,omitempty"` // of the exception
	Field   string   `json:"field,omitempty"`
	Case    string   `json:"case"`
	Path    string   `json:"path"`
	Summary string   `json:"summary"`
	Mutants []string `json:"mutants"` // their IDs; the first one was confirmed
	Command string   `json:"command"` // that repeats it
	// Confirmed: it happened as well with a new interpreter for each hook, as SPS has them.
	Confirmed bool `json:"confirmed"`

	first Outcome
}

// gather puts equal outcomes together.
func gather(all []Outcome) (out []Finding) {
	index := map[string]int{}
	for _, o := range all {
		for _, v := range o.all() {
			if !v.Finding() {
				continue
			}
			f := Finding{Verdict: v, Hook: cmp.Or(o.InHook, string(o.Hook)), Line: o.Line, Field: cmp.Or(o.Field, string(o.Group)), Case: o.Case, Summary: o.Name() + ": " + o.Detail + ": " + o.Why,
				Mutants: []string{o.ID}, first: o}
			if v != Crash {
				f.Line = ""
			}
			key := fmt.Sprintf("%s %s %s %s", v, f.Hook, f.Line, f.Field)
			if f.Line == "" {
				key += " " + o.Server + " " + o.Op
			}
			if o.base != nil {
				f.Path = o.base.c.Path
				f.Command = fmt.Sprintf("counterpart plugin mutate %s --only %s", quoted(f.Path), o.ID)
			}
			i, ok := index[key]
			switch {
			case !ok:
				index[key] = len(out)
				out = append(out, f)
			case out[i].first.waits && !o.waits: // the one that is quicker to repeat comes first
				f.Mutants = append(f.Mutants, out[i].Mutants...)
				out[i] = f
			default:
				out[i].Mutants = append(out[i].Mutants, o.ID)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return slices.Index(Verdicts(), a.Verdict) - slices.Index(Verdicts(), b.Verdict)
	})
	return out
}

// confirm plays the first mutant of each finding once more, with a new interpreter for each
// hook. What does not happen then is an effect of interpreters that are kept, and stays in
// the report without being a finding.
func (r *runner) confirm(ctx context.Context, report *Report) {
	found := gather(report.Mutants)
	var ids []string
	for _, f := range found {
		if _, played := r.again[f.first.ID]; !played && f.first.base != nil && !f.first.Unchanged && !slices.Contains(ids, f.first.ID) {
			ids = append(ids, f.first.ID)
		}
	}
	outcomes := make([]Outcome, len(ids))
	r.each(len(ids), max(r.Parallel, min(len(ids), mostWaiting)/2), func(i int) {
		if ctx.Err() == nil {
			m := r.outcomes[ids[i]].Mutant
			outcomes[i] = r.once(ctx, m, freshMode, r.decisive(m))
		}
	})
	for i, id := range ids {
		r.again[id] = outcomes[i]
	}
	for _, f := range found {
		o, played := r.again[f.first.ID]
		f.Confirmed = f.first.Unchanged || played && slices.Contains(o.all(), f.Verdict)
		report.Findings = append(report.Findings, f)
	}
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	for _, c := range path {
		if !(c == '/' || c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return fmt.Sprintf("%q", path)
		}
	}
	return path
}
