package dir

import (
	"strconv"
	"strings"

	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/schema"
)

// posixUser renders an attribute of a person as OpenLDAP has it: inetOrgPerson,
// posixAccount and shadowAccount (RFC 2798, RFC 2307).
func (r *Reader) posixUser(a *schema.Attribute) {
	u := r.user()
	switch a.Name {
	case "objectClass":
		r.add("top", "person", "organizationalPerson", "inetOrgPerson")
		if u.UIDNumber != 0 {
			r.add("posixAccount", "shadowAccount")
		}
	case "uid":
		r.add(u.Name)
		r.add(u.Aliases...)
	case "cn":
		r.add(r.s.commonName(r.id, u))
	case "homeDirectory":
		r.home(u)
	case "loginShell":
		if u.UIDNumber != 0 {
			r.add("/bin/bash")
		}
	case "gecos":
		if cn := r.s.commonName(r.id, u); u.UIDNumber != 0 && isASCII(cn) {
			r.add(cn)
		}
	case "mail":
		if isASCII(u.Email) { // an IA5 String
			r.add(u.Email)
		}
	case "userPassword":
		r.password(u)
	case "pwdChangedTime", "pwdAccountLockedTime", "pwdFailureTime", "pwdReset":
		r.policyState(a)
	default:
		r.person(a, u)
	}
}

// home is an IA5 String; a name that is none gives way to the number.
func (r *Reader) home(u *world.User) {
	switch {
	case u.UIDNumber == 0:
	case isASCII(u.Name):
		r.add("/home/" + u.Name)
	default:
		r.add("/home/" + strconv.Itoa(u.UIDNumber))
	}
}

// person renders what both flavours take from a person alike.
func (r *Reader) person(a *schema.Attribute, u *world.User) {
	switch a.Name {
	case "sn":
		sn := u.Surname
		if sn == "" {
			if fields := strings.Fields(u.DisplayName); len(fields) > 0 {
				sn = fields[len(fields)-1]
			} else {
				sn = u.Name
			}
		}
		r.add(sn)
	case "givenName":
		given := u.GivenName
		if first, _, ok := strings.Cut(u.DisplayName, " "); ok && given == "" {
			given = first
		}
		r.add(given)
	case "displayName":
		r.add(r.s.commonName(r.id, u))
	case "mail":
		r.add(u.Email)
	case "telephoneNumber", "mobile":
		r.add(u.Phone)
	case "description":
		r.add(u.Description)
	case "uidNumber":
		if u.UIDNumber != 0 {
			r.number(int64(u.UIDNumber))
		}
	case "gidNumber":
		if u.GIDNumber != 0 {
			r.number(int64(u.GIDNumber))
		}
	}
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func (r *Reader) password(u *world.User) {
	if r.s.Logins == nil || r.ctx == nil {
		return
	}
	p, err := r.s.Logins.Password(r.ctx, u.ID)
	if err != nil && r.Err == nil {
		r.Err = err
	}
	r.add(p)
}

// policyState renders the state attributes of the password policy overlay.
func (r *Reader) policyState(a *schema.Attribute) {
	st := r.account()
	switch a.Name {
	case "pwdChangedTime":
		if !st.PasswordSetAt.IsZero() {
			r.add(r.s.Schema.FormatTime(st.PasswordSetAt))
		}
	case "pwdAccountLockedTime":
		switch {
		case st.Status == world.Disabled, st.Status == world.Locked && st.LockedAt.IsZero():
			r.add("000001010000Z") // locked until an administrator says otherwise
		case !st.LockedAt.IsZero():
			r.add(r.s.Schema.FormatTime(st.LockedAt))
		}
	case "pwdFailureTime":
		if st.Failures > 0 {
			r.add(r.s.Schema.FormatTime(st.LastFailure))
		}
	case "pwdReset":
		if st.MustChange {
			r.add("TRUE")
		}
	}
}

// posixGroup renders an attribute of a group as OpenLDAP has it: posixGroup and
// groupOfNames in one entry, as RFC 2307bis made possible.
func (r *Reader) posixGroup(a *schema.Attribute) {
	g := r.s.group(r.id)
	switch a.Name {
	case "objectClass":
		r.add("top")
		if r.s.Names {
			r.add("groupOfNames")
		}
		if r.s.Posix {
			r.add("posixGroup")
		}
	case "cn":
		r.add(g.Name)
	case "gidNumber":
		if r.s.Posix && g.GIDNumber != 0 {
			r.number(int64(g.GIDNumber))
		}
	case "memberUid":
		if r.s.Posix {
			for m := range r.s.peopleOf(r.id) {
				u := r.s.user(m)
				if isASCII(u.Name) {
					r.add(u.Name)
				}
			}
		}
	case "description":
		r.add(g.Description)
	case "mail":
		r.add(g.Email)
	}
}
