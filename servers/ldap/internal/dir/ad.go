package dir

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/schema"
)

// never is how AD writes "no end" in accountExpires.
const never = 9223372036854775807

// Filetime counts 100 ns since 1601 (MS-DTYP 2.3.3).
func Filetime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()*1e7 + int64(t.Nanosecond()/100) + 116444736000000000
}

// Bits of userAccountControl (MS-ADTS 2.2.16).
const (
	uacDisabled = 0x2
	uacLocked   = 0x10
	uacNormal   = 0x200
	uacExpired  = 0x800000
)

// adCommon renders what every entry of Active Directory has.
func (r *Reader) adCommon(a *schema.Attribute) (done bool) {
	switch a.Name {
	case "objectGUID":
		r.add(octets(r.s.guid(r.s.key(r.id))))
	case "distinguishedName":
		r.add(r.s.DN(r.id))
	case "objectSid":
		if r.s.kind(r.id) == isBox && r.s.boxes[r.id].rid == 0 {
			return false // the domain's own SID is among its values
		}
		if k := r.s.kind(r.id); k != isSchema && (k != isAdded || r.principal()) {
			r.add(r.s.SID(r.s.rid(r.id)))
		}
	case "whenCreated":
		t, _ := r.created()
		r.add(r.s.Schema.FormatTime(t))
	case "whenChanged":
		t, _ := r.modified()
		r.add(r.s.Schema.FormatTime(t))
	case "uSNCreated", "uSNChanged":
		r.number(8192 + int64(r.id))
	case "name":
		r.rdnValue()
	case "instanceType":
		r.add("4")
	case "sAMAccountType":
		return r.accountType()
	case "userAccountControl":
		if r.s.kind(r.id) != isAdded || !r.is("user") {
			return false
		}
		r.number(uacNormal)
	case "primaryGroupID":
		if r.s.kind(r.id) != isAdded || !r.is("user") {
			return false
		}
		r.number(513)
	case "objectCategory":
		if r.s.kind(r.id) != isAdded {
			return false
		}
		for _, class := range []string{"computer", "group", "user", "contact", "organizationalUnit", "container"} {
			if r.is(class) {
				full, _ := r.s.Category(class)
				r.buf = append(r.buf[:0], full)
				break
			}
		}
	default:
		return false
	}
	return true
}

func (r *Reader) rdnValue() {
	if rdn, err := dn.ParseRDN(r.s.RDN(r.id)); err == nil {
		r.add(rdn[0].Value)
	} else if d := r.Name(); len(d) > 0 {
		r.add(d[0][0].Value)
	}
}

// is reports whether an added entry has an object class.
func (r *Reader) is(class string) bool {
	for _, t := range r.patch.attrs[r.s.Schema.Attr("objectClass").ID] {
		for _, v := range t.values {
			if strings.EqualFold(v, class) {
				return true
			}
		}
	}
	return false
}

func (r *Reader) principal() bool { return r.is("user") || r.is("group") || r.is("computer") }

// accountType renders sAMAccountType, which follows from the kind of a group or an
// account (MS-SAMR 3.1.1.8); done is false for seeded accounts, whose kind is
// known.
func (r *Reader) accountType() (done bool) {
	k := r.s.kind(r.id)
	if k != isAdded && (k != isGroup || r.patch == nil) {
		return false
	}
	bits := func(name string) uint32 {
		v := r.Values(r.s.Schema.Attr(name), "")
		if len(v) == 0 {
			return 0
		}
		n, _ := strconv.ParseInt(v[0], 10, 64)
		return uint32(n)
	}
	kind := int64(0)
	switch {
	case k == isGroup || r.is("group"):
		switch t := bits("groupType"); {
		case t&typeLocal != 0:
			kind = 0x20000000
			if t&typeSecurity == 0 {
				kind++
			}
		case t&typeSecurity == 0:
			kind = 0x10000001
		default:
			kind = 0x10000000
		}
	case r.is("user"):
		kind = 0x30000000
		if bits("userAccountControl")&(uacWorkstation|uacServer) != 0 {
			kind = 0x30000001
		}
	}
	r.buf = r.buf[:0]
	if kind != 0 {
		r.number(kind)
	}
	return true
}

// adUser renders an attribute of a person as Active Directory has it.
func (r *Reader) adUser(a *schema.Attribute) {
	u := r.user()
	switch a.Name {
	case "objectClass":
		r.add("top", "person", "organizationalPerson", "user")
	case "objectCategory":
		full, _ := r.s.Category("person")
		r.add(full)
	case "cn":
		r.add(r.s.commonName(r.id, u))
	case "displayName":
		r.add(u.DisplayName)
	case "sAMAccountName":
		r.add(u.Name)
	case "userPrincipalName":
		r.add(u.Name + "@" + r.s.World.Organization().Domain)
	case "sAMAccountType":
		r.add("805306368")
	case "primaryGroupID":
		r.add("513")
	case "unixHomeDirectory":
		r.home(u)
	case "loginShell":
		if u.UIDNumber != 0 {
			r.add("/bin/bash")
		}
	case "codePage", "countryCode":
		r.add("0")
	case "logonHours":
		if hours, err := hex.DecodeString(strings.ReplaceAll(u.Settings["ldap.logon_hours"], " ", "")); err == nil && len(hours) == 21 {
			r.add(string(hours))
		} else {
			r.add(strings.Repeat("\xff", 21))
		}
	case "userWorkstations":
		r.add(u.Settings["ldap.workstations"])
	case "accountExpires":
		if u.Expires.IsZero() {
			r.number(never)
		} else {
			r.number(Filetime(u.Expires))
		}
	case "userPassword", "unicodePwd":
		// never readable, whoever asks
	case "userAccountControl", "pwdLastSet", "lockoutTime", "badPwdCount", "badPasswordTime":
		r.adState(a)
	default:
		r.person(a, u)
	}
}

// adState renders what follows from how the person stands now.
func (r *Reader) adState(a *schema.Attribute) {
	st := r.account()
	switch a.Name {
	case "userAccountControl":
		uac := int64(uacNormal)
		if st.Status == world.Disabled {
			uac |= uacDisabled
		}
		r.number(uac)
	case "pwdLastSet":
		if st.MustChange {
			r.add("0")
		} else {
			r.number(Filetime(st.PasswordSetAt))
		}
	case "lockoutTime":
		switch {
		case !st.LockedAt.IsZero():
			r.number(Filetime(st.LockedAt))
		case st.Status == world.Locked:
			r.number(Filetime(seededAt))
		default:
			r.add("0")
		}
	case "badPwdCount":
		r.number(int64(st.Failures))
	case "badPasswordTime":
		r.number(Filetime(st.LastFailure))
	}
}

// control puts how a person stands into a userAccountControl that was written.
func (r *Reader) control() {
	if len(r.buf) != 1 {
		return
	}
	n, err := strconv.ParseInt(r.buf[0], 10, 64)
	if err != nil {
		return
	}
	if n &^= uacDisabled; r.account().Status == world.Disabled {
		n |= uacDisabled
	}
	r.buf = append(r.buf[:0], strconv.FormatInt(n, 10))
}

// groupTypes are scope bits with the security bit (MS-ADTS 2.2.12).
var groupTypes = map[string]string{"global": "-2147483646", "domain_local": "-2147483644", "universal": "-2147483640"}

// adGroup renders an attribute of a group as Active Directory has it.
func (r *Reader) adGroup(a *schema.Attribute) {
	g := r.s.group(r.id)
	switch a.Name {
	case "objectClass":
		r.add("top", "group")
	case "objectCategory":
		full, _ := r.s.Category("group")
		r.add(full)
	case "cn", "sAMAccountName":
		r.add(g.Name)
	case "description":
		r.add(g.Description)
	case "mail":
		r.add(g.Email)
	case "gidNumber":
		if g.GIDNumber != 0 {
			r.number(int64(g.GIDNumber))
		}
	case "groupType":
		if t := groupTypes[g.Scope]; t != "" {
			r.add(t)
		} else {
			r.add(groupTypes["global"])
		}
	case "sAMAccountType":
		if g.Scope == "domain_local" {
			r.add("536870912")
		} else {
			r.add("268435456")
		}
	}
}

// Canonical is the canonical name: acme.test/Users/Alice.
func (s *Snapshot) Canonical(id ID) string {
	d, err := dn.Parse(s.DN(id))
	if err != nil {
		return ""
	}
	var domain []string
	path := ""
	for i := len(d) - 1; i >= 0; i-- {
		if strings.EqualFold(d[i][0].Type, "dc") {
			domain = append([]string{d[i][0].Value}, domain...)
			continue
		}
		path += "/" + strings.ReplaceAll(d[i][0].Value, "/", `\/`)
	}
	if path == "" {
		path = "/"
	}
	return strings.Join(domain, ".") + path
}
