package httpapi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"

	"counterpart/internal/company/cause"
)

// Element is an element of a document in XML, by its local name; attributes are passed
// over.
type Element struct {
	Name string
	Text string // of its own, without that of the elements in it
	Sub  []*Element
	text []byte // grows while the document is read
}

// Child is the first element of a name within e; nil without one.
func (e *Element) Child(name string) *Element {
	for _, s := range e.Sub {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// XMLLimits bound a document.
type XMLLimits struct {
	Depth    int // elements within each other
	Elements int // altogether
}

// ParseXML reads a body in XML. There are no document types and no entities but the
// predefined ones. It refuses with cause.BadInput.
func ParseXML(body []byte, limits XMLLimits) (*Element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var root *Element
	var stack []*Element
	n := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, cause.Because(cause.BadInput, "the XML: %v", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			e := &Element{Name: t.Name.Local}
			switch n++; {
			case len(stack) >= limits.Depth || n > limits.Elements:
				return nil, cause.Because(cause.BadInput, "the XML has more than %d elements, or more than %d within each other", limits.Elements, limits.Depth)
			case len(stack) > 0:
				top := stack[len(stack)-1]
				top.Sub = append(top.Sub, e)
			case root != nil:
				return nil, cause.Because(cause.BadInput, "the XML has a second root")
			default:
				root = e
			}
			stack = append(stack, e)
		case xml.EndElement:
			e := stack[len(stack)-1]
			e.Text, e.text, stack = string(e.text), nil, stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				e := stack[len(stack)-1]
				e.text = append(e.text, t...)
			}
		case xml.Directive:
			return nil, cause.Because(cause.BadInput, "the XML has a document type")
		}
	}
}
