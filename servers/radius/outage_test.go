package radius_test

import (
	"strings"
	"testing"

	layeh "layeh.com/radius"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/radius"
)

// A server that has lost its store decides nothing alone: silence, and the call
// says that it is our own failure.
func TestNoAnswerWithoutTheStore(t *testing.T) {
	for what, settings := range map[string]string{"password": "", "code": "flow: otp", "duo": "flavour: duo", "rsa": "flavour: rsa",
		"okta": "flavour: okta", "nps": "flavour: nps"} {
		b := newBed(t, loopback+settings)
		b.shared.Close()
		for _, r := range []*request{b.pap("alice", "Alice-Pass-1"), b.pap("alice", "x", wire.Attribute{Type: 24, Value: []byte("state")}),
			b.request(1, name("alice"), wire.Attribute{Type: 79, Value: []byte{2, 0, 0, 10, 1, 'a', 'l', 'i', 'c', 'e'}}).signed(),
			b.request(layeh.CodeAccountingRequest, wire.Text(44, "s"), wire.Integer(40, 1))} {
			got := b.send(r)
			if got.Packet != nil && r.code == 1 && r.ma && (what == "rsa" || what == "okta") {
				continue // EAP is refused there without asking anybody
			}
			b.want(what, got, silence)
			if got.call.Outcome != dialect.Internal || !strings.Contains(got.call.Why, "unavailable") {
				t.Errorf("%s: %s: %s", what, got.call.Outcome, got.call.Why)
			}
		}
		b.want(what+": alive all the same", b.send(b.request(layeh.CodeStatusServer).signed()), acceptance)
	}
}

func TestPluginFiles(t *testing.T) {
	got, err := radius.PluginConfig("127.0.0.1", 1812, "testing123", "/etc/dict")
	want := "[radius]\nserver=127.0.0.1\nport=1812\nsecret=testing123\nauth_type=pap\nconn_retries=3\nconn_timeout=5\ndictionary_path=/etc/dict\n"
	if err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := radius.PluginConfig("h", 1, "geheim-ß", ""); err == nil {
		t.Error("a secret that the plugin cannot send is accepted")
	}
	for _, line := range []string{"ATTRIBUTE\tState\t\t\t24\toctets\n", "VALUE\tPrompt\tNo-Echo\t0\n", "VALUE\tService-Type\tLogin-User\t\t1\n"} {
		if !strings.Contains(radius.PyradDictionary(), line) {
			t.Errorf("the dictionary lacks %q", line)
		}
	}
}
