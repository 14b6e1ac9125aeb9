//go:build !nopython

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"counterpart/internal/plugins/scenario"
)

const manyCases = "scenario: x\nmode: worker\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\nexpect: {outcome: connected}\ncases:\n" +
	"  - {name: one}\n  - {name: two, expect: {outcome: denied}}\n  - {name: three}\n  - {name: four}\n"

func TestFilterRunsWhatFits(t *testing.T) {
	t.Chdir(put(t, with(map[string]string{"s.yaml": manyCases, "other.yaml": strings.ReplaceAll(manyCases, "two, expect: {outcome: denied}", "two")}, "p/", accepting(likesEverybody))))
	code, out, errs := called(t, "plugin", "test", "--filter", "s.yaml: (one|four)$", "s.yaml", "other.yaml")
	if code != 0 || !strings.Contains(out, "2 passed, 0 failed") || strings.Contains(out, "other.yaml") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestFailFastStartsNothingMore(t *testing.T) {
	t.Chdir(put(t, with(map[string]string{"s.yaml": manyCases}, "p/", accepting(likesEverybody))))
	code, out, errs := called(t, "plugin", "test", "--fail-fast", "--parallel", "1", "--junit", "r.xml", "s.yaml")
	if code != 1 || !strings.Contains(out, "1 passed, 1 failed, 2 not run") || !strings.Contains(out, "skipped  s.yaml: four") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	text, _ := os.ReadFile("r.xml")
	if len(junit(t, "r.xml")) != 4 || strings.Count(string(text), "<skipped") != 2 || !strings.Contains(string(text), `skipped="2"`) {
		t.Errorf("%s", text)
	}
}

func TestTimingSaysWhereTimeWent(t *testing.T) {
	t.Chdir(put(t, with(map[string]string{"s.yaml": manyCases}, "p/", accepting(likesEverybody))))
	_, out, errs := called(t, "plugin", "test", "--timing", "--mode", "both", "--filter", "one|three", "--json", "r.json", "s.yaml")
	for _, want := range []string{`hook +calls +p50 +p95 +imports`, `aa.authenticate \(fresh\) +2 +[0-9.]+ms +[0-9.]+ms +[0-9]+%`, `aa.session_ended \(worker\) +2 +`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %s in\n%s%s", want, out, errs)
		}
	}
	var results []scenario.Result
	text, err := os.ReadFile("r.json")
	if err == nil {
		err = json.Unmarshal(text, &results)
	}
	if err != nil || len(results) != 4 || len(results[0].Hooks) != 3 || results[0].Hooks[0].Took <= 0 {
		t.Errorf("%v %+v", err, results)
	}
}

// TestWatchRunsAgainWhatChanged, and nothing else, until somebody gives up.
func TestWatchRunsAgainWhatChanged(t *testing.T) {
	t.Chdir(put(t, with(map[string]string{"s.yaml": manyCases, "other.yaml": strings.Replace(manyCases, "package: p", "package: q", 1)}, "p/", accepting(likesEverybody))))
	if err := os.CopyFS("q", os.DirFS("p")); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"plugin", "test", "--watch", "--filter", "one|two", "s.yaml", "other.yaml"}, strings.NewReader(""), w, io.Discard)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	until := func(mark string) (said string) {
		for lines.Scan() {
			if said += lines.Text() + "\n"; strings.Contains(lines.Text(), mark) {
				return said
			}
		}
		t.Fatalf("%s is not said:\n%s", mark, said)
		return ""
	}
	if said := until("Watching"); !strings.Contains(said, "2 passed, 2 failed") {
		t.Error(said)
	}
	for _, change := range []struct{ path, old, new, want string }{
		{"s.yaml", "outcome: denied", "outcome: connected", "2 passed, 0 failed"}, {"q/main.py", "goodbye", "so long, and goodbye", "1 passed, 1 failed"}, {"s.yaml", "scenario: x", "scenaro: x", "0 passed, 1 failed"},
	} {
		text, err := os.ReadFile(change.path)
		if err == nil {
			err = os.WriteFile(change.path, []byte(strings.ReplaceAll(string(text), change.old, change.new)), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if said := until("Watching"); !strings.Contains(said, change.want) {
			t.Errorf("%s: %s", change.path, said)
		}
	}
	stop()
	go io.Copy(io.Discard, r)
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestARemarkFailsWhereNoneIsWanted: what a plugin under test leaves behind or says is a
// fault of the case, whether or not that speaks of the review.
func TestARemarkFailsWhereNoneIsWanted(t *testing.T) {
	talks := accepting("        print(\"alice has Alice-Pass-1\")\n" + likesEverybody)
	t.Chdir(put(t, with(map[string]string{"s.yaml": "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\nexpect: {outcome: connected}\n" +
		"cases:\n  - {name: silent about it}\n  - {name: expects it, expect: {review: [/log/]}}\n"}, "p/", talks)))
	if code, out, errs := called(t, "plugin", "test", "s.yaml"); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	code, out, errs := called(t, "plugin", "test", "--no-remarks", "s.yaml")
	if code != 1 || !strings.Contains(out, "1 passed, 1 failed") || !strings.Contains(out, "no remark") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
