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
	text = vetted(text, c)
	if p := notText(text); p != nil {
		return nil, p
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

// Check looks at a text as Parse does before it reads it: nil if it is neither too
// large nor made of what is refused unread.
func Check(text []byte, c Config) *Problem {
	_, p := vet(text, c)
	return p
}

// vetted is a text without mark, with the ends of lines of one kind: to the
// library, those of YAML 1.1 all end a line. A lenient reader is one of YAML 1.1;
// for the others they are what notText refuses.
func vetted(text []byte, c Config) []byte {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if bytes.IndexByte(text, '\r') >= 0 {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	}
	for _, end := range oddEnds() {
		if c.Lenient && bytes.Contains(text, []byte(end)) {
			text = bytes.ReplaceAll(text, []byte(end), []byte("\n"))
		}
	}
	return text
}

// oddEnds are the ends of lines that YAML 1.1 has besides (section 4.2); to
// YAML 1.2, JSON and editors they are characters like others.
func oddEnds() []string { return []string{"\u0085", "\u2028", "\u2029"} }

// place is the line and column of an octet.
func place(text []byte, at int) (line, col int) {
	last := bytes.LastIndexByte(text[:at], '\n') + 1
	return bytes.Count(text[:at], []byte("\n")) + 1, utf8.RuneCount(text[last:at]) + 1
}

// notText finds the first octet that is not UTF-8, and characters that a text
// cannot hold as they are.
func notText(text []byte) *Problem {
	for i := 0; i < len(text); {
		if b := text[i]; b >= ' ' && b < 0x7f || b == '\n' || b == '\t' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if message, hint := odd(r, size); message != "" {
			line, col := place(text, i)
			return &Problem{Line: line, Column: col, Message: message, Hint: hint}
		}
		i += size
	}
	return nil
}

// odd says what is wrong with a character of so many octets; nothing with most.
func odd(r rune, size int) (message, hint string) {
	switch {
	case r == 0, r == utf8.RuneError && size == 1:
		return "this is not text in UTF-8", "save the file as UTF-8"
	case r < ' ' && r != '\n' && r != '\t', r == 0xfffe, r == 0xffff:
		return fmt.Sprintf("the character U+%04X cannot stand in a text", r), fmt.Sprintf(`write "\u%04x" in double quotes`, r)
	case r == 0x85, r == 0x2028, r == 0x2029:
		return fmt.Sprintf("the character U+%04X ends a line for some and not for others", r), fmt.Sprintf(`write "\u%04x" in double quotes, or a new line`, r)
	}
	return "", ""
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
