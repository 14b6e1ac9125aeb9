//go:build !nopython

package mutation_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/mutation"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

// planted are the cases of a scenario of testdata, with a fault in the plugin; "" is none.
func planted(t *testing.T, file, fault string) []scenario.Case {
	t.Helper()
	if fault == "" {
		return load(t, filepath.Join("testdata", file))
	}
	return changed(t, file, `[planted]\n`, `[planted]\nfault = `+fault+`\n`)
}

// changed are the cases of a scenario of testdata with another text in one place.
func changed(t *testing.T, file, old, now string) []scenario.Case {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, now, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	return load(t, path)
}

func load(t *testing.T, path string) []scenario.Case {
	t.Helper()
	cases, err := scenario.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func options() mutation.Options {
	return mutation.Options{Scenario: scenario.Options{Kinds: servers.Table(), Texts: servers.Texts()}, Patience: 20 * time.Second, Version: "test"}
}

func run(t *testing.T, cases []scenario.Case, o mutation.Options) *mutation.Report {
	t.Helper()
	r, err := mutation.Run(t.Context(), cases, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.Mutants {
		t.Logf("%3d %s %-18s %s: %s: %s", o.Number, o.ID, o.Verdict, o.Name(), o.Detail, o.Why)
	}
	return r
}

// TestPluginsWithoutFaultsYieldNoFinding: whatever answers become, they refuse what is not
// proved, and leave nothing behind.
func TestPluginsWithoutFaultsYieldNoFinding(t *testing.T) {
	for _, file := range []string{"code.yaml", "push.yaml", "password.yaml"} {
		t.Run(file, func(t *testing.T) {
			r := run(t, planted(t, file, ""), options())
			for _, f := range r.Findings {
				t.Errorf("%s (confirmed: %v)", f.Summary, f.Confirmed)
			}
			if len(r.Mutants) < 30 || r.ExitCode() != 0 {
				t.Errorf("%s", r.Summary())
			}
			for _, o := range r.Mutants {
				if o.Verdict == mutation.Broken || o.Verdict == mutation.AsConfigured {
					t.Errorf("%+v", o)
				}
			}
		})
	}
}

// TestPlantedFaultsAreFound: each by its own verdict, confirmed, and by a mutant that shows
// it.
func TestPlantedFaultsAreFound(t *testing.T) {
	for fault, tt := range map[string]struct {
		file    string
		verdict mutation.Verdict
		detail  string
	}{
		"open":    {"code.yaml", mutation.Open, "status 500"},
		"anybody": {"push.yaml", mutation.Open, "body.id another one"},
		"leaks":   {"password.yaml", mutation.Leak, "no answer"},
		"hangs":   {"code.yaml", mutation.Hang, "no answer"},
		"logs":    {"code.yaml", mutation.Leak, "status 403"},
		"crashes": {"code.yaml", mutation.Crash, "body malformed"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			r := run(t, planted(t, tt.file, fault), options())
			i := slices.IndexFunc(r.Mutants, func(o mutation.Outcome) bool { return o.Verdict == tt.verdict && strings.Contains(o.Detail, tt.detail) })
			if i < 0 {
				t.Fatalf("not found: %s", r.Summary())
			}
			confirmed := slices.ContainsFunc(r.Findings, func(f mutation.Finding) bool {
				return f.Verdict == tt.verdict && f.Confirmed && slices.Contains(f.Mutants, r.Mutants[i].ID)
			})
			if !confirmed || r.ExitCode() != 1 {
				t.Errorf("%+v, exit code %d", r.Findings, r.ExitCode())
			}
			for _, f := range r.Findings {
				if f.Verdict != tt.verdict && f.Confirmed {
					t.Errorf("and what was not planted: %s", f.Summary)
				}
			}
		})
	}
}
