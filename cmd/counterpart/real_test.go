//go:build real

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestRealStories runs the stories that need a Python interpreter.
func TestRealStories(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is missing; make tools installs it")
	}
	testscript.Run(t, testscript.Params{Dir: "testdata/real", RequireExplicitExec: true, Setup: func(e *testscript.Env) error {
		e.Setenv("PATH", filepath.Dir(python)+string(os.PathListSeparator)+e.Getenv("PATH"))
		return nil
	}})
}

// TestRealExamples runs the example plugins, which are written on the Plugin
// SDK, through their scenarios in both modes.
func TestRealExamples(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is missing; make tools installs it")
	}
	var out, errs strings.Builder
	code := run(t.Context(), []string{"plugin", "test", "--python", python, "--mode", "both", "../../plugins/otp", "../../plugins/vault"}, strings.NewReader(""), &out, &errs)
	if code != exitOK || !strings.Contains(out.String(), " passed, 0 failed") {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
}
