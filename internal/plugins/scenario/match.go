package scenario

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Difference is one thing that is not as expected.
type Difference struct {
	What string `json:"what"` // authenticate.verdict
	Want string `json:"want"`
	Got  string `json:"got"`
	Hint string `json:"hint,omitempty"`
	At   string `json:"at,omitempty"` // file:line:column of what was expected
}

// missing stands for a value that is not there.
type missing struct{}

// fits holds a value against an expectation: "any" is present, "absent" is
// missing, /re/ a regular expression, everything else must be equal; a map fits
// when each of its keys does.
func fits(want, got any) bool {
	_, gone := got.(missing)
	if d, ok := got.(readable); ok {
		return fits(want, any(d.text)) || fits(want, d.value)
	}
	if s, ok := want.(string); ok {
		switch {
		case s == "any":
			return !gone
		case s == "absent":
			return gone
		case len(s) > 2 && s[0] == '/' && s[len(s)-1] == '/':
			re, err := regexp.Compile("(?s)" + s[1:len(s)-1])
			return err == nil && !gone && re.MatchString(text(got))
		}
	}
	if gone {
		return false
	}
	switch w := want.(type) {
	case written: // 123456 may mean the text
		if s, ok := got.(string); ok {
			return s == w.text
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range w {
			if !fits(v, of(g, k)) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !fits(w[i], g[i]) {
				return false
			}
		}
		return true
	}
	return equal(want, got)
}

func of(m map[string]any, key string) any {
	if v, ok := m[key]; ok {
		return v
	}
	return missing{}
}

// equal compares scalars; numbers by value, whatever their type.
func equal(a, b any) bool {
	x, y := number(a), number(b)
	if x != nil && y != nil {
		return *x == *y
	}
	return reflect.DeepEqual(plain(a), plain(b))
}

func number(v any) *float64 {
	if w, ok := v.(written); ok {
		v = w.value
	}
	r := reflect.ValueOf(v)
	var f float64
	switch {
	case !r.IsValid():
		return nil
	case r.CanInt():
		f = float64(r.Int())
	case r.CanUint():
		f = float64(r.Uint())
	case r.CanFloat():
		f = r.Float()
	default:
		return nil
	}
	return &f
}

// readable is a text that can be read as something else, too: a status as a number,
// a body as a document. An expectation may speak of either.
type readable struct {
	text  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (d readable) MarshalJSON() ([]byte, error) { return json.Marshal(d.value) }

// document is a text, which may be JSON.
func document(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	return readable{text, v}
}

// text is a value as a person reads it.
func text(v any) string {
	switch v := v.(type) {
	case written:
		return v.text
	case readable:
		return v.text
	case missing:
		return "nothing"
	case string:
		return v
	case nil:
		return "null"
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// shown is text with quotes around texts.
func shown(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return text(v)
}

// compare notes the keys of want that got does not fit.
func compare(what string, want map[string]any, got map[string]any) (out []Difference) {
	keys := make([]string, 0, len(want))
	for k := range want {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if !fits(want[k], of(got, k)) {
			out = append(out, Difference{What: what + "." + k, Want: shown(want[k]), Got: shown(of(got, k))})
		}
	}
	return out
}

// lines checks that each wanted text is in some line, and each unwanted in none.
func lines(want, never []any, got []string) (out []Difference) {
	in := func(w any, line string) bool {
		s, ok := w.(string)
		if ok && len(s) > 2 && s[0] == '/' && s[len(s)-1] == '/' {
			return fits(s, line)
		}
		return strings.Contains(line, text(w))
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(l string) bool { return in(w, l) }) {
			out = append(out, Difference{What: "log", Want: shown(w) + " in some line", Got: "no such line"})
		}
	}
	for _, w := range never {
		if text(w) == "" {
			continue
		}
		for _, l := range got {
			if in(w, l) {
				out = append(out, Difference{What: "no_log", Want: "no line with " + shown(w), Got: l})
				break
			}
		}
	}
	return out
}

// sequence checks that the wanted entries occur in order, extra ones between
// them allowed unless exact.
func sequence(want []map[string]any, got []map[string]any, exact bool) (out []Difference) {
	at := 0
	for i, w := range want {
		found := -1
		for j := at; j < len(got); j++ {
			if fits(any(w), any(got[j])) {
				found = j
				break
			}
		}
		if found < 0 {
			d := Difference{What: fmt.Sprintf("backend[%d]", i), Want: text(w), Got: "no such operation"}
			if at > 0 {
				d.Got += fmt.Sprintf(" after %s", brief(got[at-1]))
			}
			if near := closest(w, got[at:]); near != "" {
				d.Hint = near
			}
			return append(out, d)
		}
		if exact && found != at {
			out = append(out, Difference{What: fmt.Sprintf("backend[%d]", i), Want: text(w), Got: brief(got[at]) + " came before it"})
		}
		at = found + 1
	}
	if exact && at < len(got) {
		out = append(out, Difference{What: "backend", Want: fmt.Sprintf("%d operations and no more", len(want)), Got: brief(got[at])})
	}
	return out
}

// closest says which operation lacks least of what is wanted.
func closest(want map[string]any, got []map[string]any) string {
	best, least := "", len(want)
	for _, g := range got {
		d := compare("", want, g)
		if len(d) < least {
			least = len(d)
			best = "the closest, " + brief(g) + ", differs in"
			for _, x := range d {
				best += fmt.Sprintf(" %s: %s rather than %s;", strings.TrimPrefix(x.What, "."), x.Got, x.Want)
			}
		}
	}
	return strings.TrimSuffix(best, ";")
}

// brief is an operation in a few words.
func brief(e map[string]any) string {
	out := fmt.Sprintf("%s %s", text(of(e, "system")), text(of(e, "op")))
	if s, ok := e["status"]; ok && text(s) != "" {
		out += " → " + text(s)
	}
	return out
}
