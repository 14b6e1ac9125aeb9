package dir

import (
	"slices"
	"strconv"

	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/schema"
)

// Constructed computes an attribute that is returned only by name. base says
// whether the search has base scope, which tokenGroups demands.
func (r *Reader) Constructed(a *schema.Attribute, base bool) []string {
	r.buf = r.buf[:0]
	principal := r.s.rid(r.id) != 0 && (r.s.kind(r.id) != isAdded || r.principal())
	switch a.Name {
	case "tokenGroups", "tokenGroupsNoGCAcceptable", "tokenGroupsGlobalAndUniversal":
		if base && principal {
			r.tokenGroups(a.Name == "tokenGroupsGlobalAndUniversal")
		}
	case "msds-memberOfTransitive", "msds-memberTransitive":
		if base {
			r.transitive(a.Name == "msds-memberOfTransitive")
		}
	case "canonicalName":
		r.add(r.s.Canonical(r.id))
	case "primaryGroupToken":
		if k := r.s.kind(r.id); k == isGroup || k == isBox && r.s.rid(r.id) != 0 || k == isAdded && r.is("group") {
			r.number(int64(r.s.rid(r.id)))
		}
	case "msDS-User-Account-Control-Computed":
		r.computedControl()
	case "msDS-PrincipalName":
		name := r.s.Schema.Attr("sAMAccountName")
		if v := r.Values(name, ""); len(v) > 0 {
			full := r.s.NetBIOS + `\` + v[0]
			r.buf = append(r.buf[:0], full)
		}
	case "structuralObjectClass":
		return r.Values(r.s.Schema.Attr("objectClass"), "")
	case "subSchemaSubEntry":
		r.add("CN=Aggregate,CN=Schema,CN=Configuration," + r.s.Suffix)
	case "createTimeStamp":
		t, _ := r.created()
		r.add(r.s.Schema.FormatTime(t))
	case "modifyTimeStamp":
		t, _ := r.modified()
		r.add(r.s.Schema.FormatTime(t))
	case "parentGUID":
		if above := r.s.Parent(r.id); above != None {
			r.add(octets(r.s.guid(r.s.key(above))))
		}
	case "msDS-Approx-Immed-Subordinates":
		r.number(int64(r.s.Children(r.id)))
	case "msDS-UserPasswordExpiryTimeComputed":
		r.passwordExpiry()
	case "msDS-ResultantPSO", "msDS-ManagedPassword":
		// there is none
	case "fromEntry":
		r.add("TRUE")
	case "allowedChildClasses", "allowedChildClassesEffective", "possibleInferiors":
		r.inferiors(a.Name)
	case "allowedAttributes", "allowedAttributesEffective":
		classes := slices.Clone(r.Values(r.s.Schema.Attr("objectClass"), ""))
		r.buf = append(r.buf[:0], r.s.Schema.Allowed(classes)...)
	}
	return r.buf
}

// transitive are the names of all groups above an entry, or of everything below a
// group (MS-ADTS 3.1.1.4.5.42 and .43).
func (r *Reader) transitive(up bool) {
	ids := r.s.Below(r.id)
	if up {
		ids = r.s.Above(r.id)
	}
	for _, id := range ids {
		r.add(r.s.DN(id))
	}
}

// passwordExpiry is when the password of an account ends (MS-ADTS 3.1.1.4.5.31).
func (r *Reader) passwordExpiry() {
	const neverExpires = 0x10000
	number := func(name string) (int64, bool) {
		v := r.Values(r.s.Schema.Attr(name), "")
		if len(v) == 0 {
			return 0, false
		}
		n, _ := strconv.ParseInt(v[0], 10, 64)
		return n, true
	}
	uac, account := number("userAccountControl")
	set, _ := number("pwdLastSet")
	r.buf = r.buf[:0]
	age := int64(r.s.World.Organization().Policy.MaxAge / 100)
	switch {
	case !account:
	case uac&neverExpires != 0 || age <= 0:
		r.number(never)
	case set == 0:
		r.add("0")
	default:
		r.number(set + age)
	}
}

// inferiors are the classes of entries that may be below one, or below entries of
// the class that a schema entry describes (MS-ADTS 3.1.1.4.5.5, .6 and .9).
func (r *Reader) inferiors(name string) {
	var above []string
	if name != "possibleInferiors" {
		above = slices.Clone(r.Values(r.s.Schema.Attr("objectClass"), ""))
	} else if rows := r.s.published(); r.s.kind(r.id) == isSchema && int(r.id-schema0) >= len(rows.attrs) {
		above = r.s.Schema.Chain(rows.classes[int(r.id-schema0)-len(rows.attrs)].Name)
	}
	r.buf = r.buf[:0]
	for _, c := range r.s.Schema.Classes() {
		if p, ok := c.Published(); ok && p.Category <= 1 && !p.SystemOnly && r.s.Schema.MayBeBelow(c, above) {
			r.add(c.Name)
		}
	}
}

func (r *Reader) computedControl() {
	if r.s.kind(r.id) != isUser {
		return
	}
	var bits int64
	switch r.account().Status {
	case world.Locked:
		bits = uacLocked
	case world.Expired, world.MustChange:
		bits = uacExpired
	}
	r.number(bits)
}

// tokenGroups are the SIDs of all groups that the entry is in, through groups
// too, and of its primary group.
func (r *Reader) tokenGroups(global bool) {
	primary := uint32(0)
	if v := r.Values(r.s.Schema.Attr("primaryGroupID"), ""); len(v) > 0 {
		n, _ := strconv.ParseUint(v[0], 10, 32)
		primary = uint32(n)
	}
	r.buf = r.buf[:0]
	groups, kind := r.s.seedReader(), r.s.Schema.Attr("groupType")
	for _, g := range r.s.Above(r.id) {
		groups.Seek(g)
		if v := groups.Values(kind, ""); len(v) > 0 {
			n, _ := strconv.ParseInt(v[0], 10, 64)
			if uint32(n)&typeSecurity == 0 || global && uint32(n)&typeLocal != 0 { // a list to send mail to is no token
				continue
			}
		}
		r.add(r.s.SID(r.s.rid(g)))
	}
	if primary != 0 {
		r.add(r.s.SID(primary))
	}
}
