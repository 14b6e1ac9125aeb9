package strictyaml

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Errors is everything that is wrong with a text, in the order of the file; the
// first MaxProblems of it.
type Errors struct {
	Problems []Problem
	More     int // mistakes that are not among them
}

// Error is one line per problem: line:column: what, and what was meant.
func (e *Errors) Error() string { return e.In("") }

// In is Error with the name of a file before each place.
func (e *Errors) In(file string) string {
	if file != "" {
		file += ":"
	}
	lines := make([]string, len(e.Problems))
	for i := range e.Problems {
		lines[i] = file + e.Problems[i].Error()
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("%s %d more mistakes follow, mend these first", file, e.More))
	}
	return strings.Join(lines, "\n")
}

// Add keeps a problem, or counts it when there are many.
func (e *Errors) Add(p Problem) {
	if len(e.Problems) >= MaxProblems {
		e.More++
		return
	}
	e.Problems = append(e.Problems, p)
}

// Decode reads a text into v by the yaml tags of its fields; a key without a
// field is a mistake. It returns the tree, too. The error is an *Errors.
func Decode(ctx context.Context, text []byte, c Config, v any) (*Node, error) {
	wrong := &Errors{}
	body, p := compose(ctx, text, c)
	if p != nil {
		return nil, &Errors{Problems: []Problem{*p}}
	}
	// The tree is made first: it finds what would make the library's own decoder
	// work for long, such as aliases in aliases.
	r := newReader(ctx, text, c, func(_ *Node, p Problem) { wrong.Add(p) })
	r.kept = 1
	root := r.tree(body)
	if len(wrong.Problems) > 0 {
		return nil, wrong
	}
	if body == nil {
		return root, nil
	}
	err := load(body, v, c)
	var many *yaml.LoadErrors
	switch {
	case errors.As(err, &many):
		known := knownKeys(reflect.TypeOf(v))
		for _, e := range many.Errors {
			if len(wrong.Problems) == MaxProblems { // finding what was meant takes time
				wrong.More++
				continue
			}
			p := Problem{Line: max(e.Mark.Line, 1), Column: max(e.Mark.Column, 1)}
			p.Message, p.Hint = misfit(e.Message, known)
			wrong.Add(p)
		}
		return nil, wrong
	case err != nil:
		return nil, &Errors{Problems: []Problem{*explain(err, text, c)}}
	}
	return root, nil
}

// load runs the library's decoder. A defect of it must not be one of ours.
func load(body *yaml.Node, v any, c Config) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("not readable")
		}
	}()
	// Equal keys have been found: the library compares each with each.
	return body.Load(v, yaml.WithKnownFields(), yaml.WithUniqueKeys(false), yaml.WithPlugin(&limiter{depth: 2 * c.Limits.Depth}))
}

// misfit words what the library's decoder says.
func misfit(message string, known []string) (what, hint string) {
	message = firstLine(message)
	if key, _, ok := strings.Cut(message, " not found in type "); ok {
		key = strings.TrimPrefix(key, "field ")
		if best, ok := Nearest(key, known); ok {
			hint = fmt.Sprintf("did you mean `%s`?", best)
		}
		return fmt.Sprintf("unknown key `%s`", Short(key)), hint
	}
	if what, into, ok := strings.Cut(strings.TrimPrefix(message, "cannot construct "), " into "); ok {
		return strings.TrimPrefix(what, "!!") + " does not fit here", "the value is a Go " + Short(into)
	}
	return message, ""
}

// knownKeys are the keys of a type and of those in it, sorted.
func knownKeys(t reflect.Type) []string {
	known := map[string]bool{}
	keys(t, known)
	return slices.Sorted(maps.Keys(known))
}

// keys gathers the keys of a type and of those in it.
func keys(t reflect.Type, known map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		keys(t.Elem(), known)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == "" && options == "" || known[name] {
				continue
			}
			if name != "" {
				known[name] = true
			}
			keys(f.Type, known)
		}
	}
}
