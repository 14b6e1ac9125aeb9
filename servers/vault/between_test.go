package vault_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// unlucky is a store that can be told to fail once.
type unlucky interface {
	state.Store
	At(n int)         // the n-th write from now on
	Heal() (was bool) // all works again; was is whether that write has come
}

// unluckyStores are the two ways to fail: one write has no effect and the others work,
// or one write is the last before nothing works any more.
var unluckyStores = map[string]func(state.Store) unlucky{
	"a write fails": func(s state.Store) unlucky { return statetest.Failing(s) },
	"a crash":       func(s state.Store) unlucky { return statetest.Crashing(s) },
}

// unluckyVault is the company with a vault over such a store.
func unluckyVault(t *testing.T, over func(state.Store) unlucky) (*dialecttest.Fleet, *peer, unlucky) {
	t.Helper()
	var store unlucky
	f := dialecttest.RunWith(t, dialecttest.Setup{Kinds: servers.Table(), Seed: strings.Replace(company, "FLAVOUR", "", 1),
		Options: func(o *boot.Options) {
			store = over(state.NewMemory(o.Clock))
			o.Store = store
		}})
	return f, newPeer("http://" + f.Addr("vault/http")), store
}

// between is an operation that writes several records.
type between struct {
	name   string
	before []string
	do     string // may fail
	read   func(t *testing.T, v *peer)
	again  string // after that it must succeed; empty: do
	after  []string
}

// C4: an operation that writes several records may fail at any of them. What a reader
// sees then is whole, and the operation can be done again. Each case is run with a
// failure at its first write, at its second, and so on until none is left to fail.
func TestC4FailureBetweenWrites(t *testing.T) {
	for _, c := range []between{
		{name: "rotation of an account", do: "POST ldap/rotate-role/db", read: sameSecret, after: []string{"GET ldap/static-cred/db"}},
		{name: "rotation of a person's account", before: []string{`POST ldap/static-role/p {"username":"svc3","rotation_period":"1h"}`}, do: "POST ldap/rotate-role/p",
			read: func(t *testing.T, v *peer) { v.says(t, "GET ldap/static-cred/p", 200) }},
		{name: "first rotation", do: `POST ldap/static-role/p {"username":"svc3","rotation_period":"1h"}`,
			after: []string{"GET ldap/static-cred/p"}},
		{name: "rotation of the engine's own login", before: []string{`POST ldap/config {"binddn":"uid=svc3,ou=people","bindpass":"Svc3-Pass-1"}`}, do: "POST ldap/rotate-root",
			after: []string{`400 @none POST auth/ldap/login/svc3 {"password":"Svc3-Pass-1"}`}},
		{name: "library", do: `POST ldap/library/other {"service_account_names":"svc3"}`, after: []string{"POST ldap/library/other/check-out"}},
		{name: "library of somebody else", do: `POST ldap/library/other {"service_account_names":"svc3"}`, again: "DELETE ldap/library/other",
			after: []string{`POST ldap/library/third {"service_account_names":"svc3"}`}},
		{name: "end of a library", before: []string{`POST ldap/library/other {"service_account_names":"svc3"}`}, do: "DELETE ldap/library/other",
			after: []string{`POST ldap/library/third {"service_account_names":"svc3"}`}},
		{name: "check-out", do: "POST ldap/library/team/check-out", after: []string{"GET ldap/library/team/status"}},
		{name: "check-in", before: []string{"POST ldap/library/team/check-out"}, do: "POST ldap/library/team/check-in"},
		{name: "check-in of a person's account", before: []string{`POST ldap/library/other {"service_account_names":"svc3"}`, "POST ldap/library/other/check-out"},
			do: "POST ldap/library/other/check-in", after: []string{"POST ldap/library/other/check-out"}},
		{name: "role", do: `POST auth/approle/role/new {"role_id":"chosen","token_policies":"readers"}`,
			after: []string{`POST auth/approle/role/new/custom-secret-id {"secret_id":"s-1"}`, `@none POST auth/approle/login {"role_id":"chosen","secret_id":"s-1"}`}},
		{name: "role ID", before: []string{`POST auth/approle/role/new {"role_id":"first","bind_secret_id":false,"token_bound_cidrs":"127.0.0.1/32"}`},
			do: `POST auth/approle/role/new/role-id {"role_id":"second"}`, after: []string{`@none POST auth/approle/login {"role_id":"second"}`}},
		{name: "end of a role", before: []string{"POST auth/approle/role/new", `POST auth/approle/role/new/custom-secret-id {"secret_id":"s-1"}`},
			do: "DELETE auth/approle/role/new", after: []string{"POST auth/approle/role/new", `400 POST auth/approle/role/new/secret-id/lookup {"secret_id":"s-1"}`}},
		{name: "secret ID", before: []string{"POST auth/approle/role/new"}, do: "POST auth/approle/role/new/secret-id",
			read: func(t *testing.T, v *peer) {
				v.ask(t, "LIST auth/approle/role/new/secret-id")
				data, _ := v.get(t, "data").(map[string]any)
				keys, _ := data["keys"].([]any)
				for _, k := range keys {
					v.says(t, fmt.Sprintf(`POST auth/approle/role/new/secret-id-accessor/lookup {"secret_id_accessor":"%s"}`, k), 200)
				}
			}},
		{name: "entity", do: `POST identity/entity {"name":"e"}`, again: `POST identity/entity/name/e {"metadata":{"k":"v"}}`, after: []string{"GET identity/entity/name/e"}},
		{name: "entity of a login", do: `@none POST auth/userpass/login/local {"password":"pw"}`, after: []string{"LIST identity/entity/name"}},
		{name: "name of an entity", before: []string{`POST identity/entity/name/e`, "GET identity/entity/name/e", "-> id data.id"},
			do: `POST identity/entity/id/{{id}} {"name":"f"}`, after: []string{"GET identity/entity/name/f", `POST identity/entity/name/e`}},
		{name: "end of an entity", before: []string{`@none POST auth/userpass/login/local {"password":"pw"}`, "-> id auth.entity_id"},
			do: "DELETE identity/entity/id/{{id}}", after: []string{`@none POST auth/userpass/login/local {"password":"pw"}`, "-> tok auth.client_token", "@{{tok}} GET auth/token/lookup-self"}},
		{name: "remount", do: `POST sys/remount {"from":"kv1","to":"kv3"}`, again: `GET kv3/a`},
		{name: "upgrade", do: `POST sys/mounts/kv1/tune {"options":{"version":"2"}}`, again: `POST sys/mounts/kv1/tune {"options":{"version":"2"}}`, after: []string{"GET kv1/data/a"}},
		{name: "rewrap", before: []string{`+X-Vault-Wrap-TTL:1h POST sys/wrapping/wrap {"k":"v"}`, "-> w wrap_info.token"},
			do: `POST sys/wrapping/rewrap {"token":"{{w}}"}`},
		{name: "token", do: "POST auth/token/create", after: []string{"LIST auth/token/accessors"}},
		{name: "chosen token", do: `POST auth/token/create {"id":"chosen"}`, again: "GET auth/token/lookup-self", after: []string{"LIST auth/token/accessors"}},
		{name: "end of a token", before: []string{"POST auth/token/create", "-> tok auth.client_token", `@{{tok}} POST cubbyhole/x {"x":1}`},
			do: "POST auth/token/revoke {\"token\":\"{{tok}}\"}", after: []string{"403 @{{tok}} GET auth/token/lookup-self"}},
		{name: "renewal", before: []string{`POST auth/token/create {"ttl":"1h"}`, "-> tok auth.client_token"},
			do: "POST auth/token/renew {\"token\":\"{{tok}}\"}", after: []string{"@{{tok}} GET auth/token/lookup-self", "LIST auth/token/accessors"}},
		{name: "end of a parent", before: []string{`POST auth/token/create`, "-> tok auth.client_token", "@{{tok}} POST auth/token/create", "-> child auth.client_token"},
			do: "POST auth/token/revoke-orphan {\"token\":\"{{tok}}\"}", after: []string{"403 @{{tok}} GET auth/token/lookup-self", "@{{child}} GET auth/token/lookup-self"}},
		{name: "end of a mount", do: "DELETE sys/mounts/kv1", after: []string{"POST sys/mounts/kv1 {\"type\":\"kv\"}", "404 GET kv1/a"}},
	} {
		for how, over := range unluckyStores {
			t.Run(c.name+", "+how, func(t *testing.T) { failsBetween(t, c, over) })
		}
	}
}

// failsBetween runs one case with a failure at each of its writes.
func failsBetween(t *testing.T, c between, over func(state.Store) unlucky) {
	for n := 1; n < 40; n++ {
		f, v, store := unluckyVault(t, over)
		play := func(line string) {
			if rest, keep := strings.CutPrefix(line, "-> "); keep {
				v.keep(t, rest)
				return
			}
			want := "2"
			if rest, status := strings.CutPrefix(line, "4"); status {
				want = "4" + rest[:2]
				if line = rest[3:]; want == "400" && strings.Contains(line, "lookup") { // "not there" is an empty answer here
					want = "204"
				}
			}
			if got := v.ask(t, line); !strings.HasPrefix(got, want) {
				t.Errorf("failure %d: %s\n said %s", n, line, got)
			}
		}
		for _, line := range c.before {
			play(line)
		}
		store.At(n)
		said := v.ask(t, c.do)
		over := !store.Heal() // there are no more writes
		failed := strings.HasPrefix(said, "5")
		if c.read != nil {
			c.read(t, v)
		}
		f.Clock.Advance(2 * time.Minute)
		if failed || c.again != "" {
			line := c.do
			if c.again != "" {
				line = c.again
			}
			if got := v.ask(t, line); !strings.HasPrefix(got, "2") && !acceptable(c.name, got) {
				t.Errorf("failure %d: again: %s\n said %s", n, line, got)
			}
		}
		for _, line := range c.after {
			play(line)
		}
		if over {
			return
		}
	}
	t.Error("it never ended")
}

// acceptable are refusals of a second try which say that the first one has done what
// matters: the mount has not moved yet, the token was used up or is over.
func acceptable(name, said string) bool {
	words := map[string]string{"remount": "no handler for route", "rewrap": "wrapping token is not valid or does not exist", "end of a parent": "token to revoke not found"}
	return words[name] != "" && strings.Contains(said, words[name])
}

// sameSecret holds the static role's password against the account's.
func sameSecret(t *testing.T, v *peer) {
	t.Helper()
	v.says(t, "GET ldap/static-cred/db", 200)
	shown := v.get(t, "data.password")
	v.says(t, "GET kv1/root", 200)
	if real := v.get(t, "data.password"); shown != real {
		t.Errorf("the role shows %v, the account has %v", shown, real)
	}
}
