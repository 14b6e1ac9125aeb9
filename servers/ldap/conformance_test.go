package ldap_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/ldap"
	"counterpart/servers/ldap/internal/proto"
)

// TestConformance goes through the numbers of the contract's checklist.
func TestConformance(t *testing.T) {
	list := dialecttest.Checklist(t, "testdata/checklist.txt")
	for _, c := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"1 root DSE before any bind", rootDSE},
		{"2 who am I", whoAmI},
		{"3 a bind table, openldap", bindsOpenLDAP},
		{"3 b bind table, ad", bindsAD},
		{"4 data codes and lock-out", dataCodes},
		{"5 AD name forms", nameForms},
		{"6 unbind and abandon", abandons},
		{"7 bind while a search streams", bindStopsSearch},
		{"8 fifty pipelined searches", pipelined},
		{"9 critical controls", criticalControls},
		{"10 a paging", paging},
		{"10 b cookies", cookies},
		{"11 size limits", sizeLimits},
		{"12 sort", sorting},
		{"13 filter table", filters},
		{"14 bit rules", bitRules},
		{"15 chain rule", chainRule},
		{"16 AD specials in filters", adSpecials},
		{"17 range retrieval", ranges},
		{"18 tokenGroups", tokenGroups},
		{"19 memberOf follows member", memberOf},
		{"20 compare", compares},
		{"21 a password changes, openldap", passwordModify},
		{"21 b password changes, ad", unicodePwd},
		{"22 password policy control", policyControl},
		{"23 hash schemes", hashSchemes},
		{"24 a write errors", writeErrors},
		{"24 b writes are atomic", atomicity},
		{"25 matchedDN", matchedDN},
		{"26 hostile octets", hostile},
		{"27 slow reader", slowReader},
		{"29 StartTLS", startTLS},
		{"30 shutdown notice", shutdown},
		{"31 what clients send at connect", clientHabits},
		{"32 a SPS group resolutions, POSIX", spsPosix},
		{"32 b SPS group resolutions, AD", spsAD},
		{"33 references", references},
		{"34 global catalogue", globalCatalogue},
	} {
		list.Run(c.name, func(t *testing.T) { clocks(t, c.run) })
	}
}

func rootDSE(t *testing.T) {
	l := open(t, posix())
	for _, port := range []string{"ldap", "ldaps"} {
		c := l.dial(port)
		get := func(attrs ...string) *goldap.Entry {
			es, err := ask(c, "", 0, "(objectClass=*)", attrs...)
			if err != nil || len(es) != 1 {
				t.Fatalf("%s %v: %d entries, %v", port, attrs, len(es), err)
			}
			return es[0]
		}
		if e := get(); len(e.Attributes) != 1 || !slices.Equal(e.GetAttributeValues("objectClass"), []string{"top", "OpenLDAProotDSE"}) {
			t.Errorf("without a selection: %v", names(e))
		}
		if e := get("*"); len(e.Attributes) != 1 {
			t.Errorf("*: %v", names(e))
		}
		e := get("+")
		if e.GetAttributeValue("namingContexts") != base || e.GetAttributeValue("supportedLDAPVersion") != "3" || e.GetAttributeValue("objectClass") != "" {
			t.Errorf("+: %v", names(e))
		}
		if !slices.Contains(e.GetAttributeValues("supportedControl"), goldap.ControlTypePaging) {
			t.Error("paging is not advertised")
		}
		if e := get("1.1"); len(e.Attributes) != 0 {
			t.Errorf("1.1: %v", names(e))
		}
		if e := get("NAMINGCONTEXTS", "nosuch"); len(e.Attributes) != 1 || e.Attributes[0].Name != "namingContexts" {
			t.Errorf("by name: %v", names(e))
		}
		r, err := c.Search(goldap.NewSearchRequest("", 0, 0, 0, 0, true, "(objectClass=*)", []string{"+"}, nil))
		if err != nil || len(r.Entries[0].Attributes) < 5 || len(r.Entries[0].Attributes[0].Values) != 0 {
			t.Errorf("typesOnly: %v", err)
		}
		if es, err := ask(c, "", 2, "(objectClass=*)"); code(err) != 32 || len(es) != 0 {
			t.Errorf("subtree of the root: %v", err)
		}
		if es, err := ask(c, "cn=Subschema", 0, "(objectClass=subschema)", "attributeTypes", "objectClasses"); err != nil || len(es) != 1 || len(es[0].Attributes) != 2 {
			t.Errorf("subschema: %v", err)
		}
	}
	l = open(t, adset())
	for _, port := range []string{"ldap", "ldaps", "gc", "gcs"} {
		es, err := ask(l.dial(port), "", 0, "(objectClass=*)")
		if err != nil || len(es) != 1 || es[0].GetAttributeValue("defaultNamingContext") != "DC=acme,DC=test" ||
			es[0].GetAttributeValue("domainControllerFunctionality") != "7" || es[0].GetAttributeValue("objectClass") != "" {
			t.Errorf("ad %s: %v", port, err)
		}
	}
}

func names(e *goldap.Entry) (out []string) {
	for _, a := range e.Attributes {
		out = append(out, a.Name)
	}
	return out
}

func whoAmI(t *testing.T) {
	l := open(t, posix())
	check := func(c *goldap.Conn, want string) {
		t.Helper()
		r, err := c.WhoAmI(nil)
		if err != nil || r.AuthzID != want {
			t.Errorf("who am I: %+v, %v; want %q", r, err, want)
		}
	}
	for _, port := range []string{"ldap", "ldaps"} {
		c := l.dial(port)
		check(c, "")
		if err := c.Bind(person("alice"), pass("alice")); err != nil {
			t.Fatal(err)
		}
		check(c, "dn:"+person("alice"))
		if err := c.Bind(person("alice"), "wrong"); code(err) != 49 {
			t.Fatal(err)
		}
		check(c, "")
		if err := c.Bind(root, rootPW); err != nil {
			t.Fatal(err)
		}
		check(c, "dn:"+root)
	}
	r := l.raw(t, "ldap").send(extended(1, "1.3.6.1.4.1.4203.1.11.3", ""))
	if a, _ := r.result(); !a.hasValue || a.value != "" {
		t.Errorf("anonymous: %+v, want a value of length 0", a)
	}
	if a, _ := r.send(extended(2, "1.3.6.1.4.1.4203.1.11.3", "x")).result(); a.code != 2 || a.text != "no request data expected" {
		t.Errorf("with data: %v", a)
	}
	l = open(t, adset())
	check(l.bound("ldap", "alice@acme.test", pass("alice")), `u:ACME\alice`)
	check(l.bound("ldaps", adRoot, rootPW), `u:ACME\administrator`)
}

// bindOf sends one bind request as octets.
func bindOf(version byte, name, password string) []byte {
	b := bindRequest(1, name, password)
	i := slices.Index(b, 0x60)
	b[i+4] = version
	return b
}

func saslBind(mechanism, creds string) []byte {
	b := []byte{proto.BindRequest, 0, 2, 1, 3, 4, 0, 0xa3, 0}
	in := append([]byte{4, byte(len(mechanism))}, mechanism...)
	if creds != "-" {
		in = append(append(in, 4, byte(len(creds))), creds...)
	}
	b[len(b)-1] = byte(len(in))
	b = append(b, in...)
	b[1] = byte(len(b) - 2)
	return message(1, b)
}

// bindCase is one row of contract section 2.3.
type bindCase struct {
	what string
	req  []byte
	code int64
	text string
}

func bindTable(t *testing.T, l *lab, port string, table []bindCase) {
	t.Helper()
	for _, c := range table {
		a, _ := l.raw(t, port).send(c.req).result()
		if a.op != proto.BindResponse || a.code != c.code || a.text != c.text {
			t.Errorf("%s on %s: %v, want %d %q", c.what, port, a, c.code, c.text)
		}
	}
}

func bindsOpenLDAP(t *testing.T) {
	l := open(t, posix())
	plain := "\x00" + person("alice") + "\x00" + pass("alice")
	bindTable(t, l, "ldap", []bindCase{
		{"version 2", bindOf(2, "", ""), 2, "historical protocol version requested, use LDAPv3 instead"},
		{"version 1", bindOf(1, "", ""), 2, "requested protocol version not supported"},
		{"version 4", bindOf(4, "", ""), 2, "requested protocol version not supported"},
		{"anonymous", bindOf(3, "", ""), 0, ""},
		{"as the tools send it", unhex("30 0c 02 01 01 60 07 02 01 03 04 00 80 00"), 0, ""},
		{"unauthenticated", bindOf(3, person("alice"), ""), 53, "unauthenticated bind (DN with no password) disallowed"},
		{"password without a name", bindOf(3, "", "x"), 49, ""},
		{"no DN", bindOf(3, "alice", pass("alice")), 34, "invalid DN"},
		{"unknown type", bindOf(3, "foo=bar", "x"), 34, "invalid DN"},
		{"outside", bindOf(3, "dc=else", "x"), 49, ""},
		{"no entry", bindOf(3, person("nobody"), "x"), 49, ""},
		{"entry without password", bindOf(3, base, "x"), 49, ""},
		{"wrong password", bindOf(3, person("alice"), "x"), 49, ""},
		{"right password", bindOf(3, person("alice"), pass("alice")), 0, ""},
		{"another spelling", bindOf(3, "UID=Alice, OU=People, DC=Acme, DC=Test", pass("alice")), 0, ""},
		{"disabled", bindOf(3, person("dave"), pass("dave")), 49, ""},
		{"locked", bindOf(3, person("eve"), pass("eve")), 49, ""},
		{"manager", bindOf(3, root, rootPW), 0, ""},
		{"manager, wrong", bindOf(3, root, "x"), 49, ""},
		{"critical ManageDsaIT", with(bindOf(3, "", ""), proto.Control{OID: "2.16.840.1.113730.3.4.2", Critical: true}), 12, "critical extension is unavailable"},
		{"critical paging", with(bindOf(3, "", ""), proto.Control{OID: "1.2.840.113556.1.4.319", Critical: true}), 12, "critical extension is unavailable"},
		{"critical unknown", with(bindOf(3, "", ""), proto.Control{OID: "1.2.3", Critical: true}), 12, "critical extension is not recognized"},
		{"no mechanism", saslBind("", "-"), 7, "no SASL mechanism provided"},
		{"GSSAPI", saslBind("GSSAPI", "-"), 7, "SASL(-4): no mechanism available: No worthy mechs found"},
		{"EXTERNAL without a certificate", saslBind("EXTERNAL", ""), 7, "SASL(-4): no mechanism available: No worthy mechs found"},
		{"PLAIN in clear", saslBind("PLAIN", plain), 48, "SASL(-16): encryption needed to use mechanism: security flags do not match required"},
	})
	bindTable(t, l, "ldaps", []bindCase{
		{"PLAIN", saslBind("PLAIN", plain), 0, ""},
		{"PLAIN with a user name", saslBind("PLAIN", "\x00alice\x00"+pass("alice")), 0, ""},
		{"PLAIN, wrong", saslBind("PLAIN", "\x00alice\x00x"), 49, ""},
	})
	s := posix()
	s.set.Anonymous, s.set.RequireTLS = "none", true
	l = open(t, s)
	bindTable(t, l, "ldap", []bindCase{
		{"anonymous disabled", bindOf(3, "", ""), 48, "anonymous bind disallowed"},
		{"cleartext forbidden", bindOf(3, person("alice"), pass("alice")), 13, "confidentiality required"},
	})
	if _, err := ask(l.dial("ldap"), base, 0, "(objectClass=*)"); code(err) != 53 || !strings.Contains(err.Error(), "authentication required") {
		t.Errorf("anonymous search: %v", err)
	}
	l.bound("ldaps", person("alice"), pass("alice"))
}

func data(code string) string {
	return "80090308: LdapErr: DSID-0C090400, comment: AcceptSecurityContext error, data " + code + ", v1db1\x00"
}

func bindsAD(t *testing.T) {
	l := open(t, adset())
	bindTable(t, l, "ldap", []bindCase{
		{"version 2", bindOf(2, "", ""), 2, "requested protocol version not supported"},
		{"anonymous", bindOf(3, "", ""), 0, ""},
		{"unauthenticated", bindOf(3, "alice@acme.test", ""), 0, ""},
		{"password without a name", bindOf(3, "", "x"), 49, data("52e")},
		{"bare name", bindOf(3, "alice", pass("alice")), 49, data("52e")},
		{"wrong password", bindOf(3, adPerson("Alice Adams"), "x"), 49, data("52e")},
		{"right password", bindOf(3, adPerson("alice adams"), pass("alice")), 0, ""},
		{"critical paging", with(bindOf(3, "", ""), proto.Control{OID: "1.2.840.113556.1.4.319", Critical: true}), 0, ""},
	})
	c := l.dial("ldap")
	if _, err := ask(c, "DC=acme,DC=test", 2, "(objectClass=*)"); code(err) != 1 || !strings.Contains(err.Error(), "000004DC") {
		t.Errorf("anonymous search: %v", err)
	}
	s := adset()
	s.set.DenyUnauthed, s.set.UserNotFound, s.set.RequireTLS = true, "525", true
	l = open(t, s)
	a, _ := l.raw(t, "ldap").send(bindOf(3, "alice@acme.test", "")).result()
	if a.code != 53 {
		t.Errorf("unauthenticated: %v", a)
	}
	a, _ = l.raw(t, "ldap").send(bindOf(3, "alice@acme.test", pass("alice"))).result()
	if a.code != 8 || !strings.Contains(a.text, "00002028") {
		t.Errorf("cleartext forbidden: %v", a)
	}
	a, _ = l.raw(t, "ldaps").send(bindOf(3, "nobody@acme.test", "x")).result()
	if a.code != 49 || a.text != data("525") {
		t.Errorf("unknown user: %v", a)
	}
}

func dataCodes(t *testing.T) {
	l := open(t, adset())
	try := func(who, password, want string) {
		t.Helper()
		a, _ := l.raw(t, "ldap").send(bindOf(3, who+"@acme.test", password)).result()
		if want == "" && a.code == 0 || a.code == 49 && a.text == data(want) {
			return
		}
		t.Errorf("%s with %q: %v, want data %s", who, password, a, want)
	}
	for who, want := range map[string]string{"dave": "533", "trent": "701", "peggy": "532", "carol": "773", "nina": "530", "wendy": "531", "alice": ""} {
		try(who, pass(who), want)
		try(who, "wrong", "52e") // the reason is for those who know the password
	}
	try("eve", pass("eve"), "775")
	try("eve", "wrong", "775")
	try("nobody", "x", "52e")
	// lock-out: counts, locks, ends after a while, and a success resets
	try("bob", "1", "52e")
	try("bob", "2", "52e")
	try("bob", pass("bob"), "")
	for range 2 {
		try("bob", "3", "52e")
	}
	es, _ := ask(l.bound("ldap", adRoot, rootPW), "DC=acme,DC=test", 2, "(sAMAccountName=bob)", "badPwdCount", "lockoutTime", "msDS-User-Account-Control-Computed")
	if v := es[0].GetAttributeValue("badPwdCount"); v != "2" {
		t.Errorf("badPwdCount is %s", v)
	}
	try("bob", "4", "52e")
	try("bob", pass("bob"), "775")
	es, _ = ask(l.bound("ldap", adRoot, rootPW), "DC=acme,DC=test", 2, "(&(sAMAccountName=bob)(lockoutTime>=1))", "msDS-User-Account-Control-Computed")
	if len(es) != 1 || es[0].GetAttributeValue("msDS-User-Account-Control-Computed") != "16" {
		t.Errorf("a locked account: %v", es)
	}
	l.clock.Advance(16 * time.Minute)
	try("bob", pass("bob"), "")
	if call := l.last("bind"); call.Actor != "bob" || call.Status != "0 Success" {
		t.Errorf("the journal says %+v", call)
	}
	if err := l.guard.Check(t.Context(), "eve", func(string) bool { return true }); !errors.Is(err, cause.Locked) {
		t.Error("the lab's guard is another one")
	}
}

func nameForms(t *testing.T) {
	l := open(t, adset())
	es, err := ask(l.bound("ldap", "alice@acme.test", pass("alice")), "DC=acme,DC=test", 2, "(sAMAccountName=alice)", "objectGUID", "objectSid")
	if err != nil || len(es) != 1 {
		t.Fatal(err)
	}
	g := es[0].GetRawAttributeValue("objectGUID")
	dashed := fmt.Sprintf("{%02x%02x%02x%02x-%02x%02x-%02x%02x-%x-%x}", g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8:10], g[10:])
	sid := sidText(es[0].GetRawAttributeValue("objectSid"))
	for name, ok := range map[string]bool{
		"CN=Alice Adams,CN=Users,DC=acme,DC=test": true, "alice@acme.test": true, "ALICE@ACME.TEST": true, `ACME\alice`: true,
		`acme\ALICE`: true, `acme.test\alice`: true, "alice@ACME": true, dashed: true, sid: true, "acme.test/Users/Alice Adams": true,
		"Bob Brown": false, "alice": false, `EVIL\alice`: false, "alice@evil.test": false, "Alice Adams": false,
		"{00000000-0000-0000-0000-000000000000}": false, "S-1-5-21-1-2-3-4": false, "S-1-5": false, "acme.test/Nowhere/Alice Adams": false,
	} {
		if err := l.dial("ldap").Bind(name, pass("alice")); (err == nil) != ok {
			t.Errorf("bind as %s: %v", name, err)
		}
	}
	if err := l.dial("ldap").Bind("Bob Brown", pass("bob")); err != nil {
		t.Errorf("an unambiguous display name: %v", err)
	}
}

func sidText(b []byte) string {
	out := fmt.Sprintf("S-%d-%d", b[0], b[7])
	for i := 8; i+4 <= len(b); i += 4 {
		out += fmt.Sprintf("-%d", uint32(b[i])|uint32(b[i+1])<<8|uint32(b[i+2])<<16|uint32(b[i+3])<<24)
	}
	return out
}

func hashSchemes(t *testing.T) {
	f := cast()
	want := map[string]string{}
	for scheme, stored := range hashes("Sesame-1") {
		id := strings.ToLower(strings.Trim(scheme, "{}"))
		f.Users = append(f.Users, world.User{ID: id, Name: id, Password: stored, Status: world.Active})
		want[id] = scheme
	}
	for _, set := range []ldap.Settings{{}, {Flavour: "ad"}} {
		l := open(t, setup{facts: f, set: set})
		for id, scheme := range want {
			name := person(id)
			if set.Flavour == "ad" {
				name = id + "@acme.test"
			}
			if err := l.dial("ldap").Bind(name, "Sesame-1"); err != nil {
				t.Errorf("%s: %v", scheme, err)
			}
			if err := l.dial("ldap").Bind(name, "Sesame-2"); code(err) != 49 {
				t.Errorf("%s, wrong: %v", scheme, err)
			}
		}
	}
}
