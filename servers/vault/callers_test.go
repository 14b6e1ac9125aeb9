package vault_test

import (
	"strings"
	"testing"
	"time"
)

// asked are operations of every engine that is mounted as a rule, in a form that a client
// with the right to them would use.
const asked = `
GET kv1/a
LIST kv1/
POST kv1/b {"x":1}
DELETE kv1/b
GET kv2/data/a
POST kv2/data/a {"data":{"x":1}}
DELETE kv2/data/a
LIST kv2/metadata/
GET kv2/metadata/a
POST kv2/metadata/a {"max_versions":3}
DELETE kv2/metadata/a
POST kv2/delete/a {"versions":[1]}
POST kv2/undelete/a {"versions":[1]}
POST kv2/destroy/a {"versions":[1]}
GET kv2/config
GET cubbyhole/x
POST cubbyhole/x {"x":1}
GET totp/code/svc3
POST totp/code/svc3 {"code":"000000"}
GET ldap/static-cred/db
GET ldap/library/team/status
POST ldap/library/team/check-out {}
POST ldap/library/team/check-in {}
GET ldap/config
POST transit/encrypt/k {"plaintext":"YQ=="}
POST transit/decrypt/k {"ciphertext":"vault:v1:YQ=="}
POST transit/sign/k {"input":"YQ=="}
GET transit/keys/k
GET database/creds/r
GET database/static-creds/r
POST ssh/sign/r {"public_key":"x"}
POST ssh/creds/r {"ip":"10.0.0.5"}
GET auth/token/lookup-self
POST auth/token/renew-self {}
POST auth/token/revoke-self {}
POST auth/token/create {}
POST auth/token/lookup {"token":"x"}
POST auth/token/revoke {"token":"x"}
GET auth/approle/role/my-role
GET auth/approle/role/my-role/role-id
POST auth/approle/role/my-role/secret-id {}
GET auth/userpass/users/local
GET sys/mounts
GET sys/auth
GET sys/policies/acl/lib
LIST sys/policies/acl
POST sys/policies/acl/x {"policy":""}
PUT sys/leases/lookup {"lease_id":"x"}
PUT sys/leases/renew {"lease_id":"x"}
PUT sys/leases/revoke {"lease_id":"x"}
GET sys/capabilities-self
POST sys/capabilities-self {"paths":["x"]}
LIST identity/entity/id
GET identity/entity/name/x
`

// TestEveryOperationRefusesWhoMayNot: without a token, with one that nobody has, one that
// was revoked, one that has ended, and one without a policy.
func TestEveryOperationRefusesWhoMayNot(t *testing.T) {
	f, v := vaultOf(t, "")
	for path, body := range map[string]string{"kv2": `{"type":"kv","options":{"version":"2"}}`, "transit": `{"type":"transit"}`, "database": `{"type":"database"}`, "ssh": `{"type":"ssh"}`} {
		v.says(t, "POST sys/mounts/"+path+" "+body, 204)
	}
	for name, body := range map[string]string{"gone": `{"ttl":"1h"}`, "late": `{"ttl":"1m"}`, "weak": `{"ttl":"1h","policies":["default"],"no_default_policy":true}`} {
		v.login(t, name, "POST auth/token/create "+body)
	}
	v.says(t, `POST auth/token/revoke {"token":"{{gone}}"}`, 204)
	f.Clock.Advance(2 * time.Minute)
	for line := range strings.SplitSeq(strings.TrimSpace(asked), "\n") {
		for _, who := range []string{"none", "nobody-has-this", "{{gone}}", "{{late}}"} {
			if got := v.ask(t, "@"+who+" "+line); !strings.HasPrefix(got, "403 ") {
				t.Errorf("@%s %s said %s", who, line, got)
			}
		}
		if got := v.ask(t, "@{{weak}} "+line); strings.HasPrefix(got, "5") {
			t.Errorf("@weak %s said %s", line, got)
		}
	}
}
