package seed

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"
)

// decoder puts nodes into Go values and reports whatever does not fit. It goes
// on after a mistake, and leaves the value at its default.
type decoder struct {
	report  *reporter
	layouts layouts
	now     time.Time
	refs    []reference
	ctx     context.Context // nil: nobody goes away
	gone    bool            // somebody has
	keep    bool            // a server's settings: what the server filled in beats the defaults of the tags
	other   *BlockReader    // nil: this is a seed
}

// reference is a name that must be the name of something.
type reference struct {
	kind, name string
	n          *node
}

// Types of the schema that read themselves, because YAML lets one write them in
// several ways.
type selfDecoder interface {
	fromNode(d *decoder, n *node)
}

// What the YAML library calls to let a type decode itself; settings of servers
// may use it.
type unmarshaler interface {
	UnmarshalYAML(func(any) error) error
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	addrType     = reflect.TypeFor[netip.Addr]()
	prefixType   = reflect.TypeFor[netip.Prefix]()
	octetsType   = reflect.TypeFor[[]byte]()
	wordsType    = reflect.TypeFor[[]string]()
)

// value decodes n into v, which must be settable.
func (d *decoder) value(n *node, v reflect.Value, f field) {
	if d.other.later(n) && (v.Kind() != reflect.String || len(f.enum) > 0) && v.Kind() != reflect.Interface {
		return
	}
	if v.Kind() == reflect.Pointer {
		if n.Kind == null && v.Type().Elem().Kind() != reflect.Struct {
			d.mismatch(n, f, "a value")
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), f)
		return
	}
	if d.self(n, v, f) {
		return
	}
	switch v.Type() {
	case durationType, timeType, addrType, prefixType, octetsType:
		d.special(n, v, f)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.block(n, v, f)
	case reflect.Slice:
		d.list(n, v, f)
	case reflect.Map:
		d.table(n, v, f)
	case reflect.Interface:
		if x := reflect.ValueOf(d.other.value(n)); x.IsValid() && x.Type().AssignableTo(v.Type()) {
			v.Set(x)
		}
	default:
		d.scalar(n, v, f)
	}
}

// self lets types decode themselves; it reports whether v is of such a type.
func (d *decoder) self(n *node, v reflect.Value, f field) bool {
	if !v.CanAddr() || !v.Addr().CanInterface() {
		return false
	}
	switch x := v.Addr().Interface().(type) {
	case selfDecoder:
		if n.Kind == null {
			d.mismatch(n, f, "a value")
		} else {
			x.fromNode(d, n)
		}
	case unmarshaler:
		d.unmarshal(n, x)
	case encoding.TextUnmarshaler:
		switch v.Type() {
		case timeType, addrType, prefixType: // read by special, with better messages
			return false
		}
		if n.Kind != text {
			d.mismatch(n, f, "text")
		} else if err := x.UnmarshalText([]byte(n.Text)); err != nil {
			d.report.node(n, fmt.Sprintf("%s: %v", f.named(), err), "")
		}
	default:
		return false
	}
	return true
}

// unmarshal gives x a function that decodes n strictly into what x likes.
func (d *decoder) unmarshal(n *node, x unmarshaler) {
	err := x.UnmarshalYAML(func(v any) error {
		return d.into(n, v)
	})
	var list *Error
	switch {
	case err == nil:
	case errors.As(err, &list):
		for _, p := range list.Problems {
			d.report.add(p)
		}
	default:
		d.report.node(n, err.Error(), "")
	}
}

// into decodes n into the pointer v with problems of its own.
func (d *decoder) into(n *node, v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("seed: cannot decode into %T", v)
	}
	sub := *d
	sub.report, sub.refs = &reporter{file: d.report.file, fileOf: d.report.fileOf}, nil
	sub.value(n, p.Elem(), field{key: n.Name})
	if err := asError(sub.report.problems); err != nil {
		return err
	}
	d.refs = append(d.refs, sub.refs...)
	return nil
}

// block decodes a mapping into a struct.
func (d *decoder) block(n *node, v reflect.Value, f field) {
	if n.Kind != mapping && n.Kind != null {
		hint := ""
		if known := d.layouts.keys(v.Type()); f.inList && n.Kind == text && len(known) > 0 {
			hint = fmt.Sprintf("write `%s: %s`", known[0], short(n.Text))
		}
		d.mismatchHint(n, f, "a block of keys", hint)
		return
	}
	d.fields(n, v)
	l := d.layouts.of(v.Type())
	for _, e := range n.Entries {
		if l.keys[e.Name] {
			continue
		}
		if n.Parent == nil && strings.HasPrefix(e.Name, "x-") { // a home for anchors
			continue
		}
		if d.report.full() { // finding what was meant takes time
			d.report.add(Problem{})
			continue
		}
		known := d.layouts.keys(v.Type())
		d.report.add(Problem{File: d.report.of(e.Value), Line: e.Line, Column: e.Column, Path: join(n.Path(), e.Name),
			Message: fmt.Sprintf("unknown key `%s`", short(e.Name)), Hint: didYouMean(e.Name, known)})
	}
}

// fields decodes the keys that v has a field for.
func (d *decoder) fields(n *node, v reflect.Value) {
	l := d.layouts.of(v.Type())
	if l.at >= 0 {
		v.Field(l.at).Set(reflect.ValueOf(place{n}))
	}
	for _, f := range l.fields {
		fv := v.Field(f.index)
		if f.inline {
			if fv.Kind() == reflect.Struct {
				d.fields(n, fv)
			}
			continue
		}
		if child := n.Get(f.key); child != nil {
			if !child.Reported && !d.valueless(child, fv, f) {
				d.value(child, fv, f)
			}
			continue
		}
		if f.required {
			d.report.node(n, fmt.Sprintf("%s is missing", f.named()), "")
		}
		d.standard(fv, f)
	}
}

// valueless reports a key that was written without a value where one is needed.
// Lists, blocks and maps may be empty: their items are often commented out.
func (d *decoder) valueless(n *node, v reflect.Value, f field) bool {
	if n.Kind != null {
		return false
	}
	t := v.Type()
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case durationType, timeType, addrType, prefixType, octetsType:
	default:
		if k := t.Kind(); k == reflect.Slice || k == reflect.Map || k == reflect.Struct || k == reflect.Interface {
			if _, own := reflect.New(t).Interface().(selfDecoder); !own {
				d.standard(v, f)
				return true
			}
		}
	}
	d.report.node(n, fmt.Sprintf("%s has no value", f.named()), "write one, or remove the key")
	return true
}

// standard sets the default of a field, and those of the blocks below it.
func (d *decoder) standard(v reflect.Value, f field) {
	if d.keep && !v.IsZero() {
		return
	}
	if f.standard != "" {
		d.value(f.fallback, v, f)
		return
	}
	if v.Kind() != reflect.Struct || !v.CanAddr() || plainStruct(v) {
		return
	}
	l := d.layouts.of(v.Type())
	if l.at >= 0 {
		v.Field(l.at).Set(reflect.ValueOf(place{}))
	}
	for _, sub := range l.fields {
		d.standard(v.Field(sub.index), sub)
	}
}

// plainStruct tells structs that are one value, such as a time, from blocks.
func plainStruct(v reflect.Value) bool {
	switch v.Type() {
	case timeType, addrType, prefixType:
		return true
	}
	switch v.Addr().Interface().(type) {
	case selfDecoder, unmarshaler, encoding.TextUnmarshaler:
		return true
	}
	return false
}

// written is the node that the text of a default tag stands for.
func written(s string) *node {
	n := &node{Kind: text, Text: s}
	switch {
	case s == "true" || s == "false":
		n.Kind = boolean
	case isInteger(s):
		n.Kind = integer
	}
	return n
}

// stop looks now and then whether somebody still waits for what is decoded.
func (d *decoder) stop(i int) bool {
	if i%1024 == 0 && !d.gone && d.ctx != nil && d.ctx.Err() != nil {
		d.gone = true
	}
	return d.gone
}

// list decodes a list into a slice.
func (d *decoder) list(n *node, v reflect.Value, f field) {
	if n.Kind != list {
		hint := ""
		switch {
		case n.Kind == null:
		case n.Kind == mapping || v.Type().Elem().Kind() == reflect.Struct:
			hint = "begin each item with `- `"
		default:
			hint = fmt.Sprintf("write `[%s]`", short(n.Text))
		}
		d.mismatchHint(n, f, "a list", hint)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	item := f.item()
	item.typ, item.inList = v.Type().Elem(), true
	for i, c := range n.Items {
		if d.stop(i) {
			return
		}
		if c.Reported {
			continue
		}
		if c.Kind == null && item.typ.Kind() != reflect.Interface {
			d.report.node(c, fmt.Sprintf("%s has no value", item.named()), "write one, or remove the line")
			continue
		}
		d.value(c, out.Index(i), item)
	}
	v.Set(out)
	if f.ref != "" || f.format != "" && f.format != "any" && item.typ.Kind() == reflect.String {
		d.repeated(n, f)
	}
}

// repeated reports a word that a list of names has twice.
func (d *decoder) repeated(n *node, f field) {
	seen := map[string]bool{}
	for _, c := range n.Items {
		key := strings.ToLower(strings.TrimSpace(c.Text))
		if key != "" && seen[key] {
			d.report.node(c, fmt.Sprintf("`%s` is in %s twice", short(c.Text), f.named()), "remove one")
		}
		seen[key] = true
	}
}

// table decodes a mapping into a map with text keys.
func (d *decoder) table(n *node, v reflect.Value, f field) {
	if n.Kind != mapping {
		d.mismatch(n, f, "a block of keys")
		return
	}
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		d.report.node(n, fmt.Sprintf("%s cannot be read into %s", f.named(), t), "")
		return
	}
	out := reflect.MakeMapWithSize(t, len(n.Entries))
	for _, e := range n.Entries {
		item := f.item()
		item.typ, item.key = t.Elem(), e.Name
		if item.format == "" {
			item.format = "any" // the values of free keys: 3600 is as good as "3600"
		}
		x := reflect.New(t.Elem()).Elem()
		if e.Value.Reported {
			continue
		}
		if e.Value.Kind == null && t.Elem().Kind() != reflect.Interface {
			d.report.node(e.Value, fmt.Sprintf("%s has no value", item.named()), "write one, or remove the key")
			continue
		}
		if t.Elem() == wordsType && e.Value.Kind != list {
			e.Value = &node{Kind: list, Line: e.Value.Line, Column: e.Value.Column, Parent: n, Name: e.Name, Items: []*node{e.Value}}
		}
		d.value(e.Value, x, item)
		out.SetMapIndex(reflect.ValueOf(e.Name).Convert(t.Key()), x)
	}
	v.Set(out)
}

// mismatch reports a value of the wrong type.
func (d *decoder) mismatch(n *node, f field, want string) { d.mismatchHint(n, f, want, "") }

func (d *decoder) mismatchHint(n *node, f field, want, hint string) {
	what := "the seed"
	if f.key != "" {
		what = f.named()
	}
	d.report.node(n, fmt.Sprintf("%s must be %s, not %s", what, want, n.Kind), hint)
}
