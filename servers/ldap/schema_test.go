package ldap_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap"
)

const adSchema = "CN=Schema,CN=Configuration," + domain

// TestL3PublishedSchema asks a domain controller for its schema as clients do.
func TestL3PublishedSchema(t *testing.T) { clocks(t, l3PublishedSchema) }

func l3PublishedSchema(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldap", "alice@acme.test", pass("alice"))
	aggregate := "CN=Aggregate," + adSchema
	es, err := ask(c, aggregate, 0, "(objectClass=subschema)", "attributeTypes", "objectClasses", "dITContentRules", "extendedAttributeInfo")
	if err != nil || len(es) != 1 {
		t.Fatal(err)
	}
	types, classes := es[0].GetAttributeValues("attributeTypes"), es[0].GetAttributeValues("objectClasses")
	rules, info := es[0].GetAttributeValues("dITContentRules"), es[0].GetAttributeValues("extendedAttributeInfo")
	if len(types) < 1499 || len(classes) < 269 || len(rules) < 239 {
		t.Fatalf("%d attributes, %d classes, %d rules", len(types), len(classes), len(rules))
	}
	for _, want := range []string{ // as a Windows Server prints them
		"( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' SYNTAX '1.3.6.1.4.1.1466.115.121.1.15' SINGLE-VALUE )",
		"( 2.5.4.3 NAME 'cn' SYNTAX '1.3.6.1.4.1.1466.115.121.1.15' SINGLE-VALUE )",
		"( 1.2.840.113556.1.4.655 NAME 'legacyExchangeDN' SYNTAX '1.2.840.113556.1.4.905' SINGLE-VALUE )",
		"( 1.2.840.113556.1.2.83 NAME 'repsTo' SYNTAX 'OctetString' NO-USER-MODIFICATION )",
		"( 1.2.840.113556.1.2.102 NAME 'memberOf' SYNTAX '1.3.6.1.4.1.1466.115.121.1.12' NO-USER-MODIFICATION )",
		"( 1.2.840.113556.1.4.1303 NAME 'tokenGroupsNoGCAcceptable' SYNTAX '1.3.6.1.4.1.1466.115.121.1.40' )",
		"( 1.2.840.113556.1.4.96 NAME 'pwdLastSet' SYNTAX '1.2.840.113556.1.4.906' SINGLE-VALUE )",
	} {
		if !slices.Contains(types, want) {
			t.Errorf("there is no %s", want)
		}
	}
	begins := func(list []string, prefix string) string {
		if i := slices.IndexFunc(list, func(v string) bool { return strings.HasPrefix(v, prefix) }); i >= 0 {
			return list[i]
		}
		return ""
	}
	top := begins(classes, "( 2.5.6.0 NAME 'top'  ABSTRACT MUST (")
	for _, name := range []string{"memberOf", "objectGUID", "distinguishedName", "whenCreated", "isDeleted"} {
		if !strings.Contains(top, " "+name+" ") {
			t.Errorf("top has no %s: %s", name, top)
		}
	}
	if user := begins(rules, "( 1.2.840.113556.1.5.9 NAME 'user' AUX ("); !strings.Contains(user, "MUST (objectSid $ sAMAccountName )") {
		t.Errorf("the content rule of user is %q", user)
	}
	if user := begins(classes, "( 1.2.840.113556.1.5.9 NAME 'user' SUP organizationalPerson STRUCTURAL "); !strings.Contains(user, " userAccountControl ") {
		t.Errorf("user is %q", user)
	}
	if name := begins(info, "( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' RANGE-LOWER '0' RANGE-UPPER '256' PROPERTY-GUID '"); !strings.HasSuffix(name, " INDEXED )") {
		t.Errorf("extendedAttributeInfo: %q", name)
	}
	if es, err = ask(c, aggregate, 0, "(objectClass=*)"); err != nil || slices.Contains(names(es[0]), "attributeTypes") || es[0].GetAttributeValue("cn") != "Aggregate" {
		t.Errorf("what it shows by itself: %v, %v", names(es[0]), err)
	}
	if _, err := ask(l.dial("ldap"), aggregate, 0, "(objectClass=*)", "attributeTypes"); code(err) != 1 || !strings.Contains(err.Error(), "000004DC") {
		t.Errorf("anonymous: %v", err)
	}
}

// TestL3SchemaEntries reads the entries below CN=Schema,CN=Configuration.
func TestL3SchemaEntries(t *testing.T) { clocks(t, l3SchemaEntries) }

func l3SchemaEntries(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldap", "alice@acme.test", pass("alice"))
	one := func(filter string, attrs ...string) *goldap.Entry {
		t.Helper()
		es, err := ask(c, adSchema, 2, filter, attrs...)
		if err != nil || len(es) != 1 {
			t.Fatalf("%s: %d entries, %v", filter, len(es), err)
		}
		return es[0]
	}
	e := one("(&(objectClass=attributeSchema)(lDAPDisplayName=samaccountname))")
	if e.DN != "CN=SAM-Account-Name,"+adSchema || e.GetAttributeValue("attributeSyntax") != "2.5.5.12" || e.GetAttributeValue("isSingleValued") != "TRUE" ||
		e.GetAttributeValue("rangeUpper") != "256" || e.GetAttributeValue("searchFlags") != "13" || e.GetAttributeValue("attributeID") != "1.2.840.113556.1.4.221" {
		t.Errorf("sAMAccountName: %v", e)
	}
	e = one("(lDAPDisplayName=accountExpires)", "schemaIDGUID")
	if got := base64.StdEncoding.EncodeToString(e.GetRawAttributeValue("schemaIDGUID")); got != "FXmWv+YN0BGihQCqADBJ4g==" {
		t.Errorf("schemaIDGUID %s", got)
	}
	e = one("(lDAPDisplayName=user)")
	if e.DN != "CN=User,"+adSchema || e.GetAttributeValue("governsID") != "1.2.840.113556.1.5.9" || e.GetAttributeValue("subClassOf") != "organizationalPerson" ||
		!slices.Contains(e.GetAttributeValues("systemPossSuperiors"), "organizationalUnit") || e.GetAttributeValue("defaultObjectCategory") != "CN=Person,"+adSchema {
		t.Errorf("user: %v", e)
	}
	if es, err := ask(c, "CN=Person,"+adSchema, 0, "(objectClass=*)", "cn"); err != nil || len(es) != 1 || es[0].GetAttributeValue("cn") != "Person" {
		t.Errorf("by its name: %v", err)
	}
	for filter, n := range map[string]int{"(objectClass=attributeSchema)": 1499, "(objectClass=classSchema)": 269, "(objectClass=dMD)": 1,
		"(&(objectClass=attributeSchema)(linkID=2))": 1, "(!(isDefunct=TRUE))": 1769} {
		r, err := c.SearchWithPaging(goldap.NewSearchRequest(adSchema, 2, 0, 0, 0, false, filter, []string{"1.1"}, nil), 300)
		if err != nil || len(r.Entries) != n {
			t.Errorf("%s: %d entries, %v; want %d", filter, len(r.Entries), err, n)
		}
	}
	gc := l.bound("gc", "alice@acme.test", pass("alice")) // the whole forest
	for filter, want := range map[string]string{"(lDAPDisplayName=user)": "User", "(cn=sam-account-name)": "SAM-Account-Name", "(&(objectClass=classSchema)(cn=person))": "Person",
		"(sAMAccountName=bob)": "Bob Brown", "(&(objectCategory=person)(cn=bob*))": "Bob Brown", "(|(cn=Bob Brown)(governsID=1.2.840.113556.1.5.9))": "Bob Brown User"} {
		if got := found(t, gc, "", filter); got != want {
			t.Errorf("the forest finds %q for %s, want %q", got, filter, want)
		}
	}
	if got := found(t, c, domain, "(lDAPDisplayName=user)"); got != "" {
		t.Errorf("the domain shows %q", got)
	}
	if err := modify(l.bound("ldap", adRoot, rootPW), "CN=Person,"+adSchema, func(m *goldap.ModifyRequest) { m.Replace("searchFlags", []string{"1"}) }); code(err) != 53 {
		t.Errorf("a change of the schema: %v", err)
	}
}

// TestL3NegatedFilters holds filters of attributes that the schema knows and no
// entry has: they are false, not undefined (MS-ADTS 3.1.1.3.1.3.1).
func TestL3NegatedFilters(t *testing.T) { clocks(t, l3NegatedFilters) }

func l3NegatedFilters(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldap", "alice@acme.test", pass("alice"))
	for filter, want := range map[string]string{
		"(&(sAMAccountName=bob)(!(isDeleted=TRUE)))":                       "Bob Brown",
		"(&(sAMAccountName=bob)(!(thumbnailPhoto=*)))":                     "Bob Brown",
		"(&(sAMAccountName=bob)(!(sIDHistory=*)))":                         "Bob Brown",
		"(&(sAMAccountName=bob)(!(msDS-SupportedEncryptionTypes=8)))":      "Bob Brown",
		"(&(sAMAccountName=bob)(!(servicePrincipalName=*)))":               "Bob Brown",
		"(&(sAMAccountName=bob)(!(adminCount:1.2.840.113556.1.4.803:=1)))": "Bob Brown",
		"(&(sAMAccountName=bob)(!(manager=CN=nobody,DC=acme,DC=test)))":    "Bob Brown",
		"(&(sAMAccountName=bob)(!(nosuch=x)))":                             "",
		"(&(sAMAccountName=bob)(!(isDeleted=maybe)))":                      "", // no value of the syntax
		"(&(sAMAccountName=bob)(!(cn:caseExactMatch:=x)))":                 "", // a rule that is not exposed
		"(&(sAMAccountName=bob)(!(unicodePwd=*)))":                         "", // what nobody may read
		"(commonName=Bob Brown)":                                           "", // an alias of the standards only
		"(1.2.840.113556.1.4.221=bob)":                                     "Bob Brown",
		"(anr=Bob Br)":                                                     "Bob Brown",
		"(anr=Brown Bob)":                                                  "Bob Brown",
		"(anr==Bob Brown)":                                                 "Bob Brown",
		"(anr==Bo)":                                                        "",
		"(anr=bob@acme)":                                                   "", // mail is not resolved
	} {
		if got := found(t, c, domain, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	for _, filter := range []string{"(canonicalName=*)", "(!(createTimeStamp=x))", "(&(cn=bob)(msDS-PrincipalName=x))", "(primaryGroupToken>=1)", "(allowedAttributes=*x*)"} {
		if _, err := ask(c, domain, 2, filter); code(err) != 18 {
			t.Errorf("%s: %v, want 18", filter, err)
		}
	}
	es, _ := ask(c, adPerson("Bob Brown"), 0, "(objectClass=*)", "allowedAttributes")
	for _, name := range []string{"thumbnailPhoto", "sIDHistory", "uidNumber", "sAMAccountName", "mail"} {
		if !slices.Contains(es[0].GetAttributeValues("allowedAttributes"), name) {
			t.Errorf("allowedAttributes has no %s", name)
		}
	}
}

// TestL3ConstructedAttributes reads what is computed for those who ask by name.
func TestL3ConstructedAttributes(t *testing.T) { clocks(t, l3ConstructedAttributes) }

func l3ConstructedAttributes(t *testing.T) {
	f := cast()
	f.Organization.Policy.MaxAge = 24 * time.Hour
	l := open(t, setup{facts: f, set: ldap.Settings{Flavour: "ad", RootPW: rootPW}})
	c := l.bound("ldap", adRoot, rootPW)
	get := func(dn string, scope int, attr string) []string {
		t.Helper()
		r, err := c.Search(goldap.NewSearchRequest(dn, scope, 0, 0, 0, false, "(objectClass=*)", []string{attr, "pwdLastSet"}, nil))
		if err != nil || len(r.Entries) == 0 {
			t.Fatalf("%s: %v", dn, err)
		}
		return r.Entries[0].GetAttributeValues(attr)
	}
	mallory := adPerson("Mallory Moss")
	if got := get(mallory, 0, "msds-memberOfTransitive"); !slices.Equal(got, []string{adGroup("externals"), adGroup("contractors"), adGroup("dba")}) {
		t.Errorf("all groups: %v", got)
	}
	if got := get(adGroup("contractors"), 0, "msds-memberTransitive"); !slices.Contains(got, mallory) || !slices.Contains(got, adGroup("externals")) {
		t.Errorf("all members: %v", got)
	}
	if global, all := get(mallory, 0, "tokenGroupsGlobalAndUniversal"), get(mallory, 0, "tokenGroups"); len(global) != 3 || len(all) != 4 {
		t.Errorf("%d global tokens of %d", len(global), len(all)) // externals is a local group
	}
	if got := get("CN=Users,"+domain, 0, "msDS-Approx-Immed-Subordinates"); got[0] != "16" && got[0] != "17" {
		t.Errorf("children: %v", got)
	}
	if got := get("OU=Groups,"+domain, 0, "allowedChildClassesEffective"); !slices.Contains(got, "user") || !slices.Contains(got, "organizationalUnit") || slices.Contains(got, "domainDNS") {
		t.Errorf("what may be below a unit: %v", got)
	}
	if got := get("CN=Users,"+domain, 0, "allowedChildClasses"); slices.Contains(got, "organizationalUnit") || !slices.Contains(got, "group") {
		t.Errorf("what may be below a container: %v", got)
	}
	if got := get("CN=Container,"+adSchema, 0, "possibleInferiors"); !slices.Contains(got, "group") || slices.Contains(got, "organizationalUnit") {
		t.Errorf("possible inferiors: %v", got)
	}
	es, _ := ask(c, mallory, 0, "(objectClass=*)", "pwdLastSet", "msDS-UserPasswordExpiryTimeComputed", "parentGUID")
	if es[0].GetAttributeValue("pwdLastSet") == "0" || len(es[0].GetAttributeValue("msDS-UserPasswordExpiryTimeComputed")) != 18 || len(es[0].GetRawAttributeValue("parentGUID")) != 16 {
		t.Errorf("%v", es[0])
	}
}

// TestL3BackLinks reads the other side of links, seeded and written.
func TestL3BackLinks(t *testing.T) {
	f := cast()
	f.Users[1].Attributes = map[string][]string{"manager": {adPerson("Carol Clark")}} // bob
	l := open(t, setup{facts: f, set: ldap.Settings{Flavour: "ad", RootPW: rootPW}})
	c := l.bound("ldap", adRoot, rootPW)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(modify(c, adPerson("Dave Dunn"), func(m *goldap.ModifyRequest) { m.Replace("manager", []string{adPerson("Carol Clark")}) }))
	must(modify(c, adGroup("dba"), func(m *goldap.ModifyRequest) { m.Replace("managedBy", []string{adPerson("Carol Clark")}) }))
	es, err := ask(c, adPerson("Carol Clark"), 0, "(objectClass=*)")
	must(err)
	if got := es[0].GetAttributeValues("directReports"); !slices.Equal(got, []string{adPerson("Bob Brown"), adPerson("Dave Dunn")}) {
		t.Errorf("reports: %v", got)
	}
	if got := es[0].GetAttributeValues("managedObjects"); !slices.Equal(got, []string{adGroup("dba")}) {
		t.Errorf("managed objects: %v", got)
	}
	for filter, want := range map[string]string{"(directReports=*)": "Carol Clark", "(directReports=" + adPerson("Bob Brown") + ")": "Carol Clark",
		"(manager=" + adPerson("Carol Clark") + ")": "Bob Brown Dave Dunn", "(managedObjects=" + adGroup("dba") + ")": "Carol Clark"} {
		if got := found(t, c, domain, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	must(modify(c, adPerson("Bob Brown"), func(m *goldap.ModifyRequest) { m.Delete("manager", nil) }))
	es, err = ask(c, adPerson("Carol Clark"), 0, "(objectClass=*)", "directReports")
	must(err)
	if got := es[0].GetAttributeValues("directReports"); !slices.Equal(got, []string{adPerson("Dave Dunn")}) {
		t.Errorf("after a change: %v", got)
	}
}

// TestL3LinksInAChain follows managers.
func TestL3LinksInAChain(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldap", adRoot, rootPW)
	for who, boss := range map[string]string{"Alice Adams": "Bob Brown", "Bob Brown": "Carol Clark", "Carol Clark": "Alice Adams", "Dave Dunn": "Alice Adams"} {
		if err := modify(c, adPerson(who), func(m *goldap.ModifyRequest) { m.Replace("manager", []string{adPerson(boss)}) }); err != nil {
			t.Fatal(err)
		}
	}
	if got := found(t, c, domain, "(manager:1.2.840.113556.1.4.1941:="+adPerson("Carol Clark")+")"); got != "Alice Adams Bob Brown Carol Clark Dave Dunn" {
		t.Errorf("found %q", got)
	}
	if got := found(t, c, domain, "(manager:1.2.840.113556.1.4.1941:="+adPerson("Dave Dunn")+")"); got != "" {
		t.Errorf("found %q", got)
	}
}

// TestL3SeedsOwnAttributes: what no schema knows is still a seed's to use.
func TestL3SeedsOwnAttributes(t *testing.T) { clocks(t, l3SeedsOwnAttributes) }

func l3SeedsOwnAttributes(t *testing.T) {
	f := cast()
	f.Users[1].Attributes = map[string][]string{"mailNickname": {"bobby"}, "thumbnailPhoto": {"\xff\xd8"}, "extensionAttribute1": {"x"}}
	l := open(t, setup{facts: f, set: ldap.Settings{Flavour: "ad"}})
	c := l.bound("ldap", "alice@acme.test", pass("alice"))
	if got := found(t, c, domain, "(&(mailNickname=BOBBY)(thumbnailPhoto=*)(extensionAttribute1=x))"); got != "Bob Brown" {
		t.Errorf("found %q", got)
	}
}
