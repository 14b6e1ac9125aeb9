package seed_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/world"
	"counterpart/seed"
	"counterpart/seed/worlds"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func load(t testing.TB, name string, src []byte) *seed.Seed {
	t.Helper()
	s, err := seed.Load(name, src, seed.Options{Now: now, FS: worlds.FS})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t testing.TB, name string) []byte {
	t.Helper()
	src, err := worlds.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestEveryWorldLoads(t *testing.T) {
	if want := []string{"demo", "load", "minimal"}; !slices.Equal(worlds.Names(), want) {
		t.Errorf("there are %v, want %v", worlds.Names(), want)
	}
	for _, name := range worlds.Names() {
		t.Run(name, func(t *testing.T) {
			s := load(t, name+".yaml", open(t, name))
			if _, err := world.New(s.Facts); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := worlds.Open("../seed"); err == nil {
		t.Error("a world that is not there was opened")
	}
}

func TestExampleLoads(t *testing.T) {
	s := load(t, "example.yaml", worlds.Example())
	if _, err := world.New(s.Facts); err != nil {
		t.Error(err)
	}
	if len(s.Warnings) > 0 {
		t.Error(s.Warnings)
	}
}

// TestCast holds demo.yaml against the table of design section 4.
func TestCast(t *testing.T) {
	s := load(t, "demo.yaml", open(t, "demo"))
	w, err := world.New(s.Facts)
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]world.Status{"carol": world.MustChange, "dave": world.Disabled, "eve": world.Locked, "peggy": world.Expired}
	cast := []string{"alice", "bob", "carol", "dave", "eve", "peggy", "mallory", "trent", "victor"}
	if w.UserCount() != len(cast) {
		t.Errorf("%d people, want %d", w.UserCount(), len(cast))
	}
	for _, name := range cast {
		u, ok := w.User(name)
		want := status[name]
		if want == "" {
			want = world.Active
		}
		if !ok || u.Status != want || u.Description == "" || u.Password != strings.ToUpper(name[:1])+name[1:]+"-Pass-1" {
			t.Errorf("%s: %+v", name, u)
		}
	}
	alice, _ := w.Device("alice-totp")
	push, _ := w.Device("alice-phone")
	yubi, _ := w.Device("alice-yubi")
	if string(alice.Secret) != "Hello!\xde\xad\xbe\xef" || push.Approval.Policy != "approve" || push.Approval.Delay != time.Second || yubi.PublicID != "vvcccccccccb" || len(yubi.AESKey) != 16 {
		t.Errorf("alice's devices: %+v %+v %+v", alice, push.Approval, yubi)
	}
	if !w.InAnyGroup("carol", []string{"dba"}) {
		t.Error("carol is not in dba through contractors")
	}
	if m, _ := w.Device("mallory-totp"); !m.Disabled {
		t.Error("mallory's codes are accepted")
	}
	if m, _ := w.Device("mallory-phone"); m.Approval.Policy != "fraud" {
		t.Error("mallory's pushes are not fraud")
	}
	for asset, address := range map[string]string{"db01": "10.0.0.5", "web01": "10.0.0.6", "win01": "10.0.0.7", "sw01": "10.0.0.8"} {
		a, ok := w.Asset(asset + ".acme.test")
		if !ok || a.Address.String() != address {
			t.Errorf("%s: %+v", asset, a)
		}
	}
	root, _ := w.Account("db01", "root")
	if !root.Checkout.Exclusive || root.Checkout.Rotate != world.RotateOnCheckin {
		t.Errorf("root@db01: %+v", root.Checkout)
	}
	if web, _ := w.Account("web01", "root"); web.Checkout.Approval != "required" || !slices.Equal(web.Access.Approvers, []string{"trent"}) {
		t.Errorf("root@web01: %+v", web)
	}
	if deploy, _ := w.Account("web01", "deploy"); len(deploy.Keys) != 1 || !strings.HasPrefix(deploy.Keys[0].PEM, "-----BEGIN RSA PRIVATE KEY-----\n") {
		t.Errorf("deploy@web01: %+v", deploy.Keys)
	}
	for _, id := range []string{"postgres@db01", "administrator@win01", "admin@sw01"} {
		if _, ok := w.AccountByID(id); !ok {
			t.Errorf("there is no %s", id)
		}
	}
	if c, ok := w.Client("sps"); !ok || c.Secret != "sps-secret" {
		t.Errorf("client sps: %+v", c)
	}
	testTickets(t, w)
}

func testTickets(t *testing.T, w *world.World) {
	open, _ := w.Ticket("servicenow", "CHG0000038")
	if open.Approval != "approved" || open.Requester != "alice" || !open.From.Before(now) || !open.Until.After(now) ||
		!reflect.DeepEqual(open.Targets, []world.Target{{Asset: "db01", Accounts: []string{"root"}}}) {
		t.Errorf("%+v", open)
	}
	if x, _ := w.Ticket("servicenow", "CHG0000039"); x.Approval != "requested" {
		t.Errorf("%+v", x)
	}
	if x, _ := w.Ticket("servicenow", "CHG0000040"); !x.Until.Before(now) {
		t.Errorf("%+v", x)
	}
	for id, system := range map[string]string{"INC0000046": "servicenow", "OPS-1": "jira"} {
		if _, ok := w.Ticket(system, id); !ok {
			t.Errorf("there is no %s", id)
		}
	}
}

// TestTwoLoadsAreEqual is what replicas rely on.
func TestTwoLoadsAreEqual(t *testing.T) {
	for _, name := range worlds.Names() {
		a, b := load(t, name, open(t, name)), load(t, name, open(t, name))
		if !reflect.DeepEqual(a.Facts, b.Facts) || a.Digest != b.Digest || a.Digest == "" {
			t.Errorf("%s: two loads differ", name)
		}
	}
	src := open(t, "demo")
	other := load(t, "demo", append(bytes.Clone(src), '\n'))
	if other.Digest == load(t, "demo", src).Digest {
		t.Error("another file has the same digest")
	}
}
