package mutation

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/plugins/junit"
	"counterpart/internal/plugins/sarif"
)

// JUnit writes every mutant as a test that fails if it belongs to a finding.
func (r *Report) JUnit(w io.Writer) error {
	const name = "counterpart plugin mutate"
	var all []junit.Suite
	for _, c := range r.Cases {
		s := junit.Suite{Name: name + ": " + c.Label}
		path, own, _ := strings.Cut(c.Label, ": ")
		for _, o := range r.Mutants {
			if o.Case != c.Label {
				continue
			}
			x := junit.Case{Class: junit.Class(path), Name: strings.TrimPrefix(fmt.Sprintf("%s: %s: %s [%s]", own, o.Name(), o.Detail, o.ID), ": "), Took: o.Took, Out: string(o.Verdict) + ": " + o.Why}
			if f := r.findingOf(o); f != nil {
				x.Failure = &junit.Message{Type: string(f.Verdict), Headline: string(f.Verdict) + ": " + o.Why, Text: f.Summary + "\n" + f.Command}
			} else if o.Verdict == Broken {
				x.Error = &junit.Message{Type: string(o.Verdict), Headline: o.Why, Text: o.Why}
			}
			s.Cases = append(s.Cases, x)
		}
		all = append(all, s)
	}
	if len(r.Problems) > 0 {
		s := junit.Suite{Name: name + ": what could not be mutated"}
		for i, p := range r.Problems {
			s.Cases = append(s.Cases, junit.Case{Class: "baseline", Name: strconv.Itoa(i + 1), Error: &junit.Message{Type: string(Broken), Headline: p, Text: p}})
		}
		all = append(all, s)
	}
	return junit.Write(w, name, all)
}

// findingOf is the confirmed finding that a mutant belongs to, the worst if there are more.
func (r *Report) findingOf(o Outcome) *Finding {
	for _, f := range r.Confirmed() {
		if slices.Contains(f.Mutants, o.ID) {
			return &f
		}
	}
	return nil
}

// rules are the verdicts of findings as SARIF has them.
var rules = []sarif.Rule{
	{ID: string(Open), Name: "FailsOpen", Level: sarif.Error, Short: "The user is let in although the answer says no, is about something else, or never came.",
		Help: "Let nobody in without an answer that was read as a whole, says yes, and is about this user and this request."},
	{ID: string(Hang), Name: "Hangs", Level: sarif.Error, Short: "A hook is not back in time when a system does not answer.",
		Help: "Give each request a time-out well below half of the proxy's."},
	{ID: string(Leak), Name: "LeavesBehind", Level: sarif.Error, Short: "An account, a token or a secret in the log is left behind.",
		Help: "Give back in session_ended what may have been taken, also when the answer that says so was lost; keep secrets out of messages."},
	{ID: string(Crash), Name: "Crashes", Level: sarif.Warning, Short: "A hook ends in an exception.",
		Help: "Refuse an answer that cannot be read; an exception ends the session without a reason, and what the cookie was to remember is lost."},
}

// SARIF writes the confirmed findings. A crash is shown where the exception came from, the
// others at the scenario.
func (r *Report) SARIF(w io.Writer) error {
	out := sarif.Report{Tool: "counterpart plugin mutate", Version: r.Version, Rules: rules, Successful: !r.Interrupted, ExitCode: r.ExitCode()}
	for _, f := range r.Confirmed() {
		x := sarif.Result{Rule: string(f.Verdict), Message: f.Summary + "\nTo repeat it: " + f.Command, Path: filepath.ToSlash(f.Path), Line: 1, Fingerprint: f.Mutants[0],
			Properties: map[string]any{"case": f.Case, "hook": f.Hook, "mutants": f.Mutants}}
		if file, line := f.source(); file != "" {
			x.Path, x.Line = file, line
		}
		x.Path = cmp.Or(x.Path, f.Case)
		out.Results = append(out.Results, x)
	}
	return sarif.Write(w, out)
}

// source is the line of the plugin that an exception came from, if it is a folder here.
func (f Finding) source() (path string, line int) {
	if f.first.base == nil || f.Line == "" {
		return "", 0
	}
	file, rest, _ := strings.Cut(f.Line, ":")
	number, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return "", 0
	}
	here, _ := os.Getwd()
	for _, dir := range f.first.base.c.Files() {
		full := filepath.Join(dir, filepath.FromSlash(file))
		if info, err := os.Stat(full); err != nil || info.IsDir() {
			continue
		}
		if abs, err := filepath.Abs(full); err == nil {
			if rel, err := filepath.Rel(here, abs); err == nil && !strings.HasPrefix(rel, "..") {
				return filepath.ToSlash(rel), n
			}
		}
		return filepath.ToSlash(full), n
	}
	return "", 0
}
