package ldap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/world"
	"counterpart/servers/ldap"
)

const domain = "DC=acme,DC=test"

func bitRules(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldap", "alice@acme.test", pass("alice"))
	for filter, want := range map[string]string{
		"(userAccountControl:1.2.840.113556.1.4.803:=2)":                           "Dave Dunn",
		"(&(objectCategory=person)(userAccountControl:1.2.840.113556.1.4.803:=2))": "Dave Dunn",
		"(userAccountControl:1.2.840.113556.1.4.803:=514)":                         "Dave Dunn",
		"(userAccountControl:1.2.840.113556.1.4.804:=8194)":                        "DC1 Dave Dunn",
		"(userAccountControl:1.2.840.113556.1.4.803:=x)":                           "",
		"(cn:1.2.840.113556.1.4.803:=2)":                                           "",
		"(groupType:1.2.840.113556.1.4.803:=2147483652)":                           "externals", // domain local, security
		"(groupType:1.2.840.113556.1.4.804:=8)":                                    "contractors",
	} {
		if got := found(t, c, domain, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
}

func chainRule(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldap", "alice@acme.test", pass("alice"))
	const chain = ":1.2.840.113556.1.4.1941:="
	for filter, want := range map[string]string{
		"(memberOf=" + adGroup("dba") + ")":                                   "Alice Adams contractors",
		"(memberOf" + chain + adGroup("dba") + ")":                            "Alice Adams Carol Clark Mallory Moss contractors externals",
		"(member" + chain + adPerson("Mallory Moss") + ")":                    "contractors dba externals",
		"(member" + chain + adPerson("Alice Adams") + ")":                     "dba",
		"(member" + chain + adPerson("Bob Brown") + ")":                       "admins ring-a ring-b", // through the cycle
		"(memberOf" + chain + adGroup("ring-a") + ")":                         "Bob Brown ring-a ring-b",
		"(memberOf" + chain + "CN=Domain Users,CN=Users,DC=acme,DC=test)":     "", // the primary group is not followed
		"(memberOf" + chain + adGroup("nosuch") + ")":                         "",
		"(cn" + chain + "x)":                                                  "",
		"(&(sAMAccountName=mallory)(memberOf" + chain + adGroup("dba") + "))": "Mallory Moss",
		"(&(sAMAccountName=bob)(memberOf" + chain + adGroup("dba") + "))":     "",
	} {
		if got := found(t, c, domain, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	l = open(t, setup{facts: facts100k(), set: ldap.Settings{Flavour: "ad"}})
	c = l.bound("ldap", "user000001@acme.test", "Secret-1")
	f := "(&(sAMAccountName=user000001)(memberOf" + chain + adGroup("group00007") + "))"
	found(t, c, domain, f) // the indexes are built when first asked for
	cost := func(f string) time.Duration {
		began := time.Now()
		for range 20 {
			found(t, c, domain, f)
		}
		return time.Since(began)
	}
	plain := "(sAMAccountName=user000001)"
	found(t, c, domain, plain)
	// It is three times that of finding the person; whoever goes through 100,000
	// people or their groups takes hundreds of times as long.
	const most, tries = 25, 4
	for try := range tries {
		chained, direct := cost(f), cost(plain)
		if chained <= most*direct {
			break
		}
		if try == tries-1 {
			t.Errorf("with 100,000 people it takes %v, and %v to find one of them", chained/20, direct/20)
		}
	}
}

func adSpecials(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldap", "alice@acme.test", pass("alice"))
	es, err := ask(c, domain, 2, "(sAMAccountName=alice)", "objectSid", "objectGUID", "primaryGroupID")
	if err != nil || len(es) != 1 {
		t.Fatal(err)
	}
	sid, guid := es[0].GetRawAttributeValue("objectSid"), es[0].GetRawAttributeValue("objectGUID")
	escaped := func(b []byte) (out string) {
		for _, o := range b {
			out += fmt.Sprintf(`\%02x`, o)
		}
		return out
	}
	domainSID := strings.Join(strings.Split(sidText(sid), "-")[:7], "-")
	primary := domainSID + "-" + es[0].GetAttributeValue("primaryGroupID")
	for filter, want := range map[string]string{
		"(&(objectCategory=person)(sAMAccountName=bob))": "Bob Brown",
		"(objectCategory=group)":                         "Domain Admins Domain Computers Domain Controllers Domain Guests Domain Users admins contractors dba empty externals ring-a ring-b",
		"(objectCategory=computer)":                      "DC1",
		"(objectCategory=nonsense)":                      "",
		"(&(objectCategory=CN=Person,CN=Schema,CN=Configuration,DC=acme,DC=test)(cn=bob*))": "Bob Brown",
		"(objectSid=" + escaped(sid) + ")":                                                  "Alice Adams",
		"(objectSid=" + sidText(sid) + ")":                                                  "Alice Adams",
		"(&(objectClass=group)(objectCategory=group)(objectSid=" + primary + "))":           "Domain Users",
		"(objectSid=S-1-5-21-1-2-3-4)":                                                      "",
		"(objectGUID=" + escaped(guid) + ")":                                                "Alice Adams",
		"(objectGUID=" + escaped(guid[:15]) + ")":                                           "",
		"(memberOf=*dba*)":                                                                  "",
		"(sAMAccountName=zoe)":                                                              "Zoë Zimmer", // accents are folded
		"(cn=ZOE ZIMMER)":                                                                   "Zoë Zimmer",
		"(|(sAMAccountName=alice)(userPrincipalName=alice))":                                "Alice Adams",
		"(userPrincipalName=alice@acme.test)":                                               "Alice Adams",
		"(cn>=wendy)":                                                                       "Wendy Ward Zoë Zimmer",
		"(servicePrincipalName=ldap/dc1.acme.test)":                                         "DC1",
		"(anr=ali)":                             "Alice Adams Alice Adams (alice2)",
		"(&(objectCategory=person)(anr=brown))": "Bob Brown",
		"(anr=lice)":                            "",
		"(unicodePwd=*)":                        "",
		"(memberUid=alice)":                     "",
		"(nETBIOSName=*)":                       "", // another naming context
	} {
		if got := found(t, c, domain, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	if _, err := ask(c, domain, 2, "(tokenGroups="+escaped(sid)+")"); code(err) != 18 { // constructed attributes are not for filters
		t.Errorf("tokenGroups in a filter: %v", err)
	}
	for form, want := range map[string]string{
		"<SID=" + sidText(sid) + ">": adPerson("Alice Adams"), "<SID=" + fmt.Sprintf("%x", sid) + ">": adPerson("Alice Adams"),
		"<GUID=" + fmt.Sprintf("%x", guid) + ">": adPerson("Alice Adams"), "<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,DC=acme,DC=test>": "CN=Users,DC=acme,DC=test",
	} {
		if es, err := ask(c, form, 0, "(objectClass=*)", "1.1"); err != nil || len(es) != 1 || es[0].DN != want {
			t.Errorf("base %s: %v", form, err)
		}
	}
	if _, err := ask(c, "<GUID=00>", 0, "(objectClass=*)"); code(err) != 32 {
		t.Errorf("unknown GUID: %v", err)
	}
	if _, err := ask(c, domain, 3, "(objectClass=*)"); code(err) != 2 {
		t.Errorf("scope 3: %v", err)
	}
	s := adset()
	s.set.AccentsMatter = true
	if got := found(t, open(t, s).bound("ldap", "alice@acme.test", pass("alice")), domain, "(sAMAccountName=zoe)"); got != "" {
		t.Errorf("with accents: %q", got)
	}
}

// band is a company with one group of n people.
func band(n int) world.Facts {
	f := crowd(n)
	f.Groups = append(f.Groups, world.Group{ID: "big", Name: "big"})
	for i := range f.Users {
		f.Users[i].Groups = []string{"big"}
	}
	return f
}

func ranges(t *testing.T) {
	l := open(t, setup{facts: band(4000), set: ldap.Settings{Flavour: "ad"}})
	c := l.bound("ldap", "user000001@acme.test", "Secret-1")
	get := func(attr string) (string, int) {
		t.Helper()
		es, err := ask(c, adGroup("big"), 0, "(objectClass=*)", attr)
		if err != nil || len(es) != 1 {
			t.Fatalf("%s: %v", attr, err)
		}
		if len(es[0].Attributes) == 0 {
			return "", 0
		}
		return es[0].Attributes[0].Name, len(es[0].Attributes[0].Values)
	}
	for _, x := range []struct {
		ask, name string
		n         int
	}{
		{"member", "member;range=0-1499", 1500}, {"member;range=1500-*", "member;range=1500-2999", 1500},
		{"member;range=3000-*", "member;range=3000-*", 1000}, {"member;range=10-19", "member;range=10-19", 10},
		{"member;range=0-3999", "member;range=0-1499", 1500}, {"member;range=3990-4100", "member;range=3990-*", 10},
		{"member;range=4000-*", "", 0}, {"member;range=x-*", "", 0}, {"member;range=0-9223372036854775807", "", 0}, {"member;range=9-1", "", 0}, {"member;Range=0-0", "member;range=0-0", 1},
	} {
		if name, n := get(x.ask); name != x.name || n != x.n {
			t.Errorf("%s: %s with %d values, want %s with %d", x.ask, name, n, x.name, x.n)
		}
	}
	seen := map[string]bool{} // the loop that sssd and python-ldap users run
	for attr := "member;range=0-*"; ; {
		es, err := ask(c, adGroup("big"), 0, "(objectClass=*)", attr)
		if err != nil || len(es[0].Attributes) != 1 {
			t.Fatalf("%s: %v", attr, err)
		}
		for _, v := range es[0].Attributes[0].Values {
			seen[v] = true
		}
		_, hi, _ := strings.Cut(es[0].Attributes[0].Name, "-")
		if hi == "*" {
			break
		}
		var n int
		fmt.Sscan(hi, &n)
		attr = fmt.Sprintf("member;range=%d-*", n+1)
	}
	if len(seen) != 4000 {
		t.Errorf("the loop finds %d members", len(seen))
	}
	l = open(t, setup{facts: band(4000), set: ldap.Settings{}})
	es, err := ask(l.dial("ldap"), group("big"), 0, "(objectClass=*)", "member")
	if err != nil || len(es[0].GetAttributeValues("member")) != 4000 {
		t.Errorf("openldap answers in ranges: %v", err)
	}
}

func tokenGroups(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldap", "alice@acme.test", pass("alice"))
	want := map[string]bool{}
	for _, g := range []string{adGroup("externals"), adGroup("contractors"), adGroup("dba"), "CN=Domain Users,CN=Users,DC=acme,DC=test"} {
		es, err := ask(c, g, 0, "(objectClass=*)", "objectSid")
		if err != nil {
			t.Fatal(err)
		}
		want[sidText(es[0].GetRawAttributeValue("objectSid"))] = true
	}
	es, err := ask(c, adPerson("Mallory Moss"), 0, "(objectClass=*)", "tokenGroups")
	if err != nil || len(es) != 1 {
		t.Fatal(err)
	}
	got := es[0].GetRawAttributeValues("tokenGroups")
	for _, b := range got {
		if !want[sidText(b)] {
			t.Errorf("%s is no group of hers", sidText(b))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d groups, want %d", len(got), len(want))
	}
	if es, _ = ask(c, domain, 2, "(sAMAccountName=mallory)", "tokenGroups", "*"); es[0].GetAttributeValue("tokenGroups") != "" {
		t.Error("a subtree search shows tokenGroups")
	}
	es, _ = ask(c, adPerson("Mallory Moss"), 0, "(objectClass=*)", "canonicalName", "msDS-PrincipalName", "primaryGroupToken", "createTimestamp")
	if es[0].GetAttributeValue("canonicalName") != "acme.test/Users/Mallory Moss" || es[0].GetAttributeValue("msDS-PrincipalName") != `ACME\mallory` {
		t.Errorf("constructed: %v", es[0])
	}
	es, _ = ask(c, adPerson("Mallory Moss"), 0, "(objectClass=*)")
	for _, a := range []string{"memberOf", "objectSid", "userAccountControl", "sAMAccountName", "distinguishedName", "whenCreated"} {
		if !slices.Contains(names(es[0]), a) {
			t.Errorf("%s is missing", a)
		}
	}
	for _, a := range []string{"tokenGroups", "canonicalName", "unicodePwd", "userPassword", "entryUUID", "createTimestamp"} {
		if slices.Contains(names(es[0]), a) {
			t.Errorf("%s is shown", a)
		}
	}
}

func references(t *testing.T) {
	s := adset()
	s.set.References = true
	for want, set := range map[int]setup{0: adset(), 3: s} {
		l := open(t, set)
		c := l.bound("ldap", "alice@acme.test", pass("alice"))
		r, err := c.Search(goldap.NewSearchRequest(domain, 2, 0, 0, 0, false, "(sAMAccountName=alice)", []string{"1.1"}, nil))
		if err != nil || len(r.Entries) != 1 || len(r.Referrals) != want {
			t.Errorf("%d references, %v; want %d", len(r.Referrals), err, want)
		}
		if r, _ = c.Search(goldap.NewSearchRequest("CN=Users,"+domain, 2, 0, 0, 0, false, "(sAMAccountName=alice)", nil, nil)); len(r.Referrals) != 0 {
			t.Error("a search below the root has references")
		}
		c = l.bound("gc", "alice@acme.test", pass("alice"))
		if r, _ = c.Search(goldap.NewSearchRequest(domain, 2, 0, 0, 0, false, "(sAMAccountName=alice)", nil, nil)); len(r.Referrals) != 0 {
			t.Error("the global catalogue has references")
		}
	}
}

func globalCatalogue(t *testing.T) {
	l := open(t, adset())
	for _, port := range []string{"gc", "gcs"} {
		c := l.bound(port, "alice@acme.test", pass("alice"))
		if got := found(t, c, "", "(|(nETBIOSName=*)(sAMAccountName=alice))"); got != "ACME Alice Adams" {
			t.Errorf("%s: %q", port, got)
		}
		m := goldap.NewModifyRequest(adPerson("Alice Adams"), nil)
		m.Replace("description", []string{"x"})
		if err := c.Modify(m); code(err) != 53 {
			t.Errorf("a write: %v", err)
		}
	}
	c := l.bound("ldap", "alice@acme.test", pass("alice"))
	if got := found(t, c, "", "(|(nETBIOSName=*)(sAMAccountName=alice))"); got != "Alice Adams" {
		t.Errorf("on the domain's port: %q", got)
	}
	if got := found(t, c, "CN=Configuration,"+domain, "(nETBIOSName=ACME)"); got != "ACME" {
		t.Errorf("configuration: %q", got)
	}
}
