//go:build real

package ldap_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/world"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/ldap"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// These tests ask OpenLDAP's slapd and this server the same questions, and let
// OpenLDAP's tools and python-ldap talk to this server. A tool that is not
// installed fails them.

// tool finds a program, also where Debian hides servers.
func tool(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/libexec") {
		if p := filepath.Join(dir, name); exec.Command("test", "-x", p).Run() == nil {
			return p
		}
	}
	t.Fatalf("%s is not installed", name)
	return ""
}

// realFacts are the cast without what slapd's schema does not allow.
func realFacts() world.Facts {
	f := cast()
	f.Groups = slices.DeleteFunc(f.Groups, func(g world.Group) bool { return g.ID == "empty" })
	delete(f.Users[0].Attributes, "costCenter")
	for i := range f.Users {
		f.Users[i].Status = world.Active
	}
	return f
}

// slapd starts a private slapd on loopback and returns its address.
func slapd(t testing.TB, ldif string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	nis, err := os.ReadFile("/etc/ldap/schema/nis.schema")
	if err != nil {
		t.Fatal(err)
	}
	nisPath := write("nis.schema", strings.Replace(string(nis), "SUP top STRUCTURAL\n\tMUST ( cn $ gidNumber )", "SUP top AUXILIARY\n\tMUST ( gidNumber )", 1))
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	conf := write("slapd.conf", `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include `+nisPath+`
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload sssvlv
pidfile `+dir+`/slapd.pid
loglevel 0
database mdb
maxsize 4294967296
suffix "`+base+`"
rootdn "`+root+`"
rootpw `+rootPW+`
directory `+dir+`/db
index objectClass,uid,cn,mail,member,memberOf,uidNumber,memberUid eq
access to attrs=userPassword by self write by anonymous auth by * none
access to * by * read
overlay memberof
overlay refint
refint_attributes member memberOf
overlay sssvlv
`)
	if ldif != "" {
		add := exec.Command(tool(t, "slapadd"), "-q", "-f", conf, "-l", write("all.ldif", ldif))
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("slapadd: %v\n%s", err, out)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	dialecttest.Program(t, exec.Command(tool(t, "slapd"), "-f", conf, "-h", "ldap://"+addr, "-d", "none"), "slapd starting")
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() { // it listens a moment later
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return addr
		}
		if time.Now().After(deadline) {
			t.Fatalf("slapd does not listen: %v", err)
		}
	}
}

// fill copies everything that our server shows into slapd.
func fill(t *testing.T, l *lab, addr string) {
	t.Helper()
	from := l.bound("ldap", root, rootPW)
	to, err := goldap.DialURL("ldap://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := to.Bind(root, rootPW); err != nil {
		t.Fatal(err)
	}
	es, err := ask(from, base, 2, "(objectClass=*)")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		a := goldap.NewAddRequest(e.DN, nil)
		for _, at := range e.Attributes {
			a.Attribute(at.Name, at.Values)
		}
		if err := to.Add(a); err != nil {
			t.Fatalf("slapd refuses %s: %v", e.DN, err)
		}
	}
	for _, e := range es { // the overlay saw members that were not there yet
		if members := e.GetAttributeValues("member"); len(members) > 0 {
			if err := modify(to, e.DN, func(m *goldap.ModifyRequest) { m.Replace("member", members) }); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// volatile are attributes that two servers cannot agree on, or that slapd has
// and this server does not build.
var volatile = []string{"entryUUID", "entryCSN", "createTimestamp", "modifyTimestamp", "contextCSN", "supportedExtension",
	"supportedControl", "supportedSASLMechanisms", "configContext", "monitorContext", "creatorsName", "modifiersName",
	"userPassword"} // which slapd hashes when it is changed

// talk sends requests on one connection and returns everything that comes back
// up to the last result, in a comparable form. sorted says that entries are a set.
func talk(t *testing.T, addr string, ordered bool, reqs ...[]byte) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	r := &raw{t: t, c: c, r: bufio.NewReader(c)}
	var out []string
	for _, req := range reqs {
		r.send(req)
		var entries []string
		for {
			msg, err := readMessage(r.r)
			if err != nil {
				return strings.Join(append(append(out, entries...), "closed"), "\n")
			}
			a, err := decodeAnswer(msg)
			if err != nil {
				t.Fatal(err)
			}
			switch a.op {
			case proto.SearchEntry:
				entries = append(entries, entryText(msg))
				continue
			case proto.SearchReference:
				entries = append(entries, fmt.Sprintf("reference %q", msg[len(msg)-30:]))
				continue
			}
			if !ordered {
				slices.Sort(entries)
			}
			out = append(out, entries...)
			line := fmt.Sprintf("op %x code %d matched %q text %q", a.op, a.code, a.matched, a.text)
			if a.referral != "" {
				line += fmt.Sprintf(" referral %q", a.referral)
			}
			if a.hasValue {
				line += fmt.Sprintf(" value %q", a.value)
			}
			for _, x := range a.controls {
				line += " control " + x.OID
				if x.OID != goldap.ControlTypePaging { // whose cookie is the server's own
					line += fmt.Sprintf(" %x", x.Value)
				}
			}
			out = append(out, line)
			break
		}
	}
	return strings.Join(out, "\n")
}

// entryText is an entry with sorted attributes and values.
func entryText(msg []byte) string {
	_, content, _, _ := ber.Next(msg)
	m, _ := proto.ParseMessage(content)
	c := ber.Over(m.Body)
	dn := c.String()
	list := ber.Over(c.Take(ber.Sequence))
	var lines []string
	for list.More() {
		one := ber.Over(list.Take(ber.Sequence))
		name := one.String()
		set := ber.Over(one.Take(ber.Set))
		var values []string
		for set.More() {
			values = append(values, set.String())
		}
		switch {
		case name == "pwdChangedTime" || name == "supportedSASLMechanisms": // this slapd has no password policy
			continue
		case slices.Contains(volatile, name):
			values = []string{"…"}
		}
		slices.Sort(values)
		lines = append(lines, fmt.Sprintf("  %s: %q", name, values))
	}
	slices.Sort(lines)
	return strings.Join(append([]string{dn}, lines...), "\n")
}

// filtered is a search with a filter in text form.
func filtered(id int64, base string, scope int64, filter string, attrs ...string) []byte {
	p, err := goldap.CompileFilter(filter)
	if err != nil {
		panic(filter + ": " + err.Error())
	}
	b, mark := ber.Begin(nil, proto.SearchRequest)
	b = ber.AppendString(b, ber.OctetString, base)
	b = ber.AppendInt(b, ber.Enumerated, scope)
	b = append(b, "\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"...)
	b = append(b, p.Bytes()...)
	b, list := ber.Begin(b, ber.Sequence)
	for _, a := range attrs {
		b = ber.AppendString(b, ber.OctetString, a)
	}
	return message(id, ber.End(ber.End(b, list), mark))
}

// sortControl asks for an order by one key.
func sortControl(key string, reverse, critical bool) proto.Control {
	p := sortBy{key, reverse, critical}.Encode()
	return proto.Control{OID: "1.2.840.113556.1.4.473", Critical: critical, HasValue: true, Value: p.Children[len(p.Children)-1].Data.Bytes()}
}

// TestRealSlapdAgrees asks slapd and this server the same questions.
func TestRealSlapdAgrees(t *testing.T) {
	l := open(t, setup{facts: realFacts(), set: ldap.Settings{RootPW: rootPW}})
	real := slapd(t, "")
	fill(t, l, real)
	same := func(what string, ordered bool, reqs ...[]byte) {
		t.Helper()
		ours, theirs := talk(t, l.addr["ldap"], ordered, reqs...), talk(t, real, ordered, reqs...)
		if ours != theirs {
			t.Errorf("%s\n--- this server\n%s\n--- slapd\n%s", what, ours, theirs)
		}
	}
	for _, filter := range realFilters {
		same(filter, false, filtered(1, base, 2, filter, "1.1"))
	}
	for _, dn := range []string{person("alice"), group("dba"), base, "ou=people," + base} {
		for _, attrs := range [][]string{nil, {"*"}, {"+"}, {"*", "+"}, {"1.1"}, {"cn", "nosuch"}, {"1.1", "cn"}, {"CN", "memberof"}, {"cn;lang-de"}, {"2.5.4.3"},
			{"name"}, {"@person"}, {"@posixGroup", "mail"}, {"@nosuch"}, {"cn;lang-"}, {"cn", "cn;lang-de"}} {
			same(fmt.Sprint("read ", dn, attrs), false, filtered(1, dn, 0, "(objectClass=*)", attrs...))
		}
	}
	for _, x := range realSearches {
		same(fmt.Sprint("base ", x.base, " scope ", x.scope), false, filtered(1, x.base, x.scope, "(objectClass=*)", "1.1"))
	}
	same("root DSE", false, filtered(1, "", 0, "(objectClass=*)"), filtered(2, "", 0, "(objectClass=*)", "+"), filtered(3, "", 0, "(cn=x)"))
	for _, x := range realBinds() {
		same("bind "+x.what, false, x.req, whoami(2))
	}
	for _, x := range [][3]string{{person("alice"), "mail", "ALICE@acme.test"}, {person("alice"), "mail", "x"}, {person("alice"), "title", "x"},
		{person("alice"), "nosuch", "x"}, {person("nobody"), "mail", "x"}, {person("nobody"), "nosuch", "x"}, {person("nobody"), "uidNumber", "x"}, {group("dba"), "memberUid", "Alice"}, {"nonsense", "cn", "x"},
		{person("alice"), "uidNumber", "x"}, {group("dba"), "member", person("alice")}} {
		same(fmt.Sprint("compare ", x), false, compareOf(x[0], x[1], x[2]))
	}
	same("compare outside", false, compareOf("cn=x,dc=else", "cn", "x"), compareOf("", "objectClass", "top"), compareOf("cn=Subschema", "cn", "Subschema"))
	same("subschema by subtree", false, filtered(1, "cn=Subschema", 2, "(objectClass=*)", "1.1"), filtered(2, "cn=Subschema", 0, "(cn=subschema)", "cn"))
	realControls(t, same)
	realPasswords(same)
	realWrites(t, same)
}

var realSearches = []struct {
	base  string
	scope int64
}{{base, 0}, {base, 1}, {base, 2}, {base, 3}, {base, 4}, {"", 1}, {"", 2}, {"dc=else", 0}, {"cn=x,ou=nosuch," + base, 2}, {"cn=x," + person("alice"), 0},
	{"nonsense", 0}, {"nosuchtype=x," + base, 0}, {"OU=People, DC=acme, dc=test", 1}, {"ou=people;dc=acme;dc=test", 1}}

// realFilters are the table of checklist number 13, as both servers must see it.
var realFilters = []string{"(uid=alice)", "(UID=ALICE)", "(uid= alice )", "(userid=alice)", "(0.9.2342.19200300.100.1.1=alice)", "(uid=ali*)",
	"(uid=*ce2)", "(uid=a*i*e)", "(cn=*a*a*a*)", "(uid=a*ce*ce)", "(uid=*)", "(&(uid=alice)(mail=alice@acme.test))", "(|(uid=alice)(uid=bob))",
	"(&(uid=*)(!(uid=a*))(!(uid=*e*)))", "(&)", "(|)", "(unknown=x)", "(!(unknown=x))", "(|(unknown=x)(uid=alice))", "(!(uid=alice))",
	"(&(!(&(unknown=x)(uid=alice)))(uid=a*))", "(uidNumber>=10011)", "(&(uidNumber<=10002)(uidNumber>=10001))", "(uidNumber=x)", "(cn>=a)",
	"(description=*\\2a)", "(description=dba \\28on call\\29 \\2a)", "(description=*\\00*)", "(uid=zoë)", "(uid=ZOË)", "(uid=zoe)",
	"(cn=zo\\c3\\ab*)", "(cn:caseExactMatch:=Alice Adams)", "(cn:caseExactMatch:=alice adams)", "(cn:2.5.13.5:=Alice Adams)", "(cn:=alice adams)",
	"(uid:nosuchrule:=alice)", "(uid:integerMatch:=1)", "(ou:dn:=people)", "(ou:=people)", "(cn=alice äpfel)", "(cn;lang-de=alice äpfel)",
	"(cn;lang-de=alice adams)", "(cn;lang-de=*)", "(userPassword=*)", "(!(userPassword=x))", "(member=uid=alice,ou=people,dc=acme,dc=test)",
	"(member=UID=Alice,OU=People,DC=acme,DC=test)", "(memberOf=cn=dba,ou=groups,dc=acme,dc=test)", "(member=*)", "(memberUid=alice)",
	"(memberUid=Alice)", "(telephoneNumber=+15550100)", "(telephoneNumber=+1-555-01-00)", "(telephoneNumber=*555*)", "(objectClass=2.5.6.9)",
	"(objectClass=groupofnames)", "(objectClass=nosuch)", "(hasSubordinates=TRUE)", "(hasSubordinates=x)", "(member=nonsense)", "(mail=*@ACME.test)",
	"(homeDirectory=/home/alice)", "(homeDirectory=/HOME/alice)", "(gidNumber=20001)", "(gidNumber=020001)", "(objectClass=*)", "(cn=a*  *adams)",
	"(jpegPhoto=*)", "(jpegPhoto=x)", "(entryDN=uid=alice,ou=people,dc=acme,dc=test)", "(manager=uid=bob,ou=people,dc=acme,dc=test)",
	"(uid:caseIgnoreMatch:=ALICE)", "(member:distinguishedNameMatch:=uid=alice,ou=people,dc=acme,dc=test)", "(objectClass=person)",
	"(structuralObjectClass=inetOrgPerson)", "(createTimestamp>=20000101000000Z)", "(mail=*)", "(cn=ring\\2da)", "(name=alice adams)", "(name=dba)", "(name=*groups*)",
	"(cn;lang-=alice*)", "(cn;lang-en=*)", "(!(cn;lang-de=*))"}

func realBinds() []bindCase {
	var out []bindCase
	add := func(what string, req []byte) { out = append(out, bindCase{what: what, req: req}) }
	add("anonymous", bindOf(3, "", ""))
	for _, v := range []byte{1, 2, 4} {
		add(fmt.Sprint("version ", v), bindOf(v, "", ""))
	}
	for _, x := range [][2]string{{person("alice"), pass("alice")}, {person("alice"), "x"}, {person("alice"), ""}, {"", "x"}, {"alice", "x"}, {"foo=bar", "x"},
		{"dc=else", "x"}, {person("nobody"), "x"}, {base, "x"}, {root, rootPW}, {root, "x"}, {"UID=Alice, OU=People, DC=Acme, DC=Test", pass("alice")}} {
		add(fmt.Sprint(x), bindOf(3, x[0], x[1]))
	}
	add("critical ManageDsaIT", with(bindOf(3, "", ""), proto.Control{OID: "2.16.840.1.113730.3.4.2", Critical: true}))
	add("critical unknown", with(bindOf(3, "", ""), proto.Control{OID: "1.2.3", Critical: true}))
	add("no mechanism", saslBind("", "-"))
	return out
}

func realControls(t *testing.T, same func(string, bool, ...[]byte)) {
	s := func(filter string, c ...proto.Control) []byte { return with(filtered(2, base, 2, filter, "1.1"), c...) }
	same("unknown critical", false, s("(uid=alice)", proto.Control{OID: "1.2.3", Critical: true}))
	same("unknown", false, s("(uid=alice)", proto.Control{OID: "1.2.3"}))
	same("paging without a value", false, s("(uid=alice)", proto.Control{OID: goldap.ControlTypePaging}))
	same("paging with nonsense", false, s("(uid=alice)", proto.Control{OID: goldap.ControlTypePaging, HasValue: true, Value: []byte("x")}))
	same("paging with a bad cookie", false, s("(uid=alice)", pageControl(2, []byte("nonsense"))))
	same("one page", false, s("(uid=alice*)", pageControl(50, nil)))
	same("sort", true, s("(uid=*)", sortControl("uidNumber", true, true)))
	same("sort by cn", false, s("(uid=alice)", sortControl("cn", false, true)))
	same("sort by nosuch", false, s("(uid=alice)", sortControl("nosuch", false, true)))
	assertion := func(uid string) proto.Control {
		p, _ := goldap.CompileFilter("(uid=" + uid + ")")
		return proto.Control{OID: "1.3.6.1.1.12", Critical: true, HasValue: true, Value: p.Bytes()}
	}
	same("assertion", false, with(compareOf(person("alice"), "sn", "adams"), assertion("alice")), with(compareOf(person("alice"), "sn", "adams"), assertion("bob")))
	same("extended", false, extended(1, "1.2.3", ""), extended(2, "1.3.6.1.4.1.4203.1.11.3", "x"), extended(3, "1.3.6.1.4.1.4203.1.11.1", ""))
	same("cancel", false, extended(1, "1.3.6.1.1.8", "\x30\x03\x02\x01\x63"))
	same("unknown request", false, message(1, unhex("79 00")))
	same("indefinite length", false, unhex("30 80 02 01 01 42 00 00 00"))
	same("a cut bind", false, message(1, unhex("60 03 02 01 03")))
}

// realPasswords changes passwords in both servers.
func realPasswords(same func(string, bool, ...[]byte)) {
	passwd := func(identity, old, new string) []byte {
		b, mark := ber.Begin(nil, ber.Sequence)
		for i, v := range []string{identity, old, new} {
			if v != "-" {
				b = ber.AppendString(b, 0x80+byte(i), v)
			}
		}
		return extended(2, "1.3.6.1.4.1.4203.1.11.1", string(ber.End(b, mark)))
	}
	alice, nina := bindRequest(1, person("alice"), pass("alice")), bindRequest(1, person("nina"), pass("nina"))
	manager := bindRequest(1, root, rootPW)
	for _, x := range []struct {
		what string
		reqs [][]byte
	}{
		{"anonymous", [][]byte{passwd("-", "-", "New-Pass-1")}},
		{"wrong old", [][]byte{alice, passwd("-", "wrong", "New-Pass-1")}},
		{"somebody else's", [][]byte{alice, passwd(person("nina"), "-", "New-Pass-1")}},
		{"somebody else's with the old one", [][]byte{alice, passwd(person("nina"), pass("nina"), "New-Pass-1")}},
		{"empty", [][]byte{alice, passwd("-", "-", "")}},
		{"nobody's", [][]byte{manager, passwd(person("nobody"), "-", "New-Pass-1")}},
		{"nonsense", [][]byte{manager, passwd("nonsense", "-", "New-Pass-1")}},
		{"not BER", [][]byte{alice, extended(2, "1.3.6.1.4.1.4203.1.11.1", "nonsense")}},
		{"reset", [][]byte{manager, passwd(person("wendy"), "-", "New-Pass-1"), bindRequest(3, person("wendy"), "New-Pass-1"), whoami(4)}},
		{"own", [][]byte{nina, passwd("-", pass("nina"), "New-Pass-1"), bindRequest(3, person("nina"), "New-Pass-1"), whoami(4)}},
		{"own by name", [][]byte{bindRequest(1, person("nina"), "New-Pass-1"), passwd(person("nina"), "-", pass("nina")), nina, whoami(4)}},
		{"own entry's attribute", [][]byte{nina, bindRequest(3, person("nina"), pass("nina")), whoami(4)}},
	} {
		same("passwd: "+x.what, false, x.reqs...)
	}
}

// realWrites changes both servers in the same way and compares every answer
// and what is there afterwards.
func realWrites(t *testing.T, same func(string, bool, ...[]byte)) {
	manager := bindRequest(1, root, rootPW)
	rename := func(dn, rdn string, del bool, above string) []byte {
		b, mark := ber.Begin(nil, proto.ModifyDNRequest)
		b = ber.AppendBool(ber.AppendString(ber.AppendString(b, ber.OctetString, dn), ber.OctetString, rdn), ber.Boolean, del)
		if above != "" {
			b = ber.AppendString(b, 0x80, above)
		}
		return message(3, ber.End(b, mark))
	}
	del := func(dn string) []byte { return message(4, ber.AppendString(nil, proto.DeleteRequest, dn)) }
	alice := person("alice")
	add := func(dn string, attrs ...string) []byte {
		b, mark := ber.Begin(nil, proto.AddRequest)
		b = ber.AppendString(b, ber.OctetString, dn)
		b, list := ber.Begin(b, ber.Sequence)
		for i := 0; i+1 < len(attrs); i += 2 {
			var one, set int
			b, one = ber.Begin(b, ber.Sequence)
			b = ber.AppendString(b, ber.OctetString, attrs[i])
			b, set = ber.Begin(b, ber.Set)
			for _, v := range strings.Fields(attrs[i+1]) {
				b = ber.AppendString(b, ber.OctetString, v)
			}
			b = ber.End(ber.End(b, set), one)
		}
		return message(5, ber.End(ber.End(b, list), mark))
	}
	for _, x := range []struct {
		what string
		req  []byte
	}{
		{"add", add(person("new"), "objectClass", "inetOrgPerson", "uid", "new", "cn", "new", "sn", "new")},
		{"add again", add(person("new"), "objectClass", "inetOrgPerson", "uid", "new", "cn", "new", "sn", "new")},
		{"add below nothing", add("uid=x,ou=nosuch,"+base, "objectClass", "inetOrgPerson", "uid", "x", "cn", "x", "sn", "x")},
		{"add outside", add("uid=x,dc=else", "objectClass", "inetOrgPerson", "uid", "x", "cn", "x", "sn", "x")},
		{"add without the RDN's value", add(person("x"), "objectClass", "inetOrgPerson", "cn", "x", "sn", "x")},
		{"add with another RDN value", add(person("x"), "objectClass", "inetOrgPerson", "uid", "y", "cn", "x", "sn", "x")},
		{"add without sn", add(person("x"), "objectClass", "inetOrgPerson", "uid", "x", "cn", "x")},
		{"add without a class", add(person("x"), "uid", "x", "cn", "x", "sn", "x")},
		{"add of an auxiliary class", add(person("x"), "objectClass", "posixAccount", "uid", "x", "cn", "x")},
		{"add of an unknown class", add(person("x"), "objectClass", "nosuch", "uid", "x")},
		{"add of an unknown attribute", add(person("x"), "objectClass", "inetOrgPerson", "uid", "x", "cn", "x", "sn", "x", "nosuch", "x")},
		{"add of a forbidden attribute", add(person("x"), "objectClass", "inetOrgPerson", "uid", "x", "cn", "x", "sn", "x", "dc", "x")},
		{"add without values", add(person("x"), "objectClass", "inetOrgPerson", "uid", "x", "cn", "x", "sn", "x", "title", "")},
		{"add of an operational attribute", add(person("x"), "objectClass", "inetOrgPerson", "uid", "x", "cn", "x", "sn", "x", "entryDN", "cn=x")},
		{"add of two numbers", add(person("x"), "objectClass", "inetOrgPerson posixAccount", "uid", "x", "cn", "x", "sn", "x", "uidNumber", "1 2", "gidNumber", "1", "homeDirectory", "/")},
		{"add of nonsense", add("nonsense", "objectClass", "inetOrgPerson")},
		{"modify the password", modifyOf(person("new"), 0, "userPassword", "New-Pass-1")},
		{"value exists", modifyOf(alice, 0, "mail", "ALICE@acme.test")}, {"no such value", modifyOf(alice, 1, "mail", "x@y")}, {"no such attribute", modifyOf(alice, 1, "title")},
		{"required", modifyOf(alice, 1, "sn")}, {"not allowed", modifyOf(alice, 0, "member", alice)}, {"naming", modifyOf(alice, 2, "uid", "other")},
		{"undefined", modifyOf(alice, 0, "nosuch", "x")}, {"syntax", modifyOf(alice, 2, "uidNumber", "x")}, {"single", modifyOf(alice, 0, "uidNumber", "5")},
		{"not for users", modifyOf(alice, 2, "entryUUID", "12345678-1234-1234-1234-123456789012")}, {"no entry", modifyOf(person("nobody"), 2, "mail", "x")},
		{"member exists", modifyOf(group("dba"), 0, "member", alice)}, {"no such member", modifyOf(group("dba"), 1, "member", person("bob"))},
		{"last member", modifyOf(group("admins"), 1, "member", person("bob"))}, {"unknown class", modifyOf(alice, 0, "objectClass", "nosuch")},
		{"increment", modifyOf(alice, 3, "uidNumber", "5")}, {"increment of text", modifyOf(alice, 3, "sn", "5")}, {"title", modifyOf(alice, 2, "title", "Boss")},
		{"add a member", modifyOf(group("admins"), 0, "member", alice)}, {"twice", modifyOf(alice, 0, "mail", "a@b", "A@B")},
		{"rename to a taken name", rename(alice, "uid=bob", true, "")}, {"rename nobody", rename(person("nobody"), "uid=x", true, "")},
		{"rename to nowhere", rename(alice, "uid=x", true, "ou=nosuch,"+base)}, {"rename to nonsense", rename(alice, "nonsense", true, "")},
		{"delete a non-leaf", del("ou=people," + base)}, {"delete outside", del("dc=else")}, {"modify outside", modifyOf("cn=x,dc=else", 2, "sn", "x")},
		{"rename outside", rename("cn=x,dc=else", "cn=y", true, "")}, {"delete nonsense", del("nonsense")}, {"modify nonsense", modifyOf("nonsense", 2, "sn", "x")},
		{"two numbers", modifyOf(alice, 2, "uidNumber", "1", "2")}, {"a child", add("uid=kid,"+alice, "objectClass", "account", "uid", "kid")},
		{"delete a parent", del(alice)}, {"delete the child", del("uid=kid," + alice)},
		{"delete nobody", del(person("nobody"))},
		{"rename", rename(person("bob"), "uid=robert", true, "")}, {"move", rename(person("mallory"), "uid=mallory", true, "ou=groups,"+base)},
		{"delete", del(person("trent"))},
	} {
		same("write: "+x.what, false, manager, x.req)
		same("write, anonymous: "+x.what, false, x.req)
		same("write, herself: "+x.what, false, bindRequest(1, person("peggy"), pass("peggy")), x.req)
	}
	same("a superior class", false, filtered(9, base, 2, "(objectClass=person)", "1.1"), filtered(9, base, 2, "(objectClass=top)", "1.1"))
	same("the new one binds", false, bindRequest(1, person("new"), "New-Pass-1"), whoami(2))
	same("after all writes", false, manager, filtered(9, base, 2, "(objectClass=*)", "*", "memberOf"))
}

// tools runs a program against the server and returns what it prints.
func run1(t *testing.T, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LDAPTLS_REQCERT=never")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestRealOpenLDAPTools runs OpenLDAP's client programs against both flavours.
func TestRealOpenLDAPTools(t *testing.T) {
	l := open(t, posix())
	url, tls := "ldap://"+l.addr["ldap"], "ldaps://"+l.addr["ldaps"]
	d := open(t, adset())
	adURL, adTLS := "ldap://"+d.addr["ldap"], "ldaps://"+d.addr["ldaps"]
	ldif := filepath.Join(t.TempDir(), "change.ldif")
	if err := os.WriteFile(ldif, []byte("dn: "+person("alice")+"\nchangetype: modify\nreplace: title\ntitle: Boss\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		args []string
		want string
		ok   bool
	}{
		{[]string{"ldapwhoami", "-x", "-H", url}, "anonymous", true},
		{[]string{"ldapwhoami", "-x", "-H", url, "-D", person("alice"), "-w", pass("alice")}, "dn:uid=alice", true},
		{[]string{"ldapwhoami", "-x", "-ZZ", "-H", url, "-D", person("alice"), "-w", pass("alice")}, "dn:uid=alice", true},
		{[]string{"ldapwhoami", "-x", "-H", tls, "-D", person("alice"), "-w", pass("alice")}, "dn:uid=alice", true},
		{[]string{"ldapwhoami", "-Y", "PLAIN", "-U", "alice", "-w", pass("alice"), "-H", tls}, "dn:uid=alice", true},
		{[]string{"ldapwhoami", "-x", "-H", url, "-D", person("alice"), "-w", "x"}, "Invalid credentials (49)", false},
		{[]string{"ldapwhoami", "-x", "-H", adTLS, "-D", "alice@acme.test", "-w", pass("alice")}, `u:ACME\alice`, true},
		{[]string{"ldapwhoami", "-x", "-H", adURL, "-D", "dave@acme.test", "-w", pass("dave")}, "data 533", false},
		{[]string{"ldapsearch", "-x", "-LLL", "-H", url, "-b", base, "(uid=alice)", "mail"}, "mail: alice@acme.test", true},
		{[]string{"ldapsearch", "-x", "-LLL", "-H", url, "-b", base, "-E", "pr=3/noprompt", "(objectClass=*)", "1.1"}, "cn=empty", true},
		{[]string{"ldapsearch", "-x", "-LLL", "-H", url, "-b", base, "-E", "!sss=-uidNumber", "(uid=*)", "1.1"}, "uid=wendy", true},
		{[]string{"ldapsearch", "-x", "-LLL", "-H", url, "-b", "", "-s", "base", "+"}, "supportedControl: 1.2.840.113556.1.4.319", true},
		{[]string{"ldapsearch", "-x", "-LLL", "-H", url, "-b", "cn=Subschema", "-s", "base", "attributeTypes"}, "NAME ( 'cn' 'commonName' )", true},
		{[]string{"ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", adURL, "-D", `ACME\alice`, "-w", pass("alice"), "-b", "DC=acme,DC=test", "-E", "pr=2/noprompt", "(&(objectCategory=person)(memberOf:1.2.840.113556.1.4.1941:=" + adGroup("dba") + "))", "sAMAccountName"}, "sAMAccountName: mallory", true},
		{[]string{"ldapcompare", "-x", "-H", url, person("alice"), "mail:alice@acme.test"}, "TRUE", false}, // it exits with 6
		{[]string{"ldapcompare", "-x", "-H", url, person("alice"), "mail:x"}, "FALSE", false},
		{[]string{"ldapmodify", "-x", "-H", url, "-D", root, "-w", rootPW, "-f", ldif}, "modifying entry", true},
		{[]string{"ldapsearch", "-x", "-LLL", "-H", url, "-b", base, "(title=boss)", "1.1"}, "uid=alice", true},
		{[]string{"ldappasswd", "-x", "-H", url, "-D", person("bob"), "-w", pass("bob"), "-a", pass("bob"), "-s", "Bob-New-1"}, "", true},
		{[]string{"ldapwhoami", "-x", "-H", url, "-D", person("bob"), "-w", "Bob-New-1"}, "dn:uid=bob", true},
		{[]string{"ldappasswd", "-x", "-H", url, "-D", person("bob"), "-w", "Bob-New-1"}, "New password: ", true},
		{[]string{"ldapdelete", "-x", "-H", url, "-D", root, "-w", rootPW, person("wendy")}, "", true},
	} {
		x.args[0] = tool(t, x.args[0])
		out, err := run1(t, x.args[0], x.args[1:]...)
		if (err == nil) != x.ok || !strings.Contains(out, x.want) {
			t.Errorf("%s: %v\n%s\nwant %q", strings.Join(x.args, " "), err, out, x.want)
		}
	}
}

const pythonScript = `
import sys, ldap
from ldap.controls import SimplePagedResultsControl
url, tls, base, dn, password = sys.argv[1:]
ldap.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_NEVER)
c = ldap.initialize(url)
assert len(c.search_s(base, ldap.SCOPE_SUBTREE, '(uid=alice)')) == 1      # no bind at all
root = c.read_rootdse_s()
assert base.encode() in root['namingContexts'], root
sub = c.search_subschemasubentry_s()
from ldap.schema import SubSchema
schema = SubSchema(c.read_subschemasubentry_s(sub))
assert schema.get_obj(ldap.schema.AttributeType, 'cn') is not None
assert schema.get_obj(ldap.schema.ObjectClass, 'inetOrgPerson').sup == ('organizationalPerson',)
c.start_tls_s()
c.simple_bind_s(dn, password)
assert c.whoami_s() == 'dn:' + dn, c.whoami_s()
try:
    c.simple_bind_s(dn, 'wrong'); assert False
except ldap.INVALID_CREDENTIALS as e:
    assert 'info' not in e.args[0] or not e.args[0]['info'], e.args
c.simple_bind_s(dn, password)
pr = SimplePagedResultsControl(True, size=2, cookie='')
seen = []
while True:
    rid = c.search_ext(base, ldap.SCOPE_SUBTREE, '(uid=*)', ['uid'], serverctrls=[pr])
    _, data, _, ctrls = c.result3(rid)
    seen += [d for d, _ in data]
    got = [x for x in ctrls if x.controlType == SimplePagedResultsControl.controlType]
    assert len(got) == 1
    if not got[0].cookie: break
    pr.cookie = got[0].cookie
assert len(seen) == len(set(seen)) and len(seen) > 5, seen
assert c.compare_s(dn, 'mail', b'alice@acme.test')
try:
    c.search_s('dc=else', ldap.SCOPE_BASE); assert False
except ldap.NO_SUCH_OBJECT: pass
c.passwd_s(dn, password, 'Python-Pass-1')
d = ldap.ldapobject.ReconnectLDAPObject(tls)
d.simple_bind_s(dn, 'Python-Pass-1')
rid = d.search(base, ldap.SCOPE_SUBTREE); d.abandon(rid)
assert d.whoami_s() == 'dn:' + dn
print('done')
`

// TestRealPythonLDAP runs a script over python-ldap.
func TestRealPythonLDAP(t *testing.T) {
	l := open(t, posix())
	python := "/usr/bin/python3" // where python3-ldap installs itself, whatever else is called python3
	if out, err := run1(t, python, "-c", "import ldap"); err != nil {
		t.Fatalf("python-ldap is not installed: %v\n%s", err, out)
	}
	script := filepath.Join(t.TempDir(), "client.py")
	if err := os.WriteFile(script, []byte(pythonScript), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run1(t, python, script, "ldap://"+l.addr["ldap"], "ldaps://"+l.addr["ldaps"], base, person("alice"), pass("alice"))
	if err != nil || !strings.Contains(out, "done") {
		t.Errorf("%v\n%s", err, out)
	}
}

// crowdLDIF is the crowd as slapadd takes it.
func crowdLDIF(f world.Facts) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\nobjectClass: top\nobjectClass: dcObject\nobjectClass: organization\no: Acme\ndc: acme\n\n", base)
	fmt.Fprintf(&b, "dn: ou=people,%s\nobjectClass: organizationalUnit\nou: people\n\n", base)
	for _, u := range f.Users {
		fmt.Fprintf(&b, "dn: uid=%s,ou=people,%s\nobjectClass: top\nobjectClass: person\nobjectClass: organizationalPerson\nobjectClass: inetOrgPerson\n"+
			"objectClass: posixAccount\nobjectClass: shadowAccount\nuid: %s\ncn: %s\nsn: %s\ngivenName: %s\ndisplayName: %s\nmail: %s\nuidNumber: %d\n"+
			"gidNumber: %d\nhomeDirectory: /home/%s\nloginShell: /bin/bash\ngecos: %s\nuserPassword: %s\n\n",
			u.Name, base, u.Name, u.DisplayName, u.Surname, u.GivenName, u.DisplayName, u.Email, u.UIDNumber, u.GIDNumber, u.Name, u.DisplayName, u.Password)
	}
	return b.String()
}

// BenchmarkAgainstSlapd runs the same load against both servers and reports the
// ratio of their throughputs.
func BenchmarkAgainstSlapd(b *testing.B) {
	addr := slapd(b, crowdLDIF(facts100k()))
	l := largeLab(b, ldap.Settings{})
	for what, x := range map[string]struct {
		request func(int) []byte
		done    byte
	}{
		"search": {func(n int) []byte { return search(1, base, 2, 0xa3, "uid", fmt.Sprintf("user%06d", n)) }, proto.SearchDone},
		"bind": {func(n int) []byte {
			return bindRequest(1, fmt.Sprintf("uid=user%06d,ou=people,dc=acme,dc=test", n), "Secret-1")
		}, proto.BindResponse},
	} {
		b.Run(what, func(b *testing.B) {
			var ours, theirs float64
			for b.Loop() {
				ours += throughput(b, l.addr["ldap"], x.request, x.done)
				theirs += throughput(b, addr, x.request, x.done)
			}
			b.ReportMetric(ours/float64(b.N), "ours/s")
			b.ReportMetric(theirs/float64(b.N), "slapd/s")
			b.ReportMetric(ours/theirs, "ratio")
		})
	}
}

// throughput sends 80,000 requests over 16 connections.
func throughput(b *testing.B, addr string, request func(int) []byte, done byte) float64 {
	const clients, each = 16, 5000
	var all sync.WaitGroup
	began := time.Now()
	for i := range clients {
		all.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for n := range each {
				c.Write(request((i*each + n) * 7919 % 100000))
				for {
					msg, err := readMessage(r)
					if err != nil {
						b.Error(err)
						return
					}
					if opTag(msg) == done {
						break
					}
				}
			}
		})
	}
	all.Wait()
	return clients * each / time.Since(began).Seconds()
}
