package ldap_test

import (
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap"
	"counterpart/servers/ldap/internal/proto"
)

// TestUnplayedPartsAreNamed asks both flavours for what the real servers have and
// this one does not: refused as by a server without it, journalled by its name,
// and every name is in the scope.
func TestUnplayedPartsAreNamed(t *testing.T) {
	known := func(name string) bool {
		return slices.ContainsFunc(ldap.Scope().Unplayed, func(f dialect.Feature) bool { return f.Name == name })
	}
	seen := map[string]bool{}
	for _, set := range []setup{posix(), adset()} {
		ad := set.set.Flavour == "ad"
		l := open(t, set)
		name, user := root, base
		if ad {
			name, user = adRoot, domain
		}
		r := l.raw(t, "ldap").send(bindRequest(1, name, rootPW))
		r.result()
		for _, oid := range []string{"1.2.840.113556.1.4.417", "1.2.840.113556.1.4.841", "1.2.840.113556.1.4.529", "2.16.840.1.113730.3.4.9",
			"1.3.6.1.1.13.1", "2.16.840.1.113730.3.4.18", "1.2.840.113556.1.4.528", "1.2.840.113556.1.4.2064", "1.2.3"} {
			a, _ := r.send(with(search(2, user, 0, 0x87, "objectClass", ""), proto.Control{OID: oid, Critical: true})).result()
			call := l.last("search")
			if a.code != 12 || call.Outcome == dialect.Unplayed != (call.Feature != "") || oid == "1.2.3" && call.Feature != "" {
				t.Errorf("ad %v, %s: %v, %s %q", ad, oid, a, call.Outcome, call.Feature)
			}
			if call.Feature != "" && !known(call.Feature) {
				t.Errorf("%q is not in the scope", call.Feature)
			}
			seen[call.Feature] = true
		}
		for _, oid := range []string{"1.2.840.113556.1.4.1781", "1.3.6.1.1.21.1", "1.2.3"} {
			a, _ := r.send(extended(3, oid, "")).result()
			call := l.last("extended " + oid)
			if a.code != 2 || call.Feature != "" && !known(call.Feature) || ad && !strings.HasPrefix(a.text, "0000203D") {
				t.Errorf("ad %v, %s: %v, %q", ad, oid, a, call.Feature)
			}
			seen[call.Feature] = true
		}
		a, _ := r.send(saslBind("GSSAPI", "x")).result()
		if call := l.last("bind"); a.code != 7 || call.Feature != "SASL GSSAPI" || !known(call.Feature) {
			t.Errorf("ad %v: %v, %+v", ad, a, call)
		}
	}
	for _, name := range []string{"LDAP_SERVER_SHOW_DELETED_OID", "virtual list view control", "LDAP_CONTROL_VLVREQUEST", "LDAP_SERVER_FAST_BIND_OID", "transactions, start"} {
		if !seen[name] {
			t.Errorf("%q was never said", name)
		}
	}
}

// TestV4DescriptorIsNotSwallowed: a security descriptor that is written and would have
// no effect is refused, on add and modify, and marked with its name.
func TestV4DescriptorIsNotSwallowed(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldaps", adRoot, rootPW)
	m := goldap.NewModifyRequest(adPerson("Bob Brown"), nil)
	m.Replace("nTSecurityDescriptor", []string{"\x01\x00\x04\x80"})
	refused(t, "modify", c.Modify(m), 50, "00002098")
	if call := l.last("modify"); call.Outcome != dialect.Unplayed || call.Feature != "nTSecurityDescriptor, written" {
		t.Errorf("modify: %s %q", call.Outcome, call.Feature)
	}
	refused(t, "add", c.Add(adUser("New", "sAMAccountName", "new", "ntsecuritydescriptor", "x")), 50, "00002098")
	if call := l.last("add"); call.Outcome != dialect.Unplayed {
		t.Errorf("add: %s", call.Outcome)
	}
}

// TestL2NoPlainInDomain: a domain controller has no PLAIN, on no connection.
func TestL2NoPlainInDomain(t *testing.T) {
	l := open(t, adset())
	a, _ := l.raw(t, "ldaps").send(saslBind("PLAIN", "\x00alice\x00"+pass("alice"))).result()
	if a.code != 7 || !strings.HasPrefix(a.text, "00002027: LdapErr: ") {
		t.Errorf("PLAIN: %v", a)
	}
	if got := advertised(t, l.dial("ldaps"), "supportedSASLMechanisms"); slices.Contains(got, "PLAIN") {
		t.Errorf("mechanisms: %v", got)
	}
}

// TestSecretsStayOutOfTheJournal asserts passwords by every name that they have.
func TestSecretsStayOutOfTheJournal(t *testing.T) {
	for _, set := range []setup{posix(), adset()} {
		l := open(t, set)
		c, base := l4conn(l, set.set.Flavour == "ad")
		for _, attr := range []string{"userPassword", "unicodePwd", "dBCSPwd", "ntPwdHistory", "lmPwdHistory", "ms-Mcs-AdmPwd", "msLAPS-Password",
			"msLAPS-EncryptedPassword", "msDS-ManagedPassword", "krbPrincipalKey", "sambaNTPassword", "userPassword;x-y"} {
			for _, filter := range []string{"(" + attr + "=Tr0ub4dor)", "(" + attr + "=Tr0u*dor)", "(" + attr + ">=Tr0ub4dor)", "(" + attr + ":caseExactMatch:=Tr0ub4dor)",
				"(&(cn=x)(!(" + attr + "~=Tr0ub4dor)))"} {
				if strings.Contains(attr, ";") && strings.Contains(filter, ":=") {
					continue
				}
				c.Search(goldap.NewSearchRequest(base, 2, 0, 0, 0, false, filter, nil, nil))
				if call := l.last("search"); strings.Contains(call.Request, "Tr0u") {
					t.Errorf("%s: %s", attr, call.Request)
				}
			}
			c.Compare(base, attr, "Tr0ub4dor")
			if call := l.last("compare"); strings.Contains(call.Request+call.Object+call.Response+call.Why, "Tr0u") {
				t.Errorf("compare %s: %+v", attr, call)
			}
		}
	}
}
