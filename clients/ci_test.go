package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestTheScriptOfCI calls it with a program that says what it was asked and ends as told.
func TestTheScriptOfCI(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("ci/run")
	if err != nil {
		t.Fatal(err)
	}
	const program = "#!/bin/sh\necho \"$*\" >>asked\ncase $2 in test) exit ${TEST:-0} ;; mutate) exit ${MUTANTS:-0} ;; esac\nexit 9\n"
	for name, x := range map[string]struct {
		env  []string
		code int
		want []string // what is asked, in order; parts in the order of their words
		not  string
	}{
		"all is well":            {nil, 0, []string{"plugin test .* --mode both --no-remarks .*--junit counterpart-reports/junit.xml .* \\.$", "plugin mutate .*--sarif counterpart-reports/mutation.sarif .* \\.$"}, ""},
		"a case fails":           {[]string{"TEST=1"}, 1, []string{"plugin test", "plugin mutate"}, ""},
		"mutation finds":         {[]string{"MUTANTS=1"}, 1, []string{"plugin test", "plugin mutate"}, ""},
		"the worst is said":      {[]string{"TEST=4", "MUTANTS=1"}, 4, []string{"plugin test", "plugin mutate"}, ""},
		"without mutation":       {[]string{"MUTATE=false", "MUTANTS=4"}, 0, []string{"plugin test"}, "mutate"},
		"remarks are allowed":    {[]string{"REMARKS=allow"}, 0, []string{"plugin test", "plugin mutate"}, "no-remarks"},
		"other places and modes": {[]string{"SCENARIOS=one two", "REPORTS=out/deep", "PYTHON=/opt/python", "MODE=worker"}, 0, []string{"test --python /opt/python --mode worker .*out/deep/report.json one two$", "mutate --python /opt/python .* one two$"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "counterpart"), []byte(program), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), bash, script)
			cmd.Dir, cmd.Env = dir, append([]string{"PATH=" + dir + ":" + os.Getenv("PATH")}, x.env...)
			out, _ := cmd.CombinedOutput()
			asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
			lines := strings.Split(strings.TrimSpace(string(asked)), "\n")
			if cmd.ProcessState.ExitCode() != x.code || len(lines) != len(x.want) || x.not != "" && strings.Contains(string(asked), x.not) {
				t.Fatalf("exit code %d\n%s%s", cmd.ProcessState.ExitCode(), asked, out)
			}
			for i, want := range x.want {
				if !regexp.MustCompile(want).MatchString(lines[i]) {
					t.Errorf("%q is not %s", lines[i], want)
				}
			}
		})
	}
	cmd := exec.CommandContext(t.Context(), bash, script)
	cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=/usr/bin:/bin"}
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "pip install counterpart") {
		t.Errorf("without the program: %d %s", cmd.ProcessState.ExitCode(), out)
	}
}

// TestTheActionPassesItsInputs: each is handed to the script under the name that it reads.
func TestTheActionPassesItsInputs(t *testing.T) {
	text, err := os.ReadFile("action/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs map[string]struct{ Description, Default string }
		Runs   struct {
			Using string
			Steps []struct {
				Name, Shell, Run, Uses string
				Env                    map[string]string
			}
		}
	}
	if err := yaml.Load(text, &action); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("ci/run")
	if err != nil {
		t.Fatal(err)
	}
	for input, x := range action.Inputs {
		used := false
		for _, step := range action.Runs.Steps {
			for name, value := range step.Env {
				if value == "${{ inputs."+input+" }}" {
					used = used || strings.Contains(string(script), "${"+name+":-") || strings.Contains(step.Run, "${"+name+":")
				}
			}
		}
		if !used || x.Description == "" {
			t.Errorf("%s is %q, and handed on: %v", input, x.Description, used)
		}
	}
	for _, step := range action.Runs.Steps {
		if (step.Run == "") == (step.Uses == "") || step.Run != "" && step.Shell != "bash" {
			t.Errorf("%+v", step)
		}
		if strings.Contains(step.Run, "${{") {
			t.Errorf("%s: what somebody else wrote would be run: %s", step.Name, step.Run)
		}
	}
	var gitlab map[string]any
	if text, err = os.ReadFile("gitlab/counterpart.yml"); err == nil {
		err = yaml.Load(text, &gitlab)
	}
	if err != nil || gitlab[".counterpart"] == nil {
		t.Errorf("%v %v", err, gitlab)
	}
}
