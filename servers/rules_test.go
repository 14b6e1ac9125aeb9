package servers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"counterpart/internal/company/clock"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// floors are the folders of internal/, top to bottom. A package imports what is on
// floors below its own; siblings says what it may take from its own floor.
var floors = []string{"internal/measure", "internal/plugins", "internal/steering", "internal/face", "internal/serving", "internal/company"}

// siblings lists, for packages that use others of their own floor, which. The first
// prefix that fits decides. Tests are not bound.
var siblings = []struct {
	part string
	may  []string
}{
	{"internal/serving/journal", []string{"internal/serving/redact"}},
	{"internal/serving/fault", []string{"internal/serving/fault"}},
	{"internal/serving/dialect", []string{"internal/serving/fault", "internal/serving/redact"}},
	{"internal/serving/fleet", []string{"internal/serving/dialect", "internal/serving/fault", "internal/serving/journal", "internal/serving/pki"}},
	{"internal/serving/egress", []string{"internal/serving/dialect", "internal/serving/fleet"}},
	{"internal/serving", nil},
	{"internal/face/oauth", []string{"internal/face/httpapi", "internal/face/ids", "internal/face/jose"}},
	{"internal/face/radius/attr", []string{"internal/face/radius/wire"}},
	{"internal/face", nil},
	{"internal/company/world", nil},
	{"internal/company/clock", nil},
	{"internal/company/cause", nil},
	{"internal/company/state", []string{"internal/company/clock", "internal/company/state"}},
	{"internal/company", domain},
}

// parts are those of the tree beside the floors, and what they may import of ours.
var parts = []struct {
	part string
	may  []string
}{
	{"internal/measure/process", nil},
	{"internal/measure/storm", []string{"internal/measure/process"}},               // it attacks from outside
	{"internal/measure/soak", []string{"internal/measure/process", "seed/worlds"}}, // it asks from outside
	{"internal/measure/linear", nil},                                               // for tests
	{"internal/measure/bench", []string{"internal/measure/process", "internal/plugins/load/report", "internal/plugins/pluginhost", "internal/company"}},
	{"internal/plugins/pluginhost", []string{"internal/plugins/pluginhost", "internal/company/cause", "internal/serving/strictyaml"}},
	{"internal/plugins/scenario", []string{"internal/plugins", "internal/steering", "internal/face", "internal/serving", "internal/company", "seed"}},
	{"internal/plugins/live", []string{"internal/plugins", "internal/steering", "internal/company/cause"}},
	{"internal/plugins/mutation", []string{"internal/plugins", "internal/serving", "internal/company"}},
	{"internal/plugins/load/session", []string{"internal/plugins", "internal/steering", "internal/serving", "seed"}},
	{"internal/plugins/load", []string{"internal/plugins/load", "internal/plugins/junit", "internal/face/radius", "internal/serving", "internal/company", "seed"}},
	{"internal/plugins/sarif", nil},
	{"internal/plugins/junit", nil},
	{"internal/plugins/coverage", []string{"internal/plugins", "internal/serving"}},
	{"internal/plugins/bundle", []string{"internal/plugins", "internal/serving"}},
	{"internal/plugins/record", []string{"internal/plugins"}},
	{"internal/steering/control", append([]string{"internal/face"}, beneath...)},
	{"internal/steering", append([]string{"internal/steering", "internal/face", "seed"}, beneath...)}, // boot and the tests' harness
	{"seed", []string{"internal/company/world", "internal/serving/strictyaml", "seed"}},
	{"servers/counterparttest", []string{"internal", "seed", "servers"}}, // no server: it runs all of them in a test
	{"servers", []string{"internal/serving/dialect", "servers"}},
	{"cmd", []string{"cmd/counterpart/internal", "internal", "seed", "servers"}},
}

var (
	domain  = []string{"internal/company/world", "internal/company/state", "internal/company/clock", "internal/company/cause", "internal/company/decision"}
	beneath = []string{"internal/serving", "internal/company"}
)

// server is what one server's package and those below it may import.
func server(name string) []string {
	return []string{"internal/serving/dialect", "internal/serving/fault", "internal/serving/strictjson", "internal/face", "internal/company", "servers/" + name}
}

const module = "counterpart/"

// sources visits the Go files of the tree that are no tests.
func sources(t *testing.T, visit func(path string, f *ast.File, set *token.FileSet)) {
	t.Helper()
	set := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, "../"))
		if d.IsDir() {
			if name == ".git" || name == ".cache" || name == "plugins" || strings.HasSuffix(name, "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		visit(name, f, set)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func within(pkg, part string) bool { return pkg == part || strings.HasPrefix(pkg, part+"/") }

// allowed is what a package may import: a server's is the same for all servers, and
// a floor's packages what is below it, and what siblings says of their own.
func allowed(pkg string) (part string, may []string, known bool) {
	if rest, below := strings.CutPrefix(pkg, "servers/"); below && !within(pkg, "servers/counterparttest") {
		name, _, _ := strings.Cut(rest, "/")
		return "servers/" + name, server(name), true
	}
	for _, r := range parts {
		if within(pkg, r.part) {
			return r.part, r.may, true
		}
	}
	for i, floor := range floors {
		if !within(pkg, floor) {
			continue
		}
		for _, r := range siblings {
			if within(pkg, r.part) {
				return r.part, append(slices.Clone(r.may), floors[i+1:]...), true
			}
		}
	}
	return "", nil, false
}

// TestInternalIsItsFloors: who opens internal/ sees the floors and nothing else.
func TestInternalIsItsFloors(t *testing.T) {
	found, err := os.ReadDir("../internal")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !slices.Contains(floors, "internal/"+f.Name()) {
			t.Errorf("internal/%s is none of the floors %v", f.Name(), floors)
		}
	}
}

func TestDependenciesPointOneWay(t *testing.T) {
	sources(t, func(path string, f *ast.File, _ *token.FileSet) {
		pkg := filepath.Dir(path)
		part, may, known := allowed(pkg)
		if !known {
			t.Errorf("%s belongs to no part of the tree; say in this test what it may import", path)
			return
		}
		for _, spec := range f.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			ours, isOurs := strings.CutPrefix(name, module)
			if !isOurs || ours == pkg {
				continue
			}
			if !slices.ContainsFunc(may, func(part string) bool { return within(ours, part) }) {
				t.Errorf("%s imports %s, but %s may import only %v", path, ours, part, may)
			}
		}
	})
}

// forbidden are calls that a server must not make: what they do exists once,
// in the fleet or in what faces share, or is handed to it in its Env.
var forbidden = map[string]string{
	"time.Now": "Env.Clock", "time.Sleep": "Env.Clock", "time.After": "Env.Clock", "time.NewTimer": "Env.Clock", "time.Tick": "Env.Clock",
	"time.AfterFunc": "Env.Clock", "time.NewTicker": "Env.Clock", "net.Listen": "Ports", "net.ListenPacket": "Ports", "os.Getenv": "the seed", "os.LookupEnv": "the seed",
	"slog.Info": "Env.Log", "slog.Warn": "Env.Log", "slog.Error": "Env.Log", "slog.Debug": "Env.Log", "slog.Default": "Env.Log",
	"log.Print": "Env.Log", "log.Printf": "Env.Log", "log.Println": "Env.Log", "log.Fatal": "an error", "log.Fatalf": "an error",
	"os.Exit":    "an error",
	"io.ReadAll": "httpapi.Read", "http.MaxBytesReader": "dialect.Limits", "url.ParseQuery": "httpapi.ParseForm", "json.NewDecoder": "httpapi.Lenient",
	"world.UUID": "ids.UUID",
}

// shared are methods of the same kind.
var shared = map[string]string{"BasicAuth": "httpapi.Basic", "ParseMultipartForm": "httpapi.Parts", "MultipartReader": "httpapi.Parts", "ParseForm": "httpapi.ParseForm", "PostForm": "httpapi.ParseForm"}

// connectionLoops are the files that may start goroutines: each awaits what it
// started.
var connectionLoops = []string{"servers/ldap/conn.go", "servers/radius/stream.go"}

func TestServersArePassive(t *testing.T) {
	sources(t, func(path string, f *ast.File, set *token.FileSet) {
		if !within(path, "servers") || within(path, "servers/counterparttest") {
			return
		}
		for _, spec := range f.Imports {
			if p := spec.Path.Value; p == `"math/rand"` || p == `"math/rand/v2"` || p == `"crypto/rand"` {
				t.Errorf("%s imports %s; randomness comes from Env.Rand", path, p)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				if !slices.Contains(connectionLoops, path) {
					t.Errorf("%s starts a goroutine", set.Position(n.Pos()))
				}
			case *ast.SelectorExpr:
				if n.Sel.Name == "Go" && !slices.Contains(connectionLoops, path) {
					t.Errorf("%s starts a goroutine", set.Position(n.Pos()))
				}
				if x, ok := n.X.(*ast.Ident); shared[n.Sel.Name] != "" && (!ok || x.Name != "httpapi") {
					t.Errorf("%s: %s; use %s", set.Position(n.Pos()), n.Sel.Name, shared[n.Sel.Name])
				}
				if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil {
					if instead, bad := forbidden[x.Name+"."+n.Sel.Name]; bad {
						t.Errorf("%s: %s.%s; use %s", set.Position(n.Pos()), x.Name, n.Sel.Name, instead)
					}
				}
			}
			return true
		})
	})
}

// keepEverything are packages that look methods up by name. A program that does keeps
// every exported method of every type that it has, those of large libraries among them:
// with them it is half as large again.
var keepEverything = map[string]string{
	"html/template": "maragu.dev/gomponents", "text/template": "fmt", "github.com/alecthomas/kong": "cmd/counterpart/internal/grammar",
}

func TestTheLinkerMayLeaveThingsOut(t *testing.T) {
	sources(t, func(path string, f *ast.File, set *token.FileSet) {
		for _, spec := range f.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if instead, bad := keepEverything[name]; bad {
				t.Errorf("%s: %s keeps what nobody calls in the program; use %s", set.Position(spec.Pos()), name, instead)
			}
		}
	})
}

func TestNothingRegistersItself(t *testing.T) {
	sources(t, func(path string, f *ast.File, set *token.FileSet) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init functions are not used here", set.Position(fn.Pos()))
			}
		}
	})
}

func TestFunctionsAndFilesStaySmall(t *testing.T) {
	const lines, params, fileLines = 85, 4, 400
	sources(t, func(path string, f *ast.File, set *token.FileSet) {
		if n := set.File(f.Pos()).LineCount(); n > fileLines {
			t.Errorf("%s has %d lines, more than %d", path, n, fileLines)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > lines {
				t.Errorf("%s: %s has %d lines, more than %d", set.Position(fn.Pos()), fn.Name.Name, n, lines)
			}
			if n := fn.Type.Params.NumFields(); n > params && !takesContext(fn) || n > params+1 {
				t.Errorf("%s: %s has %d parameters, more than %d", set.Position(fn.Pos()), fn.Name.Name, n, params)
			}
		}
	})
}

// takesContext reports a first parameter that is a context or a *testing.T,
// which does not count.
func takesContext(fn *ast.FuncDecl) bool {
	if len(fn.Type.Params.List) == 0 {
		return false
	}
	x := fn.Type.Params.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	s, ok := x.(*ast.SelectorExpr)
	return ok && (s.Sel.Name == "Context" || s.Sel.Name == "T")
}

func TestExportedNamesAreDocumented(t *testing.T) {
	sources(t, func(path string, f *ast.File, set *token.FileSet) {
		if f.Name.Name == "main" {
			return
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					t.Errorf("%s: %s has no doc comment", set.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil {
						t.Errorf("%s: %s has no doc comment", set.Position(ts.Pos()), ts.Name.Name)
					}
				}
			}
		}
	})
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	x := d.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	id, ok := x.(*ast.Ident)
	return ok && id.IsExported()
}

// TestEveryServerFulfilsTheContract builds the demo world's servers and looks
// at what they hand the fleet.
func TestEveryServerFulfilsTheContract(t *testing.T) {
	for _, name := range worlds.Names() {
		text, err := worlds.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		c := clock.New()
		s, err := seed.Load(name+".yaml", text, seed.Options{Now: c.Now(), FS: worlds.FS})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := boot.New(s, boot.Options{Kinds: servers.Table(), Clock: c}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name != "demo" {
			continue
		}
		for _, k := range servers.Table() {
			if !slices.ContainsFunc(s.Servers, func(b seed.ServerBlock) bool { return b.Kind == k.Name }) {
				t.Errorf("demo.yaml runs no %s", k.Name)
			}
			if _, err := os.Stat(k.Name); err != nil {
				t.Errorf("the kind %s has no folder of its name", k.Name)
			}
		}
	}
}

// TestRealTestsAreRun demands the names by which `make real` and `make oracles`
// choose tests from every file that has their build tags, so that none is left out
// by a name.
func TestRealTestsAreRun(t *testing.T) {
	found := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := strings.Split(string(text), "\n")
		want, target := "Real", "real"
		switch lines[0] {
		case "//go:build real", "//go:build real || oracles":
		case "//go:build oracles", "//go:build oracles || openbao":
			want, target = "Oracle", "oracles"
		default:
			return nil
		}
		for _, line := range lines {
			if name, ok := strings.CutPrefix(line, "func Test"); ok {
				if found++; !strings.HasPrefix(name, want) {
					t.Errorf("%s: %s would not be run by make %s; call it Test%s…", path, line, target, want)
				}
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d real tests found, %v", found, err)
	}
}
