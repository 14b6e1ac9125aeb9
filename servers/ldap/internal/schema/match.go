package schema

import (
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Kind is an attribute's syntax together with its equality rule.
type Kind uint8

// The kinds of attribute values.
const (
	Text      Kind = iota // Directory String, caseIgnoreMatch
	Exact                 // caseExactMatch
	IA5                   // IA5 String, caseIgnoreIA5Match
	IA5Exact              // caseExactIA5Match
	Int                   // integerMatch
	Name                  // distinguishedNameMatch
	Octets                // octetStringMatch
	Bool                  // booleanMatch
	Time                  // generalizedTimeMatch
	Phone                 // telephoneNumberMatch
	OID                   // objectIdentifierMatch
	UUID                  // UUIDMatch: text form
	SID                   // octets, or S-1-… in an assertion
	Blob                  // no equality rule
	Facsimile             // no equality rule, text
)

// Norm is the form in which two values of a are equal exactly when the
// equality rule says so; ok is false for a value that the syntax does not
// allow, which makes an assertion Undefined.
func (s *Schema) Norm(a *Attribute, v string) (normal string, ok bool) { return s.NormKind(a.Kind, v) }

// NormKind is Norm by kind, for matching rules named in extensible filters.
func (s *Schema) NormKind(k Kind, v string) (normal string, ok bool) {
	switch k {
	case Text:
		return s.fold(v), v != "" && utf8.ValidString(v)
	case IA5:
		return s.fold(v), ascii(v)
	case Exact:
		return squeeze(v), v != "" && utf8.ValidString(v)
	case IA5Exact:
		return squeeze(v), ascii(v)
	case Int:
		return s.normInt(v)
	case Name:
		n, err := s.NormDN(v)
		return n, err == nil
	case Bool:
		u := strings.ToUpper(v)
		return u, u == "TRUE" || u == "FALSE"
	case Time:
		return normTime(v)
	case Phone:
		v = strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(v))
		return v, v != ""
	case OID:
		return s.normOID(v)
	case UUID:
		return normUUID(v)
	case SID:
		if strings.HasPrefix(v, "S-1-") || strings.HasPrefix(v, "s-1-") {
			b, ok := ParseSID(v)
			return string(b), ok
		}
		return v, true
	case Octets:
		return v, true
	}
	return "", false
}

// fold is stringprep's case folding and insignificant space handling
// (RFC 4518) for the strings that people have.
func (s *Schema) fold(v string) string {
	if plain(v) {
		return v
	}
	if !ascii(v) {
		v = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(v)))
		if !s.Accents {
			marks := transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
			if out, _, err := transform.String(marks, v); err == nil && out != "" {
				v = out
			}
		}
		return squeeze(v)
	}
	return squeeze(strings.ToLower(v))
}

// plain reports whether folding would leave v as it is: the common case, free.
func plain(v string) bool {
	if v == "" {
		return true
	}
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' || c == '\t' || c == '\n' || c == '\r' ||
			c == ' ' && (i == 0 || i == len(v)-1 || v[i-1] == ' ') {
			return false
		}
	}
	return true
}

func ascii(v string) bool {
	for i := 0; i < len(v); i++ {
		if v[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// squeeze trims a value and folds runs of spaces into one.
func squeeze(v string) string {
	if v == "" || v[0] != ' ' && v[len(v)-1] != ' ' && !strings.Contains(v, "  ") && !strings.ContainsAny(v, "\t\n\r") {
		return v
	}
	if out := strings.Join(strings.Fields(v), " "); out != "" {
		return out
	}
	return " " // a value of spaces only equals one space (RFC 4518 section 2.6.1)
}

// normInt accepts decimal numbers of any size. OpenLDAP refuses leading zeros,
// as RFC 4517 section 3.3.16 does.
func (s *Schema) normInt(v string) (string, bool) {
	if digits := strings.TrimPrefix(v, "-"); s.Flavour == OpenLDAP && len(v) > 1 && strings.HasPrefix(digits, "0") {
		return "", false
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return strconv.FormatInt(n, 10), v[0] != '+'
	}
	if len(v) > 64 {
		return "", false
	}
	n, ok := new(big.Int).SetString(v, 10)
	if !ok || v[0] == '+' {
		return "", false
	}
	return n.String(), true
}

// times are the forms of Generalized Time in use (RFC 4517 section 3.3.13).
var times = []string{"20060102150405Z0700", "20060102150405.999999999Z0700", "200601021504Z0700", "2006010215Z0700"}

// ParseTime reads a Generalized Time.
func ParseTime(v string) (time.Time, bool) {
	for _, layout := range times {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// FormatTime writes a Generalized Time; AD adds a tenth of a second.
func (s *Schema) FormatTime(t time.Time) string {
	if s.Flavour == AD {
		return t.UTC().Format("20060102150405.0Z")
	}
	return t.UTC().Format("20060102150405Z")
}

func normTime(v string) (string, bool) {
	t, ok := ParseTime(v)
	return t.Format("20060102150405.000000000"), ok
}

func (s *Schema) normOID(v string) (string, bool) {
	v = strings.Trim(v, " ")
	if c := s.Class(v); c != nil {
		return strings.ToLower(c.Name), true
	}
	if a := s.Attr(v); a != nil {
		return strings.ToLower(a.Name), true
	}
	return strings.ToLower(v), v != ""
}

func normUUID(v string) (string, bool) {
	h := strings.ReplaceAll(strings.ToLower(v), "-", "")
	if _, err := hex.DecodeString(h); err != nil || len(h) != 32 {
		return "", false
	}
	return h, true
}

// Compare orders two normal forms of a kind.
func Compare(k Kind, a, b string) int {
	if k != Int {
		return strings.Compare(a, b)
	}
	x, errx := strconv.ParseInt(a, 10, 64)
	y, erry := strconv.ParseInt(b, 10, 64)
	if errx == nil && erry == nil {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	m, _ := new(big.Int).SetString(a, 10)
	n, _ := new(big.Int).SetString(b, 10)
	if m == nil || n == nil {
		return strings.Compare(a, b)
	}
	return m.Cmp(n)
}

// Ordered reports whether values of a can be compared with >= and sorted.
// OpenLDAP's schema gives most strings no ordering rule; AD orders everything.
func (s *Schema) Ordered(a *Attribute) bool {
	switch a.Kind {
	case Int, Time, UUID:
		return true
	case Blob, Facsimile, Name, Bool, OID:
		return false
	}
	return s.Flavour == AD
}

// Substrings reports whether values of k can be matched in parts.
func Substrings(k Kind) bool {
	switch k {
	case Text, Exact, IA5, IA5Exact, Phone:
		return true
	}
	return false
}

// FoldPart is the normal form of one part of a substring assertion: spaces at
// its ends count.
func (s *Schema) FoldPart(k Kind, v string) string {
	switch k {
	case Text, IA5:
		if plain(strings.Trim(v, " ")) && !strings.Contains(v, "  ") {
			return v
		}
		lead, trail := strings.HasPrefix(v, " "), strings.HasSuffix(v, " ") && len(v) > 1
		if v = strings.Trim(s.fold(v), " "); v == "" {
			return " "
		}
		if lead {
			v = " " + v
		}
		if trail {
			v += " "
		}
		return v
	case Phone:
		return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(v))
	}
	return v
}

// ParseSID reads the text form S-1-5-21-….
func ParseSID(s string) ([]byte, bool) {
	parts := strings.Split(s, "-")
	if len(parts) < 3 || len(parts) > 18 || !strings.EqualFold(parts[0], "S") || parts[1] != "1" {
		return nil, false
	}
	authority, err := strconv.ParseUint(parts[2], 10, 48)
	if err != nil {
		return nil, false
	}
	b := binary.BigEndian.AppendUint64(nil, authority)
	b[0], b[1] = 1, byte(len(parts)-3)
	for _, p := range parts[3:] {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return nil, false
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return b, true
}

// FormatSID writes the text form of a binary SID.
func FormatSID(b string) string {
	if len(b) < 8 || len(b) != 8+4*int(b[1]) {
		return ""
	}
	var authority uint64
	for i := 2; i < 8; i++ {
		authority = authority<<8 | uint64(b[i])
	}
	out := "S-1-" + strconv.FormatUint(authority, 10)
	for i := 8; i < len(b); i += 4 {
		out += "-" + strconv.FormatUint(uint64(binary.LittleEndian.Uint32([]byte(b[i:i+4]))), 10)
	}
	return out
}

// ruleKinds are the equality rules that a client can name (RFC 4517 section 4.2).
var ruleKinds = map[string]Kind{
	"caseignorematch": Text, "2.5.13.2": Text,
	"caseexactmatch": Exact, "2.5.13.5": Exact,
	"caseignoreia5match": IA5, "1.3.6.1.4.1.1466.109.114.2": IA5,
	"caseexactia5match": IA5Exact, "1.3.6.1.4.1.1466.109.114.1": IA5Exact,
	"integermatch": Int, "2.5.13.14": Int,
	"distinguishednamematch": Name, "2.5.13.1": Name,
	"octetstringmatch": Octets, "2.5.13.17": Octets,
	"booleanmatch": Bool, "2.5.13.13": Bool,
	"generalizedtimematch": Time, "2.5.13.27": Time,
	"telephonenumbermatch": Phone, "2.5.13.20": Phone,
	"objectidentifiermatch": OID, "2.5.13.0": OID,
	"uuidmatch": UUID, "1.3.6.1.1.16.2": UUID,
}

// RuleKind finds an equality rule by name or OID.
func RuleKind(rule string) (Kind, bool) {
	k, ok := ruleKinds[strings.ToLower(rule)]
	return k, ok
}

// Usable reports whether a rule can be applied to values of an attribute.
func Usable(rule, attr Kind) bool {
	return rule == attr || Substrings(rule) && Substrings(attr)
}
