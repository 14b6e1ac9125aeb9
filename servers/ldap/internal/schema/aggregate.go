package schema

import (
	"fmt"
	"slices"
	"strings"
)

// This file prints the published schema as the subschema entry of a domain
// controller does (MS-ADTS 3.1.1.3.1.1.1; the blanks are those of a 2012 R2).

// printed is an attribute's line in Active Directory's subschema.
func (a *Attribute) printed() string {
	text := "( " + a.OID + " NAME '" + a.Name + "' SYNTAX '"
	if a.row == "" {
		text += syntaxRoot + "15"
	} else {
		text += adSyntaxes[syntaxKey(field(a.row, atSyntax), field(a.row, atOMSyntax))].printed
	}
	text += "'"
	if a.Has(Single) {
		text += " SINGLE-VALUE"
	}
	if a.Has(ReadOnly) {
		text += " NO-USER-MODIFICATION"
	}
	return text + " )"
}

// printed is a class's line in Active Directory's subschema.
func (c *Class) printed() string {
	sup := ""
	if c.Sup != "" {
		sup = "SUP " + c.Sup
	}
	kind := [...]string{Structural: "STRUCTURAL", Auxiliary: "AUXILIARY", Abstract: "ABSTRACT"}[c.Kind]
	return "( " + c.OID + " NAME '" + c.Name + "' " + sup + " " + kind + dollars("MUST", c.Must) + dollars("MAY", c.May) + " )"
}

// dollars is a list as Active Directory prints it: no blank behind the
// parenthesis that opens it.
func dollars(word string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " " + word + " (" + strings.Join(list, " $ ") + " )"
}

// ContentRules are the DIT content rules: for each structural class the
// auxiliary classes that its entries may take, and what those bring that are
// always with it.
func (s *Schema) ContentRules() []string {
	var aux, out []string
	for _, c := range s.Classes() {
		if c.Kind == Auxiliary {
			aux = append(aux, c.Name)
		}
	}
	for _, c := range s.Classes() {
		if c.Kind != Structural {
			continue
		}
		var must, may []string
		listed := map[string]bool{} // what the class and its superiors say themselves is not said again
		for up := c; up != nil; up = s.Class(up.Sup) {
			for _, name := range append(slices.Clone(up.Must), up.May...) {
				listed[name] = true
			}
		}
		fresh := func(names []string) (out []string) {
			for _, name := range names {
				if !listed[name] {
					listed[name] = true
					out = append(out, name)
				}
			}
			return out
		}
		for up := c; up != nil; up = s.Class(up.Sup) {
			for _, name := range up.Auxiliaries() {
				if a := s.Class(name); a != nil {
					must, may = append(must, fresh(a.Must)...), append(may, fresh(a.May)...)
				}
			}
		}
		out = append(out, "( "+c.OID+" NAME '"+c.Name+"' AUX ( "+strings.Join(aux, " $ ")+" )"+dollars("MUST", must)+dollars("MAY", may)+")")
	}
	return out
}

// Extended are the values of extendedAttributeInfo and extendedClassInfo
// (MS-ADTS 3.1.1.3.1.1.1): ranges, identifiers and indexes.
func (s *Schema) Extended() (attributes, classes []string) {
	for _, a := range s.Attributes() {
		p, ok := a.Published()
		if !ok {
			continue
		}
		text := "( " + a.OID + " NAME '" + a.Name + "'"
		if p.HasLow {
			text += fmt.Sprintf(" RANGE-LOWER '%d'", p.Lower)
		}
		if p.HasTop {
			text += fmt.Sprintf(" RANGE-UPPER '%d'", p.Upper)
		}
		text += fmt.Sprintf(" PROPERTY-GUID '%X'", p.GUID)
		if p.Security != "" {
			text += fmt.Sprintf(" PROPERTY-SET-GUID '%X'", p.Security)
		}
		if p.SearchFlags&1 != 0 {
			text += " INDEXED"
		}
		if p.SystemOnly {
			text += " SYSTEM-ONLY"
		}
		attributes = append(attributes, text+" )")
	}
	for _, c := range s.Classes() {
		if p, ok := c.Published(); ok {
			classes = append(classes, fmt.Sprintf("( %s NAME '%s' CLASS-GUID '%X' )", c.OID, c.Name, p.GUID))
		}
	}
	return attributes, classes
}
