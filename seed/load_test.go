package seed_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"counterpart/internal/company/world"
	"counterpart/seed"
)

// facts loads a text and returns its facts.
func facts(t testing.TB, src string) world.Facts {
	t.Helper()
	return load(t, "test.yaml", []byte(src)).Facts
}

func TestDefaults(t *testing.T) {
	f := facts(t, `
organization: {domain: acme.test}
users:
  - name: Alice
    phone: "+15550100"
    devices: [{kind: totp}, {kind: totp}, {kind: hotp}, {kind: push}, {kind: sms}, {kind: email}, {kind: yubikey}, {kind: static}]
assets: [{name: DB01}]
accounts: [{name: Root, asset: db01}, {user: alice}]
tickets: [{id: T1}]
clients: [{name: SPS}]
`)
	u := f.Users[0]
	if u.ID != "alice" || u.Name != "Alice" || u.Email != "alice@acme.test" || u.Status != world.Active || u.UIDNumber != 10000 || u.GIDNumber != 100 || len(u.Password) != 16 {
		t.Errorf("user %+v", u)
	}
	if d := u.Devices[0]; d.ID != "alice-totp" || d.Digits != 6 || d.Period != 30*time.Second || d.Algorithm != "SHA1" || len(d.Secret) != 20 ||
		d.Window != (world.Window{Before: 1, After: 1}) || d.SyncWindow != 1000 || d.MaxFail != 10 || d.CodeTTL != 5*time.Minute || d.MaxTries != 5 {
		t.Errorf("TOTP %+v", d)
	}
	if d := u.Devices[1]; d.ID != "alice-totp-2" || reflect.DeepEqual(d.Secret, u.Devices[0].Secret) {
		t.Errorf("second TOTP %+v", d)
	}
	if d := u.Devices[2]; d.Window != (world.Window{After: 10}) {
		t.Errorf("HOTP %+v", d)
	}
	if a := u.Devices[3].Approval; a == nil || a.Policy != "interactive" || a.TTL != time.Minute {
		t.Errorf("push %+v", a)
	}
	if u.Devices[4].Address != "+15550100" || u.Devices[5].Address != "alice@acme.test" {
		t.Errorf("addresses %+v", u.Devices[4:6])
	}
	if d := u.Devices[6]; len(d.PublicID) != 12 || len(d.PrivateID) != 6 || len(d.AESKey) != 16 {
		t.Errorf("Yubikey %+v", d)
	}
	if d := u.Devices[7]; len(d.Codes) != 10 || len(d.Codes[0]) != 8 {
		t.Errorf("codes %+v", d)
	}
	root := f.Accounts[0]
	want := world.Checkout{For: time.Hour, Rotate: world.RotateNever, Approval: "none", Approvals: 1, ApprovalFor: time.Hour, Reason: "optional"}
	if root.ID != "root@db01" || root.AssetID != "db01" || root.Checkout != want || len(root.Password) != 16 {
		t.Errorf("account %+v", root)
	}
	if svc := f.Accounts[1]; svc.ID != "alice@acme.test" || svc.UserID != "alice" || svc.Password != u.Password {
		t.Errorf("directory account %+v", svc)
	}
	if o := f.Organization; o.NetBIOS != "ACME" || o.Lockout != (world.Lockout{Threshold: 5, Window: 15 * time.Minute, Duration: 15 * time.Minute}) || o.Policy.MinLength != 8 {
		t.Errorf("organization %+v", o)
	}
	if k := f.Tickets[0]; k.System != "native" || k.State != "approved" || k.Approval != "not_requested" || !k.Created.Equal(now.Add(-24*time.Hour)) {
		t.Errorf("ticket %+v", k)
	}
	if c := f.Clients[0]; c.ID != "sps" || c.Role != "operator" || len(c.Secret) != 24 {
		t.Errorf("client %+v", c)
	}
}

// TestNotations reads the same value in all the ways that people write it.
func TestNotations(t *testing.T) {
	for _, secret := range []string{"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", `"gezd gnbv gy3t qojq-GEZD-GNBV-GY3T-QOJQ"`, "{base32: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ====}",
		"{ascii: '12345678901234567890'}", "{ascii: 12345678901234567890}", "{hex: 3132333435363738393031323334353637383930}", "{base64: MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=}"} {
		f := facts(t, "users: [{name: a, devices: [{kind: totp, secret: "+secret+"}]}]")
		if got := string(f.Users[0].Devices[0].Secret); got != "12345678901234567890" {
			t.Errorf("%s is %q", secret, got)
		}
	}
	for written, want := range map[string]world.Window{"rfc": {Before: 1, After: 1}, "strict": {}, "privacyidea": {Before: 6, After: 5}, "{before: 2, after: 3}": {Before: 2, After: 3}} {
		f := facts(t, "users: [{name: a, devices: [{kind: totp, window: "+written+"}]}]")
		if got := f.Users[0].Devices[0].Window; got != want {
			t.Errorf("window %s is %v", written, got)
		}
	}
	for written, want := range map[string]time.Duration{"30s": 30 * time.Second, "1h30m": 90 * time.Minute, "1d": 24 * time.Hour, "1w2d": 9 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0": 0, "0s": 0} {
		f := facts(t, "organization: {lockout: {window: "+written+"}}")
		if got := f.Organization.Lockout.Window; got != want {
			t.Errorf("%s is %v, want %v", written, got, want)
		}
	}
	for written, want := range map[string]time.Time{"-1h": now.Add(-time.Hour), "+8h": now.Add(8 * time.Hour), "now": now, "now-1d": now.Add(-24 * time.Hour),
		"2031-02-03T04:05:06+01:00": time.Date(2031, 2, 3, 3, 5, 6, 0, time.UTC), "2031-02-03": time.Date(2031, 2, 3, 0, 0, 0, 0, time.UTC)} {
		f := facts(t, "users: [{name: a, expires: "+written+"}]")
		if got := f.Users[0].Expires; !got.Equal(want) {
			t.Errorf("%s is %v, want %v", written, got, want)
		}
	}
	f := facts(t, `
users:
  - name: a
    attributes: {title: DBA, ou: [one, 2], employeeNumber: 007}
    radius: {Session-Timeout: 3600}
    settings: {okta.state: ACTIVE}
    devices:
      - {kind: push, approval: {sequence: [deny, {policy: approve, delay: 2s}], ttl: 5m}}
      - {kind: push, approval: {when: {ip: 10.0.0.1}}}
`)
	u := f.Users[0]
	if !reflect.DeepEqual(u.Attributes, map[string][]string{"title": {"DBA"}, "ou": {"one", "2"}, "employeeNumber": {"007"}}) || u.Radius["Session-Timeout"][0] != "3600" || u.Settings["okta.state"] != "ACTIVE" {
		t.Errorf("%+v %+v %+v", u.Attributes, u.Radius, u.Settings)
	}
	want := &world.Approval{Policy: "sequence", TTL: 5 * time.Minute, Sequence: []world.Approval{{Policy: "deny", TTL: 5 * time.Minute}, {Policy: "approve", Delay: 2 * time.Second, TTL: 5 * time.Minute}}}
	if got := u.Devices[0].Approval; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := u.Devices[1].Approval; got.Policy != "approve_if" {
		t.Errorf("%+v", got)
	}
}

// TestNamesBecomeIDs: any of a thing's names may be used to refer to it.
func TestNamesBecomeIDs(t *testing.T) {
	f := facts(t, `
users: [{name: Alice, aliases: [aa], groups: [DBA]}, {name: trent}]
groups: [{name: dba, member_groups: [OPS]}, {name: ops}]
assets: [{name: DB01, address: "::ffff:10.0.0.5", hostnames: [db.acme.test]}]
accounts: [{name: root, asset: DB.acme.test, access: {groups: [Dba], users: [AA], approvers: [Trent], viewers: ["group:DBA", AA]}}]
tickets: [{id: T1, requester: AA, assignee: TRENT, approvers: [Trent], asset: 10.0.0.5, account: ROOT}, {id: T2, targets: [{asset: "db*"}, {asset: 10.0.0.0/8}]}]
clients: [{name: c, user: aa, from: [10.0.0.5, 10.1.2.3/8]}]
`)
	a := f.Accounts[0]
	want := world.Access{Groups: []string{"dba"}, Users: []string{"alice"}, Approvers: []string{"trent"}, Viewers: []string{"group:dba", "alice"}}
	if a.ID != "root@db01" || !reflect.DeepEqual(a.Access, want) {
		t.Errorf("%+v", a)
	}
	if f.Users[0].Groups[0] != "dba" || f.Groups[0].MemberGroups[0] != "ops" || f.Clients[0].UserID != "alice" {
		t.Error(f.Users[0].Groups, f.Groups[0].MemberGroups, f.Clients[0].UserID)
	}
	if got := f.Tickets[0]; got.Requester != "alice" || got.Assignee != "trent" || got.Approvers[0].User != "trent" || got.Targets[0].Asset != "db01" {
		t.Errorf("%+v", got)
	}
	if got := f.Tickets[1].Targets; got[0].Asset != "db*" || got[1].Asset != "10.0.0.0/8" || got[0].Accounts[0] != "*" {
		t.Errorf("%+v", got)
	}
	if got := f.Clients[0].From; got[0] != netip.MustParsePrefix("10.0.0.5/32") || got[1] != netip.MustParsePrefix("10.0.0.0/8") {
		t.Error(got)
	}
	if _, err := world.New(f); err != nil {
		t.Error(err)
	}
}

func TestYAMLConveniences(t *testing.T) {
	f := facts(t, "\ufeff# with a mark, and lines of another system\r\nx-person: &person {status: disabled, description: a template}\r\nusers:\r\n  - <<: *person\r\n    name: alice\r\n    status: active\r\n  - name: bob\r\n    <<: [*person]\r\n    display_name: \"Bob\r\n      Baker\"\r\ngroups:\r\nclients: []\r\n")
	if a, b := f.Users[0], f.Users[1]; a.Status != world.Active || a.Description != "a template" || b.Status != world.Disabled || b.DisplayName != "Bob Baker" {
		t.Errorf("%+v %+v", a, b)
	}
}

func TestWarnings(t *testing.T) {
	s := load(t, "w.yaml", []byte("users:\n  - name: a\n    devices:\n      - {kind: totp, secret: JBSWY3DPEHPK3PXP}\n      - {kind: push, approval: {policy: approve, delay: 2m}}\n"))
	want := []string{"w.yaml:4:30: the secret has only 80 bits, RFC 4226 wants 128; some apps refuse it",
		"w.yaml:5:57: the request has expired before it is answered, make `delay` shorter than `ttl`"}
	if got := fmt.Sprint(s.Warnings); got != fmt.Sprint(want) {
		t.Errorf("got %s", got)
	}
}

// TestLimits: what would eat the machine is refused, and soon.
func TestLimits(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&bomb, "x-%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	var chain strings.Builder
	chain.WriteString("x-0: &a0 x\n")
	for i := 1; i < 1000; i++ {
		fmt.Fprintf(&chain, "x-%d: &a%d [*a%d]\n", i, i, i-1)
	}
	for what, c := range map[string]struct{ src, want string }{
		"a large file":       {strings.Repeat("#\n", 33<<20), "the limit is 67108864"},
		"many aliases":       {bomb.String(), "aliases make more than"},
		"aliases in aliases": {chain.String(), "nest without end"},
		"brackets":           {strings.Repeat("[", 1<<20), "nested more than"},
		"braces":             {strings.Repeat("{a: ", 1<<18), "nested more than"},
		"dashes":             {strings.Repeat("- ", 1<<19), "nested more than"},
		"question marks":     {strings.Repeat("? ", 1<<19), "nested more than"},
		"tags":               {"a: " + strings.Repeat("!x ", 1<<18), "nothing between them"},
		"anchors":            {"a: " + strings.Repeat("&x ", 1<<18), "nothing between them"},
		"empty keys":         {"a:\n" + strings.Repeat("  b:\n", 1<<17), "more mistakes follow"},
		"empty items":        {"users:\n" + strings.Repeat("  -\n", 1<<17), "more mistakes follow"},
		"empty flow keys":    {"a: {" + strings.Repeat("b,", 1<<17) + "}", "more mistakes follow"},
		"empty flow values":  {"a: {" + strings.Repeat("b: ,", 1<<17) + "}", "more mistakes follow"},
		"sets":               {"a:\n" + strings.Repeat("  ? b\n", 1<<17), "more mistakes follow"},
		"rows of angles":     {strings.Repeat("<", 1<<20), "in a row"},
		"many mistakes":      {"users:\n" + strings.Repeat("  - {nmae: x}\n", 5000), "more mistakes follow"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := seed.Load("x.yaml", []byte(c.src), seed.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.200v, want %s", err, c.want)
			}
		})
	}
}

// TestErrorIsAList: `check --json` prints the problems as they are.
func TestErrorIsAList(t *testing.T) {
	_, err := seed.Load("dir/x.yaml", []byte("users:\n  - name: a\n    devices:\n      - {kind: totp, digits: 1}\n  - {name: b, pasword: x}\n"), seed.Options{})
	var list *seed.Error
	if !errors.As(err, &list) {
		t.Fatal(err)
	}
	want := []seed.Problem{
		{File: "dir/x.yaml", Line: 4, Column: 30, Path: "users[0].devices[0].digits", Message: "`digits` cannot be 1", Hint: "it goes from 6 to 8"},
		{File: "dir/x.yaml", Line: 5, Column: 15, Path: "users[1].pasword", Message: "unknown key `pasword`", Hint: "did you mean `password`?"},
	}
	if !reflect.DeepEqual(list.Problems, want) {
		t.Errorf("got %+v", list.Problems)
	}
}

func TestDigestCoversNamedFiles(t *testing.T) {
	src := []byte("assets: [{name: a}]\naccounts: [{name: b, asset: a, keys: [{type: ssh-rsa, file: keys/rsa.pem}]}]\n")
	digest := func(comment string) string {
		fs := files(t)
		fs["keys/rsa.pem"] = &fstest.MapFile{Data: append([]byte(comment), fs["keys/rsa.pem"].Data...)}
		s, err := seed.Load("x", src, seed.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest
	}
	first, again := digest(""), digest("")
	if first != again || first == digest("# another\n") {
		t.Error("the digest does not follow the key file")
	}
}
