//go:build real

package native_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"counterpart/internal/steering/dialecttest"
)

// refusable are operations that may refuse what their schema allows with 400: what
// else they ask for depends on the company, or on two values at once.
const refusable = `
[parameters] # nothing is waited for
"query.wait" = "1ms"

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "429", "503"]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "415", "429", "503"]

[[operations]] # an account may need a reason
include-path-regex = "^/vault/v1/accounts/.*/(checkout|requests)$"
checks.positive_data_acceptance.enabled = false

[[operations]] # a window may end before it begins
include-path-regex = "^/tickets/v1/tickets(/[^/]*)?$"
checks.positive_data_acceptance.enabled = false

[[operations]] # time goes forward, and a rule's arguments are its kind's
include-path-regex = "^/(clock|faults|decisions|faults/try|decisions/try)$"
checks.positive_data_acceptance.enabled = false

[[operations]] # the next page is what the one before said, a range has its end behind its beginning, and lists are searched or held against who has what
include-path-regex = "^/(accounts|people|tickets|journal|journal/find)$"
checks.positive_data_acceptance.enabled = false

[[operations]] # where a phone finds this port is an address
include-path-regex = "^/phones/"
checks.positive_data_acceptance.enabled = false

[[operations]] # which names the CA may vouch for depends on the company
include-path-regex = "^/ca/(client|server)/"
checks.positive_data_acceptance.enabled = false

[[operations]] # null stands for an empty match in a list
include-path-regex = "^/journal/verify$"
checks.positive_data_acceptance.enabled = false
checks.negative_data_rejection.enabled = false
`

// TestRealSchemathesis throws what schemathesis makes of both specifications at the
// servers that hand them out: whatever it sends, they answer as they say they do.
func TestRealSchemathesis(t *testing.T) {
	tool, err := filepath.Abs("../../.venv/schemathesis/bin/schemathesis")
	if _, missing := os.Stat(tool); err != nil || missing != nil {
		t.Fatal("schemathesis is missing; make tools installs it")
	}
	f := dialecttest.RunWith(t, dialecttest.Setup{Kinds: kinds, Seed: demo(t, ""), Running: true})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "schemathesis.toml"), []byte(refusable), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(url, token string, more ...string) {
		t.Helper()
		cmd := exec.Command(tool, append([]string{"--config-file", filepath.Join(dir, "schemathesis.toml"), "run", url + "/openapi.json", "-H", "Authorization: Bearer " + token,
			"--max-examples", "10", "--seed", "1", "--phases", "examples,coverage,fuzzing", "--no-color"}, more...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", url, err, out)
		}
	}
	run("http://"+f.Addr("native/http"), "sps-secret")
	run("http://"+f.Addr("control/http"), "control-token", "--exclude-path-regex", "^/(state|journal/stream|journal/wait)")
}
