package vault_test

import (
	"slices"
	"strings"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
	"counterpart/servers/vault"
)

// watched are the kinds of servers; of a vault that is made of them s becomes the
// address.
func watched(s **vault.Server) []dialect.Kind {
	kinds := slices.Clone(servers.Table())
	for i, k := range kinds {
		if k.Name == "vault" {
			kinds[i].New = func(env dialect.Env) (dialect.Server, error) {
				made, err := k.New(env)
				*s, _ = made.(*vault.Server)
				return made, err
			}
		}
	}
	return kinds
}

// serverOf starts the company with settings of the vault's block and returns the
// vault itself.
func serverOf(t *testing.T, settings string) *vault.Server {
	t.Helper()
	var s *vault.Server
	dialecttest.Run(t, watched(&s), strings.Replace(company, "FLAVOUR", settings, 1))
	return s
}

// V3: every path that is played as Vault 1.21 is one that a real one describes.
func TestV3PlayedPathsAreDescribed(t *testing.T) {
	undescribed := map[string]bool{"system read wrapping/unwrap": true, "kv2 list data/*path": true, "kv2 list config": true} // observed on a real one
	for _, path := range serverOf(t, "").Undescribed() {
		if undescribed[path] {
			continue
		}
		t.Errorf("%s is played, and a real Vault does not describe it", path)
	}
}
