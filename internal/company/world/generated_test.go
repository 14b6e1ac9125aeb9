package world_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"

	"counterpart/internal/company/world"
)

func TestNumbered(t *testing.T) {
	for n, want := range map[int]string{1: "user000001", 99_999: "user099999", 100_000: "user100000", 999_999: "user999999", 1_000_000: "user1000000"} {
		if got := world.Numbered("user", n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}

// TestNumbersGoRoundThoseThatAreTaken: At and Of agree with counting.
func TestNumbersGoRoundThoseThatAreTaken(t *testing.T) {
	for _, taken := range [][]int{nil, {10}, {10, 11, 12}, {12, 13, 20}, {11, 13, 15, 17, 18, 19, 30}} {
		s, i := world.Numbers{First: 10, Taken: taken}, 0
		for n := 10; n < 60; n++ {
			if slices.Contains(taken, n) {
				if _, ok := s.Of(n); ok {
					t.Errorf("%v: %d is not taken", taken, n)
				}
				continue
			}
			if got := s.At(i); got != n {
				t.Errorf("%v: number %d is %d, want %d", taken, i, got, n)
			}
			if back, ok := s.Of(n); !ok || back != i {
				t.Errorf("%v: %d is number %d, want %d", taken, n, back, i)
			}
			i++
		}
		if _, ok := s.Of(9); ok {
			t.Errorf("%v: 9 is before the first", taken)
		}
	}
}

// load is a company that is generated but for two people.
func load(t testing.TB) *world.World {
	t.Helper()
	w, err := world.New(world.Facts{
		Organization: world.Organization{Domain: "Acme.test", NetBIOS: "ACME"}, RandomSeed: 3,
		Users:    []world.User{{ID: "alice", Name: "alice", Groups: []string{"dba"}, Devices: []world.Device{{ID: "a", UserID: "alice"}}}, {ID: "user9", Name: "user9"}},
		Groups:   []world.Group{{ID: "dba", MemberGroups: []string{"group000002"}}, {ID: "group000001", GIDNumber: 7}, {ID: "group000002", GIDNumber: 8}},
		Assets:   []world.Asset{{ID: "db01", Name: "db01", Address: netip.MustParseAddr("10.0.0.5")}},
		Accounts: []world.Account{{ID: "root@db01", Name: "root", AssetID: "db01"}, {ID: "svc@acme.test", Name: "svc", UserID: "user000003"}},
		Generated: world.Generated{Users: 1_000_000, Groups: 2, Assets: 70_000, Accounts: 150_000, Password: "P-{name}", Domain: "Acme.test",
			UIDs: world.Numbers{First: 10000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestGeneratedPeopleAreFoundByEveryName(t *testing.T) {
	w := load(t)
	for login, want := range map[string]string{
		"user000001": "user000001", " USER000001 ": "user000001", `ACME\User999999`: "user999999", `acme.TEST\user1000000`: "user1000000",
		"User000002@acme.test": "user000002", "user000002@ACME.TEST": "user000002", "user9": "user9",
		"user000000": "", "user1000001": "", "user0000001": "", "user01": "", "user00000x": "", "user": "", "user+00001": "", "user000002@evil.test": "",
		"user000001-totp": "", "user000001@": "", "user00000１": "",
	} {
		if u, _ := w.Login(login); u.ID != want {
			t.Errorf("Login(%q) = %q, want %q", login, u.ID, want)
		}
	}
	for _, i := range []int{0, 1, 2, 3, 77, 999_999, 1_000_001} {
		u := w.UserAt(i)
		if n, ok := w.UserNumber(u.ID); !ok || n != i || w.UserIDAt(i) != u.ID {
			t.Errorf("%d is %s, which is %d", i, u.ID, n)
		}
		if m, ok := w.UserByMail(u.Email); i > 1 && (!ok || !reflect.DeepEqual(m, u)) {
			t.Errorf("%s is not found by %q", u.ID, u.Email)
		}
		for _, d := range w.DevicesOf(u.ID) {
			if again, ok := w.Device(d.ID); !ok || !reflect.DeepEqual(d, again) || again.UserID != u.ID {
				t.Errorf("device %+v of %s is %+v", d, u.ID, again)
			}
		}
	}
	if _, ok := w.Device("USER000001-totp"); ok {
		t.Error("IDs of devices are as they are")
	}
}

func TestGeneratedPeopleAreInGroups(t *testing.T) {
	w := load(t)
	for user, want := range map[string]string{"user000001": "[group000001]", "user000002": "[group000002 dba]", "user1000000": "[group000002 dba]", "alice": "[dba]", "user9": "[]"} {
		var got []string
		for _, g := range w.GroupsOf(user) {
			got = append(got, g.ID)
		}
		if s := fmt.Sprint(got); s != want {
			t.Errorf("%s is in %s, want %s", user, s, want)
		}
	}
	if !w.InAnyGroup("User000002", []string{"DBA"}) || w.InAnyGroup("user000001", []string{"dba"}) || w.InAnyGroup("user000000", []string{"dba"}) {
		t.Error("InAnyGroup disagrees with GroupsOf")
	}
	if u, _ := w.User("user000001"); u.GIDNumber != 7 {
		t.Errorf("%+v", u)
	}
}

func TestGeneratedMachinesAreFoundByEveryName(t *testing.T) {
	w := load(t)
	for name, want := range map[string]string{"asset000001": "asset000001", "ASSET000256.acme.TEST": "asset000256", "198.18.0.1": "asset000001", "::ffff:198.19.17.112": "asset070000",
		"198.18.1.0": "asset000256", "198.18.0.0": "", "198.19.17.113": "", "asset070001": "", "asset000001.evil.test": "", "asset000001.": "", "10.0.0.5": "db01"} {
		if a, _ := w.Asset(name); a.ID != want {
			t.Errorf("Asset(%q) = %q, want %q", name, a.ID, want)
		}
	}
	for id, want := range map[string]string{"root@asset000001": "root@asset000001", "ROOT@Asset070000": "root@asset070000", "svc2@asset070000": "svc2@asset070000",
		"svc3@asset010000": "svc3@asset010000", "svc3@asset010001": "", "svc1@asset000001": "", "svc02@asset000001": "", "svc9223372036854775807@asset000001": "", "root@db01": "root@db01"} {
		if a, _ := w.AccountByID(id); a.ID != want {
			t.Errorf("AccountByID(%q) = %q, want %q", id, a.ID, want)
		}
	}
	if a, ok := w.Account("198.18.0.2", "Root"); !ok || a.ID != "root@asset000002" || !a.HasPassword() || len(w.AccountPassword(a)) != 16 {
		t.Errorf("%+v", a)
	}
	for name, want := range map[string]int{"root": 70_001, "SVC3": 10_000, "svc4": 0, "": 0} {
		n := 0
		for a := range w.AccountsNamed(name) {
			if n++; world.Fold(name) != world.Fold(a.Name) && a.UserID == "" {
				t.Fatalf("%s is called %s", a.ID, name)
			}
		}
		if name != "" && n != want {
			t.Errorf("%d accounts are called %q, want %d", n, name, want)
		}
	}
}

func TestWrittenThingsMayNotBeCalledLikeGeneratedOnes(t *testing.T) {
	for name, f := range map[string]world.Facts{
		"user":    {Users: []world.User{{ID: "USER000002"}}},
		"alias":   {Users: []world.User{{ID: "a", Aliases: []string{"user000002"}}}},
		"device":  {Users: []world.User{{ID: "a", Devices: []world.Device{{ID: "user000002-totp"}}}}},
		"asset":   {Assets: []world.Asset{{ID: "asset000002"}}},
		"host":    {Assets: []world.Asset{{ID: "a", Hostnames: []string{"asset000002.ACME.test"}}}},
		"address": {Assets: []world.Asset{{ID: "a", Address: netip.MustParseAddr("198.18.0.2")}}},
		"account": {Accounts: []world.Account{{ID: "root@asset000002", AssetID: "asset000002"}}},
		"groups":  {Generated: world.Generated{Groups: 1}},
	} {
		if f.Generated.Groups == 0 {
			f.Generated = world.Generated{Users: 2, Assets: 2, Accounts: 2, Domain: "acme.test"}
		}
		if _, err := world.New(f); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestAMillionPeopleCostNothing: what a world keeps does not grow with what it
// generates, and people are made in few allocations.
func TestAMillionPeopleCostNothing(t *testing.T) {
	if n := testing.AllocsPerRun(10, func() { load(t) }); n > 200 {
		t.Errorf("%.0f allocations for a world of a million", n)
	}
	w := load(t)
	if n := testing.AllocsPerRun(100, func() { w.User("user777777") }); n > 1 {
		t.Errorf("%.0f allocations for a person", n)
	}
	if n := testing.AllocsPerRun(100, func() { w.DevicesOf("user777777") }); n > 16 { // the race detector empties pools
		t.Errorf("%.0f allocations for a device", n)
	}
}

// TestSecretsAreDrawnSideBySide: the stream that they are parts of is read by many.
func TestSecretsAreDrawnSideBySide(t *testing.T) {
	w := load(t)
	want := make([]string, 100)
	for i := range want {
		want[i] = string(w.DevicesOf(w.UserIDAt(2 + i))[0].Secret)
	}
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for i := range want {
				if got := string(w.DevicesOf(w.UserIDAt(2 + i))[0].Secret); got != want[i] {
					t.Errorf("the secret of person %d changes", i)
				}
			}
		})
	}
	done.Wait()
}

func BenchmarkUser(b *testing.B) {
	w := load(b)
	names := make([]string, 1<<16)
	for i := range names {
		names[i] = world.Numbered("user", i*7919%1_000_000+1)
	}
	b.Run("user", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			w.User(names[i%len(names)])
		}
	})
	b.Run("devices", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			w.DevicesOf(names[i%len(names)])
		}
	})
	b.Run("account", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			w.AccountByID("root@asset000077")
		}
	})
	b.Run("password", func(b *testing.B) {
		a, _ := w.AccountByID("root@asset000077")
		for b.Loop() {
			w.AccountPassword(a)
		}
	})
}

// FuzzGeneratedNames: whatever is read as the name of something generated is its name.
func FuzzGeneratedNames(f *testing.F) {
	for _, s := range []string{"user000001", "user1000000", "asset000070.acme.test", "root@asset000001", "svc2@asset070000", "user000009-totp", "user000007@acme.test", `ACME\user000001`, "198.18.1.1", "::ffff:198.18.0.9", "svc99999999999999999999@asset000001"} {
		f.Add(s)
	}
	w := load(f)
	f.Fuzz(func(t *testing.T, s string) {
		key := world.Fold(s)
		if i, ok := w.UserNumber(s); ok && (w.UserIDAt(i) != key || w.UserAt(i).ID != key) {
			t.Errorf("%q is person %d, who is %s", s, i, w.UserIDAt(i))
		}
		if i, ok := w.MailNumber(s); ok && world.Fold(w.UserAt(i).Email) != key {
			t.Errorf("%q is the address of %+v", s, w.UserAt(i))
		}
		if a, ok := w.AccountByID(s); ok && a.ID != key {
			t.Errorf("%q is the account %s", s, a.ID)
		}
		if d, ok := w.Device(s); ok && d.ID != s {
			t.Errorf("%q is the device %s", s, d.ID)
		}
		if a, ok := w.Asset(s); ok && a.ID != key && world.Fold(a.ID+"."+"acme.test") != key {
			if ip, err := netip.ParseAddr(s); err != nil || ip.Unmap() != a.Address {
				t.Errorf("%q is the asset %+v", s, a)
			}
		}
		if u, ok := w.Login(s); ok && u.ID == "" {
			t.Errorf("%q is nobody", s)
		}
		for a := range w.AccountsNamed(s) {
			if world.Fold(a.Name) != key {
				t.Errorf("%q is the name of %+v", s, a)
			}
			break
		}
	})
}
