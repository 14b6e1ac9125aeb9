package schema

import (
	"slices"
	"strings"
)

// ClassKind is the role of an object class (RFC 4512 section 2.4).
type ClassKind uint8

// The roles.
const (
	Structural ClassKind = iota
	Auxiliary
	Abstract
)

// Class is one object class; Must and May are attribute names.
type Class struct {
	Name, OID, Sup string
	Kind           ClassKind
	Must, May      []string

	row string // in the published schema
}

// NameSubtypes are the attributes whose supertype is name (RFC 4519).
var NameSubtypes = []string{"cn", "sn", "c", "l", "st", "o", "ou", "title", "givenName", "initials", "generationQualifier"}

// Allowed are the names of all attributes that entries of some classes may have,
// those of their superiors and of the classes that come with them included.
func (s *Schema) Allowed(classes []string) []string { return s.lists(classes, true) }

// Required are the names of the attributes that such entries must have.
func (s *Schema) Required(classes []string) []string { return s.lists(classes, false) }

func (s *Schema) lists(classes []string, may bool) []string {
	var out []string
	seen, done := map[string]bool{}, map[*Class]bool{}
	var visit func(name string)
	visit = func(name string) {
		for c := s.Class(name); c != nil && !done[c]; c = s.Class(c.Sup) {
			done[c] = true
			lists := [][]string{c.Must, c.May}
			if !may {
				lists = lists[:1]
			}
			for _, list := range lists {
				for _, a := range list {
					if !seen[a] {
						seen[a] = true
						out = append(out, a)
					}
				}
			}
			for _, aux := range c.Auxiliaries() {
				visit(aux)
			}
		}
	}
	for _, name := range classes {
		visit(name)
	}
	return out
}

// MayBeBelow reports whether the class of an entry, or one above it, names one of the
// classes of its superior among its possible superiors.
func (s *Schema) MayBeBelow(class *Class, superior []string) bool {
	for c := class; c != nil; c = s.Class(c.Sup) {
		for _, name := range strings.Fields(field(c.row, 9)) {
			if name != "top" && slices.Contains(superior, name) {
				return true
			}
		}
	}
	return false
}

// Allows reports whether an object class, or one above it, has an attribute.
func (s *Schema) Allows(class string, a *Attribute) bool {
	for c := s.Class(class); c != nil; c = s.Class(c.Sup) {
		for _, list := range [][]string{c.Must, c.May} {
			if slices.ContainsFunc(list, func(name string) bool { return s.Attr(name) == a }) {
				return true
			}
		}
	}
	return false
}

var (
	telephony = []string{"telephoneNumber", "facsimileTelephoneNumber", "street", "l", "st", "postalAddress", "postalCode",
		"postOfficeBox", "physicalDeliveryOfficeName", "description", "seeAlso", "businessCategory", "x121Address"}
	orgPerson = append([]string{"title", "ou"}, telephony...)
	inetOrg   = []string{"audio", "businessCategory", "carLicense", "departmentNumber", "displayName", "employeeNumber",
		"employeeType", "givenName", "homePhone", "homePostalAddress", "initials", "jpegPhoto", "labeledURI", "mail", "manager",
		"mobile", "o", "pager", "photo", "preferredLanguage", "roomNumber", "secretary", "uid", "userCertificate",
		"userSMIMECertificate"}
)

// classRow is one line of a class table.
type classRow struct {
	name, oid, sup string
	kind           ClassKind
	must, may      []string
}

var commonClasses = []classRow{
	{"top", "2.5.6.0", "", Abstract, []string{"objectClass"}, nil},
	{"country", "2.5.6.2", "top", Structural, []string{"c"}, []string{"description"}},
	{"locality", "2.5.6.3", "top", Structural, nil, []string{"street", "seeAlso", "st", "l", "description"}},
	{"organization", "2.5.6.4", "top", Structural, []string{"o"}, append([]string{"userPassword"}, telephony...)},
	{"organizationalUnit", "2.5.6.5", "top", Structural, []string{"ou"}, append([]string{"userPassword"}, telephony...)},
	{"organizationalRole", "2.5.6.8", "top", Structural, []string{"cn"}, append([]string{"roleOccupant", "ou"}, telephony...)},
	{"groupOfNames", "2.5.6.9", "top", Structural, []string{"member", "cn"},
		[]string{"businessCategory", "seeAlso", "owner", "ou", "o", "description"}},
	{"groupOfUniqueNames", "2.5.6.17", "top", Structural, []string{"uniqueMember", "cn"},
		[]string{"businessCategory", "seeAlso", "owner", "ou", "o", "description"}},
	{"device", "2.5.6.14", "top", Structural, []string{"cn"}, []string{"serialNumber", "seeAlso", "owner", "ou", "o", "l", "description"}},
	{"dcObject", "1.3.6.1.4.1.1466.344", "top", Auxiliary, []string{"dc"}, nil},
	{"domain", "0.9.2342.19200300.100.4.13", "top", Structural, []string{"dc"}, append([]string{"o", "userPassword"}, telephony...)},
	{"inetOrgPerson", "2.16.840.1.113730.3.2.2", "organizationalPerson", Structural, nil, inetOrg},
	{"simpleSecurityObject", "0.9.2342.19200300.100.4.19", "top", Auxiliary, []string{"userPassword"}, nil},
	{"posixAccount", "1.3.6.1.1.1.2.0", "top", Auxiliary, []string{"cn", "uid", "uidNumber", "gidNumber", "homeDirectory"},
		[]string{"userPassword", "loginShell", "gecos", "description"}},
	{"shadowAccount", "1.3.6.1.1.1.2.1", "top", Auxiliary, []string{"uid"}, []string{"userPassword", "shadowLastChange",
		"shadowMin", "shadowMax", "shadowWarning", "shadowInactive", "shadowExpire", "shadowFlag", "description"}},
	{"posixGroup", "1.3.6.1.1.1.2.2", "top", Auxiliary, []string{"gidNumber"}, []string{"userPassword", "memberUid", "description"}},
	{"subschema", "2.5.20.1", "", Auxiliary, nil, []string{"attributeTypes", "objectClasses", "matchingRules"}},
}

var openldapClasses = []classRow{
	{"person", "2.5.6.6", "top", Structural, []string{"sn", "cn"}, []string{"userPassword", "telephoneNumber", "seeAlso", "description"}},
	{"organizationalPerson", "2.5.6.7", "person", Structural, nil, orgPerson},
	{"account", "0.9.2342.19200300.100.4.5", "top", Structural, []string{"uid"}, []string{"description", "seeAlso", "l", "o", "ou", "host"}},
	{"ldapPublicKey", "1.3.6.1.4.1.24552.500.1.1.2.0", "top", Auxiliary, nil, []string{"sshPublicKey", "uid"}},
	{"extensibleObject", "1.3.6.1.4.1.1466.101.120.111", "top", Auxiliary, nil, nil},
	{"referral", "2.16.840.1.113730.3.2.6", "top", Structural, []string{"ref"}, nil},
	{"OpenLDAProotDSE", "1.3.6.1.4.1.4203.1.4.1", "top", Structural, nil, []string{"cn"}},
}
