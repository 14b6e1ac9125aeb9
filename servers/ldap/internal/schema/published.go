package schema

import (
	_ "embed" // the tables
	"encoding/base64"
	"strconv"
	"strings"
)

// The published schema of Active Directory Domain Services, Windows Server
// v1903 (MS-ADA1 to 3, MS-ADSC), as TestEmbeddedTables writes it: one line a row,
// sorted by name without regard to case, fields separated by bars. Nothing is
// parsed before somebody asks for a name, and then only its line.
var (
	//go:embed attributes.txt
	publishedAttributes string
	//go:embed classes.txt
	publishedClasses string
)

// line finds the row of a name in a table, in any case; "" if there is none. It
// halves the text, not an index of it: there is nothing to build.
func line(table, name string) string {
	lo, hi := 0, len(table) // both at the beginning of a row
	for lo < hi {
		mid := (lo + hi) / 2
		from := strings.LastIndexByte(table[lo:mid], '\n') + 1 + lo
		to := from + strings.IndexByte(table[from:], '\n')
		row := table[from:to]
		have := row[:strings.IndexByte(row, '|')]
		switch c := compareFold(have, name); {
		case c == 0:
			return row
		case c < 0:
			lo = to + 1
		default:
			hi = from
		}
	}
	return ""
}

// compareFold orders two names without regard to the case of ASCII letters.
func compareFold(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// lineOfOID finds a row by its identifier; only those who ask for numbers pay
// for going through the table.
func lineOfOID(table, oid string) string {
	if oid == "" || oid[0] < '0' || oid[0] > '9' || strings.ContainsAny(oid, "|\n") {
		return ""
	}
	at := strings.Index(table, "|"+shortOID(oid)+"|")
	if at < 0 {
		return ""
	}
	from := strings.LastIndexByte(table[:at], '\n') + 1
	row := table[from : from+strings.IndexByte(table[from:], '\n')]
	if field(row, 2) != shortOID(oid) { // a number somewhere else in a row
		return ""
	}
	return row
}

const microsoft = "1.2.840.113556.1."

func shortOID(oid string) string {
	if rest, ok := strings.CutPrefix(oid, microsoft); ok {
		return "~" + rest
	}
	return oid
}

func longOID(short string) string {
	if rest, ok := strings.CutPrefix(short, "~"); ok {
		return microsoft + rest
	}
	return short
}

// field is one field of a row.
func field(row string, n int) string {
	for ; n > 0; n-- {
		_, row, _ = strings.Cut(row, "|")
	}
	v, _, _ := strings.Cut(row, "|")
	return v
}

// The positions of an attribute's fields.
const (
	atName = iota
	atCN
	atOID
	atSyntax
	atOMSyntax
	atSingle
	atSystemOnly
	atGC
	atLower
	atUpper
	atSearchFlags
	atLinkID
	atSystemFlags
	atGUID
	atSecurityGUID
)

// Bits of systemFlags and searchFlags (MS-ADTS 2.2.10, 2.2.9).
const (
	flagConstructed = 0x4
	searchANR       = 0x4
)

// Published is what the schema says of an attribute besides its name.
type Published struct {
	CN             string
	Syntax         string // attributeSyntax: 2.5.5.12
	OMSyntax       int
	Single         bool
	SystemOnly     bool
	GC             bool // isMemberOfPartialAttributeSet
	Lower, Upper   int64
	HasLow, HasTop bool
	SearchFlags    int64
	LinkID         int64 // even: forward, odd: back link; 0 for none
	SystemFlags    int64
	GUID, Security string // octets of schemaIDGUID and attributeSecurityGUID
}

// Published are the published facts about an attribute; ok is false for those
// of OpenLDAP and of a seed.
func (a *Attribute) Published() (p Published, ok bool) {
	if a.row == "" {
		return p, false
	}
	f := strings.Split(a.row, "|")
	p = Published{CN: f[atCN], Syntax: "2.5.5." + f[atSyntax], OMSyntax: int(whole(f[atOMSyntax])), Single: f[atSingle] == "1",
		SystemOnly: f[atSystemOnly] == "1", GC: f[atGC] == "1", Lower: whole(f[atLower]), Upper: whole(f[atUpper]),
		HasLow: f[atLower] != "", HasTop: f[atUpper] != "", SearchFlags: whole(f[atSearchFlags]), LinkID: whole(f[atLinkID]),
		SystemFlags: whole(f[atSystemFlags]), GUID: octets(f[atGUID]), Security: octets(f[atSecurityGUID])}
	if p.CN == "" {
		p.CN = f[atName]
	}
	return p, true
}

// prefixes number the beginnings of identifiers in the order of a directory's
// prefix table (MS-DRSR 5.16.4).
var prefixes = map[string]uint32{"2.5.4": 0, "1.2.840.113556.1.2": 2, "1.2.840.113556.1.4": 9, "0.9.2342.19200300.100.1": 0x15,
	"2.16.840.1.113730.3.1": 0x16, "2.5.21": 0x18, "2.5.18": 0x19}

// Internal is the number that Active Directory's messages name an attribute by:
// 0x9005a for 1.2.840.113556.1.4.90.
func (a *Attribute) Internal() uint32 {
	i := strings.LastIndexByte(a.OID, '.')
	if i < 0 {
		return 0
	}
	return prefixes[a.OID[:i]]<<16 | uint32(whole(a.OID[i+1:]))&0xffff
}

func whole(v string) int64 {
	n, _ := strconv.ParseInt(v, 10, 64)
	return n
}

func octets(v string) string {
	b, err := base64.RawStdEncoding.DecodeString(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// syntaxes of Active Directory by attributeSyntax and, where that is shared,
// oMSyntax: how values compare (MS-ADTS 3.1.1.2.2.2, 3.1.1.2.2.4) and the
// identifier that the subschema prints (as a 2012 R2 does).
var adSyntaxes = map[string]struct {
	kind    Kind
	printed string
}{
	"1": {Name, syntaxRoot + "12"}, "2": {OID, syntaxRoot + "38"}, "3": {Exact, "1.2.840.113556.1.4.1362"},
	"4": {Text, "1.2.840.113556.1.4.905"}, "5/19": {IA5Exact, syntaxRoot + "44"}, "5/22": {IA5Exact, syntaxRoot + "26"},
	"6": {IA5Exact, syntaxRoot + "36"}, "7": {Exact, "1.2.840.113556.1.4.903"}, "8": {Bool, syntaxRoot + "7"},
	"9": {Int, syntaxRoot + "27"}, "10/4": {Octets, syntaxRoot + "40"}, "10/127": {Blob, "OctetString"},
	"11/23": {Time, syntaxRoot + "53"}, "11/24": {Time, syntaxRoot + "24"}, "12": {Text, syntaxRoot + "15"},
	"13": {Exact, syntaxRoot + "43"}, "14": {Exact, "1.2.840.113556.1.4.904"}, "15": {Blob, "1.2.840.113556.1.4.907"},
	"16": {Int, "1.2.840.113556.1.4.906"}, "17": {SID, syntaxRoot + "40"},
}

func syntaxKey(syntax, om string) string {
	switch syntax {
	case "5", "10", "11":
		return syntax + "/" + om
	}
	return syntax
}

// hidden are the attributes that no client can read, whoever it is (MS-ADTS
// 3.1.1.4.4), and those that a client brings a password in.
var hidden = map[string]bool{"unicodePwd": true, "userPassword": true, "dBCSPwd": true, "lmPwdHistory": true, "ntPwdHistory": true,
	"supplementalCredentials": true, "currentValue": true, "priorValue": true, "initialAuthIncoming": true, "initialAuthOutgoing": true,
	"trustAuthIncoming": true, "trustAuthOutgoing": true, "pekList": true, "msDS-ExecuteScriptPassword": true}

// brought are further attributes that clients bring secrets in or ask for them by,
// whether the schema knows them or not: Windows' local administrator passwords,
// managed passwords, Samba's and Kerberos' keys.
var brought = map[string]bool{"ms-mcs-admpwd": true, "msds-managedpassword": true, "krbprincipalkey": true, "krbmkey": true, "krbextradata": true,
	"krbpwdhistory": true, "sambantpassword": true, "sambalmpassword": true, "sambapasswordhistory": true, "authpassword": true,
	"olcrootpw": true, "pwdhistory": true, "userpkcs12": true, "unixuserpassword": true, "userpassword": true, "unicodepwd": true,
	"dbcspwd": true, "ntpwdhistory": true, "lmpwdhistory": true, "supplementalcredentials": true}

// SecretName reports whether values of an attribute description are secrets by its
// name alone; it says nothing of other flags of the schema.
func SecretName(desc string) bool {
	name, _, _ := strings.Cut(desc, ";")
	name, _, _ = strings.Cut(name, ":")
	name = strings.ToLower(name)
	return brought[name] || strings.HasPrefix(name, "mslaps-")
}

// published makes the attribute of a row.
func publishedAttribute(row string) *Attribute {
	a := &Attribute{Name: field(row, atName), OID: longOID(field(row, atOID)), row: row,
		Kind: adSyntaxes[syntaxKey(field(row, atSyntax), field(row, atOMSyntax))].kind}
	set := func(f Flag, yes bool) {
		if yes {
			a.Flags |= f
		}
	}
	link := field(row, atLinkID)
	set(Single, field(row, atSingle) == "1")
	set(ReadOnly, field(row, atSystemOnly) == "1")
	set(Constructed, whole(field(row, atSystemFlags))&flagConstructed != 0)
	set(Link, link != "" && link != "0" || a.Name == "member")
	set(Back, whole(link)&1 != 0)
	set(Secret, hidden[a.Name])
	return a
}

// PublishedClass is what the schema says of a class besides its name.
type PublishedClass struct {
	CN                 string
	Category           int // objectClassCategory
	Auxiliary          []string
	RDN                string   // rDNAttID
	Superiors          []string // possSuperiors
	Hide               bool     // defaultHidingValue
	DefaultCategory    string   // cn of the class in defaultObjectCategory
	SystemOnly         bool
	GUID               string // octets of schemaIDGUID
	OwnMust, OwnMay    []string
	SubClassOf, Govern string
}

// Published are the published facts about a class; ok is false for OpenLDAP's.
func (c *Class) Published() (p PublishedClass, ok bool) {
	if c.row == "" {
		return p, false
	}
	f := strings.Split(c.row, "|")
	p = PublishedClass{CN: f[1], Govern: c.OID, Category: int(whole(f[3])), SubClassOf: f[4], Auxiliary: strings.Fields(f[5]), RDN: f[6],
		OwnMust: strings.Fields(f[7]), OwnMay: strings.Fields(f[8]), Superiors: strings.Fields(f[9]), Hide: f[10] == "1",
		DefaultCategory: f[11], SystemOnly: f[12] == "1", GUID: octets(f[13])}
	if p.CN == "" {
		p.CN = f[0]
	}
	return p, true
}

// publishedClass makes the class of a row. Its static auxiliary classes count
// among its own lists (MS-ADTS 3.1.1.2.4.5), see Lists.
func publishedClass(row string) *Class {
	f := strings.Split(row, "|")
	c := &Class{Name: f[0], OID: longOID(f[2]), Sup: f[4], Must: strings.Fields(f[7]), May: strings.Fields(f[8]), row: row}
	switch f[3] {
	case "2":
		c.Kind = Abstract
	case "3":
		c.Kind = Auxiliary
	}
	if c.Sup == c.Name { // top is its own superior there
		c.Sup = ""
	}
	return c
}

// DefaultCategory is the cn of the class that entries of a class are of by default.
func (c *Class) DefaultCategory() string { return field(c.row, 11) }

// Auxiliaries are the classes that a class has always with it.
func (c *Class) Auxiliaries() []string { return strings.Fields(field(c.row, 5)) }

// Partner is the other side of a link: the back link of a forward one, and the other
// way round; nil if there is none (MS-ADTS 3.1.1.1.6: link identifiers come in pairs).
func (s *Schema) Partner(a *Attribute) *Attribute {
	p, ok := a.Published()
	if !ok || p.LinkID == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, known := s.partners[a]; known {
		return other
	}
	want := strconv.FormatInt(p.LinkID^1, 10)
	var other *Attribute
	for row := range strings.Lines(publishedAttributes) {
		if field(row, atLinkID) == want {
			other = s.materialize(row[:len(row)-1])
		}
	}
	if s.partners == nil {
		s.partners = map[*Attribute]*Attribute{}
	}
	s.partners[a] = other
	return other
}

// Resolved are the attributes of ambiguous name resolution: those whose
// searchFlags say so.
func (s *Schema) Resolved() []*Attribute {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resolved == nil {
		for row := range strings.Lines(publishedAttributes) {
			row = strings.TrimSuffix(row, "\n")
			if whole(field(row, atSearchFlags))&searchANR != 0 {
				s.resolved = append(s.resolved, s.materialize(row))
			}
		}
	}
	return s.resolved
}
