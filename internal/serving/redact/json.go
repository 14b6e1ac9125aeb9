package redact

import (
	"encoding/json"
	"strings"
)

// deepest bounds the nesting that is followed; what is deeper cannot be told
// apart.
const deepest = 100

// json hides members of a document, which may be cut off anywhere.
func (w *writer) json(text string) {
	j := &document{writer: w, text: text}
	ok := j.value(w.rules.whole())
	if j.i >= len(text) {
		return
	}
	tail := text[j.i:]
	if ok && strings.TrimSpace(tail) == "" {
		w.out.WriteString(tail)
		return
	}
	w.rest(tail) // broken, or something behind it
}

// document is a JSON text that is read once, from left to right.
type document struct {
	*writer
	text  string
	i     int
	at    []string
	depth int // of objects and lists
}

// space copies white space.
func (j *document) space() {
	from := j.i
	for j.i < len(j.text) && strings.IndexByte(" \t\r\n", j.text[j.i]) >= 0 {
		j.i++
	}
	j.out.WriteString(j.text[from:j.i])
}

// value copies a value; with hide its leaves are hidden. False: the text is broken
// or ends here.
func (j *document) value(hide bool) bool {
	j.space()
	if j.i >= len(j.text) || j.depth > deepest {
		return false
	}
	j.depth++
	defer func() { j.depth-- }()
	switch c := j.text[j.i]; {
	case c == '{':
		return j.object(hide)
	case c == '[':
		return j.list(hide)
	case c == '"':
		raw, whole := j.stringAt()
		j.leaf(raw, hide, whole)
		return whole
	case c == '-' || c >= '0' && c <= '9' || c == 't' || c == 'f' || c == 'n':
		from := j.i
		for j.i < len(j.text) && strings.IndexByte(",]} \t\r\n", j.text[j.i]) < 0 {
			j.i++
		}
		j.leaf(j.text[from:j.i], hide, j.i < len(j.text))
		return true
	}
	return false
}

// leaf writes a string, number or word.
func (j *document) leaf(raw string, hide, whole bool) {
	if !hide {
		j.out.WriteString(raw)
		return
	}
	if whole {
		j.found(plain(raw))
	}
	j.out.WriteString(`"` + Hidden + `"`)
}

// plain is a leaf without quotes and escapes.
func plain(raw string) string {
	if !strings.HasPrefix(raw, `"`) {
		return raw
	}
	var s string
	if json.Unmarshal([]byte(raw), &s) == nil {
		return s
	}
	return strings.Trim(raw, `"`) // cut off
}

// stringAt is the string that begins here, with its quotes.
func (j *document) stringAt() (raw string, whole bool) {
	from := j.i
	for j.i++; j.i < len(j.text); j.i++ {
		switch j.text[j.i] {
		case '\\':
			j.i++
		case '"':
			j.i++
			return j.text[from:j.i], true
		}
	}
	j.i = len(j.text)
	return j.text[from:], false
}

func (j *document) object(hide bool) bool {
	j.out.WriteByte('{')
	for j.i++; ; {
		j.space()
		if j.i >= len(j.text) {
			return false
		}
		switch j.text[j.i] {
		case '}':
			j.i++
			j.out.WriteByte('}')
			return true
		case ',':
			j.i++
			j.out.WriteByte(',')
			continue
		case '"':
		default:
			return false
		}
		raw, whole := j.stringAt()
		j.out.WriteString(raw)
		if !whole {
			return false
		}
		j.space()
		if j.i >= len(j.text) || j.text[j.i] != ':' {
			return false
		}
		j.i++
		j.out.WriteByte(':')
		j.at = append(j.at, strings.ToLower(plain(raw)))
		ok := j.value(hide || j.rules.secret(j.at))
		j.at = j.at[:len(j.at)-1]
		if !ok {
			return false
		}
	}
}

func (j *document) list(hide bool) bool {
	j.out.WriteByte('[')
	for j.i++; ; {
		j.space()
		if j.i >= len(j.text) {
			return false
		}
		switch j.text[j.i] {
		case ']':
			j.i++
			j.out.WriteByte(']')
			return true
		case ',':
			j.i++
			j.out.WriteByte(',')
			continue
		}
		if !j.value(hide) {
			return false
		}
	}
}
