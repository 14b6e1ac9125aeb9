package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// values is the tree that {{ … }} looks into: maps, lists, texts, numbers, and
// functions of no argument for what is known only when it is asked for (the
// code that a device shows now).
type values map[string]any

var hole = regexp.MustCompile(`\{\{\s*(.*?)\s*\}\}`)

// fill replaces each {{ path }} in s.
func (v values) fill(s string) (string, error) {
	var first error
	out := hole.ReplaceAllStringFunc(s, func(h string) string {
		text, err := v.look(hole.FindStringSubmatch(h)[1])
		if err != nil && first == nil {
			first = err
		}
		return text
	})
	return out, first
}

// fillAll fills every text of a value of YAML.
func (v values) fillAll(x any) (any, error) {
	switch x := x.(type) {
	case string:
		return v.fill(x)
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			filled, err := v.fillAll(e)
			if err != nil {
				return nil, err
			}
			out[k] = filled
		}
		return out, nil
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			filled, err := v.fillAll(e)
			if err != nil {
				return nil, err
			}
			out[i] = filled
		}
		return out, nil
	}
	return x, nil
}

// look resolves one path: words, dots, ["…"] and [n].
func (v values) look(path string) (string, error) {
	steps, err := split(path)
	if err != nil {
		return "", err
	}
	var at any = map[string]any(v)
	for i, s := range steps {
		next, ok := step(at, s)
		if !ok {
			return "", fmt.Errorf("{{ %s }}: there is no %q%s", path, s, offers(at, strings.Join(steps[:i], ".")))
		}
		at = next
	}
	switch x := at.(type) {
	case func() (string, error):
		return x()
	case string:
		return x, nil
	case map[string]any, values, []any:
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
	case []any:
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n >= len(x) {
			return nil, false
		}
		return x[n], true
	}
	return nil, false
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
