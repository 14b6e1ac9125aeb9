package httpapi_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

func TestLenientJSON(t *testing.T) {
	var v struct {
		Name   string
		Number httpapi.Int
		Text   httpapi.Text
	}
	if err := (httpapi.Lenient{}).Decode([]byte(`{"NAME":"a","Number":"15","tEXT":123456789012345678,"unknown":[{}],"other":null}`), &v); err != nil {
		t.Fatal(err)
	}
	if v.Name != "a" || v.Number != 15 || v.Text != "123456789012345678" {
		t.Errorf("%+v", v)
	}
	if err := (httpapi.Lenient{}).Decode([]byte(`{"name":null,"number":null,"text":true}`), &v); err != nil || v.Name != "a" || v.Number != 15 || v.Text != "true" {
		t.Errorf("%+v, %v", v, err)
	}
	for _, wrong := range []string{`{"number":1.5}`, `{"number":"x"}`, `{"number":{}}`, `{"text":[]}`, `{"number":9223372036854775808}`, ``, `{`, `{} {}`, `{}x`} {
		err := httpapi.Lenient{}.Decode([]byte(wrong), &v)
		var own *httpapi.JSONError
		if !errors.Is(err, cause.BadInput) || !errors.As(err, &own) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	var any map[string]any
	if err := (httpapi.Lenient{Trailing: true}).Decode([]byte(`{"id":123456789012345678}x`), &any); err != nil || any["id"] != json.Number("123456789012345678") {
		t.Errorf("%v, %v", any, err)
	}
	var wrong *json.UnmarshalTypeError
	if err := (httpapi.Lenient{}).Decode([]byte(`[1]`), &any); !errors.As(err, &wrong) || wrong.Value != "array" {
		t.Errorf("the decoder's error is hidden: %v", err)
	}
}

func TestLenientJSONIsBounded(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, x := range []struct {
		text  string
		rules httpapi.Lenient
		fine  bool
	}{
		{deep(64), httpapi.Lenient{}, true},
		{deep(65), httpapi.Lenient{}, false},
		{deep(65), httpapi.Lenient{Depth: 65}, true},
		{`"` + deep(1000) + `\"` + deep(1000) + `"`, httpapi.Lenient{}, true},
		{"[" + strings.Repeat("1,", 19_998) + "1]", httpapi.Lenient{}, true},
		{"[" + strings.Repeat("1,", 20_001) + "1]", httpapi.Lenient{}, false},
		{"[" + strings.Repeat("1,", 20_001) + "1]", httpapi.Lenient{Values: math.MaxInt}, true},
	} {
		var v any
		if err := x.rules.Decode([]byte(x.text), &v); (err == nil) != x.fine {
			t.Errorf("%.20s… of %d octets: %v", x.text, len(x.text), err)
		}
	}
}

func TestJSONIsWrittenAsAVendorWritesIt(t *testing.T) {
	v := struct {
		B string
		A any
	}{"<a&b>", nil}
	for _, x := range []struct {
		w         httpapi.JSONWriter
		kind, out string
	}{
		{httpapi.JSONWriter{}, "application/json", `{"B":"<a&b>","A":null}`},
		{httpapi.JSONWriter{Newline: true, ContentType: "application/json;charset=UTF-8"}, "application/json;charset=UTF-8", `{"B":"<a&b>","A":null}` + "\n"},
		{httpapi.JSONWriter{EscapeHTML: true}, "application/json", `{"B":"\u003ca\u0026b\u003e","A":null}`},
	} {
		rec := httptest.NewRecorder()
		c := echo.New().NewContext(httptest.NewRequest("GET", "/", nil), rec)
		c.Response().Header().Set("Content-Type", "text/plain")
		if err := x.w.Write(c, 203, v); err != nil {
			t.Fatal(err)
		}
		if rec.Code != 203 || rec.Header().Get("Content-Type") != x.kind || rec.Body.String() != x.out {
			t.Errorf("%d %q %q", rec.Code, rec.Header(), rec.Body)
		}
		if err := x.w.Write(c, 200, math.NaN()); err == nil {
			t.Error("NaN was written")
		}
	}
}

func FuzzLenient(f *testing.F) {
	for _, s := range []string{`{"a":"1","b":[1,2,{"c":null}]}`, `"\"`, `[[[`, `{"a":1}{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var v any
		err := httpapi.Lenient{Depth: 8, Values: 100}.Decode(text, &v)
		if err != nil && !errors.Is(err, cause.BadInput) {
			t.Errorf("%v is no refusal", err)
		}
		if err == nil && depth(v) > 8 {
			t.Errorf("%q is %d deep", text, depth(v))
		}
	})
}

func depth(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			n = max(n, depth(x))
		}
		return n + 1
	case []any:
		for _, x := range v {
			n = max(n, depth(x))
		}
		return n + 1
	}
	return 0
}
