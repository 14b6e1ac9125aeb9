// Package directory is the secrets engine ldap and its older form ad: static roles, and
// libraries of accounts that are checked out.
package directory

import (
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/rotation"
)

// Backend is what the engines ldap and ad keep.
type Backend struct {
	libraries *state.Collection[library]      // of ldap and ad
	slots     *state.Collection[slot]         // their accounts
	managed   *state.Claims                   // account → the set it is in
	roots     *state.Collection[rootRotation] // of mounts of ldap and ad

	rotation *rotation.Backend
}

// New declares the records in the store of s.
func New(s *core.Server, accounts *rotation.Backend) *Backend {
	b := &Backend{rotation: accounts}
	b.libraries = state.Of[library](s.Store, "library")
	b.slots = state.Of[slot](s.Store, "slot")
	b.managed = state.NewClaims(s.Store, "managed", s.Clock, b.hasAccount)
	b.roots = state.Of[rootRotation](s.Store, "root")
	s.OfMounts = append(s.OfMounts, b.libraries, b.slots, b.managed, b.roots)
	return b
}
