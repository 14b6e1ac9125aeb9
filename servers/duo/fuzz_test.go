package duo

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// FuzzParameters reads bodies of both kinds: what is taken from JSON is what
// JSON says, whatever else stands there is refused, and no passcode is taken for
// an option.
func FuzzParameters(f *testing.F) {
	for _, s := range []string{"", "{}", `{"a":"b","n":1,"t":true,"z":null}`, `{"a":[1]}`, `{"a":1}x`, "a=b&a=c&x=%7E+y", "a=%", "push1=phone2"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, body string, isJSON bool) {
		req := httptest.NewRequest("POST", "/auth/v2/auth", strings.NewReader(body))
		req.Header.Set("Content-Type", map[bool]string{true: "application/json", false: "application/x-www-form-urlencoded"}[isJSON])
		got, err := parameters(echo.New().NewContext(req, nil), []byte(body))
		if (got == nil) != (err != nil) {
			t.Fatalf("%q: %v and %v", body, got, err)
		}
		if isJSON && err == nil {
			var object map[string]any
			if json.Unmarshal([]byte(body), &object) != nil {
				t.Fatalf("%q is no JSON, and becomes %v", body, got)
			}
			for name, v := range object {
				if s, text := v.(string); text && got[name] != s {
					t.Fatalf("%q: %q is %q", body, name, got[name])
				}
			}
		}
		for _, v := range got {
			if o, ok := parseOption(v); ok && (o.number < 1 || o.number > 99 || capabilityNames[o.capability] == "" || strings.Trim(v, "0123456789") == "") {
				t.Fatalf("%q is the option %+v", v, o)
			}
		}
		for _, name := range hushed {
			if v := got[name]; len(v) > 5 && strings.Trim(v, "0123456789") == "" && strings.Contains(display(got), `"`+name+`":"`+v) {
				t.Fatalf("%q is shown: %s", name, display(got))
			}
		}
	})
}

var capabilityNames = map[string]string{"push": "push", "phone": "phone", "sms": "sms"}
