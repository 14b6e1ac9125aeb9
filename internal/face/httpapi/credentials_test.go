package httpapi_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"counterpart/internal/face/httpapi"
)

func with(values ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(values); i += 2 {
		h.Add(values[i], values[i+1])
	}
	return h
}

func TestSchemes(t *testing.T) {
	any, glued := httpapi.SchemeRules{AnyCase: true}, httpapi.SchemeRules{Glued: true}
	for _, x := range []struct {
		header, scheme string
		rules          httpapi.SchemeRules
		value          string
		p              httpapi.Presence
	}{
		{"", "Bearer", any, "", httpapi.Absent},
		{"Bearer", "Bearer", any, "", httpapi.Malformed},
		{"Bearer  ", "Bearer", any, "", httpapi.Malformed},
		{"Bearer abc", "Bearer", httpapi.SchemeRules{}, "abc", httpapi.Present},
		{"Bearer   abc ", "Bearer", httpapi.SchemeRules{}, "abc", httpapi.Present},
		{"bearer abc", "Bearer", httpapi.SchemeRules{}, "", httpapi.Absent},
		{"bEARER abc", "Bearer", any, "abc", httpapi.Present},
		{"Bearerabc", "Bearer", any, "", httpapi.Absent},
		{"Bearerabc", "Bearer", glued, "abc", httpapi.Present},
		{"bearer:abc", "bearer:", glued, "abc", httpapi.Present},
		{"SSWSabc", "SSWS", glued, "abc", httpapi.Present},
		{"A2A a+/b=", "A2A", httpapi.SchemeRules{}, "a+/b=", httpapi.Present},
		{"None", "Bearer", any, "", httpapi.Absent},
		{"B", "Bearer", any, "", httpapi.Absent},
		{"Basic YTpi", "Bearer", any, "", httpapi.Absent},
	} {
		value, p := httpapi.Scheme(with("Authorization", x.header), "Authorization", x.scheme, x.rules)
		if value != x.value || p != x.p {
			t.Errorf("%q %+v: %q, %d", x.header, x.rules, value, p)
		}
	}
	if v, p := httpapi.Bearer(with("Authorization", "bearer x"), any); v != "x" || p != httpapi.Present {
		t.Errorf("%q, %d", v, p)
	}
	if !httpapi.HasScheme(with("authorization", "None")) || httpapi.HasScheme(with()) {
		t.Error("a header is not told from none")
	}
}

func TestBasic(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, x := range []struct {
		header, name, secret string
		p                    httpapi.Presence
	}{
		{"", "", "", httpapi.Absent},
		{"Bearer x", "", "", httpapi.Absent},
		{"Basic", "", "", httpapi.Malformed},
		{"Basic !", "", "", httpapi.Malformed},
		{"Basic " + b64("no colon"), "", "", httpapi.Malformed},
		{"basic " + b64("a:b:c"), "a", "b:c", httpapi.Present},
		{"BASIC " + b64(":"), "", "", httpapi.Present},
		{"Basic " + b64("a%20:%2B+%zz"), "a%20", "%2B+%zz", httpapi.Present},
	} {
		if name, secret, p := httpapi.Basic(with("Authorization", x.header)); name != x.name || secret != x.secret || p != x.p {
			t.Errorf("%q: %q %q %d", x.header, name, secret, p)
		}
	}
	if id, secret, p := httpapi.BasicEscaped(with("Authorization", "Basic "+b64("a%20:%2B+"))); id != "a " || secret != "+ " || p != httpapi.Present {
		t.Errorf("%q %q %d", id, secret, p)
	}
	if id, secret, _ := httpapi.BasicEscaped(with("Authorization", "Basic "+b64("a%20:%zz+"))); id != "a " || secret != "%zz+" {
		t.Errorf("%q %q", id, secret)
	}
}

func TestKeysAndCookies(t *testing.T) {
	if v, p := httpapi.Key(with("x-api-key", "k"), "client-key", "X-API-Key"); v != "k" || p != httpapi.Present {
		t.Errorf("%q, %d", v, p)
	}
	if v, p := httpapi.Key(with("X-Api-Key", ""), "X-API-Key"); v != "" || p != httpapi.Malformed {
		t.Errorf("%q, %d", v, p)
	}
	if _, p := httpapi.Key(with(), "X-API-Key"); p != httpapi.Absent {
		t.Error(p)
	}
	for header, want := range map[string]httpapi.Presence{"": httpapi.Absent, "a=b": httpapi.Absent, "s=": httpapi.Malformed, "s=1; a=b": httpapi.Present} {
		r := post(nil, "Cookie", header)
		if v, p := httpapi.Cookie(r, "s"); p != want || p == httpapi.Present && v != "1" {
			t.Errorf("%q: %q, %d", header, v, p)
		}
	}
}

func FuzzScheme(f *testing.F) {
	f.Add("Bearer abc", "Bearer", true, true)
	f.Add("SSWSabc", "SSWS", false, true)
	f.Add("", "", false, false)
	f.Fuzz(func(t *testing.T, header, scheme string, anyCase, glued bool) {
		v, p := httpapi.Scheme(http.Header{"Authorization": {header}}, "Authorization", scheme, httpapi.SchemeRules{AnyCase: anyCase, Glued: glued})
		if (p == httpapi.Present) != (v != "") {
			t.Errorf("%q %q: %q is %d", header, scheme, v, p)
		}
		httpapi.BasicEscaped(http.Header{"Authorization": {header}})
	})
}
