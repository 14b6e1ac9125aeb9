// Package dict is the dictionary of a ServiceNow instance: which tables there
// are, which fields they have, what those hold and which choices they offer.
package dict

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Type is what a field holds.
type Type int

// The types of fields.
const (
	Text Type = iota
	Integer
	Boolean
	DateTime
	Date
	Reference
	ID
	Journal // written entry by entry, reads empty
)

// Field is one column of a table.
type Field struct {
	Name    string
	Type    Type
	Table   string // that a reference points into
	Choices []Choice
	Numeric bool   // choices are numbers
	Owner   string // the table that declares it, perhaps above the one asked
}

// Choice is one value a field offers, and what people see of it.
type Choice struct{ Value, Label string }

// Display is what people see of a value.
func (f *Field) Display(value string) string {
	for _, c := range f.Choices {
		if c.Value == value {
			return c.Label
		}
	}
	return value
}

// Choice finds a choice by value or label, blanks and underscores alike.
func (f *Field) Choice(word string) (Choice, bool) {
	for _, c := range f.Choices {
		if c.Value == word || plain(c.Label) == plain(word) || plain(c.Value) == plain(word) {
			return c, true
		}
	}
	return Choice{}, false
}

func plain(s string) string {
	return strings.NewReplacer(" ", "", "_", "").Replace(strings.ToLower(s))
}

// Table is one table.
type Table struct {
	Name, Label string
	Prefix      string // of numbers; empty: rows have none
	Parent      string // the table it extends
	DisplayBy   string // the field that names a row
	fields      map[string]*Field
	order       []string
}

// Field finds a field.
func (t *Table) Field(name string) (*Field, bool) {
	f, ok := t.fields[name]
	return f, ok
}

// Fields lists the names of all fields, sorted.
func (t *Table) Fields() []string { return t.order }

// Add gives the table another field; one that is there stays as it is.
func (t *Table) Add(f *Field) {
	if _, ok := t.fields[f.Name]; ok {
		return
	}
	if f.Owner == "" {
		f.Owner = t.Name
	}
	t.fields[f.Name] = f
	i, _ := slices.BinarySearch(t.order, f.Name)
	t.order = slices.Insert(t.order, i, f.Name)
}

// Dictionary is all tables of an instance.
type Dictionary struct {
	tables map[string]*Table
	below  map[string][]string // the tables that extend one, at any depth, sorted
}

// Table finds a table.
func (d *Dictionary) Table(name string) (*Table, bool) {
	t, ok := d.tables[name]
	return t, ok
}

// Tables lists the names of all tables, sorted.
func (d *Dictionary) Tables() []string { return slices.Sorted(maps.Keys(d.tables)) }

// Below lists the names of the tables that extend a table, at any depth.
func (d *Dictionary) Below(name string) []string { return d.below[name] }

// Extends reports whether a table is another or extends it.
func (d *Dictionary) Extends(table, above string) bool {
	for table != "" {
		if table == above {
			return true
		}
		t, ok := d.tables[table]
		if !ok {
			return false
		}
		table = t.Parent
	}
	return false
}

// Extra is a table beside the usual ones.
type Extra struct {
	Name, Label, Display, Extends string
	Prefix                        string            // of numbers
	Fields                        map[string]string // name → type, as the seed writes it
}

// New is the dictionary that every instance has. skipped is the value of
// "Closed Skipped" of catalog tasks, which instances differ in.
func New(skipped string) *Dictionary {
	d := &Dictionary{tables: make(map[string]*Table, len(standard)), below: map[string][]string{}}
	for _, t := range standard {
		d.add(t)
	}
	for _, name := range []string{"sc_request", "sc_req_item", "sc_task"} {
		f := *d.tables[name].fields["state"]
		f.Choices = append(slices.Clone(f.Choices), Choice{skipped, "Closed Skipped"})
		d.tables[name].fields["state"] = &f
	}
	return d
}

// add makes a table of its definition.
func (d *Dictionary) add(def definition) *Table {
	t := &Table{Name: def.name, Label: def.label, Prefix: def.prefix, Parent: def.parent, DisplayBy: def.display, fields: map[string]*Field{}}
	if p, ok := d.tables[def.parent]; ok {
		maps.Copy(t.fields, p.fields)
	}
	for word := range strings.FieldsSeq(def.fields + " " + system) {
		name, kind, _ := strings.Cut(word, ":")
		if f, ok := parse(name, kind); ok && t.fields[name] == nil {
			f.Owner = def.name
			t.fields[name] = f
		}
	}
	for _, name := range []string{def.name + ".", ""} {
		for field, f := range t.fields {
			if c, ok := choices[name+field]; ok && f.Choices == nil {
				f = &Field{Name: field, Type: f.Type, Numeric: numeric(c), Choices: c, Owner: f.Owner}
				if f.Numeric {
					f.Type = Integer
				}
				t.fields[field] = f
			} else if ok && name != "" {
				t.fields[field] = &Field{Name: field, Type: f.Type, Numeric: f.Numeric, Choices: c, Owner: f.Owner}
			}
		}
	}
	if f, ok := t.fields["sys_class_name"]; ok { // one field for all tables that share it
		f.Choices = append(f.Choices, Choice{t.Name, t.Label})
	}
	t.order = slices.Sorted(maps.Keys(t.fields))
	d.tables[t.Name] = t
	for up := t.Parent; up != ""; up = d.tables[up].Parent {
		i, _ := slices.BinarySearch(d.below[up], t.Name)
		d.below[up] = slices.Insert(d.below[up], i, t.Name)
	}
	return t
}

func numeric(c []Choice) bool {
	return !slices.ContainsFunc(c, func(x Choice) bool { return strings.Trim(x.Value, "-0123456789") != "" })
}

// AddTable makes a table that only the seed knows.
func (d *Dictionary) AddTable(x Extra) (*Table, error) {
	if _, taken := d.tables[x.Name]; taken {
		return nil, fmt.Errorf("there is a table %q", x.Name)
	}
	if x.Extends != "" && d.tables[x.Extends] == nil {
		return nil, fmt.Errorf("there is no table %q to extend", x.Extends)
	}
	if x.Label == "" {
		x.Label = x.Name
	}
	if x.Prefix == "" && x.Extends != "" {
		x.Prefix = d.tables[x.Extends].Prefix
	}
	t := d.add(definition{name: x.Name, label: x.Label, prefix: x.Prefix, parent: x.Extends, display: x.Display})
	for _, name := range slices.Sorted(maps.Keys(x.Fields)) {
		f, err := d.Parse(name, x.Fields[name])
		if err != nil {
			return nil, err
		}
		t.Add(f)
	}
	if t.DisplayBy == "" {
		t.DisplayBy = "sys_id"
		for _, by := range []string{"number", "name", "u_name", "u_number"} {
			if _, ok := t.fields[by]; ok {
				t.DisplayBy = by
				break
			}
		}
	}
	if _, ok := t.fields[t.DisplayBy]; !ok {
		return nil, fmt.Errorf("table %q has no field %q to show", x.Name, t.DisplayBy)
	}
	return t, nil
}

// Parse makes a field of a type as the seed writes it: text, integer, boolean,
// date_time, date, journal, reference and a table, or choice and what it offers:
// "choice new=New, done=Done".
func (d *Dictionary) Parse(name, kind string) (*Field, error) {
	short := map[string]string{"": "", "text": "", "string": "", "integer": "i", "boolean": "b", "date_time": "t", "date": "d", "journal": "j"}
	word, known := short[kind]
	if table, ok := strings.CutPrefix(kind, "reference "); ok {
		if _, there := d.tables[table]; !there {
			return nil, fmt.Errorf("field %q: there is no table %q", name, table)
		}
		word, known = "@"+table, true
	}
	if offers, ok := strings.CutPrefix(kind, "choice "); ok {
		f, _ := parse(name, "")
		for offer := range strings.SplitSeq(offers, ",") {
			value, label, labelled := strings.Cut(strings.TrimSpace(offer), "=")
			if !labelled {
				label = value
			}
			f.Choices, known = append(f.Choices, Choice{value, label}), true
		}
		if f.Numeric = numeric(f.Choices); f.Numeric {
			f.Type = Integer
		}
		if plainName(name) {
			return f, nil
		}
	}
	if !known || !plainName(name) {
		return nil, fmt.Errorf("field %q: %q is no type; write text, integer, boolean, date_time, date, journal, reference and a table, or choice and its values", name, kind)
	}
	f, _ := parse(name, word)
	return f, nil
}

// plainName reports a name that a column can have.
func plainName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// parse reads the short form of a type: i b t d j g, or @table.
func parse(name, kind string) (*Field, bool) {
	f := &Field{Name: name}
	switch {
	case kind == "":
	case kind == "i":
		f.Type = Integer
	case kind == "b":
		f.Type = Boolean
	case kind == "t":
		f.Type = DateTime
	case kind == "d":
		f.Type = Date
	case kind == "j":
		f.Type = Journal
	case kind == "g":
		f.Type = ID
	case kind[0] == '@':
		f.Type, f.Table = Reference, kind[1:]
	default:
		return nil, false
	}
	return f, true
}
