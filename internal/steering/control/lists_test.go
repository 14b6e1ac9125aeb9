package control_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/native"
)

// crowd is a fleet of a company with 100,000 people.
func crowd(t *testing.T) *api {
	t.Helper()
	a := client(t)
	a.f = dialecttest.Run(t, []dialect.Kind{{Name: "native", New: native.New, Settings: native.Settings{}}}, seed+"generate: {users: 100000, assets: 1000, accounts: 10000}\n")
	return a
}

// pages reads a list to its end and returns how many pages it had, and the IDs.
func (a *api) pages(path, key string, most int) (pages int, ids []string) {
	a.t.Helper()
	for after := ""; ; pages++ {
		r := a.want(200, "GET", path+"&after="+after, "")
		rows, _ := r.json[key].([]any)
		if len(rows) > most {
			a.t.Fatalf("a page of %d rows", len(rows))
		}
		for _, row := range rows {
			ids = append(ids, row.(map[string]any)["id"].(string))
		}
		if after = r.str("next"); after == "" || pages > 10_000 {
			return pages + 1, ids
		}
	}
}

func TestPeopleAreListed(t *testing.T) {
	a := crowd(t)
	for range 6 {
		a.f.Logins.Login(t.Context(), "bob", "wrong")
	}
	a.f.Factors.Ask(t.Context(), factor.Ask{System: "native", UserID: "alice"})
	r := a.want(200, "GET", "/people?limit=3", "")
	for path, want := range map[string]string{"people.0.id": "alice", "people.0.can_sign_in": "true", "people.0.pending": "1", "people.0.devices.2.id": "alice-phone",
		"people.1.status": "locked", "people.1.can_sign_in": "false", "people.2.id": "user000001", "next": "3", "total": "100002"} {
		if got := r.str(path); got != want {
			t.Errorf("%s is %q, want %q: %s", path, got, want, r.body)
		}
	}
	if r := a.want(200, "GET", "/people?q=user04711", ""); r.str("people.9.id") != "user047119" || r.str("next") != "" {
		t.Errorf("%s", r.body)
	}
	if n, ids := a.pages("/people?q=user05&limit=200", "people", 200); n != 50 || len(ids) != 10_000 || ids[9999] != "user059999" {
		t.Errorf("%d pages with %d people", n, len(ids))
	}
	r = a.want(200, "GET", "/people/ALICE@acme.test", "")
	if r.str("may_use.0") != "root@db01" || r.str("may_use.1") != "postgres@db01" || r.str("seed.line") == "" || r.str("seeded_status") != "active" || r.str("may_use_more") != "true" {
		t.Errorf("%s", r.body)
	}
	for _, secret := range []string{"Alice-Pass-1", "GEZDGNBV"} {
		if strings.Contains(r.body, secret) {
			t.Errorf("a secret is shown: %s", r.body)
		}
	}
	a.want(404, "GET", "/people/zoe", "")
	for _, bad := range []string{"limit=201", "limit=-1", "after=x", "after=-5", "q=" + strings.Repeat("x", 201), "status=locked"} {
		a.want(400, "GET", "/people?"+bad, "")
	}
	if r := a.want(200, "GET", "/people?after=99999999", ""); r.str("people.0") != "" || r.str("next") != "" {
		t.Errorf("%s", r.body)
	}
}

func TestAccountsAreListedWithTheirHolders(t *testing.T) {
	a := crowd(t)
	a.native("alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	a.native("alice", "POST", "/vault/v1/accounts/postgres@db01/requests", `{"reason":"x"}`)
	r := a.want(200, "GET", "/accounts?limit=2", "")
	for path, want := range map[string]string{"accounts.0.id": "root@db01", "accounts.0.holders.0.user": "alice", "accounts.0.exclusive": "true", "accounts.0.address": "10.0.0.5",
		"accounts.1.needs_approval": "true", "accounts.1.open_requests.0.user": "alice", "accounts.1.approvers.0": "bob", "next": "2", "total": "10002"} {
		if got := r.str(path); got != want {
			t.Errorf("%s is %q, want %q: %s", path, got, want, r.body)
		}
	}
	if _, ids := a.pages("/accounts?held=true&limit=1", "accounts", 1); strings.Join(ids, " ") != "postgres@db01 root@db01" {
		t.Errorf("held are %v", ids)
	}
	if r := a.want(200, "GET", "/accounts?q=asset000500", ""); r.str("accounts.0.id") != "root@asset000500" || r.str("accounts.9.id") != "svc10@asset000500" {
		t.Errorf("%s", r.body)
	}
	if n, ids := a.pages("/accounts?q=svc2&limit=100", "accounts", 100); n != 10 || len(ids) != 1000 {
		t.Errorf("%d pages with %d accounts", n, len(ids))
	}
	if r := a.want(200, "GET", "/accounts/ROOT@db01", ""); r.str("holders.0.id") != "lease-1.root@db01" || r.str("seed.line") == "" || strings.Contains(r.body, "Root-Secret-1") {
		t.Errorf("%s", r.body)
	}
	a.want(404, "GET", "/accounts/none@db01", "")
	a.want(400, "GET", "/accounts?held=perhaps", "")
	a.want(400, "GET", "/accounts?held=true&q=x", "")
}

func TestTicketsAreListed(t *testing.T) {
	a := client(t)
	a.f = dialecttest.Run(t, []dialect.Kind{{Name: "native", New: native.New, Settings: native.Settings{}}}, seed+
		"tickets:\n  - {id: CHG1, system: servicenow, kind: change, approval: approved, requester: alice, asset: db01, account: root}\n  - {id: CHG2, system: servicenow, kind: change}\n")
	for i := range 1200 {
		if _, err := a.f.Tickets.Create(t.Context(), ticket.Ticket{ID: fmt.Sprintf("T-%04d", i), System: "native", Type: "change", Title: fmt.Sprint("work ", i%7)}); err != nil {
			t.Fatal(err)
		}
	}
	r := a.want(200, "GET", "/tickets?limit=3", "")
	if r.str("tickets.0.id") != "CHG1" || r.str("tickets.0.state") != "approved" || r.str("tickets.0.notes") != "0" || r.str("tickets.2.id") != "T-0000" || r.str("next") == "" {
		t.Errorf("%s", r.body)
	}
	if n, ids := a.pages("/tickets?limit=200", "tickets", 200); n < 7 || len(ids) != 1202 || ids[1201] != "T-1199" {
		t.Errorf("%d pages with %d tickets", n, len(ids))
	}
	if _, ids := a.pages("/tickets?q=WORK+3", "tickets", 50); len(ids) != 171 {
		t.Errorf("%d fit", len(ids))
	}
	if r := a.want(200, "GET", "/tickets?system=servicenow&state=approved&requester=alice&account=root", ""); r.str("tickets.0.id") != "CHG1" || r.str("tickets.1.id") != "" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "GET", "/tickets/chg1?system=servicenow", ""); r.str("id") != "CHG1" || r.str("seed.line") == "" {
		t.Errorf("%s", r.body)
	}
	a.want(404, "GET", "/tickets/none", "")
	for _, bad := range []string{"state=open", "after=x", "after=seed:none", "after=here:x", "limit=1000"} {
		a.want(400, "GET", "/tickets?"+bad, "")
	}
}

// TestListsAreThoseOfTheFleet: whichever replica is asked, and 503 without a store.
func TestListsAreThoseOfTheFleet(t *testing.T) {
	a := client(t)
	all, store := several(t, 3)
	first := a.at(all[0])
	first.native("alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	first.f.Logins.SetStatus(t.Context(), "bob", world.Disabled)
	for i := range all {
		at := a.at(all[i])
		if r := at.want(200, "GET", "/accounts?held=true", ""); r.str("accounts.0.holders.0.user") != "alice" {
			t.Errorf("%d: %s", i, r.body)
		}
		if r := at.want(200, "GET", "/people?q=bob", ""); r.str("people.0.status") != "disabled" {
			t.Errorf("%d: %s", i, r.body)
		}
		if r := at.want(200, "GET", "/journal/1", ""); r.str("entry.session") != "1" || r.str("entry.person") != "alice" {
			t.Errorf("%d: %s", i, r.body)
		}
	}
	down(t, store)
	for _, path := range []string{"/people", "/people/bob", "/accounts", "/accounts?held=true", "/accounts/root@db01", "/tickets/none"} {
		a.at(all[1]).want(503, "GET", path, "")
	}
	store.Heal()
}

// BenchmarkPeople is what a page of people costs, of a small company and of a large one.
func BenchmarkPeople(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := dialecttest.Run(b, []dialect.Kind{{Name: "native", New: native.New, Settings: native.Settings{}}}, seed+fmt.Sprintf("generate: {users: %d}\n", n))
			url := "http://" + f.Addr("control/http") + "/people?q=user0009"
			for b.Loop() {
				req, _ := http.NewRequest("GET", url, nil)
				req.Header.Set("Authorization", "Bearer control-token")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
}
