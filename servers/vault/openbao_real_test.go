//go:build openbao

package vault_test

import (
	"testing"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// TestOpenBaoOracle is TestOracleExchanges for the flavour openbao-2 and a real OpenBao.
// It has a build tag of its own because no registry has an OpenBao server: build one
// from its source and put it on the PATH as bao.
func TestOpenBaoOracle(t *testing.T) {
	for name, script := range baoScripts(t) {
		t.Run(name, func(t *testing.T) {
			f, elsewhere := dialecttest.Run(t, servers.Table(), baoSeed), dialecttest.Run(t, servers.Table(), oracleSeed)
			real, _ := realServer(t, "bao")
			compare(t, addressed(script, elsewhere), newPeer("http://"+f.Addr("vault/http")), newPeer("http://"+real))
		})
	}
}
