package seed

import (
	"encoding/json"
	"maps"
	"reflect"

	"counterpart/internal/serving/strictyaml"
)

// BlockReader reads blocks of keys that belong to other files than seeds, by the
// same tags and with the same words for what is wrong.
type BlockReader struct {
	File  func(*strictyaml.Node) string // the file that a value stands in
	Value func(*strictyaml.Node) any    // what a field of type any holds; nil: Node.Plain
	// Later reports a text that will be replaced before it counts; only fields that
	// take any text get it. nil: there is none.
	Later func(*strictyaml.Node) bool
	// Filled reports a text that was made in the place of a hole: where a number or a
	// truth is wanted it may be one. nil: there is none.
	Filled func(*strictyaml.Node) bool
}

// made is n as the number or truth that it may have been made as.
func (b *BlockReader) made(n *node) *node {
	if b == nil || b.Filled == nil || n.Kind != text || !b.Filled(n) {
		return n
	}
	out := *n
	out.Kind = written(n.Text).Kind
	return &out
}

func (b *BlockReader) later(n *node) bool { return b != nil && b.Later != nil && b.Later(n) }

func (b *BlockReader) value(n *node) any {
	if b == nil || b.Value == nil {
		return n.Plain()
	}
	return b.Value(n)
}

// Read puts a block into v, a pointer to a struct, strictly. The error is an
// *Error with everything that is wrong.
func (b *BlockReader) Read(n *strictyaml.Node, v any) error {
	r := &reporter{file: b.File(n), fileOf: b.File}
	d := &decoder{report: r, layouts: layouts{}, other: b}
	d.value(n, reflect.ValueOf(v).Elem(), field{key: n.Name})
	return asError(r.problems)
}

// BlockDocs describe a kind of file to people and editors, by the tags of the
// struct that it is read into.
type BlockDocs struct {
	Title string         // "Counterpart seed"
	Top   any            // the zero value of the whole file
	About string         // the sentence above the table of its keys
	Keyed map[string]any // what the tag keys names: structs with the keys of maps; the key "*" is any other
	Holes bool           // whether {{ … }} may stand for a number
	// Again is the key of a list whose items are the whole file again, with a name;
	// empty: there is none. Said of it in AgainDoc.
	Again, AgainDoc string
}

// Schema is the JSON Schema (2020-12) of such a file.
func (b BlockDocs) Schema() ([]byte, error) {
	m := &maker{layouts: layouts{}, defs: object{}, keyed: b.Keyed, holes: b.Holes}
	top := m.block(reflect.TypeOf(b.Top))
	if b.Again != "" {
		item := maps.Clone(top["properties"].(object))
		item["name"] = object{"type": "string", "minLength": 1, "description": "What the case is called."}
		m.defs["again"] = object{"type": "object", "properties": item, "additionalProperties": false, "required": []string{"name"}}
		top["properties"].(object)[b.Again] = object{"type": []string{"array", "null"}, "items": object{"$ref": "#/$defs/again"}, "description": b.AgainDoc}
	}
	top["patternProperties"] = object{"^x-": object{"description": "A home for anchors; ignored."}}
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = b.Title
	top["$defs"] = m.defs
	return json.MarshalIndent(top, "", "  ")
}

// Keys are the paths of all keys of such a file, those within blocks behind their
// blocks: prompts[].ask.key; "*" is a free key.
func (b BlockDocs) Keys() []string {
	var out []string
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		for _, f := range layoutOf(t).fields {
			if f.key == "*" {
				continue
			}
			at := join(path, f.key)
			out = append(out, at)
			if inner, at := b.inside(f, at); inner != nil {
				walk(inner, at)
			}
		}
	}
	walk(reflect.TypeOf(b.Top), "")
	return out
}

// inside is the struct whose keys stand below a field, and their path; nil when
// there is none.
func (b BlockDocs) inside(f field, at string) (reflect.Type, string) {
	t := f.typ
	for {
		switch t.Kind() {
		case reflect.Pointer:
			t = t.Elem()
			continue
		case reflect.Slice:
			t, at = t.Elem(), at+"[]"
			continue
		case reflect.Map:
			if k, ok := b.Keyed[f.keys]; ok {
				return reflect.TypeOf(k), at
			}
			t, at = t.Elem(), at+".*"
			continue
		case reflect.Struct:
			if layoutOf(t).documented() {
				return t, at
			}
		}
		return nil, ""
	}
}
