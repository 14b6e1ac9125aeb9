package dir

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/schema"
)

// twins are one company twice: generated, and written out person by person.
func twins(t *testing.T, groups int) (made, written world.Facts) {
	t.Helper()
	made = world.Facts{Organization: world.Organization{Domain: "acme000002.test", NetBIOS: "ACME"}, RandomSeed: 5,
		Users: []world.User{
			{ID: "alice", Name: "alice", DisplayName: "Alice Adams", Email: "alice@acme.test", UIDNumber: 10002, GIDNumber: 9, Groups: []string{"staff"}},
			{ID: "namesake", Name: "namesake", DisplayName: "USER  000003", Groups: []string{"staff"}, UIDNumber: 77},
			{ID: "again", Name: "again", DisplayName: "User 000005 (user000005)"},
			{ID: "both", Name: "both", DisplayName: "User 000005", Attributes: map[string][]string{"employeeNumber": {"000007"}, "description": {"x"}}},
			{ID: "u000009", Name: "U000009", Aliases: []string{"000009"}, DisplayName: "000011"},
		},
		Groups: []world.Group{{ID: "staff", Name: "staff", GIDNumber: 9}},
	}
	for i := range groups {
		id := world.Numbered("group", i+1)
		made.Groups = append(made.Groups, world.Group{ID: id, Name: id, GIDNumber: 500 + i})
	}
	made.Generated = world.Generated{Users: 40, Groups: groups, Password: "x", Domain: made.Organization.Domain,
		UIDs: world.Numbers{First: 10000, Taken: []int{10002}}}
	w, err := world.New(made)
	if err != nil {
		t.Fatal(err)
	}
	written = made
	written.Users, written.Generated = slices.Collect(w.Users()), world.Generated{}
	return made, written
}

// TestGeneratedPeopleAreEntriesLikeOthers: what follows from numbers is what tables
// would say, name by name, value by value, search by search.
func TestGeneratedPeopleAreEntriesLikeOthers(t *testing.T) {
	for _, groups := range []int{0, 1, 3} {
		for _, flavour := range []schema.Flavour{schema.OpenLDAP, schema.AD} {
			t.Run(fmt.Sprint(flavour, groups), func(t *testing.T) {
				a, b := twins(t, groups)
				x, errX := directory(t, flavour, a).Snapshot(t.Context())
				y, errY := directory(t, flavour, b).Snapshot(t.Context())
				if errX != nil || errY != nil || x.end != y.end {
					t.Fatal(errX, errY, x.end, y.end)
				}
				compareEntries(t, x, y)
				compareSearches(t, x, y)
			})
		}
	}
}

func compareEntries(t *testing.T, x, y *Snapshot) {
	rx, ry := x.seedReader(), y.seedReader()
	for id := range x.end {
		if x.DN(id) != y.DN(id) || x.Key(id) != y.Key(id) || x.UserID(id) != y.UserID(id) || x.Children(id) != y.Children(id) {
			t.Errorf("%d is %s, want %s", id, x.DN(id), y.DN(id))
		}
		name := y.NormName(id)
		wantID, _ := y.Lookup(name)
		if got, ok := x.Lookup(name); !ok || got != wantID {
			t.Errorf("%s is %d, want %d", name, got, wantID)
		}
		if got := x.id(x.Key(id)); got != id {
			t.Errorf("the key %s leads to %d, not %d", x.Key(id), got, id)
		}
		rx.Seek(id)
		ry.Seek(id)
		for _, a := range ry.All() {
			if got, want := slices.Clone(rx.Values(x.Schema.Attr(a.Name), "")), slices.Clone(ry.Values(a, "")); !slices.Equal(got, want) {
				t.Errorf("%s: %s is %q, want %q", name, a.Name, got, want)
			}
		}
		if got, want := x.Above(id), y.Above(id); !slices.Equal(got, want) {
			t.Errorf("%s is in %v, want %v", name, got, want)
		}
		if got, want := x.Below(id), y.Below(id); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"uid=user000000,ou=people,dc=acme,dc=test", "uid=user000041,ou=people,dc=acme,dc=test", "cn=user 000041,ou=people,dc=acme,dc=test", "uid=user000001,dc=acme,dc=test",
		"user000001,ou=people,dc=acme,dc=test", "cn=user000001,ou=people,dc=acme,dc=test", "cn=user 000003,ou=people,dc=acme,dc=test", "ou=people,dc=acme,dc=test"} {
		got, ok := x.Lookup(name)
		if want, there := y.Lookup(name); got != want || ok != there {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

// compareSearches asks both for every value that there is, of every attribute.
func compareSearches(t *testing.T, x, y *Snapshot) {
	values := map[string]map[string]bool{}
	r := y.seedReader()
	for id := range y.end {
		r.Seek(id)
		for _, a := range r.All() {
			for _, v := range r.Values(a, "") {
				if values[a.Name] == nil {
					values[a.Name] = map[string]bool{}
				}
				values[a.Name][v] = true
			}
		}
	}
	for name := range values {
		a := y.Schema.Attr(name)
		if indexed[name] {
			maps.Copy(values[name], map[string]bool{"000007": true, "10002": true, "100": true, strings.Repeat("000001 ", 1000): true, "user 000001 user 000002": true})
		}
		for v := range values[name] {
			find := func(s *Snapshot) (out []ID) {
				a := s.Schema.Attr(name)
				normal, ok := s.Schema.Norm(a, v)
				if !ok {
					return nil
				}
				q := Query{Base: None, Scope: WholeSubtree, Filter: &filter.Filter{Op: filter.Equal, Attr: a, Value: normal}, After: None}
				s.Search(q, s.seedReader(), func() bool { return true }, func(id ID) bool { out = append(out, id); return true })
				return out
			}
			if got, want := find(x), find(y); !slices.Equal(got, want) {
				t.Errorf("(%s=%s) finds %v, want %v", a.Name, v, got, want)
			}
		}
	}
}

// TestALargeGroupIsNoLongList: a search for the members of a group, or for their
// number, keeps no list of a hundred thousand; what it finds is the same.
func TestALargeGroupIsNoLongList(t *testing.T) {
	facts := world.Facts{Organization: world.Organization{Domain: "acme.test"}, Groups: []world.Group{{ID: "group000001", Name: "group000001", GIDNumber: 700}},
		Generated: world.Generated{Users: 100_000, Groups: 1, Password: "x", Domain: "acme.test", UIDs: world.Numbers{First: 10000}}}
	s, err := directory(t, schema.OpenLDAP, facts).Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"memberOf": "cn=group000001,ou=groups,dc=acme,dc=test", "gidNumber": "700"} {
		f := &filter.Filter{Op: filter.Equal, Attr: s.Schema.Attr(name), Value: value}
		if p := s.plan(f); p.listed {
			t.Errorf("%s: a list of %d", name, len(p.list))
		}
		n := 0
		s.Search(Query{Base: None, Scope: WholeSubtree, Filter: f, After: None}, s.seedReader(), func() bool { return true }, func(ID) bool { n++; return true })
		if want := map[string]int{"memberOf": 100_000, "gidNumber": 100_001}[name]; n != want {
			t.Errorf("%s: %d entries, want %d", name, n, want)
		}
	}
}
