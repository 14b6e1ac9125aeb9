// Package rotation is what the engines that manage passwords of the company's accounts
// share: static roles, and changes of a password that are decided in a record before the
// account is touched.
package rotation

import (
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
)

// Backend is what engines keep of the accounts whose passwords they rotate.
type Backend struct {
	Statics *state.Collection[StaticRole] // of ldap, ad and database
}

// New declares the records in the store of s.
func New(s *core.Server) *Backend {
	b := &Backend{}
	b.Statics = state.Of[StaticRole](s.Store, "static")
	s.OfMounts = append(s.OfMounts, b.Statics)
	return b
}
