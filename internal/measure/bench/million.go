package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// companySeed is a company of so many people and a tenth as many accounts.
const companySeed = `version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME}
generate: {users: USERS, assets: ASSETS, accounts: ACCOUNTS}
clients: [{name: sps, secret: sps-secret, role: admin}]
servers:
  - {kind: native}
  - {kind: radius, clients: [{name: local, from: 127.0.0.0/8, secret: testing123}]}
  - {kind: ldap, name: ad, flavour: ad, listen: ":1389", tls_listen: ":1636"}
  - {kind: ldap, name: unix, flavour: openldap, listen: ":2389", tls_listen: ":2636"}
  - {kind: servicenow, instance: acme}
  - {kind: duo, integrations: [{name: sps, ikey: DIWJ8X6AEYOR5OMC6TQ1, skey: Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK}]}
  - kind: vault
    token: root
    mounts:
      - {path: kv, type: kv, version: 2, secrets: [{path: first, account: root@asset000001}]}
`

// accounts and assets of such a company.
func (c crowd) accounts() int { return int(c) / 10 }
func (c crowd) assets() int   { return int(c) / 100 }

// seed writes the seed of such a company.
func (c crowd) seed(s settings) (string, error) {
	seed := filepath.Join(s.dir, fmt.Sprintf("people-%d.yaml", c))
	text := strings.NewReplacer("USERS", fmt.Sprint(int(c)), "ASSETS", fmt.Sprint(c.assets()), "ACCOUNTS", fmt.Sprint(c.accounts())).Replace(companySeed)
	return seed, os.WriteFile(seed, []byte(text), 0o600)
}

// start starts such a company.
func (c crowd) start(s settings) (*counterpart, error) {
	seed, err := c.seed(s)
	if err != nil {
		return nil, err
	}
	return fleet(s, seed)
}

// million measures a company of a million people: how it starts, what it needs, and
// its reads against those of a company of a thousand.
func million(s settings) ([]row, error) {
	const large, small crowd = 1_000_000, 1000
	seed, err := large.seed(s)
	if err != nil {
		return nil, err
	}
	t, m, err := started(s, seed, s.rounds, settle)
	if err != nil {
		return nil, err
	}
	rows := []row{{"million: start to ready", fmt.Sprintf("%.0f ms", t), "", "", "≤ 2500 ms", verdict(t <= 2500)},
		{"million: memory after first use", fmt.Sprintf("%.0f MiB", m), "", "", "≤ 700 MiB", verdict(m <= 700)}}
	ours, err := large.start(s)
	if err != nil {
		return rows, err
	}
	defer ours.Stop()
	theirs, err := small.start(s)
	if err != nil {
		return rows, err
	}
	defer theirs.Stop()
	for _, r := range reads {
		x, err := versus(s, contest{"million: " + r.name + ", against 1,000 people", 0.95, r.of(s, large, ours), r.of(s, small, theirs)})
		if err != nil {
			return rows, err
		}
		rows = append(rows, x)
	}
	if m, err = mebibytes(ours.Process); err != nil {
		return rows, err
	}
	return append(rows, row{"million: memory after these requests", fmt.Sprintf("%.0f MiB", m), "", "", "≤ 700 MiB", verdict(m <= 700)}), nil
}

// read is one kind of request, each for another person.
type read struct {
	name string
	port string
	load func(l load) (float64, error)
}

// load is what a read needs to know.
type load struct {
	crowd
	conns int
	addr  string
	lasts time.Duration
}

func (r read) of(s settings, who crowd, c *counterpart) side {
	return side{c.Process, func(lasts time.Duration) (float64, error) {
		return r.load(load{who, s.conns, c.ports[r.port], lasts})
	}}
}

var reads = []read{
	{"native, password of an account", "native/http", func(l load) (float64, error) {
		return hammerEach(l.conns, l.lasts, l.addr, func(conn, n int) []byte { return l.nativeRead(conn*7919 + n*31) })
	}},
	{"vault, KV v2 read of an account's secret", "vault/http", func(l load) (float64, error) {
		return hammerRaw(l.conns, l.lasts, l.addr, "GET /v1/kv/data/first HTTP/1.1\r\nHost: "+l.addr+"\r\nX-Vault-Token: root\r\nUser-Agent: bench\r\n\r\n")
	}},
	{"RADIUS PAP", "radius/auth", func(l load) (float64, error) { return hammerPAP(l.conns, l.lasts, l.addr, l.crowd) }},
	{"LDAP (uid=…)", "unix/ldap", func(l load) (float64, error) { return hammerSearch(l.conns, l.lasts, l.addr, l.crowd) }},
	{"LDAP bind", "unix/ldap", func(l load) (float64, error) {
		return hammerBind(l.conns, l.lasts, l.addr, binder{l.crowd, func(name string) string { return "uid=" + name + "," + peopleOU }})
	}},
	{"LDAP bind to Active Directory", "ad/ldap", func(l load) (float64, error) {
		return hammerBind(l.conns, l.lasts, l.addr, binder{l.crowd, func(name string) string { return name + "@acme.test" }})
	}},
}

// nativeRead is the n-th request of a person for the password of an account that is
// theirs: both are in one group.
func (l load) nativeRead(n int) []byte {
	name, password := l.person(n)
	a := n % int(l.crowd) % l.accounts()
	account := "root"
	if round := a/l.assets() + 1; round > 1 {
		account = fmt.Sprintf("svc%d", round)
	}
	request := fmt.Appendf(nil, "GET /vault/v1/accounts/%s@asset%06d/password HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n", account, a%l.assets()+1, l.addr)
	return append(basic(request, name, password), "\r\n"...)
}

// basic appends the credentials of RFC 7617.
func basic(request []byte, name, password string) []byte {
	request = append(request, "Authorization: Basic "...)
	request = base64.StdEncoding.AppendEncode(request, []byte(name+":"+password))
	return append(request, "\r\n"...)
}
