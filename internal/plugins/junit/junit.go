// Package junit writes results in the form that CI systems read.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// Suite is a group of results.
type Suite struct {
	Name  string
	Cases []Case
}

// Case is one result; without Failure and Error it is a success.
type Case struct {
	Class, Name    string
	Took           time.Duration
	Failure, Error *Message
	Out            string
}

// Message says what is wrong: in a line, and at length.
type Message struct{ Headline, Text string }

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

// Write writes suites as one document.
func Write(w io.Writer, all []Suite) error {
	var out suites
	for _, s := range all {
		x := suite{Name: Legal(s.Name), Tests: len(s.Cases)}
		var total time.Duration
		for _, c := range s.Cases {
			total += c.Took
			t := testcase{Class: Legal(c.Class), Name: Legal(c.Name), Time: seconds(c.Took), Out: Legal(c.Out)}
			if c.Failure != nil {
				t.Failure = &message{Legal(c.Failure.Headline), Legal(c.Failure.Text)}
				x.Failures++
			}
			if c.Error != nil {
				t.Error = &message{Legal(c.Error.Headline), Legal(c.Error.Text)}
				x.Errors++
			}
			x.Cases = append(x.Cases, t)
		}
		x.Time = seconds(total)
		out.Suites = append(out.Suites, x)
	}
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

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// Legal is a text without what XML cannot hold.
func Legal(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r >= 0x20 && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return '�'
	}, s)
}
