package vault_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"counterpart/internal/serving/fault"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// rights: contract section 3.5, "ACL evaluation", through the wire; the finer
// points are tables of the package policy.
func rights(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, `PUT sys/policies/acl/t {"policy":"path \"kv1/*\" { capabilities = [\"deny\"] }\npath \"kv1/a\" { capabilities = [\"read\"] }\npath \"kv1/+/x\" { capabilities = [\"create\"] }\npath \"secret/metadata\" { capabilities = [\"list\"] }\npath \"sys/mounts\" { policy = \"read\" }\npath \"sys/auth/*\" { capabilities = [\"read\", \"update\", \"create\"] }\npath \"secret/data/{{identity.entity.name}}/*\" { capabilities = [\"read\", \"create\"] }\npath \"secret/data/{{identity.entity.metadata.none}}\" { capabilities = [\"read\"] }"}`, 204)
	v.says(t, `POST auth/userpass/users/local {"token_policies":["t"]}`, 204)
	v.login(t, "tok", `@none POST auth/userpass/login/local {"password":"pw"}`)
	v.says(t, "@{{tok}} GET kv1/a", 200)
	v.says(t, "@{{tok}} GET kv1/root", 403)
	v.says(t, `@{{tok}} POST kv1/b/x {"k":1}`, 204) // create
	v.says(t, `@{{tok}} POST kv1/b/x {"k":1}`, 403) // update
	v.says(t, `POST secret/data/q {"data":{"a":1}}`, 200)
	v.says(t, "@{{tok}} LIST secret/metadata", 200)
	v.says(t, "@{{tok}} GET sys/mounts", 200)
	v.says(t, "@{{tok}} GET sys/auth/userpass", 403) // sudo is missing
	v.says(t, "@{{tok}} GET auth/token/lookup-self", 200)
	id, _ := v.get(t, "data.entity_id").(string)
	name := "entity_" + id[:8]
	v.says(t, "@{{tok}} POST secret/data/"+name+`/x {"data":{"a":1}}`, 200)
	v.says(t, "@{{tok}} GET secret/data/"+name+"/x", 200)
	v.says(t, "@{{tok}} GET secret/data/other/x", 403)
}

func userpass(t *testing.T) {
	f, v := vaultOf(t, "")
	const right = `@none POST auth/userpass/login/alice {"password":"Alice-Pass-1"}`
	v.says(t, right, 200, `"data":null`, `"metadata":{"username":"alice"}`, `"policies":["default","lib"]`, `"lease_duration":2764800`)
	v.says(t, `@none POST auth/userpass/login/ALICE {"password":"Alice-Pass-1"}`, 200, `"username":"alice"`)
	v.says(t, `@none POST auth/userpass/login/nobody {"password":"x"}`, 400, "invalid username or password")
	v.says(t, `@none POST auth/userpass/login/alice {}`, 400, "invalid credentials")
	for range 4 {
		v.says(t, `@none POST auth/userpass/login/local {"password":"wrong"}`, 400, "invalid username or password")
	}
	f.Clock.Advance(16 * time.Minute) // forgotten
	for range 5 {
		v.says(t, `@none POST auth/userpass/login/local {"password":"wrong"}`, 400)
	}
	v.says(t, `@none POST auth/userpass/login/local {"password":"pw"}`, 403, `{"errors":["permission denied"]}`)
	v.says(t, "GET sys/locked-users", 200, `"total":1`)
	v.says(t, "GET sys/auth/userpass", 200)
	accessor, _ := v.get(t, "data.accessor").(string)
	v.says(t, "POST sys/locked-users/"+accessor+"/unlock/local", 204)
	v.says(t, `@none POST auth/userpass/login/local {"password":"pw"}`, 200)
	for range 5 {
		v.says(t, `@none POST auth/userpass/login/local {"password":"wrong"}`, 400)
	}
	f.Clock.Advance(15 * time.Minute)
	v.says(t, `@none POST auth/userpass/login/local {"password":"pw"}`, 200)
}

func ldapLogins(t *testing.T) {
	f, v := vaultOf(t, "")
	v.login(t, "tok", `@none POST auth/ldap/login/hashicorp%20user1 {"password":"Titkos12"}`)
	if !strings.Contains(string(v.Last.Body), `"data":{}`) || !strings.Contains(string(v.Last.Body), `"metadata":{"username":"hashicorp user1"}`) {
		t.Errorf("%s", v.Last.Body)
	}
	v.says(t, "@{{tok}} GET kv1/a", 200, "titkos") // by the policy of her group
	v.says(t, `@none POST auth/ldap/login/alice {"password":"wrong"}`, 400, "invalid credentials")
	v.says(t, `@none POST auth/ldap/login/dave {"password":"Dave-Pass-1"}`, 400, "invalid credentials") // disabled in the directory
	v.says(t, `@none POST auth/ldap/login/alice {"password":""}`, 500, "password cannot be of zero length when passwordless binds are being denied")
	if err := f.Faults.Set([]fault.Rule{{Kind: "directory-down", Server: "vault"}}); err != nil {
		t.Fatal(err)
	}
	v.says(t, `@none POST auth/ldap/login/alice {"password":"Alice-Pass-1"}`, 500, `error connecting to host \"ldap://127.0.0.1\": LDAP Result Code 200 \"Network Error\"`)
}

func approle(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, "GET auth/approle/role/my-role/role-id", 200, `"role_id":"rid"`)
	v.login(t, "tok", `@none POST auth/approle/login {"role_id":"rid","secret_id":"sid"}`)
	v.says(t, "@{{tok}} GET kv1/a", 200)
	v.says(t, `@none POST auth/approle/login {"role_id":"rid","secret_id":"sid"}`, 400, "invalid role or secret ID")
	v.says(t, "POST auth/approle/role/my-role/secret-id", 200, `"secret_id_num_uses":0`)
	id, _ := v.get(t, "data.secret_id").(string)
	v.says(t, `@none POST auth/approle/login {"role_id":"rid","secret_id":"`+id+`"}`, 200, `"role_name":"my-role"`)
	v.says(t, "POST auth/approle/role/nosuch/secret-id", 404, `role \"nosuch\" does not exist`)
}

func wrapping(t *testing.T) {
	f, v := vaultOf(t, "")
	play(t, "sys")
	v.says(t, "+X-Vault-Wrap-TTL:60s GET kv1/a", 200, `"creation_path":"kv1/a"`)
	v.Kept["w"], _ = v.get(t, "wrap_info.token").(string)
	f.Clock.Advance(time.Minute)
	v.says(t, "@{{w}} POST sys/wrapping/unwrap", 400, "wrapping token is not valid or does not exist")
}

func leases(t *testing.T) {
	f, v := vaultOf(t, "")
	v.says(t, "POST ldap/library/team/check-out", 200, `"renewable":true`)
	v.Kept["l"], _ = v.get(t, "lease_id").(string)
	v.says(t, `PUT sys/leases/lookup {"lease_id":"{{l}}"}`, 200, `"ttl":3600`, `"last_renewal":null`)
	v.says(t, `PUT sys/leases/renew {"lease_id":"{{l}}","increment":"10m"}`, 200, `"lease_duration":600`)
	v.says(t, `PUT sys/leases/renew {"lease_id":"{{l}}","increment":"100h"}`, 200, `TTL of \"100h\" exceeded the effective max_ttl of \"2h\"; TTL value is capped accordingly`, `"lease_duration":7200`)
	v.says(t, "LIST sys/leases/lookup/ldap/library/team/check-out", 200)
	v.says(t, `PUT sys/leases/revoke {"lease_id":"{{l}}"}`, 204)
	v.says(t, `PUT sys/leases/lookup {"lease_id":"{{l}}"}`, 400, "invalid lease")
	v.says(t, `PUT sys/leases/renew {"lease_id":"{{l}}"}`, 400, "lease not found")
	v.says(t, `PUT sys/leases/revoke {"lease_id":"nope","sync":true}`, 204)
	v.says(t, "POST ldap/library/team/check-out", 200)
	v.says(t, "PUT sys/leases/revoke-prefix/ldap", 204)
	v.says(t, "GET ldap/library/team/status", 200, `"svc1":{"available":true}`)
	v.login(t, "tok", `@none POST auth/userpass/login/local {"password":"pw"}`)
	v.says(t, "PUT sys/leases/revoke-prefix/auth/userpass/login/local", 204)
	v.says(t, "@{{tok}} GET auth/token/lookup-self", 403)
	f.Clock.Advance(time.Second)
}

func staticRole(t *testing.T) {
	f, v := vaultOf(t, "")
	v.says(t, "GET ldap/static-cred/db", 200, `"password":"Db01-Root-Pass-1"`, `"ttl":86400`)
	v.says(t, "POST ldap/rotate-role/db", 204)
	v.says(t, "GET ldap/static-cred/db", 200, `"last_password":"Db01-Root-Pass-1"`)
	second, _ := v.get(t, "data.password").(string)
	if len(second) != 64 {
		t.Errorf("a password of %d characters", len(second))
	}
	f.Clock.Advance(25 * time.Hour) // the period is over
	v.says(t, "GET ldap/static-cred/db", 200, `"last_password":"`+second+`"`)
}

func sshEngines(t *testing.T) {
	f, v := vaultOf(t, "")
	play(t, "engines")
	v.says(t, `POST sys/mounts/ssh {"type":"ssh"}`, 204)
	v.says(t, `POST ssh/roles/otp {"key_type":"otp","default_user":"ubuntu","cidr_list":"10.0.0.0/8"}`, 204)
	v.login(t, "tok", `POST auth/token/create {"ttl":"1h"}`)
	v.says(t, `POST ssh/creds/otp {"ip":"10.0.0.5"}`, 200)
	v.Kept["otp"], _ = v.get(t, "data.key").(string)
	v.Kept["lease"], _ = v.get(t, "lease_id").(string)
	v.says(t, `PUT sys/leases/revoke {"lease_id":"{{lease}}"}`, 204)
	v.says(t, `@none POST ssh/verify {"otp":"{{otp}}"}`, 400, "OTP not found") // it dies with its lease
	f.Clock.Advance(time.Second)
}

func totps(t *testing.T) {
	f, v := vaultOf(t, "")
	play(t, "engines")
	// RFC 6238, appendix B, in a window of our own clock: code and check agree.
	v.says(t, "GET totp/code/svc3", 200)
	code, _ := v.get(t, "data.code").(string)
	v.says(t, `POST totp/code/svc3 {"code":"`+code+`"}`, 200, `"valid":true`)
	v.says(t, `POST totp/code/svc3 {"code":"`+code+`"}`, 400, "code already used; wait until the next time period")
	v.says(t, `POST totp/code/svc3 {"code":"000000"}`, 200, `"valid":false`)
	if _, err := f.Factors.Verify(t.Context(), "svc3-totp", code); err == nil {
		t.Error("the fleet takes a code that vault has used up")
	}
}

func openBao(t *testing.T) {
	_, v := vaultOf(t, "flavour: openbao-2")
	v.says(t, "@bad GET kv1/a", 403, `{"errors":["permission denied"]}`)
	v.says(t, "GET kv1/a", 200)
	if strings.Contains(string(v.Last.Body), "mount_type") {
		t.Errorf("%s", v.Last.Body)
	}
	v.says(t, "PUT sys/renew {}", 404, "unsupported path")
	v.says(t, "GET secret/x", 404, "OpenBao CLI", "'bao kv get'")
	v.says(t, "POST kv1/a {", 400, "error parsing JSON")
	v.says(t, `@none POST auth/userpass/login/alice {}`, 500, "missing password")
	v.says(t, `@none POST auth/ldap/login/alice {"password":"wrong"}`, 400, "ldap operation failed: failed to bind as user")
	v.login(t, "tok", `@none POST auth/userpass/login/alice {"password":"Alice-Pass-1"}`)
	if !strings.HasPrefix(v.Kept["tok"], "s.") || len(v.Kept["tok"]) != 26 {
		t.Errorf("token %s", v.Kept["tok"])
	}
	v.says(t, "GET sys/policies/acl/lib", 200, `"cas_required":false`)
	v.says(t, "@none GET /v1", 404)
}

func oldVault(t *testing.T) {
	_, v := vaultOf(t, "flavour: vault-1.1")
	v.says(t, "@none GET sys/health", 200)
	for _, field := range []string{"enterprise", "echo_duration_ms"} {
		if strings.Contains(string(v.Last.Body), field) {
			t.Errorf("health has %s: %s", field, v.Last.Body)
		}
	}
	v.says(t, `@none POST auth/userpass/login/alice {"password":"Alice-Pass-1"}`, 200, `"lease_duration":2764800`, `"client_token":"s.`)
	for _, field := range []string{"mount_type", "mfa_requirement", "num_uses"} {
		if strings.Contains(string(v.Last.Body), field) {
			t.Errorf("a login has %s: %s", field, v.Last.Body)
		}
	}
	v.says(t, "POST auth/approle/role/my-role/secret-id", 200, `"secret_id_accessor"`)
	if strings.Contains(string(v.Last.Body), "secret_id_ttl") {
		t.Errorf("%s", v.Last.Body)
	}
}
