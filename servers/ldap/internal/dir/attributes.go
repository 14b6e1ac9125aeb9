package dir

import (
	"maps"
	"slices"
	"strings"

	"counterpart/servers/ldap/internal/schema"
)

// attributes says which kinds of seeded entries can have an attribute at all,
// so that a filter on uid does not look at groups.
type attributes struct {
	mask []uint8                // by attribute ID: bits by kind; an attribute beyond it is no seeded entry's
	all  [4][]*schema.Attribute // what "*" and "+" go through, by kind, in the order of answers
}

const everything = "objectClass "

var (
	posixUserAttributes = everything + `uid cn sn givenName displayName mail telephoneNumber mobile description uidNumber gidNumber
		homeDirectory loginShell gecos userPassword memberOf pwdChangedTime pwdAccountLockedTime pwdFailureTime pwdReset`
	posixGroupAttributes = everything + "cn description gidNumber memberUid member mail memberOf"
	posixOperational     = `structuralObjectClass entryUUID creatorsName createTimestamp entryCSN modifiersName modifyTimestamp entryDN
		subschemaSubentry hasSubordinates`

	adUserAttributes = everything + `cn sn givenName displayName description telephoneNumber mobile mail memberOf sAMAccountName
		sAMAccountType userPrincipalName userAccountControl primaryGroupID pwdLastSet accountExpires lockoutTime badPwdCount
		badPasswordTime logonHours userWorkstations codePage countryCode uidNumber gidNumber unixHomeDirectory loginShell userPassword unicodePwd`
	adGroupAttributes = everything + `cn description mail member memberOf sAMAccountName sAMAccountType groupType gidNumber`
	adAddedAttributes = everything + `member memberOf sAMAccountType userAccountControl primaryGroupID ` + adOperational
	adOperational     = `distinguishedName name objectCategory objectGUID objectSid instanceType whenCreated whenChanged uSNCreated
		uSNChanged`
)

// attributeTable resolves the lists above and adds what the seed uses.
func (b *Base) attributeTable() attributes {
	for _, list := range []string{adUserAttributes, adGroupAttributes, adOperational, adAddedAttributes} { // before they are counted
		for _, name := range strings.Fields(list) {
			b.Schema.Attr(name)
		}
	}
	t := attributes{mask: make([]uint8, b.Schema.Count())}
	user, group, common := posixUserAttributes, posixGroupAttributes, posixOperational
	if b.Schema.Flavour == schema.AD {
		user, group, common = adUserAttributes, adGroupAttributes, adOperational
	}
	add := func(k kind, a *schema.Attribute) {
		if t.mask[a.ID]&(1<<k) == 0 {
			t.mask[a.ID] |= 1 << k
			t.all[k] = append(t.all[k], a)
		}
	}
	lists := map[kind]string{isUser: user, isGroup: group, isBox: everything}
	for k := isBox; k <= isGroup; k++ {
		for _, name := range strings.Fields(lists[k]) {
			add(k, b.Schema.Attr(name))
		}
	}
	for i := range b.boxes {
		for _, id := range slices.Sorted(maps.Keys(b.boxes[i].values)) {
			add(isBox, b.Schema.ByID(id))
		}
	}
	for _, g := range []string{"member", "memberOf"} { // built-in groups
		if b.Schema.Flavour == schema.AD {
			add(isBox, b.Schema.Attr(g))
		}
	}
	for _, c := range b.custom {
		for k := isUser; k <= isGroup; k++ {
			if c.kinds&(1<<k) != 0 {
				add(k, c.attr)
			}
		}
	}
	for k := isBox; k <= isGroup; k++ {
		for _, name := range strings.Fields(common) {
			add(k, b.Schema.Attr(name))
		}
	}
	if b.Schema.Flavour == schema.AD {
		for _, name := range strings.Fields(adAddedAttributes) {
			t.all[isAdded] = append(t.all[isAdded], b.Schema.Attr(name))
		}
	} else {
		t.all[isAdded] = b.Schema.Attributes()
	}
	for i := range t.mask {
		t.mask[i] |= 1 << isAdded
	}
	return t
}

// All are the attributes that the entry may have, in the order of answers.
func (r *Reader) All() (all []*schema.Attribute) {
	k := r.s.kind(r.id)
	if len(r.s.backs) > 0 && k != isSchema {
		defer func() { all = append(slices.Clip(all), r.s.backs...) }()
	}
	switch {
	case k == isSchema:
		return r.s.schemaAttributes()
	case r.patch == nil:
		return r.s.attrs.all[k]
	case r.s.Schema.Flavour == schema.OpenLDAP:
		return r.s.Schema.Attributes()
	}
	list := r.s.attrs.all[k]
	all = slices.Clip(list)
	for _, id := range slices.Sorted(maps.Keys(r.patch.attrs)) {
		if a := r.s.Schema.ByID(id); !slices.Contains(list, a) {
			all = append(all, a)
		}
	}
	return all
}

// span is the interval of seeded entries that can have an attribute.
func (b *Base) span(a *schema.Attribute) (lo, hi ID) {
	if a.Has(schema.Back) && a.Name != "memberOf" {
		return 0, b.end
	}
	if a.ID >= len(b.attrs.mask) {
		return 0, 0
	}
	m := b.attrs.mask[a.ID]
	lo, hi = b.end, 0
	for k, bounds := range map[kind][2]ID{isBox: {0, b.user0}, isUser: {b.user0, b.group0}, isGroup: {b.group0, b.end}} {
		if m&(1<<k) != 0 {
			lo, hi = min(lo, bounds[0]), max(hi, bounds[1])
		}
	}
	return min(lo, hi), hi
}
