//go:build !nopython

package coverage_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/plugins/coverage"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

const (
	story = `
scenario: an account
plugins: {credentialstore: {package: plugin, config: "{{ native.url }}"}}
connection: {protocol: ssh, gateway: {user: alice}, server: {user: root, ip: 10.0.0.5}}
target: {offers: [password], accepts: {password: another}}
expect: {outcome: any}
cases:
  - name: lent
  - name: not hers
    connection: {gateway: {user: victor}}
  - name: nobody
    connection: {gateway: {user: nobody}}
`
	manifest = "name: Asker\ndescription: Asks for an account\nversion: \"1.2\"\ntype: credentialstore\napi: 1.6\nentry_point: main.py\n"
	asker    = `#!/usr/bin/env pluginwrapper3
import json
import urllib.error
import urllib.request


class Plugin:
    def __init__(self, configuration):
        self.address = configuration

    def get_password_list(self, session_id, gateway_username):
        request = urllib.request.Request(self.address + "/vault/v1/accounts/root@db01/checkout", b"{}", {
            "Content-Type": "application/json", "Authorization": "Bearer sps-secret", "X-On-Behalf-Of": gateway_username})
        try:
            with urllib.request.urlopen(request) as answer:
                return {"passwords": [json.load(answer)["password"]["value"]]}
        except urllib.error.HTTPError as problem:
            print("refused", problem.code)
            return {"passwords": []}

    def get_private_key_list(self, session_id):
        return {"private_keys": []}

    def authentication_completed(self, session_id):
        raise RuntimeError("never called")

    def session_ended(self, session_id):
        pass
`
)

// TestWhatScenariosMet: refusals by operation, those that were never met, hooks and how
// they ended, and nothing of systems that nobody asked.
func TestWhatScenariosMet(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "plugin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"story.yaml": story, "plugin/MANIFEST": manifest, "plugin/main.py": asker} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cases, err := scenario.Load(filepath.Join(dir, "story.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m := coverage.New(servers.Table())
	for _, r := range scenario.Run(t.Context(), cases, scenario.Options{Kinds: servers.Table(), Ran: m.Ran}) {
		if r.Verdict != scenario.Passed {
			t.Fatalf("%s: %s %s %+v", r.Label, r.Verdict, r.Problem, r.Differences)
		}
	}
	report := m.Report()
	if report.Cases != 3 || len(report.Systems) != 1 || report.Systems[0].Kind != "native" {
		t.Fatalf("%+v", report)
	}
	s := report.Systems[0]
	if len(s.Operations) != 1 || s.Operations[0].Op != "POST /vault/v1/accounts/:account/checkout" || s.Operations[0].Asked != 3 {
		t.Fatalf("%+v", s.Operations)
	}
	o := s.Operations[0]
	var met []string
	for _, c := range o.Met {
		met = append(met, c.Cause)
	}
	if !slices.Equal(met, []string{"not allowed", "unknown user"}) && len(met) != 2 || len(s.Undeclared) > 0 {
		t.Errorf("met %q, undeclared %v", met, s.Undeclared)
	}
	if !slices.Contains(o.Never, "already checked out") {
		t.Errorf("never met: %q", o.Never)
	}
	if report.Met != 2 || report.Of != len(o.Never)+2 || report.Beyond == 0 || len(s.Unused) == 0 {
		t.Errorf("%d of %d, %d beyond", report.Met, report.Of, report.Beyond)
	}
	called := map[string]int{}
	for _, h := range report.Hooks {
		called[h.Hook] = h.Calls
	}
	if called["get_password_list"] < 3 || called["get_totp_codes"] != 0 || len(report.Hooks) != 6 {
		t.Errorf("%v", called)
	}
	var text strings.Builder
	report.Print(&text, false)
	for _, want := range []string{"your scenarios met 2 of the", "refusals that native can utter", "never met: ", "already checked out", "get_totp_codes never called", "were never asked; -v lists them"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not said:\n%s", want, text.String())
		}
	}
}
