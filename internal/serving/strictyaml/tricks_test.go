package strictyaml_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"counterpart/internal/measure/linear"
	"counterpart/internal/serving/strictyaml"
)

// TestS2EndsOfLinesOfAnyKind: a line ends where every editor ends it, for places and
// for limits alike.
func TestS2EndsOfLinesOfAnyKind(t *testing.T) {
	small := strictyaml.Config{What: "scenario", Limits: strictyaml.SmallLimits()}
	root, wrong := parse(t.Context(), []byte("a: b\rc: &x d\r\re: [f\rg: h\r"), small)
	if root != nil || !strings.Contains(wrong.Error(), "4:") {
		t.Errorf("a mistake behind bare carriage returns: %v", wrong)
	}
	if root, wrong = parse(t.Context(), []byte("a: b\rc:\r  &x\r  d\r"), small); root == nil || root.Get("c").Line != 4 {
		t.Errorf("places behind bare carriage returns: %+v %v", root.Get("c"), wrong)
	}
	for name, end := range map[string]string{"CR": "\r", "NEL": "\u0085", "LS": "\u2028", "PS": "\u2029"} {
		for part, what := range map[string]string{"%d:": "keys", "-": "items"} {
			text := attack{part: part + end, numbered: strings.Contains(part, "%")}.text(1_000_000)
			for _, lenient := range []bool{false, true} {
				c := small
				c.Lenient = lenient
				if root, wrong := parse(t.Context(), text, c); root != nil || len(wrong.Problems) != 1 {
					t.Errorf("more %s than there may be, ended by %s (lenient: %v): %d mistakes", what, name, lenient, len(wrong.Problems))
				}
			}
		}
		if name == "CR" {
			continue
		}
		_, wrong := parse(t.Context(), []byte("a: b\nc: \"d"+end+"e\"\n"), small)
		if want := fmt.Sprintf("2:6: the character U+%04X ends a line for some and not for others", []rune(end)[0]); !strings.Contains(wrong.Error(), want) {
			t.Errorf("%s in a text: %v, want %s", name, wrong, want)
		}
		root, wrong := parse(t.Context(), []byte("a: b"+end+"c: d\n"), strictyaml.Config{What: "MANIFEST", Limits: small.Limits, Lenient: true})
		if root == nil || root.Get("c").Text != "d" || root.Get("c").Line != 2 {
			t.Errorf("%s to a reader of YAML 1.1: %v", name, wrong)
		}
	}
}

// TestS2ControlCharactersHaveAPlace: as every other mistake has.
func TestS2ControlCharactersHaveAPlace(t *testing.T) {
	small := strictyaml.Config{What: "scenario", Limits: strictyaml.SmallLimits()}
	for text, want := range map[string]string{
		"a: b\nc: d\x01\n":        `2:5: the character U+0001 cannot stand in a text, write "\u0001" in double quotes`,
		"a: b\n# \x1b[31m\n":      "2:3: the character U+001B",
		"a: ä\ufffe\n":            "1:5: the character U+FFFE",
		"a: b\nc: \"\xed\xa0\x80": "2:5: this is not text in UTF-8", // half of a surrogate pair
		"a: b\nc: \xc0\xaf":       "2:4: this is not text in UTF-8", // overlong
		"a: \xf4\x90\x80\x80":     "1:4: this is not text in UTF-8", // beyond Unicode
	} {
		if _, wrong := parse(t.Context(), []byte(text), small); !strings.Contains(wrong.Error(), want) {
			t.Errorf("%q: %v, want %s", text, wrong, want)
		}
	}
	if root, wrong := parse(t.Context(), []byte("a: \"\\u0001\\u2028\x7f\"\n"), small); root == nil || root.Get("a").Text != "\x01\u2028\x7f" {
		t.Errorf("escaped ones are text: %v", wrong)
	}
}

// TestS2WhatMayBeAKeyIsNotHeldBack: a list in brackets behind what may be a key,
// however it is written, costs no more than one behind a key.
func TestS2WhatMayBeAKeyIsNotHeldBack(t *testing.T) {
	limits := strictyaml.SeedLimits()
	body := strings.Repeat("{a: b},", 200_000)
	for name, before := range map[string]string{"explicit value": "? k\n: [", "quotes": "\"k\" [", "quotes of two lines": "\"k\n l\" [", "single quotes": "'it''s' [", "alias": "x: &a b\n*a [",
		"item with quotes": "- \"k\" [", "anchor and quotes": "&a \"k\" [", "two explicit": ": - ? [", "quotes and a line": "\"k\"\n [",
		"a quote before": "x: |\n  \"\n? k\n: ["} {
		var before1, after runtime.MemStats
		text := []byte(before + body + "]\n")
		runtime.GC()
		runtime.ReadMemStats(&before1)
		_, wrong := parse(context.Background(), text, strictyaml.Config{What: "seed", Limits: limits})
		runtime.ReadMemStats(&after)
		if used := (after.TotalAlloc - before1.TotalAlloc) >> 20; used > 100 || len(wrong.Problems) == 0 {
			t.Errorf("%s: %d MiB are allocated for %d kB, %.200s", name, used, len(text)>>10, wrong.Error())
		}
	}
}

// TestS2DecodingManyUnknownKeys: finding what was meant is for the first mistakes.
func TestS2DecodingManyUnknownKeys(t *testing.T) {
	small := strictyaml.Config{What: "scenario", Limits: strictyaml.SmallLimits()}
	asked := 0
	for _, n := range []int{2_000, 40_000} {
		text := attack{part: "unknown_key_number_%d: v\n", numbered: true}.text(n * 25)
		allocs := int(testing.AllocsPerRun(1, func() {
			var v struct {
				Title string `yaml:"title"`
				Parts []struct {
					Name, Size, Colour, Weight, Height, Width, Depth string
				} `yaml:"parts"`
			}
			_, err := strictyaml.Decode(context.Background(), text, small, &v)
			if err == nil || !strings.Contains(err.Error(), "more mistakes follow") {
				t.Fatalf("%.200v", err)
			}
		}))
		if asked > 0 && allocs > 25*asked {
			t.Errorf("20 times the keys take %d allocations rather than %d", allocs, asked)
		}
		if asked = allocs; allocs > 60*n {
			t.Errorf("%d keys take %d allocations", n, allocs)
		}
	}
	linear.Check(t, 40_000, func(n int) func() {
		text := attack{part: "unknown_key_number_%d: v\n", numbered: true}.text(n * 25)
		return func() {
			var v struct{}
			_, _ = strictyaml.Decode(context.Background(), text, small, &v)
		}
	})
}

// TestWrittenKeepsWhatIsWritten: a code with a zero before it and a version with one
// behind it are what they were when the tree has become a text again.
func TestWrittenKeepsWhatIsWritten(t *testing.T) {
	small := strictyaml.Config{What: "scenario", Limits: strictyaml.SmallLimits()}
	root, wrong := parse(t.Context(), []byte("a: 012345\nb: 7.10\nc: 1e3\nd: True\ne: 7\nf: [0x1F, 1_000, ~, x, '07', -08]\n"), small)
	if root == nil {
		t.Fatal(wrong)
	}
	want := `map[a:012345 b:7.10 c:1e3 d:True e:7 f:[0x1F 1_000 <nil> x 07 -08]]`
	if got := fmt.Sprint(root.Written()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for text, want := range map[string]uint64{"010": 10, "0x10": 16, "+7": 7, "1_0": 10, "18446744073709551615": 1<<64 - 1} {
		if got, err := strictyaml.ParseUnsigned(text); err != nil || got != want {
			t.Errorf("%s is %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "_1", "18446744073709551616", "1.0", "++1"} {
		if got, err := strictyaml.ParseUnsigned(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}
