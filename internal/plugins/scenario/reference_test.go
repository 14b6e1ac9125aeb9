//go:build !nopython

package scenario_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/strictyaml"
	"counterpart/servers"
)

var update = flag.Bool("update", false, "rewrite docs/scenarios.md")

// TestReference holds the generated part of docs/scenarios.md against the tags.
func TestReference(t *testing.T) {
	const path, mark = "../../../docs/scenarios.md", "TestReference -update -->\n"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, old, found := strings.Cut(string(doc), mark)
	if !found {
		t.Fatalf("the mark %q is gone", mark)
	}
	made := "\n" + scenario.Reference()
	switch {
	case made == old:
	case *update:
		if err := os.WriteFile(path, []byte(head+mark+made), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("docs/scenarios.md is out of date: go test ./internal/plugins/scenario -run TestReference -update")
	}
}

// TestP10EveryKeyHasAnExample that is run and passes.
func TestP10EveryKeyHasAnExample(t *testing.T) {
	cases, err := scenario.Load("../../../plugins/keys/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range scenario.Run(t.Context(), cases, scenario.Options{Kinds: servers.Table(), Texts: servers.Texts()}) {
		if r.Verdict != scenario.Passed {
			var out strings.Builder
			r.Print(&out)
			t.Error(out.String())
		}
	}
	used := map[string]bool{}
	for path, n := range examples(t) {
		if n.Get("cases") == nil && filepath.Base(path) != "suite.yaml" && n.Get("scenario") == nil {
			t.Errorf("%s has no title", path)
		}
		for _, e := range n.Entries {
			if e.Name != "cases" {
				walk(e.Value, e.Name, used)
			}
		}
		if cases := n.Get("cases"); cases != nil {
			for _, c := range cases.Items {
				walk(c, "", used)
			}
		}
	}
	hook := regexp.MustCompile(`^expect\.(authenticate|authorize|session_ended|get_[a-z_]+|authentication_completed)\.`)
	for _, key := range scenario.Keys() {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(key), `\.\*`, `\.[^\[]+`)
		if hook.MatchString(key) { // the keys of one hook are those of all
			pattern = `expect\.[a-z_]+\.` + key[strings.LastIndex(key, ".")+1:]
		}
		fits := regexp.MustCompile("^" + pattern + "$")
		if !slices.ContainsFunc(slices.Collect(func(yield func(string) bool) {
			for k := range used {
				if !yield(k) {
					return
				}
			}
		}), fits.MatchString) {
			t.Errorf("no example has %s", key)
		}
	}
}

// examples are the files of plugins/keys.
func examples(t *testing.T) map[string]*strictyaml.Node {
	t.Helper()
	out := map[string]*strictyaml.Node{}
	for _, pattern := range []string{"*.yaml", "*/*.yaml"} {
		paths, err := filepath.Glob("../../../plugins/keys/scenarios/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out[path] = strictyaml.Parse(t.Context(), text, strictyaml.Config{What: "scenario", Limits: strictyaml.SmallLimits()}, func(_ *strictyaml.Node, p strictyaml.Problem) { t.Errorf("%s: %v", path, p) })
		}
	}
	return out
}

// walk notes the paths of all keys below a value.
func walk(n *strictyaml.Node, path string, used map[string]bool) {
	used[path] = true
	for _, e := range n.Entries {
		walk(e.Value, strings.TrimPrefix(path+"."+e.Name, "."), used)
	}
	for _, item := range n.Items {
		walk(item, path+"[]", used)
	}
}

// TestP10SchemaTakesWhatLoadTakes, and refuses what a schema can know.
func TestP10SchemaTakesWhatLoadTakes(t *testing.T) {
	text, err := scenario.Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("scenario.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(n *strictyaml.Node) error {
		text, err := json.Marshal(n.Plain())
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
	all := examples(t)
	for _, folder := range []string{"otp/scenarios", "vault/scenarios", "published/*"} {
		paths, _ := filepath.Glob("../../../plugins/" + folder + "/*.yaml")
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			n := strictyaml.Parse(t.Context(), text, strictyaml.Config{Limits: strictyaml.SmallLimits()}, func(*strictyaml.Node, strictyaml.Problem) {})
			if n.Get("users") == nil { // a company is no scenario
				all[path] = n
			}
		}
	}
	for path, n := range all {
		if err := check(n); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, wrong := range []string{"scenaro: x", "mode: slow", "connection: {protocol: sssh}", "plugins: {bb: {}}", "prompts: [{anser: x}]", "expect: {outcom: x}", "expect: {authenticate: {verdikt: x}}", "legs: -1",
		"expect: {keys: [{typ: x}]}", "cases: [{expect: {}}]", "cases: [{name: a, expct: {}}]", "box: {proxy: {host: x}}", "connection: {client: {user: x}}", "connection: {server: {port: 70000}}", "box: {trust: all}"} {
		n := strictyaml.Parse(t.Context(), []byte(wrong), strictyaml.Config{Limits: strictyaml.SmallLimits()}, func(*strictyaml.Node, strictyaml.Problem) {})
		if check(n) == nil {
			t.Errorf("%s passes", wrong)
		}
	}
}
