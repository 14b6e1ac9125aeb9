package strictjson_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/strictjson"
)

func TestOneValueAndNothingElse(t *testing.T) {
	for text, want := range map[string]string{
		`{"title":"x"}`:  "",
		" {} \n":         "",
		`{"title":"x"}}`: "something behind",
		`{"title":"x"}]`: "something behind",
		`{} {}`:          "something behind",
		`{} x`:           "something behind",
		`{"tilte":"x"}`:  `unknown field "tilte"`,
		`{"title":1}`:    "title cannot be a number",
		`[]`:             "not an array",
		`{"title":"x"`:   "ends early",
		`{"title":"x",}`: "no JSON at octet 14",
	} {
		var v struct {
			Title string `json:"title"`
		}
		err := strictjson.Decode([]byte(text), &v)
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", text, err, want)
		case err != nil && !errors.Is(err, cause.BadInput):
			t.Errorf("%q: %v is no bad input", text, err)
		}
	}
}

// advance is a body with everything that a type may be made of.
type advance struct {
	inner
	Advance string            `json:"advance"`
	Rules   []rule            `json:"rules"`
	Free    map[string]*rule  `json:"free"`
	Any     any               `json:"any"`
	When    *time.Time        `json:"when"`
	Texts   map[string]string `json:"texts"`
	Bare    int
	hidden  int
}

type inner struct {
	Above string `json:"above"`
}

type rule struct {
	Kind string `json:"kind"`
}

// TestNullIsNoValue where a value is meant; where it means something it is passed on.
func TestNullIsNoValue(t *testing.T) {
	for text, want := range map[string]string{
		`{"advance":null}`:                           `"advance" cannot be null`,
		`{"advance": null}`:                          `"advance" cannot be null`,
		`{"above":null}`:                             `"above" cannot be null`,
		`{"Bare":null}`:                              `"Bare" cannot be null`,
		`{"rules":null}`:                             `"rules" cannot be null`,
		`{"rules":[{"kind":"a"}, null]}`:             "the array at octet 10 cannot have null in it",
		`{"rules":[{"kind":null}]}`:                  `"kind" cannot be null`,
		`{"texts":{"a":null}}`:                       `"a" cannot be null`,
		`{"texts":null}`:                             `"texts" cannot be null`,
		`{"free":{"a":null},"any":null,"when":null}`: "",
		`{"any":{"a":null,"b":[null]}}`:              "",
	} {
		var v advance
		err := strictjson.Decode([]byte(text), &v)
		if want == "" && err != nil || want != "" && (!errors.Is(err, cause.BadInput) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestS9OneKeyOneSpelling: what encoding/json would take and nobody meant.
func TestS9OneKeyOneSpelling(t *testing.T) {
	for text, want := range map[string]string{
		`{"advance":"1s","above":"x","rules":[{"kind":"a"},{"kind":"b"}],"free":{"A":{"kind":"c"},"a":{"kind":"d"}},"any":{"A":1,"a":[{}]},"when":"2030-01-01T00:00:00Z","Bare":1}`: "",
		`{"ADVANCE":"1s"}`:                                    `unknown field "ADVANCE", it is written "advance"`,
		`{"Above":"x"}`:                                       `unknown field "Above", it is written "above"`,
		`{"bare":1}`:                                          `unknown field "bare", it is written "Bare"`,
		`{"hidden":1}`:                                        `unknown field "hidden"`,
		`{"rules":[{"kind":"a"},{"Kind":"a"}]}`:               `unknown field "Kind", it is written "kind"`,
		`{"free":{"x":{"KIND":"a"}}}`:                         `it is written "kind"`,
		`{"advance":"1s","advance":"2s"}`:                     `field "advance" is there twice`,
		`{"advance":"1s","adv\u0061nce":"2s"}`:                `field "advance" is there twice`,
		`{"any":{"x":1,"x":1}}`:                               `field "x" is there twice`,
		`{"texts":{"x":"1","y":"2","x":"3"}}`:                 `field "x" is there twice`,
		`{"free":{"x":{"kind":"a","kind":"b"}}}`:              `field "kind" is there twice`,
		"{\"advance\":\"\xff\"}":                              "not in UTF-8",
		"\ufeff{}":                                            "a byte order mark",
		`{"advance":"\ud800"}`:                                "half of a surrogate pair at octet 13",
		`{"advance":"\udc00"}`:                                "half of a surrogate pair",
		`{"advance":"\ud800\u0041"}`:                          "half of a surrogate pair",
		`{"advance":"\ud83d\ude00 \\ud800"}`:                  "",
		`{"\udfff":1}`:                                        "half of a surrogate pair",
		`null`:                                                "not null",
		strings.Repeat("[", 5000) + strings.Repeat("]", 5000): "nested more than 64 deep at octet 65",
		`{"any":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`: "",
		`{"any":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`: "nested more than 64 deep",
		strings.Repeat("[", 1_000_000):                                      "no JSON at octet",
		`{"any":[` + strings.Repeat("0,", 250_000) + `0]}`:                  "more than 200000 values",
		`{"` + strings.Repeat("k", 100_000) + `":1}`:                        "…",
		`{"any":"` + strings.Repeat("x", 17<<20) + `"}`:                     "the limit is 16777216",
	} {
		var v advance
		err := strictjson.Decode([]byte(text), &v)
		name := text[:min(len(text), 60)]
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", name, err, want)
		case err != nil && !errors.Is(err, cause.BadInput):
			t.Errorf("%s: %v is no bad input", name, err)
		case err != nil && len(err.Error()) > 300:
			t.Errorf("%s: a message of %d octets", name, len(err.Error()))
		}
		_ = v.hidden
	}
}

// BenchmarkDecode is bodies of 1, 2, 4 and 8 MB; the time per octet is to stay
// what it is.
func BenchmarkDecode(b *testing.B) {
	for name, part := range map[string]string{"texts": `"abc",`, "escapes": `"\ud83d\ude00",`, "objects": `{"a":1,"b":[]},`, "numbers": "1.5e3,", "blanks": "0,          "} {
		for _, mb := range []int{1, 2, 4, 8} {
			text := []byte(`{"any":[` + strings.Repeat(part, mb*1_000_000/len(part)) + `0]}`)
			b.Run(name+"/"+strconv.Itoa(mb)+"MB", func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					var v advance
					_ = strictjson.Decode(text, &v)
				}
			})
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"rules":[{"kind":"reset"}]}`)
	f.Add(`{"rules":[{"kind":"delay"}]} x`)
	f.Add(`{"rules":[]}}`)
	f.Add(`{"rules":[{"Kind":"x","Kind":"\ud800"}],"any":{"a":{"a":[1.5,null,true]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		_ = strictjson.Decode([]byte(text), &advance{})
		var v struct {
			Rules []struct{ Kind string } `json:"rules"`
		}
		err := strictjson.Decode([]byte(text), &v)
		if err == nil && !json.Valid([]byte(text)) {
			t.Errorf("%q is taken and is no JSON", text)
		}
		if err != nil && !errors.Is(err, cause.BadInput) {
			t.Errorf("%q: %v is no bad input", text, err)
		}
	})
}
