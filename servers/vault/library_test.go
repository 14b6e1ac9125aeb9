package vault_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/serving/fault"
)

func libraryOrder(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, `POST ldap/library/two {"service_account_names":"svc1"}`, 400, `\"svc1\" is already managed by the secrets engine`)
	v.says(t, `POST ldap/library/two {"service_account_names":"svc9"}`, 500, `1 error occurred:\n\t* expected one matching entry, but received 0\n\n`)
	v.says(t, `POST ldap/library/two {}`, 400, `\"service_account_names\" must be provided`)
	v.says(t, `POST ldap/library/two {"service_account_names":"svc3","ttl":"3h","max_ttl":"2h"}`, 400, `max_ttl (7200000000000 seconds) may not be less than ttl (10800000000000 seconds)`)
	v.says(t, "POST ldap/library/team/check-out", 200, `"service_account_name":"svc1"`, `"password":"Svc1-Pass-1"`, `"lease_duration":3600`, `"lease_id":"ldap/library/team/check-out/`)
	v.says(t, "POST ldap/library/team/check-out", 200, `"service_account_name":"svc2"`)
	v.says(t, "POST ldap/library/team/check-out", 400, "No service accounts available for check-out.")
	v.says(t, "GET ldap/library/team/status", 200, `"svc1":{"available":false,"borrower_client_token":"`)
	if strings.Contains(string(v.Last.Body), "borrower_entity_id") {
		t.Errorf("root has no entity: %s", v.Last.Body)
	}
	v.says(t, "POST ldap/library/nosuch/check-out", 400, `\"nosuch\" doesn't exist`)
	v.says(t, "DELETE ldap/library/team", 400, `\"svc1\" can't be deleted because it is currently checked out'`)
	v.says(t, `POST ldap/library/team {"service_account_names":"svc2"}`, 400, `\"svc1\" can't be deleted because it is currently checked out'`)
	v.says(t, "GET ldap/library/team", 200, `{"disable_check_in_enforcement":false,"max_ttl":7200,"service_account_names":["svc1","svc2"],"ttl":3600}`)
}

func libraryLives(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, `POST ldap/library/team/check-out {"ttl":"10m"}`, 200, `"lease_duration":600`)
	v.Kept["l"], _ = v.get(t, "lease_id").(string)
	v.says(t, `PUT sys/leases/renew {"lease_id":"{{l}}"}`, 200)
	v.says(t, `POST ldap/library/team/check-out {"ttl":"100h"}`, 200, `"lease_duration":3600`)
	v.says(t, `POST ldap/library/manage/team/check-in {"service_account_names":["svc1","svc2"]}`, 200, `"check_ins":["svc1","svc2"]`)
	v.says(t, `POST ldap/library/team/check-out {"ttl":0}`, 200, `"lease_duration":7200`)
	v.says(t, `POST ldap/library/team/check-out {"ttl":"-5"}`, 400, `Field validation failed: error converting input for field \"ttl\": cannot provide negative value '-5'`)
}

func libraryCheckIn(t *testing.T) {
	_, v := vaultOf(t, "")
	const login = `@none POST auth/userpass/login/alice {"password":"Alice-Pass-1"}`
	v.login(t, "a1", login)
	v.login(t, "a2", login)
	v.login(t, "other", `@none POST auth/userpass/login/local {"password":"pw"}`)
	v.says(t, "@{{a1}} POST ldap/library/team/check-out", 200, "svc1")
	v.says(t, "GET ldap/library/team/status", 200, `"borrower_entity_id":"`)
	v.says(t, `@{{other}} POST ldap/library/team/check-in {"service_account_names":["svc1"]}`, 400, `\"svc1\" can't be checked in because it wasn't checked out by the caller`)
	v.says(t, "@{{other}} POST ldap/library/team/check-in", 200, `"check_ins":[]`)
	v.says(t, "@{{a2}} POST ldap/library/team/check-in", 200, `"check_ins":["svc1"]`)
	v.says(t, `@{{a2}} POST ldap/library/team/check-in {"service_account_names":["svc1"]}`, 200, `"check_ins":[]`)
	v.says(t, "@{{a1}} POST ldap/library/team/check-out", 200)
	v.says(t, "@{{a1}} POST ldap/library/team/check-out", 200)
	v.says(t, "@{{a1}} POST ldap/library/team/check-in", 400, `when multiple service accounts are checked out, the \"service_account_names\" to check in must be provided`)
	v.says(t, `@{{a1}} POST ldap/library/team/check-in {"service_account_names":["nosuch"]}`, 500, `1 error occurred:\n\t* not found\n\n`)
	v.says(t, `@{{other}} POST ldap/library/manage/team/check-in {"service_account_names":["svc1"]}`, 200, `"check_ins":["svc1"]`)
}

func libraryRotation(t *testing.T) {
	f, v := vaultOf(t, "")
	out := func(token string) (name, password, lease string) {
		v.says(t, "@"+token+" POST ldap/library/team/check-out", 200)
		name, _ = v.get(t, "data.service_account_name").(string)
		password, _ = v.get(t, "data.password").(string)
		lease, _ = v.get(t, "lease_id").(string)
		return name, password, lease
	}
	// By hand: the password changes, in the directory as well; the lease stays.
	_, first, old := out("root")
	v.says(t, "POST ldap/library/team/check-in", 200)
	if _, err := f.Logins.Login(t.Context(), "svc1", first); err == nil {
		t.Error("the old password still logs in")
	}
	v.says(t, `PUT sys/leases/lookup {"lease_id":"`+old+`"}`, 200)
	v.says(t, `PUT sys/leases/renew {"lease_id":"`+old+`"}`, 400, "failed to renew entry: resp: ", "svc1 is already checked in, please call check-out to regain it")
	// The quirk: the old lease takes it from the next borrower when it ends.
	f.Clock.Advance(30 * time.Minute)
	name, second, lease := out("root")
	if name != "svc1" || second == first {
		t.Fatalf("%s with %s", name, second)
	}
	f.Clock.Advance(31 * time.Minute)
	v.says(t, "GET ldap/library/team/status", 200, `"svc1":{"available":true}`)
	v.says(t, `PUT sys/leases/lookup {"lease_id":"`+lease+`"}`, 200)
	// At the end of a lease, by itself.
	_, third, _ := out("root")
	f.Clock.Advance(61 * time.Minute)
	v.says(t, "GET ldap/library/team/status", 200, `"svc1":{"available":true}`)
	if _, now, _ := out("root"); now == third {
		t.Error("the password did not change when the lease ended")
	}
	v.says(t, `POST ldap/library/manage/team/check-in {"service_account_names":["svc1"]}`, 200)
	// With the borrower's token.
	v.login(t, "tok", `POST auth/token/create {"policies":["lib"],"ttl":"10m"}`)
	out(v.Kept["tok"])
	v.says(t, "@{{tok}} POST auth/token/revoke-self", 204)
	v.says(t, "GET ldap/library/team/status", 200, `"svc1":{"available":true}`)
	// A directory that refuses: the account stays out.
	out("root")
	if err := f.Faults.Set([]fault.Rule{{Kind: "rotation-fails", Server: "vault"}}); err != nil {
		t.Fatal(err)
	}
	v.says(t, "POST ldap/library/team/check-in", 500)
	if err := f.Faults.Set(nil); err != nil {
		t.Fatal(err)
	}
	v.says(t, "GET ldap/library/team/status", 200, `"svc1":{"available":false`)
	v.says(t, "POST ldap/library/team/check-in", 200, `"check_ins":["svc1"]`)
}

func TestWithoutTheQuirkAnOldLeaseTakesNothing(t *testing.T) {
	f, v := vaultOf(t, "stale_lease_quirk: false")
	v.says(t, "POST ldap/library/team/check-out", 200)
	v.says(t, "POST ldap/library/team/check-in", 200)
	f.Clock.Advance(30 * time.Minute)
	v.says(t, "POST ldap/library/team/check-out", 200, "svc1")
	f.Clock.Advance(31 * time.Minute)
	v.says(t, "GET ldap/library/team/status", 200, `"svc1":{"available":false`)
}

// native asks the fleet's own REST as alice.
func native(t *testing.T, addr, method, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+addr+"/vault/v1/accounts/"+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("alice", "Alice-Pass-1")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func TestAPasswordRotatedByVaultIsTheOneThatAllOthersKnow(t *testing.T) {
	f, v := vaultOf(t, "")
	v.says(t, "POST ldap/rotate-role/db", 204)
	v.says(t, "GET ldap/static-cred/db", 200)
	password, _ := v.get(t, "data.password").(string)
	if status, body := native(t, f.Addr("rest/http"), "GET", "root@db01/password"); status != 200 || !strings.Contains(body, password) {
		t.Errorf("native says %d %s, vault %s", status, body, password)
	}
	v.says(t, "GET kv1/root", 200, `"password":"`+password+`"`)

	v.says(t, "POST ldap/library/team/check-out", 200, "svc1")
	v.says(t, "POST ldap/library/team/check-in", 200)
	v.says(t, "POST ldap/library/team/check-out", 200, "svc1")
	password, _ = v.get(t, "data.password").(string)
	if _, err := f.Logins.Login(t.Context(), "svc1", password); err != nil {
		t.Errorf("the directory refuses the password that vault gave out: %v", err)
	}
}

func TestAnAccountHeldThroughNativeIsRefusedByTheLibrary(t *testing.T) {
	f, v := vaultOf(t, "")
	rest := f.Addr("rest/http")
	account := ""
	for a := range f.World.Accounts() {
		if a.UserID == "svc1" {
			account = a.ID
		}
	}
	if status, body := native(t, rest, "POST", account+"/checkout"); status/100 != 2 {
		t.Fatalf("%d %s", status, body)
	}
	v.says(t, "POST ldap/library/team/check-out", 200, "svc2") // svc1 is not to be had
	v.says(t, "POST ldap/library/team/check-out", 400, "No service accounts available for check-out.")

	v.says(t, "POST ldap/library/team/check-in", 200)
	v.says(t, "POST ldap/library/team/check-out", 200, "svc2")
	for a := range f.World.Accounts() {
		if a.UserID == "svc2" {
			if status, body := native(t, rest, "POST", a.ID+"/checkout"); status != 409 {
				t.Errorf("native lends what vault has lent: %d %s", status, body)
			}
		}
	}
}

func TestOfManyRacingBorrowersEachAccountHasOne(t *testing.T) {
	f, v := vaultOf(t, "")
	var got atomic.Int32
	var names sync.Map
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			p := newPeer(v.Base)
			if strings.HasPrefix(p.ask(t, "POST ldap/library/team/check-out"), "200") {
				got.Add(1)
				if _, twice := names.LoadOrStore(p.get(t, "data.service_account_name"), true); twice {
					t.Errorf("%s was lent twice", p.Last.Body)
				}
			}
		})
	}
	wg.Wait()
	if got.Load() != 2 {
		t.Errorf("%d accounts were lent, there are 2", got.Load())
	}
	v.says(t, "POST ldap/library/manage/team/check-in {\"service_account_names\":[\"svc1\",\"svc2\"]}", 200)
	f.Clock.Advance(time.Second)
}

func TestOfManyRacingUsesOneWins(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, `POST sys/mounts/ssh {"type":"ssh"}`, 204)
	v.says(t, `POST ssh/roles/otp {"key_type":"otp","default_user":"ubuntu","cidr_list":"0.0.0.0/0"}`, 204)
	v.says(t, `POST ssh/creds/otp {"ip":"10.0.0.5"}`, 200)
	otp, _ := v.get(t, "data.key").(string)
	v.says(t, "+X-Vault-Wrap-TTL:60s GET kv1/a", 200)
	wrap, _ := v.get(t, "wrap_info.token").(string)
	v.login(t, "one", `POST auth/token/create {"policies":["readers"],"num_uses":1}`)
	for _, line := range []string{`@none POST ssh/verify {"otp":"` + otp + `"}`, "@" + wrap + " POST sys/wrapping/unwrap",
		`@none POST auth/approle/login {"role_id":"rid","secret_id":"sid"}`, "@" + v.Kept["one"] + " GET kv1/a"} {
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				p := newPeer(v.Base)
				if strings.HasPrefix(p.ask(t, line), "200") {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: %d of 8 won", line, won.Load())
		}
	}
}
