package ldap_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

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
		{"message", "empty", "", 0, "", ""},
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

// TestEntriesAreEdited: parts of what a search finds, each by its own path; a star is every value.
func TestEntriesAreEdited(t *testing.T) {
	l := open(t, setup{})
	conn := l.bound("ldap", person("alice"), pass("alice"))
	names := []string{"cn", "mail", "memberOf"}
	search := func() string {
		found, err := conn.Search(&goldap.SearchRequest{BaseDN: person("alice"), Scope: goldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: names,
			Controls: nil})
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, e := range found.Entries {
			out += e.DN
			for _, n := range names {
				out += fmt.Sprint(" ", e.GetAttributeValues(n))
			}
		}
		return out
	}
	dn, groups := person("alice"), "["+group("dba")+"]"
	if got, want := search(), dn+" [Alice Adams] [alice@acme.test] "+groups; got != want {
		t.Fatalf("%s, not %s", got, want)
	}
	for _, tt := range []struct{ field, as, value, want string }{
		{"entry.0", "dropped", "", ""},
		{"entry.0.dn", "replaced", "cn=x", "cn=x [Alice Adams] [alice@acme.test] " + groups},
		{"entry.0.cn.0", "other", "", dn + " [Blide Aeamt] [alice@acme.test] " + groups},
		{"entry.*.mail.*", "empty", "", dn + " [Alice Adams] [] " + groups},
		{"entry.0.mail", "dropped", "", dn + " [Alice Adams] [] " + groups},
		{"entry.0.memberOf", "empty", "", dn + " [Alice Adams] [alice@acme.test] []"},
		{"entry.0.memberOf.0", "dropped", "", dn + " [Alice Adams] [alice@acme.test] []"},
		{"entry.1.cn.0", "dropped", "", dn + " [Alice Adams] [alice@acme.test] " + groups},
		{"entry.0.sn.0", "dropped", "", dn + " [Alice Adams] [alice@acme.test] " + groups},
	} {
		args := map[string]string{"field": tt.field, "as": tt.as}
		if tt.as == "replaced" {
			args["value"] = tt.value
		}
		if err := l.faults.Set([]fault.Rule{{ID: "f", Op: "search", Kind: fault.Edit, Args: args}}); err != nil {
			t.Fatal(err)
		}
		if got := search(); got != tt.want {
			t.Errorf("%s %s: %s, not %s", tt.field, tt.as, got, tt.want)
		}
	}
}

// TestHalfAnAnswer: the connection ends in the middle of a message.
func TestHalfAnAnswer(t *testing.T) {
	l := open(t, setup{})
	if err := l.faults.Set([]fault.Rule{{ID: "f", Kind: fault.Edit, Args: map[string]string{"field": "message", "as": "cut"}}}); err != nil {
		t.Fatal(err)
	}
	c := l.raw(t, "ldap")
	c.send(bindRequest(1, person("alice"), pass("alice")))
	got, err := io.ReadAll(c.c)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 7 {
		t.Errorf("%x, %v", got, err)
	}
}
