package manifest

import (
	"fmt"
	"strings"
)

// strayTab finds a tab where a box's loader stops at one: everywhere but in
// quotes, comments and block scalars. It is empty when there is none.
func strayTab(text string) string {
	t := tabs{block: -1}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if t.inBlock(line) {
			continue
		}
		if t.line(line) {
			return fmt.Sprintf("line %d: a tab outside of quotes", i+1)
		}
	}
	return ""
}

// tabs follows what of a text is quoted.
type tabs struct {
	quote byte // the one that is open
	block int  // indentation of the line that opened a block scalar; -1 for none
}

// inBlock reports whether a line belongs to a block scalar.
func (t *tabs) inBlock(line string) bool {
	if t.block < 0 {
		return false
	}
	rest := strings.TrimLeft(line, " ")
	if rest == "" || len(line)-len(rest) > t.block {
		return true
	}
	t.block = -1
	return false
}

// line goes through one line and reports whether a tab is out of place.
func (t *tabs) line(line string) bool {
	fresh := true // a value may begin here
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case t.quote != 0:
			switch {
			case c == '\\' && t.quote == '"':
				i++
			case c == t.quote && c == '\'' && i+1 < len(line) && line[i+1] == c:
				i++
			case c == t.quote:
				t.quote = 0
			}
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return false
		case c == '\t':
			return true
		case fresh && (c == '"' || c == '\''):
			t.quote, fresh = c, false
		case fresh && (c == '|' || c == '>'):
			t.block = len(line) - len(strings.TrimLeft(line, " "))
			fresh = false
		case c == ' ':
		default:
			fresh = strings.IndexByte("[{,", c) >= 0 || strings.IndexByte(":-?", c) >= 0 && (i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t')
		}
	}
	return false
}
