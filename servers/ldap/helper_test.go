package ldap_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fault/edit"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/ldap"
)

// start is when the frozen clocks of the tests stand.
var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// lab is one server on loopback listeners, with all that a test may turn.
type lab struct {
	t      testing.TB
	world  *world.World
	clock  *clock.Virtual
	store  state.Store
	guard  *signin.Authenticator
	faults *fault.Table
	server dialect.Server
	addr   map[string]string
	mu     sync.Mutex
	calls  []dialect.Call
	cert   tls.Certificate
	quiet  bool
	done   sync.Map // client address → ending of its connection
	stop   func()
}

// setup are the parts of a lab that a test wants otherwise.
type setup struct {
	facts world.Facts
	set   ldap.Settings
	store state.Store
	noTLS bool
	loose bool // run on real time
	quiet bool // remember no calls
}

func open(t testing.TB, s setup) *lab {
	t.Helper()
	if s.facts.Users == nil {
		s.facts = cast()
	}
	w, err := world.New(s.facts)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, world: w, clock: clock.Frozen(start), store: s.store, faults: fault.New(1), addr: map[string]string{}, quiet: s.quiet}
	if s.loose {
		l.clock = clock.New()
	}
	if strings.Contains(t.Name(), "running_clock") { // a golden exchange, run again
		l.clock.Resume()
	}
	if l.store == nil {
		l.store = state.NewMemory(l.clock)
	}
	l.guard = signin.New(signin.Config{World: w, Store: state.Under(l.store, "signin/"), Clock: l.clock, Rand: w.Derive("signin")})
	env := dialect.Env{Name: "ldap", World: w, Logins: l.guard, Store: state.Under(l.store, "ldap/"), Clock: l.clock,
		Rand: &shared{r: w.Derive("rand")}, Decode: func(v any) error { *v.(*ldap.Settings) = s.set; return nil }}
	l.cert = selfSigned(t)
	if !s.noTLS {
		env.TLS = &tls.Config{Certificates: []tls.Certificate{l.cert}}
	}
	l.server, err = ldap.New(env)
	if err != nil {
		t.Fatal(err)
	}
	l.faults = fault.New(1, l.server.Faults()...)
	l.listen()
	return l
}

// shared makes a reader safe for concurrent use.
type shared struct {
	mu sync.Mutex
	r  io.Reader
}

func (s *shared) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(p)
}

// listen plays the fleet: accept loops, TLS, a line for the journal, shutdown.
func (l *lab) listen() {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var closers []io.Closer
	for _, p := range l.server.Ports() {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			l.t.Fatal(err)
		}
		closers = append(closers, ln)
		l.addr[p.Name] = ln.Addr().String()
		if p.TLS {
			clients := x509.NewCertPool()
			if ca, err := x509.ParseCertificate(l.cert.Certificate[0]); err == nil {
				clients.AddCert(ca)
			}
			ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{l.cert}, ClientCAs: clients, ClientAuth: tls.VerifyClientCertIfGiven})
		}
		all.Go(func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				from := c.RemoteAddr().String()
				e := l.ending(from)
				if e.taken.Swap(true) { // the client's port has come again, before the end of the one before was noted
					e = &ending{over: make(chan struct{})}
					e.taken.Store(true)
					l.done.Store(from, e)
				}
				all.Go(func() {
					p.Conn(dialect.WithLine(ctx, l.line(p.Name, c)), c)
					l.done.CompareAndDelete(from, e)
					close(e.over)
				})
			}
		})
	}
	l.stop = sync.OnceFunc(func() {
		cancel()
		for _, c := range closers {
			c.Close()
		}
		all.Wait()
	})
	l.t.Cleanup(l.stop)
}

func (l *lab) line(port string, c net.Conn) *dialect.Line {
	subject := func(c *dialect.Call) fault.Subject {
		return fault.Subject{Server: c.Server, Op: c.Op, Actor: c.Actor, Object: c.Object}
	}
	return &dialect.Line{Server: "ldap", Port: port, Peer: c.RemoteAddr().String(), Clock: l.clock,
		Admit: func(ctx context.Context, c *dialect.Call) error {
			if r, hit := l.faults.Hit(subject(c), fault.Hang, fault.Reset, fault.Drop); hit {
				switch r.Kind {
				case fault.Hang:
					<-ctx.Done()
					return ctx.Err()
				case fault.Drop:
					return dialect.ErrDrop
				}
				return dialect.ErrReset
			}
			return nil
		},
		Fault: func(c *dialect.Call, kind string) (fault.Rule, bool) { return l.faults.Hit(subject(c), kind) },
		Edit: func(c *dialect.Call, m edit.Message) {
			for _, r := range l.faults.Edits(&c.Look, subject(c), nil) {
				if m.Change(r.Change()) {
					c.Fired = append(c.Fired, r.ID)
				}
			}
		},
		End: func(_ context.Context, c *dialect.Call) error {
			if l.quiet {
				return nil
			}
			dialecttest.Saw(l.t, "ldap", c.Ended())
			l.mu.Lock()
			defer l.mu.Unlock()
			l.calls = append(l.calls, *c)
			return nil
		}}
}

// ended is closed when the server has let go of a client's connection.
func (l *lab) ended(c net.Conn) chan struct{} {
	return l.ending(c.LocalAddr().String()).over
}

// last is the newest finished call of an operation.
func (l *lab) last(op string) dialect.Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.calls) - 1; i >= 0; i-- {
		if l.calls[i].Op == op {
			return l.calls[i]
		}
	}
	l.t.Fatalf("no call of %s", op)
	return dialect.Call{}
}

// dial connects go-ldap to a port.
func (l *lab) dial(port string) *goldap.Conn {
	l.t.Helper()
	url := "ldap://" + l.addr[port]
	if port == "ldaps" || port == "gcs" {
		url = "ldaps://" + l.addr[port]
	}
	c, err := goldap.DialURL(url, goldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true}))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Close() })
	return c
}

// bound connects and binds.
func (l *lab) bound(port, name, password string) *goldap.Conn {
	l.t.Helper()
	c := l.dial(port)
	if err := c.Bind(name, password); err != nil {
		l.t.Fatalf("bind as %s: %v", name, err)
	}
	return c
}

func selfSigned(t testing.TB) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// cast is a small company with every fate in it.
func cast() world.Facts {
	f := world.Facts{
		Organization: world.Organization{Name: "Acme", Domain: "acme.test", NetBIOS: "ACME",
			Lockout: world.Lockout{Threshold: 3, Window: 30 * time.Minute, Duration: 15 * time.Minute},
			Policy:  world.PasswordPolicy{MinLength: 6}},
		RandomSeed: 1,
		Groups: []world.Group{
			{ID: "dba", Name: "dba", Description: "Database administrators", MemberGroups: []string{"contractors"}, GIDNumber: 20001, Scope: "global"},
			{ID: "contractors", Name: "contractors", MemberGroups: []string{"externals"}, GIDNumber: 20002, Scope: "universal"},
			{ID: "externals", Name: "externals", GIDNumber: 20003, Scope: "domain_local"},
			{ID: "ring-a", Name: "ring-a", MemberGroups: []string{"ring-b"}, GIDNumber: 20004},
			{ID: "ring-b", Name: "ring-b", MemberGroups: []string{"ring-a"}, GIDNumber: 20005},
			{ID: "admins", Name: "admins", GIDNumber: 20006},
			{ID: "empty", Name: "empty", GIDNumber: 20007},
		},
	}
	add := func(id, display string, status world.Status, groups ...string) *world.User {
		n := len(f.Users)
		f.Users = append(f.Users, world.User{ID: id, Name: id, DisplayName: display, Email: id + "@acme.test", Password: pass(id),
			Status: status, Groups: groups, UIDNumber: 10001 + n, GIDNumber: 20001, Phone: fmt.Sprintf("+1 555 01%02d", n)})
		return &f.Users[n]
	}
	a := add("alice", "Alice Adams", world.Active, "dba")
	a.GivenName, a.Surname, a.Description = "Alice", "Adams", "DBA (on call) *"
	a.Attributes = map[string][]string{"cn;lang-de": {"Alice Äpfel"}, "costCenter": {"4711"}, "manager": {"uid=bob,ou=people,dc=acme,dc=test"}}
	add("bob", "Bob Brown", world.Active, "ring-a", "admins")
	add("carol", "Carol Clark", world.MustChange, "contractors")
	add("dave", "Dave Dunn", world.Disabled)
	add("eve", "Eve Evans", world.Locked)
	add("peggy", "Peggy Pope", world.Expired)
	add("mallory", "Mallory Moss", world.Active, "externals")
	add("trent", "Trent Tate", world.AccountExpired)
	add("zoë", "Zoë Zimmer", world.Active)
	twin := add("alice2", "Alice Adams", world.Active) // a namesake
	twin.UIDNumber, twin.GIDNumber = 0, 0
	night := add("nina", "Nina Night", world.Active)
	night.Settings = map[string]string{"ldap.logon_hours": "000000000000000000000000000000000000000000"}
	away := add("wendy", "Wendy Ward", world.Active)
	away.Settings = map[string]string{"ldap.workstations": "WS1,WS2"}
	return f
}

func pass(id string) string { return id + "-Pass-1" }

// Names of the cast in both flavours.
func person(id string) string { return "uid=" + id + ",ou=people,dc=acme,dc=test" }
func group(id string) string  { return "cn=" + id + ",ou=groups,dc=acme,dc=test" }
func adPerson(cn string) string {
	return "CN=" + cn + ",CN=Users,DC=acme,DC=test"
}
func adGroup(id string) string { return "CN=" + id + ",OU=Groups,DC=acme,DC=test" }

const (
	base   = "dc=acme,dc=test"
	root   = "cn=admin,dc=acme,dc=test"
	rootPW = "Manager-1"
)

func posix() setup { return setup{set: ldap.Settings{RootPW: rootPW}} }
func adset() setup { return setup{set: ldap.Settings{Flavour: "ad", RootPW: rootPW}} }

const adRoot = `ACME\Administrator`

// ask searches and returns the DNs found, or the error.
func ask(c *goldap.Conn, base string, scope int, filter string, attrs ...string) ([]*goldap.Entry, error) {
	r, err := c.Search(goldap.NewSearchRequest(base, scope, 0, 0, 0, false, filter, attrs, nil))
	if r == nil {
		return nil, err
	}
	return r.Entries, err
}

// clocks runs golden exchanges on a frozen clock and on a running one: nothing
// that a client sees may depend on two looks at the clock being the same.
func clocks(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	t.Run("frozen clock", run)
	t.Run("running clock", run) // open knows it by this name
}

func code(err error) uint16 {
	if err == nil {
		return 0
	}
	if e, ok := err.(*goldap.Error); ok {
		return e.ResultCode
	}
	return 0xffff
}

// ending is the end of one connection; taken once the server has it.
type ending struct {
	over  chan struct{}
	taken atomic.Bool
}

// ending is that of the connection from an address, whoever asks first.
func (l *lab) ending(from string) *ending {
	e, _ := l.done.LoadOrStore(from, &ending{over: make(chan struct{})})
	return e.(*ending)
}
