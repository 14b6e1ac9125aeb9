package ldap_test

import (
	"fmt"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// resolves reports whether a group resolution finds the group.
func resolves(t *testing.T, c *goldap.Conn, base, group, condition string) bool {
	t.Helper()
	return strings.Contains(found(t, c, base, fmt.Sprintf("(&%s(|(cn=nosuch)(cn=%s)))", condition, group)), group)
}

// spsPosix plays the appliance's POSIX policy, contract section 5: one true and
// one false case per branch.
func spsPosix(t *testing.T) {
	l := open(t, posix())
	c := l.dial("ldap") // an empty bind DN is an anonymous bind
	if err := c.UnauthenticatedBind(""); err != nil {
		t.Fatal(err)
	}
	groups := "ou=groups,dc=acme,dc=test"
	user, err := ask(c, "ou=people,dc=acme,dc=test", 2, "(uid=ALICE)", "gidNumber", "memberOf", "displayName", "mail")
	if err != nil || len(user) != 1 {
		t.Fatalf("the user: %v", err)
	}
	if len(user[0].GetAttributeValues("memberOf")) != 1 || user[0].GetAttributeValue("mail") != "alice@acme.test" {
		t.Errorf("attributes: %v", user[0].Attributes)
	}
	for _, x := range []struct {
		what, group, condition string
		want                   bool
	}{
		{"gidNumber", "dba", "(objectClass=posixGroup)(gidNumber=" + user[0].GetAttributeValue("gidNumber") + ")", true},
		{"gidNumber", "externals", "(objectClass=posixGroup)(gidNumber=" + user[0].GetAttributeValue("gidNumber") + ")", false},
		{"memberUid", "dba", "(objectClass=posixGroup)(memberUid=alice)", true},
		{"memberUid", "contractors", "(objectClass=posixGroup)(memberUid=alice)", false},
		{"user_dn_in_groups", "dba", "(objectClass=groupOfNames)(member=" + user[0].DN + ")", true},
		{"user_dn_in_groups", "contractors", "(objectClass=groupOfNames)(member=" + user[0].DN + ")", false},
		{"user_dn_in_groups, another class", "dba", "(objectClass=groupOfUniqueNames)(uniqueMember=" + user[0].DN + ")", false},
		{"group below another base", "people", "(objectClass=*)", false},
		{"upper case", "DBA", "(objectClass=posixGroup)(memberUid=alice)", false}, // compared as text by resolves
	} {
		if got := resolves(t, c, groups, x.group, x.condition); got != x.want {
			t.Errorf("%s, %s: %v", x.what, x.group, got)
		}
	}
	if got := found(t, c, groups, "(&(objectClass=posixGroup)(cn=DBA)(memberUid=alice))"); got != "dba" {
		t.Errorf("a group name in capitals finds %q", got)
	}
	if got := found(t, c, base, "(uid=nobody)"); got != "" {
		t.Errorf("an unknown user is %q", got)
	}
	if es, err := ask(c, base, 2, "(uid=alice2)", "gidNumber"); err != nil || len(es) != 1 || len(es[0].Attributes) != 0 {
		t.Errorf("a user without gidNumber: %v", err)
	}
}

// spsAD plays the appliance's Active Directory policy.
func spsAD(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldap", `ACME\alice`, pass("alice"))
	user, err := ask(c, domain, 2, "(|(sAMAccountName=mallory)(userPrincipalName=mallory))", "objectSid", "primaryGroupID", "memberOf")
	if err != nil || len(user) != 1 {
		t.Fatalf("the user: %v", err)
	}
	sid := user[0].GetRawAttributeValue("objectSid")
	primary := append([]byte{}, sid[:len(sid)-4]...)
	primary = append(primary, 1, 2, 0, 0) // 513
	escaped := ""
	for _, o := range primary {
		escaped += fmt.Sprintf(`\%02x`, o)
	}
	const isGroup = "(objectClass=group)(objectCategory=group)"
	for _, x := range []struct {
		what, group, condition string
		want                   bool
	}{
		{"primary group", "Domain Users", isGroup + "(objectSid=" + escaped + ")", true},
		{"primary group", "Domain Admins", isGroup + "(objectSid=" + escaped + ")", false},
		{"direct", "externals", isGroup + "(member=" + user[0].DN + ")", true},
		{"direct", "dba", isGroup + "(member=" + user[0].DN + ")", false},
		{"nested", "dba", isGroup + "(member:1.2.840.113556.1.4.1941:=" + user[0].DN + ")", true},
		{"nested", "admins", isGroup + "(member:1.2.840.113556.1.4.1941:=" + user[0].DN + ")", false},
		{"short name", "externals", isGroup + "(memberUid=mallory)", false},
		{"all in one", "dba", isGroup + "(|(objectSid=" + escaped + ")(memberUid=mallory)(member:1.2.840.113556.1.4.1941:=" + user[0].DN + "))", true},
	} {
		if got := resolves(t, c, domain, x.group, x.condition); got != x.want {
			t.Errorf("%s, %s: %v", x.what, x.group, got)
		}
	}
	if m := user[0].GetAttributeValues("memberOf"); len(m) != 1 || m[0] != adGroup("externals") {
		t.Errorf("memberOf: %v", m)
	}
}

// clientHabits replays what clients send that cannot be run here (contract
// section 6): sssd, nslcd, JNDI with Keycloak and Jenkins, Grafana.
func clientHabits(t *testing.T) {
	l := open(t, posix())
	c := l.dial("ldap")
	es, err := ask(c, "", 0, "(objectclass=*)", "*", "altServer", "namingContexts", "supportedControl", "supportedExtension", "supportedFeatures",
		"supportedLDAPVersion", "supportedSASLMechanisms", "domainControllerFunctionality", "defaultNamingContext", "lastUSN", "highestCommittedUSN")
	if err != nil || len(es) != 1 || es[0].GetAttributeValue("namingContexts") != base {
		t.Errorf("sssd's root DSE: %v", err)
	}
	for filter, want := range map[string]string{
		"(&(uid=alice)(objectclass=posixAccount)(uid=*)(&(uidNumber=*)(!(uidNumber=0))))":                                    "alice",
		"(&(objectClass=posixGroup)(|(memberUid=alice)(member=uid=alice,ou=people,dc=acme,dc=test)))":                        "dba",
		"(| (member={0}) (uniqueMember={0}) (memberUid={1}))":                                                                "",
		"(|(member=uid=alice,ou=people,dc=acme,dc=test)(uniqueMember=uid=alice,ou=people,dc=acme,dc=test)(memberUid=alice))": "dba",
		"(&(cn=dba)(|(objectclass=groupOfNames)(objectclass=groupOfUniqueNames)(objectclass=posixGroup)))":                   "dba",
		"(|(uid=alice)(nosuchattribute=alice))":                                                                              "alice",
		"(&(objectClass=shadowAccount)(uid=alice))":                                                                          "alice",
	} {
		filter = strings.NewReplacer("(| (", "(|(", ") (", ")(").Replace(filter)
		if got := found(t, c, base, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	manage := goldap.NewControlManageDsaIT(false) // JNDI puts it on every request and dereferences always
	r, err := c.Search(goldap.NewSearchRequest(base, 2, 3, 0, 0, false, "(uid=alice)", []string{"dn"}, []goldap.Control{manage}))
	if err != nil || len(r.Entries) != 1 || len(r.Entries[0].Attributes) != 0 {
		t.Errorf("JNDI: %v", err)
	}
	p := goldap.NewControlPaging(1000) // Keycloak: critical, and it stops without a response control
	r, err = c.Search(goldap.NewSearchRequest(base, 2, 3, 0, 0, false, "(objectClass=inetOrgPerson)", nil, []goldap.Control{critical{p}}))
	if err != nil || goldap.FindControl(r.Controls, goldap.ControlTypePaging) == nil {
		t.Errorf("Keycloak: %v", err)
	}
}
