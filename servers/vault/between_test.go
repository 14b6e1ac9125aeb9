package vault_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// C4: an operation that writes several records may fail at any of them. What a reader
// sees then is whole, and the operation can be done again. Each case is run with a
// failure at its first write, at its second, and so on until none is left to fail.
func TestC4FailureBetweenWrites(t *testing.T) {
	dialecttest.Operations{
		Setup: dialecttest.Setup{Kinds: servers.Table(), Seed: strings.Replace(company, "FLAVOUR", "", 1)},
		Client: func(f *dialecttest.Fleet) *dialecttest.Client {
			return newPeer("http://" + f.Addr("vault/http")).Client
		},
		Wait: 2 * time.Minute, // until a claim that was left behind counts no more
		List: []dialecttest.Operation{
			{Name: "rotation of an account", Do: "POST ldap/rotate-role/db", Check: sameSecret, After: []string{"GET ldap/static-cred/db"}},
			{Name: "rotation of a person's account", Before: []string{`POST ldap/static-role/p {"username":"svc3","rotation_period":"1h"}`}, Do: "POST ldap/rotate-role/p",
				Check: func(t *testing.T, _ *dialecttest.Fleet, c *dialecttest.Client) {
					(&peer{c}).says(t, "GET ldap/static-cred/p", 200)
				}},
			{Name: "first rotation", Do: `POST ldap/static-role/p {"username":"svc3","rotation_period":"1h"}`,
				After: []string{"GET ldap/static-cred/p"}},
			{Name: "rotation of the engine's own login", Before: []string{`POST ldap/config {"binddn":"uid=svc3,ou=people","bindpass":"Svc3-Pass-1"}`}, Do: "POST ldap/rotate-root",
				After: []string{`400 @none POST auth/ldap/login/svc3 {"password":"Svc3-Pass-1"}`}},
			{Name: "library", Do: `POST ldap/library/other {"service_account_names":"svc3"}`, After: []string{"POST ldap/library/other/check-out"}},
			{Name: "library of somebody else", Do: `POST ldap/library/other {"service_account_names":"svc3"}`, Anyway: true, Again: "DELETE ldap/library/other",
				After: []string{`POST ldap/library/third {"service_account_names":"svc3"}`}},
			{Name: "end of a library", Before: []string{`POST ldap/library/other {"service_account_names":"svc3"}`}, Do: "DELETE ldap/library/other",
				After: []string{`POST ldap/library/third {"service_account_names":"svc3"}`}},
			{Name: "check-out", Do: "POST ldap/library/team/check-out", After: []string{"GET ldap/library/team/status"}},
			{Name: "check-in", Before: []string{"POST ldap/library/team/check-out"}, Do: "POST ldap/library/team/check-in"},
			{Name: "check-in of a person's account", Before: []string{`POST ldap/library/other {"service_account_names":"svc3"}`, "POST ldap/library/other/check-out"},
				Do: "POST ldap/library/other/check-in", After: []string{"POST ldap/library/other/check-out"}},
			{Name: "role", Do: `POST auth/approle/role/new {"role_id":"chosen","token_policies":"readers"}`,
				After: []string{`POST auth/approle/role/new/custom-secret-id {"secret_id":"s-1"}`, `@none POST auth/approle/login {"role_id":"chosen","secret_id":"s-1"}`}},
			{Name: "role ID", Before: []string{`POST auth/approle/role/new {"role_id":"first","bind_secret_id":false,"token_bound_cidrs":"127.0.0.1/32"}`},
				Do: `POST auth/approle/role/new/role-id {"role_id":"second"}`, After: []string{`@none POST auth/approle/login {"role_id":"second"}`}},
			{Name: "end of a role", Before: []string{"POST auth/approle/role/new", `POST auth/approle/role/new/custom-secret-id {"secret_id":"s-1"}`},
				Do: "DELETE auth/approle/role/new", After: []string{"POST auth/approle/role/new", `204 POST auth/approle/role/new/secret-id/lookup {"secret_id":"s-1"}`}},
			{Name: "secret ID", Before: []string{"POST auth/approle/role/new"}, Do: "POST auth/approle/role/new/secret-id",
				Check: func(t *testing.T, _ *dialecttest.Fleet, c *dialecttest.Client) {
					v := &peer{c}
					v.ask(t, "LIST auth/approle/role/new/secret-id")
					data, _ := v.get(t, "data").(map[string]any)
					keys, _ := data["keys"].([]any)
					for _, k := range keys {
						v.says(t, fmt.Sprintf(`POST auth/approle/role/new/secret-id-accessor/lookup {"secret_id_accessor":"%s"}`, k), 200)
					}
				}},
			{Name: "entity", Do: `POST identity/entity {"name":"e"}`, Anyway: true, Again: `POST identity/entity/name/e {"metadata":{"k":"v"}}`, After: []string{"GET identity/entity/name/e"}},
			{Name: "entity of a login", Do: `@none POST auth/userpass/login/local {"password":"pw"}`, After: []string{"LIST identity/entity/name"}},
			{Name: "name of an entity", Before: []string{`POST identity/entity/name/e`, "GET identity/entity/name/e", "-> id data.id"},
				Do: `POST identity/entity/id/{{id}} {"name":"f"}`, After: []string{"GET identity/entity/name/f", `POST identity/entity/name/e`}},
			{Name: "end of an entity", Before: []string{`@none POST auth/userpass/login/local {"password":"pw"}`, "-> id auth.entity_id"},
				Do: "DELETE identity/entity/id/{{id}}", After: []string{`@none POST auth/userpass/login/local {"password":"pw"}`, "-> tok auth.client_token", "@{{tok}} GET auth/token/lookup-self"}},
			{Name: "remount", Done: "no handler for route", Do: `POST sys/remount {"from":"kv1","to":"kv3"}`, Anyway: true, Again: `GET kv3/a`},
			{Name: "upgrade", Do: `POST sys/mounts/kv1/tune {"options":{"version":"2"}}`, Anyway: true, Again: `POST sys/mounts/kv1/tune {"options":{"version":"2"}}`, After: []string{"GET kv1/data/a"}},
			{Name: "rewrap", Done: "wrapping token is not valid or does not exist", Before: []string{`+X-Vault-Wrap-TTL:1h POST sys/wrapping/wrap {"k":"v"}`, "-> w wrap_info.token"},
				Do: `POST sys/wrapping/rewrap {"token":"{{w}}"}`},
			{Name: "token", Do: "POST auth/token/create", After: []string{"LIST auth/token/accessors"}},
			{Name: "chosen token", Do: `POST auth/token/create {"id":"chosen"}`, Anyway: true, Again: "GET auth/token/lookup-self", After: []string{"LIST auth/token/accessors"}},
			{Name: "end of a token", Before: []string{"POST auth/token/create", "-> tok auth.client_token", `@{{tok}} POST cubbyhole/x {"x":1}`},
				Do: "POST auth/token/revoke {\"token\":\"{{tok}}\"}", After: []string{"403 @{{tok}} GET auth/token/lookup-self"}},
			{Name: "renewal", Before: []string{`POST auth/token/create {"ttl":"1h"}`, "-> tok auth.client_token"},
				Do: "POST auth/token/renew {\"token\":\"{{tok}}\"}", After: []string{"@{{tok}} GET auth/token/lookup-self", "LIST auth/token/accessors"}},
			{Name: "end of a parent", Done: "token to revoke not found", Before: []string{`POST auth/token/create`, "-> tok auth.client_token", "@{{tok}} POST auth/token/create", "-> child auth.client_token"},
				Do: "POST auth/token/revoke-orphan {\"token\":\"{{tok}}\"}", After: []string{"403 @{{tok}} GET auth/token/lookup-self", "@{{child}} GET auth/token/lookup-self"}},
			{Name: "end of a mount", Do: "DELETE sys/mounts/kv1", After: []string{"POST sys/mounts/kv1 {\"type\":\"kv\"}", "404 GET kv1/a"}},
		},
	}.Try(t)
}

// sameSecret holds the static role's password against the account's.
func sameSecret(t *testing.T, _ *dialecttest.Fleet, c *dialecttest.Client) {
	t.Helper()
	v := &peer{c}
	v.says(t, "GET ldap/static-cred/db", 200)
	shown := v.get(t, "data.password")
	v.says(t, "GET kv1/root", 200)
	if real := v.get(t, "data.password"); shown != real {
		t.Errorf("the role shows %v, the account has %v", shown, real)
	}
}
