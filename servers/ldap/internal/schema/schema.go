// Package schema knows the attributes and object classes of both flavours:
// their names, syntaxes and matching rules (RFC 4512, 4517, 4519, 2307, 2798,
// MS-ADA1 to 3). Everything a filter, a comparison or an entry needs to know of
// an attribute is in one table each.
package schema

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

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
type Flag uint16

// The properties.
const (
	Single      Flag = 1 << iota // SINGLE-VALUE
	Operational                  // only on "+" or by name
	ReadOnly                     // NO-USER-MODIFICATION
	Secret                       // a password: never shown, never matched
	Constructed                  // computed for those who ask by name; never matches in a filter
	Link                         // its values are entries of this directory
	Back                         // ad: the other side of a link, which the server keeps
)

// Attribute is one attribute type.
type Attribute struct {
	ID      int // dense, an index into tables by attribute
	Name    string
	Aliases []string
	OID     string
	Kind    Kind
	Flags   Flag

	row string // in the published schema
}

// Has reports whether the attribute has all the properties of f.
func (a *Attribute) Has(f Flag) bool { return a.Flags&f == f }

// Schema is the set of attributes and classes of one server. Attributes and
// classes of the published schema are made when they are first asked for;
// whoever asks again finds them in a map that is only ever replaced.
type Schema struct {
	Flavour Flavour
	Accents bool // letters differ by their accents

	byName  atomic.Pointer[map[string]*Attribute]
	classes atomic.Pointer[map[string]*Class]

	mu       sync.Mutex // held by whoever adds
	attrs    []*Attribute
	order    []*Class
	whole    bool // all of the published schema is in attrs and order
	resolved []*Attribute
	partners map[*Attribute]*Attribute
}

// New returns the schema of a flavour. accents says whether é and e differ.
func New(f Flavour, accents bool) *Schema {
	s := &Schema{Flavour: f, Accents: accents}
	s.byName.Store(&map[string]*Attribute{})
	s.classes.Store(&map[string]*Class{})
	if f == AD {
		return s
	}
	names, classes := make(map[string]*Attribute, 512), make(map[string]*Class, 64)
	for _, t := range [][]row{commonAttributes, openldapAttributes} {
		for _, r := range t {
			s.add(names, r)
		}
	}
	for _, t := range [][]classRow{commonClasses, openldapClasses} {
		for _, r := range t {
			c := &Class{Name: r.name, OID: r.oid, Sup: r.sup, Kind: r.kind, Must: r.must, May: r.may}
			classes[strings.ToLower(c.Name)], classes[c.Name], classes[c.OID] = c, c, c
			s.order = append(s.order, c)
		}
	}
	s.byName.Store(&names)
	s.classes.Store(&classes)
	return s
}

// row is one line of an attribute table: names separated by spaces.
type row struct {
	names, oid string
	kind       Kind
	flags      Flag
}

// add enters an attribute under all its names; mu is held, or nobody else is
// there yet.
func (s *Schema) add(names map[string]*Attribute, r row) *Attribute {
	list := strings.Fields(r.names)
	a := &Attribute{ID: len(s.attrs), Name: list[0], Aliases: list[1:], OID: r.oid, Kind: r.kind, Flags: r.flags}
	s.attrs = append(s.attrs, a)
	for _, n := range list {
		names[n], names[strings.ToLower(n)] = a, a
	}
	if r.oid != "" {
		names[r.oid] = a
	}
	return a
}

// materialize makes the attribute of a row, or returns the one that is there; mu
// is held.
func (s *Schema) materialize(row string) *Attribute {
	known := *s.byName.Load()
	if a := known[field(row, atName)]; a != nil {
		return a
	}
	a := publishedAttribute(row)
	a.ID = len(s.attrs)
	s.attrs = append(s.attrs, a)
	known = maps.Clone(known)
	known[a.Name], known[strings.ToLower(a.Name)] = a, a
	s.byName.Store(&known)
	return a
}

// materializeClass is materialize for classes.
func (s *Schema) materializeClass(row string) *Class {
	known := *s.classes.Load()
	if c := known[field(row, 0)]; c != nil {
		return c
	}
	c := publishedClass(row)
	s.order = append(s.order, c)
	known = maps.Clone(known)
	known[c.Name], known[strings.ToLower(c.Name)] = c, c
	s.classes.Store(&known)
	return c
}

// all makes everything that has not been asked for yet; mu is held.
func (s *Schema) all() {
	if s.whole || s.Flavour != AD {
		return
	}
	s.whole = true
	names, classes := maps.Clone(*s.byName.Load()), maps.Clone(*s.classes.Load())
	for row := range strings.Lines(publishedAttributes) {
		row = row[:len(row)-1]
		if names[field(row, atName)] == nil {
			a := publishedAttribute(row)
			a.ID = len(s.attrs)
			s.attrs = append(s.attrs, a)
			names[a.Name], names[strings.ToLower(a.Name)] = a, a
		}
	}
	for row := range strings.Lines(publishedClasses) {
		row = row[:len(row)-1]
		if classes[field(row, 0)] == nil {
			c := publishedClass(row)
			s.order = append(s.order, c)
			classes[c.Name], classes[strings.ToLower(c.Name)] = c, c
		}
	}
	s.byName.Store(&names)
	s.classes.Store(&classes)
}

// Define adds an attribute that a seed uses and no standard knows, as a
// case-ignore string, or returns the one that is there.
func (s *Schema) Define(name string) *Attribute {
	if a := s.Attr(name); a != nil {
		return a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names := maps.Clone(*s.byName.Load())
	a := s.add(names, row{names: name, kind: Text})
	s.byName.Store(&names)
	return a
}

// Count is one more than the highest attribute ID.
func (s *Schema) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.attrs)
}

// Attributes are all attribute types, the whole published schema included.
func (s *Schema) Attributes() []*Attribute {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all()
	return s.attrs
}

// Classes are all object classes.
func (s *Schema) Classes() []*Class {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all()
	return s.order
}

// ByID is the attribute of a number.
func (s *Schema) ByID(id int) *Attribute {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attrs[id]
}

// Attr finds an attribute type by name or OID, without options; nil if unknown.
func (s *Schema) Attr(name string) *Attribute {
	known := *s.byName.Load()
	if a, ok := known[name]; ok {
		return a
	}
	if a, ok := known[strings.ToLower(name)]; ok || s.Flavour != AD {
		return a
	}
	row := line(publishedAttributes, name)
	if row == "" {
		row = lineOfOID(publishedAttributes, name)
	}
	if row == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.materialize(row)
}

// Describe splits an attribute description into its type and its options
// (RFC 4512 section 2.5); nil for an unknown type.
func (s *Schema) Describe(desc string) (a *Attribute, options string) {
	name, options, _ := strings.Cut(desc, ";")
	return s.Attr(name), options
}

// Class finds an object class by name or OID; nil if unknown.
func (s *Schema) Class(name string) *Class {
	known := *s.classes.Load()
	if c, ok := known[name]; ok || name == "" {
		return c
	}
	if c, ok := known[strings.ToLower(name)]; ok || s.Flavour != AD {
		return c
	}
	row := line(publishedClasses, name)
	if row == "" {
		row = lineOfOID(publishedClasses, name)
	}
	if row == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.materializeClass(row)
}

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
