package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

var jsonFormat = format{name: "json", parse: parseJSON, write: writeJSON}

// scan reads a JSON document token by token, for the places of its parts.
type scan struct {
	body  []byte
	d     *json.Decoder
	parts []part
	mute  int // how many members without a name, which no path can say, it is inside of
}

var errTooMuch = errors.New("edit: too deep, or too many parts")

func parseJSON(body []byte) ([]part, bool) {
	s := &scan{body: body, d: json.NewDecoder(bytes.NewReader(body))}
	s.d.UseNumber()
	if s.value("", 0) != nil {
		return nil, false
	}
	if _, err := s.d.Token(); err != io.EOF {
		return nil, false
	}
	return s.parts, true
}

// next is where the next token begins.
func (s *scan) next() int {
	at := int(s.d.InputOffset())
	for at < len(s.body) && bytes.IndexByte([]byte(" \t\r\n,:"), s.body[at]) >= 0 {
		at++
	}
	return at
}

// value reads one value; path is empty for the document itself, which is no part.
func (s *scan) value(path string, depth int) error {
	if depth > maxDepth || len(s.parts) >= maxParts {
		return errTooMuch
	}
	at, index := s.next(), len(s.parts)
	token, err := s.d.Token()
	if err != nil {
		return err
	}
	if path = s.audible(path); path != "" {
		s.parts = append(s.parts, part{Field: Field{Path: path}, at: at, from: at})
	}
	f := Field{Path: path}
	switch t := token.(type) {
	case json.Delim:
		if f.Type, err = s.inside(path, t, depth); err != nil {
			return err
		}
	case string:
		f.Type, f.Value = Text, t
	case json.Number:
		f.Type, f.Value = Number, t.String()
	case bool:
		f.Type, f.Value = Boolean, strconv.FormatBool(t)
	case nil:
		f.Type = Null
	}
	if path != "" {
		p := &s.parts[index]
		p.Field, p.end, p.to = f, int(s.d.InputOffset()), int(s.d.InputOffset())
	}
	return nil
}

// audible is a path, unless what is read cannot be named.
func (s *scan) audible(path string) string {
	if s.mute > 0 {
		return ""
	}
	return path
}

// inside reads the members of an object, or the items of a list.
func (s *scan) inside(path string, open json.Delim, depth int) (Type, error) {
	kind := List
	if open == '{' {
		kind = Object
	}
	before := int(s.d.InputOffset()) // the end of what stands before the next one
	first := true
	for n := 0; s.d.More(); n++ {
		from, name := s.next(), strconv.Itoa(n)
		if kind == Object {
			token, err := s.d.Token()
			if err != nil {
				return kind, err
			}
			name = escape(token.(string))
		}
		index := len(s.parts)
		if name == "" {
			s.mute++
		}
		if err := s.value(Under(path, name), depth+1); err != nil {
			return kind, err
		}
		if name == "" {
			s.mute--
		} else if index < len(s.parts) {
			p := &s.parts[index]
			p.next = s.comma(p.end)
			if p.from = before; first { // the comma that goes is the one before it, or behind the first
				p.from, p.to = from, p.next
			}
		}
		before, first = int(s.d.InputOffset()), false
	}
	_, err := s.d.Token()
	return kind, err
}

// comma is behind the comma and the blanks that follow a member; at itself if none does.
func (s *scan) comma(at int) int {
	rest := bytes.TrimLeft(s.body[at:], " \t\r\n")
	if len(rest) == 0 || rest[0] != ',' {
		return at
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	return len(s.body) - len(rest)
}

func writeJSON(p part, c Change) (string, bool) {
	switch c.As {
	case Nulled:
		return "null", p.Type != Null
	case WrongType:
		switch p.Type {
		case Text:
			return "4711", true
		case Object:
			return `["unexpected"]`, true
		}
		return `{"unexpected":true}`, true
	case Empty:
		empty := map[Type]string{Text: `""`, Number: "0", Boolean: "false", List: "[]", Object: "{}"}[p.Type]
		return empty, empty != "" && (p.Type == List || p.Type == Object || p.Value != "")
	case Flipped:
		if p.Type == Boolean {
			return strconv.FormatBool(p.Value != "true"), true
		}
	}
	if p.Type != Text && p.Type != Number && c.As != Replaced && c.As != Forged {
		return "", false
	}
	v, ok := altered(p.Field, c)
	if !ok {
		return "", false
	}
	if p.Type != Text && json.Valid([]byte(v)) {
		return v, true
	}
	return quote(v), true
}

// quote is a text as JSON has it, with < and & as they are.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""`
	}
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}
