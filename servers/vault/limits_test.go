package vault_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLeasesOfStrangeMountsAreWellFormed(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, `POST sys/mounts/a%22b%5C {"type":"ssh"}`, 204)
	v.says(t, `POST a%22b%5C/roles/otp {"key_type":"otp","default_user":"u","cidr_list":"0.0.0.0/0"}`, 204)
	v.says(t, `POST a%22b%5C/creds/otp {"ip":"10.0.0.5"}`, 200)
	if !json.Valid(v.last) {
		t.Fatalf("%s", v.last)
	}
	v.kept["l"], _ = v.get(t, "lease_id").(string)
	if !strings.HasPrefix(v.kept["l"], `a"b\/creds/otp/`) {
		t.Error(v.kept["l"])
	}
}

func TestNothingOfADeadMountOrTokenStays(t *testing.T) {
	f, v := vaultOf(t, "")
	keys := func() int {
		t.Helper()
		all, err := f.Store.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
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
		all, _ := f.Store.List(t.Context(), "")
		t.Errorf("%d records became %d:\n%s", before, after, strings.Join(all, "\n"))
	}
}
