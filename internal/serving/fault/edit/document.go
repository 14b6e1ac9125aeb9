package edit

import (
	"bytes"
	"slices"
	"strings"
)

// The bounds of what is looked at: beyond them a body is only changed as a whole.
const (
	maxParts = 2000
	maxDepth = 64
)

// part is a field with where it stands in a body.
type part struct {
	Field
	at, end  int // its value
	from, to int // what goes with it when it is dropped
	next     int // where what stands behind it begins, if something parts them
}

// Document is a body whose parts can be changed. What is not changed stays, octet by
// octet. The part with an empty path is the body as a whole.
type Document struct {
	body   []byte
	form   format
	parts  []part
	Ending bool // the connection is to end behind what is left of the body
}

// format is how a body is written.
type format struct {
	name  string
	parse func(body []byte) ([]part, bool)
	// write is a value as it stands in the body; ok is false for what cannot.
	write func(p part, c Change) (text string, ok bool)
}

// Read takes a body apart. Its form shows in the body itself, because labels are often
// wrong: JSON, XML, a form if contentType says so, and else text, in lines.
func Read(contentType string, body []byte) *Document {
	d := &Document{body: body}
	start := bytes.TrimLeft(body, " \t\r\n\ufeff")
	candidates := []format{text}
	switch {
	case len(start) == 0:
		candidates = nil
	case start[0] == '{', start[0] == '[', strings.Contains(contentType, "json"):
		candidates = []format{jsonFormat, text}
	case start[0] == '<':
		candidates = []format{xmlFormat, text}
	case strings.Contains(contentType, "x-www-form-urlencoded"):
		candidates = []format{form, text}
	}
	for _, f := range candidates {
		if parts, ok := f.parse(body); ok {
			d.form, d.parts = f, parts
			break
		}
	}
	return d
}

// Form is how the body is written: json, xml, form, text, or nothing.
func (d *Document) Form() string { return d.form.name }

// Body is the body as it is now.
func (d *Document) Body() []byte { return d.body }

// Fields implements Message: the body as a whole, with an empty path, and its parts.
func (d *Document) Fields() []Field {
	if len(d.body) == 0 {
		return nil
	}
	out := []Field{{Type: Whole, Value: string(d.body)}}
	for _, p := range d.parts {
		out = append(out, p.Field)
	}
	return out
}

// Change implements Message.
func (d *Document) Change(c Change) bool {
	if c.Field == "" {
		return d.changeAll(c)
	}
	var out []byte
	done, at := false, 0 // at: what stands before it is in out, or has gone
	for _, p := range d.parts {
		if !Matches(c.Field, p.Path) {
			continue
		}
		from, to, written, ok := p.at, p.end, "", true
		if c.As == Dropped {
			if from, to = p.from, p.to; from < at { // the comma before it is gone, so the one behind it goes
				from, to = at, max(p.to, p.next)
			}
		} else {
			written, ok = d.form.write(p, c)
		}
		if ok {
			out = append(append(out, d.body[at:from]...), written...)
			done, at = true, to
		}
	}
	if done {
		d.body = append(out, d.body[at:]...)
		d.parts, _ = d.form.parse(d.body) // the next change finds what is there now
	}
	return done
}

// Page is what a proxy answers when the server behind it does not.
const Page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"

func (d *Document) changeAll(c Change) bool {
	if len(d.body) == 0 && c.As != Replaced && c.As != Forged && c.As != HTML {
		return false
	}
	switch c.As {
	case Empty, Dropped:
		d.body = []byte{}
	case HTML:
		d.body = []byte(Page)
	case Cut:
		d.body, d.Ending = d.body[:len(d.body)/2], true
	case Malformed:
		end := bytes.TrimRight(d.body, " \r\n\t")
		d.body = append(slices.Clone(end[:max(0, len(end)-1)]), ",\x00]"...)
	case Replaced, Forged:
		d.body = []byte(c.Value)
	case Flipped, Other, Expired:
		trimmed := strings.TrimSpace(string(d.body))
		v, ok := altered(Field{Type: Text, Value: strings.Trim(trimmed, `"`)}, c)
		if !ok {
			return false
		}
		d.body = []byte(strings.Replace(string(d.body), strings.Trim(trimmed, `"`), v, 1))
	default:
		return false
	}
	d.parts = nil
	return true
}
