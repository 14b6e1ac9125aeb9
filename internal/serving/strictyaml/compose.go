package strictyaml

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxRow is how many < may follow each other: it is a mistake and no text.
const maxRow = 1000

// compose turns text into the library's nodes; nil and no problem means that
// there is no document. The text has been vetted, so the nodes are bounded.
func compose(ctx context.Context, text []byte, c Config) (*yaml.Node, *Problem) {
	text, p := vet(text, c)
	if p != nil {
		return nil, p
	}
	limits := &limiter{depth: c.Limits.Depth}
	whole, wrapped := wrap(text)
	loader, err := yaml.NewLoader(&chunks{ctx: ctx, text: whole}, yaml.WithPlugin(limits, anchors{}))
	if err != nil {
		return nil, &Problem{Line: 1, Column: 1, Message: "this cannot be read as YAML: " + firstLine(err.Error())}
	}
	var body *yaml.Node
	for {
		doc, err := next(loader)
		switch {
		case errors.Is(err, io.EOF):
			if wrapped > 0 && body != nil {
				body, p := unwrap(body)
				return body, p
			}
			return body, nil
		case ctx.Err() != nil:
			return nil, cancelled(ctx)
		case err != nil:
			return nil, shifted(explain(err, whole, c), wrapped)
		}
		if wrapped > 0 && body == nil && len(doc.Content) > 0 {
			shift(doc.Content[0], wrapped)
		}
		if len(doc.Content) == 0 || blank(doc.Content[0]) {
			continue
		}
		if body != nil {
			return nil, &Problem{Line: startOf(doc), Column: 1, Message: "a second document starts here",
				Hint: "a " + c.What + " is one document; remove the line `---` or put the rest into another file"}
		}
		body = doc.Content[0]
	}
}

// shift moves the places of a line back to where they are without the wrapping.
func shift(n *yaml.Node, line int) {
	if n.Line == line && n.Column > len(wrapping) {
		n.Column -= len(wrapping)
	}
	for _, c := range n.Content {
		if c.Line > line {
			return
		}
		shift(c, line)
	}
}

func shifted(p *Problem, line int) *Problem {
	if p.Line == line && p.Column > len(wrapping) {
		p.Column -= len(wrapping)
	}
	return p
}

// startOf is the line in which a document begins.
func startOf(doc *yaml.Node) int { return max(doc.Line, 1) }

// blank tells a document in which nothing was written at all.
func blank(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Anchor == "" && n.Style == 0
}

// next is one document. A defect of the library must not be one of ours.
func next(l *yaml.Loader) (doc *yaml.Node, err error) {
	defer func() {
		if recover() != nil {
			doc, err = nil, errors.New("not readable")
		}
	}()
	doc = &yaml.Node{}
	return doc, l.Load(doc)
}

func cancelled(ctx context.Context) *Problem {
	return &Problem{Line: 1, Column: 1, Message: "reading ended early: " + context.Cause(ctx).Error()}
}

// vet looks at a text once, from its beginning to its end, before the library
// sees it.
func vet(text []byte, c Config) ([]byte, *Problem) {
	if len(text) > c.Limits.Size {
		return nil, &Problem{Line: 1, Column: 1, Message: fmt.Sprintf("the file has %d octets", len(text)),
			Hint: fmt.Sprintf("the limit is %d%s", c.Limits.Size, c.TooLarge)}
	}
	text = vetted(text)
	if at, bad := notText(text); bad {
		line, col := place(text, at)
		return nil, &Problem{Line: line, Column: col, Message: "this is not text in UTF-8", Hint: "save the file as UTF-8"}
	}
	if at := bytes.Index(text, bytes.Repeat([]byte("<"), maxRow)); at >= 0 {
		line, col := place(text, at)
		return nil, &Problem{Line: line, Column: col, Message: fmt.Sprintf("%d or more `<` in a row", maxRow), Hint: "write fewer"}
	}
	if at, many := crowded(text, c.Limits.Values); many {
		line, col := place(text, at)
		return nil, &Problem{Line: line, Column: col, Message: fmt.Sprintf("from here on there are more than %d values", c.Limits.Values), Hint: "split it"}
	}
	if p := held(text); p != nil {
		return nil, p
	}
	if at := directive(text); at >= 0 && !c.Lenient {
		line, col := place(text, at)
		return nil, &Problem{Line: line, Column: col, Message: "a directive `%…` means nothing in a " + c.What, Hint: "remove the line"}
	}
	return text, nil
}

// vetted is a text without mark, with the ends of lines of one kind.
func vetted(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if bytes.IndexByte(text, '\r') >= 0 {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	return text
}

// place is the line and column of an octet.
func place(text []byte, at int) (line, col int) {
	last := bytes.LastIndexByte(text[:at], '\n') + 1
	return bytes.Count(text[:at], []byte("\n")) + 1, utf8.RuneCount(text[last:at]) + 1
}

// notText finds the first octet that is not UTF-8, or a NUL.
func notText(text []byte) (at int, bad bool) {
	if utf8.Valid(text) {
		at = bytes.IndexByte(text, 0)
		return at, at >= 0
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			return i, true
		}
		i += size
	}
	return 0, false
}

// crowded finds where the marks that make values are more than most. Every value
// behind the first needs one before it, or is the unwritten value of a key that
// has one; a mark inside of quotes counts, too: telling them apart is parsing.
func crowded(text []byte, most int) (at int, many bool) {
	if len(text) <= most {
		return 0, false
	}
	n, before := 0, byte('\n')
	for i, b := range text {
		switch b {
		case ',', '[', '{', '?', '&', '*':
			n++
		case ' ', '\n', '\t':
			if before == ':' || before == '-' {
				n++
			}
		}
		if n > most {
			return i, true
		}
		before = b
	}
	return 0, false
}

// directive finds a line that starts with % before the document, as %YAML does.
func directive(text []byte) int {
	for at := 0; at < len(text); {
		end := bytes.IndexByte(text[at:], '\n') + 1
		if end == 0 {
			end = len(text) - at
		}
		line := bytes.TrimSpace(text[at : at+end])
		switch {
		case text[at] == '%':
			return at
		case len(line) > 0 && line[0] != '#':
			return -1
		}
		at += end
	}
	return -1
}

// chunks hands a text to the library piece by piece, as long as somebody waits
// for what becomes of it.
type chunks struct {
	ctx  context.Context
	text []byte
}

// Read implements io.Reader.
func (c *chunks) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	if len(c.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.text)
	c.text = c.text[n:]
	return n, nil
}

// limiter is the library's guard against nesting: it recurses.
type limiter struct{ depth int }

// errDeep is found again in the library's own error.
var errDeep = errors.New("nested too deep")

// CheckDepth implements yaml.LoaderLimitsPlugin.
func (l *limiter) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > l.depth {
		return errDeep
	}
	return nil
}

// CheckAlias implements yaml.LoaderLimitsPlugin; copies are weighed before.
func (l *limiter) CheckAlias(int, int) error { return nil }

// anchors makes the library take an alias without anchor for a node of its own,
// so that it is reported in its place, with what was meant.
type anchors struct{}

// NewAliasDataContext implements yaml.AliasDataPlugin.
func (anchors) NewAliasDataContext(yaml.AliasDataServices) (yaml.AliasDataContext, error) {
	return &scope{}, nil
}

// scope is the anchors of one document.
type scope struct{ known map[string]*yaml.Node }

// unknown is the tag of what stands for an anchor that is not there.
const unknown = "!unknown-anchor"

// BeginDocument implements yaml.AliasDataContext.
func (s *scope) BeginDocument() error { s.known = map[string]*yaml.Node{}; return nil }

// DefineAnchor implements yaml.AliasDataContext.
func (s *scope) DefineAnchor(name string, n *yaml.Node) error { s.known[name] = n; return nil }

// ResolveAlias implements yaml.AliasDataContext.
func (s *scope) ResolveAlias(name string) (*yaml.Node, bool, error) {
	if n := s.known[name]; n != nil {
		return n, true, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: unknown}, true, nil
}

// EndDocument implements yaml.AliasDataContext.
func (s *scope) EndDocument() error { return nil }
