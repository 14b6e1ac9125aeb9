//go:build openbao

package vault_test

import (
	"path/filepath"
	"strings"
	"testing"

	"counterpart/internal/dialect/dialecttest"
	"counterpart/servers"
)

// baoSeed is the company of the scripts with our server as OpenBao.
var baoSeed = strings.Replace(oracleSeed, "token: root", "token: root, flavour: openbao-2", 1)

// TestOpenBaoOracle is TestRealOracle for the flavour openbao-2 and a real OpenBao.
// It has a build tag of its own, openbao, because no registry has an OpenBao server:
// build one and put it on the PATH as bao.
func TestOpenBaoOracle(t *testing.T) {
	scripts, err := filepath.Glob("testdata/openbao/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			f, elsewhere := dialecttest.Run(t, servers.Table(), baoSeed), dialecttest.Run(t, servers.Table(), oracleSeed)
			real, _ := realServer(t, "bao")
			compare(t, scriptOf(t, path, elsewhere), &peer{base: "http://" + f.Addr("vault/http")}, &peer{base: "http://" + real})
		})
	}
}
