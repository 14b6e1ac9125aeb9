package ldap_test

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// TestL1Standing: what shows how somebody stands is written as any single-valued
// attribute is, and before anything of the request is done.
func TestL1Standing(t *testing.T) { clocks(t, l1Standing) }

func l1Standing(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldaps", adRoot, rootPW)
	bob := adPerson("Bob Brown")
	value := func(attr string) string {
		es, err := ask(c, bob, 0, "(objectClass=*)", attr)
		if err != nil {
			t.Fatal(err)
		}
		return es[0].GetAttributeValue(attr)
	}
	type part struct {
		op     uint
		attr   string
		values []string
	}
	const add, del, replace, increment = goldap.AddAttribute, goldap.DeleteAttribute, goldap.ReplaceAttribute, goldap.IncrementAttribute
	for _, x := range []struct {
		what  string
		parts []part
		code  uint16
		text  string
		attr  string // which then has
		left  string
	}{
		{"the old control goes, a new one comes", []part{{del, "userAccountControl", []string{"512"}}, {add, "userAccountControl", []string{"514"}}}, 0, "", "userAccountControl", "514"},
		{"and back", []part{{del, "userAccountControl", []string{"514"}}, {add, "userAccountControl", []string{"512"}}}, 0, "", "userAccountControl", "512"},
		{"another old control", []part{{del, "userAccountControl", []string{"66048"}}, {add, "userAccountControl", []string{"514"}}}, 16, "00002085", "userAccountControl", "512"},
		{"a control more by two", []part{{increment, "userAccountControl", []string{"2"}}}, 0, "", "userAccountControl", "514"},
		{"a control less by two", []part{{increment, "userAccountControl", []string{"-2"}}}, 0, "", "userAccountControl", "512"},
		{"two moments", []part{{replace, "pwdLastSet", []string{"0", "-1"}}}, 19, "00002081", "userAccountControl", "512"},
		{"no moment", []part{{replace, "pwdLastSet", []string{"soon"}}}, 21, "00000057", "userAccountControl", "512"},
		{"the old moment goes", []part{{del, "pwdLastSet", []string{value("pwdLastSet")}}, {add, "pwdLastSet", []string{"0"}}}, 0, "", "pwdLastSet", "0"},
		{"a second moment", []part{{add, "pwdLastSet", []string{"-1"}}}, 20, "problem 1006", "pwdLastSet", "0"},
		{"a moment by hand, with a password", []part{{replace, "unicodePwd", []string{quoted("Another-Pass-1")}}, {replace, "pwdLastSet", []string{"777"}}}, 53, "00002077", "pwdLastSet", "0"},
		{"a lock by hand, with a password", []part{{replace, "unicodePwd", []string{quoted("Another-Pass-1")}}, {replace, "lockoutTime", []string{"777"}}}, 53, "00002077", "pwdLastSet", "0"},
		{"a number of 64 bits where 32 are", []part{{replace, "gidNumber", []string{"99999999999"}}}, 21, "00000057", "pwdLastSet", "0"},
		{"a number of more than 64 bits", []part{{replace, "accountExpires", []string{"99999999999999999999"}}}, 21, "00000057", "pwdLastSet", "0"},
		{"a sum of more than 32 bits", []part{{replace, "gidNumber", []string{"7"}}, {increment, "gidNumber", []string{"2147483647"}}}, 21, "00000057", "pwdLastSet", "0"},
		{"no category", []part{{del, "objectCategory", nil}}, 65, "0000207C", "pwdLastSet", "0"},
	} {
		m := goldap.NewModifyRequest(bob, nil)
		for _, p := range x.parts {
			m.Changes = append(m.Changes, goldap.Change{Operation: p.op, Modification: goldap.PartialAttribute{Type: p.attr, Vals: p.values}})
		}
		refused(t, x.what, c.Modify(m), x.code, x.text)
		if got := value(x.attr); got != x.left {
			t.Errorf("%s: %s is %q, want %q", x.what, x.attr, got, x.left)
		}
	}
	if err := l.dial("ldaps").Bind(bob, "Another-Pass-1"); code(err) != 49 {
		t.Errorf("a request that was refused has set a password: %v", err)
	}
}

// TestL1DomainStays: the containers that a domain begins with are not deleted,
// renamed or moved (systemFlags).
func TestL1DomainStays(t *testing.T) {
	l := open(t, adset())
	c := l.bound("ldaps", adRoot, rootPW)
	for _, rdn := range []string{"CN=Builtin", "CN=Computers", "OU=Domain Controllers", "CN=Users", "CN=System"} {
		dn := rdn + "," + domain
		refused(t, "rename "+rdn, c.ModifyDN(goldap.NewModifyDNRequest(dn, rdn+"2", true, "")), 53, "00002077")
		if rdn != "CN=System" {
			refused(t, "move "+rdn, c.ModifyDN(goldap.NewModifyDNRequest(dn, rdn, true, "CN=System,"+domain)), 53, "00002077")
		}
		if err := c.Del(goldap.NewDelRequest(dn, nil)); code(err) != 53 && code(err) != 66 {
			t.Errorf("delete %s: %v", rdn, err)
		}
	}
	refused(t, "delete an empty one", c.Del(goldap.NewDelRequest("CN=Builtin,"+domain, nil)), 53, "000020CE")
}
