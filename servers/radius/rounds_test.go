package radius_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	layeh "layeh.com/radius"

	"counterpart/internal/face/radius/wire"
)

func testStates(t *testing.T) {
	start := func(t *testing.T) (*bed, wire.Attribute) {
		b := newBed(t, `clients:
  - {name: nas, from: 127.0.0.1, secret: testing123, require_message_authenticator: "no", limit_proxy_state: "no"}
  - {name: other, from: 127.0.0.2, secret: testing123, require_message_authenticator: "no", limit_proxy_state: "no"}
flow: password,otp`)
		return b, b.want("first round", b.send(b.pap("alice", "Alice-Pass-1")), question).state()
	}
	refused := func(t *testing.T, b *bed, r *request, why string) {
		t.Helper()
		if got := b.want(why, b.send(r), rejection); !strings.Contains(got.call.Why, why) {
			t.Errorf("why: %s, want %s", got.call.Why, why)
		}
	}
	b, st := start(t)
	answer := b.pap("alice", b.code("alice"), st).at("127.0.0.1:50001") // pyrad uses a new socket per round
	first := b.want("right State", b.send(answer), acceptance)
	if again := b.want("retransmitted answer", b.send(answer), acceptance); string(again.Packet) != string(first.Packet) {
		t.Error("the retransmitted answer got another accept")
	}
	b.clock.Advance(30 * time.Second)
	refused(t, b, b.pap("alice", b.code("alice"), st), "answered before")

	b, st = start(t)
	refused(t, b, b.pap("bob", "755224", st), "issued for alice")
	refused(t, b, b.pap("alice", b.code("alice"), st).at("127.0.0.2:1"), "issued to client nas")
	b.want("its owner still can", b.send(b.pap("alice", b.code("alice"), st)), acceptance)

	b, st = start(t)
	b.clock.Advance(time.Minute)
	refused(t, b, b.pap("alice", b.code("alice"), st), "was good until")
	b.clock.Advance(time.Hour)
	refused(t, b, b.pap("alice", b.code("alice"), st), "never issued or is long gone")

	b, st = start(t)
	st.Value[0] ^= 1
	refused(t, b, b.pap("alice", b.code("alice"), st), "never issued")
	refused(t, b, b.pap("alice", "Alice-Pass-1", wire.Attribute{Type: 24}), "never issued")

	b, st = start(t)
	refused(t, b, b.pap("alice", "000000", st), "no code")
	b.want("after a wrong code it is over", b.send(b.pap("alice", b.code("alice"), st)), rejection)
	refused(t, b, b.request(1, name("alice"), st), "State alone")
}

// Two requests race with one State, or with one code: exactly one wins.
// TestALockedDeviceTakesNoCode: wrong ones have locked it, and then the right one is refused, too.
func TestALockedDeviceTakesNoCode(t *testing.T) {
	b := newBed(t, loopback+"flow: otp")
	wrong := "000000"
	if b.code("alice") == wrong {
		wrong = "000001"
	}
	for range 16 {
		b.want("wrong", b.send(b.pap("alice", wrong)), rejection)
	}
	b.want("right, and too late", b.send(b.pap("alice", b.code("alice"))), rejection)
}

func TestRacingCallersOneWinner(t *testing.T) {
	for what, settings := range map[string]string{"one State": "flow: password,otp", "one code": "flow: otp"} {
		t.Run(what, func(t *testing.T) {
			b := newBed(t, loopback+settings)
			var st []wire.Attribute
			if what == "one State" {
				st = []wire.Attribute{b.want("first", b.send(b.pap("alice", "Alice-Pass-1")), question).state()}
			}
			const n = 16
			var requests []*request
			for range n {
				requests = append(requests, b.pap("alice", b.code("alice"), st...))
			}
			var wg sync.WaitGroup
			var mu sync.Mutex
			got := map[byte]int{}
			for _, r := range requests {
				wg.Go(func() {
					out := b.raw(r.port, r.from, r.bytes())
					mu.Lock()
					defer mu.Unlock()
					got[out[0]]++
				})
			}
			wg.Wait()
			if got[2] != 1 || got[3] != n-1 {
				t.Errorf("%d accepts and %d rejects of %d", got[2], got[3], n)
			}
		})
	}
}

func testRSA(t *testing.T) {
	b := newBed(t, loopback+"flavour: rsa")
	suffix := func(r reply) (first, step string) {
		parts := strings.Split(string(r.state().Value), "|")
		if len(parts) != 4 || parts[0] != "RSA" || len(parts[1]) != 36 || len(parts[2]) != 36 {
			t.Fatalf("State %q", r.state().Value)
		}
		return parts[1], parts[3]
	}
	r := b.want("tokencode", b.send(b.pap("newpin", b.code("newpin"))), question)
	session, step := suffix(r)
	if step != "SECURID_NEWPIN" {
		t.Errorf("State ends in %s", step)
	}
	r = b.want("too short", b.send(b.pap("newpin", "123", r.state())), question)
	if _, step = suffix(r); step != "SECURID_NEWPIN" {
		t.Errorf("an illegal PIN leads to %s", step)
	}
	r = b.want("a PIN", b.send(b.pap("newpin", "4711", r.state())), question)
	if _, step = suffix(r); step != "SECURID_NEWPIN_CONFIRM" {
		t.Errorf("a PIN leads to %s", step)
	}
	r = b.want("another", b.send(b.pap("newpin", "4712", r.state())), question)
	if _, step = suffix(r); step != "SECURID_NEWPIN" {
		t.Errorf("a mismatch leads to %s", step)
	}
	r = b.want("a PIN", b.send(b.pap("newpin", "4711", r.state())), question)
	r = b.want("the same", b.send(b.pap("newpin", "4711", r.state())), question)
	if r.text() != "PIN Accepted. Wait for the token code to change, then enter the new passcode:" {
		t.Errorf("after the PIN: %q", r.text())
	}
	if now, _ := suffix(r); now != session {
		t.Error("the first UUID changed")
	}
	b.clock.Advance(30 * time.Second)
	b.want("PIN and next tokencode", b.send(b.pap("newpin", "4711"+b.code("newpin"), r.state())), acceptance)
	b.want("a used passcode", b.send(b.pap("newpin", "4711"+b.code("newpin"))), rejection)
	b.clock.Advance(30 * time.Second)
	b.want("without the PIN", b.send(b.pap("newpin", b.code("newpin"))), rejection)
	b.want("normal from now on", b.send(b.pap("newpin", "4711"+b.code("newpin"))), acceptance)

	for range 3 {
		b.want("wrong", b.send(b.pap("pinned", "1234000000")), rejection)
	}
	r = b.want("right after three wrong", b.send(b.pap("pinned", "1234"+b.code("pinned"))), question)
	if _, step = suffix(r); step != "SECURID_NEXTCODE" {
		t.Errorf("State ends in %s", step)
	}
	b.want("the same code again", b.send(b.pap("pinned", b.code("pinned"), r.state())), rejection)
	b.clock.Advance(30 * time.Second)
	r = b.want("still in that mode", b.send(b.pap("pinned", "1234"+b.code("pinned"))), question)
	b.clock.Advance(30 * time.Second)
	b.want("the next code", b.send(b.pap("pinned", b.code("pinned"), r.state())), acceptance)
	b.clock.Advance(30 * time.Second)
	b.want("normal again", b.send(b.pap("pinned", "1234"+b.code("pinned"))), acceptance)

	r = b.want("on-demand token, PIN alone", b.send(b.pap("demand", "1234")), question)
	b.want("the tokencode sent", b.send(b.pap("demand", b.outbox("demand"), r.state())), acceptance)
	r = b.want("on-demand token, wrong PIN", b.send(b.pap("demand", "4321")), rejection)
	if r.text() != "Access Denied" {
		t.Errorf("reject says %q", r.text())
	}
	b.want("nobody", b.send(b.pap("nobody", "1234")), rejection)
	b.want("disabled", b.send(b.pap("dave", "1234")), rejection)
}

// held sends a request that is held, lets time pass, and returns the answer.
func (b *bed) held(r *request, pass time.Duration) reply {
	got := make(chan reply, 1)
	go func() { got <- b.send(r) }()
	synctest.Wait()
	b.clock.Advance(pass)
	return <-got
}

// outbox is the code that was delivered to somebody last.
func (b *bed) outbox(user string) string {
	list, err := b.env.Factors.Outbox(b.t.Context(), user)
	if err != nil || len(list) == 0 {
		b.t.Fatalf("outbox of %s: %v, %v", user, list, err)
	}
	return list[len(list)-1].Code
}

func testDuo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flavour: duo")
		r := b.want("passcode", b.send(b.pap("alice", "Alice-Pass-1,"+b.code("alice"))), acceptance)
		if r.text() != "Success. Logging you in..." {
			t.Errorf("accept says %q", r.text())
		}
		r = b.want("its replay", b.send(b.pap("alice", "Alice-Pass-1,"+b.code("alice"))), rejection)
		if r.text() != "Incorrect passcode. Please try again." {
			t.Errorf("reject says %q", r.text())
		}
		b.want("push", b.held(b.pap("alice", "Alice-Pass-1,push"), time.Second), acceptance)
		b.want("second push device", b.held(b.pap("alice", "Alice-Pass-1,push2"), 0), rejection)
		b.want("third push device", b.send(b.pap("alice", "Alice-Pass-1,push3")), rejection)
		b.want("phone", b.held(b.pap("alice", "Alice-Pass-1,phone"), 0), acceptance)
		b.want("sms sends and fails", b.send(b.pap("alice", "Alice-Pass-1,sms")), rejection)
		b.want("the code of the sms", b.send(b.pap("alice", "Alice-Pass-1,"+b.outbox("alice"))), acceptance)
		b.want("auto", b.held(b.pap("alice", "Alice-Pass-1"), time.Second), acceptance)
		b.want("auto, empty factor", b.held(b.pap("alice", "Alice-Pass-1,"), time.Second), acceptance)
		b.want("wrong password", b.send(b.pap("alice", "nope,push")), rejection)
		b.want("comma in the password, auto", b.held(b.pap("comma", "pa,ss"), 0), acceptance)
		b.want("comma in the password, passcode", b.send(b.pap("comma", "pa,ss,"+b.code("comma"))), acceptance)
		b.want("CHAP cannot be split", b.send(b.chap("alice", []byte("Alice-Pass-1,push"))), rejection)
		b.want("CHAP, auto", b.held(b.chap("alice", []byte("Alice-Pass-1")), time.Second), acceptance)
		b.want("fraud", b.held(b.pap("mallory", "Mallory-Pass-1"), 0), rejection)
		b.want("no device", b.send(b.pap("victor", "Victor-Pass-1")), rejection)
		b.want("nobody decides", b.held(b.pap("bob", "Bob-Pass-1"), time.Minute), rejection)
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flavour: duo\nduo: {mode: challenge, enroll_url: 'https://duo.test/x'}")
		ask := func() reply { return b.want("menu", b.send(b.pap("alice", "Alice-Pass-1")), question) }
		r := ask()
		want := "Duo two-factor login for alice\n\nEnter a passcode or select one of the following options:\n\n" +
			"1. Duo Push to XXX-XXX-0100\n2. Duo Push to XXX-XXX-0100\n3. Phone call to XXX-XXX-0100\n" +
			"4. SMS passcodes to XXX-XXX-0101\n\nPasscode or option (1-4): "
		if r.text() != want {
			t.Errorf("menu:\n%q\n%q", r.text(), want)
		}
		b.want("option 1", b.held(b.pap("alice", "1", r.state()), time.Second), acceptance)
		b.want("passcode", b.send(b.pap("alice", b.code("alice"), ask().state())), acceptance)
		b.want("word", b.held(b.pap("alice", "phone", ask().state()), 0), acceptance)
		b.want("no option", b.send(b.pap("alice", "9", ask().state())), rejection)
		b.want("empty", b.send(b.pap("alice", "", ask().state())), rejection)
		r = b.want("sms", b.send(b.pap("alice", "sms", ask().state())), question)
		b.want("its code", b.send(b.pap("alice", b.outbox("alice"), r.state())), acceptance)
		r = b.want("nobody enrolled", b.send(b.pap("victor", "Victor-Pass-1")), question)
		if r.text() != "Please enroll at https://duo.test/x" {
			t.Errorf("enrolment: %q", r.text())
		}
		b.want("no answer to that", b.send(b.pap("victor", "ok", r.state())), rejection)
	})
}

func testNPS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flavour: nps\nattributes: {server: {Class: [policy]}}")
		r := b.want("code", b.send(b.pap("alice", "Alice-Pass-1")), question)
		if len(r.state().Value) != 36 {
			t.Errorf("State %q is no GUID", r.state().Value)
		}
		r = b.want("its answer", b.send(b.pap("alice", b.code("alice"), r.state())), acceptance)
		if r.Has(25) {
			t.Error("after a challenge the accept carries policy attributes")
		}
		r = b.want("push", b.held(b.pap("pusher", "Pusher-Pass-1"), 0), acceptance)
		if !r.Has(25) {
			t.Error("after a push the accept lacks policy attributes")
		}
		b.want("MS-CHAPv2 and push", b.held(b.mschap2("alice", "Alice-Pass-1"), time.Second), acceptance)
		r = b.want("MS-CHAPv2 and codes only", b.send(b.mschap2("newpin", "Newpin-Pass-1")), rejection)
		if !strings.Contains(r.call.Why, "codes only") {
			t.Errorf("why: %s", r.call.Why)
		}
		r = b.want("sms", b.send(b.pap("texter", "Texter-Pass-1")), question)
		b.want("its code", b.send(b.pap("texter", b.outbox("texter"), r.state())), acceptance)
		b.want("empty", b.send(b.pap("alice", "")), rejection)
		b.want("no factor", b.send(b.pap("victor", "Victor-Pass-1")), rejection)
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flavour: nps\nnps: {number_matching: false}")
		b.want("push before code", b.held(b.pap("alice", "Alice-Pass-1"), time.Second), acceptance)
	})
}

func TestOkta(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flavour: okta\nokta: {menu: 'Pick:', append: true}")
		ask := func() reply { return b.want("menu", b.send(b.pap("alice", "Alice-Pass-1")), question) }
		r := ask()
		if want := "Pick:\n1 - Google Authenticator\n2 - Okta Verify Push\n3 - Voice call approval\n4 - SMS authentication\n5 - Okta Verify Push"; r.text() != want {
			t.Errorf("menu %q", r.text())
		}
		b.want("push", b.held(b.pap("alice", "2", r.state()), time.Second), acceptance)
		b.want("second push device denies", b.held(b.pap("alice", "5", ask().state()), 0), rejection)
		r = b.want("code", b.send(b.pap("alice", "1", ask().state())), question)
		b.want("its answer", b.send(b.pap("alice", b.code("alice"), r.state())), acceptance)
		r = b.want("sms", b.send(b.pap("alice", "4", ask().state())), question)
		b.want("its code", b.send(b.pap("alice", b.outbox("alice"), r.state())), acceptance)
		b.clock.Advance(time.Minute)
		b.want("appended", b.send(b.pap("alice", "Alice-Pass-1,"+b.code("alice"))), acceptance)
		b.want("empty pushes", b.held(b.pap("alice", ""), time.Second), acceptance)
		b.want("no factor 6", b.send(b.pap("alice", "6", ask().state())), rejection)
		b.want("nobody enrolled", b.send(b.pap("victor", "Victor-Pass-1")), rejection)
	})
}

func TestFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flow: otp|push|sms")
		b.want("empty is a push", b.held(b.pap("alice", ""), time.Second), acceptance)
		b.want("the word too", b.held(b.pap("alice", "push"), time.Second), acceptance)
		b.want("a code", b.send(b.pap("alice", b.code("alice"))), acceptance)
		r := b.want("a text message", b.send(b.pap("alice", "sms")), question)
		b.want("its code", b.send(b.pap("alice", b.outbox("alice"), r.state())), acceptance)
		b.want("disabled people get in by no code", b.send(b.pap("dave", "push")), rejection)
		b.want("nobody", b.send(b.pap("nobody", "")), rejection)
		b.want("empty by CHAP is a push", b.held(b.chap("alice", nil), time.Second), acceptance)
	})
	b := newBed(t, loopback+"flow: push|sms")
	r := b.want("a choice without otp", b.send(b.pap("texter", "sms")), question)
	b.want("the code sent", b.send(b.pap("texter", b.outbox("texter"), r.state())), acceptance)
	b.want("no push device", b.send(b.pap("texter", "")), rejection)
	b = newBed(t, loopback+"flow: push|call")
	b.want("not one of the words", b.send(b.pap("alice", "otp")), rejection)
	b.want("locked out", b.send(b.pap("eve", "push")), rejection)
	b = newBed(t, loopback+"flow: otp,password")
	r = b.want("the code first", b.send(b.pap("alice", b.code("alice"))), question)
	if r.text() != "Password:" {
		t.Errorf("asks %q", r.text())
	}
	b.want("then the password", b.send(b.pap("alice", "Alice-Pass-1", r.state())), acceptance)
	b = newBed(t, loopback+"flow: password+otp")
	b.want("together", b.send(b.pap("alice", "Alice-Pass-1"+b.code("alice"))), acceptance)
	b.want("password alone", b.send(b.pap("alice", "Alice-Pass-1")), rejection)
	b.clock.Advance(30 * time.Second)
	b.want("wrong password", b.send(b.pap("alice", "Wrong-Pass-1"+b.code("alice"))), rejection)
	b.want("that used no code up", b.send(b.pap("alice", "Alice-Pass-1"+b.code("alice"))), acceptance)
	b = newBed(t, loopback+"flow: otp+password")
	b.want("the other way round", b.send(b.pap("alice", b.code("alice")+"Alice-Pass-1")), acceptance)
	b = newBed(t, loopback+"flow: password,sms,otp")
	r = b.want("sms after password", b.send(b.pap("alice", "Alice-Pass-1")), question)
	r = b.want("otp after sms", b.send(b.pap("alice", b.outbox("alice"), r.state())), question)
	b.want("three rounds", b.send(b.pap("alice", b.code("alice"), r.state())), acceptance)
	b = newBed(t, loopback+"flow: sms")
	r = b.want("anything triggers the code", b.send(b.pap("texter", "")), question)
	b.want("the code", b.send(b.pap("texter", b.outbox("texter"), r.state())), acceptance)
}

func TestScripted(t *testing.T) {
	b := newBed(t, loopback+`flavour: scripted
scripts:
  - user: alice
    rounds:
      - {expect: password, reply: "PIN?", attributes: {Class: [first]}}
      - {expect: "=4711", reply: "Code?", echo: true, otherwise: "wrong PIN"}
      - {expect: otp, reply: "Welcome", attributes: {Filter-Id: [scripted]}}
  - group: dba
    rounds: [{then: reject, reply: "never"}]
  - rounds: [{expect: empty, delay: 2s}]`)
	r := b.want("password", b.send(b.pap("alice", "Alice-Pass-1")), question)
	if r.text() != "PIN?" || !r.Has(25) {
		t.Errorf("first round: %q", r.text())
	}
	bad := b.want("wrong PIN", b.send(b.pap("alice", "1", r.state())), rejection)
	if bad.text() != "wrong PIN" {
		t.Errorf("reject says %q", bad.text())
	}
	r = b.want("password", b.send(b.pap("alice", "Alice-Pass-1")), question)
	r = b.want("PIN", b.send(b.pap("alice", "4711", r.state())), question)
	if echo, _ := r.Integer(76); echo != 1 {
		t.Error("the third round is not echoed")
	}
	r = b.want("code", b.send(b.pap("alice", b.code("alice"), r.state())), acceptance)
	if v, _ := r.Lookup(11); string(v) != "scripted" || r.text() != "Welcome" {
		t.Errorf("accept with %q, %q", v, r.text())
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flavour: scripted\nscripts: [{rounds: [{expect: empty, delay: 2s}]}]")
		got := make(chan reply, 1)
		go func() { got <- b.send(b.pap("bob", "")) }()
		synctest.Wait()
		b.clock.Advance(time.Second)
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("the answer came too early")
		}
		b.clock.Advance(time.Second)
		b.want("after the delay", <-got, acceptance)
	})
}

func TestRejectDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flavour: freeradius")
		b.want("accepts do not wait", b.send(b.pap("alice", "Alice-Pass-1")), acceptance)
		r := b.pap("alice", "wrong")
		got := make(chan reply, 1)
		go func() { got <- b.send(r) }()
		synctest.Wait()
		b.want("a retransmission meanwhile", b.send(r), silence)
		b.clock.Advance(999 * time.Millisecond)
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("the reject came too early")
		}
		b.clock.Advance(time.Millisecond)
		b.want("after a second", <-got, rejection)
	})
}

func testPamRadius(t *testing.T) {
	b := newBed(t, loopback+"flow: password,otp")
	nasAttrs := []wire.Attribute{{Type: 4, Value: []byte{127, 0, 0, 1}}, wire.Text(32, "sshd"), wire.Integer(5, 4711),
		wire.Integer(61, 5), wire.Integer(6, 8), wire.Text(31, "192.0.2.7")}
	r := b.want("first", b.send(b.pap("alice", "Alice-Pass-1", nasAttrs...).signed()), question)
	again := b.pap("alice", b.code("alice"), append(nasAttrs[:4:4], nasAttrs[5], r.state())...).signed()
	again.id = r.ID() + 1
	b.want("answer with State last", b.send(again), acceptance)
	empty := b.pap("alice", "")
	empty.attrs[1].Value = wire.NewSecret([]byte(secret)).Hide(nil, empty.auth[:])
	b.want("16 NULs are an empty password", b.send(empty.signed()), rejection)
}

func testShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, loopback+"flow: password,push")
		line := b.line("auth")
		ctx, stop := contextWithCancel(line)
		r := b.pap("bob", "Bob-Pass-1")
		got := make(chan []byte, 1)
		go func() { got <- b.ports["auth"].Packet(ctx, r.bytes(), udp(nas)) }()
		synctest.Wait()
		stop()
		if out := <-got; out != nil {
			t.Errorf("answered %x", out)
		}
		list, _ := b.env.Factors.Approvals(t.Context(), "bob")
		if len(list) != 1 || list[0].State != "cancelled" {
			t.Errorf("the push: %+v", list)
		}
	})
}

func testPanic(t *testing.T) {
	b := newBed(t, loopback)
	b.env.Rand = panicker{}
	b.env.Decode = func(any) error { return nil }
	settings := loopback + "flow: password,otp"
	broken, err := bedWith(t, settings, b.env)
	if err != nil {
		t.Fatal(err)
	}
	r := broken.pap("alice", "Alice-Pass-1")
	for range 2 { // the second is no duplicate of one that runs for ever
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic came through to the fleet")
				}
			}()
			broken.raw("auth", nas, r.bytes())
		}()
	}
	broken.want("the next request", broken.send(broken.pap("alice", "wrong")), rejection)
}

func TestAccountingRaces(t *testing.T) {
	b := newBed(t, loopback)
	var wg sync.WaitGroup
	for range 8 {
		r := b.request(layeh.CodeAccountingRequest, name("alice"), wire.Text(44, "s1"), wire.Integer(40, 1))
		wg.Go(func() { b.raw("acct", nas, r.bytes()) })
	}
	wg.Wait()
	s := b.sessions()
	if len(s) != 1 || len(s[0].Events) != 1 {
		t.Errorf("eight copies of one event became %+v", s)
	}
}
