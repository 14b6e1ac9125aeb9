//go:build !nopython

package record_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/record"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

const (
	manifest = "name: Asker\ndescription: Asks\nversion: \"1.2\"\ntype: aa\napi: 1.6\nentry_point: main.py\n"
	asker    = `#!/usr/bin/env pluginwrapper3
import json
import urllib.request


class Plugin:
    def __init__(self, configuration):
        self.address = configuration.strip()

    def authenticate(self, session_id, key_value_pairs):
        for key, text, hidden in (("name", "any", False), ("password", "Password: ", True), ("otp", "/Code/", False)):
            if key not in key_value_pairs:
                return {"verdict": "NEEDINFO", "question": (key, text, hidden)}
        body = json.dumps({"user": key_value_pairs["name"], "otp": key_value_pairs["otp"]}).encode()
        request = urllib.request.Request(self.address + "/otp/v1/verify", body, {
            "Content-Type": "application/json", "Authorization": "Bearer sps-secret"})
        with urllib.request.urlopen(request) as answer:
            valid = json.load(answer)["valid"]
        good = valid and key_value_pairs["password"] == "Alice-Pass-1"
        return {"verdict": "ACCEPT" if good else "DENY", "gateway_user": key_value_pairs["name"], "gateway_groups": [],
                "additional_metadata": json.dumps({"session": session_id, "who": key_value_pairs["name"]})}

    def authorize(self, session_id):
        return {"verdict": "ACCEPT"}

    def session_ended(self, session_id):
        pass
`
)

// code is what Alice's device shows.
func code(t *testing.T) string {
	t.Helper()
	now, err := totp.GenerateCode("JBSWY3DPEHPK3PXP", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// played records a session with typed answers, and returns what is written.
func played(t *testing.T, c scenario.Case, out string, answers ...func() string) string {
	t.Helper()
	r := record.New(filepath.Dir(out), "")
	o := scenario.Options{Kinds: servers.Table(), Up: r.Up, Ran: r.Ran}
	o.Answer = func(_ context.Context, ask pluginhost.Ask) pluginhost.Answer {
		if len(answers) == 0 {
			return r.Answered(ask, pluginhost.Answer{HangUp: true})
		}
		next := answers[0]
		answers = answers[1:]
		return r.Answered(ask, pluginhost.Answer{Text: next()})
	}
	result := scenario.Play(t.Context(), c, o)
	text, err := r.Scenario()
	if err != nil {
		t.Fatalf("%v: %s %s", err, result.Verdict, result.Problem)
	}
	if err := os.WriteFile(out, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// passes runs a scenario that was written.
func passes(t *testing.T, path string) {
	t.Helper()
	cases, err := scenario.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range scenario.Run(t.Context(), cases, scenario.Options{Kinds: servers.Table()}) {
		if r.Verdict != scenario.Passed {
			t.Errorf("%s: %s %s %+v", path, r.Verdict, r.Problem, r.Differences)
		}
	}
}

// TestARecordedSessionPassesAtOnce: what was typed of the fleet's secrets are holes, what
// was typed and is none is not there, and the rest is expected as it happened.
func TestARecordedSessionPassesAtOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "plugin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"plugin/MANIFEST": manifest, "plugin/main.py": asker} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := scenario.Build(filepath.Join(dir, "command line"), map[string]any{"scenario": "x", "plugins": map[string]any{"aa": map[string]any{"package": "plugin", "config": "{{ native.url }}"}},
		"connection": map[string]any{"protocol": "ssh", "usermapping": true, "server": map[string]any{"user": "root", "ip": "10.0.0.5"}}})
	if err != nil {
		t.Fatal(err)
	}
	say := func(s string) func() string { return func() string { return s } }
	for _, tt := range []struct {
		name      string
		answers   []func() string
		want, not []string
	}{
		{"right", []func() string{say("alice"), say("Alice-Pass-1"), func() string { return code(t) }},
			[]string{"{{ users.alice.password }}", "{{ users.alice.otp }}", "outcome: connected", "answer: alice", "package: ../plugin", "/otp/v1/verify", "/^any$/", "/^/Code/$/", "who: alice", "review: []", "verdict: ACCEPT"},
			[]string{"Alice-Pass-1", "svc/"}},
		{"wrong", []func() string{say("alice"), say("Typed-in-Error-5"), say("000000")}, []string{`"000000"`, "outcome: denied", "outcome: denied"}, []string{"Typed-in-Error-5"}},
		{"gone", []func() string{say("alice")}, []string{"hangup: true", "outcome: disconnected", "backend: []"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(dir, "scenarios")
			if err := os.MkdirAll(out, 0o755); err != nil {
				t.Fatal(err)
			}
			out = filepath.Join(out, tt.name+".yaml")
			text := played(t, c, out, tt.answers...)
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not there:\n%s", want, text)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(text, not) {
					t.Errorf("%q is there:\n%s", not, text)
				}
			}
			passes(t, out)
		})
	}
}
