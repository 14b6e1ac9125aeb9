// Package transit is the secrets engine transit: cryptography as a service. Its keys are
// those of the package keyring.
package transit

import (
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/keyring"
)

// Backend is what the engine transit keeps.
type Backend struct {
	transits    *state.Collection[keyring.Key]
	transitConf *state.Collection[transitConfig]
}

// New declares the records in the store of s.
func New(s *core.Server) *Backend {
	b := &Backend{}
	b.transits = state.Of[keyring.Key](s.Store, "transit")
	b.transitConf = state.Of[transitConfig](s.Store, "transitconfig")
	s.OfMounts = append(s.OfMounts, b.transits, b.transitConf)
	return b
}
