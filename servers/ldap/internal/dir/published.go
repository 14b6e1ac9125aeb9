package dir

import (
	"slices"
	"strconv"
	"strings"

	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/schema"
)

// schema0 is the number of the first entry of the published schema. They are
// behind all others, so that searches of the domain never meet them.
const schema0 = ID(1) << 31

// schemaRows are the entries below CN=Schema,CN=Configuration: attributes first.
type schemaRows struct {
	cn      []string
	attrs   []*schema.Attribute // as many as there are
	classes []*schema.Class
	at      map[string]ID // by cn in lower case
}

// published makes the rows when somebody first asks for one.
func (b *Base) published() *schemaRows {
	b.schemaOnce.Do(func() {
		rows := &b.schemaRows
		rows.at = map[string]ID{}
		add := func(cn string) {
			rows.at[strings.ToLower(cn)] = schema0 + ID(len(rows.cn))
			rows.cn = append(rows.cn, cn)
		}
		for _, a := range b.Schema.Attributes() {
			if p, ok := a.Published(); ok {
				rows.attrs = append(rows.attrs, a)
				add(p.CN)
			}
		}
		for _, c := range b.Schema.Classes() {
			if p, ok := c.Published(); ok {
				rows.classes = append(rows.classes, c)
				add(p.CN)
			}
		}
	})
	return &b.schemaRows
}

// schemaEntry finds an entry of the schema by its cn in lower case.
func (b *Base) schemaEntry(cn string) ID {
	if b.schemaSuffix == "" {
		return None
	}
	if id, ok := b.published().at[cn]; ok {
		return id
	}
	return None
}

// eachSchemaEntry tries the entries of the schema behind one.
func (b *Base) eachSchemaEntry(after ID, try func(ID) bool) {
	from := schema0
	if after != None && after >= schema0 {
		from = after + 1
	}
	for id := from; id < schema0+ID(len(b.published().cn)); id++ {
		if !try(id) {
			return
		}
	}
}

// speaksOfSchema reports whether a filter can match an entry of the schema at all:
// searches of the whole forest are hardly ever meant for it.
func (b *Base) speaksOfSchema(f *filter.Filter) bool {
	speaks := func(sub filter.Filter) bool { return b.speaksOfSchema(&sub) }
	switch {
	case f.Op == filter.And:
		return !slices.ContainsFunc(f.Subs, func(sub filter.Filter) bool { return !speaks(sub) })
	case f.Op == filter.Or:
		return slices.ContainsFunc(f.Subs, speaks)
	case f.Op == filter.Not || f.Attr == nil:
		return f.Op == filter.Not
	case !slices.Contains(strings.Fields(schemaEntryAttributes), f.Attr.Name):
		return false
	case f.Op != filter.Equal:
		return true
	}
	switch f.Attr.Name {
	case "cn", "name":
		return b.schemaEntry(f.Value) != None
	case "objectClass":
		return f.Value == "top" || f.Value == "attributeschema" || f.Value == "classschema"
	case "objectCategory":
		return strings.HasPrefix(f.Value, "cn=attribute-schema,") || strings.HasPrefix(f.Value, "cn=class-schema,")
	}
	return true
}

// InSchema reports whether an entry belongs to the schema naming context.
func (s *Snapshot) InSchema(id ID) bool {
	return s.Schema.Flavour == schema.AD && (id == s.schemaHead || s.kind(id) == isSchema)
}

const schemaEntryAttributes = `objectClass cn distinguishedName instanceType whenCreated whenChanged uSNCreated uSNChanged attributeID
	governsID attributeSyntax subClassOf systemAuxiliaryClass rDNAttID systemMustContain systemMayContain systemPossSuperiors
	isSingleValued rangeLower rangeUpper showInAdvancedViewOnly adminDisplayName oMSyntax objectClassCategory lDAPDisplayName
	defaultHidingValue defaultObjectCategory name objectGUID schemaIDGUID attributeSecurityGUID searchFlags linkID
	isMemberOfPartialAttributeSet systemOnly systemFlags objectCategory`

// schemaAttributes are the attributes that entries of the schema can have.
func (b *Base) schemaAttributes() []*schema.Attribute {
	var out []*schema.Attribute
	for _, name := range strings.Fields(schemaEntryAttributes) {
		out = append(out, b.Schema.Attr(name))
	}
	return out
}

// schemaEntry renders an attribute of an attributeSchema or classSchema entry
// (MS-ADTS 3.1.1.2.3, 3.1.1.2.4.8).
func (r *Reader) schemaEntry(a *schema.Attribute) {
	if a.Name != "objectCategory" && r.adCommon(a) {
		return
	}
	rows, at := r.s.published(), int(r.id-schema0)
	switch a.Name {
	case "cn", "adminDisplayName":
		r.add(rows.cn[at])
		return
	case "showInAdvancedViewOnly":
		r.add("TRUE")
		return
	}
	if at < len(rows.attrs) {
		r.attributeSchema(a, rows.attrs[at])
		return
	}
	r.classSchema(a, rows.classes[at-len(rows.attrs)])
}

func (r *Reader) attributeSchema(a, of *schema.Attribute) {
	p, _ := of.Published()
	optional := func(there bool, n int64) {
		if there {
			r.number(n)
		}
	}
	switch a.Name {
	case "objectClass":
		r.add("top", "attributeSchema")
	case "objectCategory":
		r.category("attributeSchema")
	case "lDAPDisplayName":
		r.add(of.Name)
	case "attributeID":
		r.add(of.OID)
	case "attributeSyntax":
		r.add(p.Syntax)
	case "oMSyntax":
		r.number(int64(p.OMSyntax))
	case "isSingleValued":
		r.truth(p.Single)
	case "systemOnly":
		r.truth(p.SystemOnly)
	case "isMemberOfPartialAttributeSet":
		if p.GC {
			r.add("TRUE")
		}
	case "rangeLower":
		optional(p.HasLow, p.Lower)
	case "rangeUpper":
		optional(p.HasTop, p.Upper)
	case "searchFlags":
		r.number(p.SearchFlags)
	case "systemFlags":
		optional(p.SystemFlags != 0, p.SystemFlags)
	case "linkID":
		optional(p.LinkID != 0, p.LinkID)
	case "schemaIDGUID":
		r.add(p.GUID)
	case "attributeSecurityGUID":
		r.add(p.Security)
	}
}

func (r *Reader) classSchema(a *schema.Attribute, of *schema.Class) {
	p, _ := of.Published()
	switch a.Name {
	case "objectClass":
		r.add("top", "classSchema")
	case "objectCategory":
		r.category("classSchema")
	case "lDAPDisplayName":
		r.add(of.Name)
	case "governsID":
		r.add(of.OID)
	case "subClassOf":
		r.add(p.SubClassOf)
	case "objectClassCategory":
		r.number(int64(p.Category))
	case "rDNAttID":
		r.add(p.RDN)
	case "systemAuxiliaryClass":
		r.add(p.Auxiliary...)
	case "systemMustContain":
		r.add(p.OwnMust...)
	case "systemMayContain":
		r.add(p.OwnMay...)
	case "systemPossSuperiors":
		r.add(p.Superiors...)
	case "defaultHidingValue":
		r.truth(p.Hide)
	case "defaultObjectCategory":
		r.add("CN=" + p.DefaultCategory + "," + r.s.boxes[r.s.schemaHead].dn)
	case "systemOnly":
		r.truth(p.SystemOnly)
	case "schemaIDGUID":
		r.add(p.GUID)
	}
}

func (r *Reader) category(class string) {
	full, _ := r.s.Category(class)
	r.add(full)
}

func (r *Reader) truth(v bool) { r.add(strings.ToUpper(strconv.FormatBool(v))) }
