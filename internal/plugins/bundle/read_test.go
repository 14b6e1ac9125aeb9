package bundle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/scenario"
)

// small is the text of a bundle that is fine.
func small(t testing.TB, change func(m map[string]any)) string {
	t.Helper()
	b := Bundle{Format: format, Plugins: map[string]Plugin{"aa": {Path: "/nowhere", Digest: "sha256:00"}}, Seed: Seed{Text: "users: []\n", Started: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
		Scenario: Scenario{File: "s.yaml", Mode: "fresh", Text: "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\n"},
		End:      End{Verdict: scenario.Failed}}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if change == nil {
		return string(text)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	if text, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestBundlesAreReadStrictly: what comes from somebody else is judged before anything runs.
func TestBundlesAreReadStrictly(t *testing.T) {
	if _, err := parse([]byte(small(t, nil))); err != nil {
		t.Fatal(err)
	}
	in := func(part, key string, v any) func(map[string]any) {
		return func(m map[string]any) { m[part].(map[string]any)[key] = v }
	}
	for want, text := range map[string]string{
		"format is 2":                    small(t, func(m map[string]any) { m["format"] = 2 }),
		"names no plugin":                small(t, func(m map[string]any) { m["plugins"] = map[string]any{} }),
		"neither aa nor credentialstore": small(t, in("plugins", "root", map[string]any{"path": "/"})),
		"mode must be":                   small(t, in("scenario", "mode", "both")),
		"unknown key `cmd`":              small(t, in("scenario", "text", "scenario: x\ncmd: rm\n")),
		"one case is expected":           small(t, in("scenario", "text", "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\ncases: [{name: a}]\n")),
		"none of the bundle's plugins":   small(t, in("scenario", "text", "scenario: x\nplugins: {credentialstore: {package: p}}\nconnection: {protocol: ssh}\n")),
		"no time that a fleet":           small(t, in("seed", "started", "9999-01-01T00:00:00Z")),
		"shell":                          small(t, func(m map[string]any) { m["shell"] = "x" }),
		"the limit is 4194304":           small(t, in("seed", "text", strings.Repeat("x", maxSeed+1))),
		"not null":                       "null",
		"octets":                         strings.Repeat(" ", maxFile+1),
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q of %.200s", err, want, text)
		}
	}
	folder := t.TempDir()
	if _, err := Read(folder); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Read(filepath.Join(folder, "none")); err == nil {
		t.Error("nothing is read")
	}
	large := filepath.Join(folder, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(large); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("%v", err)
	}
}

// TestABundleChoosesNothingOfTheMachine: neither the plugin's path, unless it is the very
// plugin, nor its site directory, nor an interpreter, nor files.
func TestABundleChoosesNothingOfTheMachine(t *testing.T) {
	b, err := parse([]byte(small(t, func(m map[string]any) {
		m["scenario"].(map[string]any)["text"] = "scenario: x\npython: /tmp/evil\nfleet: {seed: /etc/passwd, off: [], merge: {users: []}}\nplugins: {aa: {package: /etc, deps: /tmp/evil, config_file: /etc/passwd}}\nconnection: {protocol: ssh}\n"
	})))
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.kase(map[string]place{"aa": {path: "/chosen"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Python != "" || c.Fleet.Seed != "" || c.Fleet.Merge != nil || c.Plugins.AA.Package != "/chosen" || c.Plugins.AA.Deps != "" || c.Plugins.AA.ConfigFile != "" {
		t.Errorf("%+v %+v", c.File, c.Plugins.AA)
	}
	plugin := t.TempDir()
	for name, text := range map[string]string{"MANIFEST": "name: X\ndescription: x\nversion: \"1.0\"\ntype: aa\napi: 1.6\nentry_point: main.py\n", "main.py": "class Plugin: pass\n"} {
		if err := os.WriteFile(filepath.Join(plugin, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.Plugins["aa"] = Plugin{Path: plugin, Digest: "sha256:other"}
	var notes []string
	if _, err := b.find("aa", Choice{}, &notes); err == nil || !strings.Contains(err.Error(), "is not the one of the bundle") {
		t.Errorf("another plugin at the path that the bundle names: %v", err)
	}
	if at, err := b.find("aa", Choice{Packages: []string{plugin}}, &notes); err != nil || at.path != plugin || len(notes) != 1 {
		t.Errorf("the same, named by the person: %v %v %q", at, err, notes)
	}
	b.Plugins["aa"] = Plugin{Path: plugin, Deps: "/tmp/evil"}
	if _, err := b.find("aa", Choice{Packages: []string{plugin}}, &notes); err == nil || !strings.Contains(err.Error(), "--deps") {
		t.Errorf("a site directory: %v", err)
	}
}

// TestWhatDiffersFromRunToRunIsNoOtherEnd: but what was expected, and the verdict, are.
func TestWhatDiffersFromRunToRunIsNoOtherEnd(t *testing.T) {
	end := func(v scenario.Verdict, what, want, got string) End {
		return End{Verdict: v, Differences: []scenario.Difference{{What: what, Want: want, Got: got}}}
	}
	was := end(scenario.Failed, "backend[0]", `{"path":"/a"}`, "no such operation after native POST /x at 127.0.0.1:4711 (12ms)")
	if other := was.other(end(scenario.Failed, "backend[0]", `{"path":"/a"}`, "no such operation after native POST /x at 127.0.0.1:4222 (9ms)")); len(other) > 0 {
		t.Errorf("%q", other)
	}
	for what, now := range map[string]End{
		"the verdict is passed": {Verdict: scenario.Passed}, "gone: backend[0]": {Verdict: scenario.Failed},
		"new: outcome": end(scenario.Failed, "outcome", `"connected"`, "denied"), "new: backend[0]": end(scenario.Failed, "backend[0]", `{"path":"/b"}`, "no such operation"),
	} {
		if other := strings.Join(was.other(now), "\n"); !strings.Contains(other, what) {
			t.Errorf("%q is not said: %q", what, other)
		}
	}
}

// TestLongPartsAreCutInTheirMiddle: their beginning and their end stay, and it is said.
func TestLongPartsAreCutInTheirMiddle(t *testing.T) {
	var all []string
	for range 3000 {
		all = append(all, strings.Repeat("x", 1000))
	}
	all[0], all[len(all)-1] = "first", "last"
	var b Bundle
	kept := middle(&b, "log", all, func(s string) int { return len(s) })
	if n := len(strings.Join(kept, "")); n > maxPart || n < maxPart*9/10 || kept[0] != "first" || kept[len(kept)-1] != "last" || len(b.Cut) != 1 {
		t.Errorf("%d octets, cut: %q", n, b.Cut)
	}
}

func FuzzBundle(f *testing.F) {
	f.Add(small(f, nil))
	f.Add(`{"format":1,"plugins":{"aa":{}},"seed":{"started":"2026-01-01T00:00:00Z","text":"&a [*a]"},"scenario":{"mode":"fresh","text":"scenario: &x [*x]"}}`)
	f.Add(`{"format":1,"format":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parse([]byte(text))
		if err != nil {
			return
		}
		if _, err := b.kase(map[string]place{"aa": {path: "/p"}}); err != nil {
			t.Errorf("read, and not to be run: %v", err)
		}
	})
}
