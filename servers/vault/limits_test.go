package vault_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/serving/fault"
)

func TestLeasesOfStrangeMountsAreWellFormed(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, `POST sys/mounts/a%22b%5C {"type":"ssh"}`, 204)
	v.says(t, `POST a%22b%5C/roles/otp {"key_type":"otp","default_user":"u","cidr_list":"0.0.0.0/0"}`, 204)
	v.says(t, `POST a%22b%5C/creds/otp {"ip":"10.0.0.5"}`, 200)
	if !json.Valid(v.Last.Body) {
		t.Fatalf("%s", v.Last.Body)
	}
	v.Kept["l"], _ = v.get(t, "lease_id").(string)
	if !strings.HasPrefix(v.Kept["l"], `a"b\/creds/otp/`) {
		t.Error(v.Kept["l"])
	}
}

// recordsOf lists all records of a store, as table/key.
func recordsOf(t *testing.T, s state.Store) (all []string) {
	t.Helper()
	names, err := s.Tables(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		keys, err := s.Table(name).Keys(t.Context(), state.Range{})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			all = append(all, name+"/"+k)
		}
	}
	return all
}

func TestNothingOfADeadMountOrTokenStays(t *testing.T) {
	f, v := vaultOf(t, "")
	keys := func() int {
		t.Helper()
		all := recordsOf(t, f.Store)
		all = slices.DeleteFunc(all, func(k string) bool { // entities stay, as in the real server
			return strings.Contains(k, "/alias/") || strings.Contains(k, "/entity")
		})
		return len(all)
	}
	v.says(t, "GET kv1/a", 200)
	round := func() {
		v.says(t, `POST sys/mounts/tmp {"type":"kv"}`, 204)
		for _, p := range []string{"a", "b/c"} {
			v.says(t, "POST tmp/"+p+` {"x":1}`, 204)
		}
		v.says(t, "DELETE sys/mounts/tmp", 204)
		v.says(t, `POST sys/mounts/tmp {"type":"kv-v2"}`, 204)
		v.says(t, `POST tmp/data/a {"data":{"x":1}}`, 200)
		v.says(t, `POST tmp/config {"max_versions":3}`, 204)
		v.says(t, "DELETE sys/mounts/tmp", 204)
		v.says(t, `POST sys/auth/tmp {"type":"approle"}`, 204)
		v.says(t, `POST auth/tmp/role/r {"role_id":"r"}`, 204)
		v.says(t, `POST auth/tmp/role/r/custom-secret-id {"secret_id":"s"}`, 200)
		v.login(t, "tok", `@none POST auth/tmp/login {"role_id":"r","secret_id":"s"}`)
		v.says(t, `@{{tok}} POST cubbyhole/x {"x":1}`, 204)
		v.says(t, "DELETE sys/auth/tmp", 204)
		v.says(t, "@{{tok}} GET cubbyhole/x", 403)
		v.login(t, "tok", `@none POST auth/userpass/login/local {"password":"pw"}`)
		v.says(t, `@{{tok}} POST cubbyhole/x {"x":1}`, 204)
		v.says(t, "@{{tok}} POST auth/token/revoke-self", 204)
		v.login(t, "tok", `POST auth/token/create {"policies":["lib"],"ttl":"1h"}`)
		v.says(t, `@{{tok}} POST cubbyhole/x {"x":1}`, 204) // and left to expire
		for range 3 {
			v.says(t, `@none POST auth/userpass/login/nobody {"password":"x"}`, 400)
		}
		v.says(t, "+X-Vault-Wrap-TTL:60s GET kv1/a", 200)
		f.Clock.Advance(72 * time.Hour)
	}
	round()
	before := keys()
	for range 5 {
		round()
	}
	f.Clock.Advance(40 * 24 * time.Hour)
	if after := keys(); after > before {
		all := recordsOf(t, f.Store)
		t.Errorf("%d records became %d:\n%s", before, after, strings.Join(all, "\n"))
	}
}

func TestFailedLoginsOfManyNamesAreForgotten(t *testing.T) {
	f, v := vaultOf(t, "")
	long := strings.Repeat("x", 6000)
	for i := range 2000 {
		v.says(t, fmt.Sprintf(`@none POST auth/ldap/login/%s%d {"password":"wrong"}`, long, i), 400)
	}
	locks := f.Store.Table("server/vault/lock")
	all, err := locks.Keys(t.Context(), state.Range{})
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, k := range all {
		size += len(k)
	}
	if size > 2000*1000 {
		t.Errorf("%d records of failed logins take %d octets of names", len(all), size)
	}
	f.Clock.Advance(16 * time.Minute)
	if all, err = locks.Keys(t.Context(), state.Range{}); err != nil || len(all) > 0 {
		t.Errorf("%d records are left (%v)", len(all), err)
	}
}

func TestOnePersonIsOneEntityHoweverTheNameIsTyped(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, `@none POST auth/ldap/login/alice {"password":"Alice-Pass-1"}`, 200, `"metadata":{"username":"alice"}`)
	id, _ := v.get(t, "auth.entity_id").(string)
	v.says(t, `@none POST auth/ldap/login/ALICE {"password":"Alice-Pass-1"}`, 200, `"metadata":{"username":"ALICE"}`, `"entity_id":"`+id+`"`)
}

func TestAQuotaIsPlayedByAFault(t *testing.T) {
	f, v := vaultOf(t, "")
	const body = `{"errors":["request path \"kv1/a\": rate limit quota exceeded"]}`
	rule := fault.Rule{Kind: fault.Status, Server: "vault", Op: "kv.read", Args: map[string]string{"code": "429", "body": body, "type": "application/json"}}
	if err := f.Faults.Set([]fault.Rule{rule}); err != nil {
		t.Fatal(err)
	}
	if got := v.ask(t, "GET kv1/a"); !strings.HasPrefix(got, "429 Cache-Control=no-store Content-Type=application/json ") || string(v.Last.Body) != body {
		t.Errorf("%s: %q", got, v.Last.Body)
	}
	v.says(t, `POST kv1/b {"x":1}`, 204)
	if err := f.Faults.Set([]fault.Rule{{Kind: "index-state", Server: "vault"}}); err != nil {
		t.Fatal(err)
	}
	v.says(t, "GET kv1/a", 412, "required index state not present")
}

// TestALockedRoleTakesNoSecretID, also not the right one, for a quarter of an hour.
func TestALockedRoleTakesNoSecretID(t *testing.T) {
	f, v := vaultOf(t, "")
	for range 5 {
		v.says(t, `@none POST auth/approle/login {"role_id":"rid","secret_id":"wrong"}`, 400, "invalid role or secret ID")
	}
	v.says(t, `@none POST auth/approle/login {"role_id":"rid","secret_id":"sid"}`, 403, "permission denied")
	f.Clock.Advance(16 * time.Minute)
	v.says(t, `@none POST auth/approle/login {"role_id":"rid","secret_id":"sid"}`, 200)
}
