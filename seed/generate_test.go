package seed_test

import (
	"fmt"
	"reflect"
	"testing"

	"counterpart/internal/company/world"
	"counterpart/seed"
)

func TestGenerate(t *testing.T) {
	f := facts(t, `
users: [{name: alice, uid_number: 10001}]
generate: {users: 2500, assets: 3, accounts: 8, password: "{name}!"}
accounts: [{name: app, asset: asset000002, access: {users: [user002500], groups: [group000003]}}]
tickets: [{id: T, requester: user000001, asset: asset000003, account: root}, {id: U, asset: "asset00000*"}, {id: V, asset: 198.18.0.2}, {id: W, asset: 198.18.0.0/30}]
`)
	if len(f.Users) != 2501 || len(f.Groups) != 3 || len(f.Assets) != 3 || len(f.Accounts) != 9 {
		t.Fatalf("%d users, %d groups, %d assets, %d accounts", len(f.Users), len(f.Groups), len(f.Assets), len(f.Accounts))
	}
	u := f.Users[2]
	if u.Name != "user000002" || u.ID != u.Name || u.Password != "user000002!" || u.Email != "user000002@acme.test" || u.DisplayName != "User 000002" || u.Surname != "000002" ||
		u.Groups[0] != "group000002" || u.GIDNumber != f.Groups[1].GIDNumber || u.Status != world.Active {
		t.Errorf("%+v", u)
	}
	if d := u.Devices[0]; d.ID != "user000002-totp" || d.UserID != u.ID || len(d.Secret) != 20 || d.Digits != 6 {
		t.Errorf("%+v", d)
	}
	seen, secrets := map[int]bool{}, map[string]bool{}
	for _, u := range f.Users {
		if seen[u.UIDNumber] {
			t.Fatalf("the number %d is given twice", u.UIDNumber)
		}
		seen[u.UIDNumber] = true
		if len(u.Devices) > 0 {
			secrets[string(u.Devices[0].Secret)] = true
		}
	}
	if len(secrets) != 2500 {
		t.Errorf("%d different secrets", len(secrets))
	}
	ids := ""
	for _, a := range f.Accounts {
		ids += a.ID + " "
	}
	if want := "app@asset000002 root@asset000001 root@asset000002 root@asset000003 svc2@asset000001 svc2@asset000002 svc2@asset000003 svc3@asset000001 svc3@asset000002 "; ids != want {
		t.Errorf("got %s", ids)
	}
	if f.Assets[0].Address.String() != "198.18.0.1" {
		t.Errorf("%+v", f.Assets[0])
	}
	if _, err := world.New(f); err != nil {
		t.Error(err)
	}
}

// TestGeneratedThingsDoNotDependOnTheirNumber: a larger company has the smaller
// one in it, and an explicit person does not change the generated ones.
func TestGeneratedThingsDoNotDependOnTheirNumber(t *testing.T) {
	small, large := facts(t, "generate: {users: 10, groups: 2}"), facts(t, "generate: {users: 20, groups: 2}")
	if !reflect.DeepEqual(small.Users, large.Users[:10]) {
		t.Error("people changed with their number")
	}
	if other := facts(t, "random_seed: 2\ngenerate: {users: 1}"); reflect.DeepEqual(other.Users[0].Devices, small.Users[0].Devices) {
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
