package seed

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// probe is one key of the schema: how to write a file that sets it, and the path
// by which a problem of it is reported.
type probe struct {
	f            field
	before, path string
	after        string
}

// probes walks the schema from the top.
func probes(t reflect.Type, before, path, after string) []probe {
	var out []probe
	for _, f := range layoutOf(t).fields {
		p := probe{f, before + f.key + ": ", join(path, f.key), after}
		out = append(out, p)
		inner := f.typ
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		open, closing, at := "{", "}", p.path
		if inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct {
			open, closing, at, inner = "[{", "}]", p.path+"[0]", inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner.NumField() > 0 && layoutOf(inner).at >= 0 {
			out = append(out, probes(inner, p.before+open, at, closing+after)...)
		}
	}
	return out
}

func (p probe) file(value string) string { return p.before + value + p.after + "\n" }

// complain loads a file and returns what is said about exactly this key.
func (p probe) complain(t *testing.T, value string) string {
	t.Helper()
	_, err := Load("probe.yaml", []byte(p.file(value)), Options{Now: time.Unix(0, 0)})
	var list *Error
	if !errors.As(err, &list) {
		return ""
	}
	for _, x := range list.Problems {
		if x.Path == p.path || strings.HasPrefix(x.Path, p.path+"[") {
			if x.Line != 1 || x.Column <= len(p.before)-len(p.f.key)-2 {
				t.Errorf("%s: reported at %d:%d", p.path, x.Line, x.Column)
			}
			return x.String()
		}
	}
	return ""
}

// TestEveryKeyRefusesAnotherType writes a value of the wrong type to each key.
func TestEveryKeyRefusesAnotherType(t *testing.T) {
	all := probes(reflect.TypeFor[file](), "", "", "")
	if len(all) < 120 {
		t.Fatalf("only %d keys", len(all))
	}
	for _, p := range all {
		t.Run(p.path, func(t *testing.T) {
			if p.complain(t, "[[1]]") == "" {
				t.Errorf("nothing said about\n%s", p.file("[[1]]"))
			}
			if k := p.f.typ.Kind(); k != reflect.Slice && k != reflect.Map && k != reflect.Struct || p.f.typ == timeType {
				if p.f.typ.Kind() == reflect.Pointer && p.f.typ.Elem().Kind() == reflect.Struct {
					return
				}
				if said := p.complain(t, ""); !strings.Contains(said, "has no value") {
					t.Errorf("a key without a value: %q", said)
				}
			}
		})
	}
}

// TestEveryTagIsObeyed breaks each key in the ways that its tags forbid.
func TestEveryTagIsObeyed(t *testing.T) {
	tried := map[string]int{}
	for _, p := range probes(reflect.TypeFor[file](), "", "", "") {
		wrap := func(s string) string {
			if p.f.typ.Kind() == reflect.Slice {
				return "[" + s + "]"
			}
			return s
		}
		expect := func(tag, value string) {
			tried[tag]++
			if p.complain(t, value) == "" {
				t.Errorf("%s: the tag %s is not obeyed by `%s`", p.path, tag, value)
			}
		}
		if len(p.f.enum) > 0 {
			expect("enum", wrap("no-such-word"))
		}
		if p.f.ref != "" {
			// A group without a name makes all groups unknown.
			p.before = strings.Replace(p.before, "groups: [{", "groups: [{name: g, ", 1)
			expect("ref", wrap("nobody-of-that-name"))
		}
		if p.f.format != "" && p.f.format != "any" && p.f.typ.Kind() != reflect.Map {
			expect("format", wrap(`"\u0001 :/@"`))
		}
		if p.f.typ == durationType {
			if p.f.min == "" {
				expect("min", "-1s")
			}
			expect("unit", "17")
		}
		number := p.f.typ
		if number.Kind() == reflect.Slice {
			number = number.Elem()
		}
		if number.Kind() == reflect.Int || number.Kind() == reflect.Uint64 {
			if p.f.min != "" {
				expect("min", wrap("-99999999"))
			}
			if p.f.max != "" {
				expect("max", wrap("9223372036854775807"))
			}
		}
	}
	for _, tag := range []string{"enum", "ref", "format", "min", "max", "unit"} {
		if tried[tag] < 5 {
			t.Errorf("the tag %s was tried %d times only", tag, tried[tag])
		}
	}
}

// TestEveryRequiredKeyIsMissed leaves each required key out.
func TestEveryRequiredKeyIsMissed(t *testing.T) {
	for _, p := range probes(reflect.TypeFor[file](), "", "", "") {
		if !p.f.required {
			continue
		}
		block := strings.TrimSuffix(p.before, p.f.key+": ") + "x-nothing: 1" + p.after
		_, err := Load("probe.yaml", []byte(block), Options{})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("`%s` is missing", p.f.key)) {
			t.Errorf("%s: left out of %s: %v", p.path, block, err)
		}
	}
}

// TestEveryKeyIsDocumented wants a sentence for each key, a default that can be
// read, and words and formats that exist.
func TestEveryKeyIsDocumented(t *testing.T) {
	for _, p := range probes(reflect.TypeFor[file](), "", "", "") {
		if !strings.HasSuffix(p.f.doc, ".") && !strings.HasSuffix(p.f.doc, "…") {
			t.Errorf("%s: doc %q is no sentence", p.path, p.f.doc)
		}
		if _, known := formats[p.f.format]; p.f.format != "" && !known {
			t.Errorf("%s: unknown format %q", p.path, p.f.format)
		}
		if p.f.standard != "" {
			d := &decoder{report: &reporter{}, layouts: layouts{}}
			d.value(written(p.f.standard), reflect.New(p.f.typ).Elem(), p.f)
			if len(d.report.problems) > 0 {
				t.Errorf("%s: default %q: %v", p.path, p.f.standard, d.report.problems)
			}
		}
	}
}

// TestFullExampleIsFull: the good example has every key, so that Load and the
// JSON Schema are compared on each.
func TestFullExampleIsFull(t *testing.T) {
	src, err := os.ReadFile("testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range probes(reflect.TypeFor[file](), "", "", "") {
		if !strings.Contains(string(src), p.f.key+":") {
			t.Errorf("%s is not in full.yaml", p.path)
		}
	}
}
