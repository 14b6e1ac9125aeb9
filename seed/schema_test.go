package seed_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"counterpart/seed"
	"counterpart/seed/worlds"
)

// generic stands for the settings of servers that this package must not know.
type generic struct {
	Listen    string         `yaml:"listen" format:"listen" doc:"Where to listen."`
	TLSListen string         `yaml:"tls_listen"`
	Acct      string         `yaml:"acct_listen"`
	RadSec    string         `yaml:"radsec_listen"`
	Flavour   string         `yaml:"flavour" enum:"ad|openldap"`
	Flow      string         `yaml:"flow"`
	Roles     []any          `yaml:"roles"`
	Token     string         `yaml:"token"`
	Clients   []generics     `yaml:"clients"`
	Tree      *generic       `yaml:"tree"` // settings may contain themselves
	Rest      map[string]any `yaml:"rest"`
}

type generics struct {
	Name   string `yaml:"name"`
	From   string `yaml:"from" required:"true"`
	Secret string `yaml:"secret"`
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := seed.Schema(map[string]any{"native": generic{}, "radius": &generic{}, "ldap": generic{}, "vault": generic{}})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("seed.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("seed.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a text of YAML as an editor sees it.
func asJSON(t *testing.T, src []byte) any {
	t.Helper()
	text, err := json.Marshal(seed.Plain(src))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchemaTakesWhatLoadTakes validates all that is right. The worlds, whose
// blocks only their servers know, are validated beside the table of servers.
func TestSchemaTakesWhatLoadTakes(t *testing.T) {
	s := compile(t)
	check := func(name string, src []byte) {
		if err := s.Validate(asJSON(t, src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	check("example", worlds.Example())
	for path, src := range goodExamples(t) {
		check(path, src)
		if _, err := seed.Load(path, src, seed.Options{Now: now, FS: files(t), Kinds: kinds()}); err != nil {
			t.Errorf("Load refuses %s: %v", path, err)
		}
	}
}

func goodExamples(t *testing.T) map[string][]byte {
	t.Helper()
	paths, _ := filepath.Glob("testdata/good/*.yaml")
	if len(paths) == 0 {
		t.Fatal("no good examples")
	}
	out := map[string][]byte{}
	for _, p := range paths {
		src, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out[p] = src
	}
	return out
}

// TestSchemaRefusesWhatItCanKnow validates the broken examples. A schema knows
// keys, types, words and bounds; not what holds between two places of a file.
func TestSchemaRefusesWhatItCanKnow(t *testing.T) {
	s := compile(t)
	for _, name := range strings.Fields(`
		unknown-key wrong-type number-range number-text quotes-needed missing enum name-form text-form secret yubikey
		window duration no-value empty-name not-a-block server-kind everything-at-once address`) {
		src, err := os.ReadFile("testdata/bad/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(asJSON(t, src)) == nil {
			t.Errorf("%s passes", name)
		}
	}
	for _, src := range []string{"users: [{name: 1}]", "users: [{name: a, colour: red}]", "servers: [{kind: native, lisen: x}]", "servers: [{kind: native, clients: [{name: x}]}]",
		"servers: [{kind: ldap, flavour: AD}]", "servers: [{kind: other}]", "users: [{name: a, devices: [{kind: totp, digits: 5}]}]", "version: 2", "organization: {lockout: {window: 15}}"} {
		if s.Validate(asJSON(t, []byte(src))) == nil {
			t.Errorf("%s passes", src)
		}
	}
}

// TestSchemaHelpsEditors: descriptions, defaults and words are in it.
func TestSchemaHelpsEditors(t *testing.T) {
	text, err := seed.Schema(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"$schema": "https://json-schema.org/draft/2020-12/schema"`, `"default": "SHA1"`, `"must_change_password"`, `"description": "Login name. Upper and lower case are the same."`, `"maximum": 1000000`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s is not in the schema", want)
		}
	}
	again, _ := seed.Schema(nil)
	if !bytes.Equal(text, again) {
		t.Error("two schemas differ")
	}
	if _, err := seed.Schema(map[string]any{"x": 3}); err == nil {
		t.Error("settings that are a number are taken")
	}
}
