package ldap_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap"
)

// build makes a server without listening.
func build(t *testing.T, set ldap.Settings) (dialect.Server, error) {
	t.Helper()
	w, err := world.New(cast())
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(start)
	return ldap.New(dialect.Env{Name: "ldap", World: w, Clock: c, Store: state.NewMemory(c), Rand: w.Derive("r"),
		Decode: func(v any) error { *v.(*ldap.Settings) = set; return nil }})
}

func TestSettings(t *testing.T) {
	for field, set := range map[string]ldap.Settings{
		"flavour": {Flavour: "edirectory"}, "anonymous": {Anonymous: "write"}, "user_not_found": {UserNotFound: "1"}, "group_as": {GroupAs: []string{"mob"}},
		"writable": {Writable: []string{"all"}}, "base": {Base: "acme.test"}, "people": {People: "x"}, "groups": {Groups: "x"}, "rootdn": {RootDN: "admin"},
	} {
		if _, err := build(t, set); err == nil || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	_, err := build(t, ldap.Settings{Anonymous: "write", Base: "nonsense"})
	if err == nil || !strings.Contains(err.Error(), "anonymous: ") || !strings.Contains(err.Error(), "base: ") {
		t.Errorf("not all mistakes at once: %v", err)
	}
	for want, set := range map[string]ldap.Settings{
		"ldap ldaps": {}, "ldap ldaps gc gcs": {Flavour: "ad"}, "ldaps": {Listen: "off"}, "ldap": {Flavour: "ad", TLSListen: "off", GCListen: "off", GCTLSListen: "off"},
	} {
		s, err := build(t, set)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range s.Ports() {
			got = append(got, p.Name)
			if p.Conn == nil || p.TLS != slices.Contains([]string{"ldaps", "gcs"}, p.Name) {
				t.Errorf("port %+v", p)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v has the ports %v, want %s", set, got, want)
		}
	}
	l := open(t, setup{set: ldap.Settings{Base: "o=Acme Inc", People: "ou=staff,ou=all", Groups: "ou=teams", GroupAs: []string{"posixGroup"}}})
	if got := found(t, l.dial("ldap"), "o=acme inc", "(|(uid=alice)(cn=dba)(ou=staff))"); got != "alice dba staff" {
		t.Errorf("another layout: %q", got)
	}
	if got := found(t, l.dial("ldap"), "o=acme inc", "(|(member=*)(memberOf=*))"); got != "" {
		t.Errorf("posixGroup has members by DN: %q", got)
	}
	l.bound("ldap", "uid=alice,ou=staff,ou=all,o=acme inc", pass("alice"))
}

func TestStoreOutage(t *testing.T) {
	l := open(t, posix())
	c := l.dial("ldap")
	l.store.Close()
	if _, err := ask(c, base, 2, "(uid=alice)"); code(err) != goldap.LDAPResultUnavailable {
		t.Errorf("search: %v", err)
	}
	if err := c.Bind(person("alice"), pass("alice")); code(err) != goldap.LDAPResultUnavailable {
		t.Errorf("bind: %v", err)
	}
	if call := l.last("bind"); call.Outcome != dialect.Internal {
		t.Errorf("the journal calls it %q", call.Outcome)
	}
}

// TestEscapedNames: names that need escapes are found, bound and escaped in
// each flavour's way.
func TestEscapedNames(t *testing.T) {
	f := cast()
	for i, n := range []string{`Adams, Alice`, `#hash`, `plus+equal=`, `quote"back\`, ` lead`} {
		id := "x" + string(rune('a'+i))
		f.Users = append(f.Users, world.User{ID: id, Name: id, DisplayName: n, Password: pass(id), Status: world.Active, Groups: []string{"empty"}})
	}
	l := open(t, setup{facts: f, set: ldap.Settings{Flavour: "ad"}})
	c := l.bound("ldap", "xa@acme.test", pass("xa"))
	es, err := ask(c, domain, 2, "(sAMAccountName=x*)", "cn", "memberOf")
	if err != nil || len(es) != 5 {
		t.Fatalf("%d entries, %v", len(es), err)
	}
	for i, e := range es {
		if again, err := ask(c, e.DN, 0, "(objectClass=*)", "1.1"); err != nil || len(again) != 1 || again[0].DN != e.DN {
			t.Errorf("%s is not found by its name: %v", e.DN, err)
		}
		if err := l.dial("ldap").Bind(e.DN, pass("x"+string(rune('a'+i)))); err != nil {
			t.Errorf("bind as %s: %v", e.DN, err)
		}
	}
	if es[0].DN != `CN=Adams\, Alice,CN=Users,DC=acme,DC=test` {
		t.Error(es[0].DN)
	}
	group, err := ask(c, adGroup("empty"), 0, "(objectClass=*)", "member")
	if err != nil || !slices.Contains(group[0].GetAttributeValues("member"), es[3].DN) {
		t.Errorf("members: %v", group)
	}
}

// TestExternal binds with a client certificate.
func TestExternal(t *testing.T) {
	l := open(t, posix())
	issuer, err := x509.ParseCertificate(l.cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "alice"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, issuer, &key.PublicKey, l.cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	mine := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	c, err := goldap.DialURL("ldaps://"+l.addr["ldaps"], goldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{mine}}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if es, err := ask(c, "", 0, "(objectClass=*)", "supportedSASLMechanisms"); err != nil || !slices.Contains(es[0].GetAttributeValues("supportedSASLMechanisms"), "EXTERNAL") {
		t.Errorf("EXTERNAL is not offered: %v", err)
	}
	if err := c.ExternalBind(); err != nil {
		t.Fatal(err)
	}
	if w, err := c.WhoAmI(nil); err != nil || w.AuthzID != "dn:"+person("alice") {
		t.Errorf("%+v, %v", w, err)
	}
}

// TestPanicCostsOneOperation: a store that panics is our own failure.
func TestPanicCostsOneOperation(t *testing.T) {
	l := open(t, setup{store: &panicky{Store: state.NewMemory(clock.Frozen(start))}})
	c := l.dial("ldap")
	if _, err := ask(c, base, 2, "(uid=alice)"); code(err) != 80 || !strings.Contains(err.Error(), "internal error") {
		t.Errorf("%v", err)
	}
	if _, err := ask(c, "", 0, "(objectClass=*)"); err != nil {
		t.Errorf("the connection is gone: %v", err)
	}
}

type panicky struct{ state.Store }

func (p panicky) Table(name string) state.Table { return panickyTable{p.Store.Table(name)} }

type panickyTable struct{ state.Table }

func (panickyTable) Get(context.Context, string) (state.Record, error) { panic("broken store") }

// TestHalfSentMessage: a client that stops in the middle of a message holds
// nothing up, and its end is noticed.
func TestHalfSentMessage(t *testing.T) {
	l := open(t, posix())
	half := l.raw(t, "ldap").send(bindRequest(1, person("alice"), pass("alice"))[:10])
	l.bound("ldap", person("alice"), pass("alice"))
	ended := l.ended(half.c)
	half.c.Close()
	<-ended
	if _, err := half.next(); err == nil || errors.Is(err, io.ErrNoProgress) {
		t.Error("half a message was answered")
	}
}
