package plan_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"counterpart/internal/plugins/load/plan"
)

var update = flag.Bool("update", false, "rewrite docs/load.md")

const good = `load: x
arrival: [{rate: 10, for: 10s}]
journeys: [{name: a, steps: [{http: {path: /}}]}]
`

// TestEveryMistakeHasItsPlace, and all of a file are told at once.
func TestEveryMistakeHasItsPlace(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{"", "p.yaml:1:1: the plan is empty, `counterpart load init` writes one"},
		{"- 1", "p.yaml:1:1: a plan is a block of keys, not a list"},
		{"load: x\njourneys: []\n", "p.yaml:1:1: the plan does not say when journeys begin, write `arrival: [{rate: 10, for: 30s}]`\np.yaml:2:11: nobody does anything, write `journeys: [{name: login, steps: […]}]`"},
		{good + "drian: 5s\n", "p.yaml:4:1: unknown key `drian`, did you mean `drain`?"},
		{good + "warm_up: 10s\n", "p.yaml:4:10: nothing is left to measure after `warm_up`, the run is 10s long"},
		{good + "lag: 5\n", "p.yaml:4:6: `lag` must be a duration, not `5`, a unit is missing: `5s`?"},
		{good + "closed: {people: 3, for: 5s}\n", "p.yaml:4:9: `arrival` and `closed` are two answers to the same question, remove one"},
		{good + "target: fleet\n", "p.yaml:4:9: `target` is the URL of a control port, not `fleet`, write http://127.0.0.1:8099"},
		{good + "targets: {v: {}}\n", "p.yaml:4:14: the target `v` is nowhere, give it a `url` or an `address`"},
		{good + "at: [{at: 1s}]\n", "p.yaml:4:6: a moment is one thing that happens, give one of `faults`, `clock` and `decide`"},
		{good + "at: [{at: 1h, faults: []}]\n", "p.yaml:4:11: it is over by then, the run is 10s long"},
		{good + "at: [{at: 1s, clock: {}}]\n", "p.yaml:4:22: the clock is not moved, write `advance: 1h`, or `frozen: true`"},
		{good + "expect: [{journey: b, p99: 1s}, {}]\n", "p.yaml:4:20: there is no journey `b`, did you mean `a`?\np.yaml:4:33: nothing is expected, write `p99: 50ms`, or `failed_percent: 0`"},
		{strings.Replace(good, "rate: 10", "rate: 0", 1), "p.yaml:2:10: no journey ever begins, give a stage a rate"},
		{strings.Replace(good, "for: 10s", "for: 10s, steps: 3", 1), "p.yaml:2:39: `steps` has no rate to go to, write `to`, the last rate"},
		{strings.Replace(good, "for: 10s", "for: 10s, spike: {rate: 5, after: 9s, for: 2s}", 1), "p.yaml:2:39: the spike is not over with its stage, the stage is over after 10s"},
		{strings.Replace(good, "{http: {path: /}}", "{http: {path: v1}}, {}, {pause: 1s, radius: {}}, {ldap: {}}, {http: {json: {}, form: {}}}", 1),
			"p.yaml:3:44: a path begins with /, write `/v1`, and the server in `to`\np.yaml:3:50: the step does nothing, write one of `http`, `radius`, `ldap` and `pause`\n" +
				"p.yaml:3:62: a step is one of `radius` and `pause`, begin another step with `- `\n"},
		{strings.Replace(good, "path: /", `path: "/{{ user.nmae }}/{{ token }}/{{ vault.token }}"`, 1), "p.yaml:3:44: no step before has saved {{ user.nmae }}, did you mean `user.name`?"},
		{strings.Replace(good, "path: /", `path: "/{{ x"`, 1), "p.yaml:3:44: a hole begins with {{ and does not end"},
		{strings.Replace(good, "{http: {path: /}}", "{pause: 45s}", 1), "p.yaml:3:12: the journey `a` takes 45s at least, and 30s after the last one has begun the run ends, write `drain: 45s`, or more"},
		{strings.Replace(good, "{http: {path: /}}", "{pause: 25s}", 1) + "in_flight: 200\n", "10 journeys a second that take 25s are 250 at once, and `in_flight` allows 200"},
		{strings.Replace(good, "}]\n}", "", 1) + "random_seed: -1\n", "`random_seed`"},
		{strings.Replace(good, "name: a,", "name: a, weight: 0,", 1), "no journey is ever chosen: all weights are 0"},
		{strings.Replace(good, "{http: {path: /}}", "{http: {path: /}, save: {user.name: /a}}", 1), "`user.name` is no name for what is saved, use letters, digits and _"},
	} {
		_, err := plan.Parse("p.yaml", ".", []byte(x.text))
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s\nsays %v\nnot  %s", x.text, err, x.want)
		}
	}
	if _, err := plan.Parse("p.yaml", ".", []byte(good)); err != nil {
		t.Error(err)
	}
}

// TestValuesThatAreSavedAreKnown to later steps, and to no earlier one.
func TestValuesThatAreSavedAreKnown(t *testing.T) {
	const steps = `{http: {path: /}, save: {token: /t}, issues: {what: token, id: "{{ token }}"}}, {http: {path: "/{{ token }}/{{ totp }}/{{ device.x }}"}}`
	if _, err := plan.Parse("p", ".", []byte(strings.Replace(good, "{http: {path: /}}", steps, 1))); err != nil {
		t.Error(err)
	}
	const other = `{http: {path: "/{{ token }}"}}, {http: {path: /}, save: {token: /t}}`
	if _, err := plan.Parse("p", ".", []byte(strings.Replace(good, "{http: {path: /}}", other, 1))); err == nil || !strings.Contains(err.Error(), "p:3:44: no step before has saved {{ token }}") {
		t.Error(err)
	}
}

// TestTheExampleIsInOrder, for the reader and for editors.
func TestTheExampleIsInOrder(t *testing.T) {
	p, err := plan.Parse("example.yaml", ".", plan.Example())
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Journeys) != 2 || p.Journeys[0].Weight != 3 || p.Journeys[0].Steps[0].Pos != "example.yaml:21:9" || p.Journeys[0].Steps[0].HTTP.Method != "GET" {
		t.Errorf("%+v", p.Journeys[0])
	}
	text, err := plan.Schema()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("plan.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Unmarshal(plan.Example(), &v); err != nil {
		t.Fatal(err)
	}
	round, _ := json.Marshal(v)
	v, _ = jsonschema.UnmarshalJSON(bytes.NewReader(round))
	if err := compiled.Validate(v); err != nil {
		t.Error(err)
	}
}

// TestReference holds the generated part of docs/load.md against the tags.
func TestReference(t *testing.T) {
	const path, mark = "../../../../docs/load.md", "TestReference -update -->\n"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, old, found := strings.Cut(string(doc), mark)
	if !found {
		t.Fatalf("the mark %q is gone", mark)
	}
	made := "\n" + plan.Reference()
	switch {
	case made == old:
	case *update:
		if err := os.WriteFile(path, []byte(head+mark+made), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("docs/load.md is out of date: go test ./internal/plugins/load/plan -run TestReference -update")
	}
}

// FuzzParse: any text is a plan, or is refused with places.
func FuzzParse(f *testing.F) {
	f.Add(plan.Example())
	f.Add([]byte(good))
	f.Add([]byte("load: x\njourneys: [{steps: [{http: {path: '{{'}}]}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := plan.Parse("p", ".", text)
		if (p == nil) == (err == nil) {
			t.Errorf("%v %v", p, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "p:") {
			t.Errorf("no place: %v", err)
		}
	})
}
