package ldap_test

import (
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/ldap"
)

// TestGoldenOctets holds whole exchanges against the octets that slapd sends.
func TestGoldenOctets(t *testing.T) { clocks(t, goldenOctets) }

func goldenOctets(t *testing.T) {
	l := open(t, posix())
	for what, x := range map[string][2]string{
		"anonymous bind": {"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00",
			"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"},
		"who am I, anonymous": {"\x30\x1e\x02\x01\x02\x77\x19\x80\x171.3.6.1.4.1.4203.1.11.3",
			"\x30\x0e\x02\x01\x02\x78\x09\x0a\x01\x00\x04\x00\x04\x00\x8b\x00"},
		"a search": {"\x30\x2f\x02\x01\x03\x63\x2a\x04\x0f" + base + "\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x02dc\x30\x04\x04\x02dc",
			"\x30\x26\x02\x01\x03\x64\x21\x04\x0f" + base + "\x30\x0e\x30\x0c\x04\x02dc\x31\x06\x04\x04acme"},
		"an unknown request": {"\x30\x05\x02\x01\x01\x79\x00",
			"\x30\x38\x02\x01\x00\x78\x33\x0a\x01\x02\x04\x00\x04\x14unknown LDAP request\x8a\x161.3.6.1.4.1.1466.20036"},
	} {
		msg, err := readMessage(l.raw(t, "ldap").send([]byte(x[0])).r)
		if err != nil || string(msg) != x[1] {
			t.Errorf("%s: %x, %v\nwant %x", what, msg, err, x[1])
		}
	}
}

// TestInAFleet runs both flavours as a seed does, settings decoded and all.
func TestInAFleet(t *testing.T) {
	for what, running := range map[string]bool{"frozen clock": false, "running clock": true} {
		t.Run(what, func(t *testing.T) { inAFleet(t, running) })
	}
}

func inAFleet(t *testing.T, running bool) {
	f := dialecttest.RunWith(t, dialecttest.Setup{Running: running, Kinds: []dialect.Kind{{Name: "ldap", New: ldap.New, Settings: ldap.Settings{},
		Scope: ldap.Scope}}, Seed: `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME}
users:
  - {name: alice, display_name: Alice Adams, password: Wonderland-1, groups: [dba]}
groups:
  - {name: dba}
servers:
  - {kind: ldap, name: unix, idle: 5m, stall: 10s, size_limit: 7, admins: [dba], writable: [members, passwords]}
  - {kind: ldap, name: ad, flavour: ad, user_not_found: "525", idle: 0s, gc_listen: "off"}
`})
	c, err := goldap.DialURL("ldap://" + f.Addr("ad/ldap"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind("nobody@acme.test", "x"); err == nil || !strings.Contains(err.Error(), "data 525") {
		t.Errorf("%v", err)
	}
	if err := c.Bind("alice@acme.test", "Wonderland-1"); err != nil {
		t.Error(err)
	}
	e := f.Last(journal.Match{Server: "ad", Op: "bind", Actor: "alice"})
	if e.Status != "0 Success" || e.Outcome != string(dialect.OK) {
		t.Errorf("the journal says %+v", e)
	}
	u, err := goldap.DialURL("ldap://" + f.Addr("unix/ldap"))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if got := found(t, u, base, "(uid=alice)"); got != "alice" {
		t.Errorf("found %q", got)
	}
}
