package ldap_test

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/ldap"
)

// TestFailureBetweenWrites lets each write of an operation fail: an add, a change, a change
// with a password in it, a deletion.
func TestFailureBetweenWrites(t *testing.T) {
	const people, admin = "ou=people,dc=acme,dc=test", "cn=admin,dc=acme,dc=test"
	setup := dialecttest.Setup{Kinds: []dialect.Kind{{Name: "ldap", New: ldap.New, Settings: ldap.Settings{}}}, Seed: `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME}
users: [{name: alice, password: Wonderland-1}, {name: bob, password: Builder-1}]
servers: [{kind: ldap, rootpw: Root-Pass-1}]
`}
	set := func(attribute, value string) func(*goldap.Conn) error {
		return func(c *goldap.Conn) error {
			m := goldap.NewModifyRequest("uid=alice,"+people, nil)
			m.Replace(attribute, []string{value})
			return c.Modify(m)
		}
	}
	for _, op := range []struct {
		name  string
		do    func(*goldap.Conn) error
		done  uint16 // the code of the second try, if the first one has done it
		after func(*goldap.Conn) bool
	}{
		{"add", func(c *goldap.Conn) error {
			return c.Add(addPerson("uid=zoe,"+people, "zoe", "userPassword", "Zoe-Pass-1"))
		}, goldap.LDAPResultEntryAlreadyExists,
			func(c *goldap.Conn) bool { return c.Bind("uid=zoe,"+people, "Zoe-Pass-1") == nil }},
		{"change", set("description", "new"), 0, func(c *goldap.Conn) bool {
			es, err := ask(c, people, 2, "(description=new)")
			return err == nil && len(es) == 1
		}},
		{"password", set("userPassword", "Wonderland-2"), 0, func(c *goldap.Conn) bool {
			return c.Bind("uid=alice,"+people, "Wonderland-1") != nil && c.Bind("uid=alice,"+people, "Wonderland-2") == nil
		}},
		{"password modify", func(c *goldap.Conn) error {
			_, err := c.PasswordModify(goldap.NewPasswordModifyRequest("uid=alice,"+people, "", "Wonderland-2"))
			return err
		}, 0, func(c *goldap.Conn) bool { return c.Bind("uid=alice,"+people, "Wonderland-2") == nil }},
		{"delete", func(c *goldap.Conn) error { return c.Del(goldap.NewDelRequest("uid=bob,"+people, nil)) }, goldap.LDAPResultNoSuchObject,
			func(c *goldap.Conn) bool {
				es, err := ask(c, people, 2, "(uid=bob)")
				return err == nil && len(es) == 0 && c.Bind("uid=bob,"+people, "Builder-1") != nil
			}},
	} {
		dialecttest.Unlucky(t, op.name, setup, func(t *testing.T, f *dialecttest.Fleet) dialecttest.Attempt {
			bound := func() *goldap.Conn {
				c, err := goldap.DialURL("ldap://" + f.Addr("ldap/ldap"))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				if err := c.Bind(admin, "Root-Pass-1"); err != nil {
					t.Fatal(err)
				}
				return c
			}
			c := bound()
			return dialecttest.Attempt{
				Do: func() bool {
					err := op.do(c)
					if code := code(err); err != nil && code != goldap.LDAPResultUnavailable && code != goldap.LDAPResultOther && code != goldap.LDAPResultBusy {
						t.Errorf("%v", err)
					}
					return err != nil
				},
				Again: func() {
					if err := op.do(bound()); err != nil && uint16(code(err)) != op.done {
						t.Errorf("again: %v", err)
					}
				},
				After: func() {
					if !op.after(bound()) {
						t.Error("it did not happen")
					}
				},
			}
		})
	}
}
