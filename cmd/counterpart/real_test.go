//go:build real

package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// TestRealTry runs every command that `serve` offers a person to try.
func TestRealTry(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"serve", "--ports", "auto"}, strings.NewReader(""), w, io.Discard)
		w.Close()
	}()
	var out strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(out.String(), "Ready.") {
		n, err := r.Read(buf)
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		out.Write(buf[:n])
	}
	go io.Copy(io.Discard, r)
	_, commands, _ := strings.Cut(out.String(), "\nTRY\n")
	tried := 0
	for _, line := range strings.Split(commands, "\n") {
		command, ok := strings.CutPrefix(line, "  ")
		if !ok {
			break
		}
		limited, cancel := context.WithTimeout(ctx, 20*time.Second)
		said, err := exec.CommandContext(limited, "sh", "-c", command).CombinedOutput()
		cancel()
		if err != nil || len(said) == 0 || strings.Contains(string(said), "Reject") || strings.Contains(string(said), `"status":4`) {
			t.Errorf("%s\n%v\n%s", command, err, said)
		}
		tried++
	}
	stop()
	if code := <-done; code != exitOK || tried < 4 {
		t.Errorf("exit code %d, %d commands tried of\n%s", code, tried, out.String())
	}
}
