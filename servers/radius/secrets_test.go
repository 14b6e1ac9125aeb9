package radius_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"counterpart/internal/face/radius/wire"
)

// TestS11NoSecretInAPacketIsShown: what proves or carries a secret, in requests and
// answers, stands in no journal: neither as text nor in hexadecimal.
func TestS11NoSecretInAPacketIsShown(t *testing.T) {
	b := newBed(t, loopback+"flavour: freeradius\nreject_delay: 0s")
	const typed = "planted-password-1"
	challenge := []byte("0123456789abcdef")
	eap := append([]byte{2, 9, 0, 24, 6}, typed...) // GTC
	secretType := map[byte]bool{2: true, 3: true, 17: true, 24: true, 69: true, 79: true}
	seen := func(what string, call string, values ...[]byte) {
		t.Helper()
		for _, v := range values {
			for _, form := range []string{string(v), hex.EncodeToString(v)} {
				if len(v) > 3 && strings.Contains(strings.ToLower(call), strings.ToLower(form)) {
					t.Errorf("%s shows %q: %s", what, v, call)
				}
			}
		}
	}
	for _, r := range []*request{
		b.pap("alice", typed), b.chap("alice", []byte(typed)), b.mschap1("alice", typed), b.mschap2("alice", typed),
		b.request(1, name("alice"), wire.Attribute{Type: 79, Value: eap}, wire.Attribute{Type: 24, Value: []byte("planted-state-1")}).signed(),
		b.request(1, name("alice"), wire.Attribute{Type: 3, Value: []byte("planted-chap-1234")}, wire.Attribute{Type: 60, Value: challenge}),
		b.request(1, name("alice"), wire.Attribute{Type: 2, Value: []byte("planted-octets-16")}),
		b.request(1, name("alice"), wire.Attribute{Type: 70, Value: []byte("planted-arap-pass")}),
	} {
		reply := b.send(r)
		var hide [][]byte
		for _, a := range r.attrs {
			if secretType[byte(a.Type)] || a.Type == 26 && len(a.Value) > 6 && a.Value[4] != 12 || a.Type == 70 {
				v := a.Value
				if a.Type == 26 {
					v = v[6:]
				}
				hide = append(hide, v)
			}
		}
		seen(fmt.Sprint("request ", r.attrs[1].Type), reply.call.Request+reply.call.Response+reply.call.Why, append(hide, []byte(typed))...)
	}
	ok := b.mschap2("alice", "Alice-Pass-1")
	reply := b.want("MS-CHAPv2", b.send(ok), "Access-Accept")
	var keys [][]byte
	for _, typ := range []byte{16, 17} {
		if v, found := reply.Vendor(311, typ); found {
			keys = append(keys, v)
		}
	}
	if len(keys) != 2 {
		t.Fatalf("%d keys", len(keys))
	}
	seen("the keys", reply.call.Response, keys...)
}
