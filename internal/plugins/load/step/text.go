package step

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Text is a text with holes, compiled: "/v1/auth/userpass/login/{{ user.name }}". The zero
// value is the empty text.
type Text struct {
	parts []part
}

// part is a literal, or a hole.
type part struct {
	literal string
	name    string // of the hole, "" for a literal
	fill    func(w *Walk) (string, error)
}

// ErrNoValue means that a hole has no value in a walk: the step that saves it was not
// taken, or the person has no such device.
var ErrNoValue = errors.New("there is no value")

// person are the holes that every walk can fill.
var person = []struct {
	name string
	fill func(w *Walk) (string, error)
}{
	{"user.name", func(w *Walk) (string, error) { return w.Person.Name, nil }},
	{"user.password", func(w *Walk) (string, error) { return w.Person.Password, nil }},
	{"user.email", func(w *Walk) (string, error) { return w.Person.Email, nil }},
	{"user.phone", func(w *Walk) (string, error) { return w.Person.Phone, nil }},
	{"user.id", func(w *Walk) (string, error) { return w.Person.ID, nil }},
	{"totp", func(w *Walk) (string, error) { return w.code("totp") }},
	{"hotp", func(w *Walk) (string, error) { return w.code("hotp") }},
	{"yubikey", func(w *Walk) (string, error) { return w.code("yubikey") }},
	{"account.id", func(w *Walk) (string, error) { return w.Account.ID, nil }},
	{"account.name", func(w *Walk) (string, error) { return w.Account.Name, nil }},
	{"account.asset", func(w *Walk) (string, error) { return w.Account.Asset, nil }},
	{"account.address", func(w *Walk) (string, error) { return w.Account.Address, nil }},
	{"walk.number", func(w *Walk) (string, error) { return strconv.FormatUint(w.Number, 10), nil }},
}

// Names are the holes that every walk can fill, in the order of the documentation.
func Names() (out []string) {
	for _, p := range person {
		out = append(out, p.name)
	}
	return out
}

// code draws a code, and notes it as shown.
func (w *Walk) code(of string) (string, error) {
	if w.Person.Code == nil {
		return "", ErrNoDevice
	}
	code, err := w.Person.Code(of)
	if err == nil {
		w.Shown = append(w.Shown, code)
	}
	return code, err
}

// Compile reads a text. constants are the values that are the same for all walks, by their
// names: "vault.token"; they win. A name that is neither one of them nor one of Names is a
// value that a step has saved.
func Compile(text string, constants map[string]string) (Text, error) {
	return CompileWithin(text, constants, nil)
}

// CompileWithin is Compile of a text that stands within something else, for which constants
// are escaped. What stands around the holes is as it is.
func CompileWithin(text string, constants map[string]string, escape Escape) (Text, error) {
	var t Text
	for text != "" {
		literal, rest, hole := strings.Cut(text, "{{")
		t.add(literal)
		if !hole {
			break
		}
		name, after, closed := strings.Cut(rest, "}}")
		if name = strings.TrimSpace(name); !closed || name == "" {
			return Text{}, fmt.Errorf("a hole begins with {{ and does not end with a name and }}")
		}
		if value, ok := constants[name]; ok {
			if escape != nil {
				value = string(escape(nil, value))
			}
			t.add(value)
		} else {
			t.parts = append(t.parts, holeOf(name))
		}
		text = after
	}
	return t, nil
}

func (t *Text) add(literal string) {
	if n := len(t.parts); n > 0 && t.parts[n-1].name == "" {
		t.parts[n-1].literal += literal
	} else if literal != "" {
		t.parts = append(t.parts, part{literal: literal})
	}
}

// holeOf is a hole by its name.
func holeOf(name string) part {
	for _, p := range person {
		if p.name == name {
			return part{name: name, fill: p.fill}
		}
	}
	if id, device := strings.CutPrefix(name, "device."); device {
		return part{name: name, fill: func(w *Walk) (string, error) { return w.code(id) }}
	}
	return part{name: name, fill: func(w *Walk) (string, error) {
		value, ok := w.Saved(name)
		if !ok {
			return "", ErrNoValue
		}
		return value, nil
	}}
}

// Escape writes a value where it stands within something else: a path, a JSON text.
type Escape func(dst []byte, value string) []byte

// Append fills the holes for a walk. escape is for the values of holes, not for what stands
// around them (nor for constants); nil: as they are. The error names the hole.
func (t Text) Append(dst []byte, w *Walk, escape Escape) ([]byte, error) {
	for i := range t.parts {
		p := &t.parts[i]
		if p.name == "" {
			dst = append(dst, p.literal...)
			continue
		}
		value, err := p.fill(w)
		switch {
		case err != nil:
			return dst, fmt.Errorf("{{ %s }}: %w", p.name, err)
		case escape == nil:
			dst = append(dst, value...)
		default:
			dst = escape(dst, value)
		}
	}
	return dst, nil
}

// Fill is Append for those who want a text.
func (t Text) Fill(w *Walk) (string, error) {
	if len(t.parts) == 1 {
		if p := t.parts[0]; p.name == "" {
			return p.literal, nil
		}
	}
	b, err := t.Append(nil, w, nil)
	return string(b), err
}

// Constant is the text, if it is the same for all walks.
func (t Text) Constant() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].name == "":
		return t.parts[0].literal, true
	}
	return "", false
}

// Holes are the names of the holes, each once.
func (t Text) Holes() (out []string) {
	for _, p := range t.parts {
		if p.name != "" && !slices.Contains(out, p.name) {
			out = append(out, p.name)
		}
	}
	return out
}

// Named is the text with a name in the place of each hole, as routes have them: a hole
// {{ user.name }} is ":name".
func (t Text) Named() string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		b.WriteString(":" + p.name[strings.LastIndexByte(p.name, '.')+1:])
	}
	return b.String()
}
