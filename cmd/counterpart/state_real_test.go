//go:build real

package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"counterpart/internal/steering/dialecttest"
)

// TestRealStateOfTwoProcesses: a secret that one process is told the other one tells, and
// a process with another seed is refused.
func TestRealStateOfTwoProcesses(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is missing; make tools installs it")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "redis.sock")
	dialecttest.Program(t, exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", ""), "eady to accept connections")
	url := "unix://" + socket
	seed := filepath.Join(dir, "seed.yaml")
	if err := os.WriteFile(seed, []byte("version: 1\norganization: {name: Two, domain: two.test, netbios: TWO}\nservers: [{kind: vault, token: root}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var addrs [2]string
	for i := range addrs {
		addrs[i] = startServe(t, "serve", seed, "--ports", "auto", "--state", url)["vault/http"]
	}
	ask := func(method, addr, body, want string) {
		t.Helper()
		req, err := http.NewRequest(method, "http://"+addr+"/v1/secret/data/x", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Vault-Token", "root")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s, %v", resp.Status, text, err)
		}
	}
	ask("POST", addrs[0], `{"data":{"k":"told by one"}}`, `"version":1`)
	ask("GET", addrs[1], "", "told by one")
	for _, tt := range []struct{ args, want string }{
		{"demo --state " + url, "has a fleet of another seed"},
		{seed + " --state redis://127.0.0.1:1", "nothing listens there"},
		{"minimal --state somewhere", "neither memory nor a URL"},
		{"minimal --state http://x", "has the scheme"},
	} {
		var errs strings.Builder
		code := run(t.Context(), append([]string{"serve", "--ports", "auto"}, strings.Fields(tt.args)...), strings.NewReader(""), io.Discard, &errs)
		if code == exitOK || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%s: code %d, %s", tt.args, code, errs.String())
		}
	}
}

// startServe runs serve until the test ends, and returns where its ports are, by their IDs.
func startServe(t *testing.T, args ...string) map[string]string {
	t.Helper()
	ports, stop := launch(t, args...)
	t.Cleanup(stop)
	return ports
}

// launch runs serve until it is stopped, and returns where its ports are, by their IDs.
func launch(t *testing.T, args ...string) (ports map[string]string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	file := filepath.Join(t.TempDir(), "ports.json")
	done := make(chan int, 1)
	var errs strings.Builder
	go func() {
		done <- run(ctx, append(args, "--ports-file", file), strings.NewReader(""), io.Discard, &errs)
	}()
	stop = func() {
		cancel()
		if code := <-done; code != exitOK {
			t.Errorf("code %d: %s", code, errs.String())
		}
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &ports) == nil {
			return ports, stop
		}
	}
	stop()
	t.Fatal("it does not start")
	return nil, nil
}
