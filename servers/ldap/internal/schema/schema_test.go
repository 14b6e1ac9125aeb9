package schema_test

import (
	"strings"
	"testing"
	"time"

	"counterpart/servers/ldap/internal/schema"
)

func TestEqualValuesHaveOneNormalForm(t *testing.T) {
	for _, x := range []struct {
		flavour schema.Flavour
		attr    string
		a, b    string
		equal   bool
	}{
		{schema.OpenLDAP, "cn", "Alice  ADAMS ", "alice adams", true},
		{schema.OpenLDAP, "cn", "straße", "STRASSE", true},
		{schema.OpenLDAP, "cn", "Zoë", "ZOË", true},
		{schema.OpenLDAP, "cn", "Zoë", "zoe", false},
		{schema.AD, "cn", "Zoë", "zoe", true},
		{schema.OpenLDAP, "cn", "é", "é", true}, // composed or not
		{schema.OpenLDAP, "memberUid", "alice", "Alice", false},
		{schema.OpenLDAP, "homeDirectory", "/home/a", "/home/A", false},
		{schema.OpenLDAP, "mail", "A@x", "a@X", true},
		{schema.OpenLDAP, "uidNumber", "-0", "0", false},
		{schema.AD, "uidNumber", "007", "7", true},
		{schema.OpenLDAP, "member", "CN=a , DC=b", "cn=A,dc=B", true},
		{schema.OpenLDAP, "member", "2.5.4.3=a", "commonName=A", true},
		{schema.OpenLDAP, "telephoneNumber", "+1 555-01 00", "+15550100", true},
		{schema.OpenLDAP, "createTimestamp", "20260101000000Z", "20260101010000+0100", true},
		{schema.OpenLDAP, "entryUUID", "12345678-1234-1234-1234-1234567890AB", "12345678-1234-1234-1234-1234567890ab", true},
		{schema.OpenLDAP, "objectClass", "2.5.6.6", "Person", true},
		{schema.AD, "objectSid", "S-1-5-32-544", "\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x20\x02\x00\x00", true},
	} {
		s := schema.New(x.flavour, x.flavour == schema.OpenLDAP)
		a := s.Attr(x.attr)
		m, okm := s.Norm(a, x.a)
		n, okn := s.Norm(a, x.b)
		if got := okm && okn && m == n; got != x.equal {
			t.Errorf("%s: %q and %q: %v (%q, %q)", x.attr, x.a, x.b, got, m, n)
		}
	}
}

func TestSIDs(t *testing.T) {
	for _, text := range []string{"S-1-5-21-1-2-3-500", "S-1-0-0", "S-1-5-32-544"} {
		b, ok := schema.ParseSID(text)
		if !ok || schema.FormatSID(string(b)) != text {
			t.Errorf("%s comes back as %s", text, schema.FormatSID(string(b)))
		}
	}
	for _, bad := range []string{"", "S-1", "S-2-5-1", "S-1-x", "S-1-5-4294967296", "S-1-5" + strings.Repeat("-1", 20)} {
		if _, ok := schema.ParseSID(bad); ok {
			t.Errorf("%q is a SID", bad)
		}
	}
	if schema.FormatSID("\x01\x05short") != "" {
		t.Error("a cut SID has a text form")
	}
}

func TestTablesAreSound(t *testing.T) {
	for _, f := range []schema.Flavour{schema.OpenLDAP, schema.AD} {
		s := schema.New(f, true)
		for _, c := range s.Classes() {
			if c.Sup != "" && s.Class(c.Sup) == nil {
				t.Errorf("%s: the superior %s of %s is unknown", f, c.Sup, c.Name)
			}
			for _, name := range append(append([]string{}, c.Must...), c.May...) {
				if s.Attr(name) == nil {
					t.Errorf("%s: the attribute %s of %s is unknown", f, name, c.Name)
				}
			}
		}
		oids := map[string]string{}
		for _, a := range s.Attributes() {
			if other, taken := oids[a.OID]; taken && a.OID != "" {
				t.Errorf("%s: %s and %s have one OID", f, a.Name, other)
			}
			oids[a.OID] = a.Name
			if s.Attributes()[a.ID] != a {
				t.Errorf("%s: %s has the wrong number", f, a.Name)
			}
		}
	}
	s := schema.New(schema.AD, false)
	if a := s.Define("costCenter"); s.Define("COSTCENTER") != a || s.Attr("costcenter") != a {
		t.Error("an attribute is defined twice")
	}
	if got := s.FormatTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)); got != "20260102030405.0Z" {
		t.Error(got)
	}
}

func FuzzNorm(f *testing.F) {
	for _, v := range []string{"Alice  Adams", "é", "S-1-5-32-544", "20260101000000Z", "-0", "cn=a,dc=b", "\xff", " ", "\x00", "ﬁ"} {
		f.Add(v)
	}
	flavours := []*schema.Schema{schema.New(schema.OpenLDAP, true), schema.New(schema.AD, false)}
	f.Fuzz(func(t *testing.T, v string) {
		for _, s := range flavours {
			for k := schema.Text; k <= schema.Facsimile; k++ {
				n, ok := s.NormKind(k, v)
				if again, ok2 := s.NormKind(k, n); ok && k != schema.Time && k != schema.SID && (!ok2 || again != n) {
					t.Fatalf("kind %d: %q → %q → %q, %v", k, v, n, again, ok2)
				}
			}
		}
	})
}

func TestPublishedSchemaIsFoundLineByLine(t *testing.T) {
	s := schema.New(schema.AD, false)
	if s.Count() != 0 {
		t.Errorf("%d attributes are there before anybody asks", s.Count())
	}
	a := s.Attr("SAMACCOUNTNAME")
	if a == nil || a.Name != "sAMAccountName" || s.Attr("1.2.840.113556.1.4.221") != a || s.Attr("sAMAccountName") != a || s.Count() != 1 {
		t.Fatalf("sAMAccountName is %+v, and %d are there", a, s.Count())
	}
	for _, none := range []string{"", "nosuch", "commonName", "a|b", "a\nb", "accountExpires|", "1.2.3", "16", "~4.221", "\xff"} {
		if got := s.Attr(none); got != nil {
			t.Errorf("%q is %s", none, got.Name)
		}
		if got := s.Class(none); got != nil {
			t.Errorf("the class %q is %s", none, got.Name)
		}
	}
	if c := s.Class("USER"); c == nil || s.Class("1.2.840.113556.1.5.9") != c || !s.Descends("computer", "user") || s.Descends("user", "computer") {
		t.Error("user is not the class that it is")
	}
	all := s.Attributes()
	if len(all) != 1499 || len(s.Classes()) != 269 {
		t.Errorf("%d attributes, %d classes", len(all), len(s.Classes()))
	}
	for _, a := range all {
		if s.Attr(strings.ToUpper(a.Name)) != a || s.Attr(a.OID) != a || s.ByID(a.ID) != a {
			t.Errorf("%s is not found again", a.Name)
		}
		if p, ok := a.Published(); !ok || p.CN == "" || len(p.GUID) != 16 || p.Single != a.Has(schema.Single) {
			t.Errorf("%s: %+v", a.Name, p)
		}
	}
	for name, flags := range map[string]schema.Flag{"cn": schema.Single, "member": schema.Link, "memberOf": schema.Link | schema.Back | schema.ReadOnly,
		"managedBy": schema.Link | schema.Single, "canonicalName": schema.Constructed | schema.ReadOnly, "objectSid": schema.Single | schema.ReadOnly} {
		if !s.Attr(name).Has(flags) {
			t.Errorf("%s has the flags %b", name, s.Attr(name).Flags)
		}
	}
}

func FuzzPublishedName(f *testing.F) {
	for _, v := range []string{"cn", "sAMAccountName", "x-y", "", "|", "\n", "2.5.4.3", "~4.1", "zzzz", "\x00"} {
		f.Add(v)
	}
	s := schema.New(schema.AD, false)
	f.Fuzz(func(t *testing.T, v string) {
		if a := s.Attr(v); a != nil && !strings.EqualFold(a.Name, v) && a.OID != v {
			t.Fatalf("%q is %s", v, a.Name)
		}
		if c := s.Class(v); c != nil && !strings.EqualFold(c.Name, v) && c.OID != v {
			t.Fatalf("the class %q is %s", v, c.Name)
		}
	})
}
