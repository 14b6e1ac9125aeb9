//go:build real

package ldap_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const ldap3Script = `
import sys
from ldap3 import Server, Connection, ALL, MODIFY_ADD
url, person, password, manager, secret, base = sys.argv[1:]
s = Server(url, get_info=ALL)
c = Connection(s, person, password, auto_bind=True)
assert len(s.schema.attribute_types) >= 1499 and len(s.schema.object_classes) == 269, s.schema
c.search(base, '(sAMAccountName=alice)', attributes=['cn', 'sn', 'givenName', 'displayName', 'memberOf', 'objectGUID', 'objectSid', 'whenCreated', 'userAccountControl', 'description'])
got = c.response[0]['attributes']
for name in ('cn', 'sn', 'givenName', 'displayName'):
    assert isinstance(got[name], str), (name, got[name])
assert isinstance(got['memberOf'], list) and isinstance(got['description'], list), got
assert got['objectSid'].startswith('S-1-5-21-') and got['objectGUID'].startswith('{') and got['userAccountControl'] == 512, got
classes = s.schema.object_classes
assert {'memberOf', 'objectGUID', 'distinguishedName'} <= set(classes['top'].may_contain)
assert 'objectSid' in classes['securityPrincipal'].must_contain and 'userAccountControl' in classes['user'].may_contain
assert s.schema.attribute_types['cn'].single_value and s.schema.attribute_types['memberOf'].no_user_modification
m = Connection(s, manager, secret, auto_bind=True)
assert not m.add('CN=Twin,CN=Users,' + base, 'user', {'sAMAccountName': 'alice'}) and m.result['result'] == 68 and '00000524' in m.result['message'], m.result
assert m.add('CN=Newbie,CN=Users,' + base, 'user', {'sAMAccountName': 'newbie'}), m.result
m.search(base, '(sAMAccountName=newbie)', attributes=['*'])
e = m.entries[0]
assert e.userAccountControl.value == 546 and e.primaryGroupID.value == 513 and e.sAMAccountType.value == 805306368, e
assert m.extend.microsoft.add_members_to_groups('CN=Newbie,CN=Users,' + base, 'CN=dba,OU=Groups,' + base), m.result
assert m.extend.microsoft.remove_members_from_groups('CN=Newbie,CN=Users,' + base, 'CN=dba,OU=Groups,' + base), m.result
pages = list(c.extend.standard.paged_search(base, '(objectClass=person)', paged_size=3, generator=True))
assert len(pages) > 10, pages
print('done')
`

// TestRealLdap3 lets the Python client ldap3, which reads the schema first and
// shapes every value by it, talk to Active Directory.
func TestRealLdap3(t *testing.T) {
	l := open(t, adset())
	script := filepath.Join(t.TempDir(), "client.py")
	if err := os.WriteFile(script, []byte(ldap3Script), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run1(t, tool(t, "python3"), script, "ldap://"+l.addr["ldap"], `ACME\alice`, pass("alice"), adRoot, rootPW, domain)
	if err != nil || !strings.Contains(out, "done") {
		t.Errorf("%v\n%s", err, out)
	}
}
