//go:build !nopython

package pluginhost_test

import (
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/pki"
)

// echo answers every connection with one line that names it, over TCP and UDP.
func echo(t testing.TB, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 2)
	go func() {
		defer func() { done <- struct{}{} }()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(name + "\n"))
			_ = c.Close()
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		buf := make([]byte, 100)
		for {
			_, from, err := u.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = u.WriteTo([]byte(name+"\n"), from)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		_ = u.Close()
		<-done
		<-done
	})
	return l.Addr().String()
}

// printed runs code in authorize and returns what it printed.
func printed(t *testing.T, box pluginhost.Box, code string, change ...func(*pluginhost.Config, *pluginhost.Session)) []string {
	t.Helper()
	body := "        " + strings.ReplaceAll(strings.TrimSpace(code), "\n", "\n        ")
	change = append(change, func(c *pluginhost.Config, _ *pluginhost.Session) { c.Box = box })
	r := runAA(t, extended("    def authorize(self):\n"+body+"\n        return {'verdict': 'ACCEPT'}\n"), change...)
	wantState(t, r, pluginhost.Connected)
	var out []string
	for _, l := range r.Log {
		out = append(out, l.Text)
	}
	return out
}

func TestNames(t *testing.T) {
	addr := echo(t, "fleet")
	_, port, _ := net.SplitHostPort(addr)
	box := pluginhost.Box{
		Hostname:  "sps.example.test",
		DNS:       map[string][]string{"10.0.0.5": {"web1.example.test", "web1"}, "127.0.0.1": {"here.example.test"}},
		Redirects: map[string]string{"api.vendor.example:443": addr, "10.0.0.9:1812": addr},
	}
	began := time.Now()
	got := printed(t, box, fmt.Sprintf(`
import socket
def ask(*address):
    with socket.create_connection(address, 5) as s: return s.makefile().readline().strip()
print(ask("api.vendor.example", 443), ask("API.vendor.example.", "443"), ask("here.example.test", %[1]s))
s = socket.socket(); s.connect(("api.vendor.example", 443)); print(s.makefile().readline().strip())
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(5); u.sendto(b"x", ("10.0.0.9", 1812)); print(u.recv(99).decode().strip())
print(socket.gethostbyaddr("10.0.0.5"), socket.gethostbyname("web1"), socket.gethostbyname("api.vendor.example"), socket.gethostname())
print(socket.gethostbyaddr("web1"), socket.gethostbyname_ex("web1"))
for f in (lambda: socket.gethostbyaddr("10.0.0.6"), lambda: socket.getaddrinfo("www.example.com", 443), lambda: socket.gethostbyname("www.example.com"), lambda: socket.socket().connect(("www.example.com", 1))):
    try: print(f())
    except OSError as e: print(type(e).__name__)
print(socket.getaddrinfo("localhost", 1, socket.AF_INET)[0][4], len(socket.getaddrinfo(None, 1)) > 0)
`, port))
	want := []string{"fleet fleet fleet", "fleet", "fleet",
		"('web1.example.test', ['web1'], ['10.0.0.5']) 10.0.0.5 127.0.0.1 sps.example.test",
		"('web1.example.test', ['web1'], ['10.0.0.5']) ('web1', [], ['10.0.0.5'])",
		"herror", "gaierror", "gaierror", "gaierror", "('127.0.0.1', 1) True"}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("unlisted names took %v", took)
	}
	for _, bad := range []string{"nowhere", "host:", "host:0", ":443", "host:x"} {
		if _, err := pluginhost.New(t.Context(), pluginhost.Config{Box: pluginhost.Box{Redirects: map[string]string{bad: "127.0.0.1:1"}}}); err == nil {
			t.Errorf("redirect of %q is accepted", bad)
		}
	}
}

func TestFiles(t *testing.T) {
	got := printed(t, pluginhost.Box{Files: map[string]string{"/etc/hostnickname": "nick\n", "/etc/spp/join.json": `{"a": 1}`}}, `
import io, json, os, pathlib
print(open("/etc/hostnickname").read().strip(), io.open("/etc/hostnickname", "rb").read(), pathlib.Path("/etc/hostnickname").read_text().strip())
print(json.load(open("/etc/spp/join.json")), os.path.exists("/etc/spp/join.json"), os.path.isfile("/etc/hostnickname"), os.path.exists("/etc/spp/other"))
with open(os.path.join(os.environ["HOME"], "own"), "w") as f: f.write("x")
print(open(os.path.join(os.environ["HOME"], "own")).read())
try: open("/etc/spp/other")
except FileNotFoundError as e: print(e.filename)
`)
	want := []string{`nick b'nick\n' nick`, "{'a': 1} True True False", "x", "/etc/spp/other"}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestTrust(t *testing.T) {
	code := "import os; print(os.environ.get('REQUESTS_CA_BUNDLE') and open(os.environ['SSL_CERT_FILE']).read())"
	for _, c := range []struct {
		plugins []string
		want    string
	}{{nil, "a CA"}, {[]string{"Sample_Plugin"}, "a CA"}, {[]string{"Other"}, "None"}} {
		box := pluginhost.Box{Trust: &pluginhost.Trust{PEM: "a CA", Plugins: c.plugins}}
		if got := printed(t, box, code); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%v: %q", c.plugins, got)
		}
	}
}

// TestPinnedTrust loads a list of CAs as an SDK does that brings its own.
func TestPinnedTrust(t *testing.T) {
	authority, err := pki.New(pki.Config{RandomSeed: 1, Clock: clock.New()})
	if err != nil {
		t.Fatal(err)
	}
	own, fleet := someCA(t), string(authority.PEM())
	code := `
import ssl, tempfile
f = tempfile.NamedTemporaryFile("w", suffix=".pem")
f.write(` + fmt.Sprintf("%q", own) + `)
f.flush()
c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
c.load_verify_locations(cafile=f.name)
print(len(c.get_ca_certs()))`
	for _, c := range []struct {
		trust *pluginhost.Trust
		want  string
	}{
		{nil, "1"}, {&pluginhost.Trust{PEM: fleet}, "1"}, {&pluginhost.Trust{PEM: fleet, Pinned: true}, "2"},
		{&pluginhost.Trust{PEM: fleet, Pinned: true, Plugins: []string{"Other"}}, "1"},
	} {
		if got := printed(t, pluginhost.Box{Trust: c.trust}, code); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%+v: %q", c.trust, got)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	limited := func(c *pluginhost.Config, _ *pluginhost.Session) { c.MemoryLimit = 512 << 20 }
	r := runAA(t, extended("    def authorize(self): bytearray(1 << 30)\n"), limited)
	wantError(t, r, pluginhost.Authorize, pluginhost.Exception)
	if r.Outcome.Err.Type != "MemoryError" {
		t.Error(r.Outcome)
	}
}

func TestStateSurvives(t *testing.T) {
	h := newHost(t, pluginhost.Config{})
	p := install(t, h, source{main: extended(`    def authorize(self):
        import os
        n = []
        for name in ("SCB_PLUGIN_STATE_DIRECTORY", "EPHEMERAL_PLUGIN_STATE_DIRECTORY"):
            path = os.path.join(os.environ[name], "n")
            open(path, "a").write("x")
            n.append(os.stat(path).st_size)
        return {"verdict": "DENY", "reason": "%d %d" % tuple(n)}
`)})
	for i, want := range []string{"1 1", "2 2", "3 1"} {
		if i == 2 {
			if err := h.Reboot(); err != nil {
				t.Fatal(err)
			}
		}
		if r := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}}); r.Outcome.Reason != want {
			t.Errorf("session %d: %v, want %s", i+1, r.Outcome, want)
		}
	}
}

// someCA is a certificate in PEM.
func someCA(t *testing.T) string {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}
