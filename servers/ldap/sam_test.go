package ldap_test

import (
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// entryOf is an add request: pairs of an attribute and its values, which commas
// separate.
func entryOf(dn string, pairs ...string) *goldap.AddRequest {
	a := goldap.NewAddRequest(dn, nil)
	for i := 0; i+1 < len(pairs); i += 2 {
		a.Attribute(pairs[i], strings.Split(pairs[i+1], ";"))
	}
	return a
}

func adUser(cn string, pairs ...string) *goldap.AddRequest {
	return entryOf(adPerson(cn), append([]string{"objectClass", "user"}, pairs...)...)
}

// refused fails unless an error has a code and a text.
func refused(t *testing.T, what string, err error, want uint16, text string) {
	t.Helper()
	if code(err) != want || want != 0 && !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v, want %d %q", what, err, want, text)
	}
}

// TestL1Adds holds adds against the rules of MS-ADTS and MS-SAMR.
func TestL1Adds(t *testing.T) { clocks(t, l1Adds) }

func l1Adds(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldaps", adRoot, rootPW)
	long := strings.Repeat("x", 21)
	for _, x := range []struct {
		what string
		add  *goldap.AddRequest
		code uint16
		text string
	}{
		{"an account name that exists", adUser("Twin", "sAMAccountName", "ALICE"), 68, "00000524: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0"},
		{"the manager's account name", adUser("Twin", "sAMAccountName", "administrator"), 68, "00000524"},
		{"a group's account name", adUser("Twin", "sAMAccountName", "dba"), 68, "00000526"},
		{"a group with a person's name", entryOf(adGroup("twin"), "objectClass", "group", "sAMAccountName", "alice"), 68, "00000524"},
		{"a local group's account name", adUser("Twin", "sAMAccountName", "externals"), 68, "00000563"},
		{"a DN that exists", adUser("Alice Adams", "sAMAccountName", "free"), 68, "00002071"},
		{"512 without a password", adUser("New", "sAMAccountName", "new", "userAccountControl", "512"), 53, "0000052D: SvcErr: DSID-031A1248, problem 5003 (WILL_NOT_PERFORM), data 0"},
		{"0 without a password", adUser("New", "sAMAccountName", "new", "userAccountControl", "0"), 53, "0000052D"},
		{"65536+512 without a password", adUser("New", "sAMAccountName", "new", "userAccountControl", "66048"), 53, "0000052D"},
		{"512 with a weak password", adUser("New", "sAMAccountName", "new", "userAccountControl", "512", "unicodePwd", quoted("abc")), 53, "0000052D"},
		{"two kinds of account", adUser("New", "sAMAccountName", "new", "userAccountControl", "4610"), 53, "00000057"},
		{"a name too long", adUser("New", "sAMAccountName", long), 1, "00000523: SysErr"},
		{"a name with a comma", adUser("New", "sAMAccountName", "a,b"), 1, "00000523"},
		{"a name with a bar", adUser("New", "sAMAccountName", "a|b"), 1, "00000523"},
		{"a name of blanks", adUser("New", "sAMAccountName", "  "), 1, "00000523"},
		{"a name with a period at its end", adUser("New", "sAMAccountName", "new."), 1, "00000523"},
		{"a principal name that exists", adUser("New", "sAMAccountName", "new", "userPrincipalName", "Alice@acme.test"), 19, "000021C8: AtrErr: "},
		{"a service name that exists", adUser("New", "sAMAccountName", "new", "servicePrincipalName", "ldap/dc1.acme.test"), 19, "Att 90303 (servicePrincipalName)"},
		{"a manager who does not exist", adUser("New", "manager", adPerson("Nobody")), 19, "000020B5: AtrErr: DSID-03152804, #1:\n\t0: 000020B5: DSID-03152804, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 15000a (manager)"},
		{"a member who does not exist", entryOf(adGroup("new"), "objectClass", "group", "member", adPerson("Nobody")), 19, "Att 1f (member)"},
		{"memberOf", adUser("New", "memberOf", adGroup("dba")), 53, "0000209A: SvcErr: DSID-031A1248, problem 5003 (WILL_NOT_PERFORM), data 0"},
		{"directReports", adUser("New", "directReports", adPerson("Bob Brown")), 53, "problem 5003 (WILL_NOT_PERFORM)"},
		{"an unknown attribute", adUser("New", "nosuch", "x"), 16, "00000057: LdapErr"},
		{"an alias of the standards", adUser("New", "surname", "x"), 16, "00000057: LdapErr"},
		{"an unknown class", entryOf(adPerson("New"), "objectClass", "nosuch"), 16, "00000057"},
		{"no class", entryOf(adPerson("New"), "cn", "New"), 65, "00002094: UpdErr: "},
		{"an auxiliary class alone", entryOf(adPerson("New"), "objectClass", "posixAccount"), 65, "problem 6002 (OBJ_CLASS_VIOLATION)"},
		{"an abstract class", entryOf(adPerson("New"), "objectClass", "leaf"), 53, "problem 5003"},
		{"two structural classes", entryOf(adPerson("New"), "objectClass", "user;container"), 65, "0000207B"},
		{"a class of the system", entryOf("CN=New,"+domain, "objectClass", "configuration"), 53, "000020A6"},
		{"a unit in a container", entryOf("OU=New,CN=Users,"+domain, "objectClass", "organizationalUnit"), 64, "00002099: NameErr: "},
		{"a user in a user", entryOf("CN=New,"+adPerson("Bob Brown"), "objectClass", "user"), 64, "problem 2005 (NAMING_VIOLATION)"},
		{"another naming attribute", entryOf("uid=new,CN=Users,"+domain, "objectClass", "user"), 64, "00002073"},
		{"in the schema", entryOf("CN=New,"+adSchema, "objectClass", "container"), 53, "problem 5003"},
		{"below nothing", entryOf("CN=New,OU=nosuch,"+domain, "objectClass", "user"), 32, "0000208D: NameErr"},
		{"two values of a single one", adUser("New", "sAMAccountName", "a;b"), 19, "00002081: AtrErr"},
		{"two surnames", adUser("New", "sn", "a;b"), 19, "Att 4 (sn)"},
		{"a value too long", adUser("New", "sn", strings.Repeat("x", 65)), 19, "00002082: AtrErr"},
		{"a number too large", adUser("New", "countryCode", "65536"), 19, "00002082"},
		{"a number that is none", adUser("New", "uidNumber", "x"), 21, "00000057"},
		{"an empty value", adUser("New", "sn", ""), 21, "00000057"},
		{"what no class allows", adUser("New", "dnsRoot", "x"), 65, "0000207D"},
		{"what the class requires", entryOf("CN=New,"+domain, "objectClass", "ipProtocol"), 65, "0000207C"},
		{"a constructed attribute", entryOf(adGroup("new"), "objectClass", "group", "primaryGroupToken", "100"), 17, "0000211B"},
		{"the account's type", adUser("New", "sAMAccountType", "805306368"), 53, "0000209A"},
		{"an identifier", adUser("New", "objectSid", "S-1-5-21-1-2-3-4"), 53, "0000209A"},
		{"when it was made", adUser("New", "whenCreated", "20260101000000.0Z"), 19, "000020A6"},
		{"an instance type", adUser("New", "instanceType", "1"), 53, "00002079"},
		{"a critical object", entryOf("CN=New,"+domain, "objectClass", "container", "isCriticalSystemObject", "TRUE"), 53, "problem 5003"},
		{"a primary group", adUser("New", "primaryGroupID", "512"), 53, "problem 5003"},
		{"a group of no type", entryOf(adGroup("new"), "objectClass", "group", "groupType", "0"), 53, "00002141"},
		{"a group of two types", entryOf(adGroup("new"), "objectClass", "group", "groupType", "-2147483642"), 53, "00002141"},
		{"a builtin group", entryOf(adGroup("new"), "objectClass", "group", "groupType", "-2147483643"), 53, "00002141"},
		{"a category that is no class", adUser("New", "objectCategory", domain), 65, "problem 6002"},
		{"another spelling of its names", adUser("New", "name", "other", "distinguishedName", adPerson("Other")), 0, ""},
		{"a password", adUser("Able", "sAMAccountName", "able", "userAccountControl", "512", "unicodePwd", quoted("Able-Pass-1")), 0, ""},
		{"a unit", entryOf("OU=Staff,"+domain, "objectClass", "organizationalUnit"), 0, ""},
		{"with posixAccount", entryOf("CN=Pat,OU=Staff,"+domain, "objectClass", "user;posixAccount", "uidNumber", "7"), 0, ""},
		{"a group of another type", entryOf(adGroup("news"), "objectClass", "group", "groupType", "4", "member", adPerson("Alice Adams")), 0, ""},
	} {
		refused(t, x.what, c.Add(x.add), x.code, x.text)
	}
	for who, want := range map[string]string{"alice": pass("alice"), "able": "Able-Pass-1"} {
		if err := l.dial("ldap").Bind(`ACME\`+who, want); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
	get := func(dn string, attrs ...string) string {
		es, err := ask(c, dn, 0, "(objectClass=*)", attrs...)
		if err != nil || len(es) != 1 {
			t.Fatalf("%s: %v", dn, err)
		}
		var out []string
		for _, a := range attrs {
			out = append(out, strings.Join(es[0].GetAttributeValues(a), ","))
		}
		return strings.Join(out, " ")
	}
	if got := get(adPerson("New"), "userAccountControl", "primaryGroupID", "sAMAccountType", "pwdLastSet", "accountExpires", "badPwdCount", "objectClass",
		"objectCategory", "name", "instanceType"); got != "546 513 805306368 0 9223372036854775807 0 top,person,organizationalPerson,user CN=Person,"+adSchema+" New 4" {
		t.Errorf("what a new user has: %s", got)
	}
	if got := get(adPerson("New"), "sAMAccountName"); len(got) != 20 || got[0] != '$' || got[7] != '-' {
		t.Errorf("the generated account name is %q", got)
	}
	if got := get(adGroup("news"), "sAMAccountType", "groupType"); got != "536870913 4" {
		t.Errorf("a local distribution group: %s", got)
	}
	if got := get("CN=Pat,OU=Staff,"+domain, "objectClass"); got != "top,posixAccount,person,organizationalPerson,user" {
		t.Errorf("the order of classes: %s", got)
	}
	refused(t, "a bind as a disabled account", func() error {
		if err := c.Add(adUser("Off", "sAMAccountName", "off", "userAccountControl", "514", "unicodePwd", quoted("Off-Pass-1"))); err != nil {
			t.Fatal(err)
		}
		return l.dial("ldap").Bind("off@acme.test", "Off-Pass-1")
	}(), 49, "data 533")
	refused(t, "a bind as one who must change", func() error {
		if err := c.Add(adUser("Must", "sAMAccountName", "must", "userAccountControl", "512", "unicodePwd", quoted("Must-Pass-1"), "pwdLastSet", "0")); err != nil {
			t.Fatal(err)
		}
		return l.dial("ldap").Bind("must@acme.test", "Must-Pass-1")
	}(), 49, "data 773")
}

// TestL1Modifies holds modifies, renames and deletes against the same rules.
func TestL1Modifies(t *testing.T) { clocks(t, l1Modifies) }

func l1Modifies(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldaps", adRoot, rootPW)
	for _, a := range []*goldap.AddRequest{adUser("New", "sAMAccountName", "new"), entryOf(adGroup("new"), "objectClass", "group", "sAMAccountName", "newgroup"),
		entryOf(adGroup("other"), "objectClass", "group", "sAMAccountName", "othergroup"), entryOf("OU=Staff,"+domain, "objectClass", "organizationalUnit")} {
		if err := c.Add(a); err != nil {
			t.Fatal(err)
		}
	}
	user, group, other := adPerson("New"), adGroup("new"), adGroup("other")
	token := func(dn string) string {
		es, err := ask(c, dn, 0, "(objectClass=*)", "primaryGroupToken")
		if err != nil {
			t.Fatal(err)
		}
		return es[0].GetAttributeValue("primaryGroupToken")
	}
	const add, del, replace = goldap.AddAttribute, goldap.DeleteAttribute, goldap.ReplaceAttribute
	for _, x := range []struct {
		what, dn string
		op       uint
		attr     string
		values   []string
		code     uint16
		text     string
	}{
		{"a taken account name", user, replace, "sAMAccountName", []string{"alice"}, 68, "00000524"},
		{"a taken account name of a seeded user", adPerson("Bob Brown"), replace, "sAMAccountName", []string{"alice"}, 68, "00000524"},
		{"its own account name", user, replace, "sAMAccountName", []string{"NEW"}, 0, ""},
		{"a second account name", user, add, "sAMAccountName", []string{"two"}, 20, "00002081: AtrErr: DSID-03151785, #1:\n\t0: 00002081: DSID-03151785, problem 1006 (ATT_OR_VALUE_EXISTS)"},
		{"no account name", user, del, "sAMAccountName", nil, 53, "problem 5003"},
		{"two names at once", user, replace, "displayName", []string{"a", "b"}, 19, "00002081"},
		{"a taken principal name", user, replace, "userPrincipalName", []string{"bob@acme.test"}, 19, "000021C8"},
		{"enabled without a password", user, replace, "userAccountControl", []string{"512"}, 53, "0000052D"},
		{"enabled, no password needed", user, replace, "userAccountControl", []string{"544"}, 0, ""},
		{"no control at all", user, del, "userAccountControl", nil, 53, "problem 5003"},
		{"a second control", user, add, "userAccountControl", []string{"0"}, 20, "problem 1006"},
		{"a seeded user's password never expires", adPerson("Bob Brown"), replace, "userAccountControl", []string{"66050"}, 0, ""},
		{"a seeded user without a control", adPerson("Bob Brown"), del, "userAccountControl", nil, 53, "problem 5003"},
		{"a seeded user who expired", adPerson("Wendy Ward"), replace, "accountExpires", []string{"116444736010000000"}, 0, ""},
		{"a seeded user for any workstation", adPerson("Wendy Ward"), replace, "userWorkstations", []string{"DC1"}, 0, ""},
		{"a seeded user for all hours", adPerson("Nina Night"), del, "logonHours", nil, 0, ""},
		{"the RDN", user, replace, "cn", []string{"Other"}, 67, "00002016: UpdErr: DSID-031A1295, problem 6004 (CANT_ON_RDN), data 0"},
		{"the name", user, replace, "name", []string{"Other"}, 67, "00002016"},
		{"the DN", user, replace, "distinguishedName", []string{adPerson("Other")}, 19, "000020B1"},
		{"the identifier", user, replace, "objectGUID", []string{"0123456789abcdef"}, 19, "000020B1: AtrErr"},
		{"the instance", user, replace, "instanceType", []string{"0"}, 19, "000020B1"},
		{"the SID", user, del, "objectSid", nil, 53, "0000209A"},
		{"the account's type", user, replace, "sAMAccountType", []string{"0"}, 53, "0000209A"},
		{"memberOf", user, add, "memberOf", []string{adGroup("dba")}, 53, "0000209A: SvcErr"},
		{"memberOf of a seeded user", adPerson("Bob Brown"), add, "memberOf", []string{adGroup("dba")}, 53, "0000209A: SvcErr"},
		{"a constructed attribute", group, replace, "primaryGroupToken", []string{"1"}, 19, "0000211B: AtrErr"},
		{"an unknown attribute", user, replace, "nosuch", []string{"x"}, 16, "00000057: LdapErr"},
		{"no value", user, add, "description", nil, 19, "problem 1005"},
		{"a value that is not there", user, del, "description", []string{"x"}, 16, "00002085: AtrErr: DSID-03152804, #1:\n\t0: 00002085: DSID-03152804, problem 1001 (NO_ATTRIBUTE_OR_VAL), data 0, Att d (description)"},
		{"the first description", user, add, "description", []string{"x"}, 0, ""},
		{"the same description", user, add, "description", []string{"X"}, 20, "00002083"},
		{"a manager who does not exist", user, replace, "manager", []string{adPerson("Nobody")}, 19, "000020B5"},
		{"a manager", user, replace, "manager", []string{adPerson("Alice Adams")}, 0, ""},
		{"another class", user, add, "objectClass", []string{"container"}, 65, "problem 6002"},
		{"an unknown class", user, add, "objectClass", []string{"nosuch"}, 16, "00000057"},
		{"an auxiliary class", user, add, "objectClass", []string{"bootableDevice"}, 0, ""},
		{"the class without its superiors", user, replace, "objectClass", []string{"inetOrgPerson", "bootableDevice"}, 0, ""},
		{"no class", user, replace, "objectClass", nil, 65, "00002094"},
		{"global to local", group, replace, "groupType", []string{"-2147483644"}, 53, "00002141"},
		{"global to universal", group, replace, "groupType", []string{"-2147483640"}, 0, ""},
		{"universal to local", group, replace, "groupType", []string{"-2147483644"}, 0, ""},
		{"local to global", group, replace, "groupType", []string{"-2147483646"}, 53, "00002141"},
		{"a member who does not exist", group, add, "member", []string{adPerson("Nobody")}, 32, "0000208D: NameErr"},
		{"a local group in a global one", other, add, "member", []string{adGroup("externals")}, 53, "00002144: SvcErr"},
		{"a universal group in a global one", other, add, "member", []string{adGroup("contractors")}, 53, "00002145"},
		{"a local group in a universal one", adGroup("contractors"), replace, "member", []string{adGroup("externals")}, 53, "00002146"},
		{"a global group in a global one", other, add, "member", []string{adGroup("dba")}, 0, ""},
		{"a global group in a local one", adGroup("externals"), add, "member", []string{other}, 0, ""},
		{"a member", group, add, "member", []string{user}, 0, ""},
		{"the same member", group, add, "member", []string{user}, 68, "00000562: UpdErr"},
		{"a seeded member again", adGroup("dba"), add, "member", []string{adPerson("Alice Adams")}, 68, "00000562"},
		{"one who is no member", group, del, "member", []string{adPerson("Bob Brown")}, 53, "00000561: SvcErr"},
		{"a primary group that does not list", user, replace, "primaryGroupID", []string{token(other)}, 53, "00000529"},
		{"a primary group of nobody", user, replace, "primaryGroupID", []string{"0"}, 53, "00000529"},
		{"a primary group", user, replace, "primaryGroupID", []string{token(group)}, 0, ""},
		{"a member of his primary group", group, add, "member", []string{user}, 68, "00000562"},
		{"no member of his primary group", group, del, "member", []string{user}, 53, "00000529"},
		{"a group's primary group", group, replace, "primaryGroupID", []string{"513"}, 65, "problem 6002"},
	} {
		err := c.Modify(&goldap.ModifyRequest{DN: x.dn, Changes: []goldap.Change{{Operation: x.op, Modification: goldap.PartialAttribute{Type: x.attr, Vals: x.values}}}})
		refused(t, x.what, err, x.code, x.text)
	}
	es, _ := ask(c, user, 0, "(objectClass=*)", "objectClass", "memberOf", "userAccountControl")
	if got := es[0].GetAttributeValues("objectClass"); !slices.Equal(got, []string{"top", "bootableDevice", "person", "organizationalPerson", "user", "inetOrgPerson"}) {
		t.Errorf("classes: %v", got)
	}
	if got := es[0].GetAttributeValues("memberOf"); !slices.Equal(got, []string{"CN=Domain Users,CN=Users," + domain}) {
		t.Errorf("the old primary group does not list the user: %v", got)
	}
	if got := found(t, c, domain, "(userAccountControl=66050)"); got != "Bob Brown" {
		t.Errorf("the other bits of a control are lost: %q", got)
	}
	refused(t, "expired", l.dial("ldap").Bind("wendy@acme.test", pass("wendy")), 49, "data 701")
	if err := modify(c, adPerson("Wendy Ward"), func(m *goldap.ModifyRequest) { m.Replace("accountExpires", []string{"0"}) }); err != nil {
		t.Error(err)
	}
	for _, who := range []string{"wendy", "nina"} { // what the seed forbids was allowed
		refused(t, who, l.dial("ldap").Bind(who+"@acme.test", pass(who)), 0, "")
	}
	refused(t, "disabled", l.dial("ldap").Bind("bob@acme.test", pass("bob")), 49, "data 533")
	refused(t, "a group that is somebody's primary", c.Del(goldap.NewDelRequest(group, nil)), 68, "0000055E")
	refused(t, "a critical group", c.Del(goldap.NewDelRequest("CN=Domain Admins,CN=Users,"+domain, nil)), 53, "0000055B")
	refused(t, "a non-leaf", c.Del(goldap.NewDelRequest("CN=Users,"+domain, nil)), 66, "00002015: UpdErr: DSID-031A1105, problem 6003 (CANT_ON_NON_LEAF), data 0")
	refused(t, "a rename to a taken name", c.ModifyDN(goldap.NewModifyDNRequest(user, "CN=Bob Brown", true, "")), 68, "00002071")
	refused(t, "a rename to another attribute", c.ModifyDN(goldap.NewModifyDNRequest(user, "OU=New", true, "")), 64, "00002073")
	refused(t, "a move into a user", c.ModifyDN(goldap.NewModifyDNRequest(user, "CN=New", true, adPerson("Bob Brown"))), 64, "00002099")
	refused(t, "a move to nowhere", c.ModifyDN(goldap.NewModifyDNRequest(user, "CN=New", true, "OU=nosuch,"+domain)), 32, "0000208D")
	refused(t, "a name too long", c.ModifyDN(goldap.NewModifyDNRequest(user, "CN="+strings.Repeat("x", 65), true, "")), 19, "00002082")
	refused(t, "a move", c.ModifyDN(goldap.NewModifyDNRequest(user, "CN=Newer", true, "OU=Staff,"+domain)), 0, "")
	if got := found(t, c, "OU=Staff,"+domain, "(&(cn=newer)(name=newer)(!(cn=new)))"); got != "Newer" {
		t.Errorf("after the move: %q", got)
	}
}

// badCookie is the answer to a page of another search.
func badCookie(c *goldap.Conn, base string) uint16 {
	p := goldap.NewControlPaging(2)
	p.SetCookie([]byte("nonsense"))
	_, err := c.Search(goldap.NewSearchRequest(base, 2, 0, 0, 0, false, "(cn=*)", nil, []goldap.Control{p}))
	return code(err)
}

func noValue(c *goldap.Conn, base string) uint16 {
	_, err := c.Search(goldap.NewSearchRequest(base, 2, 0, 0, 0, false, "(cn=*)", nil, []goldap.Control{goldap.NewControlString(goldap.ControlTypePaging, false, "")}))
	return code(err)
}

// TestL2OneCodeByFlavour asks both flavours for the same mistakes.
func TestL2OneCodeByFlavour(t *testing.T) { clocks(t, l2OneCodeByFlavour) }

func l2OneCodeByFlavour(t *testing.T) {
	p, a := open(t, posix()), open(t, adset())
	pc, ac := p.bound("ldap", root, rootPW), a.bound("ldap", adRoot, rootPW)
	change := func(c *goldap.Conn, dn string, op uint, attr string, values ...string) uint16 {
		return code(c.Modify(&goldap.ModifyRequest{DN: dn, Changes: []goldap.Change{{Operation: op, Modification: goldap.PartialAttribute{Type: attr, Vals: values}}}}))
	}
	alice, adAlice := person("alice"), adPerson("Alice Adams")
	compare := func(c *goldap.Conn, dn, attr string) uint16 { _, err := c.Compare(dn, attr, "x"); return code(err) }
	for _, x := range []struct {
		what         string
		openldap, ad uint16
		got          [2]uint16
	}{
		{"unknown attribute on add", 17, 16, [2]uint16{code(pc.Add(addPerson(person("x"), "x", "nosuch", "x"))), code(ac.Add(adUser("X", "nosuch", "x")))}},
		{"unknown attribute on modify", 17, 16, [2]uint16{change(pc, alice, 2, "nosuch", "x"), change(ac, adAlice, 2, "nosuch", "x")}},
		{"unknown attribute on compare", 17, 16, [2]uint16{compare(pc, alice, "nosuch"), compare(ac, adAlice, "nosuch")}},
		{"memberOf on modify", 0, 53, [2]uint16{change(pc, alice, 0, "memberOf", group("admins")), change(ac, adAlice, 0, "memberOf", adGroup("admins"))}},
		{"unknown class", 21, 16, [2]uint16{change(pc, alice, 0, "objectClass", "nosuch"), change(ac, adAlice, 0, "objectClass", "nosuch")}},
		{"the RDN's value", 64, 67, [2]uint16{change(pc, alice, 2, "uid", "x"), change(ac, adAlice, 2, "cn", "x")}},
		{"a member that is there", 20, 68, [2]uint16{change(pc, group("dba"), 0, "member", alice), change(ac, adGroup("dba"), 0, "member", adAlice)}},
		{"a member that is not", 16, 53, [2]uint16{change(pc, group("dba"), 1, "member", person("bob")), change(ac, adGroup("dba"), 1, "member", adPerson("Bob Brown"))}},
		{"a second number", 19, 20, [2]uint16{change(pc, alice, 0, "uidNumber", "5"), change(ac, adAlice, 0, "uidNumber", "5")}},
		{"a cookie that is none", 2, 12, [2]uint16{badCookie(pc, base), badCookie(ac, domain)}},
		{"a paging control without a value", 2, 2, [2]uint16{noValue(pc, base), noValue(ac, domain)}},
		{"when it was made", 19, 19, [2]uint16{change(pc, alice, 2, "createTimestamp", "20260101000000Z"), change(ac, adAlice, 2, "whenCreated", "20260101000000.0Z")}},
	} {
		if want := [2]uint16{x.openldap, x.ad}; x.got != want && x.what != "memberOf on modify" || x.got[1] != x.ad {
			t.Errorf("%s: %v, want %v", x.what, x.got, want)
		}
	}
}
