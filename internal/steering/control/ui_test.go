package control_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"counterpart/internal/steering/control"
)

// TestTheConsoleIsSmall: all of it together, as a browser gets it: 150 KB. Nothing of a module
// but its doc comments is missing there, and every line stands where it does in the source.
func TestTheConsoleIsSmall(t *testing.T) {
	files, err := filepath.Glob("ui/*")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	f := start(t)
	size := 0
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".html") {
			size += len(source)
			continue
		}
		resp, err := http.Get("http://" + f.Addr("control/http") + "/console/" + name)
		if err != nil {
			t.Fatal(err)
		}
		served, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(name, resp.StatusCode, err)
		}
		size += len(served)
		onlyComments(t, name, string(source), string(served))
	}
	if size > 150_000 {
		t.Errorf("%d octets, 150,000 are allowed", size)
	}
}

func onlyComments(t *testing.T, name, source, served string) {
	t.Helper()
	was, is := strings.Split(source, "\n"), strings.Split(served, "\n")
	if len(was) != len(is) {
		t.Fatalf("%s has %d lines, and %d are served", name, len(was), len(is))
	}
	inside := false
	for i, line := range was {
		text := strings.TrimSpace(line)
		inside = inside || strings.HasPrefix(text, "/**")
		comment := inside
		if strings.Contains(text, "*/") {
			comment, inside = inside && strings.HasSuffix(text, "*/") && strings.Count(text, "*/") == 1, false
		}
		if want := line; is[i] != want && !(comment && is[i] == "") {
			t.Errorf("%s:%d: %q is served as %q", name, i+1, want, is[i])
		} else if comment && is[i] != "" {
			t.Errorf("%s:%d: the comment %q is served", name, i+1, line)
		}
		if strings.Count(line, "`")%2 != 0 {
			t.Errorf("%s:%d: a template over several lines: what is in it may look like a comment", name, i+1)
		}
	}
}

// TestTheConsoleMakesNoMarkup: nothing in its modules turns text into elements or code,
// and its pages have no code in them, so that the policy can forbid both.
func TestTheConsoleMakesNoMarkup(t *testing.T) {
	files, _ := filepath.Glob("ui/*")
	forbidden := map[string]*regexp.Regexp{
		".js":   regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|setHTML|createContextualFragment|srcdoc|javascript:`),
		".html": regexp.MustCompile(`(?i)<script(>| [^>]*>[^<])|<style|\son\w+=|style=|javascript:`),
		".css":  regexp.MustCompile(`(?i)url\(|@import|expression\(`),
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if found := forbidden[filepath.Ext(f)].Find(text); found != nil {
			t.Errorf("%s has %q", f, found)
		}
	}
}

// TestTheConsoleIsServed with a policy, and not to other sites' names.
func TestTheConsoleIsServed(t *testing.T) {
	f := start(t)
	ask := func(path string, head map[string]string) *http.Response {
		t.Helper()
		req, _ := http.NewRequest("GET", "http://"+f.Addr("control/http")+path, nil)
		for k, v := range head {
			if req.Header.Set(k, v); k == "Host" {
				req.Host = v
			}
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp
	}
	tag := ""
	for path, kind := range map[string]string{"/console": "text/html", "/console/people/alice": "text/html", "/console/ui/app.js": "text/javascript", "/console/ui/style.css": "text/css"} {
		resp := ask(path, nil)
		policy := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), kind) || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
		}
		tag = resp.Header.Get("ETag")
		if again := ask(path, map[string]string{"If-None-Match": tag}); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.StatusCode)
		}
	}
	for path, want := range map[string]int{"/": 302, "/phones": 302, "/console/ui/nothing.js": 404, "/console/ui/..%2fopenapi.yaml": 404} {
		if resp := ask(path, nil); resp.StatusCode != want {
			t.Errorf("%s: %d, not %d", path, resp.StatusCode, want)
		}
	}
	if resp := ask("/console", map[string]string{"Host": "evil.test"}); resp.StatusCode != 403 {
		t.Errorf("a foreign name: %d", resp.StatusCode)
	}
	if resp := ask("/phone/alice", map[string]string{"Accept": "text/html,*/*"}); !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || resp.Header.Get("Vary") != "Accept" {
		t.Errorf("a browser at a phone: %v", resp.Header)
	}
	if resp := ask("/phone/alice", map[string]string{"Accept": "application/json"}); !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/") {
		t.Errorf("a program at a phone: %v", resp.Header)
	}
}

// TestTheConsolesCookie has the token where no script reads it, and is no way in for pages
// of others.
func TestTheConsolesCookie(t *testing.T) {
	s, err := control.New(control.Config{Listen: "0.0.0.0:8099", Token: "right-token"})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	for _, r := range s.Ports()[0].HTTP.Routes {
		e.Add(r.Method, r.Path, r.Do)
	}
	e.HTTPErrorHandler = s.Ports()[0].HTTP.Error
	ask := func(method, path, body string, head map[string]string) *http.Response {
		t.Helper()
		req, _ := http.NewRequest(method, "http://192.0.2.7:8099"+path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		for k, v := range head {
			req.Header.Set(k, v)
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		return rec.Result()
	}
	if resp := ask("POST", "/console/session", `{"token":"wrong-token"}`, nil); resp.StatusCode != 403 || len(resp.Cookies()) != 0 {
		t.Errorf("a wrong token: %d %v", resp.StatusCode, resp.Cookies())
	}
	resp := ask("POST", "/console/session", `{"token":"right-token"}`, nil)
	if resp.StatusCode != 204 || len(resp.Cookies()) != 1 {
		t.Fatal(resp.StatusCode, resp.Cookies())
	}
	c := resp.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("%+v", c)
	}
	kept := c.Name + "=" + c.Value
	const own = "http://192.0.2.7:8099"
	for name, x := range map[string]struct {
		method string
		head   map[string]string
		want   int
	}{
		"no cookie":                    {"GET", nil, 401},
		"another one":                  {"GET", map[string]string{"Cookie": c.Name + "=wrong-token"}, 401},
		"it":                           {"GET", map[string]string{"Cookie": kept}, 200},
		"a change from nowhere":        {"POST", map[string]string{"Cookie": kept}, 401},
		"a change from its own page":   {"POST", map[string]string{"Cookie": kept, "Origin": own}, 400},
		"a change from another's page": {"POST", map[string]string{"Cookie": kept, "Origin": "http://evil.test"}, 403},
		"a page of another port":       {"GET", map[string]string{"Cookie": kept, "Origin": "http://192.0.2.7:80"}, 403},
	} {
		path := "/openapi.json"
		if x.method == "POST" {
			path = "/journal/verify"
		}
		if resp := ask(x.method, path, "{", x.head); resp.StatusCode != x.want {
			t.Errorf("%s: %d, not %d", name, resp.StatusCode, x.want)
		}
	}
}
