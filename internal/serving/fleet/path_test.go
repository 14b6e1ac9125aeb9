package fleet

import (
	"net/url"
	"testing"
)

// TestS9TwoSpellingsOfOnePath: what RFC 3986 calls equivalent leads to one route.
func TestS9TwoSpellingsOfOnePath(t *testing.T) {
	for written, want := range map[string][2]string{ // path, raw path
		"/clock":          {"/clock", ""},
		"/%63lock":        {"/clock", ""},
		"/%63%4C%4fck%7e": {"/cLOck~", ""},
		"/a%2Fb":          {"/a/b", "/a%2Fb"},
		"/a%2fb/%63":      {"/a/b/c", "/a%2fb/c"},
		"/a%20b":          {"/a b", ""},
		"/a%20b/%2d":      {"/a b/-", ""},
		"/%25%36%33":      {"/%63", ""},
		"/%2525":          {"/%25", ""},
		"/root%40db01":    {"/root@db01", "/root%40db01"},
		"/%c3%a4/%41":     {"/ä/A", "/%c3%a4/A"},
		"/%2e%2E/x":       {"/../x", "/%2e%2E/x"},
		"/a%2eb/%2e":      {"/a.b/.", "/a.b/%2e"},
	} {
		u, err := url.ParseRequestURI(written)
		if err != nil {
			t.Fatal(written, err)
		}
		evenPath(u)
		if u.Path != want[0] || u.RawPath != want[1] {
			t.Errorf("%s: path %q, raw %q, want %q", written, u.Path, u.RawPath, want)
		}
		if p, err := url.PathUnescape(u.EscapedPath()); err != nil || p != u.Path {
			t.Errorf("%s: %q means %q now, not %q", written, u.EscapedPath(), p, u.Path)
		}
	}
}
