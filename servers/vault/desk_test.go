package vault_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/world"
	"counterpart/internal/steering/dialecttest"
)

// accountOf is the account of a person.
func accountOf(t *testing.T, f *dialecttest.Fleet, user string) world.Account {
	t.Helper()
	for a := range f.World.Accounts() {
		if a.UserID == user {
			return a
		}
	}
	t.Fatal("no account of", user)
	return world.Account{}
}

// force takes an account back as an administrator does through another server.
func force(t *testing.T, f *dialecttest.Fleet, a world.Account) {
	t.Helper()
	held, err := f.Accounts.Holders(t.Context(), a)
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	if _, err := f.Accounts.Force(t.Context(), checkout.Principal{Client: "admin", Admin: true}, held[0].ID); err != nil {
		t.Fatal(err)
	}
}

func TestAnAccountThatWasForcedBackElsewhereIsAvailable(t *testing.T) {
	f, v := vaultOf(t, "")
	v.says(t, "POST ldap/library/team/check-out", 200, "svc1")
	v.Kept["old"], _ = v.get(t, "lease_id").(string)
	force(t, f, accountOf(t, f, "svc1"))
	v.says(t, `PUT sys/leases/renew {"lease_id":"{{old}}"}`, 400, "svc1 is already checked in, please call check-out to regain it")
	v.says(t, "GET ldap/library/team/status", 200, `"svc1":{"available":true}`)
	v.says(t, "POST ldap/library/team/check-in", 200, `"check_ins":[]`)

	// Whoever has it next keeps it when the old lease ends.
	if status, body := native(t, f.Addr("rest/http"), "POST", accountOf(t, f, "svc1").ID+"/checkout"); status/100 != 2 {
		t.Fatalf("%d %s", status, body)
	}
	v.says(t, `PUT sys/leases/revoke {"lease_id":"{{old}}"}`, 204)
	f.Clock.Advance(time.Second)
	if held, err := f.Accounts.Holders(t.Context(), accountOf(t, f, "svc1")); err != nil || len(held) != 1 {
		t.Errorf("the next borrower lost it: %v, %v", held, err)
	}
}

func TestOfTwoWhoCheckInOneDoes(t *testing.T) {
	for _, set := range []string{"team", "people"} {
		_, v := vaultOf(t, "")
		v.says(t, `POST ldap/library/people {"service_account_names":["svc3"]}`, 204)
		for range 20 {
			v.says(t, "POST ldap/library/"+set+"/check-out", 200)
			var named atomic.Int32
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					p := newPeer(v.Base)
					if strings.Contains(p.ask(t, "POST ldap/library/"+set+"/check-in"), `"check_ins":["`) {
						named.Add(1)
					}
				})
			}
			wg.Wait()
			if named.Load() != 1 {
				t.Fatalf("%s: %d of 4 checked it in", set, named.Load())
			}
		}
	}
}

func TestALateCheckInDoesNotChangeTheNextBorrowersPassword(t *testing.T) {
	f, v := vaultOf(t, "")
	v.says(t, `POST ldap/library/people {"service_account_names":["svc3"]}`, 204)
	v.says(t, "POST ldap/library/people/check-out", 200)
	for range 30 {
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				newPeer(v.Base).ask(t, "POST ldap/library/people/check-in")
			})
		}
		var password string
		wg.Go(func() {
			p := newPeer(v.Base)
			for !strings.HasPrefix(p.ask(t, "POST ldap/library/people/check-out"), "200") {
			}
			password, _ = p.get(t, "data.password").(string)
		})
		wg.Wait()
		v.says(t, "GET ldap/library/people/status", 200)
		if strings.Contains(string(v.Last.Body), `"available":true`) { // one of the three came after it
			v.says(t, "POST ldap/library/people/check-out", 200)
			continue
		}
		if _, err := f.Logins.Login(t.Context(), "svc3", password); err != nil {
			t.Fatalf("the borrower's password is no good: %v", err)
		}
	}
}

func TestEveryAccountOfATokenLivesAsLongAsTheToken(t *testing.T) {
	f, v := vaultOf(t, "")
	v.login(t, "tok", `POST auth/token/create {"policies":["lib"],"ttl":"20m"}`)
	v.says(t, `@{{tok}} POST ldap/library/team/check-out {"ttl":"1m"}`, 200, "svc1")
	v.says(t, "@{{tok}} POST ldap/library/team/check-out", 200, "svc2")
	f.Clock.Advance(2 * time.Minute) // the first one's lease is over
	v.says(t, `@{{tok}} POST auth/token/renew-self {"increment":"1h"}`, 200)
	f.Clock.Advance(30 * time.Minute)
	if held, err := f.Accounts.Holders(t.Context(), accountOf(t, f, "svc2")); err != nil || len(held) != 1 {
		t.Errorf("the fleet took svc2 back although token and lease live: %v, %v", held, err)
	}
}

func TestALibraryThatIsRefusedTakesNoAccount(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, `POST ldap/library/two {"service_account_names":["svc3","svc9"]}`, 500)
	v.says(t, `POST ldap/library/three {"service_account_names":["svc3","svc1"]}`, 400, `\"svc1\" is already managed`)
	v.says(t, `POST ldap/library/four {"service_account_names":["svc3"]}`, 204)
	v.says(t, "POST ldap/library/team/check-out", 200, "svc1")
	v.says(t, `POST ldap/library/team {"service_account_names":["svc2","alice"]}`, 400, `\"svc1\" can't be deleted`)
	v.says(t, `POST ldap/library/five {"service_account_names":["alice"]}`, 204)
}
