package manifest_test

import (
	"runtime"
	"strings"
	"testing"

	"counterpart/internal/measure/linear"
	"counterpart/internal/plugins/pluginhost/manifest"
)

var host = manifest.Host{SPS: "9.0.0", API: manifest.API{Major: 1, Minor: 9}}

// What Python prints of the scalars that a YAML 1.1 loader converts.
func TestScalars(t *testing.T) {
	for written, loaded := range map[string]string{
		"1.10": "1.1", "1.0": "1.0", "2": "2", "010": "8", "0x1F": "31", "0b101": "5", "1_000": "1000", "1:30": "90",
		"1.2.3": "1.2.3", "1e3": "1e3", "1.5e+3": "1500.0", "1.0e+17": "1e+17", "0.00001": "1e-05", "1:30.5": "90.5", "+1.0": "1.0",
		"2020-01-01": "2020-01-01", "0o17": "0o17", `"1.10"`: "1.10", "'010'": "010", "09": "09", "1.": "1.0", "123456789012345678901234567890": "123456789012345678901234567890",
	} {
		m, v := manifest.Parse([]byte("name: ab\ntype: aa\napi: 1.0\nentry_point: main.py\nversion: "+written+"\n"), host)
		if m.Version != loaded {
			t.Errorf("%s is loaded as %q, want %q: %v", written, m.Version, loaded, v.Problems)
		}
	}
	for _, word := range []string{"yes", "No", "ON", "off", "true", "FALSE", "~", "null", "", "1", "1.5", "2020-01-01", "[a]", "{a: b}", ".nan", "0b1"} {
		_, v := manifest.Parse([]byte("name: "+word+"\ntype: aa\napi: 1.0\nentry_point: main.py\nversion: 1.0.0\n"), host)
		if v.OK() {
			t.Errorf("name: %s is accepted", word)
		}
	}
	for _, word := range []string{"y", "n", "yEs", "nulls", "Off_line", "e5"} {
		_, v := manifest.Parse([]byte("name: "+word+"x\ntype: aa\napi: 1.0\nentry_point: main.py\nversion: 1.0.0\n"), host)
		if !v.OK() {
			t.Errorf("name: %sx is refused: %v", word, v.Problems)
		}
	}
}

// What PyYAML does not read, and what it does.
func TestStrictness(t *testing.T) {
	const rest = "type: aa\napi: 1.0\nentry_point: main.py\nversion: 1.0.0\n"
	for _, name := range []string{"name: ab\t\n", "name:\tab\n", "name: a\tb\n", "na\tme: ab\n", "name: 'ab'\t\n", "name:\nab\n", "name: }ab\n", "name: ,ab\n", "x: [a\t, b]\nname: ab\n", "\tname: ab\n", "name: ab\t# c\n"} {
		if _, v := manifest.Parse([]byte(name+rest), host); !v.Has("manifest-format") {
			t.Errorf("%q is read: %v", name, v.Problems)
		}
	}
	for _, name := range []string{"name: ab # a\tcomment\n", "#\t\nname: ab\n", "description: 'a\tb'\nname: ab\n", "name:\n  ab\n", "description: |\n  a\tb\nname: ab\n",
		"x:\n- a\n- b\nname: ab\n", "x: {a: 1}\nname: ab\n", "x: [a, b]\nname: ab\n", "x:\n  y: z\nname: ab\n", "x:\nname: ab\n"} {
		if _, v := manifest.Parse([]byte(name+rest), host); !v.OK() {
			t.Errorf("%q is refused: %v", name, v.Problems)
		}
	}
}

// The orders were taken from dpkg --compare-versions.
func TestCompareDebian(t *testing.T) {
	for _, chain := range []string{
		"1.0~~ 1.0~~a 1.0~ 1.0 1.0-1 1.0a 1.0+b 1.0.1",
		"5.10.9 5.11.0~ 5.11.0 5.11.1",
		"7.5.0 8.0.0~ 8.0.0 8.0.5 8.1.0 8.10.0",
		"9.0.0 10.0.0 1:0.1",
	} {
		versions := strings.Fields(chain)
		for i, a := range versions {
			for j, b := range versions {
				got, want := manifest.CompareDebian(a, b), 0
				if i < j {
					want = -1
				} else if i > j {
					want = 1
				}
				if got != want {
					t.Errorf("%s against %s: %d, want %d", a, b, got, want)
				}
			}
		}
	}
	for _, same := range [][2]string{{"1.0", "1.00"}, {"01.2", "1.2"}, {"", "0"}, {"0:1", "1"}} {
		if c := manifest.CompareDebian(same[0], same[1]); c != 0 {
			t.Errorf("%q against %q: %d", same[0], same[1], c)
		}
	}
}

func FuzzManifest(f *testing.F) {
	for _, s := range []string{
		"name: ab\ntype: aa\napi: 1.0\nentry_point: main.py\nversion: 1.10\n", "name: name: x\n", "a: &x [*x]\n", "? a\n: b\n", "{name: ab, api: 1.2}",
		"---\n...\n---\n", "name: |\n  x\n", "!!map {a: b}", "<<: {a: b}\n", "api: 1:30.5\n", "version: 0b_\n", "a: *b", "&a b: *a", "version: !!str\n", "\ufeff", "a: !!str [b]\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, v := manifest.Parse(data, host)
		if v.OK() && (m.Name == "" || m.EntryPoint == "" || m.Version == "" || m.Type == "") {
			t.Errorf("accepted without a name, entry point, version or type: %+v", m)
		}
		for _, p := range v.Problems {
			if p.Text == "" || p.Code == "" {
				t.Errorf("a problem without words: %+v", p)
			}
		}
	})
}

func FuzzCompareDebian(f *testing.F) {
	f.Add("5.11.0~", "5.11.0")
	f.Add("1:2-3", "~")
	f.Fuzz(func(t *testing.T, a, b string) {
		if manifest.CompareDebian(a, b) != -manifest.CompareDebian(b, a) {
			t.Errorf("%q and %q have no order", a, b)
		}
	})
}

// TestS2HostileManifests: a package of a few hundred octets may hold these. What they
// cost is what their length says, and what is said about them is short.
func TestS2HostileManifests(t *testing.T) {
	const rest = "\nname: ab\ntype: aa\napi: 1.0\nentry_point: main.py\nversion: 1.0.0\n"
	for name, c := range map[string]struct{ before, part, after string }{
		"brackets": {"a: ", "[", ""}, "blank lines of a text": {"x: |\n", "\n", ""}, "dashes": {"", "- ", ""}, "braces": {"", "{", ""}, "questions": {"", "? ", ""}, "quotes": {"", `"`, ""},
		"a long key": {"", "k", ": x"}, "tabs": {"", "\t", ""}, "one key again": {"", "name: ab\n", ""}, "a clock": {"version: 1", ":59", ""}, "digits": {"version: 1", "2", ""}, "bits": {"api: 0b1", "0", ""},
		"a fraction": {"api: 1.", "3", ""}, "octal digits": {"scb_min_version: 0", "7", ""}, "a version in parts": {"scb_min_version: 9", ".0", ""}, "a long type": {"type: ", "x", ""},
		"a long name": {"name: ", "x-", ""}, "a long address": {"author_email: a@", "b.", "-@"}, "a list": {"name: [", "a, ", "]"},
	} {
		text := func(n int) string { return c.before + strings.Repeat(c.part, n/len(c.part)) + c.after + rest }
		t.Run(name, func(t *testing.T) {
			linear.Check(t, 240_000, func(n int) func() {
				data := []byte(text(n))
				return func() { manifest.Parse(data, host) }
			})
		})
		most := uint64(100)
		if name == "one key again" { // of 27,000 values each is held against expressions, whose memory the race detector throws away
			most = 1000
		}
		short(t, name, text(240_000), most)
	}
	short(t, "laughs", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"+rest, 100)
}

// short reads a MANIFEST: it must not take much memory (in MiB), nor must there be
// much to say.
func short(t *testing.T, name, text string, most uint64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, v := manifest.Parse([]byte(text), host)
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > most {
		t.Errorf("%s: %d MiB are allocated", name, used)
	}
	if len(v.Problems) > 200 {
		t.Errorf("%s: %d problems", name, len(v.Problems))
	}
	for _, p := range v.Problems {
		if len(p.String()) > 2000 {
			t.Errorf("%s: a message of %d octets", name, len(p.String()))
		}
	}
}
