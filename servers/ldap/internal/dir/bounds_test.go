package dir

import (
	"fmt"
	"testing"
	"time"

	"counterpart/internal/measure/linear"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// S2: what a modification costs grows with its values, not with their square, which
// would be a minute for 200,000. Values are looked at before anybody asks who sends them.
func TestS2ModificationIsLinear(t *testing.T) {
	by := Author{DN: "cn=admin,dc=acme,dc=test", Now: time.Unix(1, 0)}
	for _, c := range []struct{ of, desc, value string }{
		{"uid=u000,ou=people,dc=acme,dc=test", "description", "value number %d"}, {"cn=g,ou=groups,dc=acme,dc=test", "member", "cn=%d"},
	} {
		linear.Check(t, 40_000, func(n int) func() {
			values := make([]string, n)
			for i := range values {
				values[i] = fmt.Sprintf(c.value, i)
			}
			d := directory(t, schema.OpenLDAP, people(1))
			return func() { // it ends as it began
				for _, m := range []proto.Change{
					{Op: proto.ModAdd, Attribute: proto.Attribute{Desc: c.desc, Values: values}},
					{Op: proto.ModDelete, Attribute: proto.Attribute{Desc: c.desc, Values: values[:n/2]}},
					{Op: proto.ModDelete, Attribute: proto.Attribute{Desc: c.desc, Values: values[n/2:]}},
				} {
					if err := d.Modify(t.Context(), name(t, c.of), []proto.Change{m}, by); err != nil {
						t.Fatal(m.Op, m.Desc, err)
					}
				}
			}
		})
	}
}
