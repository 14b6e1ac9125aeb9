package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"counterpart/internal/cause"
	"counterpart/internal/strictjson"
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
		`[]`:             "not a array",
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

func FuzzDecode(f *testing.F) {
	f.Add(`{"rules":[{"kind":"reset"}]}`)
	f.Add(`{"rules":[{"kind":"delay"}]} x`)
	f.Add(`{"rules":[]}}`)
	f.Fuzz(func(t *testing.T, text string) {
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
