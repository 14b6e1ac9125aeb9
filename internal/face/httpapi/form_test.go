package httpapi_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

func TestFormsKeepOrderAndFormAsSent(t *testing.T) {
	f, err := httpapi.ParseForm("b=1+%2b&&a=%41&b=2&c&=x&Id=%2F", httpapi.FormRules{})
	if err != nil {
		t.Fatal(err)
	}
	want := httpapi.Form{{"b", "1 +", "b", "1+%2b"}, {"a", "A", "a", "%41"}, {"b", "2", "b", "2"}, {"c", "", "c", ""}, {"", "x", "", "x"}, {"Id", "/", "Id", "%2F"}}
	if !slices.Equal(f, want) {
		t.Errorf("%q", f)
	}
	first, _ := f.First("b")
	last, _ := f.Last("b")
	if all := f.All("b"); first != "1 +" || last != "2" || !slices.Equal(all, []string{"1 +", "2"}) {
		t.Errorf("first %q, last %q, all %q", first, last, all)
	}
	if _, there := f.First("id"); there {
		t.Error("names are taken in any case")
	}
	if v, there := f.Folded().Last("id"); !there || v != "/" {
		t.Errorf("folded: %q, %v", v, there)
	}
	if _, there := f.Last("none"); there || f.All("none") != nil {
		t.Error("an absent name is there")
	}
	if v := f.Values(); v.Get("a") != "A" || len(v["b"]) != 2 {
		t.Errorf("%v", v)
	}
}

func TestHowFormsAreDecoded(t *testing.T) {
	for _, x := range []struct {
		text  string
		rules httpapi.FormRules
		want  string
		fine  bool
	}{
		{"a=%2", httpapi.FormRules{}, "", false},
		{"a=%zz", httpapi.FormRules{}, "", false},
		{"%=1", httpapi.FormRules{}, "", false},
		{"a=%2+%41%zz%", httpapi.FormRules{Lax: true}, "%2 A%zz%", true},
		{"a=1;2", httpapi.FormRules{}, "1;2", true},
		{"a=1;2", httpapi.FormRules{Semicolon: true}, "", false},
		{"a=%2541%2B+", httpapi.FormRules{Twice: true}, "A+ ", true},
		{"a=%2541", httpapi.FormRules{}, "%41", true},
		{"a=%25", httpapi.FormRules{Twice: true}, "", false},
		{"a=%25", httpapi.FormRules{Twice: true, Lax: true}, "%", true},
		{strings.Repeat("&", 10_000), httpapi.FormRules{}, "", false},
	} {
		f, err := httpapi.ParseForm(x.text, x.rules)
		got, _ := f.First("a")
		if (err == nil) != x.fine || got != x.want || err != nil && !errors.Is(err, cause.BadInput) {
			t.Errorf("%.40s %+v: %q, %v", x.text, x.rules, got, err)
		}
	}
}

func FuzzParseForm(f *testing.F) {
	for _, s := range []string{"a=1&b=%41+x", "%", "a=%zz;", "=&=", "a=%2541"} {
		f.Add(s, false, false)
		f.Add(s, true, true)
	}
	f.Fuzz(func(t *testing.T, text string, lax, twice bool) {
		got, err := httpapi.ParseForm(text, httpapi.FormRules{Lax: lax, Twice: twice, Semicolon: true})
		if lax && err != nil && !strings.Contains(text, ";") && strings.Count(text, "&") < 10_000 {
			t.Errorf("%q is refused: %v", text, err)
		}
		want, wrong := url.ParseQuery(text)
		if !lax && !twice && ((err == nil) != (wrong == nil) || err == nil && got.Values().Encode() != want.Encode()) {
			t.Errorf("%q: %v and %v, net/url says %v and %v", text, got, err, want, wrong)
		}
	})
}
