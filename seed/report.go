package seed

import (
	"fmt"
	"math"

	"counterpart/internal/serving/strictyaml"
)

// reporter collects problems. Values that aliases repeat would say the same
// twice; asError sees to that.
type reporter struct {
	file     string
	fileOf   func(*node) string // of a value, where several files were laid over each other; nil: file
	problems []Problem
	last     int // the highest line with a problem
	more     int // problems that were not kept
}

// full reports whether another problem would not be kept.
func (r *reporter) full() bool { return len(r.problems) >= maxProblems }

// maxProblems bounds what one file can make us remember.
const maxProblems = strictyaml.MaxProblems

// add keeps the first problems and counts the others.
func (r *reporter) add(p Problem) {
	if r.full() {
		if r.more++; r.more == 1 {
			r.problems = append(r.problems, Problem{File: r.file, Line: r.last, Column: math.MaxInt32, Hint: "mend these first"})
		}
		r.problems[maxProblems].Message = fmt.Sprintf("%d more mistakes follow", r.more)
		return
	}
	if p.File == "" {
		p.File = r.file
	}
	p.Line, p.Column = max(p.Line, 1), max(p.Column, 1)
	r.last = max(r.last, p.Line)
	r.problems = append(r.problems, p)
}

// of is the file that a value stands in.
func (r *reporter) of(n *node) string {
	if r.fileOf == nil {
		return r.file
	}
	return r.fileOf(n)
}

// node reports a problem of a value.
func (r *reporter) node(n *node, message, hint string) {
	p := Problem{Message: message, Hint: hint}
	if n != nil {
		p.File = r.of(n)
		p.Line, p.Column, p.Path = n.Line, n.Column, n.Path()
	}
	r.add(p)
}
