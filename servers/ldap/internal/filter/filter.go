// Package filter compiles search filters (RFC 4511 section 4.5.1.7) from their
// BER form straight into something that can be evaluated, with the assertion
// values brought into their attribute's normal form once.
package filter

import (
	"errors"
	"strconv"
	"strings"

	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/schema"
)

// Errors of Compile. The rest wraps ber.ErrMalformed.
var (
	ErrDepth = errors.New("filter: nested too deeply")
	ErrSize  = errors.New("filter: too many terms")
	// ErrConstructed refuses what Active Directory computes only for answers
	// (MS-ADTS 3.1.1.3.1.3.1).
	ErrConstructed = errors.New("filter: a constructed attribute")
)

// MaxDepth and MaxTerms bound what a filter can make the server do.
const (
	MaxDepth = 100
	MaxTerms = 20000
)

// Op is the kind of a filter's node.
type Op uint8

// The kinds of nodes. Undefined stands for every assertion that this server
// cannot evaluate: it is never an error.
const (
	And Op = iota
	Or
	Not
	Equal
	Substrings
	GreaterOrEqual
	LessOrEqual
	Present
	Approx
	Extensible
	Undefined
)

// Context-specific tags of the choices.
const (
	tagAnd        = 0xa0
	tagOr         = 0xa1
	tagNot        = 0xa2
	tagEqual      = 0xa3
	tagSubstrings = 0xa4
	tagGreater    = 0xa5
	tagLess       = 0xa6
	tagPresent    = 0x87
	tagApprox     = 0xa8
	tagExtensible = 0xa9
)

// Filter is one node.
type Filter struct {
	Op      Op
	Subs    []Filter // And, Or: any number; Not: one
	Attr    *schema.Attribute
	Options string // of the attribute description: "lang-de"
	Value   string // normal form of the assertion value
	Parts   *Parts // Substrings
	Rule    *Rule  // Extensible

	desc, raw string // as the client wrote them
}

// Parts are the pieces of a substring assertion in normal form.
type Parts struct {
	Initial, Final string
	Any            []string
	text           string
}

// Rule says how an extensible assertion matches.
type Rule struct {
	Test    Test
	Kind    schema.Kind // TestKind: the rule's own normal form
	Bits    uint64      // TestBitAnd, TestBitOr
	DNAttrs bool        // the entry's DN counts too
	text    string
}

// Test is what an extensible rule does.
type Test uint8

// The tests. The bit and chain rules are Active Directory's.
const (
	TestEqual  Test = iota // the attribute's own equality rule
	TestKind               // a rule named by the client
	TestBitAnd             // 1.2.840.113556.1.4.803
	TestBitOr              // 1.2.840.113556.1.4.804
	TestChain              // 1.2.840.113556.1.4.1941
)

// Compiler knows what a filter may speak of.
type Compiler struct {
	Schema  *schema.Schema
	Secrets bool // passwords may be asserted: the directory manager's right
	// Category gives the DN that an object category's short name stands for.
	Category func(class string) (dn string, ok bool)

	terms       int
	constructed bool // the filter names such an attribute
}

// Compile reads one filter from the front of b and returns what follows it.
func (c *Compiler) Compile(b []byte) (f Filter, rest []byte, err error) {
	_, _, rest, err = ber.Next(b)
	if err != nil {
		return Filter{}, nil, err
	}
	c.terms, c.constructed = 0, false
	f, err = c.node(b[:len(b)-len(rest)], 0)
	if err == nil && c.constructed {
		err = ErrConstructed
	}
	return f, rest, err
}

func (c *Compiler) node(b []byte, depth int) (Filter, error) {
	if depth > MaxDepth {
		return Filter{}, ErrDepth
	}
	if c.terms++; c.terms > MaxTerms {
		return Filter{}, ErrSize
	}
	tag, content, _, err := ber.Next(b)
	if err != nil {
		return Filter{}, err
	}
	switch tag {
	case tagAnd:
		return c.set(And, content, depth)
	case tagOr:
		return c.set(Or, content, depth)
	case tagNot:
		sub, err := c.node(content, depth+1)
		return Filter{Op: Not, Subs: []Filter{sub}}, err
	case tagPresent:
		return c.leaf(Present, string(content)), nil
	case tagEqual, tagGreater, tagLess, tagApprox:
		if f, ok := c.ambiguous(content); ok && tag == tagEqual {
			return f, nil
		}
		return c.ava(tag, content)
	case tagSubstrings:
		return c.substrings(content)
	case tagExtensible:
		return c.extensible(content)
	}
	if tag&0xc0 != ber.Context { // not a choice of the Filter type at all
		return Filter{}, ber.ErrTag
	}
	return Filter{Op: Undefined, raw: "?=unknown"}, nil
}

func (c *Compiler) set(op Op, content []byte, depth int) (Filter, error) {
	f := Filter{Op: op}
	for len(content) > 0 {
		_, _, rest, err := ber.Next(content)
		if err != nil {
			return Filter{}, err
		}
		sub, err := c.node(content[:len(content)-len(rest)], depth+1)
		if err != nil {
			return Filter{}, err
		}
		f.Subs = append(f.Subs, sub)
		content = rest
	}
	return f, nil
}

// leaf starts an assertion about an attribute; what the schema does not know,
// or does not let be matched, is Undefined.
func (c *Compiler) leaf(op Op, desc string) Filter {
	f := Filter{Op: op, desc: desc}
	f.Attr, f.Options = c.Schema.Describe(desc)
	f.Options = strings.ToLower(f.Options)
	if f.Options == "binary" {
		f.Options = ""
	}
	if f.Attr != nil && f.Attr.Has(schema.Constructed) {
		c.constructed = c.constructed || c.Schema.Flavour == schema.AD
	}
	if f.Attr == nil || f.Attr.Has(schema.Constructed) || f.Attr.Has(schema.Secret) && !c.Secrets {
		f.Op = Undefined
	}
	return f
}

func (c *Compiler) ava(tag byte, content []byte) (Filter, error) {
	cur := ber.Over(content)
	desc, raw := cur.String(), cur.String()
	if cur.Err() != nil {
		return Filter{}, cur.Err()
	}
	op := map[byte]Op{tagEqual: Equal, tagGreater: GreaterOrEqual, tagLess: LessOrEqual, tagApprox: Approx}[tag]
	f := c.leaf(op, desc)
	f.raw = raw
	if f.Op == Undefined {
		f.raw = [...]string{Equal: "=", GreaterOrEqual: ">=", LessOrEqual: "<=", Approx: "~="}[op] + raw
		return f, nil
	}
	if (op == GreaterOrEqual || op == LessOrEqual) && !c.Schema.Ordered(f.Attr) {
		f.Op, f.raw = Undefined, "<>="+raw
		return f, nil
	}
	c.assert(&f, raw)
	return f, nil
}

// assert brings the assertion value into normal form.
func (c *Compiler) assert(f *Filter, raw string) {
	if c.Category != nil && f.Attr.Name == "objectCategory" && !strings.Contains(raw, "=") {
		full, ok := c.Category(raw)
		if !ok {
			f.Op = Undefined
			return
		}
		raw = full
	}
	v, ok := c.Schema.Norm(f.Attr, raw)
	if !ok {
		f.Op, f.raw = Undefined, "="+f.raw
		return
	}
	f.Value = v
}

func (c *Compiler) substrings(content []byte) (Filter, error) {
	cur := ber.Over(content)
	desc := cur.String()
	seq := ber.Over(cur.Take(ber.Sequence))
	f := c.leaf(Substrings, desc)
	f.Parts = &Parts{}
	kind := schema.Text
	if f.Attr != nil {
		kind = f.Attr.Kind
	}
	var text []string
	for n := 0; seq.More(); n++ {
		tag, part := seq.Any()
		v := c.Schema.FoldPart(kind, string(part))
		switch {
		case tag == 0x80 && n == 0:
			f.Parts.Initial = v
		case tag == 0x81 && f.Parts.Final == "":
			f.Parts.Any = append(f.Parts.Any, v)
		case tag == 0x82 && f.Parts.Final == "":
			f.Parts.Final = v
		default:
			seq.Fail(ber.ErrTag)
		}
		if len(part) == 0 {
			seq.Fail(ber.ErrValue) // RFC 4511 section 4.5.1.7.2: no part is empty
		}
		if n == 0 && tag != 0x80 {
			text = append(text, "")
		}
		text = append(text, escape(string(part)))
		if tag == 0x82 {
			f.Parts.text = strings.Join(text, "*")
		}
	}
	if f.Parts.text == "" {
		f.Parts.text = strings.Join(text, "*") + "*"
	}
	if err := errors.Join(cur.Err(), seq.Err()); err != nil {
		return Filter{}, err
	}
	if len(text) == 0 {
		return Filter{}, ber.ErrValue
	}
	if f.Op != Undefined && !schema.Substrings(kind) {
		f.Op = Undefined
	}
	return f, nil
}

func (c *Compiler) extensible(content []byte) (Filter, error) {
	cur := ber.Over(content)
	rule, _ := cur.Optional(0x81)
	desc, typed := cur.Optional(0x82)
	raw := string(cur.Take(0x83))
	r := &Rule{}
	if b, ok := cur.Optional(0x84); ok {
		r.DNAttrs = len(b) == 1 && b[0] != 0
	}
	if cur.Err() != nil {
		return Filter{}, cur.Err()
	}
	if !typed && len(rule) == 0 {
		return Filter{}, ber.ErrValue
	}
	f := Filter{Op: Extensible}
	if typed {
		f = c.leaf(Extensible, string(desc))
	}
	f.Rule, f.raw = r, raw
	r.text = string(desc)
	if r.DNAttrs {
		r.text += ":dn"
	}
	if len(rule) > 0 {
		r.text += ":" + string(rule)
	}
	if c.Schema.Flavour == schema.AD { // MS-ADTS 3.1.1.3.1.3.1
		r.DNAttrs = false
		if !typed {
			f.Op = Undefined
		}
	}
	if f.Op != Undefined && !c.rule(&f, string(rule), raw) {
		f.Op = Undefined
	}
	return f, nil
}

// rule resolves the matching rule of an extensible assertion.
func (c *Compiler) rule(f *Filter, name, raw string) (ok bool) {
	r := f.Rule
	if name == "" {
		r.Test, r.Kind = TestEqual, f.Attr.Kind
		f.Value, ok = c.Schema.Norm(f.Attr, raw)
		return ok
	}
	if c.Schema.Flavour == schema.AD && f.Attr != nil {
		switch name {
		case "1.2.840.113556.1.4.803", "1.2.840.113556.1.4.804":
			r.Test = TestBitAnd
			if strings.HasSuffix(name, "4") {
				r.Test = TestBitOr
			}
			n, err := strconv.ParseInt(raw, 10, 64)
			r.Bits = uint64(n)
			return err == nil && f.Attr.Kind == schema.Int
		case "1.2.840.113556.1.4.1941":
			r.Test = TestChain
			f.Value, ok = c.Schema.Norm(f.Attr, raw)
			return ok && f.Attr.Has(schema.Link)
		}
	}
	if c.Schema.Flavour == schema.AD { // its syntaxes' own rules have no names there
		return false
	}
	kind, known := schema.RuleKind(name)
	if !known || f.Attr != nil && !schema.Usable(kind, f.Attr.Kind) {
		return false
	}
	r.Test, r.Kind = TestKind, kind
	f.Value, ok = c.Schema.NormKind(kind, raw)
	return ok
}
