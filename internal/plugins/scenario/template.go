package scenario

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/serving/strictyaml"
)

// values is the tree that {{ … }} looks into: maps, lists, texts, numbers, and
// functions of no argument for what is known only when it is asked for (the
// code that a device shows now).
type values map[string]any

var hole = regexp.MustCompile(`\{\{\s*(.*?)\s*\}\}`)

// holeError is a hole that cannot be filled.
type holeError struct {
	hole string // as it stands in the text
	err  error
}

// Error implements error.
func (e *holeError) Error() string { return e.err.Error() }

// fill replaces each {{ path }} in s. An error is a *holeError.
func (v values) fill(s string) (string, error) {
	var first error
	out := hole.ReplaceAllStringFunc(s, func(h string) string {
		text, err := v.look(hole.FindStringSubmatch(h)[1])
		if err != nil && first == nil {
			first = &holeError{h, err}
		}
		return text
	})
	return out, first
}

// fillConfig is fill for a plugin's configuration: a hole in a comment that cannot
// be filled stays as it is.
func (v values) fillConfig(s string) (string, error) {
	if !strings.Contains(s, "{{") {
		return s, nil
	}
	lines := strings.SplitAfter(s, "\n")
	for i, line := range lines {
		filled, err := v.fill(line)
		comment := strings.TrimLeft(line, " \t")
		switch {
		case err == nil:
			lines[i] = filled
		case !strings.HasPrefix(comment, "#") && !strings.HasPrefix(comment, ";"):
			return "", err
		}
	}
	return strings.Join(lines, ""), nil
}

// fillNode is a tree with its texts filled; wrong hears of the holes that cannot be.
func (v values) fillNode(n *strictyaml.Node, filled map[*strictyaml.Node]bool, wrong func(n *strictyaml.Node, e *holeError)) *strictyaml.Node {
	out := *n
	switch {
	case n.Kind == strictyaml.Text && strings.Contains(n.Text, "{{"):
		fill := v.fill
		if n.Name == "config" {
			fill = v.fillConfig
		}
		text, err := fill(n.Text)
		var bad *holeError
		if errors.As(err, &bad) {
			wrong(n, bad)
		}
		out.Text, filled[&out] = text, true
	case len(n.Entries) > 0:
		out.Entries = make([]strictyaml.Entry, len(n.Entries))
		for i, e := range n.Entries {
			e.Value = v.fillNode(e.Value, filled, wrong)
			out.Entries[i] = e
		}
	case len(n.Items) > 0:
		out.Items = make([]*strictyaml.Node, len(n.Items))
		for i, c := range n.Items {
			out.Items[i] = v.fillNode(c, filled, wrong)
		}
	}
	return &out
}

// look resolves one path: words, dots, ["…"] and [n].
func (v values) look(path string) (string, error) {
	if text, ok := strings.CutPrefix(path, `"`); ok { // a text as it is: {{ "{{" }}
		if text, ok := strings.CutSuffix(text, `"`); ok {
			return text, nil
		}
	}
	steps, err := split(path)
	if err != nil {
		return "", err
	}
	var at any = map[string]any(v)
	for i, s := range steps {
		next, ok := step(at, s)
		if !ok {
			return "", fmt.Errorf("{{ %s }}: there is no %q%s%s", path, s, offers(at, strings.Join(steps[:i], ".")), meant(at, s))
		}
		at = next
	}
	switch x := at.(type) {
	case func() (string, error):
		return x()
	case string:
		return x, nil
	case map[string]any, values, []any, func(string) (any, bool):
		return "", fmt.Errorf("{{ %s }} is not a single value%s", path, offers(at, path))
	case nil:
		return "", nil
	}
	return fmt.Sprint(at), nil
}

func step(at any, s string) (any, bool) {
	switch x := at.(type) {
	case values:
		v, ok := x[s]
		return v, ok
	case map[string]any:
		v, ok := x[s]
		return v, ok
	case func(string) (any, bool): // too many to list
		return x(s)
	case []any:
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n >= len(x) {
			return nil, false
		}
		return x[n], true
	}
	return nil, false
}

// meant is the key that somebody may have mistyped.
func meant(at any, s string) string {
	m, ok := at.(map[string]any)
	if !ok {
		return ""
	}
	if best, near := strictyaml.Nearest(s, sortedKeys(m)); near {
		return fmt.Sprintf("; did you mean %s?", best)
	}
	return ""
}

// offers lists what could have been asked for.
func offers(at any, where string) string {
	var keys []string
	switch x := at.(type) {
	case map[string]any:
		for k := range x {
			keys = append(keys, k)
		}
	case values:
		for k := range x {
			keys = append(keys, k)
		}
	default:
		return ""
	}
	slices.Sort(keys)
	if len(keys) > 12 {
		keys = append(keys[:12], "…")
	}
	if where == "" {
		where = "the top"
	}
	return fmt.Sprintf("; at %s there are %s", where, strings.Join(keys, ", "))
}

// split cuts a path like vault["kv/users/root"].password into its words.
func split(path string) ([]string, error) {
	bad := fmt.Errorf("{{ %s }} is no path like radius.host or users[\"alice\"].password", path)
	var out []string
	for rest := path; rest != ""; {
		switch {
		case strings.HasPrefix(rest, `["`):
			word, after, closed := strings.Cut(rest[2:], `"]`)
			if !closed {
				return nil, bad
			}
			out, rest = append(out, word), after
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 2 {
				return nil, bad
			}
			out, rest = append(out, rest[1:end]), rest[end+1:]
		default:
			rest = strings.TrimPrefix(rest, ".")
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, bad
			}
			out, rest = append(out, rest[:end]), rest[end:]
		}
	}
	if len(out) == 0 {
		return nil, bad
	}
	return out, nil
}
