package redact_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"counterpart/internal/serving/redact"
)

// places are those of a little vault.
var places = append(redact.Fields("password", "client_token"),
	redact.Place{Op: "kv.write", In: redact.Request, Path: "data"},
	redact.Place{Op: "kv.read", In: redact.Answer, Path: "data.data"},
	redact.Place{Op: "kv1.*", Path: "**"},
	redact.Place{Op: "soap", Path: "envelope.body.*.value"},
	redact.Place{Op: "soap", Path: "**.key"},
)

// TestS11WhatIsSecretByItsPlaceIsHidden: the values, in every format, and nothing
// but them.
func TestS11WhatIsSecretByItsPlaceIsHidden(t *testing.T) {
	for name, tt := range map[string]struct {
		in     redact.Message
		want   string
		values string
	}{
		"a value that a client brings": {redact.Message{Op: "kv.write", Side: redact.Request,
			Text: "POST /v1/secret/data/mine\n" + `{"data":{"favourite":"chocolate","n":[1,true,{"deep":null}]},"options":{"cas":1}}`},
			"POST /v1/secret/data/mine\n" + `{"data":{"favourite":"***","n":["***","***",{"deep":"***"}]},"options":{"cas":1}}`, "chocolate 1 true null"},
		"the other direction shows it": {redact.Message{Op: "kv.write", Side: redact.Answer, Text: `{"data":{"version":3}}`}, `{"data":{"version":3}}`, ""},
		"two levels down": {redact.Message{Op: "kv.read", Side: redact.Answer, Text: `{"data":{"data":{"a":"b"},"metadata":{"version":1}}}`},
			`{"data":{"data":{"a":"***"},"metadata":{"version":1}}}`, "b"},
		"by its name, anywhere, in any case": {redact.Message{Op: "x", Side: redact.Answer, Text: `{"a":[{"PassWord":"p","user":"u"}]}`}, `{"a":[{"PassWord":"***","user":"u"}]}`, "p"},
		"a name written with escapes":        {redact.Message{Op: "x", Side: redact.Answer, Text: `{"p\u0061ssword":"p"}`}, `{"p\u0061ssword":"***"}`, "p"},
		"escapes in a value":                 {redact.Message{Op: "x", Side: redact.Answer, Text: `{"password":"a\"b\u00e9"}`}, `{"password":"***"}`, `a"bé`},
		"a whole object under a name":        {redact.Message{Op: "x", Side: redact.Answer, Text: `{"password":{"old":"1","new":"2"}}`}, `{"password":{"old":"***","new":"***"}}`, "1 2"},
		"cut off in a value":                 {redact.Message{Op: "kv.write", Side: redact.Request, Text: `{"data":{"a":"half of i`}, `{"data":{"a":"***"`, ""},
		"cut off in a name":                  {redact.Message{Op: "kv.write", Side: redact.Request, Text: `{"data":{"a`}, `{"data":{"a`, ""},
		"a number that is cut off":           {redact.Message{Op: "kv.write", Side: redact.Request, Text: `{"data":{"a":12`}, `{"data":{"a":"***"`, ""},
		"broken where there are secrets":     {redact.Message{Op: "kv.write", Side: redact.Request, Text: `{"data" {"a":"b"}}`}, `{"data" ***`, `{"a":"b"}}`},
		"something behind the document":      {redact.Message{Op: "kv.write", Side: redact.Request, Text: `{"options":1} {"data":"b"}`}, `{"options":1}***`, ` {"data":"b"}`},
		"another format":                     {redact.Message{Op: "kv.write", Side: redact.Request, Text: "POST /v1/x\njust a text"}, "POST /v1/x\n***", "just a text"},
		"another format, no secrets":         {redact.Message{Op: "x", Side: redact.Request, Text: "POST /v1/x\njust a text"}, "POST /v1/x\njust a text", ""},
		"a query":                            {redact.Message{Op: "x", Side: redact.Request, Text: "GET /v1/x?user=a&password=b%20c&pass%77ord=d&e"}, "GET /v1/x?user=a&password=***&pass%77ord=***&e", "b c d"},
		"a form":                             {redact.Message{Op: "x", Side: redact.Request, Text: "POST /v1/x\nuser=a&password=b+c"}, "POST /v1/x\nuser=a&password=***", "b c"},
		"the whole message":                  {redact.Message{Op: "kv1.write", Side: redact.Request, Text: "POST /v1/x\n" + `{"any":"thing"}`}, "POST /v1/x\n" + `{"any":"***"}`, "thing"},
		"the whole message as a form":        {redact.Message{Op: "kv1.write", Side: redact.Request, Text: "POST /v1/x\nany=thing"}, "POST /v1/x\n***", "any=thing"},
		"XML": {redact.Message{Op: "soap", Side: redact.Answer, Text: `<e:Envelope><Body><x key="k1"><Value>v &amp; w</Value><y>z</y></x></Body></e:Envelope>`},
			`<e:Envelope><Body><x key="***"><Value>***</Value><y>z</y></x></Body></e:Envelope>`, "k1 v & w"},
		"broken XML": {redact.Message{Op: "soap", Side: redact.Answer, Text: `<Envelope><Body><x><Value>v</Value><y z`}, `<Envelope><Body><x><Value>***</Value>***`, "v <y z"},
		"empty":      {redact.Message{Op: "kv.write", Side: redact.Request}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var values []string
			got := redact.New(places).Text(tt.in, func(v string) { values = append(values, v) })
			if got != tt.want {
				t.Errorf("shows %s\n want %s", got, tt.want)
			}
			if s := strings.Join(values, " "); s != tt.values {
				t.Errorf("found %q, want %q", s, tt.values)
			}
		})
	}
	var none *redact.Rules
	if got := none.Text(redact.Message{Text: `{"password":"p"}`}, nil); got != `{"password":"p"}` {
		t.Errorf("without rules: %s", got)
	}
}

func TestPathsOfPlaces(t *testing.T) {
	for path, fits := range map[string][]string{
		"a.b": {"a.b"}, "*.b": {"a.b", "x.b", "ab.b"}, "**.b": {"b", "a.b", "x.b", "ab.b", "x.y.b"}, "a.**": {"a", "a.b", "a.b.c"}, "a*.b": {"a.b", "ab.b"}, "a.**.c": {"a.c", "a.b.c", "a.b.b.c"},
	} {
		for _, at := range []string{"a", "b", "a.b", "x.b", "ab.b", "x.y.b", "a.b.c", "a.c", "a.b.b.c", "c"} {
			text, parts := `"v"`, strings.Split(at, ".")
			for _, p := range slices.Backward(parts) {
				text = `{"` + p + `":` + text + `}`
			}
			var found []string
			redact.New([]redact.Place{{Path: path}}).Text(redact.Message{Text: text}, func(v string) { found = append(found, v) })
			want := slices.ContainsFunc(fits, func(f string) bool { return f == at || strings.HasPrefix(at, f+".") })
			if (len(found) == 1) != want {
				t.Errorf("%s in %s: found %v, want %v", path, at, found, want)
			}
		}
	}
}

// BenchmarkHostile shows what takes longest per octet.
func BenchmarkHostile(b *testing.B) {
	rules := redact.New(places)
	for name, text := range map[string]string{
		"attributes": "<a" + strings.Repeat(" key=1", 700) + ">", "elements": strings.Repeat("<a>x", 1000), "names": "{" + strings.Repeat(`"a":{`, 800),
		"lists": strings.Repeat("[", 4096), "pairs": strings.Repeat("password=1&", 400), "entities": "<a>" + strings.Repeat("&amp;", 800),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				rules.Text(redact.Message{Op: "soap", Text: text}, nil)
			}
		})
	}
}

// FuzzText: whatever a client sends, nothing at a secret's place shows, and texts
// without secrets stay as they are.
func FuzzText(f *testing.F) {
	for _, s := range []string{`{"data":{"a":"SECRET"}}`, `{"password":"SECRET`, `<a password="SECRET">x</a>`, "POST /x?password=SECRET\nuser=1&password=SECRET", `[[[[`, `{"a":tru`, "<a", "{{"} {
		f.Add(s)
	}
	rules := redact.New(places)
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 8<<10 {
			return
		}
		for _, m := range []redact.Message{{Op: "kv.write", Side: redact.Request, Text: s}, {Op: "x", Side: redact.Request, Text: s}, {Op: "soap", Side: redact.Answer, Text: s}} {
			if got := rules.Text(m, nil); utf8.ValidString(s) && !utf8.ValidString(got) {
				t.Errorf("%q becomes %q", s, got)
			}
		}
		var was, is any
		if json.Unmarshal([]byte(s), &was) == nil {
			got := rules.Text(redact.Message{Op: "kv1.write", Side: redact.Answer, Text: s}, nil)
			if err := json.Unmarshal([]byte(got), &is); err == nil && shows(is) {
				t.Errorf("%q becomes %q", s, got)
			}
		}
		var plain *redact.Rules
		if got := plain.Text(redact.Message{Text: s}, nil); got != s {
			t.Errorf("without rules %q becomes %q", s, got)
		}
	})
}

func BenchmarkText(b *testing.B) {
	rules := redact.New(places)
	m := redact.Message{Op: "kv.read", Side: redact.Answer, Text: `{"request_id":"x","data":{"data":{"username":"root","password":"` + strings.Repeat("x", 300) + `"},"metadata":{"version":1}},"warnings":null}`}
	for b.Loop() {
		rules.Text(m, nil)
	}
}

// shows reports a leaf that is not hidden.
func shows(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			if shows(x) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(v, shows)
	}
	return v != redact.Hidden
}
