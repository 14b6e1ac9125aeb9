//go:build !nopython

package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

// noisy changes whatever a plugin can change in a fleet, and says what it finds.
const noisy = `#!/usr/bin/env pluginwrapper3
import json
import urllib.error
import urllib.request

counted = 0


class Plugin:
    def __init__(self, configuration=""):
        self.address = configuration.strip()

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.address + path, None if body is None else json.dumps(body).encode(), {
            "Content-Type": "application/json", "Authorization": "Bearer sps-secret", "X-On-Behalf-Of": "alice"}, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def authenticate(self, cookie, session_cookie, key_value_pairs):
        global counted
        counted += 1
        lease, _ = self.call("POST", "/vault/v1/accounts/root@db01/checkout", {"reason": "x"})
        code, verdict = self.call("POST", "/otp/v1/verify", {"user": "alice", "otp": key_value_pairs.get("otp", "")})
        for _ in range(7):
            self.call("POST", "/otp/v1/verify", {"user": "bob", "otp": "000000"})
        locked = self.call("POST", "/otp/v1/verify", {"user": "bob", "otp": "000000"})[1]
        push, transaction = self.call("POST", "/otp/v1/transactions", {"user": "alice"})
        print("call %d, lease %d, code %s, push %d" % (counted, lease, verdict.get("valid"), push))
        return {"verdict": "ACCEPT"}

    def authorize(self, cookie, session_cookie):
        return {"verdict": "ACCEPT"}

    def session_ended(self, cookie, session_cookie):
        pass
`

// TestCasesOfOneFleetCannotSeeEachOther: in worker mode the cases of a file use one
// fleet after the other, and each finds it as the first did.
func TestCasesOfOneFleetCannotSeeEachOther(t *testing.T) {
	dir := t.TempDir()
	var cases strings.Builder
	for i := range 4 {
		fmt.Fprintf(&cases, "  - name: n%d\n", i)
	}
	// One moves the clock, one has another company: they get fleets of their own.
	cases.WriteString("  - {name: later, during: [{wait: 1h}]}\n  - {name: merged, fleet: {merge: {random_seed: 7}}}\n  - {name: faulty, fleet: {merge: {faults: [{kind: delay, server: radius, args: {for: 1ms}}]}}}\n  - {name: last}\n")
	for name, text := range map[string]string{"main.py": noisy, "MANIFEST": "name: Noisy\ndescription: x\nversion: \"1.0\"\ntype: aa\napi: \"1.6\"\nentry_point: main.py\n",
		"s.yaml": "scenario: x\nmode: worker\nplugins: {aa: {package: ., config: \"{{ native.url }}\"}}\nconnection: {protocol: ssh, gateway: {user: alice}, key_values: {otp: \"{{ users.alice.otp }}\"}}\n" +
			"expect:\n  outcome: connected\n  log: [\"call 1, lease 201, code True, push 202\"]\n  backend_exact: true\n  backend:\n" +
			"    - {path: /checkout/}\n    - {path: /otp/v1/verify, answer: {valid: true}}\n" + strings.Repeat("    - {path: /otp/v1/verify, answer: {valid: false}}\n", 8) + "    - {path: /otp/v1/transactions, status: 202}\ncases:\n" + cases.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := scenario.Load(filepath.Join(dir, "s.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	results := scenario.Run(t.Context(), loaded, scenario.Options{Kinds: servers.Table(), Parallel: 1})
	fleets := map[string]int{}
	for _, r := range results {
		if r.Verdict != scenario.Passed {
			var out strings.Builder
			r.Print(&out)
			t.Error(out.String())
		}
		fleets[r.Fleet]++
	}
	if len(fleets) != 4 { // one for five cases: the last finds the one that was idle meanwhile
		t.Errorf("%d fleets: %v", len(fleets), fleets)
	}
}
