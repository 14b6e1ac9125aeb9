package ldap_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap"
	"counterpart/servers/ldap/internal/proto"
)

// hashes are a password in every scheme that is verified.
func hashes(password string) map[string]string {
	out := map[string]string{"{CLEARTEXT}": "{CLEARTEXT}" + password}
	for name, h := range map[string]func() hash.Hash{"SHA": sha1.New, "MD5": md5.New, "SHA256": sha256.New, "SHA512": sha512.New} {
		sum := func(salt string) string {
			x := h()
			x.Write([]byte(password + salt))
			return base64.StdEncoding.EncodeToString(append(x.Sum(nil), salt...))
		}
		out["{"+name+"}"] = "{" + strings.ToLower(name) + "}" + sum("") // the scheme's case is free
		out["{S"+name+"}"] = "{S" + name + "}" + sum("NaCl5678")
	}
	return out
}

// found are the sorted RDN values of what a search finds.
func found(t *testing.T, c *goldap.Conn, base, filter string) string {
	t.Helper()
	es, err := ask(c, base, 2, filter, "1.1")
	if err != nil {
		t.Errorf("%s: %v", filter, err)
	}
	var out []string
	for _, e := range es {
		rdn, _, _ := strings.Cut(e.DN, ",")
		_, v, _ := strings.Cut(rdn, "=")
		out = append(out, v)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func filters(t *testing.T) {
	l := open(t, posix())
	c := l.dial("ldap")
	for filter, want := range map[string]string{
		"(uid=alice)":                          "alice",
		"(UID=ALICE)":                          "alice",
		"(uid= alice )":                        "alice",
		"(userid=alice)":                       "alice",
		"(0.9.2342.19200300.100.1.1=alice)":    "alice",
		"(uid=ali*)":                           "alice alice2",
		"(uid=*ce2)":                           "alice2",
		"(uid=a*i*e)":                          "alice",
		"(cn=*a*a*a*)":                         "alice alice2",
		"(uid=a*ce*ce)":                        "", // parts do not overlap
		"(uid=*)":                              "alice alice2 bob carol dave eve mallory nina peggy trent wendy zoë",
		"(&(uid=alice)(mail=alice@acme.test))": "alice",
		"(&(uid=alice)(mail=bob@acme.test))":   "",
		"(|(uid=alice)(uid=bob))":              "alice bob",
		"(&(objectClass=posixAccount)(!(uid=alice))(uid=al*))": "",
		"(&(uid=*)(!(uid=a*))(!(uid=*e*)))":                    "bob carol mallory nina zoë",
		"(&)":                                                  "acme admins alice alice2 bob carol contractors dave dba empty eve externals groups mallory nina peggy people ring-a ring-b trent wendy zoë",
		"(|)":                                                  "",
		"(unknown=x)":                                          "",
		"(!(unknown=x))":                                       "",
		"(|(unknown=x)(uid=alice))":                            "alice",
		"(&(!(&(unknown=x)(uid=alice)))(uid=a*))":           "alice2",
		"(uidNumber>=10011)":                                "nina wendy",
		"(&(uidNumber<=10002)(uidNumber>=10001))":           "alice bob",
		"(uidNumber=010001)":                                "",
		"(uidNumber=x)":                                     "",
		"(cn>=a)":                                           "", // no ordering rule
		"(uid~=Alice)":                                      "alice",
		"(description=*\\2a)":                               "alice",
		"(description=dba \\28on call\\29 \\2a)":            "alice",
		"(description=*\\00*)":                              "",
		"(uid=zoë)":                                         "zoë",
		"(uid=ZOË)":                                         "zoë",
		"(uid=zoe)":                                         "",
		"(cn=zo\\c3\\ab*)":                                  "zoë",
		"(cn:caseExactMatch:=Alice Adams)":                  "alice alice2",
		"(cn:caseExactMatch:=alice adams)":                  "",
		"(cn:2.5.13.5:=Alice Adams)":                        "alice alice2",
		"(cn:=alice adams)":                                 "alice alice2",
		"(uid:caseIgnoreMatch:=ALICE)":                      "alice",
		"(uid:nosuchrule:=alice)":                           "",
		"(uid:1.2.840.113556.1.4.803:=1)":                   "",
		"(:caseIgnoreMatch:=alice adams)":                   "alice alice2",
		"(ou:dn:=people)":                                   "alice alice2 bob carol dave eve mallory nina peggy people trent wendy zoë",
		"(ou:=people)":                                      "people",
		"(cn=alice äpfel)":                                  "alice", // an option is a subtype
		"(cn;lang-de=alice äpfel)":                          "alice",
		"(cn;lang-de=alice adams)":                          "",
		"(cn;lang-de=*)":                                    "alice",
		"(costCenter=4711)":                                 "alice",
		"(COSTCENTER=*)":                                    "alice",
		"(userPassword=*)":                                  "",
		"(!(userPassword=x))":                               "",
		"(entryDN=uid=alice,ou=people,dc=acme,dc=test)":     "alice",
		"(member=uid=alice,ou=people,dc=acme,dc=test)":      "dba",
		"(member=UID=Alice,OU=People,DC=acme,DC=test)":      "dba",
		"(member=cn=contractors,ou=groups,dc=acme,dc=test)": "dba",
		"(memberOf=cn=dba,ou=groups,dc=acme,dc=test)":       "alice contractors",
		"(member=*)":                                        "admins contractors dba externals ring-a ring-b",
		"(memberUid=alice)":                                 "dba",
		"(memberUid=Alice)":                                 "", // case-exact
		"(telephoneNumber=+15550100)":                       "alice",
		"(telephoneNumber=+1-555-01-00)":                    "alice",
		"(objectClass=2.5.6.9)":                             "admins contractors dba empty externals ring-a ring-b",
		"(&(objectClass=inetOrgPerson)(cn=wendy ward))":     "wendy",
		"(createTimestamp>=20230101000000Z)":                "acme admins alice alice2 bob carol contractors dave dba empty eve externals groups mallory nina peggy people ring-a ring-b trent wendy zoë",
		"(hasSubordinates=TRUE)":                            "acme groups people",
	} {
		if got := found(t, c, base, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	if got := found(t, l.bound("ldap", root, rootPW), base, "(userPassword=alice-Pass-1)"); got != "alice" {
		t.Errorf("the manager finds %q by password", got)
	}
	es, err := ask(c, person("alice"), 0, "(objectClass=*)", "cn", "userPassword", "memberof", "MAIL", "1.1")
	if err != nil || strings.Join(names(es[0]), " ") != "cn;lang-de cn memberOf mail" {
		t.Errorf("selection: %v %v", names(es[0]), err)
	}
	if es, _ = ask(c, person("alice"), 0, "(objectClass=*)"); slices.Contains(names(es[0]), "memberOf") {
		t.Error("memberOf is ordinary")
	}
	call := l.last("search")
	if call.Object != person("alice") || !strings.Contains(call.Request, "-s base") || !strings.Contains(call.Request, "(objectClass=*)") || call.Response != "1 entries" {
		t.Errorf("the journal says %+v", call)
	}
	for what, req := range map[string]*goldap.SearchRequest{
		"invalid scope":      goldap.NewSearchRequest(base, 7, 0, 0, 0, false, "(cn=x)", nil, nil),
		"invalid deref":      goldap.NewSearchRequest(base, 2, 7, 0, 0, false, "(cn=x)", nil, nil),
		"invalid size limit": goldap.NewSearchRequest(base, 2, 0, -1, 0, false, "(cn=x)", nil, nil),
		"invalid time limit": goldap.NewSearchRequest(base, 2, 0, 0, -1, false, "(cn=x)", nil, nil),
	} {
		if _, err := c.Search(req); code(err) != 2 || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := ask(c, "no dn", 2, "(cn=x)"); code(err) != 34 {
		t.Errorf("base: %v", err)
	}
	if es, _ := ask(c, base, 3, "(objectClass=*)"); len(es) != 21 {
		t.Errorf("subordinate scope finds %d", len(es))
	}
	if es, _ := ask(c, base, 1, "(objectClass=*)"); len(es) != 2 {
		t.Errorf("one level finds %d", len(es))
	}
}

func criticalControls(t *testing.T) {
	for _, set := range []ldap.Settings{{RootPW: rootPW}, {Flavour: "ad", RootPW: rootPW}} {
		l := open(t, setup{set: set})
		name, user := root, person("alice")
		if set.Flavour == "ad" {
			name, user = adRoot, adPerson("Alice Adams")
		}
		c := l.bound("ldap", name, rootPW)
		unknown := goldap.NewControlString("1.2.3.4", true, "")
		_, err := c.Search(goldap.NewSearchRequest(user, 0, 0, 0, 0, false, "(objectClass=*)", nil, []goldap.Control{unknown}))
		if code(err) != 12 {
			t.Errorf("search: %v", err)
		}
		m := goldap.NewModifyRequest(user, []goldap.Control{unknown})
		m.Replace("description", []string{"changed"})
		if err := c.Modify(m); code(err) != 12 {
			t.Errorf("modify: %v", err)
		}
		if es, _ := ask(c, user, 0, "(description=changed)"); len(es) != 0 {
			t.Error("the modify had an effect")
		}
		unknown.Criticality = false
		r, err := c.Search(goldap.NewSearchRequest(user, 0, 0, 0, 0, false, "(objectClass=*)", nil, []goldap.Control{unknown}))
		if err != nil || len(r.Entries) != 1 {
			t.Errorf("not critical: %v", err)
		}
		p := goldap.NewControlPaging(2)
		r, err = c.Search(goldap.NewSearchRequest(user, 0, 0, 0, 0, false, "(objectClass=*)", nil, []goldap.Control{critical{p}}))
		if err != nil || len(r.Controls) != 1 {
			t.Errorf("critical paging: %v, %v", r, err)
		}
	}
}

func pageControl(size int64, cookie []byte) proto.Control {
	return proto.Control{OID: goldap.ControlTypePaging, HasValue: true, Value: proto.AppendPaged(nil, proto.Paged{Size: size, Cookie: cookie})}
}

func cookieOf(t *testing.T, a answer) []byte {
	t.Helper()
	for _, c := range a.controls {
		if c.OID == goldap.ControlTypePaging {
			p, err := proto.ParsePaged(c.Value)
			if err != nil {
				t.Fatal(err)
			}
			return p.Cookie
		}
	}
	t.Fatalf("no paging response: %+v", a)
	return nil
}

func paging(t *testing.T) {
	l := open(t, setup{facts: crowd(10000), set: ldap.Settings{RootPW: rootPW}})
	writer := l.bound("ldap", root, rootPW)
	for _, size := range []uint32{1, 7, 500, 1000} {
		f := "(&(objectClass=inetOrgPerson)(uid=user*))"
		want := 10000
		if size == 1 { // ten thousand round trips are enough for the others
			f, want = "(&(objectClass=inetOrgPerson)(uid=user0000*))", 100
		}
		var churn sync.WaitGroup
		churn.Go(func() {
			for i := range 20 {
				dn := fmt.Sprintf("uid=extra%d,ou=people,%s", i, base)
				add := goldap.NewAddRequest(dn, nil)
				add.Attribute("objectClass", []string{"inetOrgPerson"})
				add.Attribute("uid", []string{fmt.Sprint("extra", i)})
				add.Attribute("cn", []string{"Extra"})
				add.Attribute("sn", []string{"Extra"})
				if err := writer.Add(add); err != nil {
					t.Errorf("add: %v", err)
				}
				if err := writer.Del(goldap.NewDelRequest(dn, nil)); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
		r, err := l.bound("ldap", root, rootPW).SearchWithPaging(goldap.NewSearchRequest(base, 2, 0, 0, 0, false, f, []string{"uid"}, nil), size)
		churn.Wait()
		if err != nil {
			t.Fatalf("pages of %d: %v", size, err)
		}
		seen := map[string]bool{}
		for _, e := range r.Entries {
			if seen[e.DN] {
				t.Fatalf("pages of %d: %s twice", size, e.DN)
			}
			seen[e.DN] = true
		}
		if len(seen) != want {
			t.Errorf("pages of %d: %d entries, want %d", size, len(seen), want)
		}
	}
}

func cookies(t *testing.T) {
	l := open(t, posix())
	r := l.raw(t, "ldap")
	req := func(id int64, attr string, c ...proto.Control) []byte {
		return with(search(id, base, 2, 0x87, attr, ""), c...)
	}
	expect := func(what string, msg []byte, code int64, text string) answer {
		t.Helper()
		a, _ := r.send(msg).result()
		if a.code != code || a.text != text {
			t.Errorf("%s: %v, want %d %q", what, a, code, text)
		}
		return a
	}
	expect("no value", req(1, "uid", proto.Control{OID: goldap.ControlTypePaging}), 2, "paged results control value is absent")
	expect("no sequence", req(1, "uid", proto.Control{OID: goldap.ControlTypePaging, HasValue: true, Value: []byte("x")}), 2, "paged results control could not be decoded")
	expect("invented", req(1, "uid", pageControl(2, []byte("invented"))), 2, "paged results cookie is invalid")
	first := cookieOf(t, expect("first page", req(2, "uid", pageControl(2, nil)), 0, ""))
	expect("another filter", req(3, "cn", pageControl(2, first)), 2, "paged results cookie is invalid")
	second := cookieOf(t, expect("second page", req(4, "uid", pageControl(2, first)), 0, ""))
	expect("stale", req(5, "uid", pageControl(2, first)), 2, "paged results cookie is invalid or old")
	other := l.raw(t, "ldap")
	if a, _ := other.send(req(1, "uid", pageControl(2, second))).result(); a.code != 2 {
		t.Errorf("on another connection: %v", a)
	}
	if c := cookieOf(t, expect("size 0", req(6, "uid", pageControl(0, second)), 0, "")); len(c) != 0 {
		t.Error("an abandoned search has a cookie")
	}
	expect("after size 0", req(7, "uid", pageControl(2, second)), 2, "paged results cookie is invalid or old")
	// Active Directory's cookies work on another connection to the same server.
	l = open(t, adset())
	ad := func(id int64, c ...proto.Control) []byte {
		return with(search(id, "DC=acme,DC=test", 2, 0x87, "cn", ""), c...)
	}
	r = l.raw(t, "ldap").send(bindRequest(1, "alice@acme.test", pass("alice")))
	r.result()
	first = cookieOf(t, expect("ad, first page", ad(2, pageControl(3, nil)), 0, ""))
	r = l.raw(t, "ldap").send(bindRequest(1, "alice@acme.test", pass("alice")))
	r.result()
	expect("ad, reconnected", ad(3, pageControl(3, first)), 0, "")
}

func sizeLimits(t *testing.T) {
	facts := crowd(3000)
	l := open(t, setup{facts: facts, set: ldap.Settings{RootPW: rootPW}})
	count := func(c *goldap.Conn, base string, limit int, want int, wantCode uint16) {
		t.Helper()
		r, err := c.Search(goldap.NewSearchRequest(base, 2, 0, limit, 0, false, "(objectClass=person)", []string{"1.1"}, nil))
		if code(err) != wantCode || len(r.Entries) != want {
			t.Errorf("limit %d: %d entries, %v; want %d and code %d", limit, len(r.Entries), err, want, wantCode)
		}
	}
	c := l.dial("ldap")
	count(c, base, 0, 500, 4)
	count(c, base, 10, 10, 4)
	count(c, base, 5000, 500, 4)
	count(l.bound("ldap", root, rootPW), base, 0, 3000, 0)
	count(l.bound("ldap", root, rootPW), base, 7, 7, 4)
	l = open(t, setup{facts: facts, set: ldap.Settings{Flavour: "ad"}})
	c = l.bound("ldap", "user000001@acme.test", "Secret-1")
	count(c, "DC=acme,DC=test", 0, 1000, 4)
	p := goldap.NewControlPaging(5000)
	r, err := c.Search(goldap.NewSearchRequest("DC=acme,DC=test", 2, 0, 0, 0, false, "(objectClass=person)", []string{"1.1"}, []goldap.Control{p}))
	if err != nil || len(r.Entries) != 1000 {
		t.Errorf("a page of 5000 has %d entries, %v", len(r.Entries), err)
	}
	r, err = c.SearchWithPaging(goldap.NewSearchRequest("DC=acme,DC=test", 2, 0, 0, 0, false, "(&(objectClass=user)(objectCategory=person))", []string{"1.1"}, nil), 5000)
	if err != nil || len(r.Entries) != 3000 {
		t.Errorf("all pages have %d entries, %v", len(r.Entries), err)
	}
}

func sorting(t *testing.T) {
	l := open(t, posix())
	order := func(c *goldap.Conn, base, filter, key string, reverse, critical bool) (string, *goldap.SearchResult, error) {
		req := goldap.NewSearchRequest(base, 2, 0, 0, 0, false, filter, []string{"1.1"}, []goldap.Control{sortBy{key, reverse, critical}})
		r, err := c.Search(req)
		var out []string
		if r != nil {
			for _, e := range r.Entries {
				rdn, _, _ := strings.Cut(e.DN, ",")
				out = append(out, rdn[strings.Index(rdn, "=")+1:])
			}
		}
		return strings.Join(out, " "), r, err
	}
	c := l.dial("ldap")
	f := "(|(uid=bob)(uid=alice2)(uid=wendy)(uid=alice))"
	for _, x := range []struct {
		key     string
		reverse bool
		want    string
	}{
		{"uidNumber", false, "alice bob wendy alice2"}, // who has none comes last
		{"uidNumber", true, "alice2 wendy bob alice"},
	} {
		got, r, err := order(c, base, f, x.key, x.reverse, true)
		if err != nil || got != x.want || len(r.Controls) != 1 {
			t.Errorf("by %s, %v: %q, %v; want %q", x.key, x.reverse, got, err, x.want)
		}
	}
	if _, _, err := order(c, base, f, "cn", false, true); code(err) != 18 || !strings.Contains(err.Error(), "serverSort control: No ordering rule") {
		t.Errorf("by cn: %v", err)
	}
	if _, _, err := order(c, base, f, "nosuch", false, true); code(err) != 16 {
		t.Errorf("by nosuch: %v", err)
	}
	if got, _, err := order(c, base, f, "nosuch", false, false); err != nil || got == "" {
		t.Errorf("by nosuch, not critical: %q, %v", got, err)
	}
	l = open(t, adset())
	c = l.bound("ldap", "alice@acme.test", pass("alice"))
	got, _, err := order(c, "DC=acme,DC=test", "(sAMAccountName=*e)", "cn", true, true)
	if err != nil || got != "Zoë Zimmer Eve Evans Dave Dunn Alice Adams" {
		t.Errorf("ad, by cn: %q, %v", got, err)
	}
	// sorted and paged
	req := goldap.NewSearchRequest("DC=acme,DC=test", 2, 0, 0, 0, false, "(objectCategory=person)", []string{"cn"}, []goldap.Control{sortBy{"cn", false, true}})
	r, err := c.SearchWithPaging(req, 5)
	if err != nil {
		t.Fatal(err)
	}
	var cns []string
	for _, e := range r.Entries {
		cns = append(cns, strings.ToLower(e.GetAttributeValue("cn")))
	}
	if len(cns) != len(cast().Users) || !slices.IsSorted(cns) {
		t.Errorf("sorted pages: %v", cns)
	}
}

func matchedDN(t *testing.T) {
	l := open(t, posix())
	for base, want := range map[string]string{
		"uid=nobody,ou=people,dc=acme,dc=test": "ou=people,dc=acme,dc=test", "cn=x,cn=y,dc=acme,dc=test": base,
		"dc=else": "", "cn=x,uid=alice,ou=people,dc=acme,dc=test": person("alice"), "": "",
	} {
		a, _ := l.raw(t, "ldap").send(search(1, base, 2, 0x87, "cn", "")).result()
		if a.code != 32 || a.matched != want {
			t.Errorf("%q: %d, matched %q, want %q", base, a.code, a.matched, want)
		}
	}
	l = open(t, adset())
	c := l.bound("ldap", "alice@acme.test", pass("alice"))
	_, err := ask(c, "CN=x,CN=Users,DC=acme,DC=test", 0, "(objectClass=*)")
	if code(err) != 32 || !strings.Contains(err.Error(), "0000208D: NameErr: DSID-03100245, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'CN=Users,DC=acme,DC=test'\n") {
		t.Errorf("ad: %v", err)
	}
}

func compares(t *testing.T) {
	l := open(t, posix())
	c := l.dial("ldap")
	for _, x := range []struct {
		dn, attr, value string
		want            uint16
	}{
		{person("alice"), "mail", "ALICE@acme.test", 6}, {person("alice"), "mail", "x", 5}, {person("alice"), "title", "x", 16},
		{person("alice"), "nosuch", "x", 17}, {person("nobody"), "mail", "x", 32}, {group("dba"), "member", person("alice"), 6},
		{group("dba"), "member", person("bob"), 5}, {group("dba"), "memberUid", "alice", 6}, {person("alice"), "memberOf", group("dba"), 6},
		{person("alice"), "userPassword", pass("alice"), 16}, {person("alice"), "uidNumber", "10001", 6}, {person("alice"), "cn;lang-de", "alice äpfel", 6},
	} {
		ok, err := c.Compare(x.dn, x.attr, x.value)
		got := code(err)
		if err == nil {
			got = map[bool]uint16{true: 6, false: 5}[ok]
		}
		if got != x.want {
			t.Errorf("compare %s %s=%s: %d, want %d", x.dn, x.attr, x.value, got, x.want)
		}
	}
}
