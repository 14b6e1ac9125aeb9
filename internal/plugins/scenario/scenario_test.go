package scenario

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/journal"
)

// write puts files into a folder of the test.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const good = `
scenario: it works
plugins: {aa: {package: ./p, config: "[x]"}}
connection: {protocol: ssh, gateway: {user: alice, groups: [ops]}}
prompts: [{ask: {key: otp}, answer: "1"}]
expect: {outcome: connected, authenticate: {verdict: ACCEPT, calls: 2}, log: [one]}
cases:
  - name: right
  - name: wrong
    connection: {gateway: {user: bob}}
    prompts: [{answer: "2"}]
    expect: {outcome: denied, authenticate: {verdict: DENY}, log: []}
`

func TestCasesAreLaidOverTheirFileAndTheSuite(t *testing.T) {
	dir := write(t, map[string]string{"a/one.yaml": good, "a/suite.yaml": "box: {hostname: sps.test}\nconnection: {policy: p1}\n", "a/notes.yaml": "other: 1\n", "b/x.txt": good})
	cases, err := Load(dir)
	if err != nil || len(cases) != 2 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	right, wrong := cases[0], cases[1]
	if right.Box.Hostname != "sps.test" || right.Connection.Policy != "p1" || right.Connection.Gateway.User != "alice" || right.Prompts[0].Answer != "1" {
		t.Errorf("right: %+v", right.File)
	}
	if wrong.Connection.Gateway.User != "bob" || wrong.Connection.Gateway.Groups[0] != "ops" || wrong.Prompts[0].Ask != nil || wrong.Prompts[0].Answer != "2" {
		t.Errorf("wrong: maps merge, lists replace: %+v", wrong.File)
	}
	if wrong.Expect.Authenticate["verdict"] != "DENY" || !equal(wrong.Expect.Authenticate["calls"], 2) || len(wrong.Expect.Log) != 0 || !wrong.Given["log"] || wrong.Given["backend"] {
		t.Errorf("wrong expects %+v, given %v", wrong.Expect, wrong.Given)
	}
	if l := wrong.Label(); !strings.HasSuffix(l, "one.yaml: wrong") {
		t.Errorf("label %q", l)
	}
}

func TestMistakesInScenariosAreNamed(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"unknown key":      {"scenario: x\nplugin: {}\n", `2:1`},
		"unknown deep key": {strings.Replace(good, "verdict: DENY", "verdict: DENY}, outcom: {a: b", 1), "outcom"},
		"no title":         {"scenario: ''\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\n", "title"},
		"no plugin":        {"scenario: x\nconnection: {protocol: ssh}\n", "`plugins` needs"},
		"no protocol":      {"scenario: x\nplugins: {aa: {package: p}}\n", "connection.protocol"},
		"no package":       {"scenario: x\nplugins: {aa: {}}\nconnection: {protocol: ssh}\n", "no `package`"},
		"both configs":     {"scenario: x\nplugins: {aa: {package: p, config: a, config_file: b}}\nconnection: {protocol: ssh}\n", "config_file"},
		"both logins":      {"scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh, login: a, key_values: {a: b}}\n", "key_values"},
		"bad mode":         {"scenario: x\nmode: slow\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\n", "mode must be"},
		"nameless case":    {good + "  - prompts: []\n", "cases[2] has no name"},
		"twin cases":       {good + "  - name: right\n", `two cases are called "right"`},
		"bad expression":   {strings.Replace(good, "log: [one]", "log: [/(/]", 1), "expect.log[0]: /(/"},
		"no YAML":          {"scenario: [", "1:"},
		"wrong type":       {"scenario: x\nprompts: 1\n", "2:"},
	} {
		dir := write(t, map[string]string{"s.yaml": tt.text})
		if _, err := Load(filepath.Join(dir, "s.yaml")); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "there is no scenario") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestTemplates(t *testing.T) {
	n := 0
	v := values{"radius": map[string]any{"host": "127.0.0.1", "port": 1812, "clients": []any{map[string]any{"secret": "s"}}},
		"a/b": map[string]any{"c.d": "deep"}, "late": map[string]any{"code": func() (string, error) { n++; return "123456", nil }}}
	for in, want := range map[string]string{
		"{{ radius.host }}:{{radius.port}}": "127.0.0.1:1812", `x {{ ["a/b"]["c.d"] }} y`: "x deep y", "{{ radius.clients[0].secret }}": "s",
		"{{ late.code }}": "123456", "no holes $ % }": "no holes $ % }",
	} {
		if got, err := v.fill(in); err != nil || got != want {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"{{ radius.hots }}": `there is no "hots"; at radius there are clients, host, port`, "{{ nothing }}": "at the top there are a/b, late, radius",
		"{{ radius }}": "not a single value", "{{ }}": "no path", "{{ radius..x }}": "no path", `{{ radius["x }}`: "no path", "{{ radius.clients[7].secret }}": `no "7"`,
	} {
		if _, err := v.fill(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
	if n != 1 {
		t.Errorf("a late value was asked for %d times", n)
	}
}

func FuzzTemplates(f *testing.F) {
	f.Add(`{{ a["b"].c[0] }}`)
	f.Add(`{{ [ }}{{ ]. }}`)
	f.Add(`{{0["]}}`)
	f.Fuzz(func(t *testing.T, s string) { values{"a": map[string]any{"b": []any{"x"}}}.fill(s) })
}

func TestMatchers(t *testing.T) {
	got := map[string]any{"s": "hello world", "n": 3, "l": []any{"a", "b"}, "m": map[string]any{"x": 1}, "null": nil, "b": true}
	for _, tt := range []struct {
		want map[string]any
		fits bool
	}{
		{map[string]any{"s": "hello world"}, true}, {map[string]any{"s": "hello"}, false}, {map[string]any{"s": "/^hello/"}, true}, {map[string]any{"s": "/^world/"}, false},
		{map[string]any{"s": "/(/"}, false}, {map[string]any{"n": uint64(3)}, true}, {map[string]any{"n": 3.0}, true}, {map[string]any{"n": "3"}, false}, {map[string]any{"n": "/3/"}, true},
		{map[string]any{"s": "any"}, true}, {map[string]any{"z": "any"}, false}, {map[string]any{"z": "absent"}, true}, {map[string]any{"s": "absent"}, false},
		{map[string]any{"l": []any{"a", "/b/"}}, true}, {map[string]any{"l": []any{"a"}}, false}, {map[string]any{"m": map[string]any{"x": 1}}, true},
		{map[string]any{"m": map[string]any{"y": "absent"}}, true}, {map[string]any{"m": map[string]any{"y": 1}}, false}, {map[string]any{"null": nil}, true}, {map[string]any{"z": nil}, false},
		{map[string]any{"b": true}, true}, {map[string]any{"b": "true"}, false}, {map[string]any{"null": "any"}, true},
	} {
		if d := compare("x", tt.want, got); (len(d) == 0) != tt.fits {
			t.Errorf("%v: %v", tt.want, d)
		}
	}
}

func TestLinesAndSequences(t *testing.T) {
	log := []string{"one two", "three"}
	if d := lines([]any{"two", "/^three$/"}, []any{"four"}, log); len(d) != 0 {
		t.Errorf("%v", d)
	}
	if d := lines([]any{"four"}, []any{"three", ""}, log); len(d) != 2 {
		t.Errorf("%v", d)
	}
	op := func(name string, status any) map[string]any {
		return map[string]any{"system": "s", "op": name, "status": status}
	}
	got := []map[string]any{op("a", 200), op("b", 404), op("c", 200)}
	for _, tt := range []struct {
		want  []map[string]any
		exact bool
		n     int
	}{
		{[]map[string]any{{"op": "a"}, {"op": "c"}}, false, 0}, {[]map[string]any{{"op": "c"}, {"op": "a"}}, false, 1}, {[]map[string]any{{"op": "a"}, {"op": "c"}}, true, 1},
		{[]map[string]any{{"op": "a"}}, true, 1}, {nil, true, 1}, {nil, false, 0}, {[]map[string]any{{"op": "b", "status": 200}}, false, 1},
	} {
		if d := sequence(tt.want, got, tt.exact); len(d) != tt.n {
			t.Errorf("%v, exact %v: %v", tt.want, tt.exact, d)
		}
	}
	d := sequence([]map[string]any{{"op": "b", "status": 200}}, got, false)
	if want := "the closest, s a → 200, differs in op"; !strings.Contains(d[0].Hint, "the closest, s ") {
		t.Errorf("hint %q, want something like %q", d[0].Hint, want)
	}
}

func TestJournalEntriesAsFields(t *testing.T) {
	r := operation(journal.Entry{Server: "radius", Op: "Access-Request", Status: "Access-Challenge", Outcome: "challenge", Actor: "alice",
		Request: "Access-Request id 7: User-Name = Alice, Service-Type = Login-User, State = 80ff, User-Password = ***"}, "radius")
	want := map[string]any{"packet": "Access-Request", "user": "Alice", "state": "any", "reply": "Access-Challenge", "service_type": "Login-User", "actor": "alice"}
	if d := compare("radius", want, r); len(d) != 0 {
		t.Errorf("%v in %v", d, r)
	}
	h := operation(journal.Entry{Server: "native", Op: "POST /otp/v1/verify", Status: "200", Request: "POST /otp/v1/verify?x=1\n{\"user\":\"alice\"}", Response: `{"valid":true}`}, "native")
	want = map[string]any{"method": "POST", "path": "/otp/v1/verify", "query": "x=1", "status": 200, "body": map[string]any{"user": "alice"}, "answer": map[string]any{"valid": true}}
	if d := compare("native", want, h); len(d) != 0 {
		t.Errorf("%v in %v", d, h)
	}
}

func TestReports(t *testing.T) {
	results := []Result{
		{Label: "a.yaml", Title: "fine", Path: "a.yaml", Mode: "fresh", Verdict: Passed, Took: time.Second},
		{Label: "b.yaml: x", Title: "bad", Path: "b.yaml", Case: "x", Mode: "fresh", Verdict: Failed, Took: time.Second,
			Differences: []Difference{{What: "outcome", Want: `"connected"`, Got: `"denied"`, Hint: "because"}},
			Review:      []string{"a remark"}, Timeline: []Moment{{At: time.Second, Source: "log", Text: "line\none\x00<&>"}}},
		{Label: "c.yaml", Title: "worse", Path: "c.yaml", Verdict: Crashed, Problem: "boom"},
	}
	if Summary(results) != "1 passed, 2 failed" || ExitCode(results) != 3 || ExitCode(results[:2]) != 1 || ExitCode(results[:1]) != 0 {
		t.Errorf("%s, exit code %d", Summary(results), ExitCode(results))
	}
	var b strings.Builder
	results[1].Print(&b)
	for _, want := range []string{"failed   b.yaml: x", "expected: \"connected\"", "happened: \"denied\"", "because", "remark: a remark", "line ⏎ one"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := JUnit(&b, results); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Cases    []struct {
				Name    string  `xml:"name,attr"`
				Failure *string `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(b.String()), &back); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if s := back.Suites[0]; s.Tests != 3 || s.Failures != 1 || s.Errors != 1 || s.Cases[1].Name != "bad: x" || s.Cases[1].Failure == nil {
		t.Errorf("%+v", s)
	}
	b.Reset()
	if err := JSON(&b, results); err != nil || !strings.Contains(b.String(), `"verdict": "crashed"`) {
		t.Errorf("%v %s", err, b.String())
	}
	many := Result{Timeline: make([]Moment, 500)}
	if n := len(shorten(many.Timeline)); n != mostMoments+1 {
		t.Errorf("%d lines printed", n)
	}
}

// TestS3LimitsOfAScenario: sizes and counts as people write them, and what is none.
func TestS3LimitsOfAScenario(t *testing.T) {
	l := Limits{Memory: "512MiB", Files: 100, CPU: "30s", Output: 1 << 20}.over(Limits{Memory: 1 << 30, Processes: 5, FileSize: "1 KiB"})
	got, log, err := l.resolve()
	want := pluginhost.Limits{Memory: 1 << 30, Processes: 5, Files: 100, FileSize: 1 << 10, CPU: 30 * time.Second}
	if err != nil || got != want || log != 1<<20 {
		t.Errorf("%+v %d %v", got, log, err)
	}
	for text, want := range map[string]string{
		"limits: {memory: 1MiB}": "needs 67108864 octets", "limits: {memory: lots}": "is no size", "limits: {memory: 99999999999GiB}": "is no size", "limits: {memory: -1}": "is no size",
		"limits: {files: 3}": "needs 32 to start", "limits: {processes: -1}": "cannot be -1", "limits: {cpu: 10ms}": "no duration of a second", "limits: {output: 3GiB}": "at most 2GiB",
		"limits: {memroy: 1GiB}": "unknown key `memroy`, did you mean `memory`?",
	} {
		dir := write(t, map[string]string{"s.yaml": good + text + "\n"})
		if _, err := Load(dir + "/s.yaml"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	var flags Limits
	for name, value := range map[string]string{"memory": "1GiB", "processes": "3", "files": "64", "file_size": "1MiB", "cpu": "2s", "output": "1MiB"} {
		if err := flags.Limit(name, value); err != nil {
			t.Error(err)
		}
	}
	if err := flags.Check(); err != nil {
		t.Error(err)
	}
	if flags.Limit("files", "x") == nil || flags.Limit("colour", "x") == nil {
		t.Error("taken")
	}
}

// TestS2HostileScenarios: what a folder of scenarios may have in it.
func TestS2HostileScenarios(t *testing.T) {
	for name, text := range map[string]string{
		"deep": "scenario: x\na: " + strings.Repeat("[", 100_000), "blank lines": "scenario: |\n" + strings.Repeat("\n", 900_000), "unknown keys": "scenario: x\n" + strings.Repeat("k: v\n", 150_000),
		"long": "scenario: " + strings.Repeat("x", maxFile), "null": "~\n", "dashes": strings.Repeat("- ", 400_000), "braces": strings.Repeat("{", 900_000), "quotes": strings.Repeat(`"`, 900_000),
		"laughs": "scenario: x\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
	} {
		dir := write(t, map[string]string{"s.yaml": text})
		_, err := Load(dir + "/s.yaml")
		if err == nil || len(err.Error()) > 50_000 {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}

// TestS3WhatCouldNotBeIsolatedIsSaidOnce: for all results, and in the JSON of each.
func TestS3WhatCouldNotBeIsolatedIsSaidOnce(t *testing.T) {
	results := []Result{{NotIsolated: []string{"a", "b"}}, {}, {NotIsolated: []string{"b", "c"}}}
	if got := strings.Join(NotIsolated(results), " "); got != "a b c" {
		t.Error(got)
	}
	var out strings.Builder
	if err := JSON(&out, results[:1]); err != nil || !strings.Contains(out.String(), `"not_isolated": [`) {
		t.Errorf("%v %s", err, out.String())
	}
}
