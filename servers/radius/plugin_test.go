package radius_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	layeh "layeh.com/radius"

	"counterpart/internal/company/factor"
	"counterpart/internal/face/radius/wire"
)

// asPlugin is a round as the SPS plugin radius-mfa sends it: name, Service-Type, the
// State of the question if there was one, then the proof; each from a new socket. The
// plugin itself is run by plugins/published/radius-mfa.
func (b *bed) asPlugin(chap bool, user, typed string, state ...wire.Attribute) *request {
	r := b.request(layeh.CodeAccessRequest, name(user), wire.Integer(6, 1))
	r.attrs = append(r.attrs, state...)
	if chap {
		r.attrs = append(r.attrs, chapPassword(r.id, []byte(typed), r.auth[:]))
	} else {
		var hidden []byte
		if typed != "" {
			hidden = wire.NewSecret([]byte(r.secret)).Hide([]byte(typed), r.auth[:])
		}
		r.attrs = append(r.attrs, wire.Attribute{Type: 2, Value: hidden})
	}
	return r
}

func testPlugin(t *testing.T) {
	for _, chap := range []bool{false, true} {
		b := newBed(t, loopback)
		b.want("accept", b.send(b.asPlugin(chap, "alice", "Alice-Pass-1")), acceptance)
		b.want("reject", b.send(b.asPlugin(chap, "alice", "wrong")), rejection)
		b = newBed(t, loopback+"flow: password,otp")
		asked := b.want("first round", b.send(b.asPlugin(chap, "alice", "Alice-Pass-1")), question)
		if p, ok := asked.Lookup(76); !ok || len(p) != 4 || asked.text() == "" || strings.HasPrefix(string(asked.state().Value), "0x") {
			t.Errorf("Prompt %x, text %q, State %x", p, asked.text(), asked.state().Value)
		}
		b.want("second round", b.send(b.asPlugin(chap, "alice", b.code("alice"), asked.state()).at("127.0.0.1:40001")), acceptance)
		asked = b.want("first round", b.send(b.asPlugin(chap, "alice", "Alice-Pass-1")), question)
		b.want("an empty answer sends the password again", b.send(b.asPlugin(chap, "alice", "Alice-Pass-1", asked.state())), rejection)
		for _, c := range []struct{ echo, want string }{{"true", "\x00\x00\x00\x01"}, {"false", "\x00\x00\x00\x00"}} {
			b = newBed(t, loopback+"flow: password,otp\nchallenge: {echo: "+c.echo+"}")
			asked = b.want("a question", b.send(b.asPlugin(chap, "alice", "Alice-Pass-1")), question)
			if p, _ := asked.Lookup(76); string(p) != c.want {
				t.Errorf("echo %s is Prompt %x", c.echo, p)
			}
		}
	}
	b := newBed(t, loopback)
	r := b.asPlugin(false, "alice", "Alice-Pass-1")
	r.auth[3] ^= 1 // a wrong secret cannot be told from a wrong password; the plugin drops the answer, as its signature is of another secret
	b.want("another secret", b.send(r), rejection)
	synctest.Test(t, pluginHolds)
}

// pluginHolds: an empty password starts a push, and three copies five seconds apart are one.
func pluginHolds(t *testing.T) {
	b := newBed(t, strings.Replace(loopback, "127.0.0.0/8", "127.0.0.1", 1)+"flow: push")
	r := b.asPlugin(false, "bob", "")
	got := make(chan reply, 1)
	go func() { got <- b.send(r) }()
	synctest.Wait()
	for range 2 {
		b.clock.Advance(5 * time.Second)
		synctest.Wait()
		b.want("a copy while the push waits", b.send(r), silence)
	}
	all, err := b.env.Factors.Approvals(t.Context(), "bob")
	if err != nil || len(all) != 1 {
		t.Fatalf("%d pushes, %v", len(all), err)
	}
	if _, err := b.env.Factors.Decide(t.Context(), all[0].ID, factor.Verdict{State: factor.Approved}); err != nil {
		t.Fatal(err)
	}
	first := b.want("the answer", <-got, acceptance)
	if again := b.want("a late copy", b.send(r), acceptance); !slices.Equal(again.Packet, first.Packet) {
		t.Error("the copy got other octets")
	}
}
