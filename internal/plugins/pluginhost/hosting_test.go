//go:build !nopython

package pluginhost_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"counterpart/internal/plugins/pluginhost"
)

// TestMain sets what a plugin must never see.
func TestMain(m *testing.M) {
	for _, name := range []string{"https_proxy", "HTTP_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONPATH"} {
		if err := os.Setenv(name, "/nowhere"); err != nil {
			panic(err)
		}
	}
	// A version manager's shim takes longer than the interpreter itself.
	if python() == "" {
		if out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output(); err == nil {
			_ = os.Setenv("COUNTERPART_TEST_PYTHON", strings.TrimSpace(string(out)))
		}
	}
	// Most of the time they wait for interpreters and time-outs.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// python is the interpreter of the tests.
func python() string { return os.Getenv("COUNTERPART_TEST_PYTHON") }

// interpreter is asked once who it is.
var interpreter = sync.OnceValues(func() (pluginhost.Python, error) {
	return pluginhost.FindPython(context.Background(), python())
})

func newHost(t testing.TB, c pluginhost.Config) *pluginhost.Host {
	t.Helper()
	c.Dir = t.TempDir()
	if c.Python == "" {
		found, err := interpreter()
		if err != nil {
			t.Fatal(err)
		}
		c.Interpreter = found
	}
	h, err := pluginhost.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(c.Dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return h
}

// source is a plugin under test.
type source struct {
	name, kind, api string
	main            string
	files           map[string]string
	deps            string
}

func install(t testing.TB, h *pluginhost.Host, s source) *pluginhost.Plugin {
	t.Helper()
	if s.name == "" {
		s.name = "Sample_Plugin"
	}
	if s.kind == "" {
		s.kind = pluginhost.AA
	}
	if s.api == "" {
		s.api = "1.0"
	}
	entries := []entry{
		{name: "MANIFEST", body: fmt.Sprintf("name: %s\ndescription: x\nversion: 1.0.0\ntype: %s\napi: %q\nentry_point: main.py\n", s.name, s.kind, s.api)},
		{name: "main.py", body: "#!/usr/bin/env pluginwrapper3\n" + s.main},
	}
	for name, body := range s.files {
		entries = append(entries, entry{name: name, body: body})
	}
	pkg, v := pluginhost.Check(writeZip(t, entries), h.Profile)
	if !v.OK() {
		t.Fatal(v.Problems)
	}
	p, err := h.Install(pluginhost.Upload{Package: pkg, Deps: s.deps})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ssh is a connection with gateway authentication.
var ssh = pluginhost.Connection{
	Protocol: "ssh", Policy: "ssh-prod",
	Client:  pluginhost.Endpoint{IP: "198.51.100.7", Port: 51022},
	Gateway: pluginhost.Gateway{User: "alice", Groups: []string{"ops"}},
	Server:  pluginhost.Server{User: "root", IP: "10.0.0.5", Port: 22, Hostname: "web1.example.test"},
}

// script answers prompts in order and hangs up when there are no more.
func script(answers ...string) pluginhost.Prompter {
	return func(_ context.Context, ask pluginhost.Ask) pluginhost.Answer {
		if ask.Number > len(answers) {
			return pluginhost.Answer{HangUp: true}
		}
		return pluginhost.Answer{Text: answers[ask.Number-1]}
	}
}

func run(t testing.TB, h *pluginhost.Host, s pluginhost.Session) *pluginhost.Result {
	t.Helper()
	r, err := h.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// runAA plays one SSH session of an AA plugin in a host of its own.
func runAA(t testing.TB, main string, change ...func(*pluginhost.Config, *pluginhost.Session)) *pluginhost.Result {
	t.Helper()
	c, s := pluginhost.Config{}, pluginhost.Session{Connection: ssh}
	for _, f := range change {
		f(&c, &s)
	}
	h := newHost(t, c)
	s.AA = &pluginhost.Use{Plugin: install(t, h, source{main: main})}
	return run(t, h, s)
}

// runCS is runAA for a credential store plugin; the target takes "right".
func runCS(t testing.TB, main string, change ...func(*pluginhost.Config, *pluginhost.Session)) *pluginhost.Result {
	t.Helper()
	c := pluginhost.Config{}
	s := pluginhost.Session{Connection: ssh, Target: &pluginhost.Target{Offers: []pluginhost.Method{pluginhost.Password}, Passwords: []string{"right"}}}
	for _, f := range change {
		f(&c, &s)
	}
	h := newHost(t, c)
	s.CredentialStore = &pluginhost.Use{Plugin: install(t, h, source{kind: pluginhost.CredentialStore, main: main})}
	return run(t, h, s)
}

func wantState(t testing.TB, r *pluginhost.Result, want pluginhost.State) {
	t.Helper()
	if r.Outcome.State != want {
		t.Errorf("outcome %v, want %s\n%s", r.Outcome, want, logOf(r))
	}
}

func wantError(t testing.TB, r *pluginhost.Result, hook pluginhost.Hook, kind pluginhost.Kind) {
	t.Helper()
	if o := r.Outcome; o.State != pluginhost.Errored || o.Hook != hook || o.Err == nil || o.Err.Kind != kind {
		t.Errorf("outcome %v, want %s in %s\n%s", o, kind, hook, logOf(r))
	}
}

func logOf(r *pluginhost.Result) string {
	var b strings.Builder
	for _, l := range r.Log {
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}

func logged(r *pluginhost.Result, text string) bool {
	return slices.ContainsFunc(r.Log, func(l pluginhost.Line) bool { return strings.Contains(l.Text, text) })
}

func warned(r *pluginhost.Result, text string) bool {
	return slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, text) })
}

// hooks is the order of calls: "authenticate authorize session_ended".
func hooks(r *pluginhost.Result) string {
	var out []string
	for _, c := range r.Calls {
		out = append(out, string(c.Hook))
	}
	return strings.Join(out, " ")
}

// offered is an argument as it went to the plugin.
func offered(t testing.TB, c pluginhost.Call, name string) string {
	t.Helper()
	v, ok := c.Offered[name]
	if !ok {
		return "(not offered)"
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// events gathers what a session tells.
type events struct {
	mu  sync.Mutex
	all []pluginhost.Event
}

func (e *events) take(ev pluginhost.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

// mustWrite writes a file below dir.
func mustWrite(t testing.TB, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}
