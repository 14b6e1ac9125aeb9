package radius_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	layeh "layeh.com/radius"

	"counterpart/internal/company/factor"
	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
)

// TestConformance has one subtest for each number of the contract's checklist.
func TestConformance(t *testing.T) {
	list := dialecttest.Checklist(t, "testdata/checklist.txt")
	for _, c := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"1 unlisted address gets no answer and one event", testUnlisted},
		{"2 longest prefix decides the secret", testLongestPrefix},
		{"3 PAP of every length", testPAPLengths},
		{"4 zero-length password is empty, duo pushes once", testEmptyPassword},
		{"5 CHAP", testCHAP},
		{"6 CHAP against TOTP once", testCHAPCode},
		{"7 MS-CHAP keys and success", testMSCHAP},
		{"8 MS-CHAP failure", testMSCHAPFailure},
		{"9 EAP-MD5, GTC, TTLS/PAP, PEAP", testEAP},
		{"10 EAP rules", testEAPRules},
		{"11 Message-Authenticator first in every reply", testMAFirst},
		{"12 Proxy-State echoed in order, none invented", testProxyState},
		{"13 require and limit matrix", testPolicyMatrix},
		{"14 identical packet while held, and after", testDuplicates},
		{"15 same Identifier, new authenticator", testSuperseded},
		{"16 10000 requests reusing Identifiers", testReuse},
		{"17 malformed packets are dropped, padding is not", testMalformed},
		{"18 accounting", testAccounting},
		{"19 Status-Server", testStatusServer},
		{"20 shape of a challenge", testChallengeShape},
		{"21 States are single use, bound and short-lived", testStates},
		{"22 RSA new PIN and next tokencode", testRSA},
		{"23 Duo append and challenge mode", testDuo},
		{"24 NPS", testNPS},
		{"25 what the SPS plugin sends", testPlugin},
		{"26 what pam_radius_auth sends", testPamRadius},
		{"27 attributes merge and are exact", testAttributes},
		{"28 TCP and TLS", testStreams},
		{"29 shutdown cancels what is held", testShutdown},
		{"30 a panic loses one request", testPanic},
		{"31 ten thousand pushes wait at once", testManyHolds},
	} {
		list.Run(c.name, c.run)
	}
}

func testUnlisted(t *testing.T) {
	b := newBed(t, loopback)
	r := b.want("from elsewhere", b.send(b.pap("alice", "Alice-Pass-1").at("192.0.2.1:1000")), silence)
	if len(b.calls) != 1 || r.call.Outcome != dialect.Dropped || !strings.Contains(r.call.Why, "no client") {
		t.Errorf("%d calls, %+v", len(b.calls), r.call)
	}
	if r.call.Op != "Access-Request" {
		t.Errorf("op %q", r.call.Op)
	}
	b.want("IPv4 in IPv6", b.send(b.pap("alice", "Alice-Pass-1").at("[::ffff:127.0.0.1]:1000")), acceptance)
}

func testLongestPrefix(t *testing.T) {
	b := newBed(t, `clients:
  - {name: wide, from: 10.0.0.0/8, secret: wide-secret}
  - {name: narrow, from: 10.1.0.0/16, secret: "hex:00ff"}
  - {name: host, from: 10.1.2.3, secret: host-secret}
  - {name: acct-only, from: 10.1.2.4, secret: acct-secret, listeners: [acct]}
  - {name: six, from: "2001:db8::/32", secret: six-secret}`)
	for from, c := range map[string]struct{ secret, name string }{
		"10.9.9.9:1": {"wide-secret", "wide"}, "10.1.9.9:1": {"\x00\xff", "narrow"}, "10.1.2.3:1": {"host-secret", "host"},
		"10.1.2.4:1": {"\x00\xff", "narrow"}, "[2001:db8::1]:1": {"six-secret", "six"},
	} {
		r := b.request(layeh.CodeStatusServer).signed().at(from)
		r.secret = c.secret
		if got := b.want(from, b.send(r), acceptance); got.call.Object != c.name {
			t.Errorf("%s is client %s, want %s", from, got.call.Object, c.name)
		}
	}
	r := b.request(layeh.CodeStatusServer).signed().at("10.1.2.4:1")
	r.port, r.secret = "acct", "acct-secret"
	b.want("another secret on the other port", b.send(r), "Accounting-Response")
}

func testPAPLengths(t *testing.T) {
	b := newBed(t, loopback)
	for _, n := range lengths {
		b.want(fmt.Sprint(n, " octets"), b.send(b.pap(fmt.Sprint("len", n), strings.Repeat("x", n))), acceptance)
		b.want(fmt.Sprint(n, " octets, one wrong"), b.send(b.pap(fmt.Sprint("len", n), strings.Repeat("x", n-1)+"y")), rejection)
	}
	odd := b.pap("len16", "")
	odd.attrs[1].Value = make([]byte, 17)
	b.want("17 hidden octets", b.send(odd), rejection)
	odd = b.pap("len16", "")
	odd.attrs[1].Value = make([]byte, 253)
	b.want("253 hidden octets", b.send(odd), rejection)
	b.want("UTF-8", b.send(b.pap("odd", "pässwörd")), acceptance)
	b.want("Latin-1", b.send(b.pap("odd", "p\xe4ssw\xf6rd")), acceptance)
	r := b.want("no User-Name", b.send(&request{code: 1, id: 9, attrs: b.pap("x", "y").attrs[1:], secret: secret, from: nas, port: "auth"}), rejection)
	if r.call.Outcome != dialect.Failed {
		t.Errorf("outcome %s", r.call.Outcome)
	}
	wrong := b.pap("alice", "Alice-Pass-1")
	wrong.auth[0] ^= 1 // as another secret would: the password becomes noise
	r = b.want("noise", b.send(wrong), rejection)
	if !strings.Contains(r.call.Why, "wrong secret?") {
		t.Errorf("why: %s", r.call.Why)
	}
	for user, why := range map[string]string{"carol": "must change", "dave": "disabled", "eve": "locked", "peggy": "expired", "nobody": "nobody"} {
		r := b.want(user, b.send(b.pap(user, strings.ToUpper(user[:1])+user[1:]+"-Pass-1")), rejection)
		if !strings.Contains(r.call.Why, why) || r.call.Outcome != dialect.DeniedOutcome {
			t.Errorf("%s: %s: %s", user, r.call.Outcome, r.call.Why)
		}
	}
	b.want("DOMAIN\\user", b.send(b.pap(`ACME\alice`, "Alice-Pass-1")), acceptance)
	b.want("user@domain", b.send(b.pap("alice@acme.test", "Alice-Pass-1")), acceptance)
	b.want("capitals", b.send(b.pap("ALICE", "Alice-Pass-1")), acceptance)
	f := newBed(t, loopback+"flavour: freeradius\nreject_delay: 0s")
	f.want("capitals, freeradius", f.send(f.pap("ALICE", "Alice-Pass-1")), rejection)
	f.want("129 octets, freeradius", f.send(f.pap("len129", strings.Repeat("x", 129))), rejection)
	f.want("to the letter, freeradius", f.send(f.pap(`acme\alice`, "Alice-Pass-1")), acceptance)
}

func testEmptyPassword(t *testing.T) {
	for _, hidden := range []int{0, 16} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t, loopback+"flavour: duo")
			r := b.pap("alice", "")
			if hidden == 16 {
				r.attrs[1].Value = wire.NewSecret([]byte(secret)).Hide(nil, r.auth[:])
			}
			got := make(chan reply, 1)
			go func() { got <- b.send(r) }()
			synctest.Wait()
			b.clock.Advance(time.Second)
			b.want(fmt.Sprint(hidden, " octets"), <-got, acceptance)
			if n := b.approvals("alice"); n != 1 {
				t.Errorf("%d pushes", n)
			}
		})
	}
	b := newBed(t, loopback)
	b.want("generic", b.send(b.pap("alice", "")), rejection)
}

func (b *bed) approvals(user string) int {
	list, err := b.env.Factors.Approvals(b.t.Context(), user)
	if err != nil {
		b.t.Fatal(err)
	}
	return len(list)
}

func testCHAP(t *testing.T) {
	b := newBed(t, loopback)
	b.want("over the authenticator", b.send(b.chap("alice", []byte("Alice-Pass-1"))), acceptance)
	b.want("wrong", b.send(b.chap("alice", []byte("Alice-Pass-2"))), rejection)
	challenge := []byte("a challenge of its own")
	r := b.request(1, name("alice"), chapPassword(200, []byte("Alice-Pass-1"), challenge), wire.Attribute{Type: 60, Value: challenge})
	b.want("CHAP-Challenge, other ident", b.send(r), acceptance)
	b.want("UTF-8", b.send(b.chap("odd", []byte("pässwörd"))), acceptance)
	b.want("Latin-1", b.send(b.chap("odd", []byte("p\xe4ssw\xf6rd"))), acceptance)
	b.want("16 octets", b.send(b.request(1, name("alice"), wire.Attribute{Type: 3, Value: make([]byte, 16)})), rejection)
	b.want("18 octets", b.send(b.request(1, name("alice"), wire.Attribute{Type: 3, Value: make([]byte, 18)})), rejection)
	for _, flavour := range []string{"rsa", "okta"} {
		b := newBed(t, loopback+"flavour: "+flavour)
		b.want(flavour, b.send(b.chap("alice", []byte("Alice-Pass-1"))), rejection)
	}
}

func testCHAPCode(t *testing.T) {
	b := newBed(t, loopback+"flow: otp")
	now := b.code("alice")
	b.clock.Advance(30 * time.Second) // still inside the window
	b.want("one step old", b.send(b.chap("alice", []byte(now))), acceptance)
	r := b.want("again", b.send(b.chap("alice", []byte(now))), rejection)
	if !strings.Contains(r.call.Why, "used") {
		t.Errorf("why: %s", r.call.Why)
	}
	both := newBed(t, loopback+"flow: password+otp")
	both.want("password and code in one hash", both.send(both.chap("alice", []byte("Alice-Pass-1"+both.code("alice")))), acceptance)
	both.want("replayed", both.send(both.chap("alice", []byte("Alice-Pass-1"+both.code("alice")))), rejection)
	both.want("password alone", both.send(both.chap("alice", []byte("Alice-Pass-1"))), rejection)
}

func testMAFirst(t *testing.T) {
	b := newBed(t, loopback+"flow: password,otp") // send checks each reply
	first := b.want("challenge", b.send(b.pap("alice", "Alice-Pass-1")), question)
	b.want("accept", b.send(b.pap("alice", b.code("alice"), first.state())), acceptance)
	b.want("reject", b.send(b.pap("alice", "wrong")), rejection)
	r := b.request(layeh.CodeStatusServer).signed()
	b.verifyMA(b.want("status", b.send(r), acceptance).Packet, r)
}

func testProxyState(t *testing.T) {
	b := newBed(t, loopback)
	states := []wire.Attribute{{Type: 33, Value: []byte("hop two")}, {Type: 33, Value: []byte{0, 0xff}}}
	r := b.want("accept", b.send(b.pap("alice", "Alice-Pass-1", states...)), acceptance)
	var got [][]byte
	var last layeh.Type
	for typ, v := range r.All() {
		if typ == 33 {
			got = append(got, v)
		}
		last = typ
	}
	if len(got) != 2 || string(got[0]) != "hop two" || string(got[1]) != "\x00\xff" || last != 33 {
		t.Errorf("echoed %q, last type %d", got, last)
	}
	if b.want("without", b.send(b.pap("alice", "Alice-Pass-1")), acceptance).Has(33) {
		t.Error("a Proxy-State was invented")
	}
	r = b.want("reject", b.send(b.pap("alice", "x", states...)), rejection)
	for typ := range r.All() {
		if !slices.Contains([]layeh.Type{80, 18, 33}, typ) {
			t.Errorf("a reject carries attribute %d", typ)
		}
	}
}

func testPolicyMatrix(t *testing.T) {
	proxy := wire.Attribute{Type: 33, Value: []byte("p")}
	const taken, dropped = acceptance, silence
	for _, c := range []struct {
		require, limit, from string
		first                string // a request before: "", plain, signed, eap, proxied
		plain, proxied       string
	}{
		{"yes", "no", "", "", dropped, dropped},
		{"no", "yes", "", "", taken, dropped},
		{"no", "no", "", "", taken, taken},
		{"auto", "no", "", "plain", taken, taken},
		{"auto", "no", "", "signed", dropped, dropped},
		{"auto", "no", "", "eap", taken, taken},
		{"auto", "no", "127.0.0.0/8", "signed", taken, taken}, // a network is never tied down
		{"no", "auto", "", "proxied", taken, taken},
		{"no", "auto", "", "plain", taken, dropped},
		{"auto", "auto", "", "signed", dropped, dropped},
		{"auto", "auto", "", "plain", taken, dropped},
		{"auto", "auto", "", "proxied", taken, taken},
	} {
		from := c.from
		if from == "" {
			from = "127.0.0.1"
		}
		b := newBed(t, fmt.Sprintf(`clients: [{from: %s, secret: testing123, require_message_authenticator: "%s", limit_proxy_state: "%s"}]`, from, c.require, c.limit))
		what := fmt.Sprintf("require %s, limit %s, %s after %q", c.require, c.limit, from, c.first)
		switch c.first {
		case "plain":
			b.want(what, b.send(b.pap("alice", "Alice-Pass-1")), taken)
		case "signed":
			b.want(what, b.send(b.pap("alice", "Alice-Pass-1").signed()), taken)
		case "proxied":
			b.want(what, b.send(b.pap("alice", "Alice-Pass-1", proxy)), taken)
		case "eap":
			b.want(what, b.send(b.request(1, name("alice"), wire.Attribute{Type: 79, Value: []byte{2, 0, 0, 10, 1, 'a', 'l', 'i', 'c', 'e'}}).signed()), question)
		}
		r := b.want(what+": plain", b.send(b.pap("alice", "Alice-Pass-1")), c.plain)
		if c.plain == dropped && !strings.Contains(r.call.Why, "Message-Authenticator") {
			t.Errorf("%s: why: %s", what, r.call.Why)
		}
		b.want(what+": proxied", b.send(b.pap("alice", "Alice-Pass-1", proxy)), c.proxied)
		b.want(what+": signed", b.send(b.pap("alice", "Alice-Pass-1", proxy).signed()), taken)
	}
}

func testDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flow: password,push")
		r := b.pap("alice", "Alice-Pass-1")
		got := make(chan reply, 1)
		go func() { got <- b.send(r) }()
		synctest.Wait()
		for range 3 {
			again := b.want("while held", b.send(r), silence)
			if again.call.Outcome != dialect.Dropped || !strings.Contains(again.call.Why, "duplicate") {
				t.Errorf("%s: %s", again.call.Outcome, again.call.Why)
			}
		}
		b.clock.Advance(time.Second)
		first := b.want("the first", <-got, acceptance)
		b.clock.Advance(4 * time.Second)
		if again := b.want("after the reply", b.send(r), acceptance); !slices.Equal(again.Packet, first.Packet) {
			t.Error("the retransmission got other octets")
		}
		if n := b.approvals("alice"); n != 1 {
			t.Errorf("%d pushes for one login", n)
		}
		b.clock.Advance(5 * time.Second) // five seconds after it was asked for last
		go func() { got <- b.send(r) }()
		synctest.Wait()
		if n := b.approvals("alice"); n != 2 {
			t.Errorf("%d pushes; after expiry the packet is a new one", n)
		}
		b.clock.Advance(time.Second)
		b.want("anew", <-got, acceptance)
	})
	b := newBed(t, loopback+"flow: otp") // a retransmitted code is not a replayed one
	r := b.pap("alice", b.code("alice"))
	b.want("code", b.send(r), acceptance)
	b.want("its retransmission", b.send(r), acceptance)
	b.want("the code in a new request", b.send(b.pap("alice", b.code("alice"))), rejection)
}

func testSuperseded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flow: password,push")
		old := b.pap("bob", "Bob-Pass-1")
		gone := make(chan reply, 1)
		go func() { gone <- b.send(old) }()
		synctest.Wait()
		next := b.pap("alice", "wrong")
		next.id = old.id
		b.want("the new request", b.send(next), rejection)
		r := <-gone
		if r.Packet != nil || !strings.Contains(r.call.Why, "reused the Identifier") {
			t.Errorf("the old request: %s, %s", r.is(), r.call.Why)
		}
		list, err := b.env.Factors.Approvals(t.Context(), "bob")
		if err != nil || len(list) != 1 || list[0].State != factor.Cancelled {
			t.Errorf("bob's push: %+v, %v", list, err)
		}
	})
}

func testReuse(t *testing.T) {
	b := newBed(t, loopback)
	for i := range 10_000 {
		r := b.pap("alice", "Alice-Pass-1")
		r.id = byte(i % 2)
		if got := b.send(r); got.is() != acceptance {
			t.Fatalf("request %d: %s (%s)", i, got.is(), got.call.Why)
		}
	}
}

func testMalformed(t *testing.T) {
	b := newBed(t, loopback)
	good := b.pap("alice", "Alice-Pass-1").bytes()
	change := func(f func([]byte) []byte) []byte { return f(slices.Clone(good)) }
	for what, octets := range map[string][]byte{
		"empty":       {},
		"19 octets":   good[:19],
		"Length 19":   change(func(p []byte) []byte { p[3] = 19; return p }),
		"Length 4097": change(func(p []byte) []byte { p[2], p[3] = 0x10, 1; return append(p, make([]byte, 4097)...) }),
		"truncated":   good[:len(good)-1],
		"attribute 0": change(func(p []byte) []byte { p[21] = 0; return p }),
		"attribute 1": change(func(p []byte) []byte { p[21] = 1; return p }),
		"type 0":      change(func(p []byte) []byte { p[20] = 0; return p }),
		"overrun":     change(func(p []byte) []byte { p[21] = 200; return p }),
		"201 attributes": change(func(p []byte) []byte {
			p = append(p, slices.Repeat([]byte{33, 2}, 199)...)
			p[2], p[3] = byte(len(p)>>8), byte(len(p))
			return p
		}),
		"Accounting-Request on auth": change(func(p []byte) []byte { p[0] = 4; return p }),
		"Disconnect-Request":         change(func(p []byte) []byte { p[0] = 40; return p }),
		"Access-Accept":              change(func(p []byte) []byte { p[0] = 2; return p }),
	} {
		if b.raw("auth", nas, octets) != nil {
			t.Errorf("%s was answered", what)
		}
		if c := b.last(); c.Outcome != dialect.Dropped || c.Why == "" {
			t.Errorf("%s: %s, %q", what, c.Outcome, c.Why)
		}
	}
	padded := b.pap("alice", "Alice-Pass-1")
	padded.pad = 7
	b.want("padding", b.send(padded), acceptance)
	for what, r := range map[string]*request{"wrong": b.pap("alice", "Alice-Pass-1").signed(), "two": b.pap("alice", "x", wire.Attribute{Type: 80, Value: make([]byte, 16)}).signed(),
		"short": b.pap("alice", "x", wire.Attribute{Type: 80, Value: make([]byte, 4)})} {
		if what == "wrong" {
			r.secret = "another"
		}
		b.want(what+" Message-Authenticator", b.send(r), silence)
	}
	b.want("nothing to authenticate with", b.send(b.request(1, name("alice"))), rejection)
}

func testStatusServer(t *testing.T) {
	b := newBed(t, loopback)
	r := b.want("auth", b.send(b.request(layeh.CodeStatusServer).signed()), acceptance)
	for typ := range r.All() {
		if typ != 80 {
			t.Errorf("a status answer carries attribute %d", typ)
		}
	}
	acct := b.request(layeh.CodeStatusServer).signed()
	acct.port = "acct"
	b.verifyMA(b.want("acct", b.send(acct), "Accounting-Response").Packet, acct)
	b.want("without Message-Authenticator", b.send(b.request(layeh.CodeStatusServer)), silence)
	wrong := b.request(layeh.CodeStatusServer).signed()
	wrong.secret = "another"
	b.want("wrong secret", b.send(wrong), silence)
	off := newBed(t, loopback+`status_server: "no"`)
	off.want("switched off", off.send(off.request(layeh.CodeStatusServer).signed()), silence)
}

func testChallengeShape(t *testing.T) {
	for _, c := range []struct{ settings, user, password string }{
		{"flow: password,otp", "alice", "Alice-Pass-1"},
		{"flavour: duo\nduo: {mode: challenge}", "alice", "Alice-Pass-1"},
		{"flavour: nps", "alice", "Alice-Pass-1"},
		{"flavour: okta", "alice", "Alice-Pass-1"},
		{"flavour: rsa", "newpin", "CODE"},
		{`{flavour: scripted, scripts: [{rounds: [{reply: "one?"}, {}]}]`, "alice", "x"},
	} {
		settings := loopback + c.settings
		if strings.HasPrefix(c.settings, "{") {
			settings = "{" + strings.TrimSpace(loopback) + ", " + c.settings[1:] + "}"
		}
		b := newBed(t, settings)
		for range 20 {
			if c.password == "CODE" {
				b.clock.Advance(90 * time.Second)
			}
			r := b.want(c.settings, b.send(b.pap(c.user, strings.ReplaceAll(c.password, "CODE", b.code("alice")))), question)
			count := map[layeh.Type]int{}
			for typ, v := range r.All() {
				count[typ]++
				if typ == 18 && (len(v) == 0 || len(v) > 253) || typ == 76 && len(v) != 4 || typ == 24 && (len(v) == 0 || strings.HasPrefix(string(v), "0x")) {
					t.Errorf("%s: attribute %d is %q", c.settings, typ, v)
				}
			}
			if count[24] != 1 || count[18] != 1 || count[76] != 1 {
				t.Errorf("%s: %v", c.settings, count)
			}
		}
	}
	b := newBed(t, loopback+"flow: password,otp\nchallenge: {session_timeout: true, ttl: 45s, echo: true, prompt: 'Code?'}")
	r := b.want("with settings", b.send(b.pap("alice", "Alice-Pass-1")), question)
	echo, _ := r.Integer(76)
	if wait, _ := r.Integer(27); wait != 45 || echo != 1 || r.text() != "Code?" {
		t.Errorf("Session-Timeout %d, Prompt %d, %q", wait, echo, r.text())
	}
}
