package world_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/company/world"
)

func searched(t *testing.T) *world.World {
	t.Helper()
	f := world.Facts{Generated: world.Generated{Users: 1_234_567, Assets: 1000, Accounts: 2500, Password: "{name}", Domain: "acme.test"},
		Assets: []world.Asset{{ID: "db01", Name: "db01", Hostnames: []string{"DB01.acme.test"}}}}
	for _, name := range []string{"alice", "bob", "mallory"} {
		f.Users = append(f.Users, world.User{ID: name, Name: name, DisplayName: strings.ToUpper(name[:1]) + name[1:] + " Adams", Email: name + "@acme.test", Aliases: []string{"x-" + name}})
	}
	f.Accounts = []world.Account{{ID: "root@db01", Name: "root", AssetID: "db01"}, {ID: "postgres@db01", Name: "postgres", AssetID: "db01"}}
	w, err := world.New(f)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPeopleAreSearched(t *testing.T) {
	w := searched(t)
	for text, want := range map[string]string{
		"": "alice bob mallory user000001 user000002 more", "ALI": "alice", "adams": "alice bob mallory", "x-b": "bob", "@acme": "alice bob mallory",
		"user": "user000001 user000002 user000003 user000004 user000005 more", "us": "user000001 user000002 user000003 user000004 user000005 more",
		"user00471": "user004710 user004711 user004712 user004713 user004714 more", "user004711": "user004711", "4711": "user004711", "user 004711": "user004711",
		"user1234567": "user1234567", "user123456": "user123456 user1234560 user1234561 user1234562 user1234563 more", "user1234568": "", "user99999999": "",
		"user004711@": "user004711", "user004711@acme": "user004711", "user004711@evil": "", "nobody": "", "user-1": "", "user9999999999999999999": "",
	} {
		p := w.SearchUsers(text, world.Bounds{Most: 5})
		var got []string
		for _, i := range p.Found {
			got = append(got, w.UserIDAt(i))
		}
		if p.More {
			got = append(got, "more")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q finds %v, want %s", text, got, want)
		}
	}
}

func TestAccountsAreSearched(t *testing.T) {
	w := searched(t)
	for text, want := range map[string]string{
		"": "root@db01 postgres@db01 root@asset000001 more", "db01": "root@db01 postgres@db01", "db01.acme": "root@db01 postgres@db01",
		"root@asset0000": "root@asset000001 root@asset000002 root@asset000003 more", "root@asset000042": "root@asset000042", "svc2": "svc2@asset000001 svc2@asset000002 svc2@asset000003 more",
		"asset000500": "root@asset000500 svc2@asset000500 svc3@asset000500", "asset000501": "root@asset000501 svc2@asset000501", "svc3@asset0005": "svc3@asset000500",
		"svc4@asset": "", "svc9": "", "nobody@": "", "postgres": "postgres@db01",
	} {
		p := w.SearchAccounts(text, world.Bounds{Most: 3})
		var got []string
		for _, i := range p.Found {
			got = append(got, w.AccountAt(i).ID)
		}
		if p.More {
			got = append(got, "more")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q finds %v, want %s", text, got, want)
		}
	}
}

// TestPagesOfASearchJoin: page by page it is the same as at once, and everything is found
// that begins with the text.
func TestPagesOfASearchJoin(t *testing.T) {
	w := searched(t)
	for _, text := range []string{"user0047", "user12", "root@", "adams"} {
		all := w.SearchUsers(text, world.Bounds{Most: 1_000_000}).Found
		var joined []int
		for b := (world.Bounds{Most: 7}); ; {
			p := w.SearchUsers(text, b)
			joined = append(joined, p.Found...)
			if b.From = p.Next; !p.More {
				break
			}
		}
		if !slices.Equal(all, joined) {
			t.Errorf("%q: %d at once, %d in pages", text, len(all), len(joined))
		}
		if !strings.HasPrefix(text, "user") {
			continue
		}
		n := 0
		for i := range 1_234_567 {
			if strings.HasPrefix(world.Numbered("user", i+1), text) {
				n++
			}
		}
		if n != len(all) {
			t.Errorf("%q: %d are found of %d", text, len(all), n)
		}
	}
}

// TestASearchLooksAtSome: also where nothing fits, a page ends.
func TestASearchLooksAtSome(t *testing.T) {
	f := world.Facts{}
	for i := range 9000 {
		f.Users = append(f.Users, world.User{ID: fmt.Sprint("person", i), Name: fmt.Sprint("person", i)})
	}
	w, err := world.New(f)
	if err != nil {
		t.Fatal(err)
	}
	pages, found := 0, 0
	for b := (world.Bounds{Most: 5}); ; pages++ {
		p := w.SearchUsers("person8999", b)
		if found += len(p.Found); p.More && p.Next-b.From > 2000 {
			t.Fatalf("a page looks at %d", p.Next-b.From)
		}
		if b.From = p.Next; !p.More {
			break
		}
	}
	if found != 1 || pages != 4 {
		t.Errorf("%d found in %d pages", found, pages)
	}
}
