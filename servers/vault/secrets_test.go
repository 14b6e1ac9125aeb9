package vault_test

import (
	"strings"
	"testing"

	"counterpart/internal/serving/journal"
)

// S11: what a client brings or takes as a secret does not stand in the journal, and the
// audit knows it.
func TestS11SecretsAreHidden(t *testing.T) {
	f, v := vaultOf(t, "")
	for _, line := range []string{
		`POST kv1/mine {"favourite":"bring-kv1-value","nested":{"deep":["bring-kv1-deep"]}}`, "GET kv1/mine",
		`POST secret/data/mine {"data":{"favourite":"bring-kv2-value"},"options":{"cas":0}}`, "GET secret/data/mine",
		`+Content-Type:application/merge-patch+json PATCH secret/data/mine {"data":{"more":"bring-kv2-patch"}}`,
		`POST secret/data/mine {"favourite":"bring-kv2-without-data"}`, "+Content-Type:application/x-www-form-urlencoded POST secret/data/mine favourite=bring-kv2-form",
		`POST cubbyhole/mine {"favourite":"bring-cubby-value"}`, "GET cubbyhole/mine",
		`POST secret/mine {"favourite":"bring-misuse-value"}`,
		`POST kv1/broken {"favourite":"bring-broken-value"`,
		`+X-Vault-Wrap-TTL:60s POST sys/wrapping/wrap {"favourite":"bring-wrapped-value"}`,
		"-> wrapped wrap_info.token", `POST sys/wrapping/unwrap {"token":"{{wrapped}}"}`,
		`POST sys/mounts/transit {"type":"transit"}`,
		`POST transit/keys/k {"exportable":true,"allow_plaintext_backup":true}`,
		`POST transit/encrypt/k {"plaintext":"YnJpbmctcGxhaW50ZXh0"}`, "-> ct data.ciphertext",
		`POST transit/encrypt/k {"batch_input":[{"plaintext":"YnJpbmctaW4tYmF0Y2g="}]}`,
		`POST transit/decrypt/k {"ciphertext":"{{ct}}"}`,
		`POST transit/hmac/k {"input":"YnJpbmctaW5wdXQ="}`,
		"GET transit/export/encryption-key/k", "-> exported data.keys.1", "GET transit/backup/k", "-> backup data.backup",
		"POST transit/datakey/plaintext/k", "-> datakey data.plaintext",
		`POST auth/userpass/users/new {"password":"bring-userpass-password"}`,
		`@none POST auth/userpass/login/new {"password":"bring-userpass-password"}`, "-> tok auth.client_token",
		"@{{tok}} GET auth/token/lookup-self", `POST auth/token/lookup {"token":"{{tok}}"}`,
		`POST auth/token/create {"id":"bring-token-id"}`,
		`POST ldap/config {"binddn":"cn=vault","bindpass":"bring-bind-password"}`,
		`GET ldap/static-cred/db`, "-> static data.password",
		"POST ldap/library/team/check-out", "-> lent data.password",
		`POST sys/mounts/database {"type":"database"}`,
		`POST database/config/pg {"plugin_name":"postgresql-database-plugin","allowed_roles":"*","connection_url":"postgres://u:bring-url-password@db","password":"bring-db-password"}`,
		`POST database/roles/r {"db_name":"pg"}`, "GET database/creds/r", "-> made data.password",
		`POST totp/keys/new {"key":"NBSWY3DPEHPK3PXP","account_name":"a","issuer":"i"}`, "GET totp/code/new", "-> code data.code",
		`POST totp/keys/gen {"generate":true,"account_name":"a","issuer":"i"}`, "-> url data.url",
		`POST sys/mounts/ssh {"type":"ssh"}`, `POST ssh/roles/r {"key_type":"otp","default_user":"u","cidr_list":"0.0.0.0/0"}`,
		`POST ssh/creds/r {"ip":"10.0.0.1"}`, "-> otp data.key", `POST ssh/verify {"otp":"{{otp}}"}`,
		`POST auth/approle/role/my-role/secret-id`, "-> sid data.secret_id", `@none POST auth/approle/login {"role_id":"rid","secret_id":"{{sid}}"}`,
		`PUT sys/unseal {"key":"000102030405060708090a0b0c0d0e0f"}`,
		`POST sys/policies/password/p {"policy":"length=20 rule \"charset\" { charset=\"abcdefghijk\" }"}`, "GET sys/policies/password/p/generate", "-> generated data.password",
	} {
		if rest, keep := strings.CutPrefix(line, "-> "); keep {
			v.keep(t, rest)
			continue
		}
		v.ask(t, line)
	}
	secret := []string{"bring-", "YnJpbmct", "NBSWY3DPEHPK3PXP", "000102030405060708090a0b0c0d0e0f"}
	for name, value := range v.Kept {
		if name != "ct" {
			secret = append(secret, value)
		}
	}
	entries := f.Journal.Since(0, journal.Match{}, 0).Entries
	if len(entries) < 40 {
		t.Fatalf("the journal has %d entries", len(entries))
	}
	for _, e := range entries {
		for _, s := range secret {
			for _, text := range []string{e.Request, e.Response, e.Op, e.Object, e.Why} {
				if strings.Contains(text, s) {
					t.Errorf("%s shows %q: %s", e.Op, s, text)
				}
			}
		}
	}
	if found := f.Secrets.Find("bring-kv1-value and bring-kv2-value"); len(found) != 2 {
		t.Errorf("the audit knows %+v", found)
	}
}
