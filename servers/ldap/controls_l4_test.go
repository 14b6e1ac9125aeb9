package ldap_test

import (
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap"
	"counterpart/servers/ldap/internal/proto"
)

// advertised is what the root DSE lists.
func advertised(t *testing.T, c *goldap.Conn, attr string) []string {
	t.Helper()
	es, err := ask(c, "", 0, "(objectClass=*)", attr)
	if err != nil || len(es) != 1 {
		t.Fatal(err)
	}
	return es[0].GetAttributeValues(attr)
}

// search with one control, critical, and what it brings.
func withControl(t *testing.T, c *goldap.Conn, base, filter string, control goldap.Control, attrs ...string) *goldap.SearchResult {
	t.Helper()
	r, err := c.Search(goldap.NewSearchRequest(base, 2, 0, 0, 0, false, filter, attrs, []goldap.Control{control}))
	if err != nil {
		t.Fatalf("%s: %v", control.GetControlType(), err)
	}
	return r
}

// l4 are the effects of the controls by identifier: one of each that a root DSE
// lists, in either flavour.
var l4 = map[string]func(t *testing.T, l *lab, ad bool){
	goldap.ControlTypePaging: func(t *testing.T, l *lab, ad bool) {
		c, base := l4conn(l, ad)
		r := withControl(t, c, base, "(objectClass=person)", critical{goldap.NewControlPaging(3)}, "1.1")
		if p := goldap.FindControl(r.Controls, goldap.ControlTypePaging); len(r.Entries) != 3 || p == nil {
			t.Errorf("%d entries, %v", len(r.Entries), r.Controls)
		}
	},
	"1.2.840.113556.1.4.473": func(t *testing.T, l *lab, ad bool) {
		c, base := l4conn(l, ad)
		r := withControl(t, c, base, "(uidNumber>=10001)", sortBy{"uidNumber", true, true}, "uidNumber")
		if len(r.Entries) < 2 || r.Entries[0].GetAttributeValue("uidNumber") < r.Entries[1].GetAttributeValue("uidNumber") {
			t.Errorf("the order is %v", r.Entries)
		}
	},
	"1.2.840.113556.1.4.474": func(t *testing.T, l *lab, ad bool) { // the answer to the one before
		c, base := l4conn(l, ad)
		r := withControl(t, c, base, "(uidNumber>=10001)", sortBy{"uidNumber", true, true}, "1.1")
		if goldap.FindControl(r.Controls, "1.2.840.113556.1.4.474") == nil {
			t.Errorf("controls: %v", r.Controls)
		}
	},
	"2.16.840.1.113730.3.4.2": func(t *testing.T, l *lab, ad bool) { // a referral is read as an entry
		c := l.bound("ldap", root, rootPW)
		a := goldap.NewAddRequest("cn=elsewhere,"+base, nil)
		a.Attribute("objectClass", []string{"referral", "extensibleObject"})
		a.Attribute("cn", []string{"elsewhere"})
		a.Attribute("ref", []string{"ldap://other.test/cn=elsewhere"})
		if err := c.Add(a); err != nil {
			t.Fatal(err)
		}
		plain, err := c.Search(goldap.NewSearchRequest(base, 2, 0, 0, 0, false, "(cn=elsewhere)", nil, nil))
		if err != nil || len(plain.Entries) != 0 || !slices.Equal(plain.Referrals, []string{"ldap://other.test/cn=elsewhere??sub"}) {
			t.Errorf("without: %v, %v", plain, err)
		}
		r := withControl(t, c, base, "(cn=elsewhere)", goldap.NewControlManageDsaIT(true))
		if len(r.Entries) != 1 || len(r.Referrals) != 0 {
			t.Errorf("with: %v", r)
		}
	},
	"1.3.6.1.1.12": func(t *testing.T, l *lab, ad bool) {
		assertion := proto.Control{OID: "1.3.6.1.1.12", Critical: true, HasValue: true, Value: []byte("\x87\x05title")}
		if a, _ := l.raw(t, "ldap").send(with(compareOf(person("alice"), "sn", "Adams"), assertion)).result(); a.code != 122 {
			t.Errorf("a false assertion: %v", a)
		}
	},
	"1.3.6.1.4.1.42.2.27.8.5.1": func(t *testing.T, l *lab, ad bool) {
		a, _ := l.raw(t, "ldap").send(with(bindRequest(1, person("carol"), pass("carol")), proto.Control{OID: "1.3.6.1.4.1.42.2.27.8.5.1"})).result()
		if len(a.controls) != 1 || string(a.controls[0].Value) != "\x30\x03\x81\x01\x02" {
			t.Errorf("carol must change: %+v", a)
		}
	},
	"1.2.840.113556.1.4.1413": func(t *testing.T, l *lab, ad bool) {
		c := l.bound("ldap", adRoot, rootPW)
		add := func(m *goldap.ModifyRequest) { m.Add("member", []string{adPerson("Alice Adams")}) }
		if err := modify(c, adGroup("dba"), add); err == nil {
			t.Error("a member is added twice")
		}
		if err := modify(c, adGroup("dba"), add, goldap.NewControlString("1.2.840.113556.1.4.1413", true, "")); err != nil {
			t.Errorf("permissive: %v", err)
		}
	},
	"1.2.840.113556.1.4.805": func(t *testing.T, l *lab, ad bool) {
		c := l.bound("ldap", adRoot, rootPW)
		if err := c.Del(goldap.NewDelRequest("OU=Groups,"+domain, nil)); code(err) != 66 || !strings.Contains(err.Error(), "00002015: UpdErr: ") {
			t.Errorf("a non-leaf: %v", err)
		}
		if err := c.Del(goldap.NewDelRequest("OU=Groups,"+domain, []goldap.Control{goldap.NewControlString("1.2.840.113556.1.4.805", true, "")})); err != nil {
			t.Errorf("the tree: %v", err)
		}
		if got := found(t, c, domain, "(cn=dba)"); got != "" {
			t.Errorf("%q is left", got)
		}
	},
	"1.2.840.113556.1.4.1339": func(t *testing.T, l *lab, ad bool) {
		c, _ := l4conn(l, ad)
		l4references(t, c, nil, 3)
		l4references(t, c, goldap.NewControlString("1.2.840.113556.1.4.1339", true, ""), 0)
	},
	"1.2.840.113556.1.4.1340": func(t *testing.T, l *lab, ad bool) {
		c, _ := l4conn(l, ad)
		flags := func(n string) goldap.Control {
			return goldap.NewControlString("1.2.840.113556.1.4.1340", true, "\x30\x03\x02\x01"+n)
		}
		l4references(t, c, flags("\x00"), 3)
		l4references(t, c, flags("\x01"), 0)
		for _, from := range []string{"", domain} { // the phantom root: naming contexts below are part of it
			if r := withControl(t, c, from, "(nETBIOSName=ACME)", flags("\x02"), "1.1"); len(r.Entries) != 1 {
				t.Errorf("from %q: %v", from, r.Entries)
			}
		}
	},
	"1.2.840.113556.1.4.801": func(t *testing.T, l *lab, ad bool) {
		sd := func(c *goldap.Conn, controls ...goldap.Control) []byte {
			r, err := c.Search(goldap.NewSearchRequest(adPerson("Bob Brown"), 0, 0, 0, 0, false, "(objectClass=*)", []string{"nTSecurityDescriptor"}, controls))
			if err != nil {
				t.Fatal(err)
			}
			return r.Entries[0].GetRawAttributeValue("nTSecurityDescriptor")
		}
		parts := func(n string) goldap.Control {
			return goldap.NewControlString("1.2.840.113556.1.4.801", true, "\x30\x03\x02\x01"+n)
		}
		alice, manager := l.bound("ldap", "alice@acme.test", pass("alice")), l.bound("ldap", adRoot, rootPW)
		if got := sd(alice); len(got) != 0 { // all parts, and the last is not hers
			t.Errorf("without the control: %x", got)
		}
		owner, three, all := sd(alice, parts("\x01")), sd(alice, parts("\x07")), sd(manager)
		if len(owner) != 20+28 || owner[0] != 1 || len(three) <= len(owner) || len(all) <= len(three) || owner[3] != 0x80 || three[2] != 4 || all[2] != 0x14 {
			t.Errorf("owner %x\nthree %x\nall %x", owner, three, all)
		}
	},
}

func l4conn(l *lab, ad bool) (*goldap.Conn, string) {
	if ad {
		return l.bound("ldap", "alice@acme.test", pass("alice")), domain
	}
	return l.dial("ldap"), base
}

func l4references(t *testing.T, c *goldap.Conn, control goldap.Control, want int) {
	t.Helper()
	var controls []goldap.Control
	if control != nil {
		controls = append(controls, control)
	}
	r, err := c.Search(goldap.NewSearchRequest(domain, 2, 0, 0, 0, false, "(sAMAccountName=alice)", []string{"1.1"}, controls))
	if err != nil || len(r.Referrals) != want || len(r.Entries) != 1 {
		t.Errorf("%v: %d references, %v; want %d", control, len(r.Referrals), err, want)
	}
}

// TestL4ControlsHaveEffects walks what both flavours advertise: each control has
// its effect here, and what is not advertised is refused when it is critical.
func TestL4ControlsHaveEffects(t *testing.T) { clocks(t, l4ControlsHaveEffects) }

func l4ControlsHaveEffects(t *testing.T) {
	for _, set := range []ldap.Settings{{RootPW: rootPW}, {Flavour: "ad", RootPW: rootPW, References: true}} {
		ad := set.Flavour == "ad"
		list := advertised(t, open(t, setup{set: set}).dial("ldap"), "supportedControl")
		for _, oid := range list {
			effect, ok := l4[oid]
			if !ok {
				t.Errorf("ad %v: %s is advertised, and no test shows what it does", ad, oid)
				continue
			}
			t.Run(map[bool]string{false: "openldap ", true: "ad "}[ad]+oid, func(t *testing.T) { effect(t, open(t, setup{set: set}), ad) })
		}
		l := open(t, setup{set: set})
		c, base := l4conn(l, ad)
		for _, oid := range []string{"1.2.840.113556.1.4.417", "1.2.840.113556.1.4.2064", "1.2.840.113556.1.4.2065", "1.2.840.113556.1.4.529",
			"2.16.840.1.113730.3.4.9", "1.2.840.113556.1.4.841", "1.2.840.113556.1.4.528", "1.2.840.113556.1.4.1504", "1.3.6.1.1.13.1", "1.2.3.4"} {
			if slices.Contains(list, oid) {
				t.Errorf("ad %v: %s is advertised", ad, oid)
			}
			_, err := c.Search(goldap.NewSearchRequest(base, 2, 0, 0, 0, false, "(cn=alice)", nil, []goldap.Control{goldap.NewControlString(oid, true, "")}))
			if code(err) != 12 {
				t.Errorf("ad %v: critical %s: %v", ad, oid, err)
			}
			if _, err = c.Search(goldap.NewSearchRequest(base, 2, 0, 0, 0, false, "(cn=alice)", nil, []goldap.Control{goldap.NewControlString(oid, false, "")})); err != nil {
				t.Errorf("ad %v: %s: %v", ad, oid, err)
			}
		}
	}
}

// TestL4SlapdsControls: what slapd takes without saying so, and what it refuses
// (golden answers of slapd 2.5.13, see TestRealSlapdControls).
func TestL4SlapdsControls(t *testing.T) { clocks(t, l4SlapdsControls) }

func l4SlapdsControls(t *testing.T) {
	l := open(t, posix())
	list := advertised(t, l.dial("ldap"), "supportedControl")
	for _, oid := range []string{"1.2.840.113556.1.4.1413", "1.2.840.113556.1.4.805", "1.2.840.113556.1.4.1339", "1.2.840.113556.1.4.1340", "1.2.840.113556.1.4.619"} {
		if slices.Contains(list, oid) {
			t.Errorf("%s is advertised", oid)
		}
	}
	tree := proto.Control{OID: "1.2.840.113556.1.4.805", Critical: true}
	r := l.raw(t, "ldap").send(bindRequest(1, root, rootPW))
	r.result()
	remove := func(c ...proto.Control) []byte {
		return message(2, append([]byte{proto.DeleteRequest, byte(len("ou=people," + base))}, "ou=people,"+base...), c...)
	}
	if a, _ := r.send(remove(tree)).result(); a.code != 12 || a.text != "critical control unavailable in context" {
		t.Errorf("tree delete: %v", a)
	}
	tree.Critical = false
	if a, _ := r.send(remove(tree)).result(); a.code != 66 {
		t.Errorf("tree delete that is not critical: %v", a)
	}
	for _, oid := range []string{"1.2.840.113556.1.4.1339", "1.2.840.113556.1.4.619"} {
		if a, n := r.send(with(search(3, base, 2, 0xa3, "uid", "alice", "1.1"), proto.Control{OID: oid, Critical: true})).result(); a.code != 0 || n != 1 {
			t.Errorf("%s: %v", oid, a)
		}
	}
}

// TestL5AnonymousPages: a domain controller's root DSE is free for all to read,
// its pages are not.
func TestL5AnonymousPages(t *testing.T) { clocks(t, l5AnonymousPages) }

func l5AnonymousPages(t *testing.T) {
	l := open(t, adset())
	r := l.raw(t, "ldap")
	dse := with(search(1, "", 0, 0x87, "objectClass", ""), pageControl(5, nil))
	if a, n := r.send(dse).result(); a.code != 1 || n != 0 || !strings.HasPrefix(a.text, "000004DC: LdapErr: ") {
		t.Errorf("%v, %d entries", a, n)
	}
	r.send(bindRequest(2, "alice@acme.test", pass("alice"))).result()
	if a, n := r.send(dse).result(); a.code != 0 || n != 1 {
		t.Errorf("bound: %v, %d entries", a, n)
	}
}

// TestL5PagesKeepTheLimit: slapd's size limit is for all pages together, and so
// is the client's own (golden answers of slapd 2.5.13, see TestRealSlapdLimitsPages).
func TestL5PagesKeepTheLimit(t *testing.T) { clocks(t, l5PagesKeepTheLimit) }

func l5PagesKeepTheLimit(t *testing.T) {
	l := open(t, setup{facts: crowd(1300), set: ldap.Settings{RootPW: rootPW}})
	for _, x := range []struct {
		manager     bool
		limit, size int64
		want        []int // entries by page
		code        int64
	}{
		{false, 0, 100, []int{100, 100, 100, 100, 100, 0}, 4}, {false, 0, 99, []int{99, 99, 99, 99, 99, 5}, 4},
		{false, 0, 501, []int{500}, 4}, {false, 0, 500, []int{500, 0}, 4}, {false, 250, 100, []int{100, 100, 50}, 4},
		{false, 100, 100, []int{100}, 4}, {false, 2000, 499, []int{499, 1}, 4}, {true, 600, 250, []int{250, 250, 100}, 4},
		{true, 0, 700, []int{700, 600}, 0}, {true, 1, 100, []int{1}, 4},
	} {
		for _, sorted := range []bool{false, true} {
			r := l.raw(t, "ldap")
			if x.manager {
				r.send(bindRequest(1, root, rootPW)).result()
			}
			var got []int
			var last answer
			var cookie []byte
			for range 30 {
				controls := []proto.Control{pageControl(x.size, cookie)}
				if sorted {
					controls = append(controls, proto.Control{OID: "1.2.840.113556.1.4.473", HasValue: true, Value: []byte("\x30\x0d\x30\x0b\x04\x09uidNumber")})
				}
				a, n := r.send(with(sizedSearch(2, x.limit), controls...)).result()
				got, last, cookie = append(got, n), a, nil
				for _, c := range a.controls {
					if c.OID == goldap.ControlTypePaging {
						p, _ := proto.ParsePaged(c.Value)
						cookie = p.Cookie
					}
				}
				if len(cookie) == 0 {
					break
				}
			}
			if !slices.Equal(got, x.want) || last.code != x.code {
				t.Errorf("manager %v, limit %d, pages of %d, sorted %v: %v, %v; want %v, %d", x.manager, x.limit, x.size, sorted, got, last, x.want, x.code)
			}
		}
	}
}
