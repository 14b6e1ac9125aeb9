package ldap_test

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// TestReferrals are golden answers of slapd 2.5.13, see TestRealSlapdReferrals.
func TestReferrals(t *testing.T) { clocks(t, referrals) }

func referrals(t *testing.T) {
	l := open(t, posix())
	c := l.bound("ldap", root, rootPW)
	there := "cn=elsewhere,ou=people," + base
	a := goldap.NewAddRequest(there, nil)
	a.Attribute("objectClass", []string{"referral", "extensibleObject"})
	a.Attribute("cn", []string{"elsewhere"})
	a.Attribute("ref", []string{"ldap://other.test/cn=elsewhere"})
	if err := c.Add(a); err != nil {
		t.Fatal(err)
	}
	r := l.raw(t, "ldap").send(bindRequest(1, root, rootPW))
	r.result()
	manage := proto.Control{OID: "2.16.840.1.113730.3.4.2", Critical: true}
	for what, x := range map[string]struct {
		req  []byte
		code int64
		url  string
	}{
		"a search at it":          {search(2, there, 1, 0x87, "cn", ""), 10, "\x04#ldap://other.test/cn=elsewhere??one"},
		"a search below it":       {search(2, "cn=x,"+there, 2, 0x87, "cn", ""), 10, "\x04(ldap://other.test/cn=x,cn=elsewhere??sub"},
		"a search, managed":       {with(search(2, there, 0, 0x87, "cn", ""), manage), 0, ""},
		"a compare":               {compareOf(there, "cn", "elsewhere"), 10, "\x04\x1eldap://other.test/cn=elsewhere"},
		"a modify":                {modifyOf(there, 2, "description", "x"), 10, "\x04\x1eldap://other.test/cn=elsewhere"},
		"a delete below it":       {message(2, ber.AppendString(nil, proto.DeleteRequest, "cn=x,"+there)), 10, "\x04#ldap://other.test/cn=x,cn=elsewhere"},
		"a modify, managed":       {with(modifyOf(there, 2, "description", "x"), manage), 0, ""},
		"a search somewhere else": {search(2, "ou=groups,"+base, 2, 0x87, "cn", ""), 0, ""},
	} {
		if got, _ := r.send(x.req).result(); got.code != x.code || got.referral != x.url {
			t.Errorf("%s: %v, %q", what, got, got.referral)
		}
	}
}
