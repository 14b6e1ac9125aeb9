package boot_test

import (
	"testing"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// TestFactsOfServers: what clients are configured with is said with defaults and all, so
// that nobody has to know of a kind where they stand in its seed.
func TestFactsOfServers(t *testing.T) {
	f := dialecttest.Run(t, servers.Table(), `{version: 1, organization: {name: Acme, domain: acme.test, netbios: ACME}, users: [{name: alice, password: Alice-Pass-1}], egress: {username: u, password: p-of-the-proxy},
		servers: [{kind: duo}, {kind: radius, clients: [{name: nas, from: 127.0.0.1, secret: testing123}]}, {kind: vault}, {kind: ldap},
			{kind: servicenow, name: sn1, users: [{user: svc, password: pw}], oauth: [{client_id: c1, client_secret: s1, user: svc}]}, {kind: native}]}`)
	facts := f.Facts()
	for server, want := range map[string]map[string]string{
		"duo": {"api_host": "api-12345678.duosecurity.com", "ikey": "*", "skey": "*"}, "radius": {"secret": "testing123"}, "vault": {"token": "root"},
		"ldap": {"base": "dc=acme,dc=test", "rootdn": "cn=admin,dc=acme,dc=test"}, "sn1": {"instance": "sn1", "api_host": "sn1.service-now.com", "client_id": "c1", "client_secret": "s1"},
		"egress": {"username": "u", "password": "p-of-the-proxy"}, "native": {},
	} {
		if len(facts[server]) != len(want) {
			t.Errorf("%s: %v", server, facts[server])
		}
		for _, x := range facts[server] {
			if w := want[x.Name]; w != x.Value && !(w == "*" && len(x.Value) == map[string]int{"ikey": 20, "skey": 40}[x.Name]) {
				t.Errorf("%s: %s is %q, want %q", server, x.Name, x.Value, w)
			}
			if secret := map[string]bool{"skey": true, "secret": true, "token": true, "client_secret": true, "password": true}[x.Name]; secret != x.Secret {
				t.Errorf("%s: %s is secret: %v", server, x.Name, x.Secret)
			}
		}
	}
}
