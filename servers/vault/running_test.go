package vault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// V1: what is granted is said as it was granted, however often, while the clock
// runs.
func TestV1GrantedIsSaidOnARunningClock(t *testing.T) {
	for _, flavour := range []string{"", "flavour: openbao-2", "flavour: vault-1.1"} {
		t.Run(flavour, func(t *testing.T) {
			f, v := vaultOf(t, flavour)
			f.Clock.Advance(999900 * time.Microsecond)
			f.Clock.Resume()
			v.login(t, "tok", `@none POST auth/userpass/login/alice {"password":"Alice-Pass-1"}`)
			v.says(t, `@{{tok}} POST ldap/library/team/check-out {"ttl":"60s"}`, 200, `"lease_duration":60`)
			v.keep(t, "lease lease_id")
			for range 20 {
				v.says(t, `@{{tok}} POST sys/leases/renew {"lease_id":"{{lease}}","increment":60}`, 200, `"lease_duration":60`)
			}
			v.says(t, `@{{tok}} POST sys/leases/renew {"lease_id":"{{lease}}"}`, 200, `"lease_duration":3600`)
			v.says(t, `POST auth/token/create {"ttl":"90s"}`, 200, `"lease_duration":90`)
			v.keep(t, "child auth.client_token")
			for range 20 {
				v.says(t, "@{{child}} POST auth/token/renew-self", 200, `"lease_duration":90`)
			}
			v.says(t, `POST auth/token/create {"ttl":"1h","explicit_max_ttl":"2h"}`, 200, `"lease_duration":3600`)
			v.keep(t, "most auth.client_token")
			v.says(t, `@{{most}} POST auth/token/renew-self {"increment":"5h"}`, 200, `"warnings":["TTL of \"5h\" exceeded the effective max_ttl of \"`)
			if words := string(v.Last.Body); strings.Contains(words, ".") && strings.Contains(words[strings.Index(words, "warnings"):strings.Index(words, `"auth"`)], ".") {
				t.Errorf("a warning has parts of seconds: %s", words)
			}
		})
	}
}

// V2: lengths of time in warnings are printed by one rule.
func TestV2DurationsInWarnings(t *testing.T) {
	f, v := vaultOf(t, "")
	v.says(t, `POST auth/token/create {"ttl":"1h","explicit_max_ttl":"3630s"}`, 200)
	v.keep(t, "tok auth.client_token")
	f.Clock.Advance(400 * time.Millisecond)
	v.says(t, `@{{tok}} POST auth/token/renew-self {"increment":"2h"}`, 200, `TTL of \"2h\" exceeded the effective max_ttl of \"1h30s\"; TTL value is capped accordingly`, `"lease_duration":3630`)
	v.says(t, `POST auth/token/create {"period":"999h"}`, 200, `period of \"999h\" exceeded the effective max_ttl of \"768h\"; period value is capped accordingly`)
	v.says(t, `POST auth/token/create {"ttl":"90m","explicit_max_ttl":"61m"}`, 200, `TTL of \"1h30m\" exceeded the effective max_ttl of \"1h1m\"; TTL value is capped accordingly`)
}

// A request reckons from one look at the clock: the fleet's clock is read where a
// request begins, and nowhere else.
func TestV1OneLookAtTheClock(t *testing.T) {
	may := map[string]bool{"Serve": true, "run": true, "New": true, "collections": true, "healthBody": true}
	files, err := filepath.Glob("internal/*/*.go")
	own, _ := filepath.Glob("*.go")
	if err != nil || len(files) < 50 {
		t.Fatal(len(files), err)
	}
	for _, file := range append(files, own...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			fn, isFunc := d.(*ast.FuncDecl)
			if !isFunc || may[fn.Name.Name] {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				call, isCall := n.(*ast.SelectorExpr)
				if !isCall || call.Sel.Name != "Clock" {
					return true
				}
				if of, isName := call.X.(*ast.Ident); !isName || of.Name != "r" {
					t.Errorf("%s: %s looks at the clock of the fleet; a request has its own", file, fn.Name.Name)
				}
				return true
			})
		}
	}
}
