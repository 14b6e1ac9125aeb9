package world_test

import (
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/company/world"
)

func acme(t *testing.T) *world.World {
	t.Helper()
	w, err := world.New(world.Facts{
		Organization: world.Organization{Name: "Acme", Domain: "acme.test", NetBIOS: "ACME"},
		RandomSeed:   1,
		Users: []world.User{
			{ID: "alice", Name: "alice", Aliases: []string{"aadams"}, Email: "alice@mail.acme.test", Groups: []string{"dba"},
				Devices: []world.Device{{ID: "alice-totp", UserID: "alice", Kind: world.TOTP}}},
			{ID: "carol", Name: "carol", Groups: []string{"contractors"}},
			{ID: "svc", Name: "svc"},
		},
		Groups: []world.Group{
			{ID: "dba", Name: "dba", MemberGroups: []string{"contractors"}},
			{ID: "contractors", Name: "contractors", MemberGroups: []string{"dba"}}, // a cycle
			{ID: "staff", Name: "staff"},
		},
		Assets: []world.Asset{
			{ID: "db01", Name: "db01", Address: netip.MustParseAddr("10.0.0.5"), Hostnames: []string{"db01.acme.test"}},
			{ID: "v6", Name: "v6", Address: netip.MustParseAddr("2001:db8::1")},
		},
		Accounts: []world.Account{
			{ID: "root@db01", Name: "root", AssetID: "db01"},
			{ID: "root@v6", Name: "root", AssetID: "v6"},
			{ID: "svc@db01", Name: "svc", AssetID: "db01", UserID: "svc"},
		},
		Tickets: []world.Ticket{{ID: "CHG1", System: "servicenow"}, {ID: "CHG1", System: "jira"}},
		Clients: []world.Client{{ID: "sps", Name: "sps", Secret: "sps-secret"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPeopleAreFoundByTheNamesTheyLogInWith(t *testing.T) {
	w := acme(t)
	for login, want := range map[string]string{
		"alice": "alice", "ALICE": "alice", " alice ": "alice", "aadams": "alice",
		`ACME\alice`: "alice", `acme.test\Alice`: "alice", "alice@acme.test": "alice",
		"alice@mail.acme.test": "alice",
		`EVIL\alice`:           "", "alice@evil.test": "", "": "", "nobody": "", `ACME\`: "", "@acme.test": "",
	} {
		if u, _ := w.Login(login); u.ID != want {
			t.Errorf("Login(%q) = %q, want %q", login, u.ID, want)
		}
	}
}

func TestGroupsNestAndCyclesEnd(t *testing.T) {
	w := acme(t)
	var got []string
	for _, g := range w.GroupsOf("carol") {
		got = append(got, g.ID)
	}
	if s := strings.Join(got, " "); s != "contractors dba" {
		t.Errorf("carol is in %q, want direct group first, then the one around it", s)
	}
	if !w.InAnyGroup("carol", []string{"DBA"}) || w.InAnyGroup("carol", []string{"staff"}) || w.InAnyGroup("nobody", []string{"dba"}) {
		t.Error("InAnyGroup disagrees with GroupsOf")
	}
}

func TestAssetsAndAccountsAreFoundByEveryName(t *testing.T) {
	w := acme(t)
	for asset, want := range map[string]string{
		"db01": "root@db01", "DB01.acme.test": "root@db01", "10.0.0.5": "root@db01",
		"2001:db8:0:0::1": "root@v6", "::ffff:10.0.0.5": "root@db01", "db02": "",
	} {
		if a, _ := w.Account(asset, "Root"); a.ID != want {
			t.Errorf("Account(%q, Root) = %q, want %q", asset, a.ID, want)
		}
	}
	if n := len(slices.Collect(w.AccountsNamed("Root"))); n != 2 {
		t.Errorf("%d accounts named root, want 2", n)
	}
	if a, ok := w.AccountOfUser("SVC"); !ok || a.ID != "svc@db01" {
		t.Errorf("AccountOfUser(svc) = %q", a.ID)
	}
}

func TestFactsThatContradictThemselvesAreRefused(t *testing.T) {
	for name, f := range map[string]world.Facts{
		"two users":      {Users: []world.User{{ID: "a"}, {ID: "A"}}},
		"alias taken":    {Users: []world.User{{ID: "a"}, {ID: "b", Aliases: []string{"a"}}}},
		"unknown group":  {Users: []world.User{{ID: "a", Groups: []string{"g"}}}},
		"unknown asset":  {Accounts: []world.Account{{ID: "r@x", AssetID: "x"}}},
		"unknown owner":  {Accounts: []world.Account{{ID: "r@x", UserID: "x"}}},
		"unknown member": {Groups: []world.Group{{ID: "g", MemberGroups: []string{"h"}}}},
		"two devices":    {Users: []world.User{{ID: "a", Devices: []world.Device{{ID: "d"}, {ID: "d"}}}}},
		"shared address": {Assets: []world.Asset{{ID: "a", Hostnames: []string{"h"}}, {ID: "b", Hostnames: []string{"H"}}}},
	} {
		if _, err := world.New(f); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDerivedValuesRepeatAndDiffer(t *testing.T) {
	w := acme(t)
	if a, b := w.UUID("user", "alice"), w.UUID("user", "alice"); a != b {
		t.Errorf("the same name gives %s and %s", a, b)
	}
	if w.UUID("user", "alice") == w.UUID("group", "alice") || w.UUID("ab", "c") == w.UUID("a", "bc") {
		t.Error("different names give the same UUID")
	}
	if ok, _ := regexp.MatchString(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, w.UUID("x")); !ok {
		t.Errorf("%s is no version 8 UUID", w.UUID("x"))
	}
	one, two := make([]byte, 100), make([]byte, 100)
	io.ReadFull(w.Derive("k"), one)
	r := w.Derive("k")
	for i := range two { // octet by octet must give the same stream
		io.ReadFull(r, two[i:i+1])
	}
	if string(one) != string(two) {
		t.Error("the stream depends on how it is read")
	}
	for i := range 200 {
		p := world.Password(w.Derive("p", string(rune(i))), 16)
		for _, class := range []string{"abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "-_.+"} {
			if !strings.ContainsAny(p, class) {
				t.Fatalf("password %q has nothing of %q", p, class)
			}
		}
		if len(p) != 16 {
			t.Fatalf("password %q has %d characters", p, len(p))
		}
	}
}
