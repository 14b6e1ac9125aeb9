package grammar

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

type serve struct {
	Seed  string            `arg:"" optional:"" default:"demo" help:"A seed."`
	Ports string            `enum:"seed,auto" default:"seed" help:"Which (${enum})."`
	Sync  string            `enum:"always,never," help:"When."`
	Token *string           `help:"A token."`
	Wait  time.Duration     `short:"w" help:"How long."`
	Arg   map[string]string `short:"a" help:"More."`
	Quiet bool              `help:"Say nothing."`
	Size  int               `default:"6" help:"How much."`
}

type shared struct {
	Only []string `sep:"," help:"Only these."`
	Case []string `help:"Only these cases."`
}

type play struct {
	Files []string `arg:"" name:"file" help:"Files."`
	shared
	Out string `required:"" placeholder:"FILE" help:"Where to."`
	Dir string `type:"existingdir" help:"A folder."`
}

type list struct {
	Number uint64 `arg:"" optional:"" help:"A number."`
}

type show struct{}

type group struct {
	JSON bool `name:"json" help:"As JSON."`
	List list `cmd:"" default:"withargs" help:"List."`
	Show show `cmd:"" help:"Show."`
}

type clock struct {
	Show show `cmd:"" default:"1" help:"Show."`
	Set  struct {
		To time.Duration `arg:"" help:"To what."`
	} `cmd:"" help:"Set."`
}

type root struct {
	Serve serve `cmd:"" default:"withargs" help:"Serve."`
	Play  play  `cmd:"" help:"Play."`
	Group group `cmd:"" help:"Group."`
	Clock clock `cmd:"" help:"Clock."`
	Bare  struct {
		One show `cmd:"" help:"One."`
	} `cmd:"" help:"Bare."`
}

// parse reads a line of words, variables of the environment before it.
func parse(t *testing.T, line string) (*root, any, string, error) {
	t.Helper()
	words := strings.Fields(line)
	variables := map[string]string{}
	for len(words) > 0 && strings.HasPrefix(words[0], "X_") {
		name, value, _ := strings.Cut(words[0], "=")
		variables[name] = value
		words = words[1:]
	}
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "''", "")
	}
	var r root
	var out bytes.Buffer
	g, err := New(&r, Options{Name: "prog", About: "It is a test.", Variables: "X", Getenv: func(name string) string { return variables[name] }, Out: &out, Err: &out})
	if err != nil {
		t.Fatal(err)
	}
	command, err := g.Parse(words)
	return &r, command, out.String(), err
}

func TestParse(t *testing.T) {
	token := "t0ken"
	for line, want := range map[string]any{
		"":                                     serve{Seed: "demo", Ports: "seed", Size: 6},
		"x.yaml":                               serve{Seed: "x.yaml", Ports: "seed", Size: 6},
		"-":                                    serve{Seed: "-", Ports: "seed", Size: 6},
		"--ports auto x.yaml":                  serve{Seed: "x.yaml", Ports: "auto", Size: 6},
		"--ports=auto serve":                   serve{Seed: "demo", Ports: "auto", Size: 6},
		"serve x.yaml --size 7 --quiet":        serve{Seed: "x.yaml", Ports: "seed", Size: 7, Quiet: true},
		"serve --quiet=false -w 90s":           serve{Seed: "demo", Ports: "seed", Size: 6, Wait: 90 * time.Second},
		"serve --sync ''":                      serve{Seed: "demo", Ports: "seed", Size: 6},
		"serve --token t0ken":                  serve{Seed: "demo", Ports: "seed", Size: 6, Token: &token},
		"X_TOKEN=t0ken X_SIZE=8 serve":         serve{Seed: "demo", Ports: "seed", Size: 8, Token: &token},
		"X_SIZE=8 serve --size 9":              serve{Seed: "demo", Ports: "seed", Size: 9},
		"serve -a b=c=d;e --arg f=":            serve{Seed: "demo", Ports: "seed", Size: 6, Arg: map[string]string{"b": "c=d;e", "f": ""}},
		"serve -- --quiet":                     serve{Seed: "--quiet", Ports: "seed", Size: 6},
		"play a b --out o --only 1,2 --only 3": play{Files: []string{"a", "b"}, Out: "o", shared: shared{Only: []string{"1", "2", "3"}}},
		"play a --case x,y --out o":            play{Files: []string{"a"}, Out: "o", shared: shared{Case: []string{"x,y"}}},
		"X_OUT=o play a":                       play{Files: []string{"a"}, Out: "o"},
		"group":                                list{},
		"group 7":                              list{Number: 7},
		"group --json 7":                       list{Number: 7},
		"group --json show":                    show{},
		"group show --json":                    show{},
		"clock":                                show{},
		"clock set 8h":                         struct{ To time.Duration }{8 * time.Hour},
	} {
		_, command, _, err := parse(t, line)
		if err != nil || command == nil {
			t.Errorf("%q: %v, %v", line, command, err)
			continue
		}
		got, wanted := reflect.ValueOf(command).Elem(), reflect.ValueOf(want)
		if got.Type() != wanted.Type() {
			got = got.Convert(wanted.Type())
		}
		if !reflect.DeepEqual(got.Interface(), want) {
			t.Errorf("%q: %+v, not %+v", line, got, want)
		}
	}
	if r, _, _, _ := parse(t, "group show --json"); !r.Group.JSON {
		t.Error("a flag of the group after the command is lost")
	}
}

func TestMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"serve --prots auto":        "unknown flag --prots, did you mean `--ports`?",
		"serve -x":                  "unknown flag -x",
		"serve --ports no":          `--ports must be one of "seed", "auto", not "no"`,
		"serve --ports ''":          `--ports must be one of "seed", "auto", not ""`,
		"serve --size many":         `--size must be a number, not "many"`,
		"serve --wait 5":            `--wait must be a time like 90s or 8h, not "5"`,
		"serve --quiet=maybe":       `--quiet must be true or false, not "maybe"`,
		"serve --arg x":             `--arg must be NAME=VALUE, not "x"`,
		"serve --ports":             "flag needs an argument: --ports",
		"X_SIZE=x serve":            `X_SIZE: must be a number, not "x"`,
		"serve a b":                 "unexpected argument b",
		"play --out o":              `expected "<file> ..."`,
		"play a":                    "missing flags: --out=FILE",
		"play a --out o --dir /no":  "--dir stat /no: no such file or directory",
		"group no":                  `[<number>]: must be a number, not "no"`,
		"clock st 8h":               "unexpected argument st, did you mean `set`?",
		"bare":                      `expected one of "one"`,
		"bare tow":                  "unexpected argument tow, known are `one`",
		"play a --out o --only":     "flag needs an argument: --only",
		"clock set":                 `expected "<to>"`,
		"clock set 8h 9h":           "unexpected argument 9h",
		"group show 7":              "unexpected argument 7",
		"group --jsn show":          "unknown flag --jsn, did you mean `--json`?",
		"no-help":                   "",
		"serve --token a --token b": "",
	} {
		_, _, _, err := parse(t, line)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", line, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%q: %v, not %q", line, err, want)
		}
	}
}

// TestHelp: it is printed, nothing runs, and it names what there is.
func TestHelp(t *testing.T) {
	for line, wants := range map[string][]string{
		"--help":            {"Usage: prog [<command>] [flags]", "It is a test.", "\n  play   Play.\n", "prog <command> --help"},
		"-h":                {"Usage: prog [<command>] [flags]"},
		"serve --help":      {"Usage: prog serve [<seed>] [flags]", "A seed. (default demo)", "--ports WORD", "Which (seed, auto). (default seed)", "-w, --wait TIME", "X_PORTS_FILE"},
		"play x --help":     {"Usage: prog play <file> ... [flags]", "--out FILE"},
		"group show --help": {"Flags of all such commands:", "--json"},
		"clock -h":          {"Usage: prog clock [<command>] [flags]"},
		"bare --help":       {"Usage: prog bare <command> [flags]"},
	} {
		_, command, out, err := parse(t, line)
		if err != nil || command != nil {
			t.Errorf("%q: %v, %v", line, command, err)
		}
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%q does not say %q:\n%s", line, want, out)
			}
		}
	}
}

// FuzzParse: no line of words takes the program down.
func FuzzParse(f *testing.F) {
	f.Add("serve --size 7 -a b=c x.yaml")
	f.Add("play --only=1,2 -- -x")
	f.Add("__complete group --")
	f.Fuzz(func(t *testing.T, line string) { parse(t, line) })
}
