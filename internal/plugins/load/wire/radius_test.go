package wire

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/vendors/microsoft"

	"counterpart/internal/plugins/load/step"
)

// datagrams is a socket that answers what answer makes of each packet; nil: nothing.
func datagrams(t *testing.T, answer func(in []byte, from net.Addr) [][]byte) (addr string) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	t.Cleanup(func() { c.Close(); reading.Wait() })
	reading.Go(func() {
		in := make([]byte, longestPacket)
		for {
			n, from, err := c.ReadFrom(in)
			if err != nil {
				return
			}
			for _, out := range answer(in[:n], from) {
				c.WriteTo(out, from)
			}
		}
	})
	return c.LocalAddr().String()
}

// said is an answer to a request, as another library makes it.
func said(t *testing.T, in []byte, secret string, code radius.Code, attributes ...func(*radius.Packet)) []byte {
	p, err := radius.Parse(in, []byte(secret))
	if err != nil {
		t.Error(err)
		return nil
	}
	out := p.Response(code)
	for _, a := range attributes {
		a(out)
	}
	octets, err := out.Encode()
	if err != nil {
		t.Error(err)
	}
	return octets
}

func pap(tries int) step.Spec {
	return step.Spec{RADIUS: &step.RADIUS{User: "{{ user.name }}", Password: "{{ user.password }}", Secret: "s3cret", Tries: tries}, Timeout: 5 * time.Second}
}

func udp(addr string) step.Target {
	return step.Target{Name: "radius", Proto: "udp", Addrs: []string{addr}}
}

// TestPasswordsOfRADIUS: another library reads the same password, by each of the methods.
func TestPasswordsOfRADIUS(t *testing.T) {
	passwords := []string{"", "x", "exactly sixteen.", "seventeen letters", strings.Repeat("é", 64)}
	addr := datagrams(t, func(in []byte, _ net.Addr) [][]byte {
		p, err := radius.Parse(in, []byte("s3cret"))
		if err != nil || len(rfc2869.MessageAuthenticator_Get(p)) != 16 {
			t.Errorf("%v, %v", err, p)
			return nil
		}
		code := radius.CodeAccessReject
		user, password := rfc2865.UserName_GetString(p), ""
		for _, x := range passwords {
			if user == "user of "+x {
				password = x
			}
		}
		switch chap, ms := rfc2865.CHAPPassword_Get(p), microsoft.MSCHAP2Response_Get(p); {
		case chap != nil:
			if string(chapOf(chap[0], password, p.Authenticator[:])) == string(chap) {
				code = radius.CodeAccessAccept
			}
		case ms != nil:
			want, err := rfc2759.GenerateNTResponse(microsoft.MSCHAPChallenge_Get(p), ms[2:18], []byte(user), []byte(password))
			if err == nil && len(ms) == 50 && string(want) == string(ms[26:]) {
				code = radius.CodeAccessAccept
			}
		case rfc2865.UserPassword_GetString(p) == password:
			code = radius.CodeAccessAccept
		}
		return [][]byte{said(t, in, "s3cret", code)}
	})
	for _, method := range []string{"pap", "chap", "mschapv2"} {
		for _, password := range passwords {
			s := pap(1)
			s.RADIUS.Method, s.RADIUS.Password = method, "{{ user.password }}"
			w := alice()
			w.Person.Name, w.Person.Password = "user of "+password, password
			if a := done(t, must(t, client(t), s, udp(addr)), w); a.Verdict != step.LetIn || a.Reason != "Access-Accept" {
				t.Errorf("%s of %q: %v, %s", method, password, a.Verdict, a.Reason)
			}
		}
	}
}

// TestChallengesOfRADIUS: the State of a challenge goes back with the next request, and only there.
func TestChallengesOfRADIUS(t *testing.T) {
	addr := datagrams(t, func(in []byte, _ net.Addr) [][]byte {
		p, _ := radius.Parse(in, []byte("s3cret"))
		switch rfc2865.State_GetString(p) {
		case "":
			return [][]byte{said(t, in, "s3cret", radius.CodeAccessChallenge, func(p *radius.Packet) { rfc2865.State_SetString(p, "one"); rfc2865.ReplyMessage_SetString(p, "code?") })}
		case "one":
			return [][]byte{said(t, in, "s3cret", radius.CodeAccessAccept, func(p *radius.Packet) { rfc2865.SessionTimeout_Set(p, 3600) })}
		}
		return [][]byte{said(t, in, "s3cret", radius.CodeAccessReject)}
	})
	s := pap(1)
	s.Save = map[string]string{"prompt": "Reply-Message", "seconds": "Session-Timeout", "word": "status"}
	do := must(t, client(t), s, udp(addr))
	w := alice()
	for _, want := range []string{"Access-Challenge", "Access-Accept", "Access-Challenge"} {
		if a := done(t, do, w); a.Reason != want {
			t.Errorf("%s, not %s", a.Reason, want)
		}
	}
	for name, want := range map[string]string{"prompt": "code?", "seconds": "3600", "word": "Access-Challenge"} {
		if got, _ := w.Saved(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
}

// TestAnswersOfRADIUSThatDoNotCount: from who does not know the secret, with a wrong
// Message-Authenticator, to another request; and silence.
func TestAnswersOfRADIUSThatDoNotCount(t *testing.T) {
	for _, x := range []struct {
		name, reason string
		answer       func(in []byte) [][]byte
	}{
		{"silence", "timeout", func([]byte) [][]byte { return nil }},
		{"no packet", "timeout", func([]byte) [][]byte { return [][]byte{{}, {1, 2, 3}, make([]byte, 20)} }},
		{"another identifier", "timeout", func(in []byte) [][]byte {
			out := said(t, in, "s3cret", radius.CodeAccessAccept)
			out[1]++
			return [][]byte{out}
		}},
		{"another secret", "answer with another secret", func(in []byte) [][]byte { return [][]byte{said(t, in, "other", radius.CodeAccessAccept)} }},
		{"a wrong Message-Authenticator", "answer with another secret", func(in []byte) [][]byte {
			return [][]byte{said(t, in, "s3cret", radius.CodeAccessAccept, func(p *radius.Packet) { rfc2869.MessageAuthenticator_Set(p, make([]byte, 16)) })}
		}},
		{"an attribute that is too long", "malformed answer", func(in []byte) [][]byte {
			request, _ := radius.Parse(in, []byte("s3cret"))
			out := request.Response(radius.CodeAccessAccept)
			out.Add(26, make([]byte, 4))
			octets, _ := out.Encode()
			octets[len(octets)-5] = 200 // of the length
			return [][]byte{resigned(octets, in, "s3cret")}
		}},
		{"first another's", "Access-Accept", func(in []byte) [][]byte {
			return [][]byte{said(t, in, "other", radius.CodeAccessReject), said(t, in, "s3cret", radius.CodeAccessAccept)}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			addr := datagrams(t, func(in []byte, _ net.Addr) [][]byte { return x.answer(in) })
			s := pap(2)
			if s.Timeout = 5 * time.Second; x.reason != "Access-Accept" && x.reason != "malformed answer" {
				s.Timeout = 60 * time.Millisecond
			}
			if a := done(t, must(t, client(t), s, udp(addr)), alice()); a.Reason != x.reason {
				t.Errorf("%s, not %s", a.Reason, x.reason)
			}
		})
	}
}

// TestALateAnswerIsNoOtherSecret: it is one to what had the identifier before.
func TestALateAnswerIsNoOtherSecret(t *testing.T) {
	var first []byte
	addr := datagrams(t, func(in []byte, _ net.Addr) [][]byte {
		if first == nil {
			first = append(first, in...)
			return nil
		}
		first[1] = in[1]
		return [][]byte{said(t, first, "s3cret", radius.CodeAccessAccept)}
	})
	s := pap(1)
	s.Timeout = 60 * time.Millisecond
	c := client(t)
	do := must(t, c, s, udp(addr))
	for i := range 2 {
		f, _ := c.funnel(addr)
		if i == 1 { // the same identifier again
			f.free = f.free[len(f.free)-1:]
		}
		if a := done(t, do, alice()); a.Reason != "timeout" {
			t.Errorf("%s", a.Reason)
		}
	}
}

// TestRetransmissionsOfRADIUS are the same octets, and the first one is when it was sent.
func TestRetransmissionsOfRADIUS(t *testing.T) {
	var first string
	addr := datagrams(t, func(in []byte, _ net.Addr) [][]byte {
		if first == "" {
			first = string(in)
			return nil
		}
		if string(in) != first {
			t.Error("sent again, it is another one")
		}
		return [][]byte{said(t, in, "s3cret", radius.CodeAccessAccept)}
	})
	s := pap(10)
	s.Timeout = time.Second
	a := done(t, must(t, client(t), s, udp(addr)), alice())
	if a.Verdict != step.LetIn || a.Answered.Sub(a.Sent) < 100*time.Millisecond {
		t.Errorf("%v, after %v", a.Reason, a.Answered.Sub(a.Sent))
	}
}

// TestRADIUSThatCannotBeSent: what does not fit is said, never cut.
func TestRADIUSThatCannotBeSent(t *testing.T) {
	for name, change := range map[string]func(*step.RADIUS){
		"secret of a walk":  func(r *step.RADIUS) { r.Secret = "{{ user.name }}" },
		"no secret":         func(r *step.RADIUS) { r.Secret = "" },
		"unknown attribute": func(r *step.RADIUS) { r.Attributes = map[string]string{"NAS-Identifer": "x"} },
		"the protocol's":    func(r *step.RADIUS) { r.Attributes = map[string]string{"Message-Authenticator": "{{ user.name }}"} },
		"the step's":        func(r *step.RADIUS) { r.Attributes = map[string]string{"user-name": "x"} },
		"no tag":            func(r *step.RADIUS) { r.Attributes = map[string]string{"NAS-Port:1": "1"} },
		"long value":        func(r *step.RADIUS) { r.Attributes = map[string]string{"NAS-Identifier": strings.Repeat("x", 254)} },
		"no number":         func(r *step.RADIUS) { r.Attributes = map[string]string{"NAS-Port": "x"} },
		"no address":        func(r *step.RADIUS) { r.Attributes = map[string]string{"NAS-IP-Address": "::1"} },
	} {
		s := pap(1)
		change(s.RADIUS)
		if _, err := New().Open(s, udp("127.0.0.1:1")); err == nil {
			t.Errorf("%s: nobody minds", name)
		}
	}
	for name, change := range map[string]func(*step.RADIUS){
		"long password": func(r *step.RADIUS) { r.Password = strings.Repeat("x", 129) },
		"long name":     func(r *step.RADIUS) { r.User = strings.Repeat("x", 254) },
		"long value": func(r *step.RADIUS) {
			r.Attributes = map[string]string{"NAS-Identifier": "{{ user.name }}" + strings.Repeat("x", 253)}
		},
		"no number":  func(r *step.RADIUS) { r.Attributes = map[string]string{"NAS-Port": "{{ user.name }}"} },
		"no address": func(r *step.RADIUS) { r.Attributes = map[string]string{"NAS-IP-Address": "{{ user.name }}"} },
		"no value":   func(r *step.RADIUS) { r.User = "{{ nobody }}" },
	} {
		s := pap(1)
		change(s.RADIUS)
		if _, err := must(t, client(t), s, udp("127.0.0.1:1")).Do(t.Context(), alice()); err == nil {
			t.Errorf("%s: nobody minds", name)
		}
	}
}

// TestAttributesByName: a plan names what seeds name, of vendors, too, and values by their
// names; what comes back is saved by the same names.
func TestAttributesByName(t *testing.T) {
	s := pap(1)
	s.RADIUS.Attributes = map[string]string{"Cisco-AVPair": "shell:priv-lvl={{ user.name }}", "service-type": "Login-User", "NAS-IPv6-Address": "2001:db8::1",
		"Tunnel-Password:1": "hidden", "Class": "0x00ff"}
	p := must(t, client(t), s, udp("127.0.0.1:1")).(*packet)
	out, err := p.build(nil, 1, alice())
	if err != nil {
		t.Fatal(err)
	}
	sent, err := radius.Parse(out, []byte("s3cret"))
	if err != nil {
		t.Fatal(err)
	}
	vendor := append([]byte{0, 0, 0, 9, 1, byte(len("shell:priv-lvl=alice") + 2)}, "shell:priv-lvl=alice"...)
	for number, want := range map[radius.Type][]byte{6: {0, 0, 0, 1}, 25: {0, 0xff}, 26: vendor, 95: netip.MustParseAddr("2001:db8::1").AsSlice()} {
		if got := sent.Get(number); !bytes.Equal(got, want) {
			t.Errorf("attribute %d is %x, not %x", number, got, want)
		}
	}
	if tag, salted, err := rfc2868.TunnelPassword_Lookup(sent, sent); err != nil || tag != 1 || string(salted) != "hidden" {
		t.Errorf("Tunnel-Password is %q of tag %d: %v", salted, tag, err)
	}
	s.Save = map[string]string{"type": "Service-Type", "pair": "Cisco-AVPair", "state": "State", "none": "Filter-Id", "verdict": "status"}
	p = must(t, client(t), s, udp("127.0.0.1:1")).(*packet)
	w := alice()
	in := said(t, out, "s3cret", radius.CodeAccessAccept, func(r *radius.Packet) {
		r.Add(6, []byte{0, 0, 0, 6})
		r.Add(26, vendor)
		r.Add(24, []byte{1, 2})
	})
	if _, err := p.judge(w, in, step.Answer{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"type": "Administrative-User", "pair": "shell:priv-lvl=alice", "state": "\x01\x02", "verdict": "Access-Accept"} {
		if got, _ := w.Saved(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if got, found := w.Saved("none"); found {
		t.Errorf("what is not there is %q", got)
	}
}

// FuzzAnswerOfRADIUS: no answer panics.
func FuzzAnswerOfRADIUS(f *testing.F) {
	f.Add([]byte("\x02\x01\x00\x18aaaaaaaaaaaaaaaa\x18\x04ab"))
	f.Add([]byte("\x02\x01\x00\x14aaaaaaaaaaaaaaaa\x50\x12"))
	s := pap(1)
	s.Save = map[string]string{"x": "Session-Timeout", "y": "NAS-IP-Address", "z": "Reply-Message"}
	do, err := New().Open(s, udp("127.0.0.1:1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < headerLength || len(in) > longestPacket {
			return
		}
		do.(*packet).genuine(&slot{in: in}, in)
		do.(*packet).genuine(&slot{in: resigned(append([]byte(nil), in...), in, "s3cret")}, in)
		do.(*packet).judge(alice(), in, step.Answer{})
	})
}
