package seed

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a seed file. Lines and columns count from one; a column is
// a character, not an octet.
type Pos struct {
	File         string
	Line, Column int
}

// String is the form that editors and compilers agree on: file:line:column.
func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Problem is one mistake of a seed file, or one warning.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"` // users[2].devices[0].digits
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // the way out
}

// String is the problem in one line.
func (p Problem) String() string {
	s := Pos{p.File, p.Line, p.Column}.String() + ": " + p.Message
	if p.Hint != "" {
		s += ", " + p.Hint
	}
	return s
}

// Pos is where it stands: file:line:column.
func (p Problem) Pos() string { return Pos{p.File, p.Line, p.Column}.String() }

// Error is everything that is wrong with a seed, in the order of the file.
type Error struct{ Problems []Problem }

// Error is one line per problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Merge gathers the problems of several Decode calls into one error, so that a
// fleet can report the mistakes of all its servers at once. Errors of another
// kind are joined to it. It returns nil when all errs are nil.
func Merge(errs ...error) error {
	var all []Problem
	var others []error
	for _, err := range errs {
		var e *Error
		switch {
		case err == nil:
		case errors.As(err, &e):
			all = append(all, e.Problems...)
		default:
			others = append(others, err)
		}
	}
	if err := asError(all); err != nil {
		others = append([]error{err}, others...)
	}
	return errors.Join(others...)
}

// asError sorts problems by position; none of them is no error.
func asError(list []Problem) error {
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	// One thing reached twice, through an alias of YAML, is wrong once.
	seen := make(map[Problem]bool, len(list))
	list = slices.DeleteFunc(list, func(p Problem) bool {
		p.Path = ""
		again := seen[p]
		seen[p] = true
		return again
	})
	return &Error{list}
}
