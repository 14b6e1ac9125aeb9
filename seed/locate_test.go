package seed_test

import (
	"fmt"
	"strings"
	"testing"

	"counterpart/seed"
)

// TestPlacesAreFound: the value itself where it is written, else what it would stand in.
func TestPlacesAreFound(t *testing.T) {
	text := `organization: {name: Acme, domain: acme.test}
users:
  - name: Alice
    aliases: [al]
    devices:
      - {id: alice-phone, kind: push, approval: {policy: approve}}
  - {name: bob, status: disabled}
assets: [{name: DB01}]
accounts:
  - {name: root, asset: DB01, checkout: {exclusive: true}}
  - user: bob
tickets:
  - {id: CHG1, system: servicenow, kind: change}
clients:
  - {name: sps, secret: x-secret-1}
servers: [{kind: native}]
`
	s, err := seed.Load("here.yaml", []byte(text), seed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"users alice": "3 true", "users AL": "3 true", "users alice status": "3 false", "users bob status": "7 true", "users alice devices alice-phone approval policy": "6 true",
		"users alice devices none kind": "6 false", "accounts root@db01 checkout exclusive": "10 true", "accounts root@db01 checkout approval": "10 false", "accounts bob": "11 true",
		"tickets chg1 state": "13 false", "clients sps secret": "15 true", "users zoe": "none", "nothing x": "none", "users alice name further": "3 false",
	} {
		w := strings.Fields(what)
		at, written, ok := s.Locate(w[0], w[1], w[2:]...)
		got := "none"
		if ok {
			got = fmt.Sprintf("%d %t", at.Line, written)
		}
		if got != want || ok && at.File != "here.yaml" {
			t.Errorf("%s is at %s of %q, want %s", what, got, at.File, want)
		}
	}
	if at, written, ok := s.Locate("", "", "organization", "lockout", "threshold"); !ok || written || at.Line != 1 {
		t.Errorf("a default: %v %v %v", at, written, ok)
	}
}
