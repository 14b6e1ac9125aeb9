package dir

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// FuzzDomainWrites adds and modifies entries of Active Directory with anything: each
// is taken or refused by a rule, and what was taken is found again.
func FuzzDomainWrites(f *testing.F) {
	for _, x := range [][4]string{{"user", "sAMAccountName", "new", "new"}, {"group", "groupType", "-2147483646", "x"}, {"user", "objectClass", "top", "y"},
		{"computer", "userAccountControl", "4128", "pc$"}, {"x", "member", "CN=Users,DC=acme,DC=test", "z"}, {"container", "whenCreated", "20260101000000.0Z", "a,b"},
		{"user", "manager", "cn=\\,", "\x00"}, {"organizationalUnit", "ou", "x", "x"}} {
		f.Add(x[0], x[1], x[2], x[3])
	}
	d := directory(f, schema.AD, people(20))
	by := Author{DN: "cn=admin", Now: time.Unix(0, 0), Dry: true}
	f.Fuzz(func(t *testing.T, class, attr, value, rdn string) {
		at, err := dn.Parse("CN=" + dn.Escape(rdn, dn.Backslash) + ",ou=people,dc=acme,dc=test")
		if err != nil {
			return
		}
		add := []proto.Attribute{{Desc: "objectClass", Values: []string{class}}, {Desc: attr, Values: []string{value}}}
		if err := d.Add(t.Context(), at, add, by); err != nil && Broken(err) == nil {
			var missing *Missing
			if !errors.As(err, &missing) && !errors.Is(err, dn.ErrSyntax) {
				t.Fatalf("add %q: %v", add, err)
			}
		}
		for op := range int64(4) {
			user := name(t, "CN=Same Name,ou=people,dc=acme,dc=test")
			err := d.Modify(t.Context(), user, []proto.Change{{Op: op, Attribute: proto.Attribute{Desc: attr, Values: []string{value, rdn}[:1+len(rdn)%2]}}}, by)
			var missing *Missing // a member that is not there
			if err != nil && Broken(err) == nil && !errors.As(err, &missing) {
				t.Fatalf("modify %d %q: %v", op, attr, err)
			}
		}
	})
}

func directory(t testing.TB, f schema.Flavour, facts world.Facts) *Directory {
	t.Helper()
	w, err := world.New(facts)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{World: w, Schema: schema.New(f, true), Suffix: "dc=acme,dc=test", People: "ou=people", Groups: "ou=groups", Posix: true, Names: true,
		Manager: "cn=admin,dc=acme,dc=test", Host: "dc1.acme.test", NetBIOS: "ACME"}
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &Directory{Base: b, Table: state.NewMemory(clock.Frozen(time.Unix(0, 0))).Table("overlay")}
}

func people(n int) world.Facts {
	f := world.Facts{Organization: world.Organization{Domain: "acme.test"}, Groups: []world.Group{{ID: "g", Name: "g"}}}
	for i := range n {
		id := fmt.Sprintf("u%03d", i)
		f.Users = append(f.Users, world.User{ID: id, Name: id, DisplayName: "Same Name", Groups: []string{"g"}})
	}
	return f
}

func name(t testing.TB, s string) dn.DN {
	t.Helper()
	d, err := dn.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestIndexSortsAsTheLibraryDoes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make(index, 5000)
	for i := range x {
		x[i] = pair(rng.Uint32()%700, ID(i))
	}
	want := slices.Clone(x)
	slices.Sort(want)
	got := x.sorted()
	if !slices.Equal(got, want) {
		t.Fatal("not sorted")
	}
	for h := range uint32(701) {
		for _, p := range got.find(h) {
			if uint32(p>>32) != h {
				t.Fatalf("%d finds %x", h, p)
			}
		}
	}
	if len(got.find(699)) == 0 || len(got.find(1<<31)) != 0 {
		t.Error("find misses, or invents")
	}
}

func TestNamesakesAndIdentifiers(t *testing.T) {
	d := directory(t, schema.AD, people(5))
	s, err := d.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for id := range d.Base.end {
		n := s.NormName(id)
		if seen[n] {
			t.Errorf("two entries are called %s", n)
		}
		seen[n] = true
		if got, ok := s.Lookup(n); !ok || got != id {
			t.Errorf("%s is found as %d, not %d", n, got, id)
		}
		if key := s.Key(id); s.id(key) != id {
			t.Errorf("the key %s leads to %d, not %d", key, s.id(key), id)
		}
		if rid := d.Base.rid(id); rid != 0 {
			if got, ok := s.FindSID(d.Base.SID(rid)); !ok || got != id {
				t.Errorf("the SID of %s leads to %d", n, got)
			}
		}
		if got, ok := s.FindGUID(octets(d.Base.guid(s.Key(id)))); !ok || got != id {
			t.Errorf("the GUID of %s leads to %d", n, got)
		}
	}
}

func TestOverlayIsBounded(t *testing.T) {
	d := directory(t, schema.OpenLDAP, people(3))
	by := Author{DN: "cn=admin,dc=acme,dc=test", Now: time.Unix(1, 0)}
	huge := strings.Repeat("x", maxOverlay)
	err := d.Modify(t.Context(), name(t, "uid=u001,ou=people,dc=acme,dc=test"),
		[]proto.Change{{Op: proto.ModReplace, Attribute: proto.Attribute{Desc: "title", Values: []string{huge}}}}, by)
	if !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	if r, _ := d.Table.Get(t.Context(), recordKey); r.Value != nil {
		t.Error("something was written")
	}
}

func TestDamagedRecordsAreAnOutage(t *testing.T) {
	d := directory(t, schema.OpenLDAP, people(3))
	for _, damaged := range []string{"x", "12345678{"} {
		err := d.Table.Update(t.Context(), recordKey, func(state.Record) (state.Record, error) { return state.Record{Value: []byte(damaged)}, nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Snapshot(t.Context()); !errors.Is(err, state.ErrUnavailable) {
			t.Errorf("%q: %v", damaged, err)
		}
	}
	// entries of another seed are passed over
	text := []byte(`{"changes":{"u:nobody":{"gone":true},"b:dc=else":{"gone":true},"g:x":{"plus":["#u:y"]},"?":{},"x:7":{"rdn":"cn=x","parent":"b:dc=gone"}}}`)
	d.Table.Update(t.Context(), recordKey, func(state.Record) (state.Record, error) {
		return state.Record{Value: bytes.Join([][]byte{[]byte("12345678"), text}, nil)}, nil
	})
	if s, err := d.Snapshot(t.Context()); err != nil || len(s.Roots()) != 1 {
		t.Errorf("an overlay of another seed: %v", err)
	}
}

func TestTwoWritersRace(t *testing.T) {
	d := directory(t, schema.OpenLDAP, people(3))
	by := Author{DN: "cn=admin,dc=acme,dc=test", Now: time.Unix(1, 0)}
	const n = 20
	errs := make(chan error, n)
	for range n { // all add one name: exactly one may
		go func() {
			errs <- d.Add(t.Context(), name(t, "ou=x,dc=acme,dc=test"), []proto.Attribute{{Desc: "objectClass", Values: []string{"organizationalUnit"}},
				{Desc: "ou", Values: []string{"x"}}}, by)
		}()
	}
	won := 0
	for range n {
		if err := <-errs; err == nil {
			won++
		} else if !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d adds of one name succeed", won)
	}
}
