package seed

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
)

// Schema is the JSON Schema (2020-12) of a seed, for editors. blocks has a zero
// value of the settings of every kind of server. What holds between the parts of
// a seed is beyond a schema; Load knows it.
func Schema(blocks map[string]any) ([]byte, error) {
	m := &maker{layouts: layouts{}, defs: object{}, blocks: blocks}
	top := m.block(reflect.TypeFor[file]())
	top["patternProperties"] = object{"^x-": object{"description": "A home for anchors; ignored."}}
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "Counterpart seed"
	top["$defs"] = m.defs
	for _, kind := range slices.Sorted(maps.Keys(blocks)) {
		t := reflect.TypeOf(blocks[kind])
		for t != nil && t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t == nil || t.Kind() != reflect.Struct {
			return nil, fmt.Errorf("seed: the settings of %s are %v, not a struct", kind, t)
		}
		b := m.block(t)
		common := m.block(reflect.TypeFor[plainServer]())["properties"].(object)
		properties := b["properties"].(object)
		properties["kind"], properties["name"] = object{"const": kind}, common["name"]
		m.defs[kind+"-server"] = b
	}
	return json.MarshalIndent(top, "", "  ")
}

// object is a JSON object.
type object = map[string]any

// maker builds a schema. Structs become definitions, so that settings may
// contain themselves.
type maker struct {
	layouts layouts
	defs    object
	blocks  map[string]any
	keyed   map[string]any // see BlockDocs
	holes   bool           // so is this
}

// schemed is a type that has a schema of its own, because it decodes itself.
type schemed interface{ schema(m *maker) object }

// block is the schema of a struct.
func (m *maker) block(t reflect.Type) object {
	properties := object{}
	var required []string
	m.properties(t, properties, &required)
	out := object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"], out["type"] = required, "object"
	}
	return out
}

func (m *maker) properties(t reflect.Type, into object, required *[]string) {
	for _, f := range m.layouts.of(t).fields {
		if f.inline {
			m.properties(f.typ, into, required)
			continue
		}
		if f.required {
			*required = append(*required, f.key)
		}
		p := m.value(f.typ, f)
		if f.doc != "" {
			p["description"] = f.doc
		}
		if f.standard != "" {
			p["default"] = written(f.standard).Plain()
		}
		into[f.key] = p
	}
}

// value is the schema of one field.
func (m *maker) value(t reflect.Type, f field) object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	zero := reflect.New(t).Interface()
	if own, ok := zero.(schemed); ok {
		return own.schema(m)
	}
	switch t {
	case durationType:
		return object{"anyOf": []any{object{"type": "string", "pattern": durationPattern}, object{"const": 0}}}
	case timeType:
		return object{"type": "string", "pattern": timePattern}
	case addrType, prefixType:
		return object{"type": "string", "pattern": `^[0-9a-fA-F:.]+(/[0-9]+)?$`}
	case octetsType:
		return object{"type": "string", "pattern": `^[0-9a-fA-F: -]*$`}
	}
	switch zero.(type) {
	case unmarshaler:
		return object{}
	case encoding.TextUnmarshaler:
		return object{"type": "string"}
	}
	switch k := t.Kind(); k {
	case reflect.Struct:
		return object{"$ref": "#/$defs/" + m.define(t)}
	case reflect.Slice, reflect.Array:
		return object{"type": []string{"array", "null"}, "items": m.value(t.Elem(), f.item())}
	case reflect.Map:
		if k, ok := m.keyed[f.keys]; ok {
			return m.keys(reflect.TypeOf(k))
		}
		return object{"type": []string{"object", "null"}, "additionalProperties": m.free(t.Elem(), f)}
	case reflect.String:
		return stringSchema(f)
	case reflect.Bool:
		return m.filled(object{"type": "boolean"})
	case reflect.Float32, reflect.Float64:
		return m.filled(limits(object{"type": "number"}, f))
	case reflect.Interface:
		return object{}
	default:
		if f.min == "" && k >= reflect.Uint && k <= reflect.Uintptr {
			f.min = "0"
		}
		return m.filled(limits(object{"type": "integer"}, f))
	}
}

// filled is the schema of a value in whose place a hole may stand.
func (m *maker) filled(of object) object {
	if !m.holes {
		return of
	}
	return object{"anyOf": []any{of, object{"type": "string", "pattern": `\{\{`}}}
}

// keys is the schema of a map whose keys a struct has.
func (m *maker) keys(t reflect.Type) object {
	out := m.block(t)
	properties := out["properties"].(object)
	if other, ok := properties["*"]; ok {
		out["additionalProperties"] = other
		delete(properties, "*")
	}
	return out
}

// free is the schema of the values of free keys, where numbers are as good as
// text, and one value as good as a list.
func (m *maker) free(t reflect.Type, f field) object {
	item := f.item()
	if item.format == "" {
		item.format = "any"
	}
	out := m.value(t, item)
	if t == wordsType {
		return object{"anyOf": []any{out, m.value(t.Elem(), item)}}
	}
	return out
}

// define makes a definition of a struct and returns its name.
func (m *maker) define(t reflect.Type) string {
	name := t.Name()
	if t.PkgPath() != placeType.PkgPath() {
		name = path.Base(t.PkgPath()) + "." + t.Name()
	}
	if name == "" || t.Name() == "" { // written on the spot
		name = fmt.Sprintf("block-%d", len(m.defs)+1)
	}
	if _, done := m.defs[name]; !done {
		m.defs[name] = nil // a struct may contain itself
		m.defs[name] = m.block(t)
	}
	return name
}

func stringSchema(f field) object {
	out := object{"type": "string"}
	if x, ok := formats[f.format]; ok {
		if x.digits {
			out["type"] = []string{"string", "number", "boolean"}
		}
		if x.pattern != "" {
			out["pattern"] = x.pattern
		}
	}
	if words := append(f.enum, f.words...); len(words) > 0 {
		out["enum"] = words
	}
	if f.required {
		out["minLength"] = 1
	}
	return out
}

// limits adds the bounds of a number.
func limits(out object, f field) object {
	if x, err := strconv.ParseFloat(f.min, 64); err == nil {
		out["minimum"] = x
	}
	if x, err := strconv.ParseFloat(f.max, 64); err == nil {
		out["maximum"] = x
	}
	return out
}

const (
	durationPattern = `^[+-]?(0|([0-9]+w)?([0-9]+d)?([0-9.]+(h|m|s|ms|us|µs|ns))*)$`
	timePattern     = `^(now|(now)?[+-][0-9].*|[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].*)?)$`
)

func (otpSecret) schema(*maker) object {
	notation := func(name string) object {
		return object{"type": "object", "properties": object{name: object{"type": []string{"string", "number"}}}, "required": []string{name}, "additionalProperties": false}
	}
	all := []any{object{"type": []string{"string", "integer"}, "pattern": `^[A-Za-z2-7 =-]+$`}}
	for _, e := range encodings {
		all = append(all, notation(e))
	}
	return object{"anyOf": all}
}

func (window) schema(*maker) object {
	steps := object{"type": "integer", "minimum": 0, "maximum": 1000}
	return object{"anyOf": []any{
		object{"enum": slices.Sorted(maps.Keys(profiles))},
		object{"type": "object", "properties": object{"before": steps, "after": steps}, "additionalProperties": false},
	}}
}

func hexSchema(octets int) object {
	return object{"type": []string{"string", "number"}, "pattern": fmt.Sprintf(`^([0-9A-Fa-f][ :-]?){%d}$`, 2*octets)}
}

func (octets6) schema(*maker) object  { return hexSchema(6) }
func (octets16) schema(*maker) object { return hexSchema(16) }

func (step) schema(m *maker) object {
	return object{"anyOf": []any{m.block(reflect.TypeFor[plainStep]())["properties"].(object)["policy"], object{"$ref": "#/$defs/" + m.define(reflect.TypeFor[plainStep]())}}}
}

func (approver) schema(m *maker) object {
	return object{"anyOf": []any{object{"type": "string"}, object{"$ref": "#/$defs/" + m.define(reflect.TypeFor[plainApprover]())}}}
}

// schema of an entry of servers chooses the block by the kind.
func (server) schema(m *maker) object {
	out := m.block(reflect.TypeFor[plainServer]())
	delete(out, "additionalProperties")
	if m.blocks == nil {
		return out
	}
	kinds := slices.Sorted(maps.Keys(m.blocks))
	out["properties"].(object)["kind"].(object)["enum"] = kinds
	var choice []any
	for _, k := range kinds {
		choice = append(choice, object{
			"if":   object{"properties": object{"kind": object{"const": k}}, "required": []string{"kind"}},
			"then": object{"$ref": "#/$defs/" + k + "-server"},
		})
	}
	out["allOf"] = choice
	return out
}
