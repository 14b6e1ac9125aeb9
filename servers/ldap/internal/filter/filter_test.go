package filter_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	ldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/schema"
)

// entry is a handful of attributes.
type entry map[string][]string

func (e entry) Values(a *schema.Attribute, options string) []string {
	if options != "" {
		return e[a.Name+";"+options]
	}
	return e[a.Name]
}
func (e entry) Links(*schema.Attribute, string, bool) (bool, bool) { return false, false }
func (e entry) Name() dn.DN {
	d, _ := dn.Parse("uid=alice,ou=people,dc=acme")
	return d
}

func compiled(t testing.TB, text string) []byte {
	t.Helper()
	p, err := ldap.CompileFilter(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p.Bytes()
}

func TestThreeValues(t *testing.T) {
	s := schema.New(schema.OpenLDAP, true)
	alice := entry{"uid": {"alice"}, "cn": {"Alice  Adams"}, "uidNumber": {"7"}, "member": {"CN=Bob, DC=acme"}, "userPassword": {"x"}}
	for text, want := range map[string]filter.Truth{
		"(uid=alice)": filter.True, "(uid=bob)": filter.False, "(nosuch=x)": filter.Unknown, "(!(nosuch=x))": filter.Unknown,
		"(&(uid=alice)(nosuch=x))": filter.Unknown, "(&(uid=bob)(nosuch=x))": filter.False, "(|(uid=alice)(nosuch=x))": filter.True,
		"(|(uid=bob)(nosuch=x))": filter.Unknown, "(!(&(uid=bob)(nosuch=x)))": filter.True, "(&)": filter.True, "(|)": filter.False,
		"(mail=x)": filter.False, "(!(mail=x))": filter.True, "(cn=alice adams)": filter.True, "(cn=alice*adams)": filter.True,
		"(cn=*lice ad*)": filter.True, "(uidNumber>=7)": filter.True, "(uidNumber>=8)": filter.False, "(uidNumber<=10)": filter.True,
		"(uidNumber=x)": filter.Unknown, "(cn>=a)": filter.Unknown, "(jpegPhoto=x)": filter.Unknown, "(member=cn=bob,dc=ACME)": filter.True,
		"(member=*bob*)": filter.Unknown, "(userPassword=x)": filter.Unknown, "(userPassword=*)": filter.Unknown,
		"(ou:dn:=people)": filter.True, "(cn:caseExactMatch:=Alice Adams)": filter.True, "(cn:caseExactMatch:=alice adams)": filter.False,
		"(cn:integerMatch:=1)": filter.Unknown, "(:caseIgnoreMatch:=ALICE)": filter.True, "(uid:nosuch:=alice)": filter.Unknown,
	} {
		c := filter.Compiler{Schema: s}
		f, rest, err := c.Compile(compiled(t, text))
		if err != nil || len(rest) > 0 {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.Match(s, alice); got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
	}
	c := filter.Compiler{Schema: s, Secrets: true}
	if f, _, _ := c.Compile(compiled(t, "(userPassword=x)")); f.Match(s, alice) != filter.True || strings.Contains(f.String(), "=x") {
		t.Errorf("the manager's filter: %s", f.String())
	}
}

func TestTextForm(t *testing.T) {
	s := schema.New(schema.AD, false)
	for _, text := range []string{"(cn=a)", "(&(cn=a)(|(sn=b)(!(uid=c))))", "(cn=a*b*c)", "(cn=*b*)", "(cn=*c)", "(cn=a*)", "(uidNumber>=5)", "(uidNumber<=5)",
		"(cn~=x)", "(cn=*)", `(cn=\2a\28\29\5c)`, "(cn:dn:2.5.13.2:=x)", "(nosuch=x)", "(&)", "(memberOf:1.2.840.113556.1.4.1941:=cn=x)"} {
		c := filter.Compiler{Schema: s}
		f, _, err := c.Compile(compiled(t, text))
		if err != nil || f.String() != text {
			t.Errorf("%s is shown as %s, %v", text, f.String(), err)
		}
	}
}

func TestBounds(t *testing.T) {
	c := filter.Compiler{Schema: schema.New(schema.OpenLDAP, true)}
	deep := []byte("\x87\x02cn")
	for range filter.MaxDepth + 1 {
		deep = ber.AppendString(nil, 0xa2, deep)
	}
	if _, _, err := c.Compile(deep); !errors.Is(err, filter.ErrDepth) {
		t.Errorf("a deep filter: %v", err)
	}
	wide := ber.AppendString(nil, 0xa0, bytes.Repeat([]byte("\x87\x02cn"), filter.MaxTerms+1))
	if _, _, err := c.Compile(wide); !errors.Is(err, filter.ErrSize) {
		t.Errorf("a wide filter: %v", err)
	}
	for _, bad := range []string{"", "\x87", "\xa3\x02\x04\x00", "\xa4\x04\x04\x00\x30\x00", "\xa4\x08\x04\x02cn\x30\x02\x80\x00", "\xa9\x02\x83\x00", "\x30\x00",
		"\xa4\x0b\x04\x02cn\x30\x05\x82\x01x\x80\x00", "\xa2\x00"} {
		if _, _, err := c.Compile([]byte(bad)); !errors.Is(err, ber.ErrMalformed) {
			t.Errorf("%x: %v", bad, err)
		}
	}
	if f, _, err := c.Compile([]byte("\xaa\x00")); err != nil || f.Op != filter.Undefined {
		t.Errorf("an unknown choice: %v", err)
	}
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{"(cn=a)", "(&(cn=a)(|(sn=b)(!(uid=c))))", "(cn=a*b*c)", "(uidNumber>=5)", "(cn:dn:2.5.13.2:=x)", "(objectCategory=person)",
		"(userAccountControl:1.2.840.113556.1.4.803:=2)", `(objectSid=\01\02)`, "(member=cn=a,dc=b)"} {
		f.Add(compiled(f, text))
	}
	f.Add([]byte("\xa4\x84\x00\x00\x00\x02\x04\x00"))
	flavours := []*schema.Schema{schema.New(schema.OpenLDAP, true), schema.New(schema.AD, false)}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range flavours {
			c := filter.Compiler{Schema: s, Category: func(string) (string, bool) { return "cn=x", true }}
			x, rest, err := c.Compile(b)
			if err != nil {
				continue
			}
			if len(rest) > len(b) {
				t.Fatal("the rest is longer than the whole")
			}
			x.Match(s, entry{"cn": {"a", "B c"}, "uidNumber": {"5"}, "member": {"cn=a,dc=b"}})
			_ = x.String()
		}
	})
}
