package attr_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"layeh.com/radius"

	"counterpart/internal/face/radius/attr"
	"counterpart/internal/face/radius/wire"
)

func onWire(t testing.TB, d *attr.Dictionary, name, value string) (string, error) {
	t.Helper()
	l, err := d.Parse("attributes", map[string][]string{name: {value}})
	if err != nil {
		return "", err
	}
	v := attr.Merge(l)[0]
	a, err := v.Seal(wire.NewSecret([]byte("s")), make([]byte, 16), bytes.NewReader([]byte{1, 2}))
	return hex.EncodeToString(append([]byte{byte(a.Type)}, a.Value...)), err
}

func TestAttributesAreExactToTheOctet(t *testing.T) {
	d := attr.NewDictionary()
	for _, c := range []struct{ name, value, want string }{
		{"Class", "admins", "19" + hex.EncodeToString([]byte("admins"))},
		{"class", "0xdeadbeef", "19deadbeef"},
		{"Session-Timeout", "3600", "1b00000e10"},
		{"Service-Type", "Administrative-User", "0600000006"},
		{"Service-Type", "nas-prompt-user", "0600000007"},
		{"Framed-IP-Address", "10.0.0.1", "080a000001"},
		{"Framed-IPv6-Prefix", "2001:db8::/32", "61002020010db8"},
		{"Login-IPv6-Host", "2001:db8::1", "6220010db8000000000000000000000001"},
		{"Tunnel-Type", "VLAN", "400000000d"},
		{"Tunnel-Type:1", "VLAN", "400100000d"},
		{"Tunnel-Private-Group-Id:1", "42", "51013432"},
		{"Tunnel-Private-Group-Id", "42", "513432"},
		{"Event-Timestamp", "1970-01-01T00:01:00Z", "370000003c"},
		{"Management-Privilege-Level", "15", "880000000f"},
		{"Cisco-AVPair", "shell:priv-lvl=15", "1a000000090113" + hex.EncodeToString([]byte("shell:priv-lvl=15"))},
		{"F5-LTM-User-Role", "20", "1a00000d2f010600000014"},
		{"CP-Gaia-User-Role", "r", "1a00000a3ce50372"},
		{"Framed-Interface-Id", "0000:0000:0000:0001", "600000000000000001"},
		{"224", "0a0b", "e00a0b"},
		{"9/1", "61", "1a00000009010361"},
		{"raw", "224:0x0a", "e00a"},
		{"raw", "9/1:61", "1a00000009010361"},
	} {
		if got, err := onWire(t, d, c.name, c.value); err != nil || got != c.want {
			t.Errorf("%s = %s\n got %s, %v\nwant %s", c.name, c.value, got, err, c.want)
		}
	}
}

func TestTunnelPasswordIsSaltEncrypted(t *testing.T) {
	d := attr.NewDictionary()
	l, err := d.Parse("a", map[string][]string{"Tunnel-Password:3": {"psk"}})
	if err != nil {
		t.Fatal(err)
	}
	auth := bytes.Repeat([]byte{7}, 16)
	a, err := attr.Merge(l)[0].Seal(wire.NewSecret([]byte("s")), auth, bytes.NewReader([]byte{1, 2}))
	if err != nil || a.Value[0] != 3 || a.Value[1] != 0x81 {
		t.Fatalf("%x, %v", a.Value, err)
	}
	clear, _, err := radius.TunnelPassword(a.Value[1:], []byte("s"), auth)
	if err != nil || string(clear) != "psk" {
		t.Errorf("%q, %v", clear, err)
	}
}

func TestMistakesNameTheField(t *testing.T) {
	d := attr.NewDictionary()
	for _, c := range []struct {
		name, value string
		want        error
	}{
		{"Clas", "x", attr.ErrUnknown},
		{"Class", strings.Repeat("x", 254), attr.ErrTooLong},
		{"Cisco-AVPair", strings.Repeat("x", 248), attr.ErrTooLong},
		{"9/1", strings.Repeat("00", 248), attr.ErrTooLong},
		{"Tunnel-Password", strings.Repeat("x", 236), attr.ErrTooLong},
		{"Session-Timeout", "soon", attr.ErrValue},
		{"Session-Timeout", "4294967296", attr.ErrValue},
		{"Framed-IP-Address", "::1", attr.ErrValue},
		{"Framed-IPv6-Prefix", "10.0.0.0/8", attr.ErrValue},
		{"Class:1", "x", attr.ErrValue},
		{"Tunnel-Type:32", "VLAN", attr.ErrValue},
		{"Tunnel-Type", "0x1000000", attr.ErrValue},
		{"256", "00", attr.ErrValue},
		{"0", "00", attr.ErrValue},
		{"0/1", "00", attr.ErrValue},
		{"9/1", "0", attr.ErrValue},
		{"raw", "224", attr.ErrValue},
		{"State", "x", attr.ErrOurs},
		{"80", "00", attr.ErrOurs},
		{"raw", "311/26:00", attr.ErrOurs},
	} {
		_, err := d.Parse("radius.attributes.server", map[string][]string{c.name: {c.value}})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "radius.attributes.server."+c.name) {
			t.Errorf("%s = %.20s: %v, want %v", c.name, c.value, err, c.want)
		}
	}
	_, err := d.Parse("a", map[string][]string{"Nope": {"1"}, "Session-Timeout": {"x", "y"}})
	if n := strings.Count(err.Error(), "\n") + 1; n != 3 {
		t.Errorf("%d mistakes reported, want all three: %v", n, err)
	}
}

func TestTheMoreSpecificLevelWins(t *testing.T) {
	d := attr.NewDictionary()
	level := func(m map[string][]string) attr.List {
		l, err := d.Parse("", m)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	got := attr.Merge(
		level(map[string][]string{"Class": {"u1", "u2"}}),
		level(map[string][]string{"class": {"g"}, "Filter-Id": {"g"}}),
		level(map[string][]string{"Filter-Id": {"s"}, "Reply-Message": {"s"}}))
	var line []string
	for _, v := range got {
		line = append(line, string(v.Value))
	}
	if s := strings.Join(line, " "); s != "u1 u2 g s" {
		t.Errorf("merged %q", s)
	}
}

func TestShownLineHidesSecrets(t *testing.T) {
	d := attr.NewDictionary()
	p := radius.New(1, []byte("s"))
	p.Identifier = 7
	for _, a := range []wire.Attribute{wire.Text(1, "alice"), wire.Text(2, "0123456789abcdef"), wire.Integer(6, 1),
		{Type: 4, Value: []byte{10, 0, 0, 1}}, {Type: 24, Value: []byte{0x80, 1}}, wire.Vendor(9, 1, []byte("x=y")),
		wire.Vendor(311, 25, []byte("secret")), wire.Vendor(4242, 9, []byte("odd")), {Type: 64, Value: []byte{1, 0, 0, 13}},
		wire.Text(18, "two\nlines"), {Type: 26, Value: []byte{0}}} {
		p.Add(a.Type, a.Value)
	}
	b, _ := p.MarshalBinary()
	checked, err := wire.Check(b)
	if err != nil {
		t.Fatal(err)
	}
	got := string(d.Append(nil, checked))
	want := "Access-Request id 7: User-Name = alice, User-Password = ***, Service-Type = Login-User, " +
		"NAS-IP-Address = 10.0.0.1, State = ***, Cisco-AVPair = x=y, MS-CHAP2-Response = ***, 4242/9 = odd, " +
		"Tunnel-Type = VLAN, Reply-Message = 0x74776f0a6c696e6573, 26 = 0x00"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range [][2]string{{"Class", "x"}, {"raw", "9/1:61"}, {"9/1", "61"}, {"Tunnel-Type:1", "VLAN"},
		{"Framed-Interface-Id", "0:0:0:0"}, {"Framed-IPv6-Prefix", "::/0"}, {"Tunnel-Password", ""}, {"Event-Timestamp", "x"}} {
		f.Add(s[0], s[1])
	}
	d := attr.NewDictionary()
	f.Fuzz(func(t *testing.T, name, value string) {
		l, err := d.Parse("fuzz", map[string][]string{name: {value}})
		if err != nil {
			return
		}
		for _, v := range attr.Merge(l) {
			a, err := v.Seal(wire.NewSecret([]byte("s")), make([]byte, 16), bytes.NewReader([]byte{1, 2}))
			if err != nil || len(a.Value) > wire.MaxValue {
				t.Fatalf("%q = %q gives %d octets, %v", name, value, len(a.Value), err)
			}
		}
	})
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte{1, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 8, 0, 0, 1, 55, 11, 0})
	d := attr.NewDictionary()
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := wire.Check(b); err == nil {
			if line := string(d.Append(nil, p)); strings.ContainsAny(line, "\n\r\x00\x1b") {
				t.Fatalf("control characters in %q", line)
			}
			d.Pairs(p)
		}
	})
}
