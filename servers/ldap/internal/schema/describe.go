package schema

import (
	"fmt"
	"strings"
)

// form is how a kind of attribute is described in the subschema.
type form struct{ syntax, name, equality, ordering, substr string }

const syntaxRoot = "1.3.6.1.4.1.1466.115.121.1."

var forms = map[Kind]form{
	Text:      {syntaxRoot + "15", "Directory String", "caseIgnoreMatch", "", "caseIgnoreSubstringsMatch"},
	Exact:     {syntaxRoot + "15", "Directory String", "caseExactMatch", "", "caseExactSubstringsMatch"},
	IA5:       {syntaxRoot + "26", "IA5 String", "caseIgnoreIA5Match", "", "caseIgnoreIA5SubstringsMatch"},
	IA5Exact:  {syntaxRoot + "26", "IA5 String", "caseExactIA5Match", "", "caseExactIA5SubstringsMatch"},
	Int:       {syntaxRoot + "27", "INTEGER", "integerMatch", "integerOrderingMatch", ""},
	Name:      {syntaxRoot + "12", "DN", "distinguishedNameMatch", "", ""},
	Octets:    {syntaxRoot + "40", "Octet String", "octetStringMatch", "", ""},
	Bool:      {syntaxRoot + "7", "Boolean", "booleanMatch", "", ""},
	Time:      {syntaxRoot + "24", "Generalized Time", "generalizedTimeMatch", "generalizedTimeOrderingMatch", ""},
	Phone:     {syntaxRoot + "50", "Telephone Number", "telephoneNumberMatch", "", "telephoneNumberSubstringsMatch"},
	OID:       {syntaxRoot + "38", "OID", "objectIdentifierMatch", "", ""},
	UUID:      {"1.3.6.1.1.16.1", "UUID", "UUIDMatch", "UUIDOrderingMatch", ""},
	SID:       {syntaxRoot + "40", "Octet String", "octetStringMatch", "", ""},
	Blob:      {syntaxRoot + "40", "Octet String", "", "", ""},
	Facsimile: {syntaxRoot + "22", "Facsimile Telephone Number", "", "", ""},
}

// rules are the matching rules that forms name.
var rules = []struct{ oid, name, syntax string }{
	{"2.5.13.0", "objectIdentifierMatch", "38"}, {"2.5.13.1", "distinguishedNameMatch", "12"},
	{"2.5.13.2", "caseIgnoreMatch", "15"}, {"2.5.13.4", "caseIgnoreSubstringsMatch", "58"},
	{"2.5.13.5", "caseExactMatch", "15"}, {"2.5.13.7", "caseExactSubstringsMatch", "58"},
	{"2.5.13.13", "booleanMatch", "7"}, {"2.5.13.14", "integerMatch", "27"}, {"2.5.13.15", "integerOrderingMatch", "27"},
	{"2.5.13.17", "octetStringMatch", "40"}, {"2.5.13.20", "telephoneNumberMatch", "50"},
	{"2.5.13.21", "telephoneNumberSubstringsMatch", "58"}, {"2.5.13.27", "generalizedTimeMatch", "24"},
	{"2.5.13.28", "generalizedTimeOrderingMatch", "24"}, {"1.3.6.1.4.1.1466.109.114.1", "caseExactIA5Match", "26"},
	{"1.3.6.1.4.1.1466.109.114.2", "caseIgnoreIA5Match", "26"}, {"1.3.6.1.4.1.1466.109.114.3", "caseIgnoreIA5SubstringsMatch", "58"},
	{"1.3.6.1.4.1.4203.1.2.1", "caseExactIA5SubstringsMatch", "58"},
}

// Rules are the matching rules as a subschema entry lists them.
func Rules() []string {
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = fmt.Sprintf("( %s NAME '%s' SYNTAX %s%s )", r.oid, r.name, syntaxRoot, r.syntax)
	}
	return append(out, "( 1.3.6.1.1.16.2 NAME 'UUIDMatch' SYNTAX 1.3.6.1.1.16.1 )",
		"( 1.3.6.1.1.16.3 NAME 'UUIDOrderingMatch' SYNTAX 1.3.6.1.1.16.1 )")
}

// Syntaxes are the syntaxes as a subschema entry lists them.
func Syntaxes() []string {
	var out []string
	seen := map[string]bool{}
	for k := Text; k <= Facsimile; k++ {
		if f := forms[k]; !seen[f.syntax] {
			seen[f.syntax] = true
			out = append(out, fmt.Sprintf("( %s DESC '%s' )", f.syntax, f.name))
		}
	}
	return out
}

// Describes are the attribute types and object classes as a subschema entry
// lists them (RFC 4512 section 4.1). Active Directory names no matching rules.
func (s *Schema) Describes() (attributes, classes []string) {
	if s.Flavour == AD {
		for _, a := range s.Attributes() {
			attributes = append(attributes, a.printed())
		}
		for _, c := range s.Classes() {
			classes = append(classes, c.printed())
		}
		return attributes, classes
	}
	for _, a := range s.Attributes() {
		attributes = append(attributes, s.describe(a))
	}
	for _, c := range s.Classes() {
		text := fmt.Sprintf("( %s NAME '%s'", c.OID, c.Name)
		if c.Sup != "" {
			text += " SUP " + c.Sup
		}
		text += " " + [...]string{Structural: "STRUCTURAL", Auxiliary: "AUXILIARY", Abstract: "ABSTRACT"}[c.Kind]
		classes = append(classes, text+names("MUST", c.Must)+names("MAY", c.May)+" )")
	}
	return attributes, classes
}

func names(word string, list []string) string {
	switch len(list) {
	case 0:
		return ""
	case 1:
		return " " + word + " " + list[0]
	}
	return " " + word + " ( " + strings.Join(list, " $ ") + " )"
}

func (s *Schema) describe(a *Attribute) string {
	oid := a.OID
	if oid == "" { // a seed's own attribute
		oid = strings.ToLower(a.Name) + "-oid"
	}
	text := "( " + oid + " NAME "
	if len(a.Aliases) == 0 {
		text += "'" + a.Name + "'"
	} else {
		text += "( '" + a.Name + "' '" + strings.Join(a.Aliases, "' '") + "' )"
	}
	f := forms[a.Kind]
	if f.equality != "" {
		text += " EQUALITY " + f.equality
	}
	if f.ordering != "" {
		text += " ORDERING " + f.ordering
	}
	if f.substr != "" {
		text += " SUBSTR " + f.substr
	}
	text += " SYNTAX " + f.syntax
	if a.Has(Single) {
		text += " SINGLE-VALUE"
	}
	if a.Has(ReadOnly) {
		text += " NO-USER-MODIFICATION"
	}
	if a.Has(Operational) || a.Has(Constructed) {
		text += " USAGE directoryOperation"
	}
	return text + " )"
}
