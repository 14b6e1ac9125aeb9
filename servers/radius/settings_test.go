package radius_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/world"
	"counterpart/servers/radius"
)

func TestMistakesInSettings(t *testing.T) {
	for settings, want := range map[string]string{
		"flavour: cisco":                              "flavour: unknown \"cisco\"",
		"clients: []":                                 "nobody may ask",
		"clients: [{from: nowhere, secret: x}]":       "clients[0]: from: \"nowhere\"",
		"clients: [{from: 10.0.0.0/8}]":               "clients[0]: secret",
		"clients: [{from: 1.2.3.4, secret: 'hex:0'}]": "hex octets",
		"clients: [{from: 1.2.3.4, secret: a}, {from: 1.2.3.4/32, secret: b}]": "listed twice",
		"clients: [{from: 1.2.3.4, secret: a, listeners: [udp]}]":              "listeners",
		"clients: [{from: 1.2.3.4, secret: a, limit_proxy_state: maybe}]":      "limit_proxy_state must be yes, no or auto",
		loopback + "flow: password,fingerprint":                                "fingerprint",
		loopback + "flow: otp+push":                                            "typed together",
		loopback + "flow: password|otp":                                        "no alternative",
		loopback + "flow: password+otp+otp":                                    "typed together",
		loopback + "hold_max: 5m":                                              "hold_max: 5m0s is outside",
		loopback + "cache_for: 1s":                                             "cache_for",
		loopback + "reject_delay: -1s":                                         "reject_delay",
		loopback + "challenge: {prompt: " + strings.Repeat("x", 254) + "}":     "challenge.prompt",
		loopback + "status_server: perhaps":                                    "status_server",
		loopback + "methods: [arap]":                                           "methods: unknown \"arap\"",
		loopback + "eap: {methods: [leap]}":                                    "eap.methods: unknown \"leap\"",
		loopback + "flavour: duo\nduo: {mode: concat}":                         "duo.mode",
		loopback + "flavour: scripted":                                         "scripts: the scripted flavour needs one",
		loopback + "flavour: scripted\nscripts: [{user: zoe, rounds: [{expect: x, then: y}, {then: challenge}]}]": "scripts[0].rounds[0].expect",
		loopback + "unknown_key: 1": "unknown_key",
	} {
		if _, err := tryBed(t, settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", settings, err, want)
		}
	}
	_, err := tryBed(t, "clients: [{from: x, secret: y}, {from: 1.2.3.4}]\nhold_max: 5m\nflow: x\nattributes: {groups: {nope: {}}}")
	if n := strings.Count(err.Error(), "\n") + 1; n != 5 {
		t.Errorf("%d mistakes reported, want 5: %v", n, err)
	}
}

// Clients of the seed that say where they come from may ask too; the server's
// own entries go before.
func TestClientsOfTheSeed(t *testing.T) {
	f := facts()
	f.Clients = []world.Client{
		{ID: "sps", Name: "sps", Secret: "sps-secret", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Settings: map[string]string{"require_message_authenticator": "no"}},
		{ID: "web", Name: "web", Secret: "x", System: "jira", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}},
		{ID: "anywhere", Name: "anywhere", Secret: "x"},
	}
	b, err := bedOf(t, "{}", f)
	if err != nil {
		t.Fatal(err)
	}
	r := b.request(12).signed()
	r.secret = "sps-secret"
	if got := b.want("client of the seed", b.send(r), acceptance); got.call.Object != "sps" {
		t.Errorf("client %q", got.call.Object)
	}
	b.want("client of another system", b.send(b.request(12).signed().at("127.0.0.2:1")), silence)
	if b, err = bedOf(t, "clients: [{from: 127.0.0.1, secret: testing123}]", f); err != nil {
		t.Fatal(err)
	}
	b.want("the server's own entry", b.send(b.request(12).signed()), acceptance)
}

func TestPortsAndFaults(t *testing.T) {
	b := newBed(t, loopback+"listen: ':1645'\ntcp_listen: ':1812'\nradsec_listen: ':2083'")
	want := map[string]string{"auth": ":1645", "acct": ":1813", "tcp": ":1812", "radsec": ":2083"}
	for name, p := range b.ports {
		if p.Listen != want[name] || (p.Packet == nil) == (p.Conn == nil) {
			t.Errorf("%s: %+v", name, p)
		}
		delete(want, name)
	}
	if len(want) > 0 || len(b.server.Faults()) == 0 {
		t.Errorf("missing %v", want)
	}
}

// Every setting says what it is for: the reference is made from the tags.
func TestEverySettingIsDocumented(t *testing.T) {
	var walk func(typ reflect.Type, where string)
	walk = func(typ reflect.Type, where string) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() {
			return
		}
		for f := range typ.Fields() {
			if f.Tag.Get("yaml") == "" || !strings.HasSuffix(f.Tag.Get("doc"), ".") {
				t.Errorf("%s.%s: yaml %q, doc %q", where, f.Name, f.Tag.Get("yaml"), f.Tag.Get("doc"))
			}
			walk(f.Type, where+"."+f.Name)
		}
	}
	walk(reflect.TypeFor[radius.Settings](), "Settings")
}
