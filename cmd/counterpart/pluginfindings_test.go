//go:build !nopython

package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// put writes files into a folder of the test.
func put(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// called runs a command line.
func called(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	code = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// packaged is a package of a plugin of a type, with these methods.
func packaged(kind, methods string) map[string]string {
	return map[string]string{
		"MANIFEST": "name: Sample_Plugin\ndescription: x\nversion: \"1.0\"\ntype: " + kind + "\napi: \"1.6\"\nentry_point: main.py\n",
		"main.py":  "#!/usr/bin/env pluginwrapper3\nclass Plugin:\n    def __init__(self, configuration=\"\"):\n        self.configuration = configuration\n" + methods,
	}
}

// accepting are the hooks of an AA plugin whose authenticate is given.
func accepting(authenticate string) map[string]string {
	return packaged("aa", "    def authenticate(self, cookie, session_cookie, key_value_pairs):\n"+authenticate+
		"    def authorize(self, cookie, session_cookie):\n        return {\"verdict\": \"ACCEPT\"}\n"+
		"    def session_ended(self, cookie, session_cookie):\n        print(\"goodbye\")\n")
}

// with is a map with more files in it, below a folder.
func with(files map[string]string, folder string, more map[string]string) map[string]string {
	for name, text := range more {
		files[folder+name] = text
	}
	return files
}

const likesEverybody = "        return {\"verdict\": \"ACCEPT\"}\n"

func TestP1ReturnedGatewayUserNeedsAUsermappingPolicy(t *testing.T) {
	dir := put(t, with(map[string]string{
		"kind.yaml":    "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh, server: {user: root}}\nexpect: {outcome: connected}\n",
		"refused.yaml": "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh, server: {user: root}}\nexpect: {outcome: error, error: usermapping, authorize: {calls: 0}, session_ended: {calls: 1}}\n",
		"mapped.yaml":  "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh, usermapping: true, server: {user: root}}\nexpect: {outcome: connected, authenticate: {gateway_user: alice}}\n",
		"same.yaml":    "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh, server: {user: alice}}\nexpect: {outcome: connected}\n",
	}, "p/", accepting("        return {\"verdict\": \"ACCEPT\", \"gateway_user\": \"alice\", \"gateway_groups\": []}\n")))
	for name, want := range map[string]int{"kind.yaml": 3, "refused.yaml": 0, "mapped.yaml": 0, "same.yaml": 0} {
		code, out, errs := called(t, "plugin", "test", filepath.Join(dir, name))
		if code != want {
			t.Errorf("%s: exit code %d, want %d\n%s%s", name, code, want, out, errs)
		}
	}
	if code, out, _ := called(t, "plugin", "run", filepath.Join(dir, "p")); code != 3 || !strings.Contains(out, "usermapping: gateway user \"alice\" is not the remote user \"root\"") || !strings.Contains(out, "--usermapping") {
		t.Errorf("%d %s", code, out)
	}
	if code, out, errs := called(t, "plugin", "run", "--usermapping", filepath.Join(dir, "p")); code != 0 {
		t.Errorf("%d %s%s", code, out, errs)
	}
}

// element is XML as a schema sees it.
type element struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Inner   []element  `xml:",any"`
}

// junitSchema is what may stand where in a JUnit report, by the schema of Jenkins'
// xunit plugin (junit-10.xsd), and which attributes must.
var junitSchema = map[string]struct{ may, must, in string }{
	"testsuites": {"name time tests failures errors", "", "testsuite"},
	"testsuite":  {"name tests failures errors group time skipped timestamp hostname id package file log url", "name tests failures errors", "testsuite properties testcase system-out system-err"},
	"testcase":   {"name time classname group", "name", "skipped error failure rerunFailure rerunError flakyFailure flakyError system-out system-err"},
	"failure":    {"type message", "", ""}, "error": {"type message", "", ""}, "skipped": {"type message", "", ""}, "system-out": {"", "", ""},
}

// junit reads a report, holds it against the schema and returns its tests.
func junit(t *testing.T, path string) (tests []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var root element
	if err := xml.Unmarshal(text, &root); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	time := regexp.MustCompile(`^(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?$`)
	var look func(e element)
	look = func(e element) {
		rule, known := junitSchema[e.XMLName.Local]
		if !known {
			t.Errorf("<%s> is not in the schema", e.XMLName.Local)
		}
		attrs := map[string]string{}
		for _, a := range e.Attrs {
			attrs[a.Name.Local] = a.Value
			if !slices.Contains(strings.Fields(rule.may), a.Name.Local) || a.Name.Local == "time" && !time.MatchString(a.Value) {
				t.Errorf("<%s %s=%q>", e.XMLName.Local, a.Name.Local, a.Value)
			}
		}
		for _, must := range strings.Fields(rule.must) {
			if _, ok := attrs[must]; !ok {
				t.Errorf("<%s> without %s", e.XMLName.Local, must)
			}
		}
		if e.XMLName.Local == "testcase" {
			tests = append(tests, attrs["classname"]+" / "+attrs["name"])
		}
		for _, inner := range e.Inner {
			if !slices.Contains(strings.Fields(rule.in), inner.XMLName.Local) {
				t.Errorf("<%s> in <%s>", inner.XMLName.Local, e.XMLName.Local)
			}
			look(inner)
		}
	}
	if root.XMLName.Local != "testsuites" {
		t.Errorf("<%s> at the top", root.XMLName.Local)
	}
	look(root)
	sorted := slices.Sorted(slices.Values(tests))
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			t.Errorf("%s stands twice", sorted[i])
		}
	}
	return tests
}

func TestP2EveryTestOfAJUnitReportIsOne(t *testing.T) {
	const text = "scenario: same title\nplugins: {aa: {package: ../p}}\nconnection: {protocol: ssh}\nexpect: {outcome: connected}\ncases: [{name: one}, {name: 'one [worker]'}, {name: two, scenario: 'same title: one', expect: {outcome: denied}}]\n"
	dir := put(t, with(map[string]string{"a/s.yaml": text, "a.s.yaml/x": "", "b/s.yaml": text, "a/s_yaml.yaml": strings.ReplaceAll(text, "one}", "\"o\\u0001ne <&> \\\"\"}"), "c/bad.yaml": "scenario: [\n"},
		"p/", accepting(likesEverybody)))
	report := filepath.Join(dir, "report.xml")
	t.Chdir(dir)
	called(t, "plugin", "test", "--mode", "both", "--junit", report, "a", "b", "./b/s.yaml", "c")
	tests := junit(t, report)
	if len(tests) != 19 { // three files of three cases in two modes, and one that cannot be read
		t.Errorf("%d tests: %q", len(tests), tests)
	}
	for _, want := range []string{"a.s / same title: one", "a.s / same title: one [worker]", "b.s / same title: one", "b.s / same title: one: two [worker]"} {
		if !slices.Contains(tests, want) {
			t.Errorf("%q is missing in %q", want, tests)
		}
	}
}

func TestP3OneBadFileIsOneBrokenCase(t *testing.T) {
	const head = "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\nexpect: {outcome: connected}\n"
	dir := put(t, with(map[string]string{"good.yaml": head, "typo.yaml": strings.Replace(head, "plugins", "plugin", 1) + "cases: [{name: a}, {name: b}]\n", "yaml.yaml": "scenario: [\n",
		"case.yaml": head + "cases:\n  - name: fine\n  - name: wrong\n    expect: {outcom: denied}\n  - {nam: x}\n  - name: fine\n"}, "p/", accepting(likesEverybody)))
	t.Chdir(dir)
	code, out, errs := called(t, "plugin", "test", "--junit", "r.xml", "--json", "r.json", "good.yaml", "typo.yaml", "yaml.yaml", "case.yaml", "gone.yaml")
	if tests := junit(t, "r.xml"); code != 4 || len(tests) != 8 || !strings.Contains(out, "2 passed, 6 failed") {
		t.Errorf("exit code %d, %q\n%s%s", code, tests, out, errs)
	}
	for _, want := range []string{"typo.yaml:2:1: unknown key `plugin`, did you mean `plugins`?", "yaml.yaml:2:1: ", "case.yaml:8:14: unknown key `outcom`, did you mean `outcome`?", "case.yaml:9:5: cases[2] has no name",
		"case.yaml:10:11: two cases are called \"fine\"", "there is no scenario gone.yaml"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%s is not said:\n%s", want, errs)
		}
	}
	verdicts := func() (all []string) {
		var results []struct{ Verdict, Problem, Label string }
		text, err := os.ReadFile("r.json")
		if err == nil {
			err = json.Unmarshal(text, &results)
		}
		if err != nil || results == nil {
			t.Fatalf("%v %s", err, text)
		}
		for _, r := range results {
			all = append(all, r.Verdict)
			if r.Verdict == "broken" && r.Problem == "" {
				t.Errorf("%s is broken, and nobody says why", r.Label)
			}
		}
		return all
	}
	if got := strings.Join(verdicts(), " "); got != "passed broken broken passed broken broken broken broken" {
		t.Error(got)
	}

	// No case at all, by an empty folder and by a filter.
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"empty"}, {"--filter", "nobody", "good.yaml"}} {
		os.Remove("r.xml")
		os.Remove("r.json")
		code, _, errs := called(t, append([]string{"plugin", "test", "--junit", "r.xml", "--json", "r.json"}, args...)...)
		if got := strings.Join(verdicts(), " "); code != 4 || got != "broken" || len(junit(t, "r.xml")) != 1 {
			t.Errorf("%v: exit code %d, %s\n%s", args, code, got, errs)
		}
	}

	// Somebody gave up before it began.
	os.Remove("r.json")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("interrupted"))
	var o, e strings.Builder
	code = run(ctx, []string{"plugin", "test", "--junit", "r.xml", "--json", "r.json", "case.yaml"}, strings.NewReader(""), &o, &e)
	if got := strings.Join(verdicts(), " "); code != 4 || got != "broken broken broken broken" {
		t.Errorf("exit code %d, %s", code, got)
	}
}

func TestP4ExitCodesAreThoseOfTheContract(t *testing.T) {
	raises := accepting("        1 / 0\n")
	late := accepting(likesEverybody)
	late["main.py"] = strings.Replace(late["main.py"], `print("goodbye")`, "1 / 0", 1)
	files := with(with(with(map[string]string{
		"late.yaml":    "scenario: x\nplugins: {aa: {package: late}}\nconnection: {protocol: ssh}\nexpect: {outcome: connected}\n",
		"spoken.yaml":  "scenario: x\nplugins: {aa: {package: late}}\nconnection: {protocol: ssh}\nexpect: {outcome: connected, session_ended: {error: exception}}\n",
		"silent.yaml":  "scenario: x\nplugins: {aa: {package: raises}}\nconnection: {protocol: ssh}\n",
		"bad/MANIFEST": "name: a-b\n"}, "raises/", raises), "late/", late), "good/", accepting(likesEverybody))
	dir := put(t, files)
	t.Chdir(dir)
	for line, want := range map[string]int{
		"run good": 0, "run raises": 3, "run late": 3, "run bad": 2, "run gone": 2, "run good --seed nowhere.yaml": 4, "run good --mode slow": 4, "run": 4, "run good --limit a=b": 4, "run good --sps 5.x": 4, "run good --nothing": 4,
		"test late.yaml": 3, "test spoken.yaml": 0, "test silent.yaml": 3, "test": 4, "test gone.yaml": 4, "test late.yaml --filter (": 4, "test late.yaml --mode slow": 4, "test late.yaml --junit no/where.xml": 4, "test late.yaml --limit cpu=x": 4,
		"test spoken.yaml --python no-such-python": 4, "check good": 0, "check bad": 2, "check good --sps 5.x": 4, "check": 4, "init bad": 2, "init good --sps 5.x": 4, "nothing": 4, "test spoken.yaml --parallel x": 4,
	} {
		if code, out, errs := called(t, append([]string{"plugin"}, strings.Fields(line)...)...); code != want {
			t.Errorf("%s: exit code %d, want %d\n%s%s", line, code, want, out, errs)
		}
	}
	if code, _, _ := called(t, "ctl", "--nothing"); code != 2 {
		t.Errorf("wrong use of other commands: %d", code)
	}
}

func TestP5HintsReachTheUser(t *testing.T) {
	sdk := packaged("aa", "")
	sdk["main.py"] = "#!/usr/bin/env pluginwrapper3\nfrom safeguard.sessions.nothing import AAPlugin\n"
	dir := put(t, with(map[string]string{
		"s.yaml": "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\n", "expected.yaml": "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\nexpect: {outcome: connected, error: timeout}\n"}, "p/", sdk))
	t.Chdir(dir)
	const hint = "the Plugin SDK is not importable in "
	_, out, _ := called(t, "plugin", "test", "--junit", "r.xml", "--json", "r.json", "s.yaml")
	_, ran, _ := called(t, "plugin", "run", "p")
	_, failed, _ := called(t, "plugin", "test", "expected.yaml")
	report, _ := os.ReadFile("r.xml")
	all, _ := os.ReadFile("r.json")
	for where, text := range map[string]string{"the terminal": out, "plugin run": ran, "a failure": failed, "JUnit": string(report), "JSON": string(all)} {
		if !strings.Contains(text, hint) {
			t.Errorf("%s does not say it:\n%s", where, text)
		}
	}
	if strings.Count(out, hint) < 2 {
		t.Errorf("it is either in the problem or in the timeline:\n%s", out)
	}
}

func TestP7ScalarsMayBeExpectedAsTheyAre(t *testing.T) {
	for metadata, ways := range map[string][]string{
		`"123456"`: {`"123456"`, "123456"}, `"007"`: {"007", `"007"`}, `"true"`: {"true", `"true"`}, `"1e3"`: {"1e3", `"1e3"`}, `"null"`: {`"null"`}, `"1.10"`: {"1.10", `"1.10"`}, `"0x10"`: {"0x10"}, `"2031-02-03"`: {"2031-02-03"},
		`"[1]"`: {`"[1]"`, "[1]"}, `'{"reason": 12}'`: {"{reason: 12}", `'{"reason": 12}'`, "any", "/reason/"}, `'"quoted"'`: {"quoted", `'"quoted"'`}, `"yes"`: {"yes"}, `'{"reason": "12"}'`: {`{reason: "12"}`, "{reason: 12}"},
	} {
		var cases strings.Builder
		for i, way := range ways {
			fmt.Fprintf(&cases, "  - {name: n%d, expect: {authenticate: {metadata: %s, reason: 42}}}\n", i, way)
		}
		dir := put(t, with(map[string]string{"s.yaml": "scenario: x\nmode: worker\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\nexpect: {outcome: connected}\ncases:\n" + cases.String() +
			"  - {name: another, expect: {authenticate: {metadata: \"99\"}}}\n"}, "p/", accepting("        return {\"verdict\": \"ACCEPT\", \"reason\": \"42\", \"additional_metadata\": "+metadata+"}\n")))
		_, out, errs := called(t, "plugin", "test", filepath.Join(dir, "s.yaml"))
		if !strings.Contains(out, fmt.Sprintf("%d passed, 1 failed", len(ways))) {
			t.Errorf("%s:\n%s%s", metadata, out, errs)
		}
	}
}

// person types lines, and then does nothing for as long as the test runs.
type person struct {
	lines io.Reader
	rest  chan struct{}
	quiet chan struct{} // closed when there is nothing more to read
}

func (p *person) Read(b []byte) (int, error) {
	if n, err := p.lines.Read(b); err == nil {
		return n, nil
	}
	close(p.quiet)
	<-p.rest
	return 0, io.EOF
}

func TestP8CtrlCAtAPromptHangsUp(t *testing.T) {
	dir := put(t, with(map[string]string{}, "p/", accepting("        if \"who\" not in key_value_pairs:\n            return {\"verdict\": \"NEEDINFO\", \"question\": (\"who\", \"Who? \"), \"cookie\": {\"asked\": 1}}\n"+
		"        return {\"verdict\": \"NEEDINFO\", \"question\": (\"more\", \"More? \")}\n")))
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	for _, mode := range []string{"fresh", "worker"} {
		ctx, stop := context.WithCancel(t.Context())
		p := &person{lines: strings.NewReader("alice\n"), rest: make(chan struct{}), quiet: make(chan struct{})}
		go func() { <-p.quiet; stop() }()
		var out, errs strings.Builder
		code := run(ctx, []string{"plugin", "run", "--mode", mode, filepath.Join(dir, "p")}, p, &out, &errs)
		close(p.rest)
		if code != 0 || !strings.Contains(out.String(), "goodbye") || !strings.Contains(out.String(), "disconnected") || strings.Contains(out.String(), "authorize") {
			t.Errorf("%s: exit code %d\n%s%s", mode, code, out.String(), errs.String())
		}
		if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
			t.Errorf("%s: %v are left", mode, left)
		}
	}
}
