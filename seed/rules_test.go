package seed

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// saidElsewhere are the messages that no small file can provoke; the tests named
// here do.
var saidElsewhere = map[string]string{
	"the file has %d octets":             "TestLimits",
	"aliases make more than":             "TestLimits",
	"this is the key or item number %d":  "TestLimits",
	"%d or more `<` in a row":            "TestLimits",
	"more mistakes follow":               "TestLimits",
	"this cannot be read as YAML":        "nothing known; kept for defects of the library",
	"from here on, targets are not held": "TestS2TargetsAreHeldAgainstManyAssets",
	"this kind of YAML means nothing":    "nothing known; kept for news of the library",
	"%s cannot be read into %s":          "TestDecodeRefusesOddSettings",
	"%s: %v":                             "TestDecodeTypesOfTheirOwn",
	"the secret has only %d bits":        "TestWarnings",
	"the request has expired before":     "TestWarnings",
	"seed: cannot decode":                "TestDecodeRefusesOddSettings",
}

// TestEveryRuleHasAnExample finds the messages in the source and holds them
// against the golden files: a check without a broken example fails here.
func TestEveryRuleHasAnExample(t *testing.T) {
	golden := ""
	examples, _ := filepath.Glob("testdata/bad/*.txt")
	for _, e := range examples {
		text, err := os.ReadFile(e)
		if err != nil {
			t.Fatal(err)
		}
		golden += string(text)
	}
	found := 0
	for _, message := range messages(t) {
		found++
		if !regexp.MustCompile(pattern(message)).MatchString(golden) && !excused(message) {
			t.Errorf("no file in testdata/bad provokes %q", message)
		}
	}
	if found < 60 {
		t.Errorf("only %d messages found: has reporting changed its form?", found)
	}
}

func excused(message string) bool {
	for m := range saidElsewhere {
		if strings.HasPrefix(message, m) {
			return true
		}
	}
	return false
}

var verb = regexp.MustCompile(`%[a-z]`)

// pattern matches what a format makes.
func pattern(format string) string {
	return strings.ReplaceAll(verb.ReplaceAllString(regexp.QuoteMeta(format), "\x00"), "\x00", ".*")
}

// messages lists what the calls that report problems say.
func messages(t *testing.T) []string {
	var out []string
	sources, _ := filepath.Glob("*.go")
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.CallExpr:
				if i := messageOf(x); i >= 0 && i < len(x.Args) {
					out = append(out, literal(x.Args[i])...)
				}
			case *ast.KeyValueExpr:
				if k, ok := x.Key.(*ast.Ident); ok && k.Name == "Message" {
					out = append(out, literal(x.Value)...)
				}
			}
			return true
		})
	}
	return out
}

// messageOf says which argument of a call is a message, -1 for none.
func messageOf(call *ast.CallExpr) int {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return -1
	}
	switch f.Sel.Name {
	case "node":
		return 1
	case "at":
		return 2
	}
	return -1
}

// literal is the text of a literal, or the format of a Sprintf.
func literal(e ast.Expr) []string {
	switch x := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(x.Value); err == nil && x.Kind == token.STRING {
			return []string{s}
		}
	case *ast.CallExpr:
		if len(x.Args) > 0 {
			return literal(x.Args[0])
		}
	}
	return nil
}
