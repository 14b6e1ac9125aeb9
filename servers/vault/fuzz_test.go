package vault_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// methods are what a request can come with.
var methods = []string{"GET", "POST", "PUT", "LIST", "DELETE", "PATCH", "HEAD", "OPTIONS", "FOO"}

// FuzzRequest throws anything at a vault: it answers in its own words, and never
// that something is wrong with itself.
func FuzzRequest(f *testing.F) {
	scripts, err := filepath.Glob("testdata/oracle/*.txt")
	if err != nil || len(scripts) == 0 {
		f.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			for strings.HasPrefix(line, "@") || strings.HasPrefix(line, "+") {
				_, line, _ = strings.Cut(line, " ")
			}
			parts := append(strings.SplitN(line, " ", 3), "", "")
			if i := slices.Index(methods, parts[0]); i >= 0 {
				f.Add(uint8(i), parts[1], []byte(parts[2]), i == 5, "root")
			}
		}
	}
	_, v := vaultOf(f, "")
	for _, kind := range []string{"ssh", "totp", "transit", "database", "kv-v2"} {
		v.ask(f, "POST sys/mounts/"+kind+` {"type":"`+kind+`"}`)
	}
	client := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	f.Fuzz(func(t *testing.T, method uint8, path string, body []byte, patch bool, token string) {
		if strings.HasPrefix(path, "sys/seal") || strings.Contains(path, "revoke") || strings.HasPrefix(path, "sys/mounts/") || // the end of all further tries
			strings.HasPrefix(path, "ssh/issue/") || path == "ssh/config/ca" { // keys of thousands of bits take seconds
			return
		}
		path, query, _ := strings.Cut(path, "?")
		u := &url.URL{Scheme: "http", Host: strings.TrimPrefix(v.Base, "http://"), Path: "/v1/" + path, RawQuery: query}
		req, err := http.NewRequest(methods[int(method)%len(methods)], u.String(), bytes.NewReader(body))
		if err != nil || len(u.String()) > 8000 {
			return
		}
		if patch {
			req.Header.Set("Content-Type", "application/merge-patch+json")
		}
		req.Header.Set("X-Vault-Token", "root")
		if token != "root" {
			req.Header.Del("X-Vault-Token")
		}
		resp, err := client.Do(req)
		if err != nil {
			if os.IsTimeout(err) {
				t.Fatal(err)
			}
			t.Skip(err) // what a client cannot send
		}
		defer resp.Body.Close()
		judge(t, req, resp, string(body))
	})
}

// judge holds an answer against the rules that all of them keep.
func judge(t *testing.T, req *http.Request, resp *http.Response, sent string) {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	what := req.Method + " " + req.URL.String() + " " + sent
	h := resp.Header
	switch {
	case resp.StatusCode == http.StatusBadRequest && len(body) == 0: // characters that cannot be printed
		return
	case resp.StatusCode == http.StatusTemporaryRedirect:
		if to, err := url.Parse(h.Get("Location")); err != nil || to.Host != "" {
			t.Errorf("%s: sent to %q", what, h.Get("Location"))
		}
		return
	case h.Get("Cache-Control") != "no-store", h.Get("Content-Type") != "application/json" && h.Get("Content-Type") != "text/plain":
		t.Errorf("%s: headers %v", what, h)
	}
	if resp.StatusCode >= 500 && bytes.Contains(body, []byte("internal")) && !strings.Contains(req.URL.Path, "..") {
		t.Errorf("%s: %d %s", what, resp.StatusCode, body)
	}
	if len(body) > 0 && h.Get("Content-Type") == "application/json" && !json.Valid(body) {
		t.Errorf("%s: %d %q is no JSON", what, resp.StatusCode, body)
	}
}
