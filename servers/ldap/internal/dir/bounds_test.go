package dir

import (
	"fmt"
	"testing"
	"time"

	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// S2: what a modification costs grows with its values, not with their square, which
// would be a minute here. Values are looked at before anybody asks who sends them.
func TestS2ModificationIsLinear(t *testing.T) {
	const n, most = 200000, 10 * time.Second
	values, members := make([]string, n), make([]string, n/8)
	for i := range values {
		values[i] = fmt.Sprintf("value number %d", i)
	}
	for i := range members {
		members[i] = fmt.Sprintf("cn=%d", i)
	}
	d := directory(t, schema.OpenLDAP, people(1))
	by := Author{DN: "cn=admin,dc=acme,dc=test", Now: time.Unix(1, 0)}
	for _, m := range []proto.Change{
		{Op: proto.ModAdd, Attribute: proto.Attribute{Desc: "description", Values: values}},
		{Op: proto.ModDelete, Attribute: proto.Attribute{Desc: "description", Values: values[:n/2]}},
		{Op: proto.ModAdd, Attribute: proto.Attribute{Desc: "member", Values: members}},
		{Op: proto.ModDelete, Attribute: proto.Attribute{Desc: "member", Values: members}},
	} {
		at, of := time.Now(), "uid=u000,ou=people,dc=acme,dc=test"
		if m.Desc == "member" {
			of = "cn=g,ou=groups,dc=acme,dc=test"
		}
		if err := d.Modify(t.Context(), name(t, of), []proto.Change{m}, by); err != nil {
			t.Fatal(m.Op, m.Desc, err)
		}
		if took := time.Since(at); took > most {
			t.Errorf("%d values of %s, operation %d, cost %v", len(m.Values), m.Desc, m.Op, took)
		}
	}
}
