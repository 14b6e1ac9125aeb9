// Package database is the secrets engine database, in its shape: no connection is opened.
package database

import (
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/rotation"
)

// Backend is what the engine database keeps.
type Backend struct {
	dynamics *state.Collection[dynamicRole]

	rotation *rotation.Backend
}

// New declares the records in the store of s.
func New(s *core.Server, accounts *rotation.Backend) *Backend {
	b := &Backend{rotation: accounts}
	b.dynamics = state.Of[dynamicRole](s.Store, "dynamic")
	s.OfMounts = append(s.OfMounts, b.dynamics)
	return b
}
