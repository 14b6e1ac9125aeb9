//go:build real || oracles

package vault_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// terminal is a shell of somebody who works with one server.
type terminal struct{ addr, home, key string }

func newTerminal(t *testing.T, addr, key string) *terminal {
	t.Helper()
	x := &terminal{addr, t.TempDir(), key}
	if err := os.WriteFile(filepath.Join(x.home, "root"), []byte("root"), 0o600); err != nil {
		t.Fatal(err)
	}
	return x
}

// run is a command, what it said and its exit code.
func (x *terminal) run(t *testing.T, line string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line)
	cmd.Dir = x.home
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + x.home, "VAULT_ADDR=http://" + x.addr, "UNSEAL_KEY=" + x.key, "VAULT_MAX_RETRIES=0"}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return printed(strings.ReplaceAll(string(out), x.addr, "ADDR")), cmd.ProcessState.ExitCode()
}

// printed is output without what differs from run to run.
func printed(s string) string {
	for _, r := range varying {
		s = r.re.ReplaceAllString(s, r.to)
	}
	s = passing.ReplaceAllStringFunc(s, func(m string) string { // the command line takes its time
		d, err := time.ParseDuration(m)
		if err != nil {
			return m
		}
		return (d + 29*time.Second).Truncate(30 * time.Second).String()
	})
	return normal(bytes.TrimSpace([]byte(s)))
}

var passing = regexp.MustCompile(`\b(\d+h)?(\d+m)?(\d+s)?\b`)

var varying = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC`), "DAY"},
	{regexp.MustCompile(`[A-Z][a-z][a-z], \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d UTC`), "DAY"},
	{regexp.MustCompile(`(accessor|token|secret_id_accessor|accessor": ")(\s*)[A-Za-z0-9]{24}\b`), "${1}${2}ACCESSOR"},
	{regexp.MustCompile(`\b([a-z]+)_[0-9a-f]{8}\b`), "${1}_ID"},
	{regexp.MustCompile(`/([A-Za-z0-9]{24}|h[0-9a-f]{64})\b`), "/LEASE"},
	{regexp.MustCompile(`\b(creation_time"?:?) +\d{9,}\b`), "$1 0"},
	{regexp.MustCompile(`vault:v(\d):[A-Za-z0-9+/=]+`), "vault:v$1:TEXT"},
	{regexp.MustCompile(`code +\d{6}`), "code CODE"},
	{regexp.MustCompile(`map\[1:\d+\]`), "map[1:0]"},
	{regexp.MustCompile(`"(token|accessor|wrapping_accessor)": "[A-Za-z0-9]{24}"`), `"$1": "ACCESSOR"`},
	{regexp.MustCompile(`accessor: +[A-Za-z0-9]{24}`), "accessor: ACCESSOR"},
	{regexp.MustCompile(`([a-z]+(_[a-z]+)*)_[0-9a-f]{8}\b`), "${1}_ID"},
	{regexp.MustCompile(`\b(last_renewal_time) +\d+`), "$1 0"},
	{regexp.MustCompile(`map\[1:\d+ 2:\d+\]`), "map[1:0 2:0]"},
	{regexp.MustCompile(`client_id:[A-Za-z0-9+/=-]+`), "client_id:CLIENT"},
	{regexp.MustCompile(`\s+`), " "},
	{regexp.MustCompile(`-{3,}`), "---"},
	{regexp.MustCompile(`={3,}`), "==="},
}
