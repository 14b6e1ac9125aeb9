//go:build oracles

package vault_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// TestOracleCLI plays scripts of the vault command line against a real Vault and
// against ours, and compares exit codes and everything printed but for what is
// random or a moment. A line is a shell command; a number before it is the exit
// code that both have to end with, by default 0.
func TestOracleCLI(t *testing.T) {
	if _, err := exec.LookPath("vault"); err != nil {
		t.Fatal("vault is missing; make oracles builds it")
	}
	scripts, err := filepath.Glob("testdata/cli/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			const key = "AAECAwQFBgcICQoLDA0ODw=="
			f := dialecttest.Run(t, servers.Table(), strings.Replace(oracleSeed, "token: root", "token: root, unseal_keys: ['"+key+"']", 1))
			ours := newTerminal(t, f.Addr("vault/http"), key)
			addr, key2 := realServer(t, "vault")
			theirs := newTerminal(t, addr, key2)
			for n, line := range strings.Split(readFile(t, path), "\n") {
				if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				code := 0
				if word, rest, _ := strings.Cut(line, " "); word[0] >= '0' && word[0] <= '9' {
					code, err = strconv.Atoi(word)
					if err != nil {
						t.Fatal(err)
					}
					line = rest
				}
				got, gotCode := ours.run(t, line)
				want, wantCode := theirs.run(t, line)
				if got != want {
					t.Errorf("line %d: %s\n ours: %s\n real: %s", n+1, line, got, want)
				}
				if gotCode != code || wantCode != code {
					t.Errorf("line %d: %s ends with %d, the real one with %d: %s", n+1, line, gotCode, wantCode, got)
				}
			}
		})
	}
}

// TestOracleGoClient lets the programs of TestRealGoClient see a real Vault; -update
// writes down what they saw.
func TestOracleGoClient(t *testing.T) {
	for name, play := range programs {
		t.Run(name, func(t *testing.T) {
			addr, _ := realServer(t, "vault")
			p := newProgram(t, addr)
			play(p)
			held(t, "testdata/goclient/"+name+".golden", p.seen)
		})
	}
}

// TestOracleHvac plays the program of TestRealHvac against a real Vault; -update
// writes down what it said.
func TestOracleHvac(t *testing.T) {
	addr, _ := realServer(t, "vault")
	held(t, "testdata/hvac/play.golden", runHvac(t, "http://"+addr, ""))
}

// held is saw, or with -update writes the file.
func held(t *testing.T, path string, lines []string) {
	t.Helper()
	if dialecttest.Updating() {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	saw(t, path, lines)
}
