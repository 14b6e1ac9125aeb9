package seed_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"counterpart/seed"
)

// settings is what a server's block may look like.
type settings struct {
	Listen  string              `yaml:"listen" default:":8080" format:"listen"`
	Flavour string              `yaml:"flavour" enum:"ad|openldap"`
	TLS     *bool               `yaml:"tls"`
	Delay   *time.Duration      `yaml:"delay" min:"0s"`
	Every   time.Duration       `yaml:"every" default:"5m"`
	Max     int                 `yaml:"max" min:"1" max:"10"`
	Share   float64             `yaml:"share"`
	Port    uint16              `yaml:"port"`
	From    netip.Prefix        `yaml:"from"`
	Clients []nested            `yaml:"clients"`
	Nested  nested              `yaml:"nested"`
	Who     string              `yaml:"who" ref:"user"`
	Extra   map[string]any      `yaml:"extra"`
	Reply   map[string][]string `yaml:"reply"`
	Any     any                 `yaml:"any"`
	Colour  colour              `yaml:"colour"`
	Either  either              `yaml:"either"`
	common  `yaml:",inline"`
	Common  common `yaml:",inline"`
	Untaggd string
	Hidden  string `yaml:"-"`
}

type nested struct {
	Name string `yaml:"name" required:"true"`
	Size int    `yaml:"size" default:"3"`
}

type common struct {
	Shared bool `yaml:"shared"`
}

// colour decodes itself from text.
type colour string

func (c *colour) UnmarshalText(b []byte) error {
	if string(b) != "red" {
		return fmt.Errorf("%s is not red", b)
	}
	*c = "RED"
	return nil
}

// either decodes itself from a text or a block, as the YAML library has it.
type either struct{ name string }

func (e *either) UnmarshalYAML(decode func(any) error) error {
	if decode(&e.name) == nil {
		return nil
	}
	var block struct {
		Name string `yaml:"name"`
	}
	err := decode(&block)
	e.name = block.Name
	return err
}

func block(t *testing.T, text string) seed.ServerBlock {
	t.Helper()
	s := load(t, "test.yaml", []byte("users: [{name: alice}]\nservers:\n  - kind: x\n"+text))
	return s.Servers[0]
}

func TestDecode(t *testing.T) {
	var got settings
	err := block(t, `
    flavour: ad
    tls: false
    delay: 1s
    max: 7
    share: 0.5
    port: 1812
    from: 127.0.0.0/8
    clients: [{name: a}, {name: b, size: 4}]
    who: alice
    extra: {a: 1, b: [x, true, 1.5, null], c: {d: "2"}}
    reply: {Class: [a, 1], Filter-Id: x}
    any: 3
    colour: red
    either: {name: y}
    shared: true
    untaggd: z
`).Decode(&got)
	if err != nil {
		t.Fatal(err)
	}
	no, second := false, time.Second
	want := settings{Listen: ":8080", Flavour: "ad", TLS: &no, Delay: &second, Every: 5 * time.Minute, Max: 7, Share: 0.5, Port: 1812,
		From: netip.MustParsePrefix("127.0.0.0/8"), Clients: []nested{{"a", 3}, {"b", 4}}, Nested: nested{Size: 3}, Who: "alice",
		Extra: map[string]any{"a": 1, "b": []any{"x", true, 1.5, nil}, "c": map[string]any{"d": "2"}},
		Reply: map[string][]string{"Class": {"a", "1"}, "Filter-Id": {"x"}}, Any: 3, Colour: "RED", Either: either{"y"},
		Common: common{true}, Untaggd: "z"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestDecodeKeepsWhatTheServerFilledIn: a default of a tag is for a zero value.
func TestDecodeKeepsWhatTheServerFilledIn(t *testing.T) {
	got := settings{Listen: ":9", Max: 4, Nested: nested{Name: "n", Size: 9}}
	if err := block(t, "    max: 5\n").Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Listen != ":9" || got.Max != 5 || got.Nested != (nested{"n", 9}) || got.Every != 5*time.Minute {
		t.Errorf("%+v", got)
	}
}

func TestDecodeReportsEverything(t *testing.T) {
	b := block(t, `    lisen: ":1"
    flavour: AD
    max: 11
    port: 70000
    delay: -1s
    clients: [{size: 1}, x]
    who: alise
    colour: blue
    either: {nmae: y}
    tls: "yes"
`)
	var into settings
	want := strings.TrimSpace(`
test.yaml:4:5: unknown key ` + "`lisen`, did you mean `listen`?" + `
test.yaml:5:14: ` + "`flavour` cannot be `AD`, did you mean `ad`?" + `
test.yaml:6:10: ` + "`max` cannot be 11, it goes from 1 to 10" + `
test.yaml:7:11: ` + "`port` cannot be 70000, it goes from 0 to 65535" + `
test.yaml:8:12: ` + "`delay` cannot be -1s, it is at least 0s" + `
test.yaml:9:15: ` + "`name` is missing" + `
test.yaml:9:26: ` + "an item of `clients` must be a block of keys, not text, write `name: x`" + `
test.yaml:10:10: ` + "there is no user `alise`, did you mean `alice`?" + `
test.yaml:11:13: ` + "`colour`: blue is not red" + `
test.yaml:12:14: ` + "unknown key `nmae`, did you mean `name`?" + `
test.yaml:13:10: ` + "`tls` must be true or false, not text, write true")
	err := b.Decode(&into)
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	other := block(t, "    port: -1\n").Decode(&into)
	var all *seed.Error
	if merged := seed.Merge(err, nil, other); !errors.As(merged, &all) || len(all.Problems) != 12 {
		t.Errorf("merged: %v", merged)
	}
	if seed.Merge(nil, nil) != nil {
		t.Error("no errors make an error")
	}
	if got := seed.Merge(err, errors.New("another")); !strings.HasSuffix(got.Error(), "another") {
		t.Errorf("a foreign error is lost: %v", got)
	}
}

func TestDecodeRefusesOddSettings(t *testing.T) {
	b := block(t, "    a: 1\n    b: {1: 2}\n")
	for _, v := range []any{nil, 3, settings{}, (*settings)(nil), new(int)} {
		if b.Decode(v) == nil {
			t.Errorf("decoded into %T", v)
		}
	}
	var odd struct {
		A chan int    `yaml:"a"`
		B map[int]int `yaml:"b"`
	}
	if err := b.Decode(&odd); err == nil || strings.Count(err.Error(), "cannot be read into") != 2 {
		t.Errorf("got %v", err)
	}
}

func TestServerNames(t *testing.T) {
	s := load(t, "test.yaml", []byte("servers: [{kind: a}, {kind: a}, {kind: a, name: a-3}, {kind: a}, {kind: b, name: x}]"))
	var names []string
	for _, b := range s.Servers {
		names = append(names, b.Name)
	}
	if got := strings.Join(names, " "); got != "a a-2 a-3 a-4 x" {
		t.Errorf("got %s", got)
	}
	if p := s.Servers[1].Pos.String(); p != "test.yaml:1:22" {
		t.Errorf("second server at %s", p)
	}
}
