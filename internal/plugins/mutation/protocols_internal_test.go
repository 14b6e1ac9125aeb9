package mutation

import (
	"slices"
	"strings"
	"testing"

	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fault/edit"
)

// TestASearchIsMutated: its entries part by part, its result, and where it breaks off; what
// later entries are made of is the same kind again.
func TestASearchIsMutated(t *testing.T) {
	m := &maker{b: &baseline{letIn: true}, s: seen{Operation: Operation{Server: "ad", Port: "ldap", Op: "search", Nth: 1}, proto: "tcp",
		Answered: scenario.Answered{Seen: fault.Seen{Request: "-s sub '(uid=alice)'", Fields: []edit.Field{
			{Path: "code", Type: edit.Number, Value: "0"}, {Path: "message", Type: edit.Whole},
			{Path: "entry.0", Type: edit.Object}, {Path: "entry.0.dn", Type: edit.Text, Value: "uid=alice,dc=acme,dc=test"},
			{Path: "entry.0.memberOf", Type: edit.List}, {Path: "entry.0.memberOf.0", Type: edit.Text, Value: "cn=dba,dc=acme,dc=test"},
			{Path: "entry.1", Type: edit.Object}, {Path: "entry.1.dn", Type: edit.Text, Value: "uid=bob,dc=acme,dc=test"},
		}}}}}
	m.fields()
	m.codes()
	var got []string
	for _, x := range m.out {
		if x.Group != Statuses {
			got = append(got, x.Field+" "+x.As)
		}
	}
	want := []string{"entry.0 dropped", "entry.0.dn dropped", "entry.0.dn empty", "entry.0.dn cut", "entry.0.memberOf dropped",
		"entry.0.memberOf.0 dropped", "entry.0.memberOf.0 empty", "entry.0.memberOf.0 cut", "message cut"}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
