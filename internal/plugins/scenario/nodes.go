package scenario

import (
	"encoding/json"
	"fmt"
	"strings"

	"counterpart/internal/serving/strictyaml"
	"counterpart/seed"
)

// merge lays over over base: maps key by key, everything else replaces. What is
// new knows where over's part stands.
func mergeNodes(base, over *strictyaml.Node) *strictyaml.Node {
	if base == nil || over == nil || base.Kind != strictyaml.Mapping || over.Kind != strictyaml.Mapping {
		if over == nil {
			return base
		}
		return over
	}
	out := *over
	at := make(map[string]int, len(base.Entries)+len(over.Entries))
	out.Entries = make([]strictyaml.Entry, 0, len(base.Entries)+len(over.Entries))
	for _, e := range base.Entries {
		at[e.Name] = len(out.Entries)
		out.Entries = append(out.Entries, e)
	}
	for _, e := range over.Entries {
		i, both := at[e.Name]
		if !both {
			out.Entries = append(out.Entries, e)
			continue
		}
		e.Value = mergeNodes(out.Entries[i].Value, e.Value)
		out.Entries[i] = e
	}
	return &out
}

// entriesOf, itemsOf and textOf are those of a value that may not be there.
func entriesOf(n *strictyaml.Node) []strictyaml.Entry {
	if n == nil {
		return nil
	}
	return n.Entries
}

func itemsOf(n *strictyaml.Node) []*strictyaml.Node {
	if n == nil {
		return nil
	}
	return n.Items
}

func textOf(n *strictyaml.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

// without is a block without some of its keys.
func without(n *strictyaml.Node, drop func(key string) bool) *strictyaml.Node {
	out := *n
	out.Entries = make([]strictyaml.Entry, 0, len(n.Entries))
	for _, e := range n.Entries {
		if !drop(e.Name) {
			out.Entries = append(out.Entries, e)
		}
	}
	return &out
}

// sizeOf is about how much memory a tree takes, in octets; beyond most it stops.
func sizeOf(n *strictyaml.Node, most int) int {
	const each = 16
	total := each + len(n.Text)
	for _, e := range n.Entries {
		if total > most {
			return total
		}
		total += len(e.Name) + sizeOf(e.Value, most-total)
	}
	for _, c := range n.Items {
		if total > most {
			return total
		}
		total += sizeOf(c, most-total)
	}
	return total
}

// written is a scalar that YAML takes for a number or a truth, and how it stands
// in the file: who wrote 007 may mean the text.
type written struct {
	value any
	text  string
}

// String is the scalar as it is written.
func (w written) String() string { return w.text }

// MarshalJSON implements json.Marshaler.
func (w written) MarshalJSON() ([]byte, error) { return json.Marshal(w.value) }

// valueOf is a tree as lists, maps and scalars, of which those without quotes
// know how they are written.
func valueOf(n *strictyaml.Node) any {
	switch n.Kind {
	case strictyaml.Null:
		return nil
	case strictyaml.List:
		out := make([]any, len(n.Items))
		for i, c := range n.Items {
			out[i] = valueOf(c)
		}
		return out
	case strictyaml.Mapping:
		out := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			out[e.Name] = valueOf(e.Value)
		}
		return out
	case strictyaml.Text:
		return n.Text
	}
	return written{n.Plain(), n.Text}
}

// plain is a value of valueOf for those to whom 007 is seven.
func plain(v any) any {
	switch v := v.(type) {
	case written:
		return v.value
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	}
	return v
}

// origin knows the files that a case is made of.
type origin struct {
	path, suite string           // of the scenario and of the suite
	suiteRoot   *strictyaml.Node // nil: there is no suite
	lines       map[string][]string
}

// file is the one that a value stands in.
func (o *origin) file(n *strictyaml.Node) string {
	for n != nil && n.Parent != nil {
		n = n.Parent
	}
	if n != nil && n == o.suiteRoot {
		return o.suite
	}
	return o.path
}

// text is the line of a file, counted from one.
func (o *origin) line(file string, n int) string {
	if lines := o.lines[file]; n >= 1 && n <= len(lines) {
		return lines[n-1]
	}
	return ""
}

// problem is a mistake at a value.
func (o *origin) problem(n *strictyaml.Node, message, hint string) seed.Problem {
	p := seed.Problem{File: o.path, Line: 1, Column: 1, Message: message, Hint: hint}
	if n != nil {
		p.File, p.Line, p.Column, p.Path = o.file(n), n.Line, n.Column, n.Path()
	}
	return p
}

// within moves a problem to where part of a text of several lines stands.
func (o *origin) within(p seed.Problem, part string) seed.Problem {
	for i := p.Line; i < p.Line+longestText; i++ {
		line, from := o.line(p.File, i), 0
		if i == p.Line {
			from = min(len(line), len(string([]rune(line)[:min(p.Column-1, len([]rune(line)))])))
		}
		if at := strings.Index(line[from:], part); at >= 0 {
			p.Line, p.Column = i, len([]rune(line[:from+at]))+1
			return p
		}
		if i > len(o.lines[p.File]) {
			break
		}
	}
	return p
}

// longestText is in how many lines of a text a part of it is looked for.
const longestText = 2000

// at is the value that a path leads to: prompts[0].ask.key; nil when there is none.
func at(n *strictyaml.Node, path string) *strictyaml.Node {
	for path != "" && n != nil {
		switch {
		case path[0] == '.':
			path = path[1:]
		case path[0] == '[':
			number, rest, _ := strings.Cut(path[1:], "]")
			var i int
			if _, err := fmt.Sscanf(number, "%d", &i); err != nil || i < 0 || i >= len(n.Items) {
				return nil
			}
			n, path = n.Items[i], rest
		default:
			n, path = key(n, path)
		}
	}
	return n
}

// key is the value of the longest key that a path begins with, for keys may have
// dots in them, and the rest of the path.
func key(n *strictyaml.Node, path string) (*strictyaml.Node, string) {
	var best *strictyaml.Node
	rest := ""
	for _, e := range n.Entries {
		after, ok := strings.CutPrefix(path, e.Name)
		if ok && (after == "" || after[0] == '.' || after[0] == '[') && (best == nil || len(after) < len(rest)) {
			best, rest = e.Value, after
		}
	}
	return best, rest
}
