package radius_test

import (
	"bytes"
	"crypto/md5"
	"crypto/tls"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius/rfc2759"

	"counterpart/internal/face/radius/wire"
	"counterpart/servers/radius/internal/eap"
)

// peer is a supplicant with its NAS.
type peer struct {
	b     *bed
	user  string
	state []wire.Attribute
	last  reply
	req   *request
}

// say sends an EAP packet and returns the server's.
func (p *peer) say(out eap.Packet) eap.Packet {
	p.b.t.Helper()
	return p.octets(out.Bytes())
}

func (p *peer) octets(out []byte) eap.Packet {
	p.b.t.Helper()
	attrs := append([]wire.Attribute{name(p.user)}, wire.Split(79, out)...)
	p.req = p.b.request(1, append(attrs, p.state...)...).signed()
	p.last = p.b.send(p.req)
	if p.last.Packet == nil {
		p.b.t.Fatalf("silence: %s", p.last.call.Why)
	}
	p.state = nil
	if p.last.is() == question {
		p.state = []wire.Attribute{p.last.state()}
	}
	joined, _ := p.last.Joined(79)
	in, err := eap.Parse(joined)
	if err != nil {
		p.b.t.Fatalf("%v in %s: %s", err, p.last.is(), p.last.call.Why)
	}
	return in
}

func (p *peer) identity() eap.Packet {
	p.b.t.Helper()
	return p.say(eap.Packet{Code: eap.Response, ID: 0, Type: eap.Identity, Data: []byte(p.user)})
}

// answer answers a request with the same type.
func (p *peer) answer(in eap.Packet, data []byte) eap.Packet {
	p.b.t.Helper()
	return p.say(eap.Packet{Code: eap.Response, ID: in.ID, Type: in.Type, Data: data})
}

// ends checks how a conversation ended.
func (p *peer) ends(what string, in eap.Packet, code string) {
	p.b.t.Helper()
	p.b.want(what, p.last, code)
	want := byte(eap.Failure)
	if code == acceptance {
		want = eap.Success
		if v, _ := p.last.Lookup(1); string(v) != p.user {
			p.b.t.Errorf("%s: User-Name %q", what, v)
		}
	}
	if in.Code != want {
		p.b.t.Errorf("%s: EAP code %d", what, in.Code)
	}
	if p.last.Has(18) {
		p.b.t.Errorf("%s: Reply-Message beside EAP", what)
	}
}

func md5Answer(in eap.Packet, password string) []byte {
	h := md5.Sum(slices.Concat([]byte{in.ID}, []byte(password), in.Data[1:17]))
	return append([]byte{16}, h[:]...)
}

func testEAP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback)
		for password, code := range map[string]string{"Alice-Pass-1": acceptance, "wrong": rejection} {
			p := &peer{b: b, user: "alice"}
			in := p.identity()
			if in.Type != eap.MD5 || in.ID != 1 || in.Data[0] != 16 {
				t.Fatalf("after identity: %+v", in)
			}
			p.ends("MD5 with "+password, p.answer(in, md5Answer(in, password)), code)

			p = &peer{b: b, user: "alice"}
			in = p.identity()
			in = p.say(eap.Packet{Code: eap.Response, ID: in.ID, Type: eap.Nak, Data: []byte{99, eap.GTC}})
			if in.Type != eap.GTC || string(in.Data) != "Password:" {
				t.Fatalf("after NAK: %+v", in)
			}
			p.ends("GTC with "+password, p.answer(in, []byte(password)), code)
		}
		p := &peer{b: b, user: "md5only"}
		in := p.identity()
		p.ends("NAK of the only method", p.say(eap.Packet{Code: eap.Response, ID: in.ID, Type: eap.Nak, Data: []byte{eap.GTC}}), rejection)
	})
	synctest.Test(t, func(t *testing.T) { // GTC carries the questions of a flow
		b := newBed(t, loopback+"flow: password,otp\neap: {methods: [gtc]}")
		p := &peer{b: b, user: "alice"}
		in := p.answer(p.identity(), []byte("Alice-Pass-1"))
		if in.Type != eap.GTC || string(in.Data) != "Enter one-time password:" {
			t.Fatalf("second question: %+v", in)
		}
		p.ends("code", p.answer(in, []byte(b.code("alice"))), acceptance)
		b = newBed(t, loopback+"flow: otp|push\neap: {methods: [gtc, md5]}")
		p = &peer{b: b, user: "alice"}
		in = p.identity()
		got := make(chan eap.Packet)
		go func() { got <- p.answer(in, nil) }()
		synctest.Wait()
		b.clock.Advance(time.Second)
		p.ends("empty is a push", <-got, acceptance)
	})
	t.Run("TTLS/PAP", func(t *testing.T) { testTTLS(t) })
	t.Run("PEAP/MSCHAPv2", func(t *testing.T) { testPEAP(t) })
}

// tunnel shakes hands and returns the tunnel with the last EAP request.
func (p *peer) tunnel(typ byte) (*eap.Tunnel, eap.Packet) {
	p.b.t.Helper()
	tls := eap.NewPeer(&tls.Config{RootCAs: testCA(p.b.t).pool, ServerName: "radius.acme.test"})
	p.b.t.Cleanup(tls.Close)
	in := p.identity()
	if in.Type != typ {
		in = p.say(eap.Packet{Code: eap.Response, ID: in.ID, Type: eap.Nak, Data: []byte{typ}})
	}
	if in.Type != typ || len(in.Data) != 1 || in.Data[0] != 0x20 {
		p.b.t.Fatalf("start: %+v", in)
	}
	got, err := tls.Receive([]byte{0})
	for {
		if err != nil {
			p.b.t.Fatal(err)
		}
		if got.Up {
			return tls, in
		}
		in = p.answer(in, got.Reply)
		if in.Type != typ {
			p.b.t.Fatalf("in the handshake: %+v (%s)", in, p.last.call.Why)
		}
		got, err = tls.Receive(in.Data)
	}
}

// avp encodes one Diameter AVP with its padding.
func avp(code uint32, value string) []byte {
	b := binary.BigEndian.AppendUint32(nil, code)
	b = binary.BigEndian.AppendUint32(b, 0x40<<24|uint32(8+len(value)))
	b = append(b, value...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func testTTLS(t *testing.T) {
	b := newBed(t, loopback)
	for _, c := range []struct{ user, password, code string }{
		{"alice", "Alice-Pass-1", acceptance}, {"alice", "Alice-Pass-2", rejection}, {"odd", "pässwörd", acceptance}, {"nobody", "x", rejection},
	} {
		p := &peer{b: b, user: "anonymous"}
		tunnel, in := p.tunnel(eap.TTLS)
		padded := c.password + strings.Repeat("\x00", 16-len(c.password)%16)
		data, err := tunnel.Send(append(avp(1, c.user), avp(2, padded)...))
		if err != nil {
			t.Fatal(err)
		}
		p.ends(c.user, p.answer(in, data), c.code)
		if c.code == acceptance {
			msk, err := tunnel.Keys(eap.LabelTTLS)
			if err != nil || !bytes.Equal(b.unsalt(p.last, p.req, 17), msk[:32]) || !bytes.Equal(b.unsalt(p.last, p.req, 16), msk[32:]) {
				t.Errorf("MPPE keys differ from the MSK, %v", err)
			}
			if p.last.call.Actor != c.user {
				t.Errorf("actor %q", p.last.call.Actor)
			}
		}
	}
	p := &peer{b: b, user: "anonymous"}
	tunnel, in := p.tunnel(eap.TTLS)
	data, _ := tunnel.Send([]byte("no AVPs"))
	p.ends("garbage inside", p.answer(in, data), rejection)
	p = &peer{b: b, user: "anonymous"}
	in = p.identity()
	in = p.say(eap.Packet{Code: eap.Response, ID: in.ID, Type: eap.Nak, Data: []byte{eap.TTLS}})
	p.ends("garbage outside", p.answer(in, []byte("\x00no TLS at all")), rejection)
}

func testPEAP(t *testing.T) {
	b := newBed(t, loopback)
	for _, c := range []struct{ user, password, code string }{
		{"alice", "Alice-Pass-1", acceptance}, {`ACME\alice`, "Alice-Pass-1", acceptance}, {"alice", "wrong", rejection},
	} {
		p := &peer{b: b, user: "anonymous"}
		tunnel, in := p.tunnel(eap.PEAP)
		inside := func(data []byte) []byte {
			in = p.answer(in, data)
			got, err := tunnel.Receive(in.Data)
			if err != nil {
				t.Fatal(err)
			}
			return got.Plain
		}
		put := func(plain []byte) []byte {
			data, err := tunnel.Send(plain)
			if err != nil {
				t.Fatal(err)
			}
			return inside(data)
		}
		if plain := inside([]byte{0}); !bytes.Equal(plain, []byte{eap.Identity}) {
			t.Fatalf("first inside: %x", plain)
		}
		plain := put(append([]byte{eap.Identity}, c.user...))
		if plain[0] != eap.MSCHAPv2 || plain[1] != 1 || plain[5] != 16 {
			t.Fatalf("challenge: %x", plain)
		}
		challenge, mine := plain[6:22], bytes.Repeat([]byte{5}, 16)
		bare := c.user[strings.LastIndexByte(c.user, '\\')+1:]
		nt, err := rfc2759.GenerateNTResponse(challenge, mine, []byte(bare), []byte(c.password))
		if err != nil {
			t.Fatal(err)
		}
		answer := slices.Concat([]byte{eap.MSCHAPv2, 2, plain[2], 0, byte(54 + len(c.user)), 49}, mine, make([]byte, 8), nt, []byte{0}, []byte(c.user))
		plain = put(answer)
		status := byte(2)
		if c.code == acceptance {
			status = 1
			if !strings.HasPrefix(string(plain[5:]), "S=") {
				t.Errorf("success: %q", plain)
			}
		} else if !strings.HasPrefix(string(plain[5:]), "E=691 ") {
			t.Errorf("failure: %q", plain)
		}
		plain = put([]byte{eap.MSCHAPv2, 3})
		if len(plain) != 11 || plain[4] != eap.Extension || plain[10] != status {
			t.Fatalf("result: %x", plain)
		}
		data, err := tunnel.Send(plain)
		if err != nil {
			t.Fatal(err)
		}
		p.ends("PEAP "+c.password, p.answer(in, data), c.code)
		if c.code == acceptance {
			msk, err := tunnel.Keys(eap.LabelPEAP)
			if err != nil || !bytes.Equal(b.unsalt(p.last, p.req, 17), msk[:32]) {
				t.Errorf("MPPE keys differ from the MSK, %v", err)
			}
		}
	}
}

func testEAPRules(t *testing.T) {
	b := newBed(t, loopback)
	identity := wire.Attribute{Type: 79, Value: []byte{2, 0, 0, 10, 1, 'a', 'l', 'i', 'c', 'e'}}
	b.want("without Message-Authenticator", b.send(b.request(1, name("alice"), identity)), silence)
	b.want("with User-Password", b.send(b.pap("alice", "Alice-Pass-1", identity).signed()), silence)
	b.want("with CHAP-Password", b.send(b.chap("alice", []byte("x"), identity).signed()), silence)
	b.want("no EAP packet", b.send(b.request(1, name("alice"), wire.Attribute{Type: 79, Value: []byte{2, 0, 0}}).signed()), silence)
	p := &peer{b: b}
	in := p.octets(nil)
	if in.Code != eap.Request || in.Type != eap.Identity || len(p.state) != 1 {
		t.Errorf("EAP-Start: %+v", in)
	}
	p.user = "alice"
	in = p.say(eap.Packet{Code: eap.Response, ID: in.ID, Type: eap.Identity, Data: []byte("alice")})
	in.ID++
	p.ends("a wrong identifier", p.answer(in, md5Answer(in, "Alice-Pass-1")), rejection)
	in = p.identity()
	p.state = nil
	p.ends("no State", p.answer(in, md5Answer(in, "Alice-Pass-1")), rejection)
	in = p.identity()
	st := p.state
	p.ends("right", p.answer(in, md5Answer(in, "Alice-Pass-1")), acceptance)
	p.state = st
	p.ends("replayed", p.answer(in, md5Answer(in, "Alice-Pass-1")), rejection)
	b.want("the State of an EAP conversation with PAP", b.send(b.pap("alice", "Alice-Pass-1", (&peer{b: b, user: "alice"}).started())), rejection)
	long := &peer{b: b, user: strings.Repeat("x", 250)} // EAP-Message is split and joined
	if in := long.identity(); in.Type != eap.MD5 {
		t.Errorf("long identity: %+v", in)
	}
	none := newBed(t, loopback+"methods: [pap]")
	p = &peer{b: none, user: "alice"}
	p.ends("EAP switched off", p.identity(), rejection)
}

// started begins a conversation and returns its State.
func (p *peer) started() wire.Attribute {
	p.identity()
	return p.state[0]
}

// One abandoned handshake after the other must not pile up.
func TestAbandonedTunnelsAreForgotten(t *testing.T) {
	b := newBed(t, loopback+"eap: {methods: [ttls]}")
	for range 3000 {
		p := &peer{b: b, user: "alice"}
		p.identity()
	}
}
