//go:build real

// Package clients_test holds what clients/ has against the tools it is made for.
package clients_test

import (
	"archive/zip"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// command is a program of an environment that .ci/tools makes, which ends with the test.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// tools is the folder of programs of the environment that has pytest.
func tools(t *testing.T) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(filepath.Dir(filepath.Dir(python)), "pytest", "bin")
	if _, err := os.Stat(filepath.Join(at, "pytest")); err != nil {
		t.Fatalf("there is no pytest beside %s; `make tools` installs it", python)
	}
	return at
}

// TestRealPytest builds the wheels, installs them where there is nothing else of ours, and
// runs their own tests with several workers.
func TestRealPytest(t *testing.T) {
	at, dist, env := tools(t), t.TempDir(), filepath.Join(t.TempDir(), "env")
	if out, err := command(t, "../.ci/wheels", filepath.Join(at, "python3"), dist).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wheels, err := filepath.Glob(filepath.Join(dist, "*.whl"))
	if err != nil || len(wheels) != 2 {
		t.Fatalf("%v, %v", wheels, err)
	}
	for _, wheel := range wheels {
		inside(t, wheel)
	}
	for _, cmd := range []*exec.Cmd{
		command(t, filepath.Join(at, "python3"), "-m", "venv", env),
		command(t, filepath.Join(at, "python3"), "-m", "pip", "--python", filepath.Join(env, "bin", "python3"), "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index", wheels[0], wheels[1]),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	libraries, err := command(t, filepath.Join(at, "python3"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").Output()
	if err != nil {
		t.Fatal(err)
	}
	tests, err := filepath.Abs("python/tests")
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, filepath.Join(env, "bin", "python3"), "-W", "error::pytest.PytestUnknownMarkWarning", "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", tests)
	cmd.Dir = t.TempDir()
	// pytest itself comes from the other environment, the fixtures from this one.
	cmd.Env = append(os.Environ(), "PYTHONPATH="+strings.TrimSpace(string(libraries)), "PATH="+filepath.Join(env, "bin")+":"+os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE=1", "COUNTERPART_BINARY=")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), " passed") || strings.Contains(string(out), "skipped") {
		t.Errorf("pytest: %v", err)
	}
}

// inside looks at what a wheel has: nothing but ours, and the program with its right to run.
func inside(t *testing.T, wheel string) {
	t.Helper()
	r, err := zip.OpenReader(wheel)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	program := false
	for _, f := range r.File {
		if strings.HasSuffix(f.Name, "/scripts/counterpart") {
			program = f.Mode().Perm()&0o111 == 0o111
		}
		if strings.Contains(f.Name, "tests/") {
			t.Errorf("%s has %s", wheel, f.Name)
		}
	}
	if base := filepath.Base(wheel); strings.HasPrefix(base, "counterpart-") != program || program && strings.Contains(base, "none-any") {
		t.Errorf("%s has a program that can be run: %v", base, program)
	}
}

// TestRealUvx runs the program from its wheel as somebody does who has nothing but uv.
func TestRealUvx(t *testing.T) {
	at, dist := tools(t), t.TempDir()
	if out, err := command(t, "../.ci/wheels", filepath.Join(at, "python3"), dist).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wheels, _ := filepath.Glob(filepath.Join(dist, "counterpart-*.whl"))
	if len(wheels) != 1 {
		t.Fatal(wheels)
	}
	uvx := func(args ...string) *exec.Cmd {
		cmd := command(t, filepath.Join(at, "uvx"), append([]string{"--offline", "--no-index", "--python", filepath.Join(at, "python3"), "--from", wheels[0], "counterpart"}, args...)...)
		cmd.Env = append(os.Environ(), "UV_CACHE_DIR="+filepath.Join(dist, "cache"))
		return cmd
	}
	ports := filepath.Join(dist, "ports.json")
	serve := uvx("serve", "minimal", "--ports", "auto", "--ports-file", ports)
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	out, err := uvx("ready", "--wait", "60s", "--ports-file", ports).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := uvx("ctl", "--ports-file", ports, "status").CombinedOutput(); err != nil || !strings.Contains(string(out), "native/http") {
		t.Errorf("%v: %s", err, out)
	}
	if err := serve.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := serve.Wait(); err != nil {
		t.Errorf("serve ended with %v", err)
	}
}

// TestRealCI runs the script of CI with the program and the Plugin SDK, as a job would.
func TestRealCI(t *testing.T) {
	bin, err := filepath.Abs("../bin")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("ci/run")
	if err != nil {
		t.Fatal(err)
	}
	reports := t.TempDir()
	cmd := command(t, script)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "SCENARIOS=plugins/otp/scenarios/ticket.yaml plugins/vault/scenarios", "REPORTS="+reports, "MODE=worker")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "never met:") || !strings.Contains(string(out), "0 findings") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range []string{"junit.xml", "report.json", "mutation.xml", "mutation.json", "mutation.sarif", "mutation.html"} {
		if info, err := os.Stat(filepath.Join(reports, name)); err != nil || info.Size() < 200 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
