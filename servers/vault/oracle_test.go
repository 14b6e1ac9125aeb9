//go:build oracles || openbao

package vault_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// TestOracleExchanges asks a real Vault and ours the same and compares status, headers
// and body, octet by octet but for what is random or a moment. Where a script wants
// a directory, {{url}} is ours: a real Vault manages the people of another fleet
// over LDAP, ours those of its own. The scripts are in
// testdata/oracle: a line is a request, "-> name path" keeps a value of its answer.
func TestOracleExchanges(t *testing.T) {
	scripts, err := filepath.Glob("testdata/oracle/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			f, elsewhere := dialecttest.Run(t, servers.Table(), oracleSeed), dialecttest.Run(t, servers.Table(), oracleSeed)
			real, _ := realServer(t, "vault")
			compare(t, addressed(strings.Split(readFile(t, path), "\n"), elsewhere), newPeer("http://"+f.Addr("vault/http")), newPeer("http://"+real))
		})
	}
}

// realServer starts a development server, vault or bao, and returns its address and
// unseal key.
func realServer(t *testing.T, binary string) (addr, key string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	log := filepath.Join(t.TempDir(), "log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(binary, "server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token", "-dev-listen-address="+addr)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if resp, err := http.Get("http://" + addr + "/v1/sys/health"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				if _, said, found := strings.Cut(readFile(t, log), "Unseal Key: "); found {
					key, _, _ = strings.Cut(said, "\n")
					return addr, key
				}
			}
		}
	}
	t.Fatal("the real server does not come up")
	return "", ""
}

// compare asks both. A real server ends the leases of a revoked token in the background.
func compare(t *testing.T, script []string, ours, theirs *peer) {
	t.Helper()
	x := exchanges("")
	x.Again, x.Same = reads, func(a, b string) bool { return a == b || sorted(a) == sorted(b) }
	x.Compare(t, script, ours.Client, theirs.Client)
}

// reads reports a line that can be asked again.
func reads(line string) bool { return strings.HasPrefix(line, "GET ") }

// sorted is an answer whose top level has the data a second time, in an order that
// changes from run to run, with its keys in order. All others are left alone.
func sorted(answer string) string {
	head, body, _ := strings.Cut(answer, " {")
	if !strings.Contains(body, `"request_id"`) || strings.HasPrefix(body, `"request_id"`) {
		return answer
	}
	var v any
	if json.Unmarshal([]byte("{"+body), &v) != nil {
		return answer
	}
	raw, _ := json.Marshal(v)
	return head + string(raw)
}
