package database

import (
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/settings"
)

// Load seeds a mount with its roles.
func (b *Backend) Load(s *core.Server, m *core.Mount, in settings.Mount) error {
	for _, role := range in.Roles {
		b.dynamics.Seed(m.UUID+"/"+role.Name, &dynamicRole{Database: "seeded", TTL: role.TTL, Max: role.MaxTTL})
	}
	return nil
}
