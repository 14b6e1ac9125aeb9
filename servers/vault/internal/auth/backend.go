// Package auth is the auth methods userpass, ldap, approle and cert. The method token is
// the core's.
package auth

import (
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
)

// Backend is what the auth methods userpass, ldap, approle and cert keep.
type Backend struct {
	users       *state.Collection[authUser]
	groups      *state.Collection[authGroup]
	approles    *state.Collection[appRole]
	roleIDs     *state.Claims               // role ID → role name
	secretNames *state.Collection[string]   // accessor of a secret ID → its record
	secrets     *state.Collection[secretID] // secret IDs
	secretsOf   *state.Index[secretID]      // by the name of their role
}

// New declares the records in the store of s.
func New(s *core.Server) *Backend {
	b := &Backend{}
	b.users = state.Of[authUser](s.Store, "user")
	b.groups = state.Of[authGroup](s.Store, "group")
	b.approles = state.Of[appRole](s.Store, "approle")
	b.roleIDs = state.NewClaims(s.Store, "roleid", s.Clock, b.hasRoleID)
	b.secretNames = state.Of[string](s.Store, "secretname")
	b.secrets = state.Of[secretID](s.Store, "secretid")
	b.secretsOf = b.secrets.By(s.Store, "role", nil, func(v *secretID) []string { return []string{v.Role} })
	s.OfMounts = append(s.OfMounts, b.users, b.groups, b.approles, b.roleIDs, b.secretNames, b.secrets)
	return b
}
