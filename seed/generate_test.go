package seed_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"counterpart/internal/company/world"
	"counterpart/seed"
)

func TestGenerate(t *testing.T) {
	w := companyOf(t, `
users: [{name: alice, uid_number: 10001}]
generate: {users: 2500, assets: 3, accounts: 8, password: "{name}!"}
accounts: [{name: app, asset: asset000002, access: {users: [user002500], groups: [group000003]}}]
tickets: [{id: T, requester: user000001, asset: asset000003, account: root}, {id: U, asset: "asset00000*"}, {id: V, asset: 198.18.0.2}, {id: W, asset: 198.18.0.0/30}]
`)
	groups, assets := slices.Collect(w.Groups()), slices.Collect(w.Assets())
	if w.UserCount() != 2501 || len(groups) != 3 || len(assets) != 3 || w.AccountCount() != 9 {
		t.Fatalf("%d users, %d groups, %d assets, %d accounts", w.UserCount(), len(groups), len(assets), w.AccountCount())
	}
	u := w.UserAt(2)
	if u.Name != "user000002" || u.ID != u.Name || u.Password != "user000002!" || u.Email != "user000002@acme.test" || u.DisplayName != "User 000002" || u.Surname != "000002" ||
		u.Groups[0] != "group000002" || u.GIDNumber != groups[1].GIDNumber || u.Status != world.Active {
		t.Errorf("%+v", u)
	}
	if d := w.DevicesOf(u.ID)[0]; d.ID != "user000002-totp" || d.UserID != u.ID || len(d.Secret) != 20 || d.Digits != 6 {
		t.Errorf("%+v", d)
	}
	seen, secrets := map[int]bool{}, map[string]bool{}
	for u := range w.Users() {
		if seen[u.UIDNumber] {
			t.Fatalf("the number %d is given twice", u.UIDNumber)
		}
		seen[u.UIDNumber] = true
		for _, d := range w.DevicesOf(u.ID) {
			secrets[string(d.Secret)] = true
		}
	}
	if len(secrets) != 2500 {
		t.Errorf("%d different secrets", len(secrets))
	}
	ids := ""
	for a := range w.Accounts() {
		ids += a.ID + " "
	}
	if want := "app@asset000002 root@asset000001 root@asset000002 root@asset000003 svc2@asset000001 svc2@asset000002 svc2@asset000003 svc3@asset000001 svc3@asset000002 "; ids != want {
		t.Errorf("got %s", ids)
	}
	if assets[0].Address.String() != "198.18.0.1" {
		t.Errorf("%+v", assets[0])
	}
}

// companyOf is the world of a seed.
func companyOf(t testing.TB, src string) *world.World {
	t.Helper()
	w, err := world.New(facts(t, src))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestGeneratedThingsDoNotDependOnTheirNumber: a larger company has the smaller
// one in it, and an explicit person does not change the generated ones.
func TestGeneratedThingsDoNotDependOnTheirNumber(t *testing.T) {
	small, large := companyOf(t, "generate: {users: 10, groups: 2}"), companyOf(t, "generate: {users: 20, groups: 2}")
	for u := range small.Users() {
		if other, _ := large.User(u.ID); !reflect.DeepEqual(u, other) || !reflect.DeepEqual(small.DevicesOf(u.ID), large.DevicesOf(u.ID)) {
			t.Errorf("people changed with their number: %+v, %+v", u, other)
		}
	}
	if other := companyOf(t, "random_seed: 2\ngenerate: {users: 1}"); reflect.DeepEqual(other.DevicesOf("user000001"), small.DevicesOf("user000001")) {
		t.Error("another random_seed gives the same secrets")
	}
}

// TestGeneratedAccountsCanBeNamed: settings of servers may refer to them.
func TestGeneratedAccountsCanBeNamed(t *testing.T) {
	s := load(t, "x.yaml", []byte("generate: {assets: 2, accounts: 3}\nservers: [{kind: a, b: [root@asset000001, root@asset000002, svc2@asset000001, svc2@asset000002, svc3@asset000001, svc02@asset000001, x]}]"))
	var into struct {
		B []string `yaml:"b" ref:"account"`
	}
	err := s.Servers[0].Decode(&into)
	list, ok := err.(*seed.Error)
	if !ok || len(list.Problems) != 4 || list.Problems[0].Message != "there is no account `svc2@asset000002`" {
		t.Error(fmt.Sprint(err))
	}
}
