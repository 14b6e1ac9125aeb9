package ldap_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/servers/ldap"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

func modify(c *goldap.Conn, dn string, change func(*goldap.ModifyRequest), controls ...goldap.Control) error {
	m := goldap.NewModifyRequest(dn, controls)
	change(m)
	return c.Modify(m)
}

func addPerson(dn, uid string, more ...string) *goldap.AddRequest {
	a := goldap.NewAddRequest(dn, nil)
	a.Attribute("objectClass", []string{"inetOrgPerson"})
	a.Attribute("uid", []string{uid})
	a.Attribute("cn", []string{uid})
	a.Attribute("sn", []string{uid})
	for i := 0; i+1 < len(more); i += 2 {
		a.Attribute(more[i], []string{more[i+1]})
	}
	return a
}

func memberOf(t *testing.T) {
	l := open(t, posix())
	c := l.bound("ldap", root, rootPW)
	groups := func(uid string) string {
		es, err := ask(c, base, 2, "(uid="+uid+")", "memberOf")
		if err != nil || len(es) != 1 {
			t.Fatalf("%s: %v", uid, err)
		}
		return strings.Join(es[0].GetAttributeValues("memberOf"), " ")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(modify(c, group("empty"), func(m *goldap.ModifyRequest) { m.Add("member", []string{person("bob")}) }))
	if got := groups("bob"); !strings.Contains(got, group("empty")) {
		t.Errorf("bob is in %q", got)
	}
	if got := found(t, c, base, "(memberOf="+group("empty")+")"); got != "bob" {
		t.Errorf("by memberOf: %q", got)
	}
	must(modify(c, group("admins"), func(m *goldap.ModifyRequest) {
		m.Add("member", []string{person("alice")})
		m.Delete("member", []string{person("bob")})
	}))
	if got := groups("bob"); strings.Contains(got, group("admins")) {
		t.Errorf("bob is still in %q", got)
	}
	if got := found(t, c, base, "(member="+person("alice")+")"); got != "admins dba" {
		t.Errorf("alice is listed by %q", got)
	}
	must(modify(c, group("admins"), func(m *goldap.ModifyRequest) { m.Replace("member", []string{person("bob"), "uid=ghost,dc=else"}) }))
	es, _ := ask(c, group("admins"), 0, "(objectClass=*)", "member")
	if got := es[0].GetAttributeValues("member"); !slices.Equal(got, []string{person("bob"), "uid=ghost,dc=else"}) {
		t.Errorf("members: %v", got)
	}
	if got := found(t, c, base, "(member=uid=GHOST,dc=else)"); got != "admins" {
		t.Errorf("a member that is no entry: %q", got)
	}
	// renaming and deleting an entry rewrites what refers to it
	must(c.ModifyDN(goldap.NewModifyDNRequest(person("bob"), "uid=robert", true, "")))
	es, _ = ask(c, group("admins"), 0, "(objectClass=*)", "member")
	if got := es[0].GetAttributeValues("member"); got[0] != person("robert") {
		t.Errorf("after a rename: %v", got)
	}
	must(l.dial("ldap").Bind(person("robert"), pass("bob")))
	must(c.Del(goldap.NewDelRequest(person("robert"), nil)))
	if got := found(t, c, base, "(member=*)"); got != "admins contractors dba externals ring-a ring-b" {
		t.Errorf("after a delete: %q", got)
	}
	if err := l.dial("ldap").Bind(person("robert"), pass("bob")); code(err) != 49 {
		t.Errorf("a deleted user binds: %v", err)
	}
	// a reset of the store is a reset of the directory, and replicas agree
	must(state.Reset(t.Context(), l.store))
	if got := found(t, c, base, "(uid=bob)"); got != "bob" {
		t.Errorf("after a reset: %q", got)
	}
	l = open(t, adset())
	c = l.bound("ldap", adRoot, rootPW)
	must(modify(c, adGroup("empty"), func(m *goldap.ModifyRequest) { m.Add("member", []string{adPerson("Bob Brown")}) }))
	es, _ = ask(c, adPerson("Bob Brown"), 0, "(objectClass=*)")
	if !slices.Contains(es[0].GetAttributeValues("memberOf"), adGroup("empty")) {
		t.Error("ad: memberOf is not ordinary, or not current")
	}
	if err := modify(c, adGroup("empty"), func(m *goldap.ModifyRequest) { m.Add("member", []string{"CN=ghost," + domain}) }); code(err) != 32 {
		t.Errorf("ad: a member that is no entry: %v", err)
	}
}

func TestReplicasShareWrites(t *testing.T) {
	first := open(t, posix())
	s := posix()
	s.store = first.store
	second := open(t, s)
	c := first.bound("ldap", root, rootPW)
	if err := c.Add(addPerson(person("newbie"), "newbie", "userPassword", "Newbie-1")); err != nil {
		t.Fatal(err)
	}
	if err := second.dial("ldap").Bind(person("newbie"), "Newbie-1"); err != nil {
		t.Errorf("the other replica: %v", err)
	}
}

func passwordModify(t *testing.T) {
	l := open(t, posix())
	if _, err := l.dial("ldap").PasswordModify(goldap.NewPasswordModifyRequest("", "", "x")); code(err) != 8 || !strings.Contains(err.Error(), "only authenticated users may change passwords") {
		t.Errorf("anonymous: %v", err)
	}
	c := l.bound("ldap", person("alice"), pass("alice"))
	if _, err := c.PasswordModify(goldap.NewPasswordModifyRequest("", "wrong", "Another-1")); code(err) != 53 || !strings.Contains(err.Error(), "unwilling to verify old password") {
		t.Errorf("wrong old password: %v", err)
	}
	if _, err := c.PasswordModify(goldap.NewPasswordModifyRequest("", pass("alice"), "Another-1")); err != nil {
		t.Errorf("own: %v", err)
	}
	binds := func(who, password string, ok bool) {
		t.Helper()
		if err := l.dial("ldap").Bind(person(who), password); (err == nil) != ok {
			t.Errorf("%s binds with %s: %v", who, password, err)
		}
		err := l.guard.Check(t.Context(), who, func(p string) bool { return signin.Same(p, password) }) // as RADIUS would
		if (err == nil) != ok {
			t.Errorf("%s signs in with %s elsewhere: %v", who, password, err)
		}
	}
	binds("alice", "Another-1", true)
	binds("alice", pass("alice"), false)
	r, err := c.PasswordModify(goldap.NewPasswordModifyRequest("", "", ""))
	if err != nil || len(r.GeneratedPassword) != 8 {
		t.Fatalf("generated: %+v, %v", r, err)
	}
	binds("alice", r.GeneratedPassword, true)
	if _, err := c.PasswordModify(goldap.NewPasswordModifyRequest(person("bob"), "", "Evil-123")); code(err) != 50 {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := c.PasswordModify(goldap.NewPasswordModifyRequest("", "", "abc")); code(err) != 19 {
		t.Errorf("weak: %v", err)
	}
	manager := l.bound("ldap", root, rootPW)
	if _, err := manager.PasswordModify(goldap.NewPasswordModifyRequest(person("bob"), "", "Reset-123")); err != nil {
		t.Errorf("reset: %v", err)
	}
	binds("bob", "Reset-123", true)
	if _, err := manager.PasswordModify(goldap.NewPasswordModifyRequest(person("nobody"), "", "Reset-123")); code(err) != 32 {
		t.Errorf("nobody's: %v", err)
	}
	if err := modify(manager, person("bob"), func(m *goldap.ModifyRequest) { m.Replace("userPassword", []string{"Third-123"}) }); err != nil {
		t.Errorf("userPassword: %v", err)
	}
	binds("bob", "Third-123", true)
	if err := modify(c, person("bob"), func(m *goldap.ModifyRequest) { m.Replace("userPassword", []string{"Evil-123"}) }); code(err) != 50 {
		t.Errorf("somebody else's userPassword: %v", err)
	}
	call := l.last("passwd")
	if strings.Contains(call.Request+call.Response+call.Why, "Reset-123") {
		t.Errorf("a password is in the journal: %+v", call)
	}
	// must change: bound, but only to change it
	carol := l.bound("ldap", person("carol"), pass("carol"))
	if _, err := ask(carol, base, 2, "(uid=carol)"); code(err) != 50 {
		t.Errorf("carol searches: %v", err)
	}
	if _, err := carol.PasswordModify(goldap.NewPasswordModifyRequest("", pass("carol"), "Carol-New-1")); err != nil {
		t.Errorf("carol changes: %v", err)
	}
	if got := found(t, l.bound("ldap", person("carol"), "Carol-New-1"), base, "(uid=carol)"); got != "carol" {
		t.Errorf("carol finds %q", got)
	}
}

// quoted is a password as unicodePwd wants it.
func quoted(p string) string {
	var out []byte
	for _, r := range `"` + p + `"` {
		out = append(out, byte(r), byte(r>>8))
	}
	return string(out)
}

func unicodePwd(t *testing.T) {
	l := open(t, adset())
	alice, bob := adPerson("Alice Adams"), adPerson("Bob Brown")
	change := func(old, new string) func(*goldap.ModifyRequest) {
		return func(m *goldap.ModifyRequest) {
			m.Delete("unicodePwd", []string{quoted(old)})
			m.Add("unicodePwd", []string{quoted(new)})
		}
	}
	reset := func(v string) func(*goldap.ModifyRequest) {
		return func(m *goldap.ModifyRequest) { m.Replace("unicodePwd", []string{v}) }
	}
	clear := l.bound("ldap", "alice@acme.test", pass("alice"))
	own := l.bound("ldaps", "alice@acme.test", pass("alice"))
	manager := l.bound("ldaps", adRoot, rootPW)
	for _, x := range []struct {
		what string
		c    *goldap.Conn
		dn   string
		mod  func(*goldap.ModifyRequest)
		code uint16
		text string
	}{
		{"cleartext", clear, alice, change(pass("alice"), "Another-1"), 53, "0000001F"},
		{"wrong old", own, alice, change("wrong", "Another-1"), 19, "00000056"},
		{"weak", own, alice, change(pass("alice"), "abc"), 19, "0000052D"},
		{"own", own, alice, change(pass("alice"), "Another-1"), 0, ""},
		{"own reset", own, alice, reset(quoted("Another-2")), 50, ""},
		{"no quotes", manager, bob, reset("Another-2"), 53, "0000216C"},
		{"weak reset", manager, bob, reset(quoted("abc")), 53, "0000052D"},
		{"reset", manager, bob, reset(quoted("Reset-123")), 0, ""},
		{"unlock", manager, adPerson("Eve Evans"), func(m *goldap.ModifyRequest) { m.Replace("lockoutTime", []string{"0"}) }, 0, ""},
		{"enable", manager, adPerson("Dave Dunn"), func(m *goldap.ModifyRequest) { m.Replace("userAccountControl", []string{"512"}) }, 0, ""},
		{"disable", manager, adPerson("Mallory Moss"), func(m *goldap.ModifyRequest) { m.Replace("userAccountControl", []string{"514"}) }, 0, ""},
		{"must change", manager, adPerson("Zoë Zimmer"), func(m *goldap.ModifyRequest) { m.Replace("pwdLastSet", []string{"0"}) }, 0, ""},
		{"no right to enable", own, adPerson("Dave Dunn"), func(m *goldap.ModifyRequest) { m.Replace("userAccountControl", []string{"512"}) }, 50, ""},
	} {
		if err := modify(x.c, x.dn, x.mod); code(err) != x.code || err != nil && !strings.Contains(err.Error(), x.text) {
			t.Errorf("%s: %v, want %d %s", x.what, err, x.code, x.text)
		}
	}
	for who, want := range map[string]string{"alice": "Another-1", "bob": "Reset-123", "eve": pass("eve"), "dave": pass("dave")} {
		if err := l.dial("ldap").Bind(who+"@acme.test", want); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
	for who, want := range map[string]string{"mallory": "533", "zoë": "773"} {
		if err := l.dial("ldap").Bind(who+"@acme.test", pass(who)); err == nil || !strings.Contains(err.Error(), "data "+want) {
			t.Errorf("%s: %v", who, err)
		}
	}
	if a, _ := l.raw(t, "ldap").send(extended(1, "1.3.6.1.4.1.4203.1.11.1", "")).result(); a.code != 2 {
		t.Errorf("Password Modify: %v", a)
	}
}

func policyControl(t *testing.T) {
	f := cast()
	f.Organization.Policy.MaxAge = 70 * 24 * time.Hour
	l := open(t, setup{facts: f, set: ldap.Settings{LockedCode: true}})
	ask := proto.Control{OID: "1.3.6.1.4.1.42.2.27.8.5.1"}
	get := func(who, password string, controls ...proto.Control) (answer, string) {
		a, _ := l.raw(t, "ldap").send(with(bindRequest(1, person(who), password), controls...)).result()
		if len(a.controls) == 0 {
			return a, "none"
		}
		return a, string(a.controls[0].Value)
	}
	for who, want := range map[string]string{"alice": "\x30\x00", "carol": "\x30\x03\x81\x01\x02", "peggy": "\x30\x03\x81\x01\x00", "eve": "\x30\x03\x81\x01\x01", "dave": "\x30\x00"} {
		if _, v := get(who, pass(who), ask); v != want {
			t.Errorf("%s: %x, want %x", who, v, want)
		}
		if _, v := get(who, pass(who)); v != "none" {
			t.Errorf("%s gets the control without asking", who)
		}
	}
	l.clock.Advance(65 * 24 * time.Hour)
	if _, v := get("alice", pass("alice"), ask); !strings.HasPrefix(v, "\x30") || !strings.Contains(v, "\xa0") {
		t.Errorf("before expiry: %x", v)
	}
	l = open(t, posix())
	if a, v := get("eve", pass("eve"), ask); a.code != 49 || v != "\x30\x00" {
		t.Errorf("locked, without ppolicy_use_lockout: %v %x", a, v)
	}
}

func writeErrors(t *testing.T) {
	l := open(t, posix())
	c := l.bound("ldap", root, rootPW)
	alice := person("alice")
	type mod = func(*goldap.ModifyRequest)
	for _, x := range []struct {
		what string
		dn   string
		mod  mod
		code uint16
	}{
		{"no entry", person("nobody"), func(m *goldap.ModifyRequest) { m.Replace("mail", []string{"x"}) }, 32},
		{"value exists", alice, func(m *goldap.ModifyRequest) { m.Add("mail", []string{"ALICE@acme.test"}) }, 20},
		{"no such value", alice, func(m *goldap.ModifyRequest) { m.Delete("mail", []string{"x@y"}) }, 16},
		{"no such attribute", alice, func(m *goldap.ModifyRequest) { m.Delete("title", nil) }, 16},
		{"required", alice, func(m *goldap.ModifyRequest) { m.Delete("sn", nil) }, 65},
		{"not allowed", alice, func(m *goldap.ModifyRequest) { m.Add("member", []string{alice}) }, 65},
		{"not allowed", alice, func(m *goldap.ModifyRequest) { m.Add("dc", []string{"x"}) }, 65},
		{"RDN value", alice, func(m *goldap.ModifyRequest) { m.Replace("uid", []string{"other"}) }, 64},
		{"undefined type", alice, func(m *goldap.ModifyRequest) { m.Add("nosuch", []string{"x"}) }, 17},
		{"syntax", alice, func(m *goldap.ModifyRequest) { m.Replace("uidNumber", []string{"x"}) }, 21},
		{"single value", alice, func(m *goldap.ModifyRequest) { m.Add("uidNumber", []string{"5"}) }, 19},
		{"not for users", alice, func(m *goldap.ModifyRequest) {
			m.Replace("entryUUID", []string{"12345678-1234-1234-1234-123456789012"})
		}, 19},
		{"member exists", group("dba"), func(m *goldap.ModifyRequest) { m.Add("member", []string{alice}) }, 20},
		{"no such member", group("dba"), func(m *goldap.ModifyRequest) { m.Delete("member", []string{person("bob")}) }, 16},
		{"last member", group("admins"), func(m *goldap.ModifyRequest) { m.Delete("member", []string{person("bob")}) }, 65},
		{"class syntax", alice, func(m *goldap.ModifyRequest) { m.Add("objectClass", []string{"nosuch"}) }, 21},
		{"increment", alice, func(m *goldap.ModifyRequest) { m.Increment("uidNumber", "5") }, 0},
		{"fine", alice, func(m *goldap.ModifyRequest) { m.Replace("title", []string{"Boss"}) }, 0},
	} {
		if err := modify(c, x.dn, x.mod); code(err) != x.code {
			t.Errorf("%s: %v, want %d", x.what, err, x.code)
		}
	}
	if got := found(t, c, base, "(&(title=boss)(uidNumber=10006))"); got != "alice" {
		t.Errorf("what was written is %q", got)
	}
	adds := map[string]uint16{person("alice"): 68, "uid=x,ou=nosuch," + base: 32, "uid=x,dc=else": 53, person("new"): 0, "uid=child," + person("new"): 0, "nonsense": 34}
	for _, dn := range []string{person("alice"), "uid=x,ou=nosuch," + base, "uid=x,dc=else", "nonsense", person("new"), "uid=child," + person("new")} {
		uid, _, _ := strings.Cut(strings.TrimPrefix(dn, "uid="), ",")
		if err := c.Add(addPerson(dn, uid)); code(err) != adds[dn] {
			t.Errorf("add %s: %v, want %d", dn, err, adds[dn])
		}
	}
	if err := c.Add(addPerson(person("xx"), "yy")); err != nil || found(t, c, base, "(&(uid=xx)(uid=yy))") != "xx" {
		t.Errorf("the RDN's value is not added: %v", err)
	}
	if err := c.Del(goldap.NewDelRequest(person("xx"), nil)); err != nil {
		t.Error(err)
	}
	bare := goldap.NewAddRequest(person("x"), nil)
	bare.Attribute("objectClass", []string{"inetOrgPerson"})
	bare.Attribute("uid", []string{"x"})
	if err := c.Add(bare); code(err) != 65 {
		t.Errorf("required on add: %v", err)
	}
	if err := c.Del(goldap.NewDelRequest(person("new"), nil)); code(err) != 66 {
		t.Errorf("delete of a non-leaf: %v", err)
	}
	for _, x := range []struct {
		dn, rdn, above string
		code           uint16
	}{
		{person("nobody"), "uid=x", "", 32}, {alice, "uid=bob", "", 68}, {alice, "nonsense", "", 34}, {alice, "uid=al", "ou=nosuch," + base, 32},
		{"ou=people," + base, "ou=staff", "", 0}, {"uid=bob,ou=staff," + base, "uid=bob", "ou=groups," + base, 0},
		{"ou=staff," + base, "ou=staff", "uid=alice,ou=staff," + base, 53},
	} {
		if err := c.ModifyDN(goldap.NewModifyDNRequest(x.dn, x.rdn, true, x.above)); code(err) != x.code {
			t.Errorf("rename %s to %s: %v, want %d", x.dn, x.rdn, err, x.code)
		}
	}
	if err := l.dial("ldap").Bind("uid=alice,ou=staff,"+base, pass("alice")); err != nil {
		t.Errorf("below a renamed container: %v", err)
	}
	if got := found(t, c, "ou=groups,"+base, "(uid=bob)"); got != "bob" {
		t.Errorf("a moved entry: %q", got)
	}
	tree := goldap.NewDelRequest("ou=staff,"+base, []goldap.Control{goldap.NewControlString("1.2.840.113556.1.4.805", true, "")})
	if err := c.Del(tree); code(err) != 12 { // slapd's backend has none
		t.Errorf("tree delete: %v", err)
	}
	if got := found(t, c, base, "(uid=eve)"); got != "eve" {
		t.Errorf("after the tree delete: %q", got)
	}
	rights(t)
}

func rights(t *testing.T) {
	l := open(t, setup{set: ldap.Settings{RootPW: rootPW, Admins: []string{"admins", "trent"}}})
	set := func(m *goldap.ModifyRequest) { m.Replace("title", []string{"Boss"}) }
	if err := modify(l.dial("ldap"), person("alice"), set); code(err) != 8 || !strings.Contains(err.Error(), "modifications require authentication") {
		t.Errorf("anonymous: %v", err)
	}
	if err := modify(l.bound("ldap", person("alice"), pass("alice")), person("alice"), set); code(err) != 50 {
		t.Errorf("herself: %v", err)
	}
	if err := modify(l.bound("ldap", person("bob"), pass("bob")), person("alice"), set); err != nil {
		t.Errorf("an admin: %v", err)
	}
	l = open(t, setup{set: ldap.Settings{RootPW: rootPW, Writable: []string{"passwords"}}})
	if err := modify(l.bound("ldap", root, rootPW), person("alice"), set); code(err) != 53 || !strings.Contains(err.Error(), "operation restricted") {
		t.Errorf("read-only: %v", err)
	}
}

func atomicity(t *testing.T) {
	l := open(t, posix())
	c := l.bound("ldap", root, rootPW)
	err := modify(c, person("alice"), func(m *goldap.ModifyRequest) {
		m.Replace("title", []string{"Boss"})
		m.Replace("userPassword", []string{"Another-1"})
		m.Delete("pager", nil)
	})
	if code(err) != 16 || found(t, c, base, "(title=*)") != "" {
		t.Errorf("half of it was done: %v", err)
	}
	if err := l.dial("ldap").Bind(person("alice"), pass("alice")); err != nil {
		t.Errorf("the password was changed: %v", err)
	}
	err = modify(c, person("alice"), func(m *goldap.ModifyRequest) {
		m.Replace("title", []string{"Boss"})
		m.Replace("userPassword", []string{"abc"})
	})
	if code(err) != 19 || found(t, c, base, "(title=*)") != "" {
		t.Errorf("half of it was done: %v", err)
	}
	assertion := proto.Control{OID: "1.3.6.1.1.12", Critical: true, HasValue: true}
	b, mark := ber.Begin(nil, 0xa3)
	assertion.Value = ber.End(ber.AppendString(ber.AppendString(b, 4, "uid"), 4, "bob"), mark)
	r := l.raw(t, "ldap").send(bindRequest(1, root, rootPW))
	r.result()
	del := message(2, ber.AppendString(nil, proto.DeleteRequest, person("alice")), assertion)
	if a, _ := r.send(del).result(); a.code != 122 {
		t.Errorf("a false assertion: %v", a)
	}
	if a, _ := r.send(message(3, ber.AppendString(nil, proto.DeleteRequest, person("bob")), assertion)).result(); a.code != 0 {
		t.Errorf("a true assertion: %v", a)
	}
	permissive := goldap.NewControlString("1.2.840.113556.1.4.1413", true, "")
	if err := modify(c, group("dba"), func(m *goldap.ModifyRequest) { m.Add("member", []string{person("alice")}) }, permissive); err != nil {
		t.Errorf("permissive: %v", err)
	}
}
