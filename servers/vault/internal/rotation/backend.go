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
