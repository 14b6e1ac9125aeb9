package dir

import (
	"encoding/base32"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/schema"
)

// More bits of userAccountControl (MS-ADTS 2.2.16).
const (
	uacNotRequired = 0x20
	uacWorkstation = 0x1000
	uacServer      = 0x2000
	uacTrust       = 0x800
	uacAccounts    = uacNormal | uacWorkstation | uacServer | uacTrust
)

// Bits of groupType (MS-ADTS 2.2.12).
const (
	typeBuiltin   = 0x1
	typeGlobal    = 0x2
	typeLocal     = 0x4
	typeUniversal = 0x8
	typeSecurity  = 0x80000000
)

// owned are the attributes that only the security account manager writes
// (MS-ADTS 3.1.1.5.1.5, MS-SAMR 3.1.1.6).
var owned = map[string]bool{"objectSid": true, "sAMAccountType": true, "memberOf": true, "isCriticalSystemObject": true, "badPwdCount": true,
	"badPasswordTime": true, "lastLogon": true, "lastLogoff": true, "logonCount": true, "lastLogonTimestamp": true, "dBCSPwd": true,
	"lmPwdHistory": true, "ntPwdHistory": true, "supplementalCredentials": true, "revision": true, "rid": true, "creationTime": true,
	"modifiedCount": true, "nextRid": true, "serverState": true}

// kept are the attributes that a principal cannot be without.
var kept = map[string]bool{"userAccountControl": true, "primaryGroupID": true, "groupType": true, "sAMAccountName": true}

// ignored are system attributes that a new entry may bring and that are set by
// the server all the same.
var ignored = map[string]bool{"name": true, "distinguishedName": true, "objectClass": true}

// mayAdd holds an attribute of a new entry against who owns it.
func mayAdd(a *schema.Attribute, values []string) error {
	switch {
	case ignored[a.Name]:
		return nil
	case a.Has(schema.Constructed):
		return breaks(ruleComputedAdd, a)
	case a.Has(schema.Back):
		return breaks(ruleBacklink, a)
	case owned[a.Name], a.Name == "primaryGroupID" && !slices.Equal(values, []string{"513"}):
		return breaks(ruleOwned, a)
	case a.Name == "instanceType":
		if len(values) != 1 || values[0] != "0" && values[0] != "4" {
			return breaks(ruleInstance, a)
		}
	case a.Has(schema.ReadOnly):
		return breaks(ruleSystemAdd, a)
	}
	return nil
}

// mayModify holds a change against who owns the attribute.
func mayModify(a *schema.Attribute) error {
	switch {
	case a.Name == "objectClass":
		return nil
	case a.Name == "name":
		return breaks(ruleOnRDN, a)
	case a.Has(schema.Constructed):
		return breaks(ruleComputed, a)
	case a.Has(schema.Back):
		return breaks(ruleBacklink, a)
	case owned[a.Name]:
		return breaks(ruleOwned, a)
	case a.Has(schema.ReadOnly):
		return breaks(ruleSystem, a)
	}
	return nil
}

// intBits are the sizes of the syntaxes of numbers: Integer and Enumeration are one,
// LargeInteger the other (MS-ADTS 3.1.1.2.2.2.2).
var intBits = map[string]int{"2.5.5.9": 32, "2.5.5.16": 64}

// within holds values against the range of their attribute: characters, octets
// or numbers.
func within(a *schema.Attribute, values []string) error {
	p, ok := a.Published()
	if bits := intBits[p.Syntax]; ok && bits > 0 {
		for _, v := range values {
			if _, err := strconv.ParseInt(v, 10, bits); err != nil {
				return breaks(ruleSyntax, a)
			}
		}
	}
	if !ok || a.Has(schema.Secret) || a.Kind == schema.SID || !p.HasLow && !p.HasTop {
		return nil
	}
	for _, v := range values {
		n := int64(len(v))
		switch a.Kind {
		case schema.Int:
			n, _ = strconv.ParseInt(v, 10, 64)
		case schema.Text:
			n = int64(len(utf16.Encode([]rune(v))))
		case schema.Bool, schema.Time, schema.Name, schema.OID:
			continue
		}
		if p.HasLow && n < p.Lower || p.HasTop && n > p.Upper {
			return breaks(ruleRange, a)
		}
	}
	return nil
}

// referents demands that names in values are entries (MS-ADTS 3.1.1.1.6). A
// member that a group is modified to have is looked up before, see member.
func (e *draft) referents(a *schema.Attribute, values []string) error {
	if a.Kind != schema.Name || a.Name == "objectCategory" || a.Name == "distinguishedName" {
		return nil
	}
	for _, v := range values {
		if id, _, err := e.s.Find(v); err != nil || id == None {
			return breaks(ruleReference, a)
		}
	}
	return nil
}

// defaults gives a new principal what it did not bring (MS-SAMR 3.1.1.8.1,
// 3.1.1.8) and every entry its category.
func (e *draft) defaults() {
	put := func(name, value string) {
		if a := e.s.Schema.Attr(name); len(e.current(a, "")) == 0 {
			e.set(a, "", []string{value})
			e.touched[a] = true
		}
	}
	classes := e.current(e.s.Schema.Attr("objectClass"), "")
	if len(classes) > 0 {
		if full, ok := e.s.Category(classes[len(classes)-1]); ok {
			put("objectCategory", full)
		}
	}
	has := func(class string) bool { return slices.Contains(classes, class) }
	if has("user") || has("group") {
		put("sAMAccountName", e.accountName())
	}
	if has("group") {
		put("groupType", groupTypes["global"])
	}
	if !has("user") {
		return
	}
	put("userAccountControl", strconv.Itoa(uacNormal|uacNotRequired|uacDisabled))
	uac := e.number("userAccountControl")
	primary := "513"
	switch {
	case uac&uacServer != 0:
		primary = "516"
	case uac&uacWorkstation != 0:
		primary = "515"
	}
	put("primaryGroupID", primary)
	put("accountExpires", strconv.FormatInt(never, 10))
	for _, name := range []string{"badPwdCount", "badPasswordTime", "codePage", "countryCode", "lastLogoff", "lastLogon", "logonCount"} {
		put(name, "0")
	}
	since := "0"
	if len(e.current(e.s.Schema.Attr("unicodePwd"), "")) > 0 {
		since = strconv.FormatInt(Filetime(e.by.Now), 10)
	}
	put("pwdLastSet", since)
}

// accountName is the name of a principal that brought none: it begins with a
// dollar and is nothing that anybody would remember.
func (e *draft) accountName() string {
	g := e.s.guid(e.s.key(e.id))
	text := base32.StdEncoding.EncodeToString(g[:])
	return "$" + text[:6] + "-" + text[6:18]
}

// number is an integer attribute of the draft as unsigned bits.
func (e *draft) number(name string) uint32 {
	v := e.current(e.s.Schema.Attr(name), "")
	if len(v) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(v[0], 10, 64)
	return uint32(n)
}

// checkKept refuses to take away what a principal cannot be without.
func (e *draft) checkKept(old before) error {
	for name := range kept {
		if a := e.s.Schema.Attr(name); e.touched[a] && old.has[name] && len(e.current(a, "")) == 0 {
			return breaks(ruleNeeded, a)
		}
	}
	return nil
}

// checkAccount holds a draft against the rules of the security account manager,
// as far as the write touches what they speak of.
func (e *draft) checkAccount(old before) error {
	s := e.s.Schema
	classes := e.current(s.Attr("objectClass"), "")
	user, group := slices.Contains(classes, "user"), slices.Contains(classes, "group")
	if a := s.Attr("sAMAccountName"); e.touched[a] {
		if err := e.checkAccountName(a, user); err != nil {
			return err
		}
	}
	for name, rule := range map[string]*Rule{"userPrincipalName": ruleUPN, "servicePrincipalName": ruleSPN} {
		a := s.Attr(name)
		if !e.touched[a] {
			continue
		}
		for _, v := range e.current(a, "") {
			if e.taken(a, v) != None {
				return breaks(rule, a)
			}
		}
	}
	if a := s.Attr("userAccountControl"); user && e.touched[a] {
		if err := e.checkControl(a); err != nil {
			return err
		}
	}
	if a := s.Attr("groupType"); group && e.touched[a] {
		return e.checkGroupType(a, old.groupType)
	}
	return nil
}

// checkAccountName demands a usable name that nobody else has.
func (e *draft) checkAccountName(a *schema.Attribute, user bool) error {
	for _, v := range e.current(a, "") {
		if strings.Trim(v, " ") == "" || strings.HasSuffix(v, ".") || strings.ContainsAny(v, "\"/\\[]:;|=,+*?<>") ||
			strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 }) || user && len(utf16.Encode([]rune(strings.TrimSuffix(v, "$")))) > 20 {
			return breaks(ruleName, a)
		}
		if manager, err := dn.Parse(e.s.Manager); err == nil && len(manager) > 0 && strings.EqualFold(manager[0][0].Value, v) {
			return breaks(ruleUserExists, a)
		}
		other := e.taken(a, v)
		if other == None {
			continue
		}
		r := e.s.seedReader()
		r.Seek(other)
		switch values := r.Values(e.s.Schema.Attr("groupType"), ""); {
		case len(values) == 0:
			return breaks(ruleUserExists, a)
		case values[0] == groupTypes["domain_local"]:
			return breaks(ruleAliasExists, a)
		}
		return breaks(ruleGroupExists, a)
	}
	return nil
}

// taken finds another entry with a value; None if there is none.
func (e *draft) taken(a *schema.Attribute, v string) ID {
	for _, id := range e.s.WithValue(a, v, 2) {
		if id != e.id {
			return id
		}
	}
	return None
}

// checkControl demands one kind of account, and a password of those that are
// enabled and need one.
func (e *draft) checkControl(a *schema.Attribute) error {
	uac := e.number("userAccountControl")
	switch uac & uacAccounts {
	case 0: // a normal account without saying so
		uac |= uacNormal
	case uacNormal, uacWorkstation, uacServer:
	default:
		return breaks(ruleControl, a)
	}
	e.set(a, "", []string{strconv.FormatUint(uint64(uac&^(uacLocked|uacExpired)), 10)})
	if uac&(uacDisabled|uacNotRequired) == 0 && e.s.kind(e.id) == isAdded && len(e.current(e.s.Schema.Attr("unicodePwd"), "")) == 0 {
		return breaks(rulePassword, a)
	}
	return nil
}

// checkGroupType demands exactly one scope, and no way between global and local
// but through universal.
func (e *draft) checkGroupType(a *schema.Attribute, old uint32) error {
	const scopes = typeGlobal | typeLocal | typeUniversal
	kind := e.number("groupType")
	now, was := kind&scopes, old&scopes
	if kind&typeBuiltin != 0 || now != typeGlobal && now != typeLocal && now != typeUniversal ||
		was == typeGlobal && now == typeLocal || was == typeLocal && now == typeGlobal {
		return breaks(ruleGroupType, a)
	}
	return nil
}

// before is what the rules must know of an entry as it was.
type before struct {
	has       map[string]bool
	groupType uint32
	class     string // the most special one
}

func (e *draft) before() before {
	b := before{has: map[string]bool{}, groupType: e.number("groupType")}
	for name := range kept {
		b.has[name] = len(e.current(e.s.Schema.Attr(name), "")) > 0
	}
	if classes := e.current(e.s.Schema.Attr("objectClass"), ""); len(classes) > 0 {
		b.class = classes[len(classes)-1]
	}
	return b
}
