//go:build compose

// Package compose_test starts what compose/ has for real, on a Docker daemon of its own.
// Images that would be pulled are made of Debian's packages, since none can be.
package compose_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestCompose is the three files, one after the other.
func TestCompose(t *testing.T) {
	e := start(t)
	t.Run("demo", func(t *testing.T) { demo(t, e) })
	t.Run("replicas", func(t *testing.T) { replicas(t, e) })
	t.Run("plugin-ci", func(t *testing.T) { pluginCI(t, e) })
}

// ask is a request to a published port; it wants a status.
func ask(t *testing.T, status int, method, url, user string, body string) string {
	t.Helper()
	got, text := try(t, method, url, user, body)
	if got != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, url, got, status, text)
	}
	return text
}

func try(t *testing.T, method, url, user string, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if name, password, ok := strings.Cut(user, ":"); ok {
		req.SetBasicAuth(name, password)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// largest is how many octets an image of ours has at most, not compressed.
const largest = 40 << 20

// demo: the demo company from an image of ours.
func demo(t *testing.T, e *engine) {
	s := e.up(t, "demo.yaml")
	s.healthy(t, "counterpart")
	var seen []struct {
		Size   int64
		Config struct {
			User       string
			Entrypoint []string
		}
	}
	if err := json.Unmarshal([]byte(e.run(t, docker, "image", "inspect", "counterpart")), &seen); err != nil || len(seen) != 1 {
		t.Fatal(err)
	}
	t.Logf("the image has %d octets", seen[0].Size)
	if seen[0].Size > largest || seen[0].Config.User != "65532:65532" {
		t.Errorf("the image has %d octets and runs as %q", seen[0].Size, seen[0].Config.User)
	}
	if out, err := e.tool(t, "ready", "--wait", "10s"); err != nil || !strings.HasPrefix(out, "ready") {
		t.Errorf("ready: %v %s", err, out)
	}
	if status, text := try(t, "GET", "http://"+at(8099)+"/endpoints", "", ""); status != 401 {
		t.Errorf("the control port takes anybody: %d %s", status, text)
	}
	ask(t, 200, "GET", "http://"+at(8080)+"/vault/v1/accounts", "alice:Alice-Pass-1", "")
	ask(t, 401, "GET", "http://"+at(8080)+"/vault/v1/accounts", "alice:wrong", "")
	if out := e.run(t, "radtest", "alice", "Alice-Pass-1", address, "0", "testing123"); !strings.Contains(out, "Access-Accept") {
		t.Errorf("RADIUS: %s", out)
	}
	if out := e.run(t, "ldapwhoami", "-x", "-H", "ldap://"+at(1389), "-D", "alice@acme.test", "-w", "Alice-Pass-1"); !strings.Contains(out, "alice") {
		t.Errorf("LDAP: %s", out)
	}
	if out, err := e.tool(t, "ctl", "clock", "advance", "1h"); err != nil {
		t.Errorf("ctl: %v %s", err, out)
	}
	if out, err := e.tool(t, "ctl", "journal", "find", "--actor", "alice", "--server", "radius"); err != nil || !strings.Contains(out, "Access-Accept") {
		t.Errorf("journal: %v %s", err, out)
	}
	id := strings.TrimSpace(s.compose(t, "ps", "-q", "counterpart"))
	if out := e.run(t, docker, "diff", id); strings.TrimSpace(out) != "" {
		t.Errorf("it wrote into its own file system:\n%s", out)
	}
	began := time.Now()
	e.run(t, docker, "stop", "--time", "20", id)
	if code := strings.TrimSpace(e.run(t, docker, "inspect", "--format", "{{.State.ExitCode}}", id)); code != "0" {
		t.Errorf("told to stop it ended with %s", code)
	}
	t.Logf("told to stop it took %s", time.Since(began).Round(time.Millisecond))
}

// replicas: three processes over one store behind a balancer. What one has lent the others
// refuse, a code is good once, one clock is everybody's, and the journal is one.
func replicas(t *testing.T, e *engine) {
	e.base(t, "local/store-bare", "", "redis-server", "dash", "coreutils")
	e.dockerfile(t, "local/store", "FROM local/store-bare\nRUN ln -s redis-server /usr/bin/valkey-server && ln -s redis-cli /usr/bin/valkey-cli\nUSER 65534\n")
	e.base(t, "local/balancer-bare", "", "nginx-light", "libnginx-mod-stream", "dash", "coreutils")
	// Debian's nginx has what the balancer needs in a module.
	e.dockerfile(t, "local/balancer", "FROM local/balancer-bare\nRUN mkdir -p /var/log/nginx /var/lib/nginx && ln -sf /dev/stderr /var/log/nginx/error.log\n"+
		"ENTRYPOINT [\"/bin/sh\", \"-c\", \"{ echo 'load_module /usr/lib/nginx/modules/ngx_stream_module.so;'; cat /balancer.conf; } > /tmp/all.conf && exec nginx -c /tmp/all.conf -g 'daemon off;'\"]\n")
	s := e.up(t, "replicas.yaml")
	for _, one := range []string{"replica1", "replica2", "replica3"} {
		s.healthy(t, one)
	}
	if out, err := e.tool(t, "ready", "--wait", "30s"); err != nil {
		t.Fatalf("the balancer: %v %s", err, out)
	}
	if out, err := e.tool(t, "ctl", "replicas"); err != nil || strings.Count(out, "live") != 3 {
		t.Errorf("replicas: %v\n%s", err, out)
	}
	direct := func(n int) string { return "http://" + at(18080+n) }
	lease := ask(t, 201, "POST", direct(1)+"/vault/v1/accounts/root@db01/checkout", "alice:Alice-Pass-1", "{}")
	for n := 1; n <= 3; n++ {
		if status, text := try(t, "POST", direct(n)+"/vault/v1/accounts/root@db01/checkout", "trent:Trent-Pass-1", "{}"); status != 409 {
			t.Errorf("replica %d lends what is lent: %d %s (%s)", n, status, text, lease)
		}
	}
	if out := e.run(t, "radtest", "alice", "Alice-Pass-1", address, "0", "testing123"); !strings.Contains(out, "Access-Accept") {
		t.Errorf("RADIUS through the balancer: %s", out)
	}
	if out := e.run(t, "ldapwhoami", "-x", "-H", "ldap://"+at(1389), "-D", "alice@acme.test", "-w", "Alice-Pass-1"); !strings.Contains(out, "alice") {
		t.Errorf("LDAP through the balancer: %s", out)
	}
	if out, err := e.tool(t, "ctl", "clock", "freeze"); err != nil {
		t.Errorf("freeze: %v %s", err, out)
	}
	first, err := e.tool(t, "ctl", "clock")
	for range 6 { // whichever replica it is that answers
		if out, again := e.tool(t, "ctl", "clock"); err != nil || again != nil || out != first {
			t.Errorf("one clock shows %s, another one %s (%v %v)", first, out, err, again)
		}
		if out, err := e.tool(t, "ctl", "journal", "find", "--server", "native", "--actor", "trent"); err != nil || strings.Count(out, "POST /vault/v1/accounts") != 3 {
			t.Errorf("a journal without what all replicas did: %v\n%s", err, out)
		}
	}
	s.compose(t, "kill", "-s", "KILL", "replica1")
	ask(t, 409, "POST", direct(2)+"/vault/v1/accounts/root@db01/checkout", "trent:Trent-Pass-1", "{}")
	for range 3 {
		ask(t, 200, "GET", "http://"+at(8080)+"/vault/v1/accounts", "alice:Alice-Pass-1", "")
	}
}

// pluginCI: scenarios mounted into a runner, which ends with their code.
func pluginCI(t *testing.T, e *engine) {
	wheels := filepath.Join(t.TempDir(), "wheels")
	e.run(t, ".venv/bin/python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", wheels, "--requirement", "compose/requirements.txt")
	e.base(t, "local/python-bare", "", "python3", "python3-pip", "python3-ldap", "dash", "coreutils")
	if err := os.WriteFile(filepath.Join(filepath.Dir(wheels), "Dockerfile"), []byte("FROM local/python-bare\nCOPY wheels /wheels\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.run(t, docker, "build", "--quiet", "--tag", "local/python", filepath.Dir(wheels))
	e.run(t, "docker-compose", "-f", "compose/plugin-ci.yaml", "build")
	for _, tt := range []struct {
		name, plugins string
		code          int
		want          string
	}{
		{"good", "../plugins", 0, `(?m)\d+ passed`},
		{"bad", broken(t), 1, `(?i)failed`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plugins, err := filepath.Abs(tt.plugins)
			if err != nil {
				t.Fatal(err)
			}
			own := *e
			own.env = append(append([]string{}, e.env...), "PLUGINS="+plugins, "SCENARIOS=otp")
			t.Cleanup(func() { own.down(t, "plugin-ci.yaml") })
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			out, err := own.try(ctx, "docker-compose", "-f", "compose/plugin-ci.yaml", "up", "--no-color", "--no-build", "--exit-code-from", "runner")
			code := 0
			var ended *exec.ExitError
			if errors.As(err, &ended) {
				code = ended.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != tt.code || !regexp.MustCompile(tt.want).MatchString(out) {
				t.Errorf("ended with %d, want %d:\n%s", code, tt.code, out)
			}
		})
	}
}

// broken is a folder with the plugin for one-time passwords, and a scenario that wants
// somebody to get in with the wrong one.
func broken(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "otp"), os.DirFS("../plugins/otp")); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "otp/scenarios/*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(text), `answer: "{{ users.alice.otp }}"`, `answer: "000000"`, 1)
	if bad == string(text) {
		t.Fatal("there was no answer to spoil")
	}
	if err := os.WriteFile(files[0], []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}
