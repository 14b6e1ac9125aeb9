// Package ssh is the secrets engine ssh: one-time passwords and signed keys.
package ssh

import (
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
)

// Backend is what the engine ssh keeps.
type Backend struct {
	sshRoles *state.Collection[sshRole]
	sshOTPs  *state.Collection[sshOTP]
	sshCAs   *state.Collection[sshCA]
}

// New declares the records in the store of s.
func New(s *core.Server) *Backend {
	b := &Backend{}
	b.sshRoles = state.Of[sshRole](s.Store, "sshrole")
	b.sshOTPs = state.Of[sshOTP](s.Store, "sshotp")
	b.sshCAs = state.Of[sshCA](s.Store, "sshca")
	s.OfMounts = append(s.OfMounts, b.sshRoles, b.sshOTPs, b.sshCAs)
	return b
}
