package scenario

import (
	"encoding/json"
	"encoding/xml"
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
)

// Code is the exit code of a verdict (plugin host contract section 6.1).
func (v Verdict) Code() int {
	return map[Verdict]int{Passed: 0, Failed: 1, Rejected: 2, Crashed: 3, Broken: 4}[v]
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
	NotIsolated []string      `json:"not_isolated,omitempty"` // what plugins can do on this system although they should not
	// Disagrees: the case did what is expected, but not the same in both modes.
	Disagrees bool `json:"disagrees,omitempty"`

	played *pluginhost.Result
}

// Print writes a result for people: a line for a success, and for a failure
// what was expected, what happened, and the timeline around it.
func (r Result) Print(w io.Writer) {
	fmt.Fprintf(w, "%-8s %s (%s, %s)\n", r.Verdict, r.Label, r.Mode, r.Took.Round(time.Millisecond))
	for _, remark := range r.Review {
		fmt.Fprintf(w, "         remark: %s\n", remark)
	}
	if r.Verdict != Passed {
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
		fmt.Fprintf(w, "\n         %s\n           expected: %s\n           happened: %s\n", d.What, d.Want, d.Got)
		if d.Hint != "" {
			fmt.Fprintf(w, "           %s\n", d.Hint)
		}
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
func NotIsolated(results []Result) (out []string) {
	for _, r := range results {
		for _, gap := range r.NotIsolated {
			if !slices.Contains(out, gap) {
				out = append(out, gap)
			}
		}
	}
	return out
}

// JSON writes results as one array.
func JSON(w io.Writer, results []Result) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(results)
}

type suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []suite  `xml:"testsuite"`
}

type suite struct {
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Time     string     `xml:"time,attr"`
	Cases    []testcase `xml:"testcase"`
}

type testcase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Time    string   `xml:"time,attr"`
	Failure *message `xml:"failure,omitempty"`
	Error   *message `xml:"error,omitempty"`
	Out     string   `xml:"system-out,omitempty"`
}

type message struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes results in the form that CI systems read.
func JUnit(w io.Writer, results []Result) error {
	s := suite{Name: "counterpart plugin test", Tests: len(results)}
	var total time.Duration
	for _, r := range results {
		total += r.Took
		var out strings.Builder
		r.Print(&out)
		c := testcase{Class: r.Path, Name: r.Title, Time: fmt.Sprintf("%.3f", r.Took.Seconds()), Out: legal(out.String())}
		if r.Case != "" {
			c.Name += ": " + r.Case
		}
		m := &message{Message: legal(r.headline()), Text: legal(out.String())}
		switch r.Verdict {
		case Passed:
		case Failed:
			c.Failure = m
			s.Failures++
		default:
			c.Error = m
			s.Errors++
		}
		s.Cases = append(s.Cases, c)
	}
	s.Time = fmt.Sprintf("%.3f", total.Seconds())
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suites{Suites: []suite{s}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// headline is the first thing that is wrong.
func (r Result) headline() string {
	if len(r.Differences) > 0 {
		d := r.Differences[0]
		return fmt.Sprintf("%s: expected %s, happened %s", d.What, d.Want, d.Got)
	}
	return r.Problem
}

// legal drops what XML cannot hold.
func legal(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r >= 0x20 && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return '�'
	}, s)
}

// Summary is the closing line of a run, which CI systems look for.
func Summary(results []Result) string {
	passed := 0
	for _, r := range results {
		if r.Verdict == Passed {
			passed++
		}
	}
	return fmt.Sprintf("%d passed, %d failed", passed, len(results)-passed)
}

// ExitCode is the highest code of all results.
func ExitCode(results []Result) (code int) {
	for _, r := range results {
		code = max(code, r.Verdict.Code())
	}
	return code
}
