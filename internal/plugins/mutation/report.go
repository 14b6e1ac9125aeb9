package mutation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Report is what a run has shown.
type Report struct {
	Version     string        `json:"version"`
	Seed        int           `json:"seed"`
	Interrupted bool          `json:"interrupted,omitempty"` // it ended before all was played
	Took        time.Duration `json:"took_ns"`
	Cases       []Case        `json:"cases"`
	Problems    []string      `json:"problems,omitempty"` // cases that were left out
	Counts      []Count       `json:"counts"`
	Findings    []Finding     `json:"findings"`
	Mutants     []Outcome     `json:"mutants"`
}

// Case is one that was mutated.
type Case struct {
	Label   string `json:"label"`
	Path    string `json:"path"`
	Name    string `json:"name,omitempty"`
	Outcome string `json:"outcome"` // of the baseline
	LetIn   bool   `json:"let_in"`
	// Print says what the outcomes rest on: scenario, plugins, configuration.
	Print string `json:"print"`
}

// Count is how many mutants had a verdict.
type Count struct {
	Verdict Verdict `json:"verdict"`
	Mutants int     `json:"mutants"`
}

func caseOf(b *baseline) Case {
	return Case{Label: b.c.Label(), Path: b.c.Path, Name: b.c.Name, Outcome: b.played().Outcome.String(), LetIn: b.letIn, Print: b.print()}
}

func (r *Report) finish(problems []error) {
	for _, err := range problems {
		r.Problems = append(r.Problems, err.Error())
	}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	if r.Mutants == nil {
		r.Mutants = []Outcome{}
	}
	for _, v := range Verdicts() {
		n := 0
		for _, o := range r.Mutants {
			if o.Verdict == v {
				n++
			}
		}
		if n > 0 {
			r.Counts = append(r.Counts, Count{v, n})
		}
	}
}

// Confirmed are the findings that count.
func (r *Report) Confirmed() (out []Finding) {
	for _, f := range r.Findings {
		if f.Confirmed || r.Interrupted {
			out = append(out, f)
		}
	}
	return out
}

// The exit codes, as those of plugin test.
const (
	CodeFound       = 1
	CodeBroken      = 4
	CodeInterrupted = 130
)

// ExitCode is that of a run: interrupted before anything else, then what could not be
// played, then findings.
func (r *Report) ExitCode() int {
	switch {
	case r.Interrupted:
		return CodeInterrupted
	case len(r.Problems) > 0 || slices.ContainsFunc(r.Mutants, func(o Outcome) bool { return o.Verdict == Broken }):
		return CodeBroken
	case len(r.Confirmed()) > 0:
		return CodeFound
	}
	return 0
}

// JSON writes the report, which Read reads again.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// maxReport is the size up to which an earlier report is read.
const maxReport = 256 << 20

// Read reads an earlier report.
func Read(r io.Reader) (*Report, error) {
	var out Report
	d := json.NewDecoder(io.LimitReader(r, maxReport))
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("this is no report of plugin mutate: %w", err)
	}
	if out.Cases == nil || out.Mutants == nil {
		return nil, errors.New("this is no report of plugin mutate: it has no cases and no mutants")
	}
	return &out, nil
}

// Summary is the closing line.
func (r *Report) Summary() string {
	parts := []string{}
	for _, c := range r.Counts {
		parts = append(parts, fmt.Sprintf("%d %s", c.Mutants, c.Verdict))
	}
	text := fmt.Sprintf("%d mutants in %s: %s; %s", len(r.Mutants), r.Took.Round(100*time.Millisecond), strings.Join(parts, ", "), plural(len(r.Confirmed()), "finding"))
	if r.Interrupted {
		text = "interrupted: " + text
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
