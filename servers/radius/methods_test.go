package radius_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc3079"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/radius"
)

func contextWithCancel(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

func udp(a netip.AddrPort) net.Addr { return net.UDPAddrFromAddrPort(a) }

type panicker struct{}

func (panicker) Read([]byte) (int, error) { panic("out of randomness") }

// bedWith is a bed over a ready environment.
func bedWith(t *testing.T, settings string, env dialect.Env) (*bed, error) {
	env.Decode = func(v any) error { return yaml.Load([]byte(settings), v, yaml.WithKnownFields()) }
	b := newBed(t, loopback)
	s, err := radius.New(env)
	if err != nil {
		return nil, err
	}
	b.server, b.env = s, env
	for _, p := range s.Ports() {
		b.ports[p.Name] = p
	}
	return b, nil
}

// mschap2 is a login with MS-CHAPv2.
func (b *bed) mschap2(user, password string) *request {
	r := b.request(layeh.CodeAccessRequest, name(user))
	challenge, peer := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16)
	bare := user[strings.LastIndexByte(user, '\\')+1:]
	response, err := rfc2759.GenerateNTResponse(challenge, peer, []byte(bare), []byte(password))
	if err != nil {
		b.t.Fatal(err)
	}
	v := slices.Concat([]byte{7, 0}, peer, make([]byte, 8), response)
	r.attrs = append(r.attrs, wire.Vendor(311, 11, challenge), wire.Vendor(311, 25, v))
	return r
}

func (b *bed) mschap1(user, password string) *request {
	r := b.request(layeh.CodeAccessRequest, name(user))
	challenge := bytes.Repeat([]byte{3}, 8)
	utf16, err := rfc2759.ToUTF16([]byte(password))
	if err != nil {
		b.t.Fatal(err)
	}
	nt := rfc2759.ChallengeResponse(challenge, rfc2759.NTPasswordHash(utf16))
	r.attrs = append(r.attrs, wire.Vendor(311, 11, challenge), wire.Vendor(311, 1, slices.Concat([]byte{9, 1}, make([]byte, 24), nt)))
	return r
}

// unsalt decrypts an MPPE key of a reply.
func (b *bed) unsalt(r reply, req *request, typ byte) []byte {
	b.t.Helper()
	v, found := r.Vendor(311, typ)
	if !found {
		b.t.Fatalf("no MPPE key %d", typ)
	}
	key, _, err := layeh.TunnelPassword(v, []byte(secret), req.auth[:])
	if err != nil {
		b.t.Fatal(err)
	}
	return key
}

func testMSCHAP(t *testing.T) {
	b := newBed(t, loopback)
	req := b.mschap1("alice", "Alice-Pass-1")
	r := b.want("version 1", b.send(req), acceptance)
	hidden, _ := r.Vendor(311, 12)
	utf16, _ := rfc2759.ToUTF16([]byte("Alice-Pass-1"))
	want := slices.Concat(make([]byte, 8), rfc2759.NTPasswordHash(rfc2759.NTPasswordHash(utf16)), make([]byte, 8))
	if got, err := layeh.UserPassword(hidden, []byte(secret), req.auth[:]); len(hidden) != 32 {
		t.Errorf("MS-CHAP-MPPE-Keys %x, %v", got, err)
	}
	if !bytes.Equal(hidden, wire.NewSecret([]byte(secret)).Hide(want, req.auth[:])) {
		t.Error("MS-CHAP-MPPE-Keys are not 8 zero, NT hash hash, 8 zero")
	}
	for _, user := range []string{"alice", `ACME\alice`} {
		req = b.mschap2(user, "Alice-Pass-1")
		r = b.want("version 2, "+user, b.send(req), acceptance)
		success, _ := r.Vendor(311, 26)
		challenge, peer := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16)
		response := req.attrs[2].Value[6+26:]
		text, err := rfc2759.GenerateAuthenticatorResponse(challenge, peer, response, []byte("alice"), []byte("Alice-Pass-1"))
		if err != nil || string(success) != "\x07"+text || len(success) != 43 {
			t.Errorf("MS-CHAP2-Success %q, want %q", success, text)
		}
		send, err := rfc3079.MakeKey(response, []byte("Alice-Pass-1"), true)
		if err != nil || !bytes.Equal(b.unsalt(r, req, 16), send) {
			t.Error("MS-MPPE-Send-Key differs")
		}
		receive, err := rfc3079.MakeKey(response, []byte("Alice-Pass-1"), false)
		if err != nil || !bytes.Equal(b.unsalt(r, req, 17), receive) {
			t.Error("MS-MPPE-Recv-Key differs")
		}
	}
	bad := b.mschap2("alice", "Alice-Pass-1")
	bad.attrs = bad.attrs[:2]
	b.want("challenge without response", b.send(bad), rejection)
	bad = b.mschap2("alice", "Alice-Pass-1")
	bad.attrs = []wire.Attribute{bad.attrs[0], bad.attrs[2]}
	b.want("response without challenge", b.send(bad), rejection)
	b.want("length", b.send(b.request(1, name("alice"), wire.Vendor(311, 11, make([]byte, 16)), wire.Vendor(311, 25, make([]byte, 49)))), rejection)
}

func testMSCHAPFailure(t *testing.T) {
	b := newBed(t, loopback)
	fresh := map[string]bool{}
	for range 2 {
		r := b.want("version 2", b.send(b.mschap2("alice", "wrong")), rejection)
		v, _ := r.Vendor(311, 2)
		text := string(v[1:])
		if v[0] != 7 || !strings.HasPrefix(text, "E=691 R=1 C=") || !strings.HasSuffix(text, " V=3 M=Authentication failed") || len(text) < 12+32 {
			t.Errorf("MS-CHAP-Error %q", v)
		}
		fresh[text[12:44]] = true
	}
	if len(fresh) != 2 {
		t.Error("the challenge is not fresh")
	}
	v, _ := b.want("version 1", b.send(b.mschap1("alice", "wrong")), rejection).Vendor(311, 2)
	if text := string(v[1:]); v[0] != 9 || len(text) != len("E=691 R=1 C=0123456789ABCDEF V=2") || !strings.HasSuffix(text, " V=2") {
		t.Errorf("MS-CHAP-Error %q", v)
	}
	for user, code := range map[string]string{"dave": "E=647", "eve": "E=647", "peggy": "E=648", "carol": "E=648"} {
		r := b.want(user, b.send(b.mschap2(user, strings.ToUpper(user[:1])+user[1:]+"-Pass-1")), rejection)
		if v, _ := r.Vendor(311, 2); !strings.HasPrefix(string(v[1:]), code) {
			t.Errorf("%s: %q, want %s", user, v, code)
		}
	}
}

func (b *bed) sessions() []radius.Session {
	list, err := radius.Sessions(b.t.Context(), b.env.Store)
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func testAccounting(t *testing.T) {
	b := newBed(t, loopback)
	acct := func(status uint32, more ...wire.Attribute) *request {
		return b.request(layeh.CodeAccountingRequest, append([]wire.Attribute{name("alice"), wire.Text(44, "s-1"), wire.Integer(40, status)}, more...)...)
	}
	const ok = "Accounting-Response"
	start := acct(1, wire.Attribute{Type: 33, Value: []byte("hop")})
	start.pad = 3
	r := b.want("start, padded", b.send(start), ok)
	for typ := range r.All() {
		if typ != 33 {
			t.Errorf("the response carries attribute %d", typ)
		}
	}
	b.want("interim", b.send(acct(3, wire.Integer(42, 100), wire.Integer(52, 1))), ok)
	late := acct(3, wire.Integer(42, 100), wire.Integer(52, 1), wire.Integer(41, 5))
	if r := b.want("retransmitted with Acct-Delay-Time", b.send(late), ok); !strings.Contains(r.call.Why, "same event") {
		t.Errorf("why: %s", r.call.Why)
	}
	stop := acct(2, wire.Integer(42, 50))
	b.verifyMA(b.want("stop, signed", b.send(stop.signed()), ok).Packet, stop)
	wrong := acct(1)
	wrong.secret = "another"
	if r := b.want("wrong authenticator", b.send(wrong), silence); !strings.Contains(r.call.Why, "wrong secret?") {
		t.Errorf("why: %s", r.call.Why)
	}
	b.want("no Acct-Session-Id", b.send(b.request(layeh.CodeAccountingRequest, name("alice"), wire.Integer(40, 1))), silence)
	b.want("no Acct-Status-Type", b.send(b.request(layeh.CodeAccountingRequest, name("alice"), wire.Text(44, "x"))), silence)
	b.want("unknown status", b.send(b.request(layeh.CodeAccountingRequest, wire.Text(44, "boot"), wire.Integer(40, 9))), ok)
	b.want("Accounting-On", b.send(b.request(layeh.CodeAccountingRequest, wire.Text(44, "boot"), wire.Integer(40, 7))), ok)
	b.want("stop without start", b.send(b.request(layeh.CodeAccountingRequest, wire.Text(44, "lone"), wire.Integer(40, 2))), ok)

	var lines []string
	for _, s := range b.sessions() {
		for _, e := range s.Events {
			lines = append(lines, strings.Join(append([]string{s.ID, s.User, e.Status}, e.Flags...), "/"))
		}
		if s.ID == "s-1" && s.Events[1].Input != 1<<32+100 {
			t.Errorf("gigawords: %d", s.Events[1].Input)
		}
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:4], b[:4]) })
	want := []string{"boot//9", "boot//Accounting-On", "lone//Stop/stop without start",
		"s-1/alice/Start", "s-1/alice/Interim-Update", "s-1/alice/Stop/counter went backwards"}
	if !slices.Equal(lines, want) {
		t.Errorf("recorded\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func testAttributes(t *testing.T) {
	b := newBed(t, loopback+`attributes:
  server: {Class: [server-class], Session-Timeout: ["3600"], Cisco-AVPair: ["shell:priv-lvl=1"]}
  groups: {staff: {Class: [settings-staff]}}
  users: {alice: {Cisco-AVPair: ["shell:priv-lvl=15", "shell:roles=\"network-admin\""]}}`)
	values := func(r reply, typ layeh.Type) (out []string) {
		for t, v := range r.All() {
			if t == typ {
				out = append(out, string(v))
			}
		}
		return out
	}
	r := b.want("alice", b.send(b.pap("alice", "Alice-Pass-1")), acceptance)
	for typ, want := range map[layeh.Type][]string{
		25: {"dba-class"}, 11: {"dba-filter"}, 27: {"\x00\x00\x0e\x10"}, 28: {"\x00\x00\x00\x3c"},
		26: {"\x00\x00\x00\x09\x01\x13shell:priv-lvl=15", "\x00\x00\x00\x09\x01\x1dshell:roles=\"network-admin\""},
	} {
		if got := values(r, typ); !slices.Equal(got, want) {
			t.Errorf("attribute %d: %q, want %q", typ, got, want)
		}
	}
	r = b.want("bob", b.send(b.pap("bob", "Bob-Pass-1")), acceptance)
	if got := values(r, 25); !slices.Equal(got, []string{"bob-class"}) {
		t.Errorf("bob's Class: %q", got)
	}
	_, err := tryBed(t, loopback+`attributes: {server: {Class: ["`+strings.Repeat("x", 254)+`"], Nope: [x]}, users: {nobody: {}}}`)
	for _, want := range []string{"attributes.server.Class", "253", "attributes.server.Nope", "attributes.users.nobody"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not speak of %s: %v", want, err)
		}
	}
}
