package edit

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
)

var xmlFormat = format{name: "xml", parse: parseXML, write: func(p part, c Change) (string, bool) {
	if p.Type != Text {
		return "", false
	}
	v, _, ok := Value(p.Field, c)
	if c.As == WrongType {
		return "<unexpected/>", true
	}
	var b strings.Builder
	if !ok || xml.EscapeText(&b, []byte(v)) != nil {
		return "", false
	}
	return b.String(), true
}}

// element is one that is open.
type element struct {
	index int            // of its part; -1 for the root
	path  string         // of what is in it
	times map[string]int // how many children of a name it had
	text  strings.Builder
	inner bool // it has elements in it
}

// parseXML finds elements and attributes: those in the root by their local names, the
// second of a name as name[1], an attribute as @name.
func parseXML(body []byte) (parts []part, ok bool) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var open []*element
	seen := false
	for {
		at := int(d.InputOffset())
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return parts, seen && len(open) == 0
		}
		if err != nil || len(open) > maxDepth || len(parts) > maxParts {
			return nil, false
		}
		end := int(d.InputOffset())
		switch t := token.(type) {
		case xml.StartElement:
			e := &element{index: -1, times: map[string]int{}}
			if len(open) > 0 {
				up := open[len(open)-1]
				up.inner = true
				e.path = Under(up.path, numbered(escape(t.Name.Local), up.times))
				e.index = len(parts)
				parts = append(parts, part{Field: Field{Path: e.path}, from: at, at: end})
			}
			parts = append(parts, attributes(body, at, end, e.path)...)
			open, seen = append(open, e), true
		case xml.EndElement:
			e := open[len(open)-1]
			open = open[:len(open)-1]
			if e.index < 0 {
				continue
			}
			p := &parts[e.index]
			p.end, p.to = max(at, p.at), end
			p.Type, p.Value = Text, e.text.String()
			if e.inner || bytes.HasSuffix(body[p.from:p.at], []byte("/>")) { // <a/> has no inside to write to
				p.Type, p.Value = Object, ""
			}
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text.Write(t)
			}
		}
	}
}

func numbered(name string, times map[string]int) string {
	n := times[name]
	if times[name]++; n == 0 {
		return name
	}
	return name + "[" + strconv.Itoa(n) + "]"
}

var attribute = regexp.MustCompile(`\s+([A-Za-z_][\w.:-]*)\s*=\s*("[^"]*"|'[^']*')`)

// attributes are those of a start tag, without declarations of namespaces.
func attributes(body []byte, at, end int, path string) (parts []part) {
	for _, m := range attribute.FindAllSubmatchIndex(body[at:end], -1) {
		name := string(body[at+m[2] : at+m[3]])
		if name == "xmlns" || strings.HasPrefix(name, "xmlns:") {
			continue
		}
		value := string(body[at+m[4]+1 : at+m[5]-1])
		parts = append(parts, part{Field: Field{Path: Under(path, escape("@"+name)), Type: Text, Value: value},
			at: at + m[4] + 1, end: at + m[5] - 1, from: at + m[0], to: at + m[1]})
	}
	return parts
}
