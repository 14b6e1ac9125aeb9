package dn_test

import (
	"strings"
	"testing"

	ldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap/internal/dn"
)

func rules() dn.Rules {
	return dn.Rules{
		Type:  func(s string) (string, bool) { s = strings.ToLower(s); return s, s != "unknown" },
		Value: func(_, v string) string { return strings.ToLower(strings.Join(strings.Fields(v), " ")) },
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"cn=a,dc=x":                          "cn=a,dc=x",
		"CN = A , DC=X":                      "cn=a,dc=x",
		`cn=Adams\, Alice,dc=x`:              `cn=adams\2C alice,dc=x`,
		`cn=Adams\2C Alice,dc=x`:             `cn=adams\2C alice,dc=x`,
		`cn=\C3\A9ric,dc=x`:                  "cn=éric,dc=x",
		`b=2+a=1,dc=x`:                       "a=1+b=2,dc=x",
		`cn=#04024869,dc=x`:                  "cn=hi,dc=x",
		`cn=\#hash,dc=x`:                     `cn=\23hash,dc=x`,
		`cn=a\=b`:                            `cn=a\3Db`,
		`cn=a=b`:                             `cn=a\3Db`,
		"cn=a;dc=x":                          "cn=a,dc=x",
		`cn=say \"hi\"`:                      `cn=say \22hi\22`,
		"2.5.4.3=a":                          "2.5.4.3=a",
		"cn=":                                "cn=",
		`cn=back\\slash`:                     `cn=back\5Cslash`,
		`cn=trailing\ ,dc=x`:                 "cn=trailing,dc=x", // the rule folds it away
		"uid=user 1,ou=people,dc=acme,dc=eu": "uid=user 1,ou=people,dc=acme,dc=eu",
	} {
		d, err := dn.Parse(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if got, err := d.Norm(rules()); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{"x", "=x", "cn=a,", ",", "cn=a,,dc=x", `cn=a\`, `cn=a\4`, `cn=a\zz`, "cn=a\"b", "c n=a", "cn=a<b",
		"cn=#zz", "cn=#0402aa", "-a=b", "1..2=a", "cn=\xff", `cn=\ff`, "cn=a+", `alice`, `ACME\alice`, "cn=#0400x,dc=x"} {
		if d, err := dn.Parse(bad); err == nil {
			t.Errorf("%q was read as %v", bad, d)
		}
	}
	if _, err := dn.Parse(strings.Repeat("a=b,", 1000) + "a=b"); err == nil {
		t.Error("a thousand levels are accepted")
	}
	if d, _ := dn.Parse("unknown=a"); d != nil {
		if _, err := d.Norm(rules()); err == nil {
			t.Error("an unknown attribute type has a normal form")
		}
	}
}

func TestEscapedValuesAreReadBack(t *testing.T) {
	for _, v := range []string{"plain", " lead", "trail ", "#x", "a,b", `a\b`, `q"q`, "a+b;c<d>e=f", "nul\x00", "é", " ", "  ", "line\nbreak", "a#b"} {
		for _, style := range []dn.Style{dn.Hex, dn.Backslash} {
			s := "cn=" + dn.Escape(v, style)
			d, err := dn.Parse(s)
			if err != nil || len(d) != 1 || d[0][0].Value != v {
				t.Errorf("%q written as %q is read as %q, %v", v, s, d, err)
			}
			if oracle, err := ldap.ParseDN(s); err != nil || oracle.RDNs[0].Attributes[0].Value != v {
				t.Errorf("go-ldap reads %q differently: %v", s, err)
			}
		}
	}
	if got := dn.Escape("Adams, Alice", dn.Hex); got != `Adams\2C Alice` {
		t.Error(got)
	}
	if got := dn.Escape("Adams, Alice", dn.Backslash); got != `Adams\, Alice` {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"cn=a,dc=x", `cn=Adams\, A\2c,dc=x`, "cn=#04024869", "a=b+c=d", `cn=\ `, "cn=a ,", "cn=\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := dn.Parse(s)
		if err != nil {
			return
		}
		for _, style := range []dn.Style{dn.Hex, dn.Backslash} {
			out := d.String(style)
			again, err := dn.Parse(out)
			if err != nil || again.String(style) != out {
				t.Fatalf("%q is written as %q and read as %q, %v", s, out, again.String(style), err)
			}
		}
	})
}
