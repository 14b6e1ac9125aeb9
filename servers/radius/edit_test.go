package radius_test

import (
	"bytes"
	"slices"
	"testing"

	layeh "layeh.com/radius"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/fault"
)

// TestRepliesAreEdited: one part changes, and the reply is signed as if the server had
// meant it, or not at all.
func TestRepliesAreEdited(t *testing.T) {
	for name, tt := range map[string]struct {
		field, as, value string
		code             layeh.Code
		signed, mac      bool
		check            func(p wire.Packet) bool
	}{
		"another code":          {"code", "replaced", "Access-Reject", layeh.CodeAccessReject, true, true, nil},
		"the opposite":          {"code", "flipped", "", 0, true, true, func(p wire.Packet) bool { return p.Has(24) }},
		"forged":                {"code", "forged", "Access-Accept", layeh.CodeAccessAccept, false, false, nil},
		"no State":              {"attribute.State", "dropped", "", layeh.CodeAccessChallenge, true, true, func(p wire.Packet) bool { return !p.Has(24) }},
		"another State":         {"attribute.State", "other", "", layeh.CodeAccessChallenge, true, true, func(p wire.Packet) bool { return p.Has(24) }},
		"an empty message":      {"attribute.Reply-Message", "empty", "", layeh.CodeAccessChallenge, true, true, func(p wire.Packet) bool { v, ok := p.Lookup(18); return ok && len(v) == 0 }},
		"another message":       {"attribute.Reply-Message", "replaced", "hello", layeh.CodeAccessChallenge, true, true, func(p wire.Packet) bool { v, _ := p.Lookup(18); return string(v) == "hello" }},
		"octets":                {"attribute.State", "replaced", "0x00ff", layeh.CodeAccessChallenge, true, true, func(p wire.Packet) bool { v, _ := p.Lookup(24); return bytes.Equal(v, []byte{0, 255}) }},
		"half a message":        {"attribute.Reply-Message", "cut", "", layeh.CodeAccessChallenge, true, true, nil},
		"a message, not signed": {"attribute.Reply-Message", "forged", "hello", layeh.CodeAccessChallenge, false, false, nil},
		"authenticator":         {"authenticator", "flipped", "", layeh.CodeAccessChallenge, false, true, nil},
		"Message-Authenticator": {"attribute.Message-Authenticator", "flipped", "", layeh.CodeAccessChallenge, true, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, loopback+"flow: password,otp")
			args := map[string]string{"field": tt.field, "as": tt.as}
			if tt.value != "" {
				args["value"] = tt.value
			}
			if err := b.faults.Set([]fault.Rule{{ID: "f", Kind: fault.Edit, Op: "Access-Request", Args: args, Nth: 1}}); err != nil {
				t.Fatal(err)
			}
			r := b.pap("alice", "Alice-Pass-1")
			out := b.raw("auth", nas, r.bytes())
			p, err := wire.Check(out)
			if tt.as == "flipped" && tt.field == "code" { // a challenge has no opposite
				if err != nil || p.Code() != layeh.CodeAccessChallenge || len(b.last().Fired) != 0 {
					t.Errorf("%x %v", out, b.last())
				}
				return
			}
			if err != nil || p.Code() != tt.code || !slices.Equal(b.last().Fired, []string{"f"}) {
				t.Fatalf("%x %v, fired %v", out, err, b.last().Fired)
			}
			if got := layeh.IsAuthenticResponse(out, r.bytes(), []byte(secret)); got != tt.signed {
				t.Errorf("signed: %v", got)
			}
			again := slices.Clone(out)
			copy(again[4:20], r.auth[:])
			if _, err := wire.NewSecret([]byte(secret)).VerifyMessage(wire.Packet(again)); (err == nil) != tt.mac {
				t.Errorf("Message-Authenticator: %v", err)
			}
			if tt.check != nil && !tt.check(p) {
				t.Errorf("%x", out)
			}
			if repeated := b.raw("auth", nas, r.bytes()); !bytes.Equal(repeated, out) {
				t.Error("a retransmission is not answered in the same way")
			}
		})
	}
}
