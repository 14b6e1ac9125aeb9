package seed_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"counterpart/internal/company/world"
)

// crowdSeed has people, groups, machines and accounts of both sorts, and numbers
// that the generated ones have to go round.
const crowdSeed = `
organization: {name: Acme, domain: acme.test, netbios: ACME}
random_seed: 7
users:
  - {name: alice, uid_number: 10002, groups: [dba, group000002], aliases: [aadams], devices: [{kind: totp}, {kind: yubikey}]}
  - {name: bob}
  - {name: carol, uid_number: 10005}
  - {name: dave, uid_number: 10006}
  - {name: eve, uid_number: 12000}
  - {name: User000001x, display_name: User 000007}
groups: [{name: dba, gid_number: 10001, member_groups: [group000001]}, {name: ops}]
assets: [{name: db01, address: 10.0.0.5, hostnames: [db01.acme.test]}]
accounts:
  - {name: root, asset: db01}
  - {name: app, asset: asset000002, access: {groups: [group000003], users: [user000009]}}
  - {user: user000003}
`

// digestOf is a digest of everything that the generated and the written company
// says of itself, in order.
func digestOf(t *testing.T, generate string) string {
	t.Helper()
	w, err := world.New(facts(t, crowdSeed+"generate: "+generate+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	out := json.NewEncoder(h)
	for u := range w.Users() {
		u.Devices = w.DevicesOf(u.ID)
		out.Encode(u)
		out.Encode(w.GroupsOf(u.ID))
	}
	for g := range w.Groups() {
		out.Encode(g)
	}
	for a := range w.Assets() {
		out.Encode(a)
	}
	for a := range w.Accounts() {
		out.Encode(struct {
			world.Account
			Password string
		}{a, w.AccountPassword(a)})
	}
	var named []world.Account
	for a := range w.AccountsNamed("root") {
		a.Password = w.AccountPassword(a)
		named = append(named, a)
	}
	out.Encode(named)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// TestGeneratedThingsStayWhatTheyWere: seeds, exports and the people of load tests
// rest on it that the same seed gives the same company in every version.
func TestGeneratedThingsStayWhatTheyWere(t *testing.T) {
	for generate, want := range map[string]string{
		"{users: 3000, assets: 7, accounts: 50}":                                           "c892cb32862cca8ee848e354c9db0671",
		"{users: 1001, groups: 4, assets: 300, accounts: 250, password: 'x{name}y{name}'}": "c61d8f7f0d76920441e4addbf247055a",
		"{users: 12, groups: 3, assets: 2, accounts: 9, password: fixed-Pass-1}":           "e0ee0a13cb93e436c52e7df050fcb784",
	} {
		if got := digestOf(t, generate); got != want {
			t.Errorf("%s: %s, was %s", generate, got, want)
		}
	}
}
