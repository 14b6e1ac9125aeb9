//go:build !nopython

package mutation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"unicode/utf8"

	report "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"counterpart/internal/plugins/mutation"
)

// TestTheSameMutantsEachTime: numbers, IDs and verdicts are those of the run before; one
// mutant alone is what it was among all; another seed asks about somebody else.
func TestTheSameMutantsEachTime(t *testing.T) {
	t.Parallel()
	cases := planted(t, "code.yaml", "open")
	first, second := run(t, cases, options()), run(t, cases, options())
	if len(first.Mutants) != len(second.Mutants) {
		t.Fatalf("%d and %d mutants", len(first.Mutants), len(second.Mutants))
	}
	for i, a := range first.Mutants {
		if b := second.Mutants[i]; a.ID != b.ID || a.Number != b.Number || a.Verdict != b.Verdict || a.Detail != b.Detail {
			t.Errorf("%d %s %s %s, then %d %s %s %s", a.Number, a.ID, a.Detail, a.Verdict, b.Number, b.ID, b.Detail, b.Verdict)
		}
	}
	ids := map[string]bool{}
	for _, o := range first.Mutants {
		if ids[o.ID] {
			t.Errorf("%s twice", o.ID)
		}
		ids[o.ID] = true
	}
	f := first.Findings[0]
	if want := "counterpart plugin mutate " + f.Path + " --only " + f.Mutants[0]; f.Command != want {
		t.Errorf("%s, want %s", f.Command, want)
	}
	o := options()
	o.Only = f.Mutants[:1]
	alone := run(t, cases, o)
	if len(alone.Mutants) != 1 || alone.Mutants[0].Verdict != f.Verdict || alone.ExitCode() != 1 {
		t.Errorf("%+v", alone.Mutants)
	}
	o.Only = []string{"4711"}
	if _, err := mutation.Run(t.Context(), cases, o); !errors.Is(err, mutation.ErrNoMutant) {
		t.Errorf("a mutant that is not there: %v", err)
	}
}

// TestSinceTakesWhatHasNotChanged: nothing is played again for the same case, all is for one
// whose plugin has another configuration.
func TestSinceTakesWhatHasNotChanged(t *testing.T) {
	t.Parallel()
	cases := planted(t, "code.yaml", "open")
	first := run(t, cases, options())
	var text bytes.Buffer
	if err := first.JSON(&text); err != nil {
		t.Fatal(err)
	}
	earlier, err := mutation.Read(&text)
	if err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Earlier = earlier
	again := run(t, cases, o)
	if slices.ContainsFunc(again.Mutants, func(o mutation.Outcome) bool { return !o.Unchanged }) || len(again.Findings) != len(first.Findings) || again.ExitCode() != 1 {
		t.Errorf("%s, then %s", first.Summary(), again.Summary())
	}
	o.Earlier = earlier
	changed := run(t, planted(t, "code.yaml", "logs"), o)
	if slices.ContainsFunc(changed.Mutants, func(o mutation.Outcome) bool { return o.Unchanged }) {
		t.Error("outcomes of another plugin were taken")
	}
	for _, text := range []string{"", "[]", "{}", `{"cases":1}`, "nonsense"} {
		if _, err := mutation.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// TestInterruptedRunsSaySo: what was played until then is in the report.
func TestInterruptedRunsSaySo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options()
	o.Told = func(_ mutation.Outcome, done, _ int) {
		if done == 5 {
			cancel()
		}
	}
	r, err := mutation.Run(ctx, planted(t, "code.yaml", ""), o)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Mutants); n < 5 || n > 40 || !r.Interrupted || r.ExitCode() != mutation.CodeInterrupted || !strings.HasPrefix(r.Summary(), "interrupted") {
		t.Errorf("%d mutants, %s, exit code %d", n, r.Summary(), r.ExitCode())
	}
}

// TestAllowedAndConfigured: who says that an unreachable system lets people in gets no
// finding for it, and still one for anything else.
func TestAllowedAndConfigured(t *testing.T) {
	t.Parallel()
	cases := planted(t, "code.yaml", "open")
	for i := range cases {
		cases[i].AllowOpen = []string{"unreachable"}
	}
	r := run(t, cases, options())
	if r.ExitCode() != 0 || !slices.ContainsFunc(r.Mutants, func(o mutation.Outcome) bool { return o.Verdict == mutation.AsConfigured && o.As == "503" }) {
		t.Errorf("%s: %+v", r.Summary(), r.Findings)
	}
}

func TestACaseThatFailsByItself(t *testing.T) {
	t.Parallel()
	cases := changed(t, "code.yaml", "outcome: denied", "outcome: failed")
	r, err := mutation.Run(t.Context(), cases, options())
	if err == nil && (len(r.Problems) != 1 || r.ExitCode() != mutation.CodeBroken) {
		t.Errorf("%+v", r.Problems)
	}
	if _, err := mutation.Run(t.Context(), cases[1:], options()); !errors.Is(err, mutation.ErrBaseline) {
		t.Errorf("nothing could be mutated: %v", err)
	}
}

// TestReports: the terminal's matrix is at most 80 columns wide; every other form is what it
// says it is and has the finding with its command in it.
func TestReports(t *testing.T) {
	t.Parallel()
	r := run(t, planted(t, "code.yaml", "open"), options())
	id := r.Findings[0].Mutants[0]
	var text, page, junit, sarif bytes.Buffer
	r.Print(&text)
	for _, line := range strings.Split(strings.SplitN(text.String(), "\n\n", 2)[0], "\n") {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if err := errors.Join(r.HTML(&page), r.JUnit(&junit), r.SARIF(&sarif)); err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]string{"text": text.String(), "HTML": page.String(), "JUnit": junit.String(), "SARIF": sarif.String()} {
		if !strings.Contains(out, "--only "+id) {
			t.Errorf("%s lacks the command", name)
		}
	}
	if p := page.String(); strings.Contains(p, "http://") && strings.Contains(p, "<script") || strings.Contains(p, "<link") {
		t.Error("the page needs something else")
	}
	var suites struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Cases    []struct {
				Name string `xml:"name,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(junit.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	tests, failures, names := 0, 0, map[string]bool{}
	for _, s := range suites.Suites {
		tests, failures = tests+s.Tests, failures+s.Failures
		for _, c := range s.Cases {
			names[c.Name] = true
		}
	}
	if tests != len(r.Mutants) || len(names) != tests || failures == 0 {
		t.Errorf("%d tests, %d names, %d failures of %d mutants", tests, len(names), failures, len(r.Mutants))
	}
	soundSARIF(t, sarif.Bytes())
	var document report.Report // names that the format does not have are a mistake here
	strict := json.NewDecoder(bytes.NewReader(sarif.Bytes()))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&document); err != nil {
		t.Error(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(sarif.Bytes()))
	if err == nil {
		err = schemaOfSARIF(t).Validate(instance)
	}
	if err != nil {
		t.Error(err)
	}
}

// soundSARIF holds a document against what the schema of version 2.1.0 demands of the parts
// that are written.
func soundSARIF(t *testing.T, text []byte) {
	t.Helper()
	var d struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string `json:"name"`
					Rules []struct {
						ID string `json:"id"`
					} `json:"rules"`
				} `json:"driver"`
			} `json:"tool"`
			Results []struct {
				RuleID    string `json:"ruleId"`
				RuleIndex int    `json:"ruleIndex"`
				Level     string `json:"level"`
				Message   struct {
					Text string `json:"text"`
				} `json:"message"`
				Locations []struct {
					Physical struct {
						Artifact struct {
							URI string `json:"uri"`
						} `json:"artifactLocation"`
						Region struct {
							StartLine int `json:"startLine"`
						} `json:"region"`
					} `json:"physicalLocation"`
				} `json:"locations"`
			} `json:"results"`
		} `json:"runs"`
	}
	if err := json.Unmarshal(text, &d); err != nil || d.Version != "2.1.0" || !strings.Contains(d.Schema, "sarif-schema-2.1.0") || len(d.Runs) != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	run := d.Runs[0]
	if run.Tool.Driver.Name == "" || len(run.Results) == 0 {
		t.Errorf("%s", text)
	}
	for _, x := range run.Results {
		if x.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[x.RuleIndex].ID != x.RuleID || !slices.Contains([]string{"none", "note", "warning", "error"}, x.Level) ||
			x.Message.Text == "" || len(x.Locations) != 1 || x.Locations[0].Physical.Artifact.URI == "" || x.Locations[0].Physical.Region.StartLine < 1 {
			t.Errorf("%+v", x)
		}
	}
}

// schemaOfSARIF is the schema of OASIS. The library that brings it holds only what it has
// written itself against it, so the text is taken from its source.
func schemaOfSARIF(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	ast.Inspect(source, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && schema == nil {
			if raw, err := strconv.Unquote(text.Value); err == nil {
				schema, _ = jsonschema.UnmarshalJSON(strings.NewReader(raw))
			}
		}
		return true
	})
	c := jsonschema.NewCompiler()
	if err := c.AddResource("sarif.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}
