// Package kv is the secrets engine kv in both versions, and cubbyhole, which is kv for one
// token alone.
package kv

import (
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
)

// Backend is what the engines kv and cubbyhole keep.
type Backend struct {
	kv1     *state.Collection[kvData]
	kv2     *state.Collection[kvSecret]
	kv2conf *state.Collection[kvConfig]
}

// New declares the records in the store of s.
func New(s *core.Server) *Backend {
	b := &Backend{}
	b.kv1 = state.Of[kvData](s.Store, "kv")
	b.kv2 = state.Of[kvSecret](s.Store, "kv2")
	b.kv2conf = state.Of[kvConfig](s.Store, "kv2config")
	s.OfMounts = append(s.OfMounts, b.kv1, b.kv2, b.kv2conf)
	return b
}
