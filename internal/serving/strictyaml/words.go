package strictyaml

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// phrase is what the library says about something that was begun and not
// finished: where it began is the place to mend it.
type phrase struct{ context, problem, what, hint string }

func phrases() []phrase {
	return []phrase{
		{"flow sequence", "", "this list is not closed", "write `]` at its end"},
		{"flow mapping", "", "this block is not closed", "write `}` at its end"},
		{"quoted scalar", "end of stream", "this text is not closed", "write the quote at its end"},
		{"quoted scalar", "document indicator", "this text is not closed", "write the quote at its end"},
	}
}

// explain words what the library says, in the place where it has to be mended.
func explain(err error, text []byte, c Config) *Problem {
	var bad *yaml.LoadError
	if !errors.As(err, &bad) {
		return &Problem{Line: 1, Column: 1, Message: "this cannot be read as YAML: " + firstLine(err.Error())}
	}
	at := &Problem{Line: max(bad.Mark.Line, 1), Column: max(bad.Mark.Column, 1)}
	for _, x := range phrases() {
		if strings.Contains(bad.ContextMsg, x.context) && strings.Contains(bad.Message, x.problem) && ended(bad, text) {
			return &Problem{Line: max(bad.ContextMark.Line, 1), Column: max(bad.ContextMark.Column, 1), Message: x.what, Hint: x.hint}
		}
	}
	at.Message, at.Hint = words(bad, text, c)
	if strings.Contains(bad.Message, "mapping values are not allowed") {
		at.Column = secondValue((&places{text: text}).before(at.Line, at.Column), at.Column)
	}
	return at
}

// secondValue is where what holds the second colon of a line begins.
func secondValue(before string, colon int) int {
	i := strings.LastIndex(before, ": ")
	if i < 0 {
		return colon
	}
	i += len(before[i+1:]) - len(strings.TrimLeft(before[i+1:], " ")) + 1
	return utf8.RuneCountInString(before[:i]) + 1
}

// ended reports whether the mistake is that the text is over.
func ended(bad *yaml.LoadError, text []byte) bool {
	rest := (&places{text: text}).line(bad.Mark.Line)
	return strings.TrimSpace(rest) == "" || strings.Contains(bad.Message, "end of stream") || bad.Mark.Line > bad.ContextMark.Line
}

// words are the message and the hint for a mistake in the middle of a text.
func words(bad *yaml.LoadError, text []byte, c Config) (what, hint string) {
	message := firstLine(bad.Message)
	char := (&places{text: text}).char(bad.Mark.Line, bad.Mark.Column)
	switch {
	case strings.Contains(message, errDeep.Error()):
		return fmt.Sprintf("blocks are nested more than %d deep here", c.Limits.Depth), "a " + c.What + " needs less than ten"
	case char == '\t' && strings.Contains(message+bad.ContextMsg, "token"), strings.Contains(message, "tab character"):
		return "a tab cannot indent YAML", "use spaces"
	case strings.Contains(message, "cannot start any token") && (char == '@' || char == '`'):
		return "a value cannot start with `@` or a backquote", "put it in quotes"
	case strings.Contains(message, "cannot start any token") && char == '%':
		return "a value cannot start with `%`", "put it in quotes"
	case strings.Contains(message, "mapping values are not allowed"):
		return "a second `: ` in one line", "put the value in quotes if the colon belongs to it"
	case char == '!' || char == '&':
		return "a second tag or anchor before one value", "leave one"
	case strings.Contains(bad.ContextMsg, "flow sequence"):
		return "this list is not closed", "write `,` or `]`"
	case strings.Contains(bad.ContextMsg, "flow mapping"):
		return "this block is not closed", "write `,` or `}`"
	}
	if bad.ContextMsg != "" {
		message = bad.ContextMsg + ": " + message
	}
	return "YAML: " + message, ""
}

// firstLine keeps messages to one line of bounded length.
func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s[:min(len(s), 300)]
}
