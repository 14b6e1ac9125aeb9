package servers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ldapclient "github.com/go-ldap/ldap/v3"
	radiusclient "layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// company is one seed with every face of it.
const company = `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME, lockout: {threshold: 3}, password_policy: {history: 3}}
users:
  - name: alice
    password: Alice-Pass-1
    groups: [dba]
    devices: [{id: alice-totp, kind: totp, secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ}]
  - {name: bob, password: Bob-Pass-1}
  - {name: svc-backup, password: Backup-Pass-1}
groups: [{name: dba}]
assets: [{name: db01, address: 10.0.0.5}]
accounts:
  - {name: root, asset: db01, password: r, checkout: {exclusive: true}, access: {groups: [dba]}}
  - {name: svc-backup, user: svc-backup, access: {groups: [dba]}}
clients: [{name: sps, secret: sps-secret, role: admin}]
servers:
  - {kind: native}
  - {kind: ldap, name: unix, flavour: openldap, rootdn: "cn=admin,dc=acme,dc=test", rootpw: manager}
  - {kind: ldap, name: ad, flavour: ad, rootpw: manager}
  - {kind: radius, clients: [{name: local, from: 127.0.0.0/8, secret: testing123}]}
  - {kind: radius, name: otp, flow: otp, clients: [{name: local, from: 127.0.0.0/8, secret: testing123}]}
  - kind: vault
    mounts: [{path: ldap, type: ldap, libraries: [{name: team, accounts: [svc-backup, root@db01]}]}, {path: rotate, type: ldap}]
    auth: [{path: ldap, type: ldap}, {path: userpass, type: userpass, users: [{name: alice, policies: [default]}]}]
  - {kind: duo, integrations: [{ikey: DIWJ8X6AEYOR5OMC6TQ1, skey: Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK}]}
  - {kind: rsa, clients: [{access_id: sps, access_key: rsa-key}]}
`

// faces is the company with a client for each of its servers.
type faces struct {
	*dialecttest.Fleet
	t *testing.T
}

func open(t *testing.T) faces { return faces{dialecttest.Run(t, servers.Table(), company), t} }

// radius reports whether PAP with a password ends in Access-Accept.
func (f faces) radius(server, user, password string) bool {
	f.t.Helper()
	p := radiusclient.New(radiusclient.CodeAccessRequest, []byte("testing123"))
	rfc2865.UserName_SetString(p, user)
	rfc2865.UserPassword_SetString(p, password)
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
	defer cancel()
	resp, err := (&radiusclient.Client{Net: "udp"}).Exchange(ctx, p, f.Addr(server+"/auth"))
	if err != nil {
		f.t.Errorf("radius %s as %s: %v", server, user, err)
		return false
	}
	return resp.Code == radiusclient.CodeAccessAccept
}

func (f faces) dial(server string) *ldapclient.Conn {
	f.t.Helper()
	c, err := ldapclient.DialURL("ldap://" + f.Addr(server+"/ldap"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

// ldap reports whether a simple bind succeeds.
func (f faces) ldap(server, name, password string) bool {
	f.t.Helper()
	err := f.dial(server).Bind(name, password)
	if err != nil && !ldapclient.IsErrorWithCode(err, ldapclient.LDAPResultInvalidCredentials) {
		f.t.Errorf("ldap %s as %s: %v", server, name, err)
	}
	return err == nil
}

func unixDN(user string) string { return "uid=" + user + ",ou=people,dc=acme,dc=test" }

// rest sends a request as a person, or as the client sps without one.
func (f faces) rest(user, password, method, path, body string) (int, map[string]any) {
	f.t.Helper()
	req, err := http.NewRequest(method, "http://"+f.Addr("native/http")+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if user == "" {
		req.Header.Set("Authorization", "Bearer sps-secret")
	} else {
		req.SetBasicAuth(user, password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	json.NewDecoder(resp.Body).Decode(&out)
	return resp.StatusCode, out
}

// everywhere demands that a password opens every face, or none.
func (f faces) everywhere(user, password string, want bool) {
	f.t.Helper()
	status, _ := f.rest(user, password, "GET", "/vault/v1/accounts", "")
	for face, got := range map[string]bool{
		"radius": f.radius("radius", user, password), "native": status == 200,
		"openldap": f.ldap("unix", unixDN(user), password), "ad": f.ldap("ad", user+"@acme.test", password),
	} {
		if got != want {
			f.t.Errorf("%s with %q at %s: %v, want %v", user, password, face, got, want)
		}
	}
}

func TestAPasswordChangedInOnePlaceIsChangedEverywhere(t *testing.T) {
	f := open(t)
	f.everywhere("alice", "Alice-Pass-1", true)
	c := f.dial("unix")
	if err := c.Bind(unixDN("alice"), "Alice-Pass-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PasswordModify(ldapclient.NewPasswordModifyRequest("", "Alice-Pass-1", "Alice-Pass-2")); err != nil {
		t.Fatal(err)
	}
	f.everywhere("alice", "Alice-Pass-2", true)
	again := ldapclient.NewModifyRequest(unixDN("alice"), nil)
	again.Replace("userPassword", []string{"Alice-Pass-1"})
	if err := c.Modify(again); !ldapclient.IsErrorWithCode(err, ldapclient.LDAPResultConstraintViolation) {
		t.Errorf("back to the first password without saying the old one: %v, want constraint violation by the history", err)
	}
	for _, old := range []bool{f.radius("radius", "alice", "Alice-Pass-1"), f.ldap("ad", "alice@acme.test", "Alice-Pass-1")} {
		if old {
			t.Error("the old password still opens a face")
		}
	}
}

func TestFailuresAddUpAcrossFacesAndLockEverywhere(t *testing.T) {
	f := open(t)
	f.radius("radius", "bob", "wrong")
	f.ldap("unix", unixDN("bob"), "wrong")
	f.rest("bob", "wrong", "GET", "/vault/v1/accounts", "")
	f.everywhere("bob", "Bob-Pass-1", false)
	if err := f.Logins.Unlock(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	f.everywhere("bob", "Bob-Pass-1", true)
}

func TestOneCodeIsGoodOnceWhicheverFaceAsks(t *testing.T) {
	f := open(t)
	code, _, err := f.Factors.Current(t.Context(), "alice-totp")
	if err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if i%2 == 0 {
				if f.radius("otp", "alice", code) {
					won.Add(1)
				}
				return
			}
			_, out := f.rest("", "", "POST", "/otp/v1/verify", fmt.Sprintf(`{"user":"alice","otp":%q}`, code))
			if out["valid"] == true {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("one code was good %d times", won.Load())
	}
}

func TestAVaultedPasswordIsTheOneTheDirectoryAccepts(t *testing.T) {
	f := open(t)
	const account = "/vault/v1/accounts/svc-backup@acme.test"
	fetch := func() string {
		t.Helper()
		status, out := f.rest("alice", "Alice-Pass-1", "GET", account+"/password", "")
		if status != 200 {
			t.Fatalf("%d %v", status, out)
		}
		return out["value"].(string)
	}
	f.everywhere("svc-backup", "Backup-Pass-1", true)
	if status, out := f.rest("", "", "POST", account+"/rotate", ""); status != 200 {
		t.Fatalf("%d %v", status, out)
	}
	rotated := fetch()
	if rotated == "Backup-Pass-1" {
		t.Error("nothing rotated")
	}
	f.everywhere("svc-backup", rotated, true)
	c := f.dial("unix")
	if err := c.Bind(unixDN("svc-backup"), rotated); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PasswordModify(ldapclient.NewPasswordModifyRequest("", rotated, "By-Hand-1")); err != nil {
		t.Fatal(err)
	}
	if got := fetch(); got != "By-Hand-1" {
		t.Errorf("the vault returns %q after a change in the directory", got)
	}
}

// TestNoInputBreaksTheFleet throws malformed, oversized, truncated and slow
// input at every port at once; afterwards everything still answers, nothing
// panicked, and memory is where it was.
func TestNoInputBreaksTheFleet(t *testing.T) {
	f := open(t)
	f.everywhere("alice", "Alice-Pass-1", true)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for i, e := range f.Company.Fleet.Endpoints() {
		for worker := range 3 {
			r := rand.New(rand.NewPCG(uint64(i), uint64(worker)))
			wg.Go(func() {
				for n := range 60 {
					network := "tcp"
					if e.Proto == "udp" {
						network = "udp"
					}
					throw(network, e.Addr, garbage(r, n))
				}
			})
		}
	}
	wg.Wait()
	f.everywhere("alice", "Alice-Pass-1", true)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	for _, e := range f.Journal.Tail(10_000) {
		if strings.HasPrefix(e.Why, "panic") {
			t.Errorf("%s %s: %s", e.Server, e.Op, e.Why)
		}
	}
}

// garbage is the n-th thing to throw: plausible heads with senseless bodies.
func garbage(r *rand.Rand, n int) []byte {
	random := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	heads := [][]byte{
		nil, {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}, {0x30, 0x80}, {0x30, 0x0c, 0x02, 0x01, 0x01, 0x60}, {0x30, 0x05, 0x02, 0x01, 0x01, 0x42, 0x00},
		{1, 7, 0, 20}, {1, 7, 0xff, 0xff}, {12, 1, 0, 38}, {4, 1, 0, 20},
		[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), []byte("POST /otp/v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{"),
		[]byte("POST /tickets/v1/tickets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
		{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00}, []byte(strings.Repeat("A", 70_000)),
	}
	return append(append([]byte{}, heads[n%len(heads)]...), random(r.IntN(3000))...)
}

// throw sends b in two pieces and leaves.
func throw(network, addr string, b []byte) {
	c, err := net.Dial(network, addr)
	if err != nil {
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(300 * time.Millisecond))
	if network == "udp" {
		c.Write(b[:min(len(b), 8000)])
		return
	}
	c.Write(b[:len(b)/2])
	c.Write(b[len(b)/2:])
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
	io.Copy(io.Discard, io.LimitReader(c, 1<<16))
}

// silent reports whether a RADIUS server stays silent for a short while.
func (f faces) silent(server, user, password string) bool {
	f.t.Helper()
	p := radiusclient.New(radiusclient.CodeAccessRequest, []byte("testing123"))
	rfc2865.UserName_SetString(p, user)
	rfc2865.UserPassword_SetString(p, password)
	ctx, cancel := context.WithTimeout(f.t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := (&radiusclient.Client{Net: "udp"}).Exchange(ctx, p, f.Addr(server+"/auth"))
	return err != nil
}

func TestAFaultSaysWhetherTheChangeHappened(t *testing.T) {
	for moment, used := range map[fault.Moment]bool{fault.Before: false, fault.After: true} {
		f := open(t)
		code, _, err := f.Factors.Current(t.Context(), "alice-totp")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Faults.Set([]fault.Rule{{ID: "lost", Server: "otp", Kind: fault.Drop, Moment: moment}}); err != nil {
			t.Fatal(err)
		}
		if !f.silent("otp", "alice", code) {
			t.Errorf("%s: the datagram was answered", moment)
		}
		if err := f.Faults.Set(nil); err != nil {
			t.Fatal(err)
		}
		_, out := f.rest("", "", "POST", "/otp/v1/verify", fmt.Sprintf(`{"user":"alice","otp":%q}`, code))
		if got := out["valid"] == false; got != used {
			t.Errorf("%s: afterwards the code is used up: %v, want %v", moment, got, used)
		}
		if e := f.Last(journal.Match{Server: "otp"}); e.Outcome != "broken" || len(e.Faults) != 1 || !strings.Contains(e.Why, string(moment)) {
			t.Errorf("%s: the journal says %+v", moment, e)
		}
	}
}
