// Package system is the paths below sys/: mounts, policies, the state of the node, the
// catalogue of plugins, audit devices. Leases and wrapping are the core's.
package system

import (
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
)

// Backend is what is kept of sys/ besides mounts, policies and leases.
type Backend struct {
	audits    *state.Collection[auditDevice] // by their path
	barriers  *state.Collection[barrier]
	passwords *state.Collection[string] // password policies
	moves     *state.Collection[move]   // of mounts, by migration ID
}

// New declares the records in the store of s.
func New(s *core.Server) *Backend {
	b := &Backend{}
	b.audits = state.Of[auditDevice](s.Store, "audit")
	b.barriers = state.Of[barrier](s.Store, "barrier")
	b.passwords = state.Of[string](s.Store, "passwordpolicy")
	b.moves = state.Of[move](s.Store, "move")
	return b
}
