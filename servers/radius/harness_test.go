package radius_test

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
	layeh "layeh.com/radius"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fault/edit"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/radius"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const secret = "testing123"

// loopback is the client entry of most tests: no Message-Authenticator needed,
// and nothing learnt.
const loopback = `clients: [{name: nas, from: 127.0.0.0/8, secret: testing123, require_message_authenticator: "no", limit_proxy_state: "no"}]
`

// bed is one server with everything around it.
type bed struct {
	t      testing.TB
	clock  *clock.Virtual
	env    dialect.Env
	server dialect.Server
	ports  map[string]dialect.Port
	faults *fault.Table
	shared *state.Memory // what stands under all stores of the environment

	number byte // of the process: each draws differently

	mu    sync.Mutex
	calls []*dialect.Call
	n     byte
	auths uint64
}

// locked makes a rand.ChaCha8 safe for concurrent use, as Env.Rand must be.
type locked struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *locked) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(b)
}

func totp(user string) world.Device {
	return world.Device{ID: user + "-totp", UserID: user, Kind: world.TOTP, Secret: []byte("12345678901234567890"), Digits: 6,
		Period: 30 * time.Second, Window: world.Window{Before: 1, After: 1}}
}

func push(user, policy string, delay time.Duration) world.Device {
	return world.Device{ID: user + "-phone", UserID: user, Kind: world.Push, Address: "+15550100",
		Approval: &world.Approval{Policy: policy, Delay: delay}}
}

func facts() world.Facts {
	person := func(name string, status world.Status, devices ...world.Device) world.User {
		return world.User{ID: name, Name: name, Password: strings.ToUpper(name[:1]) + name[1:] + "-Pass-1", Status: status, Devices: devices}
	}
	call := world.Device{ID: "alice-call", UserID: "alice", Kind: world.Call, Address: "+15550100", Approval: &world.Approval{Policy: "approve"}}
	sms := func(user string) world.Device {
		return world.Device{ID: user + "-sms", UserID: user, Kind: world.SMS, Address: "+15550101", Digits: 6}
	}
	second := push("alice", "deny", 0)
	second.ID = "alice-tablet"
	alice := person("alice", world.Active, totp("alice"), push("alice", "approve", time.Second), call, sms("alice"), second)
	alice.Groups, alice.Phone = []string{"dba"}, "+1 555 0100"
	bob := person("bob", world.Active, world.Device{ID: "bob-hotp", UserID: "bob", Kind: world.HOTP, Digits: 6,
		Secret: []byte("12345678901234567890"), Window: world.Window{After: 10}}, sms("bob"), push("bob", "interactive", 0))
	bob.Radius = map[string][]string{"Class": {"bob-class"}}
	newpin := person("newpin", world.Active, totp("newpin"))
	newpin.Settings = map[string]string{"radius.token_mode": "new_pin"}
	pinned := totp("pinned")
	pinned.PIN = "1234"
	carded := sms("demand")
	carded.PIN = "1234"
	demand := person("demand", world.Active, carded)
	odd := person("odd", world.Active)
	odd.Password = "pässwörd"
	comma := person("comma", world.Active, totp("comma"), push("comma", "approve", 0))
	comma.Password = "pa,ss"
	md5only := person("md5only", world.Active)
	md5only.Settings = map[string]string{"radius.eap_methods": "md5"}
	users := []world.User{alice, bob, person("carol", world.MustChange), person("dave", world.Disabled), person("eve", world.Locked),
		person("peggy", world.Expired), person("mallory", world.Active, push("mallory", "fraud", 0)), person("victor", world.Active),
		newpin, person("pinned", world.Active, pinned), odd, comma, md5only,
		demand, person("texter", world.Active, sms("texter")), person("pusher", world.Active, push("pusher", "approve", 0))}
	for _, n := range lengths {
		u := person(fmt.Sprintf("len%d", n), world.Active)
		u.Password = strings.Repeat("x", n)
		users = append(users, u)
	}
	return world.Facts{Organization: world.Organization{Domain: "acme.test", NetBIOS: "ACME"}, RandomSeed: 1, Users: users,
		Groups: []world.Group{{ID: "dba", Name: "dba", Radius: map[string][]string{"Filter-Id": {"dba-filter"}, "Class": {"dba-class"}}},
			{ID: "staff", Name: "staff", MemberGroups: []string{"dba"}, Radius: map[string][]string{"Class": {"staff-class"}, "Idle-Timeout": {"60"}}}}}
}

var lengths = []int{1, 15, 16, 17, 32, 128, 129, 240}

// newBed builds a server from settings in YAML.
func newBed(t testing.TB, settings string) *bed {
	t.Helper()
	b, err := tryBed(t, settings)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tryBed(t testing.TB, settings string) (*bed, error) { return bedOf(t, settings, facts()) }

func bedOf(t testing.TB, settings string, f world.Facts) (*bed, error) {
	t.Helper()
	w, err := world.New(f)
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(noon)
	shared := state.NewMemory(c)
	b := &bed{t: t, clock: c, shared: shared}
	return b, b.build(settings, w, shared)
}

// shared is a store that other processes see.
type shared struct{ state.Store }

// Shared implements state.Store.
func (shared) Shared() bool { return true }

// replicas are servers of one fleet in several processes.
func replicas(t testing.TB, settings string, n int) (out []*bed) {
	t.Helper()
	w, err := world.New(facts())
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(noon)
	store := state.NewMemory(c)
	for i := range n {
		b := &bed{t: t, clock: c, shared: store, number: byte(i)}
		if err := b.build(settings, w, shared{store}); err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// build makes the server of a bed over a store.
func (b *bed) build(settings string, w *world.World, shared state.Store) error {
	t := b.t
	t.Helper()
	b.ports = map[string]dialect.Port{}
	r := &locked{r: rand.NewChaCha8([32]byte{1, b.number})}
	b.env = dialect.Env{Name: "mfa", World: w, Store: state.Under(shared, "radius/"), Clock: b.clock, Rand: r,
		Logins:  signin.New(signin.Config{World: w, Store: state.Under(shared, "signin/"), Clock: b.clock, Rand: r}),
		Factors: factor.New(factor.Config{World: w, Store: state.Under(shared, "factor/"), Clock: b.clock, Rand: r}),
		Log:     slog.New(slog.NewTextHandler(t.Output(), nil)),
		Decode: func(v any) error {
			return yaml.Load([]byte(settings), v, yaml.WithKnownFields())
		},
		URL: func(string) string { return "" },
		TLS: serverTLS(t),
	}
	var err error
	if b.server, err = radius.New(b.env); err != nil {
		return err
	}
	b.faults = fault.New(1, b.server.Faults()...)
	for _, p := range b.server.Ports() {
		b.ports[p.Name] = p
	}
	return nil
}

// code is the TOTP code of the shared test secret now.
func (b *bed) code(user string) string {
	for _, d := range b.env.World.DevicesOf(user) {
		if d.Kind == world.TOTP {
			c, err := factor.CodeAt(d, uint64(factor.Step(d, b.clock.Now())))
			if err != nil {
				b.t.Fatal(err)
			}
			return c
		}
	}
	b.t.Fatalf("%s has no TOTP device", user)
	return ""
}

// line gives a call a place to look for faults.
func (b *bed) line(port string) context.Context {
	return dialect.WithLine(b.t.Context(), &dialect.Line{Server: "mfa", Port: port, Clock: b.clock,
		Fault: func(c *dialect.Call, kind string) (fault.Rule, bool) {
			return b.faults.Hit(fault.Subject{Server: c.Server, Op: c.Op, Actor: c.Actor, Object: c.Object}, kind)
		}, Edit: func(c *dialect.Call, m edit.Message) {
			for _, r := range b.faults.Edits(&c.Look, fault.Subject{Server: c.Server, Op: c.Op, Actor: c.Actor, Object: c.Object}, nil) {
				if m.Change(r.Change()) {
					c.Fired = append(c.Fired, r.ID)
				}
			}
		}, End: func(_ context.Context, c *dialect.Call) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.calls = append(b.calls, c)
			dialecttest.Saw(b.t, "radius", c.Ended())
			return nil
		}})
}

// last is the call that ended last.
func (b *bed) last() *dialect.Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.calls) == 0 {
		b.t.Fatal("there was no call")
	}
	return b.calls[len(b.calls)-1]
}

var nas = netip.MustParseAddrPort("127.0.0.1:40000")

// raw sends octets to a port from an address.
func (b *bed) raw(port string, from netip.AddrPort, octets []byte) []byte {
	ctx, call := dialect.Begin(b.line(port), "datagram")
	reply := b.ports[port].Packet(ctx, slices.Clone(octets), net.UDPAddrFromAddrPort(from))
	call.End(ctx)
	return reply
}

// request is a packet in the making.
type request struct {
	code   layeh.Code
	id     byte
	auth   [16]byte
	attrs  []wire.Attribute
	secret string
	from   netip.AddrPort
	port   string
	ma     bool // put a Message-Authenticator first
	pad    int
}

// request starts a packet with a fresh Identifier and authenticator.
func (b *bed) request(code layeh.Code, attrs ...wire.Attribute) *request {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	b.auths++
	r := &request{code: code, id: b.n, attrs: attrs, secret: secret, from: nas, port: "auth"}
	sum := md5.Sum(binary.BigEndian.AppendUint64(nil, b.auths))
	r.auth = sum
	if code == layeh.CodeAccountingRequest {
		r.port = "acct"
	}
	return r
}

func name(user string) wire.Attribute { return wire.Text(1, user) }

// pap is a login with User-Password.
func (b *bed) pap(user, password string, more ...wire.Attribute) *request {
	r := b.request(layeh.CodeAccessRequest, name(user))
	hidden := wire.NewSecret([]byte(secret)).Hide([]byte(password), r.auth[:])
	if password == "" {
		hidden = nil // as pyrad sends it
	}
	r.attrs = append(append(r.attrs, wire.Attribute{Type: 2, Value: hidden}), more...)
	return r
}

// chap is a login with CHAP-Password over the Request Authenticator.
func (b *bed) chap(user string, password []byte, more ...wire.Attribute) *request {
	r := b.request(layeh.CodeAccessRequest, name(user))
	r.attrs = append(append(r.attrs, chapPassword(r.id, password, r.auth[:])), more...)
	return r
}

func chapPassword(ident byte, password, challenge []byte) wire.Attribute {
	h := md5.Sum(slices.Concat([]byte{ident}, password, challenge))
	return wire.Attribute{Type: 3, Value: append([]byte{ident}, h[:]...)}
}

// signed adds a Message-Authenticator.
func (r *request) signed() *request { r.ma = true; return r }

func (r *request) at(from string) *request { r.from = netip.MustParseAddrPort(from); return r }

// bytes is the packet on the wire.
func (r *request) bytes() []byte {
	out := append([]byte{byte(r.code), r.id, 0, 0}, r.auth[:]...)
	attrs, at := r.attrs, 0
	if r.ma {
		attrs = append([]wire.Attribute{{Type: 80, Value: make([]byte, 16)}}, attrs...)
	}
	for _, a := range attrs {
		out = append(out, byte(a.Type), byte(len(a.Value)+2))
		if a.Type == 80 && at == 0 {
			at = len(out)
		}
		out = append(out, a.Value...)
	}
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	s := wire.NewSecret([]byte(r.secret))
	if r.code == layeh.CodeAccountingRequest {
		clear(out[4:20])
	}
	if r.ma {
		s.SignMessage(out, out[4:20], at)
	}
	if r.code == layeh.CodeAccountingRequest {
		s.Sign(out)
	}
	return append(out, make([]byte, r.pad)...)
}

// reply is a checked answer; its zero value is silence.
type reply struct {
	wire.Packet
	call *dialect.Call
}

// send sends a packet and checks what every reply must fulfil (number 11).
func (b *bed) send(r *request) reply {
	b.t.Helper()
	octets := r.bytes()
	out := b.raw(r.port, r.from, octets)
	call := b.last()
	if out == nil {
		return reply{call: call}
	}
	p, err := wire.Check(out)
	if err != nil {
		b.t.Fatalf("our own reply is malformed: %v", err)
	}
	if !layeh.IsAuthenticResponse(out, octets, []byte(r.secret)) {
		b.t.Error("the Response Authenticator does not verify")
	}
	if r.code == layeh.CodeAccessRequest {
		if p[20] != 80 {
			b.t.Errorf("%v does not start with Message-Authenticator", p.Code())
		}
		b.verifyMA(p, r)
	}
	return reply{p, call}
}

// verifyMA checks the Message-Authenticator of a reply.
func (b *bed) verifyMA(p wire.Packet, r *request) {
	b.t.Helper()
	again := slices.Clone(p)
	copy(again[4:20], r.bytes()[4:20])
	if present, err := wire.NewSecret([]byte(r.secret)).VerifyMessage(again); !present || err != nil {
		b.t.Errorf("Message-Authenticator of the reply: present %v, %v", present, err)
	}
}

// code of a reply in words; "silence" for none.
func (r reply) is() string {
	if r.Packet == nil {
		return "silence"
	}
	return r.Code().String()
}

func (r reply) text() string {
	v, _ := r.Lookup(18)
	return string(v)
}

func (r reply) state() wire.Attribute {
	v, _ := r.Lookup(24)
	return wire.Attribute{Type: 24, Value: v}
}

// want fails the test unless a reply is what it should be.
func (b *bed) want(what string, r reply, code string) reply {
	b.t.Helper()
	if r.is() != code {
		b.t.Fatalf("%s: got %s (%s: %s), want %s", what, r.is(), r.call.Outcome, r.call.Why, code)
	}
	if r.Packet != nil && r.call.Status != code {
		b.t.Errorf("%s: the call says %q", what, r.call.Status)
	}
	return r
}

const (
	acceptance = "Access-Accept"
	rejection  = "Access-Reject"
	question   = "Access-Challenge"
	silence    = "silence"
)
