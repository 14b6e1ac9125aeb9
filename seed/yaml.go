package seed

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// reader turns YAML into nodes. It is the only part that knows the library.
type reader struct {
	report  *reporter
	anchors map[string]ast.Node
	open    map[string]bool // anchors being copied: an alias inside is a circle
	copies  int
	copying int
	depth   int
	bomb    bool // the limit of copies was reported
}

// read parses src into a tree; nil when there is nothing to go on with. Every
// problem has been reported then.
func read(src []byte, report *reporter) *node {
	if len(src) > maxFile {
		report.at(1, 1, fmt.Sprintf("the file has %d octets", len(src)),
			fmt.Sprintf("the limit is %d; `generate` makes large companies from a few lines", maxFile))
		return nil
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	// The library folds quoted text over CRLF wrongly; lines and columns stay.
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	if line, col, bad := notText(src); bad {
		report.at(line, col, "this is not text in UTF-8", "save the file as UTF-8")
		return nil
	}
	if before, _, found := bytes.Cut(src, bytes.Repeat([]byte("<"), maxAngles)); found {
		line, col := after(before)
		report.at(line, col, fmt.Sprintf("%d or more `<` in a row", maxAngles), "write fewer")
		return nil
	}
	file, ok := parse(string(src), report)
	if !ok {
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.DirectiveType {
			continue
		}
		if body != nil {
			pos := doc.Body.GetToken().Position
			if doc.Start != nil {
				pos = doc.Start.Position
			}
			report.at(pos.Line, pos.Column, "a second document starts here", "a seed is one document; remove the line `---` or put the rest into another file")
			break
		}
		body = doc.Body
	}
	if body == nil {
		report.at(1, 1, "the seed is empty", "`counterpart seed example` prints one to start from")
		return nil
	}
	r := &reader{report: report, anchors: map[string]ast.Node{}, open: map[string]bool{}}
	return r.value(body, &node{line: 1, col: 1})
}

// after is the place where text ends.
func after(text []byte) (line, col int) {
	last := bytes.LastIndexByte(text, '\n') + 1
	return bytes.Count(text, []byte("\n")) + 1, utf8.RuneCount(text[last:]) + 1
}

// notText finds the first octet that is not UTF-8, or a NUL.
func notText(src []byte) (line, col int, bad bool) {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			line, col = after(src[:i])
			return line, col, true
		}
		i += size
	}
	return 0, 0, false
}

// parse runs the library's parser within bounds: it recurses, and on deeply
// nested input it takes quadratic time and then the whole stack.
func parse(src string, report *reporter) (file *ast.File, ok bool) {
	tokens, ok := tokenize(src, report)
	if !ok {
		return nil, false
	}
	defer func() {
		if recover() != nil { // a defect of the library must not be one of ours
			report.at(1, 1, "this cannot be read as YAML", "")
			file, ok = nil, false
		}
	}()
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, true
	}
	var bad yaml.Error
	if !errors.As(err, &bad) || bad.GetToken() == nil {
		report.at(1, 1, "this cannot be read as YAML: "+firstLine(err.Error()), "")
		return nil, false
	}
	pos := bad.GetToken().Position
	message, hint := explain(bad.GetMessage())
	report.at(pos.Line, pos.Column, message, hint)
	return nil, false
}

func tokenize(src string, report *reporter) (tokens token.Tokens, ok bool) {
	defer func() {
		if recover() != nil {
			report.at(1, 1, "this cannot be read as YAML", "")
			tokens, ok = nil, false
		}
	}()
	tokens = lexer.Tokenize(src)
	return tokens, affordable(tokens, report)
}

// syntax words what the library says about things that were begun and not
// finished.
var syntax = []struct{ library, what, hint string }{
	{"sequence end token", "this list is not closed", "write `]` at its end"},
	{"',' or ']'", "this list is not closed", "write `,` or `]`"},
	{"',' or '}'", "this block is not closed", "write `,` or `}`"},
	{"mapping end token", "this block is not closed", "write `}` at its end"},
	{"end character of", "this text is not closed", "write the quote at its end"},
	{"invalid key", "this cannot be a key", "a key is a plain word with a colon after it"},
}

// explain words the messages of the library that people meet most.
func explain(message string) (what, hint string) {
	message = firstLine(message)
	switch {
	case strings.Contains(message, "cannot start any token") && strings.Contains(message, "\t"):
		return "a tab cannot indent YAML", "use spaces"
	case strings.Contains(message, "reserved character"):
		return "a value cannot start with `@` or a backquote", "put it in quotes"
	case strings.Contains(message, "mapping value is not allowed"):
		return "a second `: ` in one line", "put the value in quotes if the colon belongs to it"
	case strings.Contains(message, "directive value"):
		return "a value cannot start with `%`", "put it in quotes"
	case strings.Contains(message, "undefined anchor"):
		return "an anchor `&…` has no value", "write the value after it"
	}
	for _, x := range syntax {
		if strings.Contains(message, x.library) {
			return x.what, x.hint
		}
	}
	return "YAML: " + message, ""
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// value converts n, and everything below it, into the slot prepared for it,
// which knows its parent and a line to fall back to.
func (r *reader) value(n ast.Node, slot *node) *node {
	if r.copying > 0 {
		r.copies++
	}
	switch {
	case n == nil:
	case r.copies > maxCopies || r.depth > 2*maxDepth:
		if !r.bomb {
			r.report.node(slot, fmt.Sprintf("aliases make more than %d values of this file, or nest without end", maxCopies), "use fewer aliases, or `generate`")
		}
		r.bomb, slot.reported = true, true
	default:
		r.depth++
		r.fill(slot, n)
		r.depth--
	}
	return slot
}

// fill puts n into out, which knows its parent already.
func (r *reader) fill(out *node, n ast.Node) {
	t := n.GetToken()
	out.line, out.col = t.Position.Line, t.Position.Column
	switch v := n.(type) {
	case *ast.NullNode:
		out.kind = null
	case *ast.BoolNode:
		out.kind, out.text = boolean, t.Value
	case *ast.IntegerNode:
		out.kind, out.text = integer, t.Value
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = float, t.Value
	case *ast.StringNode:
		out.kind, out.text = text, v.Value
	case *ast.LiteralNode:
		out.kind = text
		if v.Value != nil {
			out.text = v.Value.Value
		}
	case *ast.MappingNode:
		if len(v.Values) > 0 && t.Type != token.MappingStartType {
			p := v.Values[0].Key.GetToken().Position
			out.line, out.col = p.Line, p.Column
		}
		out.kind = mapping
		r.entries(out, v.Values)
	case *ast.MappingValueNode:
		p := v.Key.GetToken().Position
		out.line, out.col, out.kind = p.Line, p.Column, mapping
		r.entries(out, []*ast.MappingValueNode{v})
	case *ast.SequenceNode:
		out.kind = list
		for i, item := range v.Values {
			out.items = append(out.items, r.value(item, &node{parent: out, index: i, line: out.line, col: out.col}))
		}
	case *ast.AnchorNode:
		r.anchor(out, v)
	case *ast.AliasNode:
		r.alias(out, v)
	case *ast.TagNode:
		r.report.node(out, fmt.Sprintf("the tag `%s` means nothing in a seed", t.Value), "remove it")
		if v.Value != nil {
			r.value(v.Value, out)
		}
	default:
		r.report.node(out, "this kind of YAML means nothing in a seed", "")
	}
}

func (r *reader) anchor(out *node, v *ast.AnchorNode) {
	if v.Name != nil {
		r.anchors[v.Name.GetToken().Value] = v.Value
	}
	if v.Value == nil {
		return
	}
	name := ""
	if v.Name != nil {
		name = v.Name.GetToken().Value
	}
	was := r.open[name]
	r.open[name] = true
	r.value(v.Value, out)
	r.open[name] = was
}

func (r *reader) alias(out *node, v *ast.AliasNode) {
	if v.Value == nil {
		return
	}
	name := v.Value.GetToken().Value
	target, ok := r.anchors[name]
	switch {
	case !ok:
		known := make([]string, 0, len(r.anchors))
		for k := range r.anchors {
			known = append(known, k)
		}
		r.report.node(out, fmt.Sprintf("there is no anchor `&%s` above", name), didYouMean(name, sorted(known)))
		out.reported = true
	case r.open[name]:
		r.report.node(out, fmt.Sprintf("`*%s` is inside of what it stands for", name), "remove it")
		out.reported = true
	case target != nil:
		r.open[name] = true
		r.copying++
		r.value(target, out)
		r.copying--
		r.open[name] = false
	}
}

// entries fills a mapping. A key written in the block beats a merged one.
func (r *reader) entries(out *node, values []*ast.MappingValueNode) {
	seen := make(map[string]int, len(values))
	var merged []*node
	for _, mv := range values {
		t := mv.Key.GetToken()
		if mv.Key.IsMergeKey() {
			if len(merged) > 0 {
				r.report.at(t.Position.Line, t.Position.Column, "the key `<<` is here a second time", "write `<<: [*one, *two]`")
				continue
			}
			merged = append(merged, r.value(mv.Value, &node{parent: out, name: "<<", line: t.Position.Line, col: t.Position.Column}))
			continue
		}
		name, ok := keyText(mv.Key)
		e := entry{name: name, line: t.Position.Line, col: t.Position.Column}
		if !ok {
			r.report.at(e.line, e.col, "a key must be a plain word", "")
			continue
		}
		if i, twice := seen[name]; twice {
			r.report.add(Problem{Line: e.line, Column: e.col, Path: join(out.path(), name), Message: fmt.Sprintf("the key `%s` is here a second time", name),
				Hint: fmt.Sprintf("the first is in line %d", out.entries[i].line)})
			continue
		}
		seen[name] = len(out.entries)
		e.value = r.value(mv.Value, &node{parent: out, name: name, line: e.line, col: e.col})
		out.entries = append(out.entries, e)
	}
	for _, m := range merged {
		r.merge(out, m, seen)
	}
}

// merge takes over what the merge key `<<` brings in: a block or a list of them.
func (r *reader) merge(out, m *node, seen map[string]int) {
	blocks := []*node{m}
	if m.kind == list {
		blocks = m.items
	}
	for _, b := range blocks {
		if b.reported {
			continue
		}
		if b.kind != mapping {
			r.report.node(b, "`<<` takes a block of keys, or a list of them", "write `<<: *anchor`")
			continue
		}
		for _, e := range b.entries {
			if _, have := seen[e.name]; !have {
				seen[e.name] = len(out.entries)
				e.value.parent = out
				out.entries = append(out.entries, e)
			}
		}
	}
}

// keyText is the name that a key node spells.
func keyText(k ast.MapKeyNode) (string, bool) {
	switch v := k.(type) {
	case *ast.MappingKeyNode:
		if s, ok := v.Value.(ast.MapKeyNode); ok {
			return keyText(s)
		}
		return "", false
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode, *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return "", false
	}
	return k.GetToken().Value, true
}

// join is the path of a key below a path.
func join(path, key string) string {
	return strings.TrimPrefix(path+"."+key, ".")
}
