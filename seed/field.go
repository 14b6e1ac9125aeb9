package seed

import (
	"fmt"
	"reflect"
	"strings"
)

// field is what the tags of one struct field say. The same tags drive the
// decoder, the JSON Schema and docs/seed.md:
//
//	yaml     the key; ",inline" puts a struct's keys into the block around it
//	doc      one sentence for the reference
//	default  what holds when the key is missing, written as in the file
//	required "true": the key must be there
//	enum     the words allowed, separated by |
//	words    the same, where who reads the block judges them
//	keys     name of the struct that has the keys of a map; see BlockDocs
//	min, max bounds of numbers and durations
//	format   what a text must look like; see formats
//	ref      what a text must name: user, group, asset, account, client
type field struct {
	key      string
	index    int
	inline   bool
	required bool
	doc      string
	standard string // the default
	fallback *node  // and what it is as a value of the file
	enum     []string
	words    []string
	keys     string
	min, max string
	format   string
	ref      string
	typ      reflect.Type
	inList   bool // this is an item of the list that the key holds
}

// layout is a struct as the decoder sees it.
type layout struct {
	fields []field
	at     int // index of the place, -1 when there is none
	keys   map[string]bool
}

var placeType = reflect.TypeFor[place]()

// layoutOf reads the tags of a struct type.
func layoutOf(t reflect.Type) layout {
	l := layout{at: -1}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type == placeType {
			l.at = i
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		standard := f.Tag.Get("default")
		l.fields = append(l.fields, field{
			key: name, index: i, typ: f.Type,
			inline:   strings.Contains(options, "inline") || f.Anonymous && f.Tag.Get("yaml") == "" && f.Type.Kind() == reflect.Struct,
			required: f.Tag.Get("required") == "true",
			doc:      f.Tag.Get("doc"), standard: standard, fallback: written(standard),
			enum: split(f.Tag.Get("enum")), words: split(f.Tag.Get("words")), keys: f.Tag.Get("keys"), min: f.Tag.Get("min"), max: f.Tag.Get("max"),
			format: f.Tag.Get("format"), ref: f.Tag.Get("ref"),
		})
	}
	return l
}

func split(words string) []string {
	if words == "" {
		return nil
	}
	return strings.Split(words, "|")
}

// layouts remembers the layouts of one load.
type layouts map[reflect.Type]layout

func (m layouts) of(t reflect.Type) layout {
	l, ok := m[t]
	if !ok {
		l = layoutOf(t)
		l.keys = map[string]bool{}
		m[t] = l
		for _, key := range m.keys(t) {
			l.keys[key] = true
		}
	}
	return l
}

// keys lists the keys that a block of type t may have, inlined ones included.
func (m layouts) keys(t reflect.Type) []string {
	var out []string
	for _, f := range m.of(t).fields {
		if f.inline {
			out = append(out, m.keys(f.typ)...)
			continue
		}
		out = append(out, f.key)
	}
	return out
}

// item is the field as it holds for the items of a list, or the values of a map.
func (f field) item() field {
	return field{key: f.key, enum: f.enum, keys: f.keys, format: f.format, ref: f.ref, min: f.min, max: f.max}
}

// named is what messages call the field: "`key`", or "an item of `key`".
func (f field) named() string {
	if f.inList {
		return fmt.Sprintf("an item of `%s`", short(f.key))
	}
	return fmt.Sprintf("`%s`", short(f.key)) // a free key may be as long as a file
}
