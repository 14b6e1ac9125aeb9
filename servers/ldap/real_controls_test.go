//go:build real

package ldap_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// pagesOf walks a paged search to its end and says what every page was.
func pagesOf(t *testing.T, addr string, bind []byte, limit, size int64, critical bool) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	r := &raw{t: t, c: c, r: bufio.NewReader(c)}
	if bind != nil {
		r.send(bind).result()
	}
	var out []string
	var cookie []byte
	for range 60 {
		p := pageControl(size, cookie)
		p.Critical = critical
		a, n := r.send(with(sizedSearch(2, limit), p)).result()
		line := fmt.Sprintf("%d entries, %v", n, a)
		cookie = nil
		for _, x := range a.controls {
			if x.OID == goldap.ControlTypePaging {
				got, _ := proto.ParsePaged(x.Value)
				cookie = got.Cookie
				line += fmt.Sprintf(", cookie %v", len(cookie) > 0)
			}
		}
		out = append(out, line)
		if len(cookie) == 0 {
			break
		}
	}
	return strings.Join(out, "\n")
}

// TestRealSlapdLimitsPages asks slapd and this server for the same pages.
func TestRealSlapdLimitsPages(t *testing.T) {
	facts := crowd(1300)
	l := open(t, setup{facts: facts, set: ldap.Settings{RootPW: rootPW}})
	real := slapd(t, crowdLDIF(facts))
	for _, bind := range [][]byte{nil, bindRequest(1, root, rootPW)} {
		for _, limit := range []int64{0, 1, 100, 250, 499, 500, 501, 600, 2000} {
			for _, size := range []int64{1, 99, 100, 101, 250, 499, 500, 501, 1000, 2000} {
				if size == 1 && limit != 1 && limit != 0 || size == 1 && bind != nil {
					continue
				}
				for _, critical := range []bool{false, true} {
					ours, theirs := pagesOf(t, l.addr["ldap"], bind, limit, size, critical), pagesOf(t, real, bind, limit, size, critical)
					if ours != theirs {
						t.Errorf("manager %v, client's limit %d, pages of %d, critical %v\n--- this server\n%s\n--- slapd\n%s", bind != nil, limit, size, critical, ours, theirs)
					}
				}
			}
		}
	}
}

// probed are controls with a value that is good for them, but for the password
// policy's, whose overlay this slapd does not load, and those that slapd has and
// this server does not play.
var probed = []proto.Control{
	{OID: "1.2.840.113556.1.4.1413"}, {OID: "1.2.840.113556.1.4.805"}, {OID: "1.2.840.113556.1.4.1339"},
	{OID: "1.2.840.113556.1.4.1340", HasValue: true, Value: []byte("\x30\x03\x02\x01\x01")},
	{OID: "2.16.840.1.113730.3.4.2"}, {OID: "1.2.840.113556.1.4.417"}, {OID: "1.2.840.113556.1.4.801", HasValue: true, Value: []byte("\x30\x03\x02\x01\x07")},
	{OID: "1.2.840.113556.1.4.529"}, {OID: "1.2.840.113556.1.4.2064"}, {OID: "1.2.840.113556.1.4.528"}, {OID: "1.2.840.113556.1.4.619"},
	{OID: "1.2.840.113556.1.4.319", HasValue: true, Value: proto.AppendPaged(nil, proto.Paged{Size: 5})},
	{OID: "1.3.6.1.1.12", HasValue: true, Value: []byte("\x87\x0bobjectClass")},
	{OID: "1.2.3.4"},
	sortControl("uidNumber", false, false),
}

// TestRealSlapdControls holds every control against every operation.
func TestRealSlapdControls(t *testing.T) {
	l := open(t, setup{facts: realFacts(), set: ldap.Settings{RootPW: rootPW}})
	real := slapd(t, "")
	fill(t, l, real)
	manager := bindRequest(1, root, rootPW)
	mod := func(op int64, attr string, values ...string) []byte {
		return modifyOf(person("alice"), op, attr, values...)
	}
	for _, c := range probed {
		for _, critical := range []bool{true, false} {
			c.Critical = critical
			for what, req := range map[string][]byte{
				"bind": bindRequest(2, root, rootPW), "search": filtered(2, base, 2, "(uid=alice)", "1.1"), "compare": compareOf(person("alice"), "sn", "adams"),
				"modify": mod(2, "title", "x"), "modify what is there": mod(0, "mail", "alice@acme.test"), "delete nobody": message(2, ber.AppendString(nil, proto.DeleteRequest, person("nobody"))),
				"delete a tree": message(2, ber.AppendString(nil, proto.DeleteRequest, "ou=people,"+base)), "whoami": whoami(2),
			} {
				ours, theirs := talk(t, l.addr["ldap"], false, manager, with(req, c)), talk(t, real, false, manager, with(req, c))
				if ours != theirs {
					t.Errorf("%s with %s, critical %v\n--- this server\n%s\n--- slapd\n%s", what, c.OID, critical, ours, theirs)
				}
			}
		}
	}
}

// TestRealSlapdReferrals adds a referral to both servers and searches around it.
func TestRealSlapdReferrals(t *testing.T) {
	l := open(t, setup{facts: realFacts(), set: ldap.Settings{RootPW: rootPW}})
	real := slapd(t, "")
	fill(t, l, real)
	manager := bindRequest(1, root, rootPW)
	b, mark := ber.Begin(nil, proto.AddRequest)
	b = ber.AppendString(b, ber.OctetString, "cn=elsewhere,ou=people,"+base)
	b, all := ber.Begin(b, ber.Sequence)
	for _, x := range [][]string{{"objectClass", "referral", "extensibleObject"}, {"cn", "elsewhere"}, {"ref", "ldap://other.test/cn=elsewhere"}} {
		var one, set int
		b, one = ber.Begin(b, ber.Sequence)
		b, set = ber.Begin(ber.AppendString(b, ber.OctetString, x[0]), ber.Set)
		for _, v := range x[1:] {
			b = ber.AppendString(b, ber.OctetString, v)
		}
		b = ber.End(ber.End(b, set), one)
	}
	add := message(2, ber.End(ber.End(b, all), mark))
	manage := proto.Control{OID: "2.16.840.1.113730.3.4.2", Critical: true}
	there := "cn=elsewhere,ou=people," + base
	for i, reqs := range [][][]byte{
		{manager, with(add, manage)}, {filtered(1, base, 2, "(uid=alice)", "1.1")}, {filtered(1, base, 2, "(cn=elsewhere)", "1.1")},
		{filtered(1, "ou=people,"+base, 1, "(cn=nosuch)", "1.1")}, {with(filtered(1, base, 2, "(cn=elsewhere)", "cn"), manage)},
		{with(filtered(1, "cn=elsewhere,ou=people,"+base, 0, "(objectClass=*)", "cn"), manage)}, {filtered(1, "ou=groups,"+base, 2, "(cn=dba)", "1.1")},
		{filtered(1, there, 0, "(objectClass=*)", "1.1")}, {filtered(1, there, 1, "(objectClass=*)", "1.1")}, {filtered(1, there, 2, "(objectClass=*)", "1.1")},
		{filtered(1, "cn=x,"+there, 2, "(objectClass=*)", "1.1")}, {with(filtered(1, "cn=x,"+there, 2, "(objectClass=*)", "1.1"), manage)},
		{compareOf(there, "cn", "elsewhere")}, {with(compareOf(there, "cn", "elsewhere"), manage)}, {compareOf("cn=x,"+there, "cn", "x")},
		{manager, modifyOf(there, 2, "description", "x")}, {manager, modifyOf("cn=x,"+there, 2, "description", "x")}, {modifyOf(there, 2, "description", "x")},
		{manager, message(2, ber.AppendString(nil, proto.DeleteRequest, there))}, {manager, message(2, ber.AppendString(nil, proto.DeleteRequest, "cn=x,"+there))},
		{manager, with(modifyOf(there, 2, "description", "x"), manage)}, {manager, with(message(2, ber.AppendString(nil, proto.DeleteRequest, there)), manage)},
	} {
		ours, theirs := talk(t, l.addr["ldap"], false, reqs...), talk(t, real, false, reqs...)
		if ours != theirs {
			t.Errorf("%d\n--- this server\n%s\n--- slapd\n%s", i, ours, theirs)
		}
	}
}

// TestRealSlapdAdvertises: this server advertises no control or extension that
// slapd does not, except for the password policy, whose overlay is not loaded.
func TestRealSlapdAdvertises(t *testing.T) {
	l := open(t, posix())
	real := slapd(t, "")
	read := func(addr, attr string) []string {
		c, err := goldap.DialURL("ldap://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		es, err := ask(c, "", 0, "(objectClass=*)", attr)
		if err != nil {
			t.Fatal(err)
		}
		return es[0].GetAttributeValues(attr)
	}
	for _, attr := range []string{"supportedControl", "supportedExtension", "supportedFeatures"} {
		theirs := read(real, attr)
		t.Logf("slapd's %s: %v", attr, theirs)
		for _, oid := range read(l.addr["ldap"], attr) {
			if !slices.Contains(theirs, oid) && oid != "1.3.6.1.4.1.42.2.27.8.5.1" && oid != "1.3.6.1.4.1.1466.20037" {
				t.Errorf("slapd has no %s %s", attr, oid)
			}
		}
	}
}
