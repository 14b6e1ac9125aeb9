//go:build real

package radius_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	layeh "layeh.com/radius"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/steering/dialecttest"
)

// freeradius starts FreeRADIUS with the same users on loopback ports of its own
// and returns its addresses.
func freeradius(t *testing.T) (auth, acct string) {
	t.Helper()
	dir := t.TempDir()
	authPort, acctPort := freePort(t), freePort(t)
	libs, err := filepath.Glob("/usr/lib/freeradius")
	if err != nil || len(libs) == 0 {
		t.Fatal("FreeRADIUS's modules are needed")
	}
	conf := fmt.Sprintf(`
prefix = /usr
logdir = %[1]s
raddbdir = %[1]s
run_dir = %[1]s
libdir = %[2]s
pidfile = %[1]s/pid
max_request_time = 30
cleanup_delay = 5
max_requests = 16384
hostname_lookups = no
log { destination = stdout }
security {
	max_attributes = 200
	reject_delay = 0
	status_server = yes
	allow_vulnerable_openssl = yes
}
thread pool {
	start_servers = 2
	max_servers = 4
	min_spare_servers = 1
	max_spare_servers = 3
	max_requests_per_server = 0
}
client nas {
	ipaddr = 127.0.0.1
	secret = testing123
	require_message_authenticator = no
}
modules {
	files {
		usersfile = ${raddbdir}/users
	}
	pap { }
	chap { }
	mschap { }
	eap {
		default_eap_type = md5
		timer_expire = 60
		ignore_unknown_eap_types = no
		max_sessions = 1024
		md5 { }
	}
	always ok {
		rcode = ok
	}
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = %[3]d
	}
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = %[4]d
	}
	authorize {
		chap
		mschap
		eap {
			ok = return
		}
		files
		pap
	}
	post-auth {
		Post-Auth-Type REJECT {
			eap
		}
	}
	authenticate {
		eap
		Auth-Type PAP {
			pap
		}
		Auth-Type CHAP {
			chap
		}
		Auth-Type MS-CHAP {
			mschap
		}
	}
	accounting {
		ok
	}
}
`, dir, libs[0], authPort, acctPort)
	users := ""
	for u := range newBed(t, loopback).env.World.Users() {
		if u.Status == "active" {
			users += fmt.Sprintf("%s Cleartext-Password := \"%s\"\n", u.Name, u.Password)
		}
	}
	launch(t, dir, map[string]string{"radiusd.conf": conf, "users": users})
	auth, acct = fmt.Sprintf("127.0.0.1:%d", authPort), fmt.Sprintf("127.0.0.1:%d", acctPort)
	return auth, acct
}

// launch runs FreeRADIUS with a private configuration, waits until it is ready,
// and ends it with the test.
func launch(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	files["dictionary"] = "$INCLUDE /usr/share/freeradius/dictionary\n"
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dialecttest.Program(t, exec.Command(tool(t, "freeradius"), "-f", "-d", dir, "-n", "radiusd", "-l", "stdout"), "Ready to process requests")
}

func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// described is what an oracle and we must agree on: code, identifier, validity,
// the Proxy-States, MS-CHAP's success or error.
func described(out []byte, r *request) string {
	if out == nil {
		return silence
	}
	p, err := wire.Check(out)
	if err != nil {
		return "malformed: " + err.Error()
	}
	s := fmt.Sprintf("%v id %v authentic %v", p.Code(), p.ID() == r.id, layeh.IsAuthenticResponse(out, r.bytes(), []byte(r.secret)))
	for typ, v := range p.All() {
		if typ == 33 {
			s += fmt.Sprintf(" proxy %x", v)
		}
	}
	if v, found := p.Vendor(311, 26); found {
		s += fmt.Sprintf(" success %s", v[1:])
	}
	for _, typ := range []byte{16, 17} {
		if v, found := p.Vendor(311, typ); found {
			key, _, err := layeh.TunnelPassword(v, []byte(r.secret), r.auth[:])
			s += fmt.Sprintf(" key %d %x %v", typ, key, err)
		}
	}
	if v, found := p.Lookup(79); found && len(v) >= 4 {
		s += fmt.Sprintf(" EAP %d for %d", v[0], r.eapID())
		if len(v) > 4 {
			s += fmt.Sprintf(" type %d", v[4])
		}
	}
	if v, found := p.Vendor(311, 12); found {
		s += fmt.Sprintf(" keys %x", v)
	}
	if v, found := p.Vendor(311, 2); found {
		s += fmt.Sprintf(" %s", strings.Fields(string(v[1:]))[0])
	}
	return s
}

// TestRealOracle puts the same packets to FreeRADIUS and to our freeradius flavour and
// compares answer by answer.
func TestRealOracle(t *testing.T) {
	auth, acct := freeradius(t)
	l := serve(t, loopback+"flavour: freeradius\nreject_delay: 0s")
	b := l.bed
	proxy := []wire.Attribute{{Type: 33, Value: []byte("one")}, {Type: 33, Value: []byte{0}}}
	acctRequest := func(attrs ...wire.Attribute) *request { return b.request(layeh.CodeAccountingRequest, attrs...) }
	alter := func(r *request, f func(*request)) *request { f(r); return r }
	raw := func(r *request, f func([]byte) []byte) func() []byte { return func() []byte { return f(r.bytes()) } }
	type question struct {
		what   string
		r      *request
		octets func() []byte // when they are not simply the request's
	}
	var list []question
	add := func(what string, r *request) { list = append(list, question{what: what, r: r}) }
	for _, n := range lengths {
		add(fmt.Sprint("PAP ", n), b.pap(fmt.Sprint("len", n), strings.Repeat("x", n)))
	}
	add("PAP right", b.pap("alice", "Alice-Pass-1"))
	add("PAP wrong", b.pap("alice", "wrong"))
	add("PAP unknown user", b.pap("nobody", "x"))
	add("PAP other case", b.pap("ALICE", "Alice-Pass-1"))
	add("PAP zero octets", b.pap("alice", ""))
	add("PAP 16 NULs", alter(b.pap("alice", ""), func(r *request) {
		r.attrs[1].Value = wire.NewSecret([]byte(secret)).Hide(nil, r.auth[:])
	}))
	add("PAP umlaut", b.pap("odd", "pässwörd"))
	add("PAP signed", b.pap("alice", "Alice-Pass-1").signed())
	add("PAP wrong secret", alter(b.pap("alice", "Alice-Pass-1"), func(r *request) { r.auth[3]++ }))
	add("CHAP right", b.chap("alice", []byte("Alice-Pass-1")))
	add("CHAP wrong", b.chap("alice", []byte("wrong")))
	challenge := []byte("0123456789abcdef0123")
	add("CHAP-Challenge", b.request(1, name("alice"), chapPassword(99, []byte("Alice-Pass-1"), challenge), wire.Attribute{Type: 60, Value: challenge}))
	add("MS-CHAP right", b.mschap1("alice", "Alice-Pass-1"))
	add("MS-CHAP wrong", b.mschap1("alice", "wrong"))
	add("MS-CHAPv2 right", b.mschap2("alice", "Alice-Pass-1"))
	add("MS-CHAPv2 wrong", b.mschap2("alice", "wrong"))
	add("no password", b.request(1, name("alice")))
	add("Proxy-State", b.pap("alice", "Alice-Pass-1", proxy...))
	add("Proxy-State, reject", b.pap("alice", "wrong", proxy...))
	add("Status-Server", b.request(layeh.CodeStatusServer).signed())
	add("Status-Server unsigned", b.request(layeh.CodeStatusServer))
	add("bad Message-Authenticator", alter(b.pap("alice", "Alice-Pass-1").signed(), func(r *request) { r.secret = "another" }))
	add("EAP unsigned", b.request(1, name("alice"), wire.Attribute{Type: 79, Value: []byte{2, 0, 0, 10, 1, 'a', 'l', 'i', 'c', 'e'}}))
	for what, r := range combined(b) {
		add(what, r)
	}
	add("Accounting on the auth port", alter(acctRequest(name("alice"), wire.Text(44, "s"), wire.Integer(40, 1)), func(r *request) { r.port = "auth" }))
	add("Access on the acct port", alter(b.pap("alice", "Alice-Pass-1"), func(r *request) { r.port = "acct" }))
	add("accounting", acctRequest(name("alice"), wire.Text(44, "s"), wire.Integer(40, 1), proxy[0]))
	add("accounting signed", acctRequest(name("alice"), wire.Text(44, "s"), wire.Integer(40, 2)).signed())
	add("accounting wrong secret", alter(acctRequest(name("alice"), wire.Text(44, "s"), wire.Integer(40, 1)), func(r *request) { r.secret = "another" }))
	add("accounting padded", alter(acctRequest(name("alice"), wire.Text(44, "s2"), wire.Integer(40, 1)), func(r *request) { r.pad = 5 }))
	add("PAP padded", alter(b.pap("alice", "Alice-Pass-1"), func(r *request) { r.pad = 9 }))
	for what, f := range map[string]func([]byte) []byte{
		"attribute length 0": func(p []byte) []byte { p[21] = 0; return p },
		"attribute length 1": func(p []byte) []byte { p[21] = 1; return p },
		"attribute type 0":   func(p []byte) []byte { p[20] = 0; return p },
		"overrun":            func(p []byte) []byte { p[21] = 250; return p },
		"truncated":          func(p []byte) []byte { return p[:len(p)-1] },
		"Length 19":          func(p []byte) []byte { p[2], p[3] = 0, 19; return p },
		"header only":        func(p []byte) []byte { p[2], p[3] = 0, 20; return p[:20] },
		"201 attributes": func(p []byte) []byte {
			p = append(p, slices.Repeat([]byte{33, 3, 1}, 199)...)
			p[2], p[3] = byte(len(p)>>8), byte(len(p))
			return p
		},
		"code 99": func(p []byte) []byte { p[0] = 99; return p },
	} {
		r := b.pap("alice", "Alice-Pass-1")
		list = append(list, question{what: what, r: r, octets: raw(r, f)})
	}
	for _, q := range list {
		octets := q.r.bytes()
		if q.octets != nil {
			octets = q.octets()
		}
		theirs, ours := auth, l.auth
		if q.r.port == "acct" {
			theirs, ours = acct, l.acct
		}
		want, got := described(ask(t, theirs, octets), q.r), described(ask(t, ours, octets), q.r)
		if got != want {
			t.Errorf("%s\nFreeRADIUS: %s\nwe:         %s", q.what, want, got)
		}
	}
	t.Run("duplicates", func(t *testing.T) {
		for what, addr := range map[string]string{"FreeRADIUS": auth, "we": l.auth} {
			c, err := net.Dial("udp", addr)
			if err != nil {
				t.Fatal(err)
			}
			octets := b.mschap2("alice", "wrong").bytes() // a fresh challenge in each real answer
			first, second := exchange(t, c, octets), []byte(nil)
			for try := 0; try < 10 && second == nil; try++ { // FreeRADIUS is silent until it has put its answer away
				second = exchange(t, c, octets)
			}
			if first == nil || !bytes.Equal(first, second) {
				t.Errorf("%s: a retransmission got\n%x\nafter\n%x", what, second, first)
			}
			c.Close()
		}
	})
}

// TestRealRadSec lets FreeRADIUS proxy to us over TLS, with its client
// certificate: the packets arrive with a Proxy-State of its own.
func TestRealRadSec(t *testing.T) {
	l := serve(t, loopback+"radsec_listen: ':0'")
	dir, port := t.TempDir(), freePort(t)
	_, radsec, _ := net.SplitHostPort(l.radsec)
	key, err := x509.MarshalPKCS8PrivateKey(testCA(t).client.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf(`
prefix = /usr
logdir = %[1]s
raddbdir = %[1]s
run_dir = %[1]s
libdir = /usr/lib/freeradius
pidfile = %[1]s/pid
hostname_lookups = no
proxy_requests = yes
security {
	status_server = yes
	reject_delay = 0
	allow_vulnerable_openssl = yes
}
proxy server {
	default_fallback = no
}
home_server ours {
	type = auth
	ipaddr = 127.0.0.1
	port = %[3]s
	proto = tcp
	secret = radsec
	status_check = none
	response_window = 5
	tls {
		private_key_file = %[1]s/client.key
		certificate_file = %[1]s/client.pem
		ca_file = %[1]s/ca.pem
		fragment_size = 8192
		tls_min_version = "1.2"
		tls_max_version = "1.2"
	}
}
home_server_pool ours {
	type = fail-over
	home_server = ours
}
realm ours {
	auth_pool = ours
	nostrip
}
client nas {
	ipaddr = 127.0.0.1
	secret = testing123
}
modules {
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = %[2]d
	}
	authorize {
		update control {
			Proxy-To-Realm := "ours"
		}
	}
	authenticate {
	}
}
`, dir, port, radsec)
	// The port that launch asks must be the first one in the file.
	conf = fmt.Sprintf("# port = %d\n", port) + conf
	pemOf := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	launch(t, dir, map[string]string{"radiusd.conf": conf, "client.key": pemOf("PRIVATE KEY", key),
		"client.pem": pemOf("CERTIFICATE", testCA(t).client.Certificate[0]), "ca.pem": pemOf("CERTIFICATE", testCA(t).pem)})
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	expect(t, "accept", l.radclient(t, addr, "auth", "User-Name=alice,User-Password=Alice-Pass-1"), "Received Access-Accept")
	expect(t, "reject", l.radclient(t, addr, "auth", "User-Name=alice,User-Password=wrong"), "Received Access-Reject")
	expect(t, "CHAP", l.radclient(t, addr, "auth", "User-Name=alice,CHAP-Password=Alice-Pass-1"), "Received Access-Accept")
	if call := l.last(); call.Port != "radsec" || !strings.Contains(call.Request, "Proxy-State") {
		t.Errorf("the last call: %s, %s", call.Port, call.Request)
	}
}

// eapID is the identifier of a request's EAP packet; 0 without one.
func (r *request) eapID() byte {
	for _, a := range r.attrs {
		if a.Type == 79 && len(a.Value) > 1 {
			return a.Value[1]
		}
	}
	return 0
}
