package filter

import (
	"strings"

	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/schema"
)

// ambiguous expands (anr=x) into prefix matches of the attributes whose
// searchFlags name them (MS-ADTS 3.1.1.3.1.3.4): a leading "=" asks for the
// whole value, two words may be a given name and a surname in either order, and
// legacyExchangeDN is always compared as a whole. ok is false for any other
// assertion.
func (c *Compiler) ambiguous(content []byte) (f Filter, ok bool) {
	cur := ber.Over(content)
	desc, value := cur.String(), cur.String()
	if cur.Err() != nil || c.Schema.Flavour != schema.AD || !strings.EqualFold(desc, "anr") {
		return Filter{}, false
	}
	value, exact := strings.CutPrefix(strings.Trim(value, " "), "=")
	f = Filter{Op: Or}
	if value == "" {
		return Filter{Op: Undefined, desc: desc, raw: "="}, true
	}
	for _, a := range c.Schema.Resolved() {
		f.Subs = append(f.Subs, c.begins(a.Name, value, exact || a.Name == "legacyExchangeDN"))
	}
	if first, last, two := strings.Cut(value, " "); two {
		last = strings.TrimLeft(last, " ")
		for _, pair := range [][2]string{{first, last}, {last, first}} {
			f.Subs = append(f.Subs, Filter{Op: And, Subs: []Filter{c.begins("givenName", pair[0], exact), c.begins("sn", pair[1], exact)}})
		}
	}
	return f, true
}

// begins is a prefix match, or an equality.
func (c *Compiler) begins(name, value string, whole bool) Filter {
	if whole {
		f := c.leaf(Equal, name)
		f.raw = value
		c.assert(&f, value)
		return f
	}
	f := c.leaf(Substrings, name)
	f.Parts = &Parts{Initial: c.Schema.FoldPart(f.Attr.Kind, value), text: escape(value) + "*"}
	return f
}
