// Package verdict is what an upload check has to say: every problem at once,
// each with where it is, what is wrong and what to do.
package verdict

import (
	"fmt"
	"strings"
)

// Severity says whether a problem stops the upload.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the box refuses the package
	Warning Severity = "warning" // the box takes it, the author should know
)

// Problem is one thing wrong with a package.
type Problem struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`           // stable, for machines: "manifest-missing"
	File     string   `json:"file,omitempty"` // inside the package
	Line     int      `json:"line,omitempty"`
	Text     string   `json:"text"`
	Hint     string   `json:"hint,omitempty"` // what to do about it
}

// String is "MANIFEST:3: error: text (hint)".
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s: %s", p.Severity, p.Text)
	if p.Hint != "" {
		fmt.Fprintf(&b, " (%s)", p.Hint)
	}
	return b.String()
}

// Verdict is the outcome of a check, in the order in which things were found.
type Verdict struct {
	Problems []Problem `json:"problems"`
}

// most is how many problems of one severity are kept; a package may have millions.
const most = 200

// OK reports whether the box would take the package.
func (v Verdict) OK() bool { return len(v.Errors()) == 0 }

// Errors are the problems that stop the upload.
func (v Verdict) Errors() []Problem { return v.of(Error) }

// Warnings are the problems that do not.
func (v Verdict) Warnings() []Problem { return v.of(Warning) }

func (v Verdict) of(s Severity) []Problem {
	var out []Problem
	for _, p := range v.Problems {
		if p.Severity == s {
			out = append(out, p)
		}
	}
	return out
}

// Has reports whether a problem with this code was found.
func (v Verdict) Has(code string) bool {
	for _, p := range v.Problems {
		if p.Code == code {
			return true
		}
	}
	return false
}

// Add appends p; without a severity it is an error. Of many of one severity the
// first are kept, and one that says so.
func (v *Verdict) Add(p Problem) {
	if p.Severity == "" {
		p.Severity = Error
	}
	n := 0
	for i := range v.Problems {
		if v.Problems[i].Severity == p.Severity {
			n++
		}
	}
	switch {
	case n < most:
		v.Problems = append(v.Problems, p)
	case n == most:
		v.Problems = append(v.Problems, Problem{Severity: p.Severity, Code: "more", Text: "there are more like these", Hint: "mend these first"})
	}
}
