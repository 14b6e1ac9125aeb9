//go:build real

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRealTrust runs what README.md and docs/trust.md say about trust, as it is
// written, with real clients, and compares what they print.
func TestRealTrust(t *testing.T) {
	for _, tool := range []string{"curl", "openssl", "ldapwhoami", "python3", "keytool", "java", "node", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing; make tools installs it", tool)
		}
	}
	dir := t.TempDir()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(own, filepath.Join(dir, "counterpart")); err != nil { // see TestMain
		t.Fatal(err)
	}
	minimal, err := os.ReadFile("../../seed/worlds/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ports := startServing(t, dir)
	addresses := strings.NewReplacer("bin/counterpart", "counterpart", "127.0.0.1:8445", ports["servicenow/https"], "127.0.0.1:1636", ports["ad/ldaps"], "127.0.0.1:2083", ports["radius/radsec"],
		"127.0.0.1:8099", ports["control/http"], `"127.0.0.1", 3128`, strings.Replace(`"`+ports["egress/proxy"], ":", `", `, 1))
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(addresses.Replace(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("my-seed.yaml", string(minimal))
	for _, doc := range []string{"../../docs/trust.md", "../../README.md"} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sections(string(text)) {
			if doc == "../../README.md" && s.title != "Trust" {
				continue
			}
			for name, text := range s.files {
				write(name, text)
			}
			if doc == "../../README.md" { // the second time around
				os.Remove(filepath.Join(dir, "trust.p12"))
				os.Remove(filepath.Join(dir, "nas1.acme.test.key"))
				os.Remove(filepath.Join(dir, "nas1.acme.test.crt"))
				os.Remove(filepath.Join(dir, "nas1.acme.test.p12"))
			}
			for _, c := range s.commands {
				runShown(t, dir, addresses.Replace(c.command), c, doc == "../../README.md")
			}
		}
	}
}

// runShown runs one command in a shell. Where the document shows no output it
// need only succeed, when short, or print nothing.
func runShown(t *testing.T, dir, command string, c consoleLine, short bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-euc", command)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "GOFLAGS=", "GO111MODULE=off", "no_proxy=*")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) || err != nil:
		t.Errorf("$ %s\n%v\n%s", command, err, out)
	case !short && !fits(c.want, string(out)):
		t.Errorf("$ %s\ngot:\n%s\nthe document says:\n%s", command, out, strings.Join(c.want, "\n"))
	}
}
