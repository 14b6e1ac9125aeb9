// Package junit writes results in the form that CI systems read: the elements and
// attributes of the schema of Jenkins (junit-10.xsd of its xunit plugin), with those that
// Ant's schema demands besides.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// Suite is a group of results.
type Suite struct {
	Name  string
	Began time.Time // zero: not known
	Cases []Case
}

// Case is one result; without Failure, Error and Skipped it is a success. Its time counts
// whatever became of it.
type Case struct {
	Class, Name             string
	Took                    time.Duration
	Failure, Error, Skipped *Message
	Out                     string
}

// Message says what is wrong: its sort, in a line, and at length.
type Message struct{ Type, Headline, Text string }

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

// Write writes suites as one document of a name. Who reads it knows a test by its class
// and its name and keeps one of each, so that a second one gets a number.
func Write(w io.Writer, name string, all []Suite) error {
	out := suites{Name: Legal(name), Suites: []suite{}}
	taken := map[[2]string]bool{}
	var total time.Duration
	for i, s := range all {
		x := suite{Name: Legal(s.Name), ID: i, Package: "counterpart", Hostname: "localhost", Timestamp: stamp(s.Began), Tests: len(s.Cases), Cases: []testcase{}}
		var took time.Duration
		for _, c := range s.Cases {
			took += c.Took
			x.add(c, taken)
		}
		x.Time = seconds(took)
		total += took
		out.Tests, out.Failures, out.Errors = out.Tests+x.Tests, out.Failures+x.Failures, out.Errors+x.Errors
		out.Suites = append(out.Suites, x)
	}
	out.Time = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// add puts a case into the suite, under a class and a name that are not taken yet.
func (x *suite) add(c Case, taken map[[2]string]bool) {
	t := testcase{Class: Legal(c.Class), Name: Legal(c.Name), Time: seconds(c.Took), Out: Legal(c.Out),
		Failure: c.Failure.legal(), Error: c.Error.legal(), Skipped: c.Skipped.legal()}
	name := t.Name
	for n := 2; taken[[2]string{t.Class, t.Name}]; n++ {
		t.Name = fmt.Sprintf("%s (%d)", name, n)
	}
	taken[[2]string{t.Class, t.Name}] = true
	switch {
	case t.Failure != nil:
		x.Failures++
	case t.Error != nil:
		x.Errors++
	case t.Skipped != nil:
		x.Skipped++
	}
	x.Cases = append(x.Cases, t)
}

func (m *Message) legal() *message {
	if m == nil {
		return nil
	}
	return &message{Type: Legal(m.Type), Message: Legal(m.Headline), Text: Legal(m.Text)}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// Legal is a text without what XML cannot hold.
func Legal(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r >= 0x20 && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return '�'
	}, strings.ToValidUTF8(s, "�"))
}

// Class is the path of a file as a class, for CI systems take what is before the
// last dot for a package: plugins/otp/scenarios/push.yaml is plugins.otp.scenarios.push.
func Class(path string) string {
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
	return strings.Join(parts, ".")
}
