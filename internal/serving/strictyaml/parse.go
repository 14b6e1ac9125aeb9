package strictyaml

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Parse reads a text into a tree, nil when there is nothing to go on with. Every
// mistake is handed to report, together with the node it is about if there is one.
func Parse(ctx context.Context, text []byte, c Config, report func(*Node, Problem)) *Node {
	body, p := compose(ctx, text, c)
	if p != nil {
		report(nil, *p)
		return nil
	}
	return newReader(ctx, text, c, report).tree(body)
}

func newReader(ctx context.Context, text []byte, c Config, report func(*Node, Problem)) *reader {
	return &reader{ctx: ctx, Config: c, report: report, places: places{text: vetted(text, c)}, anchors: map[string]*yaml.Node{}, open: map[*yaml.Node]bool{}}
}

// tree makes the library's nodes ours. Those are let go of on the way unless
// they are kept.
func (r *reader) tree(body *yaml.Node) *Node {
	if body == nil && r.Lenient {
		return &Node{Line: 1, Column: 1}
	}
	if body == nil || !r.Lenient && body.Kind == yaml.ScalarNode && body.Tag == nullTag && body.Anchor == "" {
		r.report(nil, Problem{Line: 1, Column: 1, Message: "the " + r.What + " is empty", Hint: r.Empty})
		return nil
	}
	root := r.value(body, &Node{Line: 1, Column: 1})
	if r.ctx.Err() != nil {
		r.report(nil, *cancelled(r.ctx))
		return nil
	}
	if r.stopped {
		return nil
	}
	return root
}

// The library's names of what a plain scalar is.
const (
	nullTag  = "!!null"
	mergeTag = "!!merge"
)

// reader turns the library's nodes into ours.
type reader struct {
	Config
	ctx     context.Context
	report  func(*Node, Problem)
	places  places
	spare   []Node
	anchors map[string]*yaml.Node
	open    map[*yaml.Node]bool // being copied: an alias inside is a circle
	copies  int
	copying int
	kept    int // anchors around what is read
	depth   int
	seen    int
	guesses int
	bomb    bool // the limit of copies was reported
	stopped bool // nothing is worth reading any more
}

// node makes a node; many at once cost less than one by one.
func (r *reader) node(n Node) *Node {
	if len(r.spare) == 0 {
		r.spare = make([]Node, min(max(r.seen, 16), 512))
	}
	out := &r.spare[0]
	*out, r.spare = n, r.spare[1:]
	return out
}

func (r *reader) at(n *Node, message, hint string) {
	r.report(n, Problem{Line: n.Line, Column: n.Column, Path: n.Path(), Message: message, Hint: hint})
}

// value converts n, and everything below it, into the slot prepared for it,
// which knows its parent and a line to fall back to.
func (r *reader) value(n *yaml.Node, slot *Node) *Node {
	if r.copying > 0 {
		r.copies++
	}
	if r.seen++; r.seen%4096 == 0 && r.ctx.Err() != nil {
		r.stopped = true
	}
	switch {
	case r.stopped:
	case r.copies > r.Limits.Copies || r.depth > 2*r.Limits.Depth:
		if !r.bomb {
			r.at(slot, fmt.Sprintf("aliases make more than %d values of this file, or nest without end", r.Limits.Copies), "use fewer aliases"+r.Instead)
		}
		r.bomb, slot.Reported = true, true
	default:
		r.depth++
		r.fill(slot, n)
		r.depth--
	}
	return slot
}

// fill puts n into out, which knows its parent already.
func (r *reader) fill(out *Node, n *yaml.Node) {
	out.Line, out.Column = n.Line, n.Column
	if n.Anchor != "" {
		r.anchors[n.Anchor] = n
		if n.Kind == yaml.ScalarNode && n.Style == 0 && n.Value == "" {
			r.at(out, "an anchor `&…` has no value", "write the value after it")
			out.Reported = true
			return
		}
	}
	if n.Style&yaml.TaggedStyle != 0 {
		if r.Lenient {
			out.Tag = n.Tag
		} else {
			r.at(out, fmt.Sprintf("the tag `%s` means nothing in a %s", Short(n.Tag), r.What), "remove it")
		}
	}
	out.Line, out.Column = r.where(n)
	switch n.Kind {
	case yaml.ScalarNode:
		r.scalar(out, n)
	case yaml.MappingNode:
		out.Kind = Mapping
		if n.Style&yaml.FlowStyle != 0 {
			out.Style = Flow
		}
		r.within(n, func() { r.entries(out, n.Content) })
	case yaml.SequenceNode:
		out.Kind = List
		if n.Style&yaml.FlowStyle != 0 {
			out.Style = Flow
		}
		out.Items = make([]*Node, 0, len(n.Content))
		r.within(n, func() {
			for i, item := range n.Content {
				out.Items = append(out.Items, r.value(item, r.node(Node{Parent: out, Index: i, Line: out.Line, Column: out.Column})))
				if r.kept == 0 {
					n.Content[i] = nil
				}
			}
		})
	case yaml.AliasNode:
		r.alias(out, n)
	}
}

// within runs read while n is open.
func (r *reader) within(n *yaml.Node, read func()) {
	if n.Anchor == "" {
		read()
		return
	}
	was := r.open[n]
	r.open[n] = true
	r.kept++
	read()
	r.kept--
	r.open[n] = was
}

func (r *reader) scalar(out *Node, n *yaml.Node) {
	out.Text = n.Value
	switch style := n.Style &^ yaml.TaggedStyle; {
	case style == 0 && n.Style&yaml.TaggedStyle != 0:
		out.Kind = Text
	case style == 0:
		out.Kind = kindOf(n.Tag, n.Value)
	case style == yaml.LiteralStyle || style == yaml.FoldedStyle:
		out.Kind, out.Style = Text, Block
	default:
		out.Kind, out.Style = Text, Quoted
	}
}

// kindOf is what a plain scalar is.
func kindOf(tag, value string) Kind {
	switch tag {
	case nullTag:
		return Null
	case "!!bool":
		return Boolean
	case "!!int":
		return Integer
	case "!!float":
		if strings.Trim(value, "+-0123456789_") == "" {
			return Text // a whole number that no type holds
		}
		return Float
	}
	return Text // dates, too: nobody means them as anything else
}

func (r *reader) alias(out *Node, n *yaml.Node) {
	target := n.Alias
	switch {
	case target.Tag == unknown:
		r.at(out, fmt.Sprintf("there is no anchor `&%s` above", Short(n.Value)), r.meant(n.Value))
		out.Reported = true
	case r.open[target]:
		r.at(out, fmt.Sprintf("`*%s` is inside of what it stands for", Short(n.Value)), "remove it")
		out.Reported = true
	default:
		r.open[target] = true
		r.copying++
		r.value(target, out)
		r.copying--
		r.open[target] = false
	}
}

// meant is the hint for an alias without an anchor; comparing takes time.
func (r *reader) meant(name string) string {
	const most = 2000
	if r.guesses++; r.guesses > MaxProblems || len(r.anchors) > most {
		return ""
	}
	return DidYouMean(name, slices.Sorted(maps.Keys(r.anchors)))
}

// entries fills a mapping. A key written in the block beats a merged one.
func (r *reader) entries(out *Node, content []*yaml.Node) {
	out.Entries = make([]Entry, 0, len(content)/2)
	seen := make(map[string]int, len(content)/2)
	var merged []*Node
	for i := 0; i+1 < len(content) && !r.stopped; i += 2 {
		k, v := content[i], content[i+1]
		if r.kept == 0 { // no alias can ask for it again
			content[i], content[i+1] = nil, nil
		}
		if k.Tag == mergeTag {
			if len(merged) > 0 {
				r.report(nil, Problem{Line: k.Line, Column: k.Column, Message: "the key `<<` is here a second time", Hint: "write `<<: [*one, *two]`"})
				continue
			}
			merged = append(merged, r.value(v, &Node{Parent: out, Name: "<<", Line: k.Line, Column: k.Column}))
			continue
		}
		e := Entry{Name: k.Value, Line: k.Line, Column: k.Column}
		if !r.key(k) {
			continue
		}
		if i, twice := seen[e.Name]; twice && !r.Lenient {
			r.report(nil, Problem{Line: e.Line, Column: e.Column, Path: Join(out.Path(), e.Name), Message: fmt.Sprintf("the key `%s` is here a second time", Short(e.Name)),
				Hint: fmt.Sprintf("the first is in line %d", out.Entries[i].Line)})
			continue
		}
		seen[e.Name] = len(out.Entries)
		e.Value = r.value(v, r.node(Node{Parent: out, Name: e.Name, Line: e.Line, Column: e.Column}))
		out.Entries = append(out.Entries, e)
	}
	for _, m := range merged {
		r.merge(out, m, seen)
	}
}

// key refuses what cannot be the name of anything.
func (r *reader) key(k *yaml.Node) bool {
	if k.Anchor != "" {
		r.anchors[k.Anchor] = k
	}
	switch {
	case k.Kind == yaml.SequenceNode || k.Kind == yaml.MappingNode:
		line, col := r.mark(k)
		r.report(nil, Problem{Line: line, Column: col, Message: "this cannot be a key", Hint: "a key is a plain word with a colon after it"})
		r.stopped = true
	case k.Kind != yaml.ScalarNode, k.Anchor != "", k.Style&(yaml.TaggedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		r.report(nil, Problem{Line: k.Line, Column: k.Column, Message: "a key must be a plain word"})
	default:
		return true
	}
	return false
}

// mark is where the ? of a key stands, or else the key.
func (r *reader) mark(k *yaml.Node) (line, col int) {
	before := strings.TrimRight(r.places.before(k.Line, k.Column), " ")
	if strings.HasSuffix(before, "?") {
		return k.Line, utf8.RuneCountInString(before)
	}
	return k.Line, k.Column
}

// where is the place of a value itself, behind its tag and its anchor.
func (r *reader) where(n *yaml.Node) (line, col int) {
	if n.Kind == yaml.AliasNode || n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 {
		return n.Line, n.Column
	}
	return r.places.behind(n.Line, n.Column)
}

// merge takes over what the merge key `<<` brings in: a block or a list of them.
func (r *reader) merge(out, m *Node, seen map[string]int) {
	blocks := []*Node{m}
	if m.Kind == List {
		blocks = m.Items
	}
	for _, b := range blocks {
		if b.Reported {
			continue
		}
		if b.Kind != Mapping {
			r.at(b, "`<<` takes a block of keys, or a list of them", "write `<<: *anchor`")
			continue
		}
		for _, e := range b.Entries {
			if _, have := seen[e.Name]; !have {
				seen[e.Name] = len(out.Entries)
				e.Value.Parent = out
				out.Entries = append(out.Entries, e)
			}
		}
	}
}
