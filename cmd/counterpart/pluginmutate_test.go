//go:build !nopython

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"counterpart/internal/plugins/mutation"
)

const mutable = "../../internal/plugins/mutation/testdata/code.yaml"

// TestPluginMutate: what the command says, writes and ends with.
func TestPluginMutate(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	nonsense := at("nonsense.json")
	if err := os.WriteFile(nonsense, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args     []string
		code     int
		out, err string
	}{
		"all":                {[]string{mutable, "--json", at("r.json"), "--junit", at("r.xml"), "--sarif", at("r.sarif"), "--html", at("r.html")}, 0, "0 findings", ""},
		"one by its number":  {[]string{mutable, "--only", "1"}, 0, "body.valid dropped", ""},
		"none of that ID":    {[]string{mutable, "--only", "ffffffff"}, mutation.CodeBroken, "", "there is no mutant ffffffff"},
		"no such case":       {[]string{mutable, "--case", "odd"}, mutation.CodeBroken, "", `there is no case "odd"`},
		"no scenario":        {[]string{at("none.yaml")}, mutation.CodeBroken, "", "there is no scenario"},
		"no earlier report":  {[]string{mutable, "--since", at("none.json")}, mutation.CodeBroken, "", "none.json"},
		"another report":     {[]string{mutable, "--since", nonsense}, mutation.CodeBroken, "", "no report of plugin mutate"},
		"no such limit":      {[]string{mutable, "--limit", "colour=1"}, mutation.CodeBroken, "", "no limit"},
		"no place to write":  {[]string{mutable, "--case", "wrong", "--json", filepath.Join(dir, "none", "r.json")}, mutation.CodeBroken, "", "cannot write the report"},
		"no such Python":     {[]string{mutable, "--python", at("python")}, mutation.CodeBroken, "", "python"},
		"JSON on the output": {[]string{mutable, "--case", "wrong", "--json", "-"}, 0, `"mutants": [`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			code := run(t.Context(), append([]string{"plugin", "mutate"}, tt.args...), strings.NewReader(""), &out, &errs)
			if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.err) {
				t.Fatalf("exit code %d\n%s\n%s", code, out.String(), errs.String())
			}
			if tt.out == `"mutants": [` && !json.Valid(out.Bytes()) {
				t.Errorf("no JSON alone: %s", out.String())
			}
			for _, name := range []string{"r.json", "r.xml", "r.sarif", "r.html"} {
				if info, err := os.Stat(at(name)); tt.out == "0 findings" && (err != nil || info.Size() < 500) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if tt.out == "0 findings" && len(junit(t, at("r.xml"))) < 10 {
				t.Error("few tests in the report")
			}
		})
	}
}
