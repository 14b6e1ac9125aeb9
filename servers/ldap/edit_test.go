package ldap_test

import (
	"strings"
	"testing"

	"counterpart/internal/serving/fault"
)

// TestResultsAreEdited: the client is told another result of an operation that has taken
// place, and what cannot be changed is left.
func TestResultsAreEdited(t *testing.T) {
	l := open(t, setup{})
	for _, tt := range []struct {
		field, as, value string
		code             int64
		text, referral   string
	}{
		{"code", "replaced", "49", 49, "", ""}, {"code", "flipped", "", 1, "", ""}, {"text", "replaced", "going down", 0, "going down", ""},
		{"referral", "replaced", "ldap://other.acme.test/", 10, "", "ldap://other.acme.test/"},
		{"code", "dropped", "", 0, "", ""}, {"code", "replaced", "many", 0, "", ""}, {"text", "cut", "", 0, "", ""}, {"entry.0", "dropped", "", 0, "", ""},
	} {
		args := map[string]string{"field": tt.field, "as": tt.as}
		if tt.as == "replaced" {
			args["value"] = tt.value
		}
		if err := l.faults.Set([]fault.Rule{{ID: "f", Kind: fault.Edit, Args: args}}); err != nil {
			t.Fatal(err)
		}
		a, _ := l.raw(t, "ldap").send(bindRequest(1, person("alice"), pass("alice"))).result()
		if int64(a.code) != tt.code || a.text != tt.text || !strings.HasSuffix(a.referral, tt.referral) || (a.referral == "") != (tt.referral == "") {
			t.Errorf("%s %s %q: %+v", tt.field, tt.as, tt.value, a)
		}
	}
}
