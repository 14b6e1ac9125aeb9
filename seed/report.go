package seed

import "math"

// reporter collects problems. Values that aliases repeat would say the same
// twice; asError sees to that.
type reporter struct {
	file     string
	problems []Problem
	last     int // the highest line with a problem
}

// full reports whether another problem would not be kept.
func (r *reporter) full() bool { return len(r.problems) >= maxProblems }

// maxProblems bounds what one file can make us remember.
const maxProblems = 1000

func (r *reporter) add(p Problem) {
	if r.full() {
		if len(r.problems) == maxProblems {
			r.problems = append(r.problems, Problem{File: r.file, Line: r.last, Column: math.MaxInt32, Message: "more mistakes follow", Hint: "mend these first"})
		}
		return
	}
	p.File = r.file
	p.Line, p.Column = max(p.Line, 1), max(p.Column, 1)
	r.last = max(r.last, p.Line)
	r.problems = append(r.problems, p)
}

// at reports a problem of a place that is no value.
func (r *reporter) at(line, col int, message, hint string) {
	r.add(Problem{Line: line, Column: col, Message: message, Hint: hint})
}

// node reports a problem of a value.
func (r *reporter) node(n *node, message, hint string) {
	p := Problem{Message: message, Hint: hint}
	if n != nil {
		p.Line, p.Column, p.Path = n.line, n.col, n.path()
	}
	r.add(p)
}
