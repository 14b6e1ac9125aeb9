package seed

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// What a file may ask of the loader before it is refused. Some of these are
// there because the YAML library recurses, or takes quadratic time.
const (
	maxFile    = 16 << 20  // octets
	maxDepth   = 64        // blocks within blocks
	maxCopies  = 1_000_000 // values that aliases and merge keys bring in
	maxRunning = 32        // tags, anchors and ? before one value
	maxAngles  = 1000      // < in a row
	maxEmpty   = 1000      // keys and items without a value
)

// affordable refuses tokens that would cost the parser the stack or minutes.
func affordable(tokens token.Tokens, report *reporter) bool {
	g := guard{}
	for i, t := range tokens {
		if t.Type == token.CommentType {
			continue
		}
		next := following(tokens, i)
		g.nest(t)
		if g.depth() > maxDepth || g.running > maxRunning {
			report.at(t.Position.Line, t.Position.Column, fmt.Sprintf("blocks are nested more than %d deep here", maxDepth), "a seed needs less than ten")
			return false
		}
		if g.empty(t, next); g.empties > maxEmpty {
			report.at(t.Position.Line, t.Position.Column, fmt.Sprintf("this is the key or item number %d without a value", maxEmpty+1), "remove those that have none")
			return false
		}
		g.last = t
	}
	return true
}

// following is the next token that is no comment, nil at the end.
func following(tokens token.Tokens, i int) *token.Token {
	for _, t := range tokens[i+1:] {
		if t.Type != token.CommentType {
			return t
		}
	}
	return nil
}

// guard counts while tokens go by. Blocks nest by columns, flow collections by
// brackets.
type guard struct {
	columns []int
	flow    []token.Type
	running int
	empties int
	last    *token.Token
}

func (g *guard) depth() int { return len(g.columns)/2 + len(g.flow) }

// nest follows the nesting.
func (g *guard) nest(t *token.Token) {
	g.running++
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		g.flow = append(g.flow, t.Type)
	case token.SequenceEndType, token.MappingEndType:
		if len(g.flow) > 0 {
			g.flow = g.flow[:len(g.flow)-1]
		}
	case token.AnchorType, token.TagType, token.MappingKeyType:
	default:
		g.running = 0
	}
	if len(g.flow) > 0 {
		return
	}
	c := t.Position.Column
	for len(g.columns) > 0 && g.columns[len(g.columns)-1] >= c {
		g.columns = g.columns[:len(g.columns)-1]
	}
	g.columns = append(g.columns, c)
}

// empty counts the places where the parser puts in a null: it moves all that
// follows for each.
func (g *guard) empty(t, next *token.Token) {
	ends := next == nil || next.Type == token.CollectEntryType || next.Type == token.MappingEndType || next.Type == token.SequenceEndType
	inMap := len(g.flow) > 0 && g.flow[len(g.flow)-1] == token.MappingStartType
	switch {
	case t.Type == token.MappingKeyType:
		g.empties++
	case t.Type == token.MappingValueType && ends:
		g.empties++
	case t.Type == token.MappingValueType && len(g.flow) == 0 && g.last != nil && next.Position.Line > t.Position.Line:
		at := g.last.Position.Column
		if c := next.Position.Column; c < at || c == at && next.Type != token.SequenceEntryType {
			g.empties++
		}
	case t.Type == token.SequenceEntryType && (next == nil || next.Position.Line > t.Position.Line && next.Position.Column <= t.Position.Column):
		g.empties++
	case inMap && ends && g.last != nil && (g.last.Type == token.CollectEntryType || g.last.Type == token.MappingStartType):
		g.empties++
	}
}
