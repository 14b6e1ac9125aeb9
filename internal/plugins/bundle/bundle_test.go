//go:build !nopython

package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"counterpart/internal/plugins/bundle"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

// What a company has that must not be in a bundle, and yet makes it what it is.
const (
	company = `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME}
random_seed: 98765432101234
users:
  - name: alice
    password: Wonderland-77
    devices: [{id: alice-totp, kind: totp, secret: JBSWY3DPEHPK3PXP}]
  - name: bob
clients: [{name: sps, secret: key-of-the-box-9}]
accounts: [{name: svc, user: bob}]
servers:
  - kind: native
  - {kind: radius, clients: [{from: 127.0.0.0/8, secret: between-us-5}]}
  - {kind: duo, api_host: api-12345678.duosecurity.com, integrations: [{name: sps, ikey: DIWJ8X6AEYOR5OMC6TQ1, skey: Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK}]}
`
	story = `
scenario: bob is let in
fleet: {seed: company.yaml}
plugins:
  aa:
    package: plugin
    config_file: plugin.cfg
box: {credential_stores: {store: {section: {option: box-Password-3}}}}
connection: {protocol: ssh, gateway: {user: alice}, server: {user: root, ip: 10.0.0.5}}
prompts:
  - {ask: {key: password}, answer: "{{ users.alice.password }}"}
  - {ask: {key: other}, answer: not-a-Secret-of-ours-8}
expect: {outcome: connected, log: [never said], backend: [{path: /otp/v1/verify, answer: {valid: true}}]}
`
	config   = "address = {{ native.url }}\napi_key = key-of-the-box-9\n"
	manifest = "name: Leaky\ndescription: Says what it hears\nversion: \"1.2\"\ntype: aa\napi: 1.6\nentry_point: main.py\n"
	leaky    = `#!/usr/bin/env pluginwrapper3
import json
import sys
import urllib.request


class Plugin:
    def __init__(self, configuration):
        self.options = dict(line.split(" = ") for line in configuration.strip().splitlines())

    def authenticate(self, session_id, key_value_pairs):
        for key in ("password", "other"):
            if key not in key_value_pairs:
                return {"verdict": "NEEDINFO", "question": (key, key + ": ", True)}
        print("heard", key_value_pairs, self.options["api_key"])
        body = json.dumps({"user": "alice", "otp": "000000"}).encode()
        request = urllib.request.Request(self.options["address"] + "/otp/v1/verify", body, {
            "Content-Type": "application/json", "Authorization": "Bearer " + self.options["api_key"]})
        with urllib.request.urlopen(request) as answer:
            valid = json.load(answer)["valid"]
        return {"verdict": "ACCEPT" if valid else "DENY", "reason": key_value_pairs["password"]}

    def authorize(self, session_id):
        assert "between-us-5"
        return {"verdict": "ACCEPT"}

    def session_ended(self, session_id):
        pass
`
)

var secrets = []string{"Wonderland-77", "JBSWY3DPEHPK3PXP", "key-of-the-box-9", "between-us-5", "Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK", "box-Password-3", "not-a-Secret-of-ours-8", "98765432101234"}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// kept runs the scenario of a folder, which fails, and returns the file that is kept of it.
func kept(t *testing.T, dir, mode string) (path, text string) {
	t.Helper()
	cases, err := scenario.Load(filepath.Join(dir, "story.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var made *bundle.Bundle
	var generated []string
	results := scenario.Run(t.Context(), cases, scenario.Options{Kinds: servers.Table(), Modes: []string{mode}, Ran: func(r *scenario.Ran) {
		mu.Lock()
		defer mu.Unlock()
		if made, err = bundle.Of(r, "test"); err != nil {
			t.Error(err)
		}
		for u := range r.Company.World.Users() {
			generated = append(generated, u.Password)
		}
		for a := range r.Company.World.Accounts() {
			generated = append(generated, r.Company.World.AccountPassword(a))
		}
	}})
	if made == nil || results[0].Verdict != scenario.Failed {
		t.Fatalf("%s: %s %+v", results[0].Verdict, results[0].Problem, results[0].Differences)
	}
	path = filepath.Join(t.TempDir(), "case.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range append(generated, secrets...) {
		if secret != "" && strings.Contains(string(all), secret) {
			t.Errorf("%s stands in the bundle", secret)
		}
	}
	return path, string(all)
}

// TestAFailedCaseIsRunAgainToTheSameEnd: in another folder, from the file alone and the
// plugin; no secret of the company is in it, and the run needs the company.
func TestAFailedCaseIsRunAgainToTheSameEnd(t *testing.T) {
	for _, mode := range []string{"fresh", "worker"} {
		t.Run(mode, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"company.yaml": company, "story.yaml": story, "plugin.cfg": config, "plugin/MANIFEST": manifest, "plugin/main.py": leaky})
			path, text := kept(t, dir, mode)
			for _, want := range []string{"/otp/v1/verify", `"verdict": "failed"`, "heard", "Leaky", "random_seed", "servers[1].clients[0].secret", "own main.py holds a secret of the company"} {
				if !strings.Contains(text, want) {
					t.Errorf("the bundle lacks %q:\n%s", want, text)
				}
			}
			for _, gone := range []string{"company.yaml", "story.yaml", "plugin.cfg"} {
				if err := os.Remove(filepath.Join(dir, gone)); err != nil {
					t.Fatal(err)
				}
			}
			moved := filepath.Join(t.TempDir(), "elsewhere")
			if err := os.Rename(filepath.Join(dir, "plugin"), moved); err != nil {
				t.Fatal(err)
			}
			b, err := bundle.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			o := scenario.Options{Kinds: servers.Table()}
			if _, err := b.Run(t.Context(), bundle.Choice{Options: o}); err == nil || !strings.Contains(err.Error(), "--package") {
				t.Errorf("the plugin is not where it was: %v", err)
			}
			r, err := b.Run(t.Context(), bundle.Choice{Packages: []string{moved}, Options: o})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Other) > 0 || len(r.Notes) > 0 || r.Now.Verdict != scenario.Failed || len(r.Now.Differences) != len(b.End.Differences) || len(r.Now.Differences) < 3 {
				t.Errorf("another end: %q, notes %q, %+v, was %+v", r.Other, r.Notes, r.Now, b.End)
			}
			write(t, moved, map[string]string{"main.py": strings.Replace(leaky, `"ACCEPT" if valid else "DENY"`, `"ACCEPT"`, 1)})
			if r, err = b.Run(t.Context(), bundle.Choice{Packages: []string{moved}, Options: o}); err != nil || len(r.Notes) != 1 || !strings.Contains(strings.Join(r.Other, "\n"), "gone: outcome") {
				t.Errorf("a mended plugin: %v %+v", err, r)
			}
		})
	}
}
