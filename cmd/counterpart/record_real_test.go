//go:build real

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// scripted is a person who reads the code off the device when it is asked for.
type scripted struct{ lines []func() string }

// Read implements io.Reader.
func (p *scripted) Read(b []byte) (int, error) {
	if len(p.lines) == 0 {
		return 0, io.EOF
	}
	next := p.lines[0]
	p.lines = p.lines[1:]
	return copy(b, next()+"\n"), nil
}

// TestRealRecordedSessionsPassAtOnce: both example plugins, played by hand, kept, and run
// as scenarios; nothing is written over, and no secret is in what is written.
func TestRealRecordedSessionsPassAtOnce(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is missing; make tools installs it")
	}
	const rest = "[counterpart]\naddress = {{ native.url }}\napi_key = {{ clients.sps.secret }}\n[tls]\nenabled = no\n"
	code := func() string {
		now, err := totp.GenerateCode("JBSWY3DPEHPK3PXP", time.Now())
		if err != nil {
			t.Error(err)
		}
		return now
	}
	for _, tt := range []struct {
		plugin string
		args   []string
		lines  []func() string
		want   []string
	}{
		{"otp", []string{"--gateway-user", "alice"}, []func() string{code}, []string{"{{ users.alice.otp }}", "outcome: connected", "verdict: ACCEPT", "POST /otp/v1/verify"}},
		{"vault", []string{"--gateway-user", "alice", "--password", `{{ accounts["root@db01"].password }}`}, nil,
			[]string{`{{ accounts["root@db01"].password }}`, "outcome: connected", "POST /vault/v1/accounts/:account/checkout", "object: root@db01"}},
	} {
		t.Run(tt.plugin, func(t *testing.T) {
			dir := t.TempDir()
			config, out := filepath.Join(dir, "plugin.cfg"), filepath.Join(dir, "recorded.yaml")
			if err := os.WriteFile(config, []byte(rest), 0o644); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"plugin", "record", "../../plugins/" + tt.plugin, "--config", config, "--python", python, "--out", out}, tt.args...)
			var said, errs strings.Builder
			if code := run(t.Context(), args, &scripted{tt.lines}, &said, &errs); code != exitOK || !strings.Contains(said.String(), "played once more: passed") {
				t.Fatalf("exit code %d\n%s%s", code, said.String(), errs.String())
			}
			text, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(string(text), want) {
					t.Errorf("%q is not there:\n%s", want, text)
				}
			}
			for _, secret := range []string{"Db01-Root-Pass-1", "sps-secret", "JBSWY3DPEHPK3PXP"} {
				if strings.Contains(string(text), secret) {
					t.Errorf("%s is there:\n%s", secret, text)
				}
			}
			if code := run(t.Context(), []string{"plugin", "test", "--python", python, "--mode", "both", out}, strings.NewReader(""), &said, &errs); code != exitOK {
				t.Errorf("plugin test: exit code %d\n%s%s", code, said.String(), errs.String())
			}
			errs.Reset()
			if code := run(t.Context(), args, &scripted{tt.lines}, &said, &errs); code != 4 || !strings.Contains(errs.String(), "exists; --force") {
				t.Errorf("over what is there: exit code %d\n%s", code, errs.String())
			}
			if again, err := os.ReadFile(out); err != nil || string(again) != string(text) {
				t.Errorf("it was written over: %v", err)
			}
		})
	}
}
