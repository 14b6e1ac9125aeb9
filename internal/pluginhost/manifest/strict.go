package manifest

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// refusedByBox says why the box's loader stops where the parser used here does
// not; empty if it goes on. Tabs between words are the mistake that happens.
func refusedByBox(text string) string {
	block := false         // the next text token is a block scalar
	free := map[int]bool{} // lines of block scalars, whose tabs are text
	for _, t := range lexer.Tokenize(text) {
		line := 0
		if t.Position != nil {
			line = t.Position.Line
		}
		switch t.Type {
		case token.CommentType:
			continue
		case token.LiteralType, token.FoldedType:
			block = true
			continue
		case token.StringType:
			if block {
				block = false
				for i := range strings.Count(t.Origin, "\n") + 2 {
					free[line+i] = true
				}
				continue
			}
			if strings.ContainsAny(t.Value[:min(1, len(t.Value))], ",[]{}") {
				return fmt.Sprintf("line %d: text must not begin with %s", line, t.Value[:1])
			}
		}
		if tabbed(t) {
			return fmt.Sprintf("line %d: a tab outside of quotes", line)
		}
	}
	return trailingTab(text, free)
}

// trailingTab finds a line that ends in a tab, which tokens do not show.
func trailingTab(text string, free map[int]bool) string {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		end := line[len(strings.TrimRight(line, " \t")):]
		if strings.Contains(end, "\t") && end != line && !strings.Contains(line, "#") && !free[i+1] {
			return fmt.Sprintf("line %d: a tab at its end", i+1)
		}
	}
	return ""
}

// tabbed reports whether a token has a tab in or around it, quotes apart.
func tabbed(t *token.Token) bool {
	quote := ""
	switch t.Type {
	case token.SingleQuoteType:
		quote = "'"
	case token.DoubleQuoteType:
		quote = `"`
	}
	first, last := strings.Index(t.Origin, quote), strings.LastIndex(t.Origin, quote)
	if quote == "" || first < 0 {
		return strings.Contains(t.Origin, "\t")
	}
	return strings.Contains(t.Origin[:first]+t.Origin[last:], "\t")
}

// outdented reports whether a value stands on a later line and no further in
// than its key.
func outdented(p *ast.MappingValueNode) bool {
	if p.Value == nil {
		return false
	}
	k, v := p.Key.GetToken(), p.Value.GetToken()
	if k == nil || v == nil || k.Position == nil || v.Position == nil || v.Type == token.ImplicitNullType || v.Type == token.SequenceEntryType {
		return false
	}
	return v.Position.Line > k.Position.Line && v.Position.Column <= k.Position.Column
}
