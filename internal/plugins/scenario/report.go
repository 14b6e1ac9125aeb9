package scenario

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

// Verdict is how a case ended; it decides the exit code.
type Verdict string

// The verdicts.
const (
	Passed   Verdict = "passed"
	Failed   Verdict = "failed"   // an expectation does not hold
	Rejected Verdict = "rejected" // SPS would not take the plugin
	Crashed  Verdict = "crashed"  // a hook ended in an error that was not expected
	Broken   Verdict = "broken"   // the scenario or the host is at fault
	Skipped  Verdict = "skipped"  // it was not run, because another one did not pass
)

// Code is the exit code of a verdict (plugin host contract section 6.1).
func (v Verdict) Code() int {
	return map[Verdict]int{Passed: 0, Skipped: 0, Failed: 1, Rejected: 2, Crashed: 3, Broken: 4}[v]
}

// Moment is one line of a case's timeline.
type Moment struct {
	At     time.Duration `json:"at_ns"`  // since the case began
	Source string        `json:"source"` // hook, log, prompt, or the server's name
	Text   string        `json:"text"`
}

// Result is what became of a case.
type Result struct {
	Label       string        `json:"label"`
	Title       string        `json:"title"`
	Path        string        `json:"path"`
	Case        string        `json:"case,omitempty"`
	Mode        string        `json:"mode"`
	Verdict     Verdict       `json:"verdict"`
	Problem     string        `json:"problem,omitempty"` // of a verdict other than passed and failed
	Differences []Difference  `json:"differences"`
	Review      []string      `json:"review"` // what a reviewer would say
	Timeline    []Moment      `json:"timeline"`
	Took        time.Duration `json:"took_ns"`
	Began       time.Time     `json:"began"`
	Hooks       []HookTime    `json:"hooks,omitempty"`        // how long each call took, in order
	NotIsolated []string      `json:"not_isolated,omitempty"` // what plugins can do on this system although they should not
	// Disagrees: the case did what is expected, but not the same in both modes.
	Disagrees bool `json:"disagrees,omitempty"`
	// Interrupted: somebody gave up while it ran, and the session was ended as if the
	// user had hung up.
	Interrupted bool     `json:"interrupted,omitempty"`
	Unreadable  bool     `json:"unreadable,omitempty"` // its file, or the case in it, is not in order
	Notes       []string `json:"notes,omitempty"`      // where this host is not the box that it plays
	Masked      bool     `json:"masked,omitempty"`     // a secret is hidden in what is said

	Fleet string `json:"-"` // of which fleet it was; cases of one fleet have it one after the other

	played *pluginhost.Result
	mask   *mask
}

// HookTime is where the time of one call of a hook went. In worker mode only the
// call that found no idle interpreter pays for its start and the imports.
type HookTime struct {
	Plugin    string          `json:"plugin"`
	Hook      pluginhost.Hook `json:"hook"`
	Took      time.Duration   `json:"took_ns"`
	Start     time.Duration   `json:"start_ns"`
	Import    time.Duration   `json:"import_ns"`
	Construct time.Duration   `json:"construct_ns"`
	Run       time.Duration   `json:"run_ns"`
}

// timesOf are those of a session.
func timesOf(p *pluginhost.Result) (out []HookTime) {
	for _, c := range p.Calls {
		out = append(out, HookTime{c.Plugin, c.Hook, c.Took, c.Split.Start, c.Split.Import, c.Split.Construct, c.Split.Hook})
	}
	return out
}

// Print writes a result for people: a line for a success, and for a failure
// what was expected, what happened, and the timeline around it.
func (r Result) Print(w io.Writer) {
	fmt.Fprintf(w, "%-8s %s (%s, %s)\n", r.Verdict, r.Label, r.Mode, r.Took.Round(time.Millisecond))
	for _, remark := range r.Review {
		fmt.Fprintf(w, "         remark: %s\n", remark)
	}
	if r.Verdict != Passed && r.Verdict != Skipped {
		r.details(w)
	}
}

// PrintAll is Print with the timeline of a success, too.
func (r Result) PrintAll(w io.Writer) {
	r.Print(w)
	if r.Verdict == Passed {
		r.details(w)
	}
}

func (r Result) details(w io.Writer) {
	if r.Problem != "" {
		fmt.Fprintf(w, "         %s\n", strings.ReplaceAll(r.Problem, "\n", "\n         "))
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "\n         %s\n           expected: %s\n           happened: %s\n", strings.TrimSuffix(d.What+" ("+d.At+")", " ()"), d.Want, d.Got)
		if d.Hint != "" {
			fmt.Fprintf(w, "           %s\n", d.Hint)
		}
	}
	if len(r.Timeline) == 0 {
		return
	}
	fmt.Fprint(w, "\n         timeline\n")
	for _, m := range shorten(r.Timeline) {
		fmt.Fprintf(w, "         %8s  %-12s %s\n", m.At.Round(time.Millisecond), m.Source, oneLine(m.Text))
	}
	fmt.Fprintln(w)
}

// longest timeline that is printed: its head and its tail.
const mostMoments = 120

func shorten(t []Moment) []Moment {
	if len(t) <= mostMoments {
		return t
	}
	half := mostMoments / 2
	gap := Moment{At: t[half].At, Source: "…", Text: fmt.Sprintf("%d lines left out; --json has them", len(t)-mostMoments)}
	return append(append(append([]Moment{}, t[:half]...), gap), t[len(t)-half:]...)
}

func oneLine(s string) string {
	s = strings.ReplaceAll(s, "\n", " ⏎ ")
	if r := []rune(s); len(r) > 300 {
		return string(r[:300]) + " …"
	}
	return s
}

// NotIsolated is what plugins could do although they should not, said once for
// all results.
func NotIsolated(results []Result) []string {
	return once(results, func(r Result) []string { return r.NotIsolated })
}

// Notes is where the host was not the box that it plays, said once for all results.
func Notes(results []Result) []string {
	return once(results, func(r Result) []string { return r.Notes })
}

// once are the texts of all results, each once.
func once(results []Result, of func(Result) []string) (out []string) {
	for _, r := range results {
		for _, text := range of(r) {
			if !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}

// Masked reports whether a secret is hidden in what is said of a result that
// somebody has to look into.
func Masked(results []Result) bool {
	return slices.ContainsFunc(results, func(r Result) bool { return r.Masked && r.Verdict.Code() != 0 })
}

// JSON writes results as one array, which may be empty.
func JSON(w io.Writer, results []Result) error {
	if results == nil {
		results = []Result{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(results)
}

// headline is the first thing that is wrong.
func (r Result) headline() string {
	if len(r.Differences) > 0 {
		d := r.Differences[0]
		return fmt.Sprintf("%s: expected %s, happened %s", d.What, d.Want, d.Got)
	}
	return r.Problem
}

// Summary is the closing line of a run, which CI systems look for.
func Summary(results []Result) string {
	passed, skipped := 0, 0
	for _, r := range results {
		switch r.Verdict {
		case Passed:
			passed++
		case Skipped:
			skipped++
		}
	}
	out := fmt.Sprintf("%d passed, %d failed", passed, len(results)-passed-skipped)
	if skipped > 0 {
		out += fmt.Sprintf(", %d not run", skipped)
	}
	return out
}

// ExitCode is the highest code of all results.
func ExitCode(results []Result) (code int) {
	for _, r := range results {
		code = max(code, r.Verdict.Code())
	}
	return code
}
