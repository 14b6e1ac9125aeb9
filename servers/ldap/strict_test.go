package ldap_test

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// TestUpdatesDoNotAskTheStore writes in every way, with all that a write looks at.
func TestUpdatesDoNotAskTheStore(t *testing.T) {
	for _, set := range []setup{posix(), adset()} {
		ad := set.set.Flavour == "ad"
		c := clock.Frozen(start)
		set.store = statetest.Strict(t, state.NewMemory(c))
		l := open(t, set)
		name, user, crowd := root, person("bob"), group("empty")
		if ad {
			name, user, crowd = adRoot, adPerson("Bob Brown"), adGroup("empty")
		}
		conn := l.bound("ldaps", name, rootPW)
		for _, attr := range []string{"description", "userAccountControl", "pwdLastSet", "lockoutTime", "pwdReset", "userPassword", "unicodePwd", "mail",
			"objectClass", "primaryGroupID", "sAMAccountName", "member", "pwdFailureTime", "accountExpires"} {
			for _, op := range []uint{0, 1, 2} {
				for _, value := range []string{"512", "x@y", user, quoted("Bob-Pass-2")} {
					for _, dn := range []string{user, crowd} {
						conn.Modify(&goldap.ModifyRequest{DN: dn, Changes: []goldap.Change{{Operation: op, Modification: goldap.PartialAttribute{Type: attr, Vals: []string{value}}}}})
					}
				}
			}
		}
		conn.Add(addPerson(person("strict"), "strict", "userPassword", "Strict-1"))
		conn.Add(adUser("Strict", "sAMAccountName", "alice"))
		conn.Add(adUser("Strict", "sAMAccountName", "strict", "servicePrincipalName", "a/b"))
		r := l.raw(t, "ldap").send(bindRequest(1, name, rootPW))
		r.result()
		for _, attr := range []string{"pwdReset", "pwdAccountLockedTime", "pwdChangedTime", "memberOf"} { // how he stands is asked before
			assertion := proto.Control{OID: "1.3.6.1.1.12", Critical: true, HasValue: true, Value: append([]byte{0x87, byte(len(attr))}, attr...)}
			r.send(with(message(2, ber.AppendString(nil, proto.DeleteRequest, person("nobody"))), assertion)).result()
			r.send(with(modifyOf(user, 2, "description", "y"), assertion)).result()
		}
		conn.ModifyDN(goldap.NewModifyDNRequest(user, map[bool]string{true: "CN=Bobby", false: "uid=bobby"}[ad], true, ""))
		conn.Del(goldap.NewDelRequest(crowd, nil))
	}
}
