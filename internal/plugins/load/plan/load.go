// Package plan reads the plans of load tests: strict YAML, with the place of every
// mistake, all of them at once.
package plan

import (
	"context"
	_ "embed" // the example
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"counterpart/internal/plugins/load/step"
	"counterpart/internal/serving/strictyaml"
	"counterpart/seed"
)

// Plan is a plan that is in order.
type Plan struct {
	File
	Name string // of the file, as people know it
	Dir  string // what its own paths are relative to

	root *strictyaml.Node
}

// maxFile bounds a plan, in octets.
const maxFile = 1 << 20

// Read reads a plan from a file.
func Read(path string) (*Plan, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("there is no plan %s", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file; name the plan", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the plan: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the plan: %w", err)
	}
	return Parse(path, filepath.Dir(path), text)
}

// Parse reads the text of a plan. The error is a *seed.Error with everything that is
// wrong, or says in the same form why nothing could be read.
func Parse(name, dir string, text []byte) (*Plan, error) {
	wrong := &strictyaml.Errors{}
	root := strictyaml.Parse(context.Background(), text, strictyaml.Config{What: "plan", Empty: "`counterpart load init` writes one", Limits: strictyaml.SmallLimits()},
		func(_ *strictyaml.Node, p strictyaml.Problem) { wrong.Add(p) })
	if len(wrong.Problems) > 0 {
		return nil, errors.New(wrong.In(name))
	}
	if root.Kind != strictyaml.Mapping {
		return nil, fmt.Errorf("%s:%d:%d: a plan is a block of keys, not %s", name, root.Line, root.Column, root.Kind)
	}
	p := &Plan{Name: name, Dir: dir, root: root}
	r := &seed.BlockReader{File: func(*strictyaml.Node) string { return name }, Value: func(n *strictyaml.Node) any { return n }}
	var problems []seed.Problem
	var list *seed.Error
	switch err := r.Read(root, &p.File); {
	case errors.As(err, &list):
		problems = append(problems, list.Problems...)
	case err != nil:
		return nil, err
	}
	p.place()
	c := &checker{p: p, broken: places(problems)}
	c.check()
	if problems = append(problems, c.problems...); len(problems) == 0 {
		return p, nil
	}
	return nil, seed.Merge(&seed.Error{Problems: problems})
}

// place tells each step where it stands.
func (p *Plan) place() {
	for i := range p.Journeys {
		j := &p.Journeys[i]
		for k := range j.Steps {
			s := &j.Steps[k]
			n := p.root.Get("journeys").Item(i).Get("steps").Item(k)
			s.Journey, s.Number, s.Pos = j.Name, k, p.Where(n)
		}
	}
}

// Where is where a value stands: file:line:column.
func (p *Plan) Where(n *strictyaml.Node) string {
	if n == nil {
		return p.Name
	}
	return seed.Pos{File: p.Name, Line: n.Line, Column: n.Column}.String()
}

// MomentAt is where a moment stands.
func (p *Plan) MomentAt(i int) string { return p.Where(p.root.Get("at").Item(i)) }

// ExpectationAt is where an expectation stands.
func (p *Plan) ExpectationAt(i int) string { return p.Where(p.root.Get("expect").Item(i)) }

// Problem is a mistake that shows only when the fleet is known, at the value of a path such
// as journeys[0].steps[1].to, or as far along it as the plan goes.
func (p *Plan) Problem(path, message, hint string) seed.Problem {
	out := seed.Problem{File: p.Name, Line: 1, Column: 1, Path: path, Message: message, Hint: hint}
	n := p.root
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		next := n.Get(part)
		if n.Kind == strictyaml.List {
			i := 0
			fmt.Sscanf(part, "%d", &i)
			next = n.Item(i)
		}
		if next == nil {
			break
		}
		n = next
	}
	out.Line, out.Column = n.Line, n.Column
	return out
}

// StepPath is the path of a step.
func (p *Plan) StepPath(s *step.Spec) string {
	i := slices.IndexFunc(p.Journeys, func(j Journey) bool { return j.Name == s.Journey })
	return fmt.Sprintf("journeys[%d].steps[%d]", i, s.Number)
}

// docs describe plans to people and editors.
func docs() seed.BlockDocs {
	return seed.BlockDocs{Title: "Counterpart load plan", Top: File{},
		About: "The keys of a plan. The order of keys means nothing; a key that is not listed is a mistake."}
}

// Schema is the JSON Schema of plans, for editors.
func Schema() ([]byte, error) { return docs().Schema() }

// Reference is the documentation of all keys in Markdown.
func Reference() string { return docs().Reference() }

// Keys are the paths of all keys: journeys[].steps[].http.path.
func Keys() []string { return docs().Keys() }

// Hole is a {{ hole }} of a step, and where the text stands that it is in.
type Hole struct {
	Name         string
	Line, Column int
}

// Holes are those of all steps, each once.
func (p *Plan) Holes() (out []Hole) {
	seen := map[string]bool{}
	var walk func(n *strictyaml.Node)
	walk = func(n *strictyaml.Node) {
		if n.Kind == strictyaml.Text && strings.Contains(n.Text, "{{") {
			t, _ := step.Compile(n.Text, nil)
			for _, name := range t.Holes() {
				if !seen[name] {
					seen[name] = true
					out = append(out, Hole{name, n.Line, n.Column})
				}
			}
		}
		for _, e := range n.Entries {
			walk(e.Value)
		}
		for _, i := range n.Items {
			walk(i)
		}
	}
	if n := p.root.Get("journeys"); n != nil {
		walk(n)
	}
	return out
}

// NeedsFleet reports a plan with steps that go to servers of a fleet.
func (f *File) NeedsFleet() bool {
	for _, j := range f.Journeys {
		for i := range j.Steps {
			s := &j.Steps[i]
			if _, outside := f.Targets[s.To]; s.Kind() != "pause" && !outside {
				return true
			}
		}
	}
	return len(f.At) > 0
}

// Constant puts a constant rate in the place of the plan's arrival, by default for as long.
func (p *Plan) Constant(rate float64, length time.Duration) error {
	if length == 0 {
		length = p.Length()
	}
	p.Arrival, p.Closed = []Stage{{Rate: rate, For: length}}, nil
	if p.WarmUp >= length {
		p.WarmUp = length / 10
	}
	c := &checker{p: p}
	c.check()
	if len(c.problems) > 0 {
		return seed.Merge(&seed.Error{Problems: c.problems})
	}
	return nil
}

//go:embed example.yaml
var example []byte

// Example is a commented plan to start from.
func Example() []byte { return example }
