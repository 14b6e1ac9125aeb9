package scenario

import (
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// What follows is the JUnit report as CI systems read it: the elements and
// attributes of the schema of Jenkins (junit-10.xsd of its xunit plugin), with
// those that Ant's schema demands besides.
type suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Time     string   `xml:"time,attr"`
	Suites   []suite  `xml:"testsuite"`
}

type suite struct {
	Name      string     `xml:"name,attr"`
	ID        int        `xml:"id,attr"`
	Package   string     `xml:"package,attr"`
	Hostname  string     `xml:"hostname,attr"`
	Timestamp string     `xml:"timestamp,attr"`
	Tests     int        `xml:"tests,attr"`
	Failures  int        `xml:"failures,attr"`
	Errors    int        `xml:"errors,attr"`
	Skipped   int        `xml:"skipped,attr"`
	Time      string     `xml:"time,attr"`
	Cases     []testcase `xml:"testcase"`
}

type testcase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Time    string   `xml:"time,attr"`
	Skipped *message `xml:"skipped,omitempty"`
	Error   *message `xml:"error,omitempty"`
	Failure *message `xml:"failure,omitempty"`
	Out     string   `xml:"system-out,omitempty"`
}

type message struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes results in the form that CI systems read. They know a test by its
// class and its name and keep one of each: so no two results have both the same.
func JUnit(w io.Writer, results []Result) error {
	s := suite{Name: "counterpart plugin test", Package: "counterpart", Hostname: "localhost", Timestamp: began(results).UTC().Format("2006-01-02T15:04:05"), Cases: []testcase{}}
	var total time.Duration
	taken := map[[2]string]bool{}
	for _, r := range results {
		total += r.Took
		c := r.testcase(taken)
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests, s.Time = len(results), seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	all := suites{Name: s.Name, Tests: s.Tests, Failures: s.Failures, Errors: s.Errors, Time: s.Time, Suites: []suite{s}}
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// began is when the first of them did.
func began(results []Result) time.Time {
	first := time.Unix(0, 0)
	for _, r := range results {
		if !r.Began.IsZero() && (first.Unix() == 0 || r.Began.Before(first)) {
			first = r.Began
		}
	}
	return first
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// testcase is a result under a class and a name that are not taken yet.
func (r Result) testcase(taken map[[2]string]bool) testcase {
	var out strings.Builder
	r.Print(&out)
	c := testcase{Class: class(r.Path), Name: legal(r.Title), Time: seconds(r.Took), Out: legal(out.String())}
	if r.Case != "" {
		c.Name += ": " + legal(r.Case)
	}
	if r.Mode == "worker" { // what is run as SPS runs it has the plain name
		c.Name += " [" + r.Mode + "]"
	}
	name := c.Name
	for n := 2; taken[[2]string{c.Class, c.Name}]; n++ {
		c.Name = fmt.Sprintf("%s (%d)", name, n)
	}
	taken[[2]string{c.Class, c.Name}] = true
	m := &message{Type: string(r.Verdict), Message: legal(r.headline()), Text: legal(out.String())}
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

// class is the path of a file as a class, for CI systems take what is before the
// last dot for a package: plugins/otp/scenarios/push.yaml is plugins.otp.scenarios.push.
func class(path string) string {
	path = filepath.ToSlash(filepath.Clean(path))
	if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
		path = strings.TrimSuffix(path, ext)
	}
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "." && part != ".." {
			parts = append(parts, strings.ReplaceAll(part, ".", "_"))
		}
	}
	if len(parts) == 0 {
		return "scenarios"
	}
	return legal(strings.Join(parts, "."))
}

// legal drops what XML cannot hold.
func legal(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r >= 0x20 && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return '�'
	}, strings.ToValidUTF8(s, "�"))
}
