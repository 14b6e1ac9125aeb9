package radius_test

import (
	"slices"
	"testing"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/radius"
	"counterpart/servers/radius/internal/eap"
)

// TestUnplayedMethodsAreNamed: a peer that wants a method which other servers have
// is refused, and the journal says which one it was.
func TestUnplayedMethodsAreNamed(t *testing.T) {
	known := func(name string) bool {
		return slices.ContainsFunc(radius.Scope().Unplayed, func(f dialect.Feature) bool { return f.Name == name })
	}
	b := newBed(t, loopback+"flavour: freeradius\nreject_delay: 0s")
	for typ, name := range map[byte]string{13: "EAP-TLS", 26: "EAP-MSCHAPv2", 52: "EAP-pwd", 99: ""} {
		p := &peer{b: b, user: "alice"}
		in := p.identity()
		p.ends("NAK", p.say(eap.Packet{Code: eap.Response, ID: in.ID, Type: eap.Nak, Data: []byte{typ}}), rejection)
		if call := b.last(); call.Feature != name || (name != "") != (call.Outcome == dialect.Unplayed) || name != "" && !known(name) {
			t.Errorf("%d: %s %q", typ, call.Outcome, call.Feature)
		}
	}
	r := b.send(b.request(1, name("alice"), wire.Attribute{Type: 70, Value: make([]byte, 16)}))
	if r.call.Feature != "ARAP" || !known("ARAP") {
		t.Errorf("%+v", r.call)
	}
}
