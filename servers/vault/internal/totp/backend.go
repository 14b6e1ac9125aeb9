// Package totp is the secrets engine totp: it makes codes, and checks them.
package totp

import (
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
)

// Backend is what the engine totp keeps.
type Backend struct {
	totps    *state.Collection[totpKey]
	totpUsed *state.Collection[int64]
}

// New declares the records in the store of s.
func New(s *core.Server) *Backend {
	b := &Backend{}
	b.totps = state.Of[totpKey](s.Store, "totp")
	b.totpUsed = state.Of[int64](s.Store, "totpused")
	s.OfMounts = append(s.OfMounts, b.totps, b.totpUsed)
	return b
}
