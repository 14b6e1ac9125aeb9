package strictyaml

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// The library holds back all tokens behind what may turn out to be a key, some
// 400 octets each. A key is short; so what may be one and is not is refused when
// it is long, and where it cannot be one, it is made to look so.
const (
	maxKeyLike = 100_000 // marks in a list or block in brackets that a line begins with
	maxInRow   = 4000    // quotes, anchors, aliases and tags with nothing between them
)

// held finds what would make the library hold back too much.
func held(text []byte) *Problem {
	if at, ok := inRow(text); ok {
		line, col := place(text, at)
		return &Problem{Line: line, Column: col, Message: fmt.Sprintf("more than %d quotes, anchors or tags and nothing between them", maxInRow), Hint: "write `,` between values"}
	}
	first := true
	for at := 0; at < len(text); {
		start := opening(text, at)
		if start >= 0 {
			end, marks := closing(text, start)
			if marks > maxKeyLike && !(first && isRoot(text, start)) {
				line, col := place(text, start)
				return &Problem{Line: line, Column: col, Message: fmt.Sprintf("this list or block in brackets has more than %d values", maxKeyLike), Hint: "write one per line, without brackets"}
			}
			first, at = false, end
		}
		next := bytes.IndexByte(text[at:], '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	return nil
}

// inRow finds many quotes, anchors, aliases and tags without a separator.
func inRow(text []byte) (at int, ok bool) {
	n := 0
	for i, b := range text {
		switch b {
		case '"', '\'', '&', '*', '!':
			if n++; n > maxInRow {
				return i, true
			}
		case ',', '[', ']', '{', '}', ':':
			n = 0
		}
	}
	return 0, false
}

// opening is where a line opens a bracket with nothing before it but what may
// stand before a key, or a scalar that may be one; -1 when it does not.
func opening(text []byte, at int) int {
	scalar := false
	for at < len(text) {
		switch b := text[at]; {
		case b == ' ' || b == '\t' || b == '\n' && scalar:
			at++
		case b == '[' || b == '{':
			return at
		case scalar:
			return -1
		case (b == '-' || b == '?' || b == ':') && at+1 < len(text) && (text[at+1] == ' ' || text[at+1] == '\t'):
			at++
		case b == '-' && bytes.HasPrefix(text[at:], []byte("---")):
			at += 3
		case b == '"' || b == '\'':
			at, scalar = quoteEnd(text, at), true
		case b == '&' || b == '!' || b == '*':
			n := bytes.IndexAny(text[at:], " \t\n")
			if n < 0 || text[at+n] == '\n' && b != '*' {
				return -1
			}
			at, scalar = at+n, b == '*'
		default:
			return -1
		}
	}
	return -1
}

// quoteEnd is behind the quote that closes the one at a place.
func quoteEnd(text []byte, at int) int {
	quote := text[at]
	for at++; at < len(text); at++ {
		switch b := text[at]; {
		case b == '\\' && quote == '"':
			at++
		case b == quote && b == '\'' && at+1 < len(text) && text[at+1] == b:
			at++
		case b == quote:
			return at + 1
		}
	}
	return len(text)
}

// closing is where brackets that are opened at a place are closed, and how many
// marks are between: all of those that may make a value.
func closing(text []byte, at int) (end, marks int) {
	depth, quote, fresh := 0, byte(0), true
	for ; at < len(text); at++ {
		b := text[at]
		switch b {
		case ',', '[', '{', ':', '?', '"', '\'':
			marks++
		}
		switch {
		case quote != 0:
			switch {
			case b == '\\' && quote == '"':
				at++
			case b == quote && b == '\'' && at+1 < len(text) && text[at+1] == b:
				at++
			case b == quote:
				quote = 0
			}
		case b == '"' || b == '\'':
			if fresh {
				quote = b
			}
			fresh = false
		case b == '[' || b == '{':
			depth++
			fresh = true
		case b == ']' || b == '}':
			if depth--; depth == 0 {
				return at + 1, marks
			}
			fresh = false
		case b == '#' && (text[at-1] == ' ' || text[at-1] == '\n' || text[at-1] == '\t'):
			n := bytes.IndexByte(text[at:], '\n')
			if n < 0 {
				return len(text), marks
			}
			at += n
		case b == ' ' || b == '\n' || b == '\t':
		default:
			fresh = b == ',' || b == ':' || b == '?'
		}
	}
	return len(text), marks
}

// wrapping is what is put before a text that is one list or block in brackets, as
// JSON is: behind a key it cannot be one.
const wrapping = "_: "

// isRoot reports whether a bracket is the first thing in a text, comments apart.
func isRoot(text []byte, start int) bool {
	for line := range bytes.Lines(text[:start]) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// wrap puts the wrapping before a text in brackets; line is where, 0 for nowhere.
func wrap(text []byte) (out []byte, line int) {
	start := 0
	for ; start < len(text); line++ {
		rest := bytes.TrimLeft(text[start:], " ")
		if len(rest) > 0 && (rest[0] == '[' || rest[0] == '{') {
			at := len(text) - len(rest)
			return append(append(append(make([]byte, 0, len(text)+len(wrapping)), text[:at]...), wrapping...), rest...), line + 1
		}
		end := bytes.IndexByte(text[start:], '\n') + 1
		if end == 0 || len(rest) > 0 && rest[0] != '#' && rest[0] != '\n' {
			break
		}
		start += end
	}
	return text, 0
}

// unwrap takes the wrapping away again; what stands behind the brackets has
// become further keys of it.
func unwrap(body *yaml.Node) (*yaml.Node, *Problem) {
	if len(body.Content) > 2 {
		k := body.Content[2]
		return nil, &Problem{Line: k.Line, Column: k.Column, Message: "something stands behind the last bracket", Hint: "remove it"}
	}
	return body.Content[1], nil
}
