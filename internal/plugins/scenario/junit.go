package scenario

import (
	"io"
	"strings"
	"time"

	"counterpart/internal/plugins/junit"
)

// JUnit writes results in the form that CI systems read.
func JUnit(w io.Writer, results []Result) error {
	const name = "counterpart plugin test"
	s := junit.Suite{Name: name, Began: began(results)}
	for _, r := range results {
		s.Cases = append(s.Cases, r.testcase())
	}
	return junit.Write(w, name, []junit.Suite{s})
}

// began is when the first of them did.
func began(results []Result) (first time.Time) {
	for _, r := range results {
		if !r.Began.IsZero() && (first.IsZero() || r.Began.Before(first)) {
			first = r.Began
		}
	}
	return first
}

// testcase is a result as CI systems know it.
func (r Result) testcase() junit.Case {
	var out strings.Builder
	r.Print(&out)
	c := junit.Case{Class: junit.Class(r.Path), Name: r.Title, Took: r.Took, Out: out.String()}
	if r.Case != "" {
		c.Name += ": " + r.Case
	}
	if r.Mode == "worker" { // what is run as SPS runs it has the plain name
		c.Name += " [" + r.Mode + "]"
	}
	m := &junit.Message{Type: string(r.Verdict), Headline: r.headline(), Text: out.String()}
	switch r.Verdict {
	case Passed:
	case Failed:
		c.Failure = m
	case Skipped:
		c.Skipped, m.Text = m, ""
	default:
		c.Error = m
	}
	return c
}
