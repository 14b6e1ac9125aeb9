package filter

import (
	"strings"

	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/schema"
)

// resolved are the attributes that ambiguous name resolution looks at.
var resolved = []string{"givenName", "sn", "displayName", "sAMAccountName", "name", "mail"}

// ambiguous expands (anr=x) into prefix matches (MS-ADTS 3.1.1.3.1.3.4). ok is
// false for any other assertion.
func (c *Compiler) ambiguous(content []byte) (f Filter, ok bool) {
	cur := ber.Over(content)
	desc, value := cur.String(), cur.String()
	if cur.Err() != nil || c.Schema.Flavour != schema.AD || !strings.EqualFold(desc, "anr") || value == "" {
		return Filter{}, false
	}
	f = Filter{Op: Or}
	for _, name := range resolved {
		leaf := c.leaf(Substrings, name)
		leaf.Parts = &Parts{Initial: c.Schema.FoldPart(leaf.Attr.Kind, value), text: escape(value) + "*"}
		f.Subs = append(f.Subs, leaf)
	}
	return f, true
}
