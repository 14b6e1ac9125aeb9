//go:build unix && !nopython

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"counterpart/internal/plugins/pluginhost"
)

// TestP3ReportsAreWrittenAfterCtrlC while a case is under way: its session is ended as
// if the user had hung up, and the cases that waited are not run.
func TestP3ReportsAreWrittenAfterCtrlC(t *testing.T) {
	for _, mode := range []string{"fresh", "worker"} {
		pipe, tmp := filepath.Join(t.TempDir(), "started"), t.TempDir()
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", tmp)
		t.Chdir(put(t, with(map[string]string{"s.yaml": "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\nexpect: {outcome: connected}\ncases: [{name: one}, {name: two}]\n"},
			"p/", accepting(fmt.Sprintf("        import time\n        open(%q, 'w').close()\n        time.sleep(60)\n", pipe)))))
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			if f, err := os.Open(pipe); err == nil { // as soon as the plugin has it, too
				f.Close()
			}
			stop()
		}()
		var out, errs strings.Builder
		code := run(ctx, []string{"plugin", "test", "--mode", mode, "--parallel", "1", "--junit", "r.xml", "--json", "r.json", "s.yaml"}, strings.NewReader(""), &out, &errs)
		var results []struct {
			Verdict, Problem string
			Timeline         []struct{ Text string }
		}
		text, err := os.ReadFile("r.json")
		if err == nil {
			err = json.Unmarshal(text, &results)
		}
		if err != nil || code != 4 || len(results) != 2 || results[0].Verdict != "broken" || results[1].Verdict != "broken" || !strings.Contains(results[0].Problem, "interrupted") {
			t.Fatalf("%s: %v, exit code %d\n%s", mode, err, code, text)
		}
		if said := fmt.Sprint(results[0].Timeline); !strings.Contains(said, "goodbye") || !strings.Contains(said, "disconnected") || len(results[1].Timeline) > 0 {
			t.Errorf("%s: %s", mode, text)
		}
		if tests := junit(t, "r.xml"); len(tests) != 2 {
			t.Errorf("%s: %q", mode, tests)
		}
		if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
			t.Errorf("%s: %v are left", mode, left)
		}
	}
}

// TestP8ASecondCtrlCWaitsForNothing, not for a session_ended that takes its time, and
// leaves nothing behind either.
func TestP8ASecondCtrlCWaitsForNothing(t *testing.T) {
	for _, mode := range []string{"fresh", "worker"} {
		dir, tmp := t.TempDir(), t.TempDir()
		asked, ending, over := filepath.Join(dir, "asked"), filepath.Join(dir, "ending"), filepath.Join(dir, "over")
		for _, pipe := range []string{asked, ending} {
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("TMPDIR", tmp)
		plugin := accepting(fmt.Sprintf("        import time\n        open(%q, 'w').close()\n        time.sleep(60)\n", asked))
		plugin["main.py"] = strings.Replace(plugin["main.py"], "print(\"goodbye\")",
			fmt.Sprintf("import time\n        open(%q, 'w').close()\n        time.sleep(9)\n        open(%q, 'w').close()", ending, over), 1)
		t.Chdir(put(t, with(map[string]string{"s.yaml": "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\nexpect: {outcome: connected}\n"}, "p/", plugin)))
		ctx, stop := context.WithCancel(t.Context())
		urgent, hurry := context.WithCancel(t.Context())
		go func() {
			for pipe, then := range map[string]func(){asked: stop, ending: hurry} {
				go func() {
					if f, err := os.Open(pipe); err == nil { // as soon as the plugin has it, too
						f.Close()
					}
					then()
				}()
			}
		}()
		var out, errs strings.Builder
		run(pluginhost.WithUrgency(ctx, urgent), []string{"plugin", "test", "--mode", mode, "s.yaml"}, strings.NewReader(""), &out, &errs)
		if _, err := os.Stat(over); err == nil {
			t.Errorf("%s: it was waited for\n%s", mode, &out)
		}
		if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
			t.Errorf("%s: %v are left", mode, left)
		}
	}
}
