package policy

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func acl(t *testing.T, texts ...string) *ACL {
	t.Helper()
	var all []*Policy
	for _, text := range texts {
		p, err := Parse("p", text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return NewACL(all, func(name string) (string, bool) {
		v, ok := map[string]string{"identity.entity.name": "alice"}[name]
		return v, ok
	})
}

func TestTheMostSpecificRuleAloneDecides(t *testing.T) {
	for _, row := range []struct {
		rules, path string
		need        Capability
		ok          bool
	}{
		{`path "a/*" { capabilities = ["deny"] } path "a/b" { capabilities = ["read"] }`, "a/b", Read, true},
		{`path "a/*" { capabilities = ["read"] } path "a/b" { capabilities = ["list"] }`, "a/b", Read, false},
		{`path "a/*" { capabilities = ["read"] } path "a/b/*" { capabilities = ["deny"] }`, "a/b/c", Read, false},
		{`path "a/*" { capabilities = ["deny"] } path "a/+/c" { capabilities = ["read"] }`, "a/b/c", Read, true},
		{`path "a/+/c" { capabilities = ["read"] } path "+/b/c" { capabilities = ["deny"] }`, "a/b/c", Read, true},
		{`path "a/+/+" { capabilities = ["deny"] } path "a/+/c" { capabilities = ["read"] }`, "a/b/c", Read, true},
		{`path "a/+/c*" { capabilities = ["deny"] } path "a/+/cd" { capabilities = ["read"] }`, "a/b/cd", Read, true},
		{`path "a/+" { capabilities = ["read"] }`, "a/b/c", Read, false},
		{`path "a/+/*" { capabilities = ["read"] }`, "a/b/c/d", Read, true},
		{`path "a/+/c" { capabilities = ["read"] }`, "a//c", Read, true},
		{`path "*" { capabilities = ["read"] }`, "a/b", Read, true},
		{`path "/a" { capabilities = ["read"] }`, "a", Read, true},
		{`path "a" { capabilities = ["list"] }`, "a/", List, true},
		{`path "a/" { capabilities = ["list"] }`, "a/", List, true},
		{`path "a/" { capabilities = ["read"] }`, "a", Read, false},
		{`path "a" { capabilities = ["create"] }`, "a", Update, false},
		{`path "a" { policy = "write" }`, "a", Update, true},
		{`path "a" { policy = "write" }`, "a", Sudo, false},
		{`path "a" { policy = "read" capabilities = ["update"] }`, "a", Update, true},
		{`path "a" { capabilities = ["read", "deny"] }`, "a", Read, false},
		{`path "u/{{identity.entity.name}}/*" { capabilities = ["read"] }`, "u/alice/x", Read, true},
		{`path "u/{{identity.entity.id}}/*" { capabilities = ["read"] }`, "u//x", Read, false},
		{`path "a" { capabilities = ["read"] }`, "b", Read, false},
		{`{"path":{"a":{"capabilities":["read"]}}}`, "a", Read, true},
	} {
		if got := acl(t, row.rules).Decide(Ask{Need: row.need, Path: row.path}); got.OK != row.ok {
			t.Errorf("%s\n on %s: %v, want %v", row.rules, row.path, got.OK, row.ok)
		}
	}
}

func TestPoliciesAreMergedByPath(t *testing.T) {
	a := acl(t, `path "a" { capabilities = ["read"] }`, `path "a" { capabilities = ["update"] }`, `path "b" { capabilities = ["read"] }`, `path "b" { capabilities = ["deny"] }`)
	if got := a.Can("a"); !slices.Equal(got, []string{"read", "update"}) {
		t.Errorf("a: %v", got)
	}
	if got := a.Can("b"); !slices.Equal(got, []string{"deny"}) {
		t.Errorf("b: %v", got)
	}
	root := NewACL([]*Policy{{Name: "root"}}, nil)
	if got := root.Can("x"); !slices.Equal(got, []string{"root"}) || !root.Decide(Ask{Need: Delete, Path: "x"}).OK {
		t.Errorf("root: %v", got)
	}
}

func TestParametersAndWrappingAreHeldAgainstTheRule(t *testing.T) {
	a := acl(t, `path "a" { capabilities = ["update"]
		allowed_parameters = { "X" = ["1", "pre*"] "y" = [] } denied_parameters = { "z" = [] } required_parameters = ["x"] }
		path "w" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = 120 }`)
	for _, row := range []struct {
		data map[string]any
		ok   bool
	}{{map[string]any{"x": "1"}, true}, {map[string]any{"x": "prefix", "y": 3}, true}, {map[string]any{"x": "2"}, false},
		{map[string]any{"y": 1}, false}, {map[string]any{"x": "1", "z": 1}, false}, {map[string]any{"x": "1", "q": 1}, false}} {
		if got := a.Decide(Ask{Need: Update, Path: "a", Data: row.data}); got.OK != row.ok {
			t.Errorf("%v: %v", row.data, got.OK)
		}
	}
	for wrap, want := range map[time.Duration]bool{0: false, time.Second: false, time.Minute: true, 3 * time.Minute: false} {
		if got := a.Decide(Ask{Need: Read, Path: "w", Wrap: wrap}); got.OK != want {
			t.Errorf("wrapped for %s: %v", wrap, got.OK)
		}
	}
}

func TestNearIsWhatThePreflightAsks(t *testing.T) {
	a := acl(t, `path "kv1/users/*" { capabilities = ["read"] } path "x/+/y" { capabilities = ["read"] } path "no/*" { capabilities = ["deny"] }`)
	for mount, want := range map[string]bool{"kv1/": true, "x/": true, "no/": false, "other/": false} {
		if a.Near(mount) != want {
			t.Errorf("%s: %v", mount, !want)
		}
	}
}

func TestBadPoliciesAreRefusedInVaultsWords(t *testing.T) {
	for text, want := range map[string]string{
		`path "x" { capabilities = ["fly"] }`: `failed to parse policy: path "x": invalid capability "fly"`,
		`path "x" {`:                          `failed to parse policy: At 1:12: object expected closing RBRACE got: EOF`,
		strings.Repeat("a = [", 100):          `failed to parse policy: policy nests deeper than 64 levels`,
		strings.Repeat(" ", 1<<20+1):          `failed to parse policy: policy is longer than 1048576 bytes`,
	} {
		if _, err := Parse("p", text); err == nil || err.Error() != want {
			t.Errorf("%.40s: %v, want %s", text, err, want)
		}
	}
}

// FuzzMatch holds the matcher against the plain meaning of a pattern, written as a
// regular expression, and lets anything through the parser.
func FuzzMatch(f *testing.F) {
	f.Add("a/+/c*", "a/b/cd")
	f.Add("a/*", "a/b")
	f.Add("+/+", "a/b")
	f.Add(`path "a" {`, "")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if p, err := Parse("p", pattern); err == nil {
			a := NewACL([]*Policy{p}, nil)
			if v := a.Decide(Ask{Need: Deny, Path: path}); v.OK {
				t.Errorf("deny was granted by %q", pattern)
			}
		}
		if strings.Contains(pattern, "+*") || strings.Contains(strings.TrimSuffix(pattern, "*"), "*") || strings.Contains(pattern, "{{") {
			return
		}
		pattern = strings.TrimPrefix(pattern, "/")
		body, prefix := strings.CutSuffix(pattern, "*")
		var parts []string
		for _, s := range strings.Split(body, "/") {
			if s == "+" {
				s = "[^/]*"
			} else {
				s = regexp.QuoteMeta(s)
			}
			parts = append(parts, s)
		}
		expr := "(?s)^" + strings.Join(parts, "/")
		if !prefix {
			expr += "$"
		}
		re, err := regexp.Compile(expr)
		if err != nil {
			return // octets that are no text
		}
		a := NewACL([]*Policy{{Rules: []Rule{{Path: pattern, Can: Read}}}}, nil)
		if got, want := a.Decide(Ask{Need: Read, Path: path}).OK, re.MatchString(path); got != want {
			t.Errorf("%q on %q: %v, want %v (%s)", pattern, path, got, want, expr)
		}
	})
}
