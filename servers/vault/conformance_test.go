package vault_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"counterpart/internal/serving/fault"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// company is the seed of most tests.
const company = `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME}
users:
  - {name: alice, password: Alice-Pass-1, groups: [dba]}
  - {name: hashicorp user1, password: Titkos12, groups: [dba]}
  - {name: dave, password: Dave-Pass-1, status: disabled}
  - {name: svc1, password: Svc1-Pass-1}
  - {name: svc2, password: Svc2-Pass-1}
  - {name: svc3, password: Svc3-Pass-1, devices: [{id: svc3-totp, kind: totp, secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ}]}
groups: [{name: dba}]
assets: [{name: db01, address: 10.0.0.5}]
accounts:
  - {name: root, asset: db01, password: Db01-Root-Pass-1, access: {groups: [dba]}}
  - {name: svc1, user: svc1, access: {groups: [dba]}}
  - {name: svc2, user: svc2, access: {groups: [dba]}}
servers:
  - kind: vault
    token: root
    unseal_keys: ["000102030405060708090a0b0c0d0e0f"]
    FLAVOUR
    policies:
      - {name: lib, hcl: 'path "ldap/*" { capabilities = ["create", "read", "update", "list"] }'}
      - {name: readers, hcl: 'path "kv1/*" { capabilities = ["read"] }'}
    auth:
      - {path: userpass, type: userpass, users: [{name: alice, policies: [lib]}, {name: local, password: pw, policies: [lib]}]}
      - {path: ldap, type: ldap, groups: [{name: dba, policies: [readers]}]}
      - {path: approle, type: approle, roles: [{name: my-role, role_id: rid, secret_ids: [{value: sid, num_uses: 1}], policies: [readers]}]}
    mounts:
      - {path: kv1, type: kv, secrets: [{path: a, data: {password: titkos}}, {path: root, account: root@db01}]}
      - {path: totp, type: totp, keys: [{name: svc3, device: svc3-totp}]}
      - path: ldap
        type: ldap
        static_roles: [{name: db, account: root@db01, rotation_period: 24h}]
        libraries: [{name: team, accounts: [svc1, svc2], ttl: 1h, max_ttl: 2h}]
  - {kind: native, name: rest}
clients: [{name: api, secret: api-key, role: admin}]
`

// vaultOf starts the company; settings are more lines of the vault's block.
func vaultOf(t testing.TB, settings string) (*dialecttest.Fleet, *peer) {
	t.Helper()
	f := dialecttest.Run(t, servers.Table(), strings.Replace(company, "FLAVOUR", settings, 1))
	return f, newPeer("http://" + f.Addr("vault/http"))
}

// says asks and wants an answer of a status that contains all of the parts.
func (p *peer) says(t *testing.T, line string, status int, parts ...string) {
	t.Helper()
	got := p.ask(t, line)
	if !strings.HasPrefix(got, fmt.Sprint(status)) {
		t.Errorf("%s\n said %s\n want %d", line, got, status)
	}
	for _, part := range parts {
		if !strings.Contains(string(p.Last.Body), part) {
			t.Errorf("%s\n said %s\n want %s in it", line, p.Last.Body, part)
		}
	}
}

// get is a value of the last answer.
func (p *peer) get(t testing.TB, path string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(p.Last.Body, &v); err != nil {
		t.Fatalf("%v in %s", err, p.Last.Body)
	}
	for _, key := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

// login keeps a token under a name.
func (p *peer) login(t *testing.T, name, line string) {
	t.Helper()
	p.says(t, line, 200)
	p.Kept[name], _ = p.get(t, "auth.client_token").(string)
}

func TestConformance(t *testing.T) {
	list := dialecttest.Checklist(t, "testdata/checklist.txt")
	_, v := vaultOf(t, "")
	list.Run("1 every answer has its headers", func(t *testing.T) {
		for _, line := range []string{"GET sys/health", "POST kv1/b {\"x\":1}", "DELETE kv1/b", "GET kv1/none", "@none GET kv1/a"} {
			if got := v.ask(t, line); !strings.Contains(got, " Cache-Control=no-store Content-Type=application/json Strict-Transport-Security=max-age=31536000; includeSubDomains ") {
				t.Errorf("%s: %s", line, got)
			}
		}
	})
	list.Run("2 health", func(t *testing.T) {
		v.says(t, "@none GET sys/health", 200, `{"initialized":true,"sealed":false,"standby":false,"performance_standby":false,"replication_performance_mode":"disabled",`+
			`"replication_dr_mode":"disabled","server_time_utc":`)
		v.says(t, "@none HEAD sys/health", 200)
		if len(v.Last.Body) > 0 {
			t.Errorf("HEAD has a body: %s", v.Last.Body)
		}
		v.says(t, "@none PUT sys/health", 405, `{"errors":[]}`)
	})
	list.Run("3 states and their codes", states)
	list.Run("4 sealed", sealed)
	list.Run("5 three ways to be forbidden", func(t *testing.T) {
		v.login(t, "alice", `@none POST auth/userpass/login/alice {"password":"Alice-Pass-1"}`)
		v.says(t, "@none GET kv1/a", 403, `{"errors":["permission denied"]}`)
		v.says(t, "@hvs.nobody GET kv1/a", 403, `{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}`)
		v.says(t, "@{{alice}} GET kv1/a", 403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`)
	})
	list.Run("6 unknown routes", func(t *testing.T) {
		v.says(t, "GET x/y", 404, `no handler for route \"x/y\". route entry not found.`)
		v.says(t, "@{{alice}} GET x/y", 403, `1 error occurred`)
	})
	list.Run("7 bearer, and login without", func(t *testing.T) {
		req, _ := http.NewRequest("GET", v.Base+"/v1/kv1/a", nil)
		req.Header.Set("Authorization", "Bearer root")
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("%v, %v", resp, err)
		}
		resp.Body.Close()
		v.says(t, `@junk POST auth/userpass/login/alice {"password":"Alice-Pass-1"}`, 200)
	})
	list.Run("8 bodies", func(t *testing.T) {
		for _, line := range []string{`POST kv1/b {"x":"1"}`, `PUT kv1/b {"x":"1"}`, `+Content-Type:application/x-www-form-urlencoded POST kv1/b {"x":"1"}`,
			`+Content-Type:application/x-www-form-urlencoded POST kv1/b x=1`} {
			v.says(t, line, 204)
			v.says(t, "GET kv1/b", 200, `"data":{"x":"1"}`)
		}
		v.says(t, "POST kv1/b null", 400, "missing data fields")
	})
	list.Run("9 numbers", func(t *testing.T) {
		v.says(t, `POST kv1/n {"n":12345678901234567890}`, 204)
		v.says(t, "GET kv1/n", 200, `{"n":12345678901234567890}`)
	})
	list.Run("10 paths", func(t *testing.T) {
		v.says(t, `POST kv1/p%2Fq {"x":1}`, 204)
		v.says(t, "GET kv1/p/q", 200)
		v.says(t, `POST kv1/a%20b {"x":1}`, 204)
		v.says(t, "GET kv1/a%20b", 200)
		if got := v.ask(t, "GET kv1//a"); !strings.HasPrefix(got, "307") || !strings.Contains(got, "Location=/v1/kv1/a ") {
			t.Error(got)
		}
	})
	list.Run("11 listings", func(t *testing.T) {
		want := v.ask(t, "LIST kv1")
		for _, line := range []string{"LIST kv1/", "GET kv1?list=true", "GET kv1/?list=1"} {
			if got := v.ask(t, line); got != want {
				t.Errorf("%s: %s, want %s", line, got, want)
			}
		}
		v.says(t, "LIST kv1/none", 404, `{"errors":[]}`)
	})
	list.Run("12 patches", func(t *testing.T) {
		v.says(t, `PATCH secret/data/x {"data":{}}`, 400, "mime: no media type")
		v.says(t, `+Content-Type:application/json PATCH secret/data/x {"data":{}}`, 415, "PATCH requires Content-Type of application/merge-patch+json, provided application/json")
	})
	list.Run("13 namespaces", func(t *testing.T) {
		if got := v.ask(t, "+X-Vault-Namespace:ns1 GET kv1/a"); !strings.HasPrefix(got, "200") || !strings.Contains(got, "X-Vault-Namespace=ns1") {
			t.Error(got)
		}
		_, bao := vaultOf(t, "flavour: openbao-2")
		bao.says(t, "+X-Vault-Namespace:ns1 GET kv1/a", 404, "namespace not found")
		bao.says(t, "+X-Vault-Namespace:root GET kv1/a", 200)
	})
	list.Run("14 preflight", func(t *testing.T) {
		v.login(t, "ldap", `@none POST auth/ldap/login/alice {"password":"Alice-Pass-1"}`)
		v.says(t, "GET sys/internal/ui/mounts/kv1/a", 200, `"options":null`, `"path":"kv1/"`)
		v.says(t, "GET sys/internal/ui/mounts/secret/a", 200, `"options":{"version":"2"}`)
		v.says(t, "@{{ldap}} GET sys/internal/ui/mounts/kv1/zzz", 200)
		for _, path := range []string{"nonexist/foo", "secret/foo"} {
			v.says(t, "@{{ldap}} GET sys/internal/ui/mounts/"+path, 403, `preflight capability check returned 403, please ensure client's policies grant access to path \"`+path+`/\"`)
		}
		v.says(t, "@none GET sys/internal/ui/mounts/kv1/a", 403, `{"errors":["permission denied"]}`)
	})
	list.Run("15 mounts", golden(t, "sys", "POST sys/mounts/kv1", "POST sys/mounts/x", "GET sys/mounts/nosuch", "GET sys/mounts/kv2"))
	list.Run("16 policies", golden(t, "sys", "PUT sys/policies/acl/p1", "PUT sys/policies/acl/P1", "DELETE sys/policies/acl/root", "LIST sys/policies/acl"))
	list.Run("17 the table of the ACL", rights)
	list.Run("18 capabilities", func(t *testing.T) {
		v.says(t, `POST sys/capabilities-self {"path":"kv1/a"}`, 200, `"capabilities":["root"]`)
		v.says(t, `@{{ldap}} POST sys/capabilities-self {"paths":["kv1/a","x"]}`, 200, `"kv1/a":["read"]`, `"x":["deny"]`)
	})
	list.Run("19 the life of a token", lifeOfAToken)
	list.Run("20 two uses", golden(t, "tokens", "@{{two}} GET auth/token/lookup-self"))
	list.Run("21 looking up and revoking", golden(t, "tokens", "POST auth/token/lookup", "POST auth/token/revoke"))
	list.Run("22 userpass", userpass)
	list.Run("23 ldap", ldapLogins)
	list.Run("24 approle", approle)
	list.Run("25 kv version 1", golden(t, "http", "GET kv1/ttl", "DELETE kv1/n"))
	list.Run("26 kv version 2", golden(t, "kv2", "GET secret/data/x", "GET secret/metadata/x", "GET secret/subkeys/x", "GET secret/x"))
	list.Run("28 wrapping", wrapping)
	list.Run("29 leases", leases)
	list.Run("30 static role", staticRole)
	list.Run("31 library", libraryOrder)
	list.Run("32 library lifetimes", libraryLives)
	list.Run("33 library check-in", libraryCheckIn)
	list.Run("34 library rotation", libraryRotation)
	list.Run("35 ssh", sshEngines)
	list.Run("36 totp", totps)
	list.Run("41 OpenBao", openBao)
	list.Run("42 Vault 1.1", oldVault)
	clientNumbers(t, list)
}

// golden marks a number that the golden exchanges show, which a real Vault has
// agreed to: it fails when they do not ask for it.
func golden(t *testing.T, script string, lines ...string) func(*testing.T) {
	return func(t *testing.T) {
		text := readFile(t, "testdata/oracle/"+script+".golden")
		for _, line := range lines {
			if !strings.Contains("\n"+text, "\n"+line) {
				t.Errorf("no golden exchange asks %s", line)
			}
		}
		play(t, script)
	}
}

// states are the rows of contract section 3.4.
func states(t *testing.T) {
	for _, row := range []struct {
		settings, fault string
		code            int
		parameter       string
	}{
		{"", "", 200, "activecode"}, {"standby: standby", "", 429, "standbycode"}, {"standby: perf", "", 473, "performancestandbycode"},
		{"standby: dr", "", 472, "drsecondarycode"}, {"sealed: true", "", 503, "sealedcode"}, {"initialized: false", "", 501, "uninitcode"},
		{"", "sealed", 503, "sealedcode"}, {"", "standby", 429, "standbycode"}, {"", "performance-standby", 473, "performancestandbycode"},
		{"", "dr-secondary", 472, "drsecondarycode"}, {"", "removed", 530, "removedcode"}, {"", "ha-unhealthy", 474, "haunhealthycode"},
		{"", "uninitialized", 501, "uninitcode"},
	} {
		f, v := vaultOf(t, row.settings)
		if row.fault != "" {
			if err := f.Faults.Set([]fault.Rule{{Kind: row.fault, Server: "vault"}}); err != nil {
				t.Fatal(err)
			}
		}
		v.says(t, "@none GET sys/health", row.code)
		v.says(t, "@none GET sys/health?"+row.parameter+"=299", 299)
		v.says(t, "@none GET sys/health?activecode=abc", 400, `{"errors":[]}`)
		switch row.code {
		case 429:
			v.says(t, "@none GET sys/health?standbyok=true", 200)
			v.says(t, "GET kv1/a", 503)
		case 473:
			v.says(t, "@none GET sys/health?perfstandbyok", 200)
			v.says(t, "GET kv1/a", 200) // a performance standby reads
		}
	}
}

func sealed(t *testing.T) {
	_, v := vaultOf(t, "sealed: true")
	v.says(t, "@none GET sys/health", 503, `"sealed":true,"standby":true`, `"replication_dr_mode":"unknown"`)
	if strings.Contains(string(v.Last.Body), "cluster_") {
		t.Errorf("a sealed server names its cluster: %s", v.Last.Body)
	}
	v.says(t, "GET kv1/a", 503, `{"errors":["Vault is sealed"]}`)
	v.says(t, "@none GET sys/seal-status", 200, `"sealed":true`)
	v.says(t, `@none PUT sys/unseal {"key":"abcd"}`, 400, "invalid key: key is shorter than minimum 16 bytes")
	v.says(t, `@none PUT sys/unseal {"key":"ff0102030405060708090a0b0c0d0e0f"}`, 400)
	v.says(t, `@none PUT sys/unseal {"key":"000102030405060708090a0b0c0d0e0f"}`, 200, `"sealed":false`)
	v.says(t, "GET kv1/a", 200)
	v.says(t, "PUT sys/seal", 204)
	v.says(t, "GET kv1/a", 503)
}

func lifeOfAToken(t *testing.T) {
	f, v := vaultOf(t, "")
	v.login(t, "parent", `POST auth/token/create {"policies":["lib"],"ttl":"1h"}`)
	v.says(t, `POST sys/policies/acl/maker {"policy":"path \"auth/token/create\" { capabilities = [\"update\"] }"}`, 204)
	v.login(t, "maker", `POST auth/token/create {"policies":["maker","lib"],"ttl":"10h","explicit_max_ttl":"20h"}`)
	v.login(t, "child", `@{{maker}} POST auth/token/create {"policies":["lib"],"ttl":"9h"}`)
	v.says(t, "@{{child}} POST ldap/library/team/check-out", 200, `"service_account_name":"svc1"`)
	v.says(t, `@{{maker}} POST auth/token/renew-self {"increment":"15h"}`, 200, `"lease_duration":54000`)
	v.says(t, `@{{maker}} POST auth/token/renew-self {"increment":"2h"}`, 200, `"lease_duration":7200`)
	v.says(t, `@{{maker}} POST auth/token/renew-self {"increment":"30h"}`, 200, `TTL of \"30h\" exceeded the effective max_ttl of \"20h\"; TTL value is capped accordingly`)
	v.says(t, `POST auth/token/revoke {"token":"{{maker}}"}`, 204)
	v.says(t, "@{{child}} GET auth/token/lookup-self", 403, "invalid token")
	v.says(t, "GET ldap/library/team/status", 200, `"svc1":{"available":true}`)
	f.Clock.Advance(time.Hour)
	v.says(t, "@{{parent}} GET auth/token/lookup-self", 403, "invalid token")
}
