// Package schema knows the attributes and object classes of both flavours:
// their names, syntaxes and matching rules (RFC 4512, 4517, 4519, 2307, 2798,
// MS-ADA1 to 3). Everything a filter, a comparison or an entry needs to know of
// an attribute is in one table each.
package schema

import (
	"strings"

	"counterpart/servers/ldap/internal/dn"
)

// Flavour is which real server is played.
type Flavour string

// The two flavours.
const (
	OpenLDAP Flavour = "openldap"
	AD       Flavour = "ad"
)

// Flag is a property of an attribute.
type Flag uint8

// The properties.
const (
	Single      Flag = 1 << iota // SINGLE-VALUE
	Operational                  // only on "+" or by name
	ReadOnly                     // NO-USER-MODIFICATION
	Secret                       // a password: never shown, never matched
	Constructed                  // computed for those who ask by name; never matches in a filter
	Link                         // its values are entries of this directory
)

// Attribute is one attribute type.
type Attribute struct {
	ID      int // dense, an index into tables by attribute
	Name    string
	Aliases []string
	OID     string
	Kind    Kind
	Flags   Flag
}

// Has reports whether the attribute has all the properties of f.
func (a *Attribute) Has(f Flag) bool { return a.Flags&f == f }

// Schema is the set of attributes and classes of one server. It is immutable
// once the server has been built.
type Schema struct {
	Flavour Flavour
	Accents bool // letters differ by their accents
	attrs   []*Attribute
	byName  map[string]*Attribute
	classes map[string]*Class
	order   []*Class
}

// New returns the schema of a flavour. accents says whether é and e differ.
func New(f Flavour, accents bool) *Schema {
	s := &Schema{Flavour: f, Accents: accents, byName: make(map[string]*Attribute, 512), classes: map[string]*Class{}}
	tables := [][]row{commonAttributes, openldapAttributes}
	classes := [][]Class{commonClasses, openldapClasses}
	if f == AD {
		tables, classes = [][]row{commonAttributes, adAttributes}, [][]Class{commonClasses, adClasses}
	}
	for _, t := range tables {
		for _, r := range t {
			s.add(r)
		}
	}
	for _, t := range classes {
		for i := range t {
			c := &t[i]
			s.classes[strings.ToLower(c.Name)] = c
			s.classes[c.OID] = c
			s.order = append(s.order, c)
		}
	}
	return s
}

// row is one line of an attribute table: names separated by spaces.
type row struct {
	names, oid string
	kind       Kind
	flags      Flag
}

func (s *Schema) add(r row) *Attribute {
	names := strings.Fields(r.names)
	a := &Attribute{ID: len(s.attrs), Name: names[0], Aliases: names[1:], OID: r.oid, Kind: r.kind, Flags: r.flags}
	if old := s.byName[strings.ToLower(names[0])]; old != nil { // a flavour's own view of a common attribute
		a.ID = old.ID
		s.attrs[a.ID] = a
	} else {
		s.attrs = append(s.attrs, a)
	}
	for _, n := range names {
		s.byName[strings.ToLower(n)] = a
	}
	if r.oid != "" {
		s.byName[r.oid] = a
	}
	return a
}

// Define adds an attribute that a seed uses and no standard knows, as a
// case-ignore string, or returns the one that is there. Only while building.
func (s *Schema) Define(name string) *Attribute {
	if a := s.byName[strings.ToLower(name)]; a != nil {
		return a
	}
	return s.add(row{names: name, kind: Text})
}

// Count is one more than the highest attribute ID.
func (s *Schema) Count() int { return len(s.attrs) }

// Attributes are all attribute types in table order.
func (s *Schema) Attributes() []*Attribute { return s.attrs }

// Attr finds an attribute type by name or OID, without options; nil if unknown.
func (s *Schema) Attr(name string) *Attribute {
	if a, ok := s.byName[name]; ok {
		return a
	}
	return s.byName[strings.ToLower(name)]
}

// Describe splits an attribute description into its type and its options
// (RFC 4512 section 2.5); nil for an unknown type.
func (s *Schema) Describe(desc string) (a *Attribute, options string) {
	name, options, _ := strings.Cut(desc, ";")
	return s.Attr(name), options
}

// Class finds an object class by name or OID; nil if unknown.
func (s *Schema) Class(name string) *Class { return s.classes[strings.ToLower(name)] }

// Chain is the class with all its superiors, the most general first.
func (s *Schema) Chain(name string) []string {
	var out []string
	for c := s.Class(name); c != nil; c = s.Class(c.Sup) {
		out = append([]string{c.Name}, out...)
	}
	return out
}

// Descends reports whether a class has a superior of a normal name.
func (s *Schema) Descends(name, superior string) bool {
	for c := s.Class(name); c != nil && c.Sup != ""; c = s.Class(c.Sup) {
		if strings.EqualFold(c.Sup, superior) {
			return true
		}
	}
	return false
}

// Names are the rules by which DNs are compared.
func (s *Schema) Names() dn.Rules {
	return dn.Rules{
		Type: func(t string) (string, bool) {
			a := s.Attr(t)
			if a == nil {
				return "", false
			}
			return strings.ToLower(a.Name), true
		},
		Value: func(t, v string) string {
			if a := s.Attr(t); a != nil && a.Kind == Exact {
				return squeeze(v)
			}
			return s.fold(v)
		},
	}
}

// NormDN is the comparable form of a DN in text form.
func (s *Schema) NormDN(text string) (string, error) {
	d, err := dn.Parse(text)
	if err != nil {
		return "", err
	}
	return d.Norm(s.Names())
}

// Style is how this flavour escapes DNs.
func (s *Schema) Style() dn.Style {
	if s.Flavour == AD {
		return dn.Backslash
	}
	return dn.Hex
}
